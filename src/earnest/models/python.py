"""A user's own model: `python:<module>:<callable>`, importable from the current folder.

    def answer(clip, prompt): ...                    # my_model.py; `python:my_model:answer`

The callable, plain or async, is given an `AudioClip` (None where there is no audio; clips joined with half a second of
silence where there are several) and the prompt, in this order. It returns a text, an `AudioClip`, both as a pair, an `Answer` or a
`Failure`. By the names of its parameters it may ask for more:

    clips            every clip by role, instead of `clip`
    system_prompt    else the system prompt is put before the prompt
    sampling         temperature, longest answer, seed
    history          the earlier turns, a tuple of `earnest.audio.Turn`, oldest first

One without `history` takes no earlier turns, and fails with `history_refused` where there are some. One that takes
`prompt` and no clip is a text model, fit to judge; asked with audio it fails with `audio_refused`. One that needs audio
says `takes_text_alone = False`, as an attribute, and is not asked in writing.

A class is built once, with the options given to `load_model`, and its instance called. An object may say `batch_size`
and have a method `batch(clips, prompts)` that returns a list of answers; with a parameter `histories` it takes the
earlier turns of each. What the callable raises becomes a failure `model_error` of that item.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import inspect
import os
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from earnest.audio import AudioClip, Stimulus
from earnest.errors import BadParameter, ModelFailed, machine_failed
from earnest.models import models
from earnest.models.access import Answer, Failure, Model, Reply, Sampling, may_pass

T = TypeVar("T")


class PythonModel(Model):
    """A model that is a Python callable.

    Parameters
    ----------
    name : str
        Its specification.
    function : callable
    fingerprint : str
        Changes with its source.
    """

    def __init__(self, name: str, function: Callable[..., Any], *, fingerprint: str = "") -> None:
        self.name, self.fingerprint, self._function = name, fingerprint, function
        self._wanted = _parameters(function, name)
        self._is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004  (an instance with an async __call__)
        )
        self._batch = getattr(function, "batch", None)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.takes_history = "history" in self._wanted if self._batch is None else _takes_histories(self._batch)
        self.takes_text_alone = bool(getattr(function, "takes_text_alone", True))
        self.batch_size = None if self._is_async else int(getattr(function, "batch_size", 32 if self._batch else 1))

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        """A reply to each stimulus; what the callable raises is a failure of that item."""
        if self._is_async:
            return super().ask(stimuli, sampling=sampling)
        if self._batch is not None:
            return self._batched(stimuli)
        return [self._called(stimulus, sampling) for stimulus in stimuli]

    async def ask_one(self, stimulus: Stimulus, *, sampling: Sampling = Sampling()) -> Answer:  # noqa: B008
        """The answer to one stimulus; see `Model.ask_one`."""
        if not self._is_async:
            return await super().ask_one(stimulus, sampling=sampling)
        begun = time.perf_counter()
        deaf = self._deaf_to(stimulus)
        if deaf is not None:
            raise ModelFailed(deaf.detail, reason=deaf.reason)
        try:
            returned = await self._on_own_loop(self._function(**self._arguments(stimulus, sampling)))
        except asyncio.CancelledError:
            raise
        except ModelFailed:
            raise
        except Exception as error:  # noqa: BLE001  the user's code may raise anything
            if fault := machine_failed(error):
                raise fault from error
            raise ModelFailed(self._fault_words(error), retryable=may_pass(error)) from error
        reply = self._reply(returned, _ms_since(begun))
        if isinstance(reply, Failure):
            raise ModelFailed(reply.detail or reply.reason, reason=reply.reason, retryable=reply.passing)
        return reply

    async def _on_own_loop(self, call: Coroutine[Any, Any, T]) -> T:
        """What the user's coroutine returns; it runs on a loop in a thread of its own, so that code in it that blocks
        keeps nobody from giving up on it, nor from stopping."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, name="earnest-python", daemon=True).start()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_kept_in(call), self._loop))

    def _deaf_to(self, stimulus: Stimulus) -> Failure | None:
        """The failure of a text model that is given audio, now or in an earlier turn."""
        if not stimulus.has_audio or {"clip", "clips"} & set(self._wanted):
            return None
        return Failure(
            reason="audio_refused",
            detail=f"{self.name!r} takes a prompt alone, and was given audio; let it take (clip, prompt)",
        )

    def _called(self, stimulus: Stimulus, sampling: Sampling) -> Reply:
        begun = time.perf_counter()
        deaf = self._deaf_to(stimulus)
        if deaf is not None:
            return deaf
        try:
            returned = self._function(**self._arguments(stimulus, sampling))
            return self._reply(returned, _ms_since(begun))
        except ModelFailed as error:
            return Failure.of(error)
        except Exception as error:  # noqa: BLE001  the user's code may raise anything
            if fault := machine_failed(error):
                raise fault from error
            return Failure(reason="model_error", detail=self._fault_words(error), passing=may_pass(error))

    def _batched(self, stimuli: Sequence[Stimulus]) -> list[Reply]:
        begun = time.perf_counter()
        histories = {"histories": [stimulus.history for stimulus in stimuli]} if self.takes_history else {}
        try:
            returned = list(
                self._batch([_one_clip(stimulus) for stimulus in stimuli], [_prompt(s) for s in stimuli], **histories)
            )
        except Exception as error:  # noqa: BLE001  the user's code may raise anything
            if fault := machine_failed(error):
                raise fault from error
            return [
                Failure(reason="model_error", detail=self._fault_words(error), passing=may_pass(error)) for _ in stimuli
            ]
        if len(returned) != len(stimuli):
            detail = f"batch of {self.name!r} must return {len(stimuli)} answers, got {len(returned)}"
            return [Failure(reason="bad_response", detail=detail) for _ in stimuli]
        share_ms = _ms_since(begun) / max(1, len(returned))
        return [self._reply(answer, share_ms) for answer in returned]

    def _arguments(self, stimulus: Stimulus, sampling: Sampling) -> dict[str, Any]:
        has_system = "system_prompt" in self._wanted
        filled = {
            "clip": lambda: _one_clip(stimulus),
            "clips": lambda: stimulus.clips,
            "prompt": lambda: stimulus.prompt if has_system else _prompt(stimulus),
            "system_prompt": lambda: stimulus.system_prompt,
            "sampling": lambda: sampling,
            "history": lambda: stimulus.history,
        }
        return {parameter: filled[what]() for what, parameter in self._wanted.items()}

    def _reply(self, returned: Any, duration_ms: float) -> Reply:
        if isinstance(returned, Failure):
            return returned
        if isinstance(returned, Answer):
            return returned if returned.duration_ms else replace(returned, duration_ms=duration_ms)
        if isinstance(returned, str):
            return Answer(text=returned, duration_ms=duration_ms)
        if isinstance(returned, AudioClip):
            return Answer(text="", clip=returned, duration_ms=duration_ms)
        if isinstance(returned, tuple) and [type(part) for part in returned] == [str, AudioClip]:
            return Answer(text=returned[0], clip=returned[1], duration_ms=duration_ms)
        detail = (
            f"{self.name!r} must return a text, an AudioClip, both as a pair, or an Answer, got "
            f"{type(returned).__name__}; return the model's words as str"
        )
        return Failure(reason="bad_response", detail=detail)

    def _fault_words(self, error: Exception) -> str:
        return f"{self.name!r} raised {type(error).__name__}: {error}; mend it, or catch it and return a Failure"


async def _kept_in(call: Coroutine[Any, Any, T]) -> T:
    try:
        return await call
    except (SystemExit, KeyboardInterrupt) as error:  # would end the loop, and all other calls with it
        raise RuntimeError(f"it raised {type(error).__name__}({error}), which ends a program") from error


def _ms_since(begun: float) -> float:
    return 1e3 * (time.perf_counter() - begun)


_OFFERED = ("clip", "clips", "prompt", "system_prompt", "sampling", "history")
"""What a callable is given by the names of its parameters."""


def _takes_histories(batch: Callable[..., Any]) -> bool:
    return "histories" in inspect.signature(batch).parameters


def _parameters(function: Callable[..., Any], name: str) -> dict[str, str]:
    """What earnest fills of a callable's parameters, as kind to name; the first two may have names of their own."""
    if not callable(function):
        raise BadParameter(f"{name!r} must name a function or a class, got {type(function).__name__}")
    parameters = inspect.signature(function).parameters
    wanted = {key: key for key in _OFFERED if key in parameters}
    free = [key for key, entry in parameters.items() if key not in wanted and entry.default is entry.empty]
    text_only = "prompt" in wanted and not free
    if not {"clip", "clips"} & set(wanted) and free:
        wanted["clip"] = free.pop(0)
    if "prompt" not in wanted and free:
        wanted["prompt"] = free.pop(0)
    by_position = any(parameters[key].kind is inspect.Parameter.POSITIONAL_ONLY for key in wanted.values())
    hears = text_only or {"clip", "clips"} & set(wanted)
    if free or "prompt" not in wanted or not hears or by_position:
        raise BadParameter(
            f"{name!r} must take (clip, prompt), (clips, prompt) or, to judge, prompt alone, and may take "
            f"system_prompt, sampling and history, got ({', '.join(parameters)}); change its parameters"
        )
    return wanted


def _one_clip(stimulus: Stimulus) -> AudioClip | None:
    if len(stimulus.clips) > 1:
        return stimulus.joined()
    return next(iter(stimulus.clips.values()), None)


def _prompt(stimulus: Stimulus) -> str:
    if stimulus.system_prompt is None:
        return stimulus.prompt
    return f"{stimulus.system_prompt}\n\n{stimulus.prompt}"


def imported(module: str, spec: str) -> ModuleType:
    """The module, looked for in the current folder too, as `python -m` does, but after everything installed."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        return importlib.import_module(module)
    except (ImportError, TypeError, ValueError) as error:  # a relative name is a TypeError, an empty one a ValueError
        raise BadParameter(
            f"{spec!r} must name an importable module, but importing {module!r} gave: {error}; "
            "run from the folder that holds it, or install it"
        ) from error


def _source_hash(module: ModuleType, spec: str) -> str:
    path = getattr(module, "__file__", None)
    source = Path(path).read_bytes() if path and Path(path).is_file() else b""
    return hashlib.sha256(spec.encode() + b"\n" + source).hexdigest()[:16]


@models.register("python")
def python(rest: str, **options: Any) -> Model:
    """The model that `<module>:<callable>` names; options go to it where it is a class.

    Raises
    ------
    BadParameter
        If there is no such module or callable, or its parameters are others.
    """
    spec = f"python:{rest}"
    module_name, colon, attribute = rest.partition(":")
    if not (module_name and colon and attribute):
        raise BadParameter(f"a model in Python is written python:<module>:<callable>, got {spec!r}")
    module = imported(module_name, spec)
    found: Any = module
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise BadParameter(f"module {module_name!r} has no {attribute!r}; check the name in {spec!r}")
    if isinstance(found, type):
        found = found(**options)
    elif options:
        raise BadParameter(f"{spec!r} is a function and takes no options, got {', '.join(options)}; make it a class")
    if isinstance(found, Model):
        found.name = spec
        return found
    return PythonModel(spec, found, fingerprint=_source_hash(module, spec))
