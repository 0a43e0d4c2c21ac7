"""Failed calls in a row: so many of them tell of who is asked and no longer of what was asked, and stop a run."""

from __future__ import annotations

import math

from earnest.engine.journal import CALL_FAILED
from earnest.engine.judge_replies import Judgement
from earnest.errors import RunStopped
from earnest.results.reasons import counted_reasons


class FailureRow:
    """The calls to one model or judge that failed since it last replied.

    Parameters
    ----------
    who : str
        What stands before the reasons in the message.
    n_stop : int or None
        So many end the run; None: no number does.
    """

    def __init__(self, who: str, n_stop: int | None) -> None:
        self.who, self._n_stop = who, n_stop or math.inf
        self._calls: list[tuple[str, str]] = []

    def replied(self) -> None:
        """A call was replied to, whatever the reply is worth."""
        self._calls.clear()

    def failed(self, reason: str, detail: str) -> None:
        """A call was given up; one whose reason tells nothing of who was asked does not count."""
        if reason in CALL_FAILED:
            self._calls.append((reason, detail))

    def judged(self, judgement: Judgement) -> None:
        """A judge was asked, and this is what came of it."""
        if judgement.failure is None:
            self.replied()
        else:
            self.failed(*judgement.failure)

    def check(self, *, done: str) -> None:
        """See that there may be further calls.

        Parameters
        ----------
        done : str
            How much is done and kept, for the message.

        Raises
        ------
        RunStopped
            If so many in a row failed.
        """
        if len(self._calls) < self._n_stop:
            return
        why = "; ".join(map(str, counted_reasons(self._calls)))
        raise RunStopped(
            f"{len(self._calls)} calls in a row gave no answer, so nothing more was asked of {self.who}: {why}. "
            f"{done} are done and kept; the same command resumes the run and asks these again (--max-failures says "
            "after how many)"
        )
