"""Models: what is asked, and what each grants.

A model is written as a specification: `earnest/reference`, `scripted/always_refuse`, `openai/<name>`,
`gemini/<name>`, `<url>#<name>`, `transformers/<folder or hub id>`, `cascade/<recogniser>[+<text model>]`,
`detector/<name>[:k=v,...]`, `python:<module>:<callable>`. `load_model` turns it into a `Model`.
"""

from earnest.models.access import Access, Answer, Failure, Model, Sampling, System
from earnest.models.edits import Edit
from earnest.registry import Registry

models = Registry("models", nested=False)
"""Providers by the word before the first slash or colon of a specification; `url` for addresses."""

from earnest.models.loading import load_model  # noqa: E402  (needs the registry above)

__all__ = ["Access", "Answer", "Edit", "Failure", "Model", "Sampling", "System", "load_model", "models"]
