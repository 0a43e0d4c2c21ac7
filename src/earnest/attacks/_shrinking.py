"""Descent under a bound that shrinks at each success: what attacks after Carlini and Wagner share.

The change is clipped to a bound in every sample, the optimiser is Adam on the sign of the gradient, and whenever the system
is found on target the bound becomes 0.8 of what was needed, so that the search ends with the quietest change that still
worked. It never stops early.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.attacks._candidate import Candidate
from earnest.attacks._descent import GradientAttack, Path, useless_gradient
from earnest.audio import AudioClip
from earnest.errors import BadParameter

if TYPE_CHECKING:
    from earnest.audio import Stimulus

SHRINK = 0.8
"""What is left of the bound after a success."""


class Adam:
    """The optimiser's state for one clip, with the usual decay rates 0.9 and 0.999."""

    def __init__(self, size: int) -> None:
        self._mean, self._square, self._n = np.zeros(size, np.float32), np.zeros(size, np.float32), 0

    def step(self, gradient: NDArray[np.float32], *, learning_rate: float) -> NDArray[np.float32]:
        """What is to be taken off."""
        self._n += 1
        self._mean += np.float32(0.1) * (gradient - self._mean)
        self._square += np.float32(0.001) * (gradient * gradient - self._square)
        mean = self._mean / np.float32(1 - 0.9**self._n)
        root = np.sqrt(self._square / np.float32(1 - 0.999**self._n))
        return np.float32(learning_rate) * mean / (root + np.float32(1e-8))


class ShrinkingAttack(GradientAttack):
    """Base of the attacks whose bound shrinks; they state `epsilon`, `learning_rate`, `steps` and `check_every`."""

    stop_early: ClassVar[bool] = False
    epsilon: float
    """The bound at first, full scale being 1."""
    learning_rate: float
    """Of Adam, full scale being 1."""

    def check_numbers(self) -> None:
        """Refuse numbers that are none of a descent's."""
        for name in ("epsilon", "learning_rate"):
            value = getattr(self, name)
            if not 0 < value <= 2:
                raise BadParameter(
                    f"{name} of {self.name} must be above 0 and at most 2, full scale being 1, got {value!r}"
                )
        for name, least in (("steps", 1), ("check_every", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise BadParameter(f"{name} of {self.name} must be a whole number of at least {least}, got {value!r}")

    def path(self, stimulus: Stimulus, *, rng: np.random.Generator) -> Path:
        """The iterates of one clip."""
        return ShrinkingPath(self, stimulus.clip, rng=rng)


class ShrinkingPath(Path):
    """The iterates of one clip under a bound that shrinks."""

    _attack: ShrinkingAttack

    def __init__(self, attack: ShrinkingAttack, clean: AudioClip, *, rng: np.random.Generator) -> None:
        super().__init__(attack, clean, rng=rng)
        self._change = np.zeros(clean.n_samples, np.float32)
        self._bound = attack.epsilon
        self._adam = Adam(clean.n_samples)

    @property
    def applied(self) -> NDArray[np.float32]:
        """The change within the bound, and what the budget leaves of it."""
        return self._here - self._clean.samples

    def note(self, loss: float, *, step: int) -> None:
        """The loss of the iterate; until there is a success, the last one is what there is."""
        self._step, self._loss = step, loss
        if step == 0:
            self._first_loss = loss
        if not self._successful:
            self._keep()

    def note_success(self) -> None:
        """The iterate is kept, and the next must do with 0.8 of it."""
        self._keep()
        self._successful = True
        self._bound = SHRINK * min(self._bound, float(np.abs(self._change).max()))
        self._place()

    def note_failure(self) -> None:
        """Until there is a success, what is best driven is sought anew."""
        self.aimed = self._successful

    def advance(self, gradient: NDArray[np.float32]) -> bool:
        """A step of Adam on the signs."""
        self._stopped = useless_gradient(gradient)
        if self._stopped:
            return False
        self._change = self._change - self._adam.step(np.sign(gradient), learning_rate=self._attack.learning_rate)
        self._place()
        return True

    def candidate(self, *, ended_by: str = "") -> Candidate:
        """The last success, else the last iterate; `bound` tells how far it went in any sample."""
        found = super().candidate(ended_by=ended_by)
        drawn: dict[str, Any] = {**found.drawn, "bound": self._bound if math.isfinite(self._bound) else None}
        return Candidate(clip=found.clip, drawn=drawn, fault=found.fault)

    def _place(self) -> None:
        bound = np.float32(self._bound)
        self._here = self._projected(self._clean.samples + np.clip(self._change, -bound, bound))
