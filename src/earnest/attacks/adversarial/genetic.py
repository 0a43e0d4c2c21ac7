"""A genetic algorithm over changes of the lowest bits: the first attack on speech without gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.attacks._base import attacks
from earnest.attacks._budget import STEP, Budget
from earnest.attacks._candidate import Candidate
from earnest.attacks._scored import ScoredSearch, Scores, told
from earnest.audio import AudioClip
from earnest.errors import BadParameter


@attacks.register("genetic")
@dataclass(frozen=True, kw_only=True)
class Genetic(ScoredSearch):
    """A population of noisy clips that is scored, selected by its scores, crossed over and mutated, generation by generation.

    Every member begins as the clip with noise in the lowest `bits` bits of some samples. Parents are drawn with probabilities
    that rise with the score (softmax at `temperature`); a child takes each sample from one of its two parents; then noise
    is put in the lowest bits of a share `mutation` of its samples. The best member is carried over as it is. The search
    ends where the target has more than half of the probability.

    The control is noise of exactly the same size: the best of eight draws by the same scores.

    Parameters
    ----------
    queries : int
        Most scores: generations times population.
    population : int
        Members; 20 in the work's code.
    bits : int
        How many of the 16 bits noise may change: 8 in the work, and 11 here, since speech is answered that was understood.
    mutation : float
        Share of samples that a mutation changes; 0.0005 in the work's code for clips of a second.
    start : float
        Share of samples that are changed at the beginning.
    temperature : float
        Of the selection, in nats of loss; 0.01 of a probability in the work's code.

    Notes
    -----
    Follows [alzantot2018-didyouhear] (nesl/adversarial_audio): population, elite, uniform crossover and bits of noise. Departs
    in the loss (log-probability of a text for that of a label), and so in the temperature; and in how much is changed, as said above.
    """

    source: ClassVar[str] = "alzantot2018-didyouhear"

    queries: int = 1000
    population: int = 20
    bits: int = 11
    mutation: float = 0.01
    start: float = 0.3
    temperature: float = 0.1

    def __post_init__(self) -> None:
        self.check_numbers(population=2, mutation=0.0, start=0.0, temperature=1e-9)
        if not isinstance(self.bits, int) or not 1 <= self.bits <= 16:
            raise BadParameter(f"bits of genetic must be a whole number from 1 to 16, got {self.bits!r}")

    @property
    def budget(self) -> Budget:
        """Half the range of the lowest bits: noise is drawn around 0, and mutations do not add up beyond it."""
        return Budget(epsilon=2 ** (self.bits - 1) * STEP)

    def search(self, asked: Scores, clean: AudioClip, *, rng: np.random.Generator) -> Candidate:
        """The best member of the last generation."""
        changes = np.stack([self._noise(clean.n_samples, self.start, rng) for _ in range(self.population)])
        best, best_loss, n_generations = changes[0], np.inf, 0
        while asked.n_left >= len(changes):
            losses = asked.losses([self._candidate(clean, change) for change in changes])
            n_generations += 1
            first = int(losses.argmin())
            if losses[first] < best_loss:
                best, best_loss = changes[first], float(losses[first])
            if asked.settled(best_loss):
                break
            changes = self._children(changes, losses, elite=best, rng=rng)
        drawn = told(best_loss, n_generations=n_generations)
        return Candidate(clip=self._candidate(clean, best).clip, drawn=drawn)

    def _children(
        self,
        changes: NDArray[np.float32],
        losses: NDArray[np.float64],
        *,
        elite: NDArray[np.float32],
        rng: np.random.Generator,
    ) -> NDArray[np.float32]:
        """The next generation, the best so far first."""
        weights = np.exp(-(losses - losses.min()) / self.temperature)
        parents = rng.choice(len(changes), size=(2, len(changes) - 1), p=weights / weights.sum())
        children = [elite]
        for mother, father in parents.T:
            child = np.where(rng.random(elite.size) < 0.5, changes[mother], changes[father])
            moved = child + self._noise(elite.size, self.mutation, rng)
            children.append(np.clip(moved, -self.budget.epsilon, self.budget.epsilon).astype(np.float32))
        return np.stack(children)

    def _noise(self, n: int, share: float, rng: np.random.Generator) -> NDArray[np.float32]:
        """Uniform noise in the lowest bits of a share of the samples."""
        top = 2 ** (self.bits - 1)
        steps = rng.integers(-top, top, n) * (rng.random(n) < share)
        return steps.astype(np.float32) * np.float32(STEP)

    def _candidate(self, clean: AudioClip, change: NDArray[np.float32]) -> Candidate:
        samples = self.budget.project(clean.samples + change, clean=clean.samples)
        return Candidate(clip=clean.with_samples(samples))
