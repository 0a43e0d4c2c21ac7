"""A short linear filter that turns a detector's verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.attacks._base import Attack, Family, attacks
from earnest.attacks._budget import Budget
from earnest.attacks._candidate import HELD, Budgets, Candidate
from earnest.attacks._craft import Crafted
from earnest.attacks._victim import Victim
from earnest.audio import AudioClip, Stimulus
from earnest.audio.levels import power
from earnest.errors import BadParameter
from earnest.models.access import Access

Floats = NDArray[np.float64]


@attacks.register("malafide")
@dataclass(frozen=True, kw_only=True)
class Malafide(Attack):
    """The clip through a short filter, found along the gradient, that gets a copy taken for live speech.

    A convolution colours a recording as a room or a telephone does: words, voice and duration stay. The filter begins
    as none (a single tap of 1) and its other taps are moved by Adam's rule; the filtered clip is brought to the
    clip's own level. The filter of least loss is kept, or the first with which the goal is reached. The control is a
    filter with the same taps in another order and with other signs: the same colour in strength, without the art.

    Parameters
    ----------
    taps : int
        Length of the filter, odd, from 3 to 4,097; the tap of 1 stands in the middle.
    steps : int
        At least 1; the gradient is taken `steps` times.
    learning_rate : float
    check_every : int
        Steps from one query to the next; 0 never asks.

    Notes
    -----
    After [panariello2023-malafide]: an optimised linear time-invariant filter against countermeasures. There one
    filter is fitted to a spoofing attack over many utterances and used on others; here each clip gets its own, which
    is the easier task. Numbers of taps and steps are our own.
    """

    source: ClassVar[str] = "panariello2023-malafide"
    family: ClassVar[Family] = "adversarial"
    needs: ClassVar[Access] = "gradients"
    control_name: ClassVar[str | None] = "shuffled_filter"

    taps: int = 129
    steps: int = 40
    learning_rate: float = 0.02
    check_every: int = 10

    def __post_init__(self) -> None:
        if not (isinstance(self.taps, int) and 3 <= self.taps <= 4097 and self.taps % 2):
            raise BadParameter(
                f"taps of malafide must be an odd number from 3 to 4097, got {self.taps!r}; 129 are 8 ms at 16 kHz"
            )
        for name, least in (("steps", 1), ("check_every", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise BadParameter(f"{name} of malafide must be a whole number of at least {least}, got {value!r}")
        if not 0 < self.learning_rate < math.inf:
            raise BadParameter(f"learning_rate of malafide must be positive, got {self.learning_rate!r}")

    @property
    def budgets(self) -> Budgets:
        """None: a filter changes every sample."""
        return {HELD: Budget()}

    @property
    def max_queries(self) -> int:
        """As many as answers that it may look at."""
        return math.ceil(self.steps / self.check_every) if self.check_every else 0

    @property
    def max_gradients(self) -> int:
        """One at each step."""
        return self.steps

    def propose(
        self, victim: Victim, stimuli: Sequence[Stimulus], *, rngs: Sequence[np.random.Generator]
    ) -> list[Candidate]:
        """The clip through the best filter."""
        return [self._filtered(victim, place) for place in range(len(stimuli))]

    def control(
        self,
        victim: Victim,
        stimuli: Sequence[Stimulus],
        candidates: Sequence[Crafted],
        *,
        rngs: Sequence[np.random.Generator],
    ) -> list[Candidate]:
        """The clip through filters with the taps shuffled, as often as the attack may ask."""
        searched = set(victim.searched(candidates))
        made = []
        for place, (stimulus, crafted, rng) in enumerate(zip(stimuli, candidates, rngs, strict=True)):
            candidate = Candidate(fault=crafted.fault)
            for _ in range(max(1, self.max_queries) if place in searched else 0):
                candidate = Candidate(clip=coloured(stimulus.clip, shuffled(np.asarray(crafted.drawn["filter"]), rng)))
                if self.max_queries and victim.reached(place, victim.ask([(place, candidate)])[0]):
                    break
            made.append(candidate)
        return made

    def distorted(self, crafted: Crafted, clip: AudioClip) -> AudioClip | None:
        """Another clip through the same filter."""
        return coloured(clip, np.asarray(crafted.drawn["filter"])) if "filter" in crafted.drawn else None

    def _filtered(self, victim: Victim, place: int) -> Candidate:
        stimulus = victim.stimuli[place]
        if place not in victim.open:
            return Candidate()
        if stimulus.goal is None or stimulus.goal.text is None:
            return Candidate(fault=f"{self.name} needs a goal with a target text, or a text to be driven away from")
        if stimulus.clip.peak == 0:
            return Candidate(fault="the clip is silent")
        taps = _no_filter(self.taps)
        best, best_loss = taps, math.inf
        first, second = np.zeros(self.taps), np.zeros(self.taps)
        for step in range(1, self.steps + 1):
            losses, gradients = victim.loss_and_gradient({place: coloured(stimulus.clip, taps)}, draw=step)
            if losses[place] < best_loss:
                best, best_loss = taps, losses[place]
            slope = tap_gradient(stimulus.clip.samples, gradients[place], self.taps)
            if not np.isfinite(slope).all() or not slope.any():
                break
            first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
            move = (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-12)
            taps = taps - self.learning_rate * move
            if self.check_every and (step % self.check_every == 0 or step == self.steps):
                candidate = self._candidate(stimulus.clip, taps, loss=losses[place], step=step)
                if victim.reached(place, victim.ask([(place, candidate)])[0]):
                    return candidate
        return self._candidate(stimulus.clip, best, loss=best_loss, step=self.steps)

    def _candidate(self, clip: AudioClip, taps: Floats, *, loss: float, step: int) -> Candidate:
        drawn = {
            "filter": [round(float(tap), 6) for tap in taps],
            "step": step,
            "loss": loss if math.isfinite(loss) else None,
        }
        return Candidate(clip=coloured(clip, np.asarray(drawn["filter"])), drawn=drawn)


def coloured(clip: AudioClip, taps: Floats) -> AudioClip:
    """The clip through a filter whose middle tap is without delay, at its own level and within full scale."""
    half = len(taps) // 2
    size = clip.n_samples + len(taps) - 1
    whole = np.fft.irfft(np.fft.rfft(clip.samples, size) * np.fft.rfft(taps, size), size)
    made = whole[half : half + clip.n_samples]
    after = power(made)
    if after == 0:
        return clip
    made = made * math.sqrt(power(clip.samples) / after)
    peak = float(np.abs(made).max())
    return clip.with_samples((made * min(1.0, 0.999 / peak)).astype(np.float32))


def tap_gradient(samples: NDArray[np.float32], gradient: NDArray[np.float32], n_taps: int) -> Floats:
    """Slope of the loss to each tap, given that to each sample of what is filtered; the change of level is left out.

    Sample t of what is filtered is the sum over k of tap k times sample t - (k - half).
    """
    half, n_samples = n_taps // 2, len(samples)
    size = 2 * n_samples
    products = np.fft.irfft(np.fft.rfft(gradient, size) * np.conj(np.fft.rfft(samples, size)), size)
    return np.asarray([products[k - half] for k in range(n_taps)])


def shuffled(taps: Floats, rng: np.random.Generator) -> Floats:
    """The middle tap where it is, the others in another order and with signs of their own."""
    half = len(taps) // 2
    others = np.delete(taps, half)
    others = rng.permutation(others) * rng.choice([-1.0, 1.0], size=len(others))
    return np.insert(others, half, taps[half])


def _no_filter(n_taps: int) -> Floats:
    taps = np.zeros(n_taps)
    taps[n_taps // 2] = 1.0
    return taps
