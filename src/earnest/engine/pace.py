"""How long a run will still take, from what its calls took so far.

A call's time is taken to be a constant and a part in proportion to its audio, fitted to the calls that were made. Many
calls are under way at once, so what is left is divided by how many seconds of calls were got through in a second. Local
models are asked long clips first, and long recordings come last in a suite: a rate of items would be wrong by much.
Attacked items count with as many calls as attacked ones took so far.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

UNKNOWN_S = 3.0
"""Length of a clip whose length is not known."""
CALLS_OF_ATTACK = 20.0
"""Calls of an attacked item, before one is finished."""


@dataclass
class _Sums:
    n: float = 0.0
    d: float = 0.0
    dd: float = 0.0
    t: float = 0.0
    td: float = 0.0


@dataclass
class Pace:
    """Sums over finished calls, and what is left.

    Parameters
    ----------
    left : iterable of (bool, float or None)
        Of each job that is left, whether it is attacked, and the length of its audio in seconds.
    """

    left: Iterable[tuple[bool, float | None]]
    _left: dict[bool, list[float]] = field(init=False)
    _done: _Sums = field(default_factory=_Sums, init=False)
    _attacked: list[float] = field(default_factory=lambda: [0.0, 0.0], init=False)

    def __post_init__(self) -> None:
        self._left = {attacked: [0.0, 0.0] for attacked in (False, True)}
        for attacked, duration_s in self.left:
            self._move(attacked, duration_s, +1)

    def _move(self, attacked: bool, duration_s: float | None, sign: int) -> None:
        self._left[attacked][0] += sign
        self._left[attacked][1] += sign * (UNKNOWN_S if duration_s is None else duration_s)

    def finished(self, *, attacked: bool, duration_s: float | None, call_s: float, n_calls: float = 1.0) -> None:
        """Take in a finished job: the length of its audio, the time of one call, and how many calls it took."""
        self._move(attacked, duration_s, -1)
        d = UNKNOWN_S if duration_s is None else duration_s
        done = self._done
        done.n, done.d, done.dd = done.n + n_calls, done.d + n_calls * d, done.dd + n_calls * d * d
        done.t, done.td = done.t + n_calls * call_s, done.td + n_calls * call_s * d
        if attacked:
            self._attacked[0] += 1
            self._attacked[1] += n_calls

    def eta_s(self, passed_s: float) -> float | None:
        """Seconds left after so many; None before anything was finished."""
        done = self._done
        if not done.n or passed_s <= 0:
            return None
        constant, slope = self._fitted()
        through = (constant * done.n + slope * done.d) / passed_s
        n_each = self._attacked[1] / self._attacked[0] if self._attacked[0] else CALLS_OF_ATTACK
        left = sum(
            n_calls * (constant * n + slope * d)
            for n_calls, (n, d) in ((1.0, self._left[False]), (n_each, self._left[True]))
        )
        return max(0.0, left) / through if through > 0 else None

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
