"""How long a run will still take, from what its calls took so far.

A call's time is taken to be a constant and a part in proportion to its audio, fitted to the calls that were made. Many
calls are under way at once, so what is left is divided by how many seconds of calls were got through in a second. Local
models are asked long clips first, and long recordings come last in a suite: a rate of items would be wrong by much.

What is got through is measured over the later half of the time, from one finished call to another: what a run needs before its
first answer (weights to be loaded, connections to be made) is no part of what each item takes, and attacked items go at another
rate than plain ones. Attacked items count with as many calls as their attack may make, until some have shown how many they do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

UNKNOWN_S = 3.0
"""Length of a clip whose length is not known."""
CALLS_OF_ATTACK = 20.0
"""Calls of an attacked item whose attack does not say how many it makes, before one is finished."""
_MOST_MARKS = 256
_LEAST_SHARE = 0.2
"""Of all calls that were made, what is got through is measured over at least so many: a few that end at once tell nothing."""
_OF_WAITING = 0.25
_AT_ONCE = 0.01
"""Answers of one batch come within so small a share of the time that passed: they are one mark."""


class Left(NamedTuple):
    """A job that is left: its attack, if any, the length of its audio in seconds, and how many calls it is expected to take."""

    attack: str
    duration_s: float | None
    n_calls: float | None = None

    @property
    def expected(self) -> float:
        """Calls, as far as is known."""
        return self.n_calls if self.n_calls is not None else CALLS_OF_ATTACK if self.attack else 1.0

    @property
    def length_s(self) -> float:
        """Seconds of audio, as far as is known."""
        return UNKNOWN_S if self.duration_s is None else self.duration_s


@dataclass
class _Sums:
    n: float = 0.0
    d: float = 0.0
    dd: float = 0.0
    t: float = 0.0
    td: float = 0.0


class _Mark(NamedTuple):
    """How many calls, and seconds of audio in them, were done when so much time had passed."""

    passed_s: float
    n: float
    d: float


@dataclass
class Pace:
    """Sums over finished calls, and what is left.

    Parameters
    ----------
    left : iterable of Left
        Every job that is left.
    """

    left: Iterable[Left]
    _left: dict[str, list[float]] = field(default_factory=dict, init=False)
    _done: _Sums = field(default_factory=_Sums, init=False)
    _searched: dict[str, list[float]] = field(default_factory=dict, init=False)
    _marks: deque[_Mark] = field(default_factory=lambda: deque[_Mark](), init=False)

    def __post_init__(self) -> None:
        for job in self.left:
            self._move(job, +1)

    def _move(self, job: Left, sign: int) -> None:
        left = self._left.setdefault(job.attack, [0.0, 0.0])
        left[0] += sign * job.expected
        left[1] += sign * job.expected * job.length_s

    def finished(self, job: Left, *, call_s: float, passed_s: float, n_calls: float = 1.0) -> None:
        """Take in a finished job: the time of one call, how many calls it took, and what had passed of the run by then."""
        self._move(job, -1)
        done, d = self._done, job.length_s
        done.n, done.d, done.dd = done.n + n_calls, done.d + n_calls * d, done.dd + n_calls * d * d
        done.t, done.td = done.t + n_calls * call_s, done.td + n_calls * call_s * d
        if job.attack:
            searched = self._searched.setdefault(job.attack, [0.0, 0.0])
            searched[0] += job.expected
            searched[1] += n_calls
        if self._marks and passed_s - self._marks[-1].passed_s < _AT_ONCE * passed_s:
            passed_s = self._marks.pop().passed_s
        self._marks.append(_Mark(passed_s, done.n, done.d))
        if len(self._marks) > _MOST_MARKS:
            self._marks = deque([*self._marks][::2])

    def eta_s(self, passed_s: float) -> float | None:
        """Seconds left after so many; None before anything was finished.

        While nothing comes, it falls by what passes, as long as that is what was to be expected; then it rises.
        """
        if not self._marks:
            return None
        constant, slope = self._fitted()
        through = self._through(constant, slope)
        shares = {attack: n_calls / expected for attack, (expected, n_calls) in self._searched.items()}
        left = sum(shares.get(attack, 1.0) * (constant * n + slope * d) for attack, (n, d) in self._left.items())
        if left <= 0 or through <= 0:
            return 0.0
        waited_s = max(0.0, passed_s - self._marks[-1].passed_s)
        return max(left / through - waited_s, _OF_WAITING * waited_s)

    def _through(self, constant: float, slope: float) -> float:
        """Seconds of calls that are got through in a second; of the first ones, which all end at about one time, since the start."""
        first, last = self._marks[0], self._marks[-1]
        if len(self._marks) < 3 or last.passed_s - first.passed_s < 2 * self._done.t / self._done.n:
            return (constant * last.n + slope * last.d) / max(1e-9, last.passed_s)
        middle_s = first.passed_s + (last.passed_s - first.passed_s) / 2
        enough = (
            mark for mark in self._marks if mark.passed_s <= middle_s and last.n - mark.n >= _LEAST_SHARE * last.n
        )
        since = max(enough, default=first)
        return (constant * (last.n - since.n) + slope * (last.d - since.d)) / (last.passed_s - since.passed_s)

    def _fitted(self) -> tuple[float, float]:
        """Seconds of a call, and seconds a second of its audio; neither below 0. Calls that take no time count alike."""
        done = self._done
        if done.t <= 0:
            return 1.0, 0.0
        spread = done.dd - done.d * done.d / done.n
        slope = (done.td - done.t * done.d / done.n) / spread if spread > 1e-9 * max(1.0, done.dd) else 0.0
        constant = (done.t - slope * done.d) / done.n
        if slope < 0:
            return done.t / done.n, 0.0
        if constant < 0:
            return 0.0, done.t / done.d
        return constant, slope
