"""From a specification to a model."""

from __future__ import annotations

from typing import Any

from earnest.errors import BadParameter, UnknownName
from earnest.models.access import Model

FORMS = (
    "earnest/reference, scripted/<behaviour>, openai/<name>, gemini/<name>, <url>#<name>, "
    "transformers/<folder or hub id>, cascade/<recogniser>[+<text model>], python:<module>:<callable>"
)
"""How a model may be written."""


def load_model(spec: str, **options: Any) -> Model:
    """The model that `spec` names, ready to be asked.

    Parameters
    ----------
    spec : str
        One of the forms in `FORMS`.
    **options
        Passed to the provider: `timeout_s`, `batch_size`, ... those that it knows.

    Raises
    ------
    BadParameter
        If the specification has none of the forms.
    MissingKey, MissingExtra
        If a credential or an optional dependency is missing.
    """
    from earnest.models import models  # the registry is filled by the providers' files

    provider, rest = parted(spec)
    try:
        make = models.get(provider)
    except UnknownName as error:
        raise UnknownName(f"no model provider is called {provider!r}; a model is written as one of {FORMS}") from error
    return make(rest, **options)


def parted(spec: str) -> tuple[str, str]:
    """The provider that a specification names, and what it makes of the rest.

    Raises
    ------
    BadParameter
        If the specification has none of the forms.
    """
    if spec.startswith(("http://", "https://")):
        return "url", spec
    if spec.startswith("python:"):
        return "python", spec.removeprefix("python:")
    provider, slash, rest = spec.partition("/")
    if not slash or not rest:
        raise BadParameter(f"a model is written as one of {FORMS}; got {spec!r}")
    return provider, rest
