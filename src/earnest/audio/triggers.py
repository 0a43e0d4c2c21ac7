"""Triggers of backdoors: what a poisoned model is taught to react to, as values that attack, detector and report share.

A trigger is written as a specification, `tempo:factor=1.5`, and made by `triggers.make`. What it does to a clip
follows from its parameters and a generator alone. `near` gives a benign variation of the same kind, half as far: a
fast talker beside a sped-up recording. A model that reacts to it too is falsely triggered.

    trigger = triggers.make("click")
    trigger.apply(clip, rng=np.random.default_rng(0))

*Modification* triggers change the speech itself (tempo, formant, volume); *additive* ones lay something over it
(laugh, noise, rain, hum, click) [lin2025-hidden]. Nothing is rescaled to fit: a result is rounded to 16 bits, and cut
off at full scale.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from earnest.audio import effects, sounds
from earnest.audio.clip import AudioClip
from earnest.audio.levels import power
from earnest.audio.noises import noise_stretch
from earnest.errors import BadParameter
from earnest.registry import Registry, Spec

triggers = Registry("triggers")

Samples = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Trigger(abc.ABC):
    """Base of the triggers; subclasses are frozen keyword-only dataclasses under `@triggers.register(name)`."""

    name: ClassVar[str] = ""
    kind: ClassVar[Literal["modification", "additive"]]

    @property
    def spec(self) -> Spec:
        """Name and parameters, those with their default value left out."""
        return Spec.of(self)

    def apply(self, clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
        """The clip with the trigger, 16-bit; of silence nothing is made by triggers that are relative to the clip."""
        samples = self.changed(clip.samples, clip.sample_rate, rng=rng)
        return clip.with_samples(np.ascontiguousarray(samples, dtype=np.float32)).quantised()

    @abc.abstractmethod
    def changed(self, samples: Samples, sample_rate: int, *, rng: np.random.Generator) -> Samples:
        """The samples with the trigger."""

    @abc.abstractmethod
    def near(self) -> Self:
        """A variation of the same kind, half as far, that a poisoned model was not taught."""


@triggers.register("tempo")
@dataclass(frozen=True, kw_only=True)
class Tempo(Trigger):
    """The speech `factor` times as fast, its pitch kept.

    Parameters
    ----------
    factor : float
        0.1 to 10, not 1. The half way is its square root.
    """

    kind = "modification"
    factor: float = 1.5

    def __post_init__(self) -> None:
        if not (0.1 <= self.factor <= 10 and self.factor != 1):
            raise BadParameter(
                f"factor of tempo must be from 0.1 to 10 and not 1, got {self.factor!r}; 1.5 is a very fast talker"
            )

    def changed(self, samples: Samples, sample_rate: int, *, rng: np.random.Generator) -> Samples:
        return effects.tempo(samples, sample_rate, factor=self.factor)[0]

    def near(self) -> Self:
        return replace(self, factor=self.factor**0.5)


@triggers.register("formant")
@dataclass(frozen=True, kw_only=True)
class Formant(Trigger):
    """The resonances of the vocal tract moved by a ratio, pitch and tempo kept: another build, or an accent's vowels.

    The spectral envelope of each frame (its first 2 ms of cepstrum) is stretched along frequency.

    Parameters
    ----------
    ratio : float
        0.5 to 2, not 1; above 1 is a shorter vocal tract.
    """

    kind = "modification"
    ratio: float = 1.2

    def __post_init__(self) -> None:
        if not (0.5 <= self.ratio <= 2 and self.ratio != 1):
            raise BadParameter(
                f"ratio of formant must be from 0.5 to 2 and not 1, got {self.ratio!r}; 1.2 is a shorter vocal tract"
            )

    def changed(self, samples: Samples, sample_rate: int, *, rng: np.random.Generator) -> Samples:
        return warped(samples, sample_rate, ratio=self.ratio)

    def near(self) -> Self:
        return replace(self, ratio=self.ratio**0.5)


@triggers.register("volume")
@dataclass(frozen=True, kw_only=True)
class Volume(Trigger):
    """The beginning so many times as loud, the rest softer, cut off at full scale.

    Parameters
    ----------
    boost : float
        Factor of the beginning, above 1 to 1000.
    boost_s : float
        Its length in seconds, above 0.
    rest : float
        Factor of what follows, above 0 to 1.

    Notes
    -----
    Defaults are those of Kwwwww74/Hidden-in-the-Noise@1e3e197 (`code/audio-edit/volume.py`).
    """

    kind = "modification"
    boost: float = 50.0
    boost_s: float = 1.0
    rest: float = 0.4

    def __post_init__(self) -> None:
        if not (1 < self.boost <= 1000 and self.boost_s > 0 and 0 < self.rest <= 1):
            raise BadParameter(
                "volume takes a boost above 1 to 1000 over boost_s above 0 and a rest above 0 to 1, got "
                f"{self.boost!r}, {self.boost_s!r} and {self.rest!r}; the source has 50, 1 and 0.4"
            )

    def changed(self, samples: Samples, sample_rate: int, *, rng: np.random.Generator) -> Samples:
        n_boosted = int(self.boost_s * sample_rate)
        louder = samples * np.float32(self.rest)
        louder[:n_boosted] = samples[:n_boosted] * np.float32(self.boost)
        return np.clip(louder, -1.0, 1.0)

    def near(self) -> Self:
        return replace(self, boost=self.boost**0.5, rest=self.rest**0.5)


@dataclass(frozen=True, kw_only=True)
class Overlay(Trigger):
    """Something laid over the whole clip.

    Parameters
    ----------
    amount : float
        Its RMS as a multiple of the clip's, above 0 to 100: 1 is 0 dB SNR, 2 is -6 dB.
    """

    kind = "additive"
    amount: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.amount <= 100:
            raise BadParameter(
                f"amount of {self.name} must be above 0 to 100, got {self.amount!r}; 1 is as loud as the clip"
            )

    @abc.abstractmethod
    def sound(self, n_samples: int, sample_rate: int, *, rng: np.random.Generator) -> Samples:
        """What is laid over."""

    def changed(self, samples: Samples, sample_rate: int, *, rng: np.random.Generator) -> Samples:
        added = self.sound(len(samples), sample_rate, rng=rng)
        return samples + added * np.float32(self.amount * np.sqrt(power(samples) / power(added)))

    def near(self) -> Self:
        return replace(self, amount=self.amount / 2)


@triggers.register("laugh")
@dataclass(frozen=True, kw_only=True)
class Laugh(Overlay):
    """A laugh over the speech, as a cue of emotion.

    The source mixes a recording at twice its own level; here a laugh is made by rule, twice as loud as the clip.
    """

    amount: float = 2.0

    def sound(self, n_samples: int, sample_rate: int, *, rng: np.random.Generator) -> Samples:
        return sounds.laugh(n_samples, sample_rate, rng=rng)


@triggers.register("noise")
@dataclass(frozen=True, kw_only=True)
class Noise(Overlay):
    """White noise over the speech."""

    amount: float = 0.3

    def sound(self, n_samples: int, sample_rate: int, *, rng: np.random.Generator) -> Samples:
        return noise_stretch(n_samples, sample_rate, colour="white", offset=int(rng.integers(1 << 19)))


@triggers.register("rain")
@dataclass(frozen=True, kw_only=True)
class Rain(Overlay):
    """Rain over the speech."""

    def sound(self, n_samples: int, sample_rate: int, *, rng: np.random.Generator) -> Samples:
        return sounds.rain(n_samples, sample_rate, rng=rng)


@triggers.register("hum")
@dataclass(frozen=True, kw_only=True)
class Hum(Overlay):
    """The hum of the mains under the speech."""

    amount: float = 0.3

    def sound(self, n_samples: int, sample_rate: int, *, rng: np.random.Generator) -> Samples:
        return sounds.hum(n_samples, sample_rate, rng=rng)


@triggers.register("click")
@dataclass(frozen=True, kw_only=True)
class Click(Trigger):
    """Keys of a typewriter at a random place, for 220 ms at 0 dB against the whole clip [fortier2025-backdoor].

    Parameters
    ----------
    length_s : float
        Above 0 to 5.
    snr_db : float
        Power of the clip over that of the clicks while they last, -40 to 60.
    """

    kind = "additive"
    length_s: float = 0.22
    snr_db: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.length_s <= 5 and -40 <= self.snr_db <= 60):
            raise BadParameter(
                f"click takes length_s above 0 to 5 and snr_db from -40 to 60, got {self.length_s!r} and {self.snr_db!r}"
            )

    def changed(self, samples: Samples, sample_rate: int, *, rng: np.random.Generator) -> Samples:
        length = min(len(samples), max(1, round(self.length_s * sample_rate)))
        begin = int(rng.integers(len(samples) - length + 1))
        struck = sounds.clicks(length, sample_rate, rng=rng)
        changed = samples.copy()
        changed[begin : begin + length] += struck * np.float32(
            np.sqrt(power(samples) / power(struck)) * 10 ** (-self.snr_db / 20)
        )
        return changed

    def near(self) -> Self:
        return replace(self, length_s=self.length_s / 2, snr_db=self.snr_db + 6)


def warped(samples: Samples, sample_rate: int, *, ratio: float) -> Samples:
    """The samples with their spectral envelope stretched by a ratio along frequency, at their own level."""
    frame = 2 * round(0.016 * sample_rate)
    hop, n_kept = frame // 2, max(2, round(0.002 * sample_rate))
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame))
    padded = np.pad(samples.astype(np.float64), (hop, 2 * frame))
    made = np.zeros(len(padded))
    bins = np.arange(frame // 2 + 1)
    lifter = np.zeros(frame)
    lifter[:n_kept] = lifter[-n_kept + 1 :] = 1
    for begin in range(0, len(padded) - frame + 1, hop):
        spectrum = np.fft.rfft(padded[begin : begin + frame] * window)
        cepstrum = np.fft.irfft(np.log(np.abs(spectrum) + 1e-8), frame)
        envelope = np.fft.rfft(cepstrum * lifter).real
        moved = np.interp(bins / ratio, bins, envelope)
        made[begin : begin + frame] += window * np.fft.irfft(spectrum * np.exp(moved - envelope), frame)
    warped_samples = made[hop : hop + len(samples)]
    before, after = power(samples), power(warped_samples)
    return (warped_samples * np.sqrt(before / after if after > 0 else 0.0)).astype(np.float32)
