"""Natural evolution strategies: the gradient estimated from scores, then followed as PGD does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.attacks._base import attacks
from earnest.attacks._budget import STEP, Budget
from earnest.attacks._candidate import Candidate
from earnest.attacks._scored import ScoredSearch, Scores, told
from earnest.audio import AudioClip


@attacks.register("nes")
@dataclass(frozen=True, kw_only=True)
class NaturalEvolution(ScoredSearch):
    """Steps along the sign of a gradient that is estimated from scores of clips moved at random, both ways.

    Each step scores `population` clips: half of them the iterate plus normal noise of standard deviation `sigma`, the others
    the iterate minus the same noise. The estimate is the mean of noise times score; the iterate moves by `step_size` against its
    sign, keeps `momentum` of it, and goes back into the budget. The clip of least loss of all that were scored is proposed.

    The control is noise of exactly the same size: the best of eight draws by the same scores.

    Parameters
    ----------
    epsilon : float
        Largest change of a sample, full scale being 1: 0.05, the work's 0.05 of the range of images.
    queries : int
        Most scores; 10,000 and more in the work.
    population : int
        Scores of a step, an even number; 50 in the work.
    sigma : float
        0.001 in the work, for images of range 1.
    step_size : float
        Of each sample; 0.01 in the work.
    momentum : float
        Share of the estimate that is kept; 0.9 in the authors' code.

    Notes
    -----
    Follows [ilyas2018-blackbox] (labsix/limited-blackbox-attacks), with a target text for a class. Departs in keeping the best
    clip that was scored.
    """

    source: ClassVar[str] = "ilyas2018-blackbox"

    epsilon: float = 0.05
    queries: int = 1000
    population: int = 50
    sigma: float = 32 * STEP
    step_size: float = 0.005
    momentum: float = 0.9

    def __post_init__(self) -> None:
        _ = self.budget
        self.check_numbers(population=2, sigma=1e-9, step_size=1e-9, momentum=0.0)

    @property
    def budget(self) -> Budget:
        """`epsilon`."""
        return Budget(epsilon=self.epsilon)

    def search(self, asked: Scores, clean: AudioClip, *, rng: np.random.Generator) -> Candidate:
        """The clip of least loss that was scored."""
        here, direction = clean.samples, np.zeros(clean.n_samples, np.float32)
        best, best_loss, n_steps = clean, np.inf, 0
        half = self.population // 2
        while asked.n_left >= 2 * half and not asked.settled(best_loss):
            noise = rng.standard_normal((half, clean.n_samples), dtype=np.float32)
            moved = [
                clean.with_samples(here + np.float32(sign * self.sigma) * row) for sign in (1, -1) for row in noise
            ]
            losses = asked.losses([Candidate(clip=clip) for clip in moved])
            estimate = estimated(noise, losses, sigma=self.sigma)
            direction = np.float32(self.momentum) * direction + np.float32(1 - self.momentum) * estimate
            if losses.min() < best_loss:
                best, best_loss = moved[int(losses.argmin())], float(losses.min())
            step = here - np.float32(self.step_size) * np.sign(direction)
            here = self.budget.project(step, clean=clean.samples)
            n_steps += 1
        return Candidate(clip=best, drawn=told(best_loss, n_steps=n_steps))


def estimated(noise: np.ndarray, losses: np.ndarray, *, sigma: float) -> np.ndarray:
    """The gradient of the loss, from losses at plus and then at minus sigma times each row of noise; shape (n_samples,).

    The mean over all of noise times loss, over sigma: of antithetic pairs, half the mean of noise times the difference.
    """
    half = len(noise)
    return ((losses[:half] - losses[half:]) @ noise / (2 * half * sigma)).astype(np.float32)
