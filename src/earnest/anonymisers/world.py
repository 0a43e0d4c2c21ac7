"""Pitch and formants moved by the WORLD vocoder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest import registry
from earnest.anonymisers._base import Anonymiser, Drawn, anonymisers, at_level_of
from earnest.audio import AudioClip, Entry
from earnest.errors import BadParameter

Floats = NDArray[np.float64]

LEAST_RATE = 8_000


@anonymisers.register("world")
@dataclass(frozen=True, kw_only=True)
class World(Anonymiser):
    """Pitch and formants scaled over the WORLD vocoder [morise2016-world], both drawn at random for a voice.

    Harvest finds the pitch, CheapTrick the envelope and D4C the aperiodicity, every 5 ms. The pitch is multiplied, envelope
    and aperiodicity are stretched along the frequency axis, and WORLD speaks again. Scaling both uniformly is what
    [yao2023-formant] do inside a neural system; here nothing is trained, and timing, intonation and accent stay as they are, so
    a trained attacker keeps much to go by.

    Needs `earnest[world]`.

    Parameters
    ----------
    semitones : float
        The pitch is moved by an even draw between this many semitones down and up, 0 to 24.
    formants : float
        The envelope is stretched by a factor between 1 / formants and formants, evenly in its logarithm; 1 to 2.
    """

    source: ClassVar[str] = "yao2023-formant"

    semitones: float = 6.0
    formants: float = 1.25

    def __post_init__(self) -> None:
        if not 0 <= self.semitones <= 24:
            raise BadParameter(f"semitones of world must be from 0 to 24, got {self.semitones!r}")
        if not 1 <= self.formants <= 2:
            raise BadParameter(f"formants of world must be from 1 to 2, got {self.formants!r}; 1 leaves them alone")

    def draw(self, rng: np.random.Generator) -> Drawn:
        """By how much pitch and formants of a voice are multiplied."""
        pitch = 2 ** (rng.uniform(-self.semitones, self.semitones) / 12)
        formants = math.exp(rng.uniform(-1.0, 1.0) * math.log(self.formants))
        return {"pitch": round(float(pitch), 6), "formants": round(formants, 6)}

    def apply(self, entry: Entry, clip: AudioClip, drawn: Drawn) -> AudioClip:
        """The clip with pitch and formants scaled."""
        if drawn["pitch"] == 1 and drawn["formants"] == 1:
            return clip
        world = registry.extra("pyworld", needed_by="anonymiser 'world'")
        given = clip if clip.sample_rate >= LEAST_RATE else clip.resampled(LEAST_RATE)
        rate = given.sample_rate
        pitch, envelope, aperiodicity = _analysed(given)
        spoken = world.synthesize(
            pitch * drawn["pitch"],
            stretched(envelope, factor=drawn["formants"]),
            stretched(aperiodicity, factor=drawn["formants"]),
            rate,
        )
        back = AudioClip(spoken.astype(np.float32), rate).resampled(clip.sample_rate).samples[: clip.n_samples]
        return at_level_of(clip, np.pad(back, (0, clip.n_samples - len(back))))


@lru_cache(maxsize=1)
def _analysed(clip: AudioClip) -> tuple[Floats, Floats, Floats]:
    """Pitch, envelope and aperiodicity; kept for the next voice of the same clip, since the analysis takes most of the time."""
    world = registry.extra("pyworld", needed_by="anonymiser 'world'")
    samples, rate = clip.samples.astype(np.float64), clip.sample_rate
    pitch, times = world.harvest(samples, rate)
    envelope = world.cheaptrick(samples, pitch, times, rate)
    return pitch, envelope, world.d4c(samples, pitch, times, rate)


def stretched(spectra: Floats, *, factor: float) -> Floats:
    """Rows of positive values, moved along the frequency axis: what lay at f lies at f times the factor.

    Interpolated in the logarithm; above half the rate the last value is repeated.

    Examples
    --------
    >>> stretched(np.array([[1.0, 10.0, 100.0, 1000.0, 10000.0]]), factor=2.0)[0, [0, 2, 4]].round(6).tolist()
    [1.0, 10.0, 100.0]
    """
    bins = np.arange(spectra.shape[1])
    place = np.minimum(bins / factor, bins[-1])
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, bins[-1])
    share = place - low
    logs = np.log(np.maximum(spectra, 1e-16))
    return np.ascontiguousarray(np.exp(logs[:, low] * (1 - share) + logs[:, high] * share))
