"""Options of a model, as they are written on the command line and in a project's file: KEY=VALUE.

    header.NAME=VALUE, query.NAME=VALUE     sent with every request; env:VARIABLE takes a value from the environment
    field.NAME=VALUE                        a field of the request; none leaves it out
    temperature=none, seed=none, top_p=0.9  fields that are often set, in short
    key_header=api-key, stream=true, ...    parameters of the model's class

A value is JSON where it can be, else the text itself. What a provider knows is asked of its class, so that a new
parameter needs no entry here. A cascade's options go to its text model, and those behind `recogniser.` to the first half.
"""

from __future__ import annotations

import difflib
import inspect
import json
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from earnest.errors import BadParameter, UnknownName
from earnest.models.loading import parted

REQUEST_FIELDS = frozenset(
    "temperature top_p top_k min_p seed max_tokens max_completion_tokens reasoning_effort reasoning modalities response_format "
    "stream_options frequency_penalty presence_penalty repetition_penalty stop user store metadata service_tier thinking "
    "enable_thinking chat_template_kwargs provider drop_params".split()
)
"""Fields of chat completions that may be set by their own name; any other one is written field.NAME."""

_GROUPS = {"header": "headers", "query": "query", "field": "extra"}
_OWN = frozenset({"self", "name", "rest", "model", "base_url", "key", "weights"})
"""Parameters of classes that a specification fills, or that change what is asked for."""
_SHORT = {"timeout": "timeout_s", "connect_timeout": "connect_timeout_s"}
_SPEED = frozenset({"timeout_s", "connect_timeout_s", "batch_size", "device"})
"""Parameters that move no answer, so that no plan depends on them."""

Given = Sequence[str] | Mapping[str, Any]


def options_of(spec: str, given: Given) -> dict[str, Any]:
    """The keyword arguments of `load_model` for options that a user wrote.

    Parameters
    ----------
    spec : str
        Specification of the model.
    given : sequence of str, or mapping
        `KEY=VALUE`, or values by key.

    Raises
    ------
    BadParameter
        If one has another form, is given twice, or is none of that model's; the message says which there are.
    """
    pairs = dict(_pairs(given))
    if not pairs:
        return {}
    provider, rest = parted(spec)
    if provider == "cascade":
        return _of_cascade(rest, pairs)
    known = _options_of(provider)
    options: dict[str, Any] = {}
    for key, value in pairs.items():
        group, name = _place(key, spec, known)
        if group is None:
            options[name] = value
        else:
            options.setdefault(group, {})[name] = value
    _check(options, spec)
    return options


def written(given: Given) -> dict[str, str]:
    """The options as a plan holds them: those that may move an answer, as text."""
    pairs = {key: value for key, value in _pairs(given) if _SHORT.get(key, key).replace("-", "_") not in _SPEED}
    return {
        key: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for key, value in sorted(pairs.items())
    }


def _pairs(given: Given) -> Iterable[tuple[str, Any]]:
    if isinstance(given, Mapping):
        yield from given.items()
        return
    seen = set()
    for text in given:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals or not key:
            raise BadParameter(f"an option of a model is written KEY=VALUE, got {text!r}; write stream=true, say")
        if key in seen:
            raise BadParameter(f"an option is given once, got {key!r} twice; leave one of them out")
        seen.add(key)
        yield key, value.strip() if key.startswith(("header.", "query.")) else _value(value.strip())


def _value(text: str) -> Any:
    if text.lower() in ("none", "null"):
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return json.loads(text)
    except ValueError:
        return text


def _of_cascade(rest: str, pairs: Mapping[str, Any]) -> dict[str, Any]:
    """Options of both halves: the text model's, and the recogniser's behind its own word."""
    first, plus, second = rest.partition("+")
    heard = {key.partition(".")[2]: value for key, value in pairs.items() if key.startswith("recogniser.")}
    said = {key: value for key, value in pairs.items() if not key.startswith("recogniser.")}
    if said and not plus:
        raise BadParameter(
            f"a cascade of a recogniser alone has no text model, got {', '.join(said)}; write recogniser.KEY=VALUE"
        )
    try:
        of_first = options_of(first, heard)
    except UnknownName:  # a recogniser of its own kind, whose options are its class's
        of_first = heard
    return {"recogniser_options": of_first, "text_options": options_of(second, said) if plus else {}}


def _options_of(provider: str) -> frozenset[str] | None:
    """The options of a provider; None where it takes whatever it is given."""
    from earnest.models import models  # the registry is filled by the providers' files

    make = models.get(provider)
    parameters = inspect.signature(make).parameters.values()
    if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return frozenset(p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY) - _OWN
    made = typing.get_type_hints(make).get("return")
    if not isinstance(made, type) or inspect.isabstract(made) or "__init__" not in vars(made):
        return None
    taken = inspect.signature(made.__init__).parameters.values()
    return frozenset(p.name for p in taken if p.kind is inspect.Parameter.KEYWORD_ONLY) - _OWN


def _place(key: str, spec: str, options: frozenset[str] | None) -> tuple[str | None, str]:
    """The mapping that an option belongs into, None for a parameter of the class, and its name there."""
    group, dot, name = key.partition(".")
    plain = _SHORT.get(key, key).replace("-", "_")
    if options is None:
        return None, plain
    groups = {word: target for word, target in _GROUPS.items() if target in options}
    if "generation" in options:
        groups["field"] = "generation"
    if dot and group in groups and name:
        return groups[group], name
    if plain in options and plain not in {*groups.values()}:
        return None, plain
    if "extra" in options and plain in REQUEST_FIELDS:
        return "extra", plain
    raise BadParameter(_unknown(key, spec, options, groups))


def _unknown(key: str, spec: str, options: frozenset[str], groups: Mapping[str, str]) -> str:
    named = sorted({*options} - {*groups.values()})
    near = difflib.get_close_matches(key, [*named, *(REQUEST_FIELDS if "extra" in options else ())], n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    there = [*named, *(f"{word}.NAME" for word in groups)]
    if not there:
        return f"{spec!r} has no options, got {key!r}; leave it out"
    field = f"; a field of the request is written field.{key}=VALUE" if "field" in groups else ""
    return f"{spec!r} has no option {key!r}{meant}; it has {', '.join(there)}{field}"


def _check(options: Mapping[str, Any], spec: str) -> None:
    """Refuse values that no provider can take, before its class trips over them."""
    fields = options.get("extra", {})
    for limit in ("max_tokens", "max_completion_tokens"):
        if fields.get(limit) is not None:
            raise BadParameter(
                f"the longest answer is set with --max-tokens, got {limit}={fields[limit]!r} for {spec!r}; what the endpoint "
                f"calls it is limit_field={limit}, and {limit}=none leaves it out"
            )
    for key, value in options.items():
        if value is None and key not in ("extra", "sample_rate"):
            raise BadParameter(f"{key} must have a value, got none; only fields of the request can be left out by none")
        if key in ("key_header", "key_variable", "limit_field") and not isinstance(value, str):
            raise BadParameter(f"{key} must be a name, got {value!r}; write {key}=NAME")
