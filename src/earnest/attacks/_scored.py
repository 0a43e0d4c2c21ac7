"""Search by scores: what attacks share that are told how likely the target is, and no gradient.

The loss of a candidate is minus the log-probability of the goal's target text as the whole answer, or, of a goal that drives
away from a text, that of this text. Each score is a query. The control is noise of the same size, drawn anew as often as
the attack may ask, of which the most likely to reach the goal is verified.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.attacks._base import Attack, Family
from earnest.attacks._candidate import Candidate
from earnest.attacks._craft import Crafted
from earnest.attacks._descent import resigned
from earnest.attacks._victim import Victim
from earnest.audio import AudioClip, Stimulus
from earnest.errors import BadParameter
from earnest.models.access import Access


class ScoredSearch(Attack, abc.ABC):
    """Base of the attacks that search by scores within a budget; they state `queries` and implement `search`."""

    family: ClassVar[Family] = "adversarial"
    needs: ClassVar[Access] = "scores"
    control_name: ClassVar[str | None] = "same_size_noise"
    n_controls: ClassVar[int] = 8
    """Draws of noise that the control asks for, at most."""

    @property
    def max_queries(self) -> int:
        """As many as it says."""
        assert self.queries is not None
        return self.queries

    def check_numbers(self, **least: float) -> None:
        """Refuse numbers below what they may be.

        Raises
        ------
        BadParameter
        """
        for name, low in {"queries": 2, **least}.items():
            value = getattr(self, name)
            whole = isinstance(low, float) or isinstance(value, int)
            if value is None or not whole or not low <= value < math.inf:
                kind = "a number" if isinstance(low, float) else "a whole number"
                raise BadParameter(f"{name} of {self.name} must be {kind} of at least {low:g}, got {value!r}")

    @abc.abstractmethod
    def search(self, asked: Scores, clean: AudioClip, *, rng: np.random.Generator) -> Candidate:
        """The candidate that the method ends with."""

    def propose(
        self, victim: Victim, stimuli: Sequence[Stimulus], *, rngs: Sequence[np.random.Generator]
    ) -> Iterator[Candidate]:
        """What the search of each stimulus ends with."""
        for place, stimulus in enumerate(stimuli):
            if place not in victim.open:
                yield Candidate()
            elif stimulus.goal is None or stimulus.goal.text is None:
                yield Candidate(fault=f"{self.name} needs a goal with a target text, or a text to be driven away from")
            elif stimulus.clip.peak == 0:
                yield Candidate(fault="the clip is silent, and a change has no ratio to silence")
            else:
                yield self.search(Scores(victim, place), stimulus.clip, rng=rngs[place])

    def control(
        self,
        victim: Victim,
        stimuli: Sequence[Stimulus],
        candidates: Sequence[Crafted],
        *,
        rngs: Sequence[np.random.Generator],
    ) -> Iterator[tuple[int, Candidate]]:
        """The change found with signs drawn anew, several times; that under which the goal is the most likely."""
        yield from victim.passed_over(candidates)
        for place in victim.searched(candidates):
            found, clean, asked = candidates[place].clip, stimuli[place].clip, Scores(victim, place)
            assert found is not None
            drawn = [
                Candidate(clip=resigned(clean=clean, perturbed=found, rng=rngs[place]), drawn={"draw": draw})
                for draw in range(min(self.n_controls, self.max_queries))
            ]
            yield place, drawn[int(np.argmin(asked.losses(drawn)))]


class Scores:
    """The losses of candidates for one stimulus."""

    def __init__(self, victim: Victim, place: int) -> None:
        goal = victim.stimuli[place].goal
        assert goal is not None and goal.text is not None
        self._victim, self._place, self._text = victim, place, goal.text
        self._sign = -1.0 if goal.target is not None else 1.0
        self._wins = goal.target is not None

    @property
    def n_left(self) -> float:
        """How many more may be asked for."""
        return self._victim.n_left(self._place)

    def losses(self, candidates: Sequence[Candidate]) -> NDArray[np.float64]:
        """In nats, lower being nearer to the goal; all asked at once."""
        questions = [(self._place, candidate, self._text) for candidate in candidates]
        return self._sign * self._victim.score(questions)

    def settled(self, loss: float) -> bool:
        """Whether the target has more than half of the probability, so that it is what is said."""
        return self._wins and loss < math.log(2)


def told(loss: float, **more: object) -> Mapping[str, object]:
    """What a candidate keeps of its search."""
    return {"loss": float(loss) if math.isfinite(loss) else None, **more}
