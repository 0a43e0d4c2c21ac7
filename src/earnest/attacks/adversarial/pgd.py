"""Projected gradient descent on the waveform, towards the text that the attacker wants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.attacks._base import attacks
from earnest.attacks._budget import Budget
from earnest.attacks._descent import GradientAttack, Path, check_descent
from earnest.audio import AudioClip, Stimulus
from earnest.errors import BadParameter
from earnest.models.access import Target

DEFAULT_SNR_DB = 30.0


@attacks.register("pgd")
@dataclass(frozen=True, kw_only=True)
class ProjectedGradientDescent(GradientAttack):
    """A small change of the waveform that lowers the loss of the goal's target text, step by step within a budget.

    Each step moves every sample by the sign of the gradient (under `epsilon` alone), or the clip along the gradient
    with its sizes to the power of `power` (under `snr_db`), and goes back into the budget. Every `check_every` steps the system is asked with the clip as a
    16-bit file would hold it; with `stop_early` the first clip that reaches the goal is taken. Otherwise the proposal
    is the clip of least loss among those that reached the goal when asked, else among all.

    The control is noise: the change found, with the sign of every sample drawn anew. It has the very same peak, SNR and
    course of loudness, and may be drawn as often as the attack was allowed to look at an answer.

    Parameters
    ----------
    epsilon : float or None
        Largest change of a sample, full scale being 1.
    snr_db : float or None
        Least SNR of the change in dB; 30 where no limit of size is given. All that are given hold.
    l2 : float or None
        Longest change (L2): root of the sum of squares, full scale being 1.
    masking_db : float or None
        Most that the change may lie above the clip's masking threshold, in dB, on average (`earnest.audio.masking`).
    steps : int
        At least 1; the gradient is taken `steps` + 1 times, as the last clip is measured too.
    step_size : float
        Length of a step as a share of the budget (of `epsilon`, or of the longest change that `snr_db` allows).
    last_step : float in (0, 1]
        Length of the last step as a share of the first's, between which it falls evenly; 1 keeps all alike.
    momentum : float in [0, 1)
        Share of the last direction that is kept, after [dong2017-momentum]; 0 keeps none.
    power : float in (0, 1]
        Under `snr_db` or `l2`, samples move by their share of the direction to this power: 1 goes along the gradient, as
        the steepest descent within a length does, and less lets more samples take part. No matter under `epsilon` alone.
    random_start : bool
        Whether to begin at random within the budget instead of at the clean clip.
    eot : int
        Draws of random defences over which loss and gradient are averaged ([athalye2018-obfuscated]); 1 unless one is
        random.
    keep : float in (0, 1]
        Share of the audio tokens whose stretch of the clip a step may move, those with the most energy in the gradient; chosen
        anew at each step, as in [fang2026-tago].
    token_ms : float
        Length of the stretch that an audio token stands for, in milliseconds: 80 in the embedded model.
    eos_weight : float or None
        In place of the whole answer the target text is driven as its beginning, and this weight on the probability that the
        answer ends there [fang2026-tago]; None drives the whole answer, its end with it.
    check_every : int
        Steps from one query to the next; 0 never asks, and takes the clip of least loss.
    stop_early : bool
        Whether a stimulus is done at the first clip that reaches its goal.

    Notes
    -----
    Departs from [madry2017-pgd] in seeking a target, in starting at the clean clip, and in keeping the best iterate
    rather than the last; and in steps that shrink, keep three quarters of the last direction and go along the root of the gradient's sizes, which
    reach more goals in few steps. A model that writes a transcript before it answers is driven to one after which it answers
    (`Model.aimed`): after a faithful one it refuses whatever it hears. Where a look at the answer in the first half of the
    steps finds the goal not reached, that transcript is sought anew for the clip as it is then. With `keep` and `eos_weight` it is the sparse attack of [fang2026-tago]: a quarter of the tokens
    and a weight of 1, say; the work stops at a loss of 0.105, here an answer decides. [olivier2022-whisper] attacks speech recognition likewise, at 35 to 40 dB SNR.
    """

    source: ClassVar[str] = "madry2017-pgd"

    epsilon: float | None = None
    snr_db: float | None = None
    l2: float | None = None
    masking_db: float | None = None
    steps: int = 100
    step_size: float = 0.4
    last_step: float = 0.1
    momentum: float = 0.75
    power: float = 0.5
    random_start: bool = False
    eot: int = 1
    keep: float = 1.0
    token_ms: float = 80.0
    eos_weight: float | None = None
    check_every: int = 10
    stop_early: bool = True

    def __post_init__(self) -> None:
        _ = self.budget  # refuses its own faults
        check_descent(self)
        if not 0 < self.keep <= 1:
            raise BadParameter(f"keep of pgd must be a share of the audio tokens in (0, 1], got {self.keep!r}")
        if not 0 < self.token_ms <= 10_000:
            raise BadParameter(f"token_ms of pgd must lie above 0 and up to 10000, got {self.token_ms!r}")
        if self.eos_weight is not None and not self.eos_weight >= 0:
            raise BadParameter(f"eos_weight of pgd must be at least 0 or left out, got {self.eos_weight!r}")

    @property
    def budget(self) -> Budget:
        """`epsilon`, `snr_db`, `l2` and `masking_db`; 30 dB SNR where none of the first three is given."""
        given = any(limit is not None for limit in (self.epsilon, self.snr_db, self.l2))
        snr_db = self.snr_db if given else DEFAULT_SNR_DB
        return Budget(epsilon=self.epsilon, snr_db=snr_db, l2=self.l2, masking_db=self.masking_db)

    def path(self, stimulus: Stimulus, *, rng: np.random.Generator) -> Path:
        """The iterates, of which sparse ones move in the stretches of some audio tokens alone."""
        return Path(self, stimulus.clip, rng=rng) if self.keep == 1 else _SparsePath(self, stimulus.clip, rng=rng)

    def aimed(self, text: str) -> str:
        """The target, with what is wanted of its end."""
        return text if self.eos_weight is None else Target(text, end_weight=self.eos_weight)


class _SparsePath(Path):
    """Iterates that move in the stretches with the most energy in the gradient."""

    _attack: ProjectedGradientDescent

    def advance(self, gradient: NDArray[np.float32]) -> bool:
        """A step within these stretches."""
        n = max(1, round(self._attack.token_ms * 1e-3 * self._clean.sample_rate))
        return super().advance(gradient * kept_tokens(gradient, keep=self._attack.keep, n_samples=n))


def kept_tokens(energy_of: NDArray[np.float32], *, keep: float, n_samples: int) -> NDArray[np.float32]:
    """1 in the stretches of `n_samples` with the most energy, a share `keep` of them and one at least; 0 in the others.

    >>> kept_tokens(np.array([1, 1, 5, 0, 2, 2], dtype=np.float32), keep=0.5, n_samples=2)
    array([0., 0., 1., 1., 1., 1.], dtype=float32)
    """
    n_tokens = -(-energy_of.size // n_samples)
    energies = np.zeros(n_tokens * n_samples)
    energies[: energy_of.size] = energy_of.astype(np.float64) ** 2
    sums = energies.reshape(n_tokens, n_samples).sum(axis=1)
    kept = np.zeros(n_tokens, np.float32)
    kept[np.argsort(-sums, kind="stable")[: max(1, round(keep * n_tokens))]] = 1
    return np.repeat(kept, n_samples)[: energy_of.size]


def pruned(*, clean: AudioClip, perturbed: AudioClip, keep: float, token_ms: float = 80.0) -> AudioClip:
    """The perturbed clip with its change kept in the loudest stretches alone: what [fang2026-tago] shows to fail."""
    change = perturbed.samples - clean.samples
    n = max(1, round(token_ms * 1e-3 * clean.sample_rate))
    return clean.with_samples(
        (clean.samples + kept_tokens(change, keep=keep, n_samples=n) * change).astype(np.float32)
    ).quantised()
