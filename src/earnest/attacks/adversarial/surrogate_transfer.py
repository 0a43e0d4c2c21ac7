"""Transfer from a surrogate: an attack is built on a model that grants gradients, and tried on one that does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.attacks._base import Attack, Family, attacks
from earnest.attacks._budget import Budget
from earnest.attacks._candidate import Budgets, Candidate
from earnest.attacks._craft import Crafted
from earnest.attacks._descent import resigned
from earnest.attacks._victim import Victim
from earnest.audio import Stimulus
from earnest.errors import BadParameter
from earnest.models.access import System


@attacks.register("surrogate_transfer")
@dataclass(frozen=True, kw_only=True)
class SurrogateTransfer(Attack):
    """What another attack crafts on a surrogate model, asked of the model under test, which the search does not query.

    Any attack will do that changes clips within a budget; the surrogate must grant what it needs. So a model behind an
    endpoint is tried with gradients of another. What is counted of queries and gradients is the surrogate's.

    The control is noise of exactly the same size: the change found, with the sign of every sample drawn anew.

    Parameters
    ----------
    attack : str
        Specification of the attack that is built.
    surrogate : str
        Specification of the model that it is built on.

    Notes
    -----
    As [papernot2016-transferability] does with networks for images. A run says the same with
    `crafted_on=SPEC` of any attack; this is the form in which it is one attack among others, under its own name.
    """

    source: ClassVar[str] = "papernot2016-transferability"
    family: ClassVar[Family] = "adversarial"
    control_name: ClassVar[str | None] = "same_size_noise"
    together: ClassVar[bool] = True

    attack: str = "pgd"
    surrogate: str = "earnest/reference"

    def __post_init__(self) -> None:
        if self.inner.name == self.name:
            raise BadParameter(
                "the attack of surrogate_transfer must be another one, got surrogate_transfer; name one such as pgd"
            )

    @property
    def inner(self) -> Attack:
        """The attack that is built on the surrogate."""
        return attacks.make(self.attack)

    @property
    def budget(self) -> Budget:
        """That of the attack."""
        return self.inner.budget

    @property
    def budgets(self) -> Budgets:
        """Those of the attack."""
        return self.inner.budgets

    @property
    def max_queries(self) -> int:
        """None of the model that is judged."""
        return 0

    def on_surrogate(self) -> System:
        """The surrogate, without defences."""
        from earnest.models import load_model

        return System(load_model(self.surrogate))

    def propose(
        self, victim: Victim, stimuli: Sequence[Stimulus], *, rngs: Sequence[np.random.Generator]
    ) -> Iterator[tuple[int, Candidate]]:
        """What the attack makes of each stimulus on the surrogate."""
        system = self.on_surrogate() if victim.open else None
        for place, stimulus in enumerate(stimuli):
            if place not in victim.open or system is None:
                yield place, Candidate()
                continue
            (made,) = self.inner.craft(system, [stimulus], rng=rngs[place])
            role = stimulus.primary_role
            clips = {
                other: clip
                for other, clip in made.stimulus.clips.items()
                if other != role and clip != stimulus.clips.get(other)
            }
            drawn = {**made.drawn, "surrogate_queries": made.n_queries, "surrogate_gradients": made.n_gradients}
            yield (
                place,
                Candidate(
                    clip=made.stimulus.clips[role],
                    clips=clips,
                    n_before=made.n_before,
                    n_after=made.n_after,
                    drawn=drawn,
                    fault=made.fault,
                ),
            )

    def control(
        self,
        victim: Victim,
        stimuli: Sequence[Stimulus],
        candidates: Sequence[Crafted],
        *,
        rngs: Sequence[np.random.Generator],
    ) -> Iterator[tuple[int, Candidate]]:
        """The changes found with signs drawn anew; of another length, the clip as it is."""
        yield from victim.passed_over(candidates)
        for place in victim.searched(candidates):
            found, clean = candidates[place].clip, stimuli[place].clip
            same = found is not None and found.n_samples == clean.n_samples
            yield (
                place,
                Candidate(clip=resigned(clean=clean, perturbed=found, rng=rngs[place]))
                if same and found is not None
                else Candidate(),
            )
