"""Qin's imperceptible attack: a change that the clip itself masks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.attacks._base import attacks
from earnest.attacks._budget import STEP, Budget, masking_of
from earnest.attacks._candidate import Candidate
from earnest.attacks._descent import Path, useless_gradient
from earnest.attacks._shrinking import Adam, ShrinkingAttack, ShrinkingPath
from earnest.audio import AudioClip
from earnest.errors import BadParameter

if TYPE_CHECKING:
    from earnest.audio import Stimulus

ALPHA, ALPHA_FLOOR = 0.05, 0.0005
"""Weight of what can be heard, at first and at least."""
RAISED, LOWERED = 1.2, 0.8
"""What the weight is multiplied by after a success and after a failure."""
RAISED_EVERY, LOWERED_EVERY = 20, 50
"""Steps from one change of the weight to the next."""
LATE, SLOWER = 0.75, 0.1
"""After this share of the second stage its steps are a tenth as long."""


@attacks.register("qin_imperceptible")
@dataclass(frozen=True, kw_only=True)
class QinImperceptible(ShrinkingAttack):
    """A change under the clip's masking threshold, or as close to it as the target text allows.

    In a first stage the change is made to work, as `carlini_wagner` does it. In a second stage it is made inaudible: steps
    lower the target's loss plus `alpha` times what the change has above the masking threshold
    (`earnest.audio.masking`); `alpha` rises while the system is on target and falls while it is not. The least audible
    change that was on target is proposed.

    The control is noise of exactly the same size: the change found, with the sign of every sample drawn anew.

    Parameters
    ----------
    epsilon : float
        Bound of both stages, full scale being 1: 2,000 16-bit steps, as in the work.
    steps : int
        Of both stages together, a fifth of them the first: 1,000 and 4,000 in the work, 100 and 400 here.
    learning_rate, learning_rate_2 : float
        Of Adam in the two stages: 100 16-bit steps and 1 in the work. Here both are lower by what the fewer steps allow, and
        the second is a tenth of itself in the last quarter, as in the work.
    check_every : int
        Steps from one query to the next, at most 20: 10 in the work's first stage.
    snr_db : float or None
        A further limit on the whole change, which the work does not have.

    Notes
    -----
    Follows `generate_imperceptible_adv.py` of the authors (cleverhans-lab/cleverhans@140fd61). Departs from
    [qin2019-imperceptible] in the model and its loss; in one step of Adam on the sum of both gradients where the script takes
    one on each with one state; in the masking threshold, whose frames are set to 96 dB one by one, and which is put right where
    the script raises an error.
    """

    source: ClassVar[str] = "qin2019-imperceptible"

    epsilon: float = 2000 * STEP
    steps: int = 500
    learning_rate: float = 20 * STEP
    learning_rate_2: float = 2 * STEP
    check_every: int = 10
    snr_db: float | None = None

    def __post_init__(self) -> None:
        self.check_numbers()
        if self.check_every > RAISED_EVERY:
            raise BadParameter(
                f"check_every of {self.name} must be at most {RAISED_EVERY}, got {self.check_every}; alpha follows what is asked"
            )
        if not 0 < self.learning_rate_2 <= 2:
            raise BadParameter(
                f"learning_rate_2 of {self.name} must be above 0 and at most 2, got {self.learning_rate_2!r}"
            )
        _ = self.budget

    @property
    def budget(self) -> Budget:
        """The bound of both stages."""
        return Budget(epsilon=self.epsilon, snr_db=self.snr_db)

    @property
    def n_first(self) -> int:
        """Steps of the first stage."""
        return max(1, self.steps // 5)

    def path(self, stimulus: Stimulus, *, rng: np.random.Generator) -> Path:
        """The iterates of both stages."""
        return _MaskedPath(self, stimulus.clip, rng=rng)


class _MaskedPath(ShrinkingPath):
    """The first stage, then one that makes what worked inaudible."""

    _attack: QinImperceptible

    def __init__(self, attack: QinImperceptible, clean: AudioClip, *, rng: np.random.Generator) -> None:
        super().__init__(attack, clean, rng=rng)
        self._masking = masking_of(clean.samples, clean.sample_rate)
        self._alpha, self._least = ALPHA, math.inf

    @property
    def _second(self) -> bool:
        return self._step >= self._attack.n_first

    def note_success(self) -> None:
        """In the second stage kept where it is less audible than any before; the weight of what can be heard rises."""
        if not self._second:
            super().note_success()
            return
        audible, _ = self._masking.hinge(self.applied)
        if audible < self._least:
            self._keep()
            self._least, self._successful = audible, True
        if self._step % RAISED_EVERY == 0:
            self._alpha *= RAISED

    def note_failure(self) -> None:
        """In the second stage the weight of what can be heard falls."""
        if not self._second:
            super().note_failure()
        elif self._step % LOWERED_EVERY == 0:
            self._alpha = max(LOWERED * self._alpha, ALPHA_FLOOR)

    def advance(self, gradient: NDArray[np.float32]) -> bool:
        """A step of the stage that it is in; the second begins from what worked, or from where the first ended."""
        if not self._second:
            return super().advance(gradient)
        if self._step == self._attack.n_first:
            self._begin()
        self._stopped = useless_gradient(gradient)
        if self._stopped:
            return False
        _, audible = self._masking.hinge(self.applied)
        late = self._step - self._attack.n_first >= LATE * (self._attack.steps - self._attack.n_first)
        rate = self._attack.learning_rate_2 * (SLOWER if late else 1.0)
        self._change = self._change - self._adam.step(gradient + np.float32(self._alpha) * audible, learning_rate=rate)
        self._place()
        return True

    def candidate(self, *, ended_by: str = "") -> Candidate:
        """The least audible success."""
        found = super().candidate(ended_by=ended_by)
        drawn: dict[str, Any] = {**found.drawn, "alpha": self._alpha}
        return Candidate(clip=found.clip, drawn=drawn, fault=found.fault)

    def _begin(self) -> None:
        self._change = (self._best if self._successful else self._here) - self._clean.samples
        self._bound, self._adam = self._attack.epsilon, Adam(self._change.size)
        self._place()
