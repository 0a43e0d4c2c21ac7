"""The square attack: random search by scores, a stretch of the clip at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.attacks._base import attacks
from earnest.attacks._budget import Budget
from earnest.attacks._candidate import Candidate
from earnest.attacks._scored import ScoredSearch, Scores, told
from earnest.audio import AudioClip
from earnest.audio.noises import COLOURS, n_offsets, noise_stretch
from earnest.errors import BadParameter

HALVED_AT = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
"""Shares of the search after each of which the stretches are half as long: 10, 50, 200, 500, ... of 10,000 in the work."""


@attacks.register("square")
@dataclass(frozen=True, kw_only=True)
class Square(ScoredSearch):
    """Changes at the edge of the budget, one stretch of the clip replaced at a time where that makes the target likelier.

    The search begins with noise as loud as the budget allows. Each step draws a stretch anywhere, fills it with other noise
    (under `epsilon` alone with one of +epsilon and -epsilon for all of it), and keeps it if the score rises. Stretches begin as a
    share `p` of the clip and become shorter on the work's schedule. It ends early where the target has more than half of the
    probability.

    The control is noise of exactly the same size: the best of eight draws by the same scores.

    Parameters
    ----------
    snr_db : float or None
        Least SNR of the change in dB; 10 where `epsilon` is not given.
    epsilon : float or None
        Largest change of a sample, full scale being 1.
    queries : int
        Most scores that are asked for.
    p : float in (0, 1]
        Share of the clip that the first stretches take; 0.05 in the work for untargeted, 0.01 for targeted attacks.
    colour : {"white", "pink", "brown", "blue", "speech"}
        Of the noise, under an SNR.

    Notes
    -----
    Follows [andriushchenko2019-square] with stretches of time for squares of an image. Under an SNR its L2 form moves energy between
    windows; here a stretch is filled with noise and the whole change is brought back to the budget. The schedule of lengths is that of
    the authors' code (max-andr/square-attack, `p_selection`), stretched to the number of queries.
    """

    source: ClassVar[str] = "andriushchenko2019-square"

    snr_db: float | None = None
    epsilon: float | None = None
    queries: int = 300
    p: float = 0.3
    colour: str = "speech"

    def __post_init__(self) -> None:
        _ = self.budget
        self.check_numbers()
        if not 0 < self.p <= 1:
            raise BadParameter(f"p of square must be a share of the clip in (0, 1], got {self.p!r}")
        if self.colour not in COLOURS:
            raise BadParameter(f"colour of square must be one of {', '.join(COLOURS)}, got {self.colour!r}")

    @property
    def budget(self) -> Budget:
        """`snr_db` and `epsilon`; 10 dB where neither is given."""
        snr_db = 10.0 if self.snr_db is None and self.epsilon is None else self.snr_db
        return Budget(snr_db=snr_db, epsilon=self.epsilon)

    def search(self, asked: Scores, clean: AudioClip, *, rng: np.random.Generator) -> Candidate:
        """The best change after all steps."""
        best = self._kept(clean, self._filling(clean.n_samples, clean, rng))
        (loss,) = asked.losses([Candidate(clip=best)])
        n_kept = 0
        for step in range(1, self.queries):
            if asked.settled(loss) or asked.n_left < 1:
                break
            tried = self._kept(clean, self._moved(best.samples - clean.samples, clean, step, rng))
            (other,) = asked.losses([Candidate(clip=tried)])
            if other < loss:
                best, loss, n_kept = tried, other, n_kept + 1
        return Candidate(clip=best, drawn=told(loss, n_kept=n_kept))

    def length(self, step: int, n_samples: int) -> int:
        """Samples of the stretch that a step replaces."""
        share = step / self.queries
        halvings = sum(share > at for at in HALVED_AT)
        return max(1, min(n_samples, round(self.p * 0.5**halvings * n_samples)))

    def _moved(
        self, change: NDArray[np.float32], clean: AudioClip, step: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        n = self.length(step, change.size)
        start = int(rng.integers(change.size - n + 1))
        moved = change.copy()
        moved[start : start + n] = self._filling(n, clean, rng)
        return moved

    def _filling(self, n: int, clean: AudioClip, rng: np.random.Generator) -> NDArray[np.float32]:
        """What a stretch is filled with."""
        if not self.budget.round:
            assert self.epsilon is not None
            return np.full(n, self.epsilon * rng.choice((-1.0, 1.0)), np.float32)
        rms = self.budget.radius(clean.samples) / math.sqrt(clean.n_samples)
        drawn = noise_stretch(n, clean.sample_rate, colour=self.colour, offset=int(rng.integers(n_offsets(n))))
        return (drawn * (rms / (math.sqrt(float(np.mean(drawn**2))) or 1.0))).astype(np.float32)

    def _kept(self, clean: AudioClip, change: NDArray[np.float32]) -> AudioClip:
        samples = self.budget.project(clean.samples + change, clean=clean.samples, sample_rate=clean.sample_rate)
        return clean.with_samples(samples)
