"""The errors that earnest raises, as one tree.

Each class also derives from the built-in that fits, so `except ValueError` still works. A message has three parts:
what was expected, what came, what to do.

    EarnestError
    ├── BadParameter        (ValueError)          an argument or option is out of its range or of the wrong form
    │   └── UnknownName     (LookupError)         nothing of that kind is registered under that name
    ├── BadAudio            (ValueError)          audio that cannot be read or used
    ├── BadData             (ValueError)          a manifest, suite or journal that cannot be used; all its faults
    ├── MissingExtra        (ImportError)         an optional dependency is not installed
    ├── MissingKey          (KeyError)            an environment variable with a credential is not set
    ├── AccessDenied        (PermissionError)     a method needs more of a model than it grants
    ├── QueriesSpent        (RuntimeError)        an attack would ask more about a stimulus than it says that it may
    ├── LimitReached        (RuntimeError)        a search is at the end of what a user lets it spend
    ├── PlanMismatch        (RuntimeError)        a run folder holds another plan
    ├── WrongGradients      (ArithmeticError)     gradients of single examples that an engine computes wrongly
    ├── StorageFailed       (OSError)             results could not be written (a full disk, say)
    ├── MachineFailed       (OSError)             this machine ran out of open files, memory or disk
    ├── RunStopped          (RuntimeError)        a run cannot go on, or is not whole; it can be resumed
    └── ModelFailed         (RuntimeError)        a model call gave no answer; `reason` says why
        ├── AudioRefused                          the endpoint does not take audio
        ├── HistoryRefused                        the model does not take these earlier turns, or none at all
        └── TextRefused                           the endpoint takes no request without audio
"""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

FailureReason = Literal[
    "attack_failed",
    "audio_format",
    "audio_refused",
    "bad_audio",
    "bad_response",
    "cancelled",
    "connection",
    "empty_answer",
    "field_refused",
    "history_refused",
    "http_4xx",
    "http_5xx",
    "model_error",
    "over_budget",
    "quota",
    "rate_limited",
    "text_refused",
    "timeout",
    "too_long",
    "too_many_clips",
    "too_short",
]
"""Why a model call gave no answer, or (`attack_failed`) why none was made."""


class EarnestError(Exception):
    """Base of every error that earnest raises on purpose."""

    def __str__(self) -> str:  # KeyError would print the repr of its argument
        return str(self.args[0]) if self.args else ""


class BadParameter(EarnestError, ValueError):
    """An argument or option is out of its range or of the wrong form."""


class UnknownName(BadParameter, LookupError):
    """Nothing of that kind is registered under that name."""


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """`; did you mean 'pgd'?` where one of the known names is near; empty where none is.

    >>> did_you_mean("saftey", ["fairness", "safety"])
    "; did you mean 'safety'?"
    """
    by_plain = {_plain(one): one for one in names}
    near = difflib.get_close_matches(_plain(name), by_plain, n=1)
    return f"; did you mean {by_plain[near[0]]!r}?" if near else ""


def _plain(name: str) -> str:
    """A name without case, and with one sign for hyphen, underscore and blank."""
    return name.strip().lower().replace("-", "_").replace(" ", "_")


class BadAudio(EarnestError, ValueError):
    """Audio that cannot be read or used."""


class BadData(EarnestError, ValueError):
    """A manifest, suite or journal cannot be used.

    Parameters
    ----------
    summary : str
        One line: which file, and what to do.
    faults : sequence of str
        Every fault found, each with its place.
    """

    def __init__(self, summary: str, faults: Sequence[str] = ()) -> None:
        self.summary, self.faults = summary, tuple(faults)
        shown = [f"  - {fault}" for fault in self.faults[:20]]
        if len(self.faults) > 20:
            shown.append(f"  - and {len(self.faults) - 20} more")
        super().__init__("\n".join([summary, *shown]))


class MissingExtra(EarnestError, ImportError):
    """An optional dependency is not installed."""


class MissingKey(EarnestError, KeyError):
    """An environment variable with a credential is not set."""


class AccessDenied(EarnestError, PermissionError):
    """A method needs more of a model (gradients, say) than the model grants."""


class QueriesSpent(EarnestError, RuntimeError):
    """An attack would ask more about a stimulus than it says that it may; nothing more was asked."""


class LimitReached(EarnestError, RuntimeError):
    """A search is at the end of what a user lets it spend on a stimulus; nothing more was asked.

    Parameters
    ----------
    name : {"queries", "seconds", "usd"}
    limit : float
    """

    def __init__(self, name: str, limit: float) -> None:
        super().__init__(f"a search may spend {limit:g} {name} on a stimulus, and has; raise the limit to search on")
        self.name, self.limit = name, limit


class PlanMismatch(EarnestError, RuntimeError):
    """A run folder holds the results of another plan."""


class WrongGradients(EarnestError, ArithmeticError):
    """Gradients of single examples differ from those of a plain loop, so that clipping them would protect nobody."""


class StorageFailed(EarnestError, OSError):
    """Results could not be written."""


class MachineFailed(EarnestError, OSError):
    """This machine ran out of something: open files, memory or disk. It says nothing of the item at hand."""


class RunStopped(EarnestError, RuntimeError):
    """A run cannot go on, or ended without all of its items; what was finished is kept, and it can be resumed."""


EndsRun = Literal["no", "unless_answered", "yes"]
"""Whether a call that failed ends the run: not at all, unless the model has answered another call, or always."""


class ModelFailed(EarnestError, RuntimeError):
    """A model call gave no answer.

    Parameters
    ----------
    message : str
        What happened, for a person.
    reason : str
        The code under which the item is counted as unscored.
    retryable : bool
        Whether the same call may succeed later.
    retry_after_s : float or None
        Seconds that the endpoint asked to wait.
    most_attempts : int or None
        After so many calls with this outcome a further one is not worth its price; None leaves it to the engine.
    usage : mapping or None
        What the call used all the same, as in `earnest.models.Answer`: an unusable reply is billed too.
    ends_run : {"no", "unless_answered", "yes"}
        Whether every other call would fail alike: always (a key that is refused), or unless the model has answered
        another one (a name that is not known, a connection that is refused).
    """

    def __init__(
        self,
        message: str,
        *,
        reason: FailureReason = "model_error",
        retryable: bool = False,
        retry_after_s: float | None = None,
        most_attempts: int | None = None,
        usage: Mapping[str, float] | None = None,
        ends_run: EndsRun = "no",
    ) -> None:
        super().__init__(message)
        self.reason, self.retryable, self.retry_after_s = reason, retryable, retry_after_s
        self.most_attempts, self.usage, self.ends_run = most_attempts, dict(usage or {}), ends_run


class AudioRefused(ModelFailed):
    """The endpoint does not take audio, or not in this form."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason="audio_refused", ends_run="unless_answered")


class HistoryRefused(ModelFailed):
    """The model does not take earlier turns, or not these."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason="history_refused")


class TextRefused(ModelFailed):
    """The endpoint takes no request without audio."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason="text_refused")


_SPENT = {
    errno.EMFILE: "this process has too many files open; raise the limit (`ulimit -n`) or lower max_connections",
    errno.ENFILE: "this machine has too many files open; close some programs",
    errno.ENOMEM: "this machine has too little memory; close some programs, or lower max_connections or batch_size",
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
}
_MEMORY = _SPENT[errno.ENOMEM]


def machine_failed(error: BaseException) -> MachineFailed | None:
    """The fault of this machine that `error`, or what it was raised from, stands for; None where it is no such fault."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, MachineFailed):
            return cause
        says = _MEMORY if isinstance(cause, MemoryError) else _SPENT.get(getattr(cause, "errno", None) or 0)
        if says is not None and isinstance(cause, (OSError, MemoryError)):
            return MachineFailed(f"{says}; then run the same command again to resume (got: {cause!r})")
        cause = cause.__cause__ or cause.__context__
    return None
