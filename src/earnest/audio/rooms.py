"""Rooms: impulse responses of shoebox rooms, their reverberation time, and convolution with them.

The early part of a response comes from image sources [allen1979-image]; after 80 ms they are so dense that a decaying
noise takes over [lehmann2010-diffuse], which makes a response cheap. All walls absorb alike, at every frequency; how
much is first taken from Eyring's formula and then mended until the response has the reverberation time asked for
(within 3 % where four tries reach it; under 0.2 s, or with the source close to the microphone, they may not). Distances
are in metres, sound travels 343 m/s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from earnest.errors import BadParameter

SPEED_M_S = 343.0
EARLY_S = 0.08
FADE_S = 0.02
LEAD_S = 0.0025
"""What is kept of a response before its direct sound."""

HIGH_PASS_HZ = 40.0
_TAPS = 16
_FRACTIONS = 64
_ABREAST = 4
_TRIES = 4
_TOLERANCE = 0.03


@dataclass(frozen=True, kw_only=True)
class Shoebox:
    """A rectangular room with one source and one microphone.

    Parameters
    ----------
    size_m, source_m, microphone_m : tuple of three floats
        Length, width and height; places from one corner, inside the room.
    rt60_s : float
        Time in which the sound falls by 60 dB.
    tail_seed : int
        Draws the late reverberation.
    """

    size_m: tuple[float, float, float]
    source_m: tuple[float, float, float]
    microphone_m: tuple[float, float, float]
    rt60_s: float
    tail_seed: int

    def __post_init__(self) -> None:
        for name in ("size_m", "source_m", "microphone_m"):
            object.__setattr__(self, name, tuple(float(value) for value in getattr(self, name)))
        inside = all(
            0.0 < place < side for at in (self.source_m, self.microphone_m) for place, side in zip(at, self.size_m)
        )
        if len(self.size_m) != 3 or not inside:
            raise BadParameter(
                f"source and microphone must lie inside the room of {self.size_m} m, "
                f"got {self.source_m} and {self.microphone_m}; give three metres each"
            )
        if not 0.05 <= self.rt60_s <= 10.0:
            raise BadParameter(f"rt60_s must be from 0.05 to 10 s, got {self.rt60_s!r}; a living room has about 0.4")

    @classmethod
    def drawn(cls, *, rt60_s: float, rng: np.random.Generator) -> Shoebox:
        """A room of 3 to 10 by 3 to 8 by 2.5 to 4 m, source and microphone 0.5 m or more from the walls."""
        size = rng.uniform([3.0, 3.0, 2.5], [10.0, 8.0, 4.0])
        source, microphone = (rng.uniform(0.5, size - 0.5) for _ in range(2))
        seed = int(rng.integers(2**31))
        rounded = [tuple(float(value) for value in np.round(place, 3)) for place in (size, source, microphone)]
        return cls(size_m=rounded[0], source_m=rounded[1], microphone_m=rounded[2], rt60_s=rt60_s, tail_seed=seed)

    @property
    def direct_s(self) -> float:
        """When the direct sound arrives, in seconds."""
        return math.dist(self.source_m, self.microphone_m) / SPEED_M_S

    def reflection(self, decay_s: float) -> float:
        """Pressure reflection of the walls for a reverberation time in seconds, by Eyring's formula."""
        length, width, height = self.size_m
        surface = 2.0 * (length * width + width * height + length * height)
        decay = 24.0 * math.log(10.0) / SPEED_M_S * length * width * height / (surface * decay_s)
        return math.exp(-0.5 * decay)


@lru_cache(maxsize=64)
def impulse_response(room: Shoebox, sample_rate: int) -> np.ndarray:
    """What the microphone hears of a click: float32, shape (n_samples,), read-only.

    The direct sound has a peak of 1 and comes after `room.direct_s`; the end is where all has fallen by 60 dB.
    """
    decay_s = room.rt60_s
    for _ in range(_TRIES):
        response = _response(room, sample_rate, decay_s)
        measured_s = reverberation_time_s(response, sample_rate)
        if not abs(measured_s / room.rt60_s - 1.0) > _TOLERANCE:
            break
        decay_s *= min(max(room.rt60_s / measured_s, 0.5), 2.0)
    direct = round(room.direct_s * sample_rate)
    response /= response[max(0, direct - 1) : direct + 2].max()
    response = response.astype(np.float32)
    response.flags.writeable = False
    return response


def _response(room: Shoebox, sample_rate: int, decay_s: float) -> np.ndarray:
    n_samples = round((room.direct_s + max(decay_s, EARLY_S) + 0.01) * sample_rate)
    early = _image_sources(room, sample_rate, n_samples, decay_s)
    return _high_passed(_with_tail(early, room, sample_rate, decay_s), sample_rate)


def _image_sources(room: Shoebox, sample_rate: int, n_samples: int, decay_s: float) -> np.ndarray:
    """All images that are heard within the early part [allen1979-image, eq. 8], float64, shape (n_samples,)."""
    reach_m = SPEED_M_S * (room.direct_s + EARLY_S + FADE_S)
    squares, bounces = [], []
    for side, source, microphone in zip(room.size_m, room.source_m, room.microphone_m):
        n = np.arange(-math.ceil(reach_m / (2 * side)) - 1, math.ceil(reach_m / (2 * side)) + 2)
        squares.append(np.concatenate([2 * n * side + source - microphone, 2 * n * side - source - microphone]) ** 2)
        bounces.append(np.concatenate([np.abs(2 * n), np.abs(2 * n - 1)]))
    distance2 = squares[0][:, None, None] + squares[1][:, None] + squares[2]
    heard = distance2 < reach_m**2
    n_bounces = (bounces[0][:, None, None] + bounces[1][:, None] + bounces[2])[heard]
    distance = np.sqrt(distance2[heard])
    amplitude = room.reflection(decay_s) ** n_bounces / np.maximum(distance, 0.1)
    return _placed(distance * (sample_rate / SPEED_M_S), amplitude, n_samples)


@lru_cache(maxsize=1)
def _fractional_delays() -> np.ndarray:
    """Windowed sincs, float64, shape (_FRACTIONS + 1, _TAPS): a click between two samples."""
    taps = np.arange(_TAPS) - (_TAPS // 2 - 1) - np.linspace(0.0, 1.0, _FRACTIONS + 1)[:, None]
    return np.sinc(taps) * np.cos(np.pi * taps / (_TAPS + 2)) ** 2


def _placed(delay: np.ndarray, amplitude: np.ndarray, n_samples: int) -> np.ndarray:
    """Clicks at delays in samples, which need not be whole."""
    whole = np.floor(delay).astype(np.int64)
    shape = _fractional_delays()[np.rint((delay - whole) * _FRACTIONS).astype(np.int64)]
    lead = _TAPS // 2 - 1
    at = whole[:, None] + np.arange(_TAPS)  # shifted by `lead`, so that nothing lies before 0
    length = n_samples + lead
    kept = at < length
    clicks = np.bincount(at[kept], weights=(shape * amplitude[:, None])[kept], minlength=length)
    return clicks[lead:]


def _with_tail(early: np.ndarray, room: Shoebox, sample_rate: int, decay_s: float) -> np.ndarray:
    """The early part faded into a noise that decays by 60 dB in `decay_s` and has its power where both meet."""
    start, fade = round((room.direct_s + EARLY_S - FADE_S) * sample_rate), round(FADE_S * sample_rate)
    if start + 2 * fade >= len(early):
        return early
    time_s = np.arange(len(early) - start) / sample_rate
    tail = np.random.Generator(np.random.PCG64(room.tail_seed)).standard_normal(len(time_s))
    tail *= 10.0 ** (-3.0 * time_s / decay_s)
    met = slice(start - fade, start + fade)
    decay = 10.0 ** (-6.0 * (np.arange(2 * fade) - fade) / sample_rate / decay_s)
    tail *= math.sqrt(float(np.square(early[met]).sum() / decay.sum()))
    across = np.clip(np.arange(len(tail)) / fade, 0.0, 1.0) * (np.pi / 2)
    whole = early.copy()
    whole[start:] = whole[start:] * np.cos(across) + tail * np.sin(across)
    return whole


def _high_passed(response: np.ndarray, sample_rate: int) -> np.ndarray:
    """Without the pressure that images, all of one sign, heap up at the lowest frequencies."""
    from scipy import fft

    padded = fft.next_fast_len(len(response) + round(0.05 * sample_rate), real=True)
    frequency = np.fft.rfftfreq(padded, 1.0 / sample_rate)
    gain = (frequency / (frequency - 1j * HIGH_PASS_HZ)) ** 2  # of second order and causal: nothing before the sound
    return fft.irfft(fft.rfft(response, padded) * gain, padded)[: len(response)]


def reverberation_time_s(response: np.ndarray, sample_rate: int) -> float:
    """RT60 in seconds, from the slope between -5 and -25 dB of the backward-integrated energy [schroeder1965-method].

    Parameters
    ----------
    response : float array, shape (n_samples,)
        An impulse response.

    Returns
    -------
    float
        nan where the response ends before it has fallen by 25 dB.
    """
    energy = np.cumsum(np.square(response[::-1], dtype=np.float64))[::-1]
    if energy[0] <= 0:
        return math.nan
    level_db = 10.0 * np.log10(np.maximum(energy / energy[0], 1e-12))
    start, end = np.searchsorted(-level_db, [5.0, 25.0])
    if end >= len(level_db) or end - start < 2:
        return math.nan
    slope = np.polyfit(np.arange(start, end) / sample_rate, level_db[start:end], 1)[0]
    return float(-60.0 / slope)


@dataclass(frozen=True, eq=False)
class PreparedResponse:
    """An impulse response ready for convolution.

    Parameters
    ----------
    response : float32 array, shape (n_samples,)
    direct : int
        Where its direct sound lies.
    """

    response: np.ndarray
    direct: int


def prepared(response: np.ndarray, sample_rate: int, *, direct: int | None = None) -> PreparedResponse:
    """The response cut before its direct sound.

    Parameters
    ----------
    response : float array, shape (n_samples,)
    sample_rate : int
        In Hz.
    direct : int or None
        Where the direct sound lies; None takes the largest peak, and makes it 1.

    Raises
    ------
    BadParameter
        If the response is silent.
    """
    peak = int(np.argmax(np.abs(response)))
    if response[peak] == 0.0:
        raise BadParameter("impulse_response must hold a click, got silence; choose another response")
    scale = response[peak] if direct is None else 1.0
    direct = peak if direct is None else direct
    start = max(0, direct - round(LEAD_S * sample_rate))
    return PreparedResponse((response[start:] / scale).astype(np.float32), direct - start)


def convolved(samples: np.ndarray, response: PreparedResponse) -> np.ndarray:
    """The samples heard through a response, of the same length and aligned with its direct sound.

    Overlap-save in float32, four blocks at a time: that many transforms run abreast, and they stay in the cache.
    """
    from scipy import fft

    n_needed, before = len(samples) + response.direct, len(response.response) - 1
    n_fft, n_groups = _blocks(n_needed, before)
    hop = n_fft - before
    spectrum = _spectrum(response, n_fft)
    padded = np.zeros(before + _ABREAST * n_groups * hop, dtype=np.float32)
    padded[before : before + len(samples)] = samples
    whole = np.empty((_ABREAST * n_groups, hop), dtype=np.float32)
    for first in range(0, len(whole), _ABREAST):
        blocks = np.ndarray((_ABREAST, n_fft), np.float32, padded, offset=4 * first * hop, strides=(4 * hop, 4))
        spectra = fft.rfft(blocks, axis=1)
        spectra *= spectrum
        whole[first : first + _ABREAST] = fft.irfft(spectra, n_fft, axis=1)[:, before:]
    return whole.reshape(-1)[response.direct : n_needed]


@lru_cache(maxsize=256)
def _blocks(n_needed: int, before: int) -> tuple[int, int]:
    """Length of the transforms, and how many groups of them: the cheapest that cover `n_needed` samples."""
    from scipy import fft

    fewest = max(1, n_needed // (_ABREAST * max(4 * before, 24_000)))
    plans = [
        (fft.next_fast_len(-(-n_needed // (_ABREAST * n)) + before, real=True), n) for n in range(fewest, fewest + 3)
    ]
    return min(plans, key=lambda plan: plan[1] * plan[0] * math.log2(plan[0] + 1))


@lru_cache(maxsize=64)
def _spectrum(response: PreparedResponse, n_fft: int) -> np.ndarray:
    from scipy import fft

    return fft.rfft(response.response, n_fft)
