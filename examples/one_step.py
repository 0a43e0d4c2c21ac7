"""Targeted fast gradient sign attack: an attack as one file, to be put beside your own code or into a package.

    from one_step import OneStep
    OneStep(epsilon=0.004).run(System(model), stimuli, rng=np.random.default_rng(0))

Or from the command line: `earnest run core --plugin one_step.py --attack one_step`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.attacks import Attack, Budget, Candidate, attacks


@attacks.register("one_step")
@dataclass(frozen=True, kw_only=True)
class OneStep(Attack):
    """Every sample moved by `epsilon` at once, against the sign of the gradient of the goal's text.

    The control moves every sample as far, up or down by the toss of a coin.

    Parameters
    ----------
    epsilon : float
        Change of each sample, full scale being 1.
    """

    source: ClassVar[str] = "goodfellow2014-fgsm"
    family: ClassVar[str] = "adversarial"
    needs: ClassVar[str] = "gradients"
    control_name: ClassVar[str] = "coin_toss"
    max_queries: ClassVar[int] = 0

    epsilon: float = 0.002

    @property
    def budget(self) -> Budget:
        """No sample moves by more than `epsilon`."""
        return Budget(epsilon=self.epsilon)

    def propose(self, victim, stimuli, *, rngs):
        """The one step, for each stimulus that has something to be reached."""
        for place, stimulus in enumerate(stimuli):
            if place not in victim.open or stimulus.goal.text is None:
                yield Candidate(fault="" if place not in victim.open else "one_step needs a goal with a text")
                continue
            _, gradients = victim.loss_and_gradient({place: stimulus.clip})
            yield self._moved(stimulus.clip, -np.sign(gradients[place]))

    def control(self, victim, stimuli, candidates, *, rngs):
        """The same step in directions that are drawn."""
        for place, (stimulus, rng) in enumerate(zip(stimuli, rngs, strict=True)):
            signs = rng.choice(np.array([-1, 1], dtype=np.float32), stimulus.clip.n_samples)
            wanted = place in victim.open and not candidates[place].fault
            yield self._moved(stimulus.clip, signs) if wanted else Candidate(fault=candidates[place].fault)

    def _moved(self, clip, signs) -> Candidate:
        return Candidate(clip=clip.with_samples((clip.samples + np.float32(self.epsilon) * signs).astype(np.float32)))
