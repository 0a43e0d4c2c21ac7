"""The fast gradient sign method: one step, as far as the budget goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.attacks._base import attacks
from earnest.attacks._budget import STEP, Budget
from earnest.attacks._candidate import Candidate
from earnest.attacks._descent import GradientAttack, useless_gradient
from earnest.attacks._victim import Victim
from earnest.audio import Stimulus
from earnest.errors import BadParameter


@attacks.register("fgsm")
@dataclass(frozen=True, kw_only=True)
class FastGradientSign(GradientAttack):
    """Every sample moved by `epsilon` at once, against the sign of the gradient of the goal's text.

    The control is noise of exactly the same size: the change found, with the sign of every sample drawn anew.

    Parameters
    ----------
    epsilon : float
        Change of each sample, full scale being 1; 64 16-bit steps.
    eot : int
        Draws of random defences over which the gradient is averaged ([athalye2018-obfuscated]).

    Notes
    -----
    Departs from [goodfellow2014-fgsm] in seeking a target, towards which the loss falls; where the goal is to be driven away
    from a text, it rises, as in the work. It asks nothing: what the one step gives is verified.
    """

    source: ClassVar[str] = "goodfellow2014-fgsm"

    epsilon: float = 64 * STEP
    eot: int = 1

    def __post_init__(self) -> None:
        _ = self.budget
        if not isinstance(self.eot, int) or self.eot < 1:
            raise BadParameter(f"eot of fgsm must be a whole number of at least 1, got {self.eot!r}")

    @property
    def max_gradients(self) -> int:
        """One, under each of `eot` draws."""
        return self.eot

    @property
    def budget(self) -> Budget:
        """`epsilon`."""
        return Budget(epsilon=self.epsilon)

    def propose(
        self, victim: Victim, stimuli: Sequence[Stimulus], *, rngs: Sequence[np.random.Generator]
    ) -> Iterator[tuple[int, Candidate]]:
        """The one step."""
        paths = {}
        for place, stimulus in enumerate(stimuli):
            fault = self.lacking(victim, place)
            if fault is not None:
                yield place, fault
            else:
                paths[place] = self.path(stimulus, rng=rngs[place])
        if not paths:
            return
        losses, gradients = self.measured(victim, paths, 0)
        for place in paths:
            clean, why = stimuli[place].clip, useless_gradient(gradients[place])
            moved = clean.samples - np.float32(self.epsilon) * np.sign(gradients[place])
            fault_text = f"the gradient is {why}; attack without gradients, or mend the defence" if why else ""
            yield (
                place,
                Candidate(clip=clean.with_samples(moved), drawn={"first_loss": losses[place]}, fault=fault_text),
            )
