"""What a search may spend on a stimulus, beyond what the attack says of itself: queries, seconds, money."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from earnest.errors import BadParameter, LimitReached

Log = Callable[[Mapping[str, Any]], None]
"""What is told of each question as it is answered; safe to call from many threads."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the search of an attack may spend on each stimulus, and that of its control as much; None: anything.

    A search that reaches a limit ends there, and the best that it had is verified, as the best of any search is. Nothing is
    asked beyond a limit: a round of questions that would go over it is not begun.

    Parameters
    ----------
    queries : int or None
        Answers and scores; gradients are not among them.
    seconds : float or None
        Of searching, times the stimuli that are searched at once. What is found then depends on the machine.
    usd : float or None
        Paid for answers; those of a call that crosses it are paid.

    Raises
    ------
    BadParameter
        If a limit is not above 0.
    """

    queries: int | None = None
    seconds: float | None = None
    usd: float | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and not value > 0:
                raise BadParameter(f"a limit of {name} must be above 0, got {value!r}; leave it out for no limit")


class Watch:
    """What was spent, held against the limits before each call."""

    def __init__(self, limits: Limits, *, n_stimuli: int) -> None:
        self._limits, self._n_stimuli = limits, n_stimuli
        self._begun = time.monotonic()

    def check(self, *, n_queries: int = 0, cost: float = 0.0) -> None:
        """Refuse a call after which a stimulus would have had so many queries, or that begins too late or too dear.

        Raises
        ------
        LimitReached
        """
        limits = self._limits
        if limits.queries is not None and n_queries > limits.queries:
            raise LimitReached("queries", limits.queries)
        if limits.usd is not None and cost >= limits.usd:
            raise LimitReached("usd", limits.usd)
        if limits.seconds is not None and time.monotonic() - self._begun > limits.seconds * max(1, self._n_stimuli):
            raise LimitReached("seconds", limits.seconds)
