"""From a specification to a model."""

from __future__ import annotations

from typing import Any

from earnest.errors import BadParameter, UnknownName, did_you_mean
from earnest.models.access import Model

FORMS = (
    "earnest/reference, scripted/<behaviour>, openai/<name>, gemini/<name>, <url>#<name>, "
    "transformers/<folder or hub id>, detector/<name>[:k=v], cascade/<recogniser>[+<text model>], python:<module>:<callable>"
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
        hint = did_you_mean(provider, models.names()) or ";"
        raise UnknownName(
            f"no model provider is called {provider!r}{hint} a model is written as one of {FORMS}"
        ) from error
    model: Model = make(rest, **options)
    return model


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
        raise BadParameter(f"a model is written as one of {FORMS}; got {spec!r}{_perhaps(spec)}")
    return provider, rest


def _perhaps(spec: str) -> str:
    """What is meant by a specification without a slash: `openai:gpt-audio`, a provider's name with another sign."""
    from earnest.models import models

    provider, colon, rest = spec.partition(":")
    if colon and rest and provider in models.names():
        return f"; did you mean '{provider}/{rest}'?"
    return did_you_mean(spec, [f"{name}/..." for name in models.names()]) if not colon else ""
