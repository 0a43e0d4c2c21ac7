"""AudioJailbreak: sound that comes after the request and makes the model comply with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from earnest.attacks._base import attacks
from earnest.attacks._budget import Budget
from earnest.attacks._candidate import Candidate
from earnest.attacks._descent import GradientAttack, Path, useless_gradient
from earnest.attacks._shrinking import Adam
from earnest.audio import AudioClip, effects
from earnest.audio.noises import noise_stretch
from earnest.audio.sounds import CHORD_HZ, horn, hum, laugh
from earnest.errors import BadParameter

if TYPE_CHECKING:
    from earnest.audio import Stimulus

SOUNDS = {"hum": hum, "horn": horn, "laugh": laugh}
UNIVERSAL_BASES = ("noise", "chord", *SOUNDS)
"""Bases that are made without any speech."""
BASES = ("noise", "backwards", "fast", "chord", *SOUNDS)

LOUDEST = 5.0
"""Largest sample of a base over its RMS."""


@attacks.register("audiojailbreak")
@dataclass(frozen=True, kw_only=True)
class AudioJailbreak(GradientAttack):
    """A suffix of sound after the spoken request that makes the model say the goal's target text.

    Who adds it after somebody has spoken needs neither to be in time with the speech nor to change it. The suffix is tanh of
    what is optimised, by Adam on the loss of the target; with `epsilon` it is so much above or below a base that hides what
    it is for: noise, the speech itself played backwards or three times as fast, a held chord, or a sound.

    The control is the suffix with the sign of every sample drawn anew: as loud, and in the same course.

    Parameters
    ----------
    length_s : float
        Length of the suffix in seconds.
    base : {"noise", "backwards", "fast", "chord", "hum", "horn", "laugh"}
        What it begins as.
    base_level : float
        RMS of the base, full scale being 1.
    epsilon : float
        How far a sample of the suffix may be from the base; 2 in the work's released case, which has no base and no bound.
    steps : int
        500, as in the work.
    learning_rate : float
        Of Adam: 0.001, as in the work.
    check_every : int
        Steps from one query to the next.
    stop_early : bool
        Whether a stimulus is done at the first suffix that reaches its goal.

    Notes
    -----
    Follows the released base case of the authors (AudioJailbreak/AudioJailbreak@b2c8df7): a tanh of a free variable, Adam, the
    cross-entropy of the target. Departs from [chen2025-audiojailbreak] in the bases, made here without recordings (its benign speech
    is left out); its universal form is `audiojailbreak_universal`, and rooms inside the loop are those of `qin_robust`.
    """

    source: ClassVar[str] = "chen2025-audiojailbreak"

    length_s: float = 1.0
    base: Literal["noise", "backwards", "fast", "chord", "hum", "horn", "laugh"] = "noise"
    base_level: float = 0.02
    epsilon: float = 2.0
    steps: int = 500
    learning_rate: float = 0.001
    check_every: int = 10
    stop_early: bool = True

    def __post_init__(self) -> None:
        _ = self.budget
        if self.base not in BASES:
            raise BadParameter(f"base of audiojailbreak must be one of {', '.join(BASES)}, got {self.base!r}")
        for name, low, high in (("length_s", 0, 30), ("base_level", 0, 1), ("learning_rate", 0, 2)):
            if not low < getattr(self, name) <= high:
                raise BadParameter(
                    f"{name} of audiojailbreak must be above {low} and at most {high}, got {getattr(self, name)!r}"
                )
        for name in ("steps", "check_every"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise BadParameter(f"{name} of audiojailbreak must be a whole number of at least 1, got {value!r}")

    @property
    def budget(self) -> Budget:
        """What a suffix may hold at most: full scale, or the base's loudest sample and `epsilon`; silence is what it is compared with."""
        return Budget(epsilon=min(2.0, LOUDEST * self.base_level + self.epsilon))

    def path(self, stimulus: Stimulus, *, rng: np.random.Generator) -> Path:
        """The suffixes of one clip."""
        return _SuffixPath(self, stimulus.clip, rng=rng)


class _SuffixPath(Path):
    """What comes after one clip."""

    _attack: AudioJailbreak

    def __init__(self, attack: AudioJailbreak, clean: AudioClip, *, rng: np.random.Generator) -> None:
        n = max(1, round(attack.length_s * clean.sample_rate))
        self._base, self._n_spoken = based(attack.base, clean, n, level=attack.base_level, rng=rng), clean.n_samples
        silent = clean.with_samples(np.concatenate([clean.samples, np.zeros(n, np.float32)]))
        super().__init__(attack, silent, rng=rng)
        self._free = (0.01 * rng.standard_normal(n)).astype(np.float32)
        self._adam = Adam(n)
        self._place()

    def advance(self, gradient: NDArray[np.float32]) -> bool:
        """A step of Adam on what the tanh is taken of."""
        own = gradient[self._n_spoken :]
        self._stopped = useless_gradient(own)
        if self._stopped:
            return False
        slope = self._reach * (1 - np.tanh(self._free) ** 2)
        self._free = self._free - self._adam.step(own * slope, learning_rate=self._attack.learning_rate)
        self._place()
        return True

    def asked(self) -> Candidate:
        """The clip and the suffix after it."""
        return Candidate(clip=self.clip(), n_after=self._base.size)

    def candidate(self, *, ended_by: str = "") -> Candidate:
        """The best suffix after the clip."""
        found = super().candidate(ended_by=ended_by)
        return Candidate(clip=found.clip, n_after=self._base.size, drawn=found.drawn, fault=found.fault)

    @property
    def _reach(self) -> np.float32:
        return np.float32(min(1.0, self._attack.epsilon))

    def _place(self) -> None:
        suffix = np.clip(self._base + self._reach * np.tanh(self._free), -1, 1)
        self._here = self._projected(np.concatenate([self._clean.samples[: self._n_spoken], suffix]).astype(np.float32))


def based(base: str, clip: AudioClip, n: int, *, level: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """What a suffix of `n` samples begins as, at an RMS of `level` and no sample above `LOUDEST` times that."""
    if base == "noise":
        samples = noise_stretch(n, clip.sample_rate, colour="speech", offset=int(rng.integers(1000)))
    elif base == "backwards":
        samples = np.resize(clip.samples[::-1], n)
    elif base == "fast":
        samples = np.resize(effects.speed(clip.samples, clip.sample_rate, factor=3.0)[0], n)
    elif base in SOUNDS:
        samples = SOUNDS[base](n, clip.sample_rate, rng=rng)
    else:
        time_s = np.arange(n) / clip.sample_rate
        samples = sum(np.sin(2 * np.pi * tone * time_s) for tone in CHORD_HZ[:4])
    rms = math.sqrt(float(np.mean(np.square(samples, dtype=np.float64)))) or 1.0
    return np.clip(samples * (level / rms), -LOUDEST * level, LOUDEST * level).astype(np.float32)
