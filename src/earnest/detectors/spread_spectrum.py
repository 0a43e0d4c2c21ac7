"""A watermark spread over time and frequency, under a key, with a stated rate of false positives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from earnest.audio import AudioClip
from earnest.detectors._base import detectors
from earnest.detectors._watermark import Reading, Watermark, bits_of, message_of
from earnest.errors import BadAudio, BadParameter
from earnest.models.access import rng_for

Floats = NDArray[np.float64]

FRAME_S = 0.032
LOW_HZ, HIGH_HZ, BANDS_AN_OCTAVE = 600.0, 7000.0, 12
N_BANDS = int(math.log2(HIGH_HZ / LOW_HZ) * BANDS_AN_OCTAVE)
BLOCK = 2
"""Frames of a chip, at every half frame: 32 ms."""
N_BLOCKS = 96
"""Chips of a band before the pattern begins again: 3.07 s."""
PERIOD = BLOCK * N_BLOCKS
SCALES = tuple(1 + 0.0025 * step for step in range(-32, 33))
"""Tempi that are tried, as a share of the one that the clip was marked at."""
N_TESTS = PERIOD * len(SCALES)
AROUND = 7
"""Bands and frames whose mean a level is compared with."""
FLOOR_DB = 60.0
"""Levels further below the loudest of the clip count as that far below."""
CLIP_DB = 20.0
"""Deviations from the neighbourhood are cut off there, so that no single one decides."""
DEAD = 0.2
"""A band whose level varies less than this share of the livelier bands' is left out."""
MIN_RATE, MIN_S = 8000, 1.0


@detectors.register("spread_spectrum")
@dataclass(frozen=True, kw_only=True)
class SpreadSpectrum(Watermark):
    """A mark of many small changes of level, each up or down as a key says, between 600 Hz and 7 kHz [kirovski2003-spread].

    Time and frequency are cut into blocks of 32 ms and a twelfth of an octave; in each the level is raised or lowered by
    `depth_db`. The pattern repeats every 3.07 s. Half of the blocks show whether there is a mark, the others carry the message
    of 16 bits. Detection compares each block with its neighbours, weights bands by how little their level varies, adds up all
    periods, and tries every place at which the pattern may begin and 65 tempi within 8 %; so clips may be cut, and played a
    little faster or slower.

    The score is minus the largest statistic t over these tests. Of a clip that does not depend on the key, each
    test is a sum of independent signs with weights of norm 1, which exceeds t with a probability of at most exp(-t² / 2)
    (Hoeffding), whatever the clip is. So the threshold sqrt(2 ln(tests / false_alarms)) keeps the rate of false
    positives, over keys, below `false_alarms`; it is a bound, and the true rate is lower.

    Parameters
    ----------
    key : str
        Whoever has it can find the mark, and take it out.
    depth_db : float
        How far levels are raised and lowered: above 0 to 6.
    false_alarms : float
        Most unmarked clips, as a share, that may be taken for marked ones.

    Notes
    -----
    As in [kirovski2003-spread] the mark lies in the logarithm of spectral magnitudes, is repeated against shifts of time, and is
    looked for at several of them. Ours are the bands in octaves (a change of pitch moves all of them alike), the whitening against neighbours and the
    bound. The published scheme's psychoacoustic and cepstral filters are not here.
    """

    source: ClassVar[str] = "kirovski2003-spread"
    detects: ClassVar[str] = "this key's watermark"
    limits: ClassVar[str] = (
        "clips under some 3 s hold too few blocks to be sure; resynthesis by a vocoder, noise and long rooms weaken it; who has the "
        "key, or many clips under it, can take it out"
    )
    free: ClassVar[frozenset[str]] = frozenset({"false_alarms"})

    key: str = "earnest"
    depth_db: float = 2.0
    false_alarms: float = 1e-3

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", str(self.key))  # digits are read as a number from a specification
        if not self.key:
            raise BadParameter("spread_spectrum needs a key, got an empty one; any text will do")
        if not 0 < self.depth_db <= 6:
            raise BadParameter(f"depth_db of spread_spectrum must lie above 0 and up to 6 dB, got {self.depth_db!r}")
        if not 0 < self.false_alarms < 1:
            raise BadParameter(f"false_alarms of spread_spectrum must lie between 0 and 1, got {self.false_alarms!r}")

    @property
    def n_bits(self) -> int:
        """16."""
        return 16

    @property
    def limit(self) -> float:
        """Statistics above it are taken for a mark."""
        return math.sqrt(2 * math.log(N_TESTS / self.false_alarms))

    @property
    def threshold(self) -> float:
        """Minus `limit`."""
        return -self.limit

    def embed(self, clip: AudioClip, *, message: str = "") -> AudioClip:
        """The clip with the mark, not rounded; of a clip whose peaks would exceed full scale nothing is cut off."""
        signs = self._signs(bits_of(message, n_bits=self.n_bits, name=self.name))
        frame = _frame(clip)
        spectra = _spectra(clip.samples, frame)
        chips = signs[(np.arange(len(spectra)) // BLOCK) % N_BLOCKS]
        band = _bands(frame, clip.sample_rate)
        gains = np.zeros(spectra.shape)
        inside = band >= 0
        gains[:, inside] = chips[:, band[inside]]
        marked = _overlapped(spectra * 10 ** (self.depth_db * gains / 20), frame)[: clip.n_samples]
        return clip.with_samples(marked.astype(np.float32))

    def read(self, clip: AudioClip) -> Reading:
        """The largest statistic over all tests, and the message read at its place."""
        levels = _levels(clip)
        best, message = -math.inf, ""
        for scale in SCALES:
            folded = _folded(levels, scale)
            statistics = self._statistics(folded)
            if statistics.max() > best:
                best, blocks = float(statistics.max()), _blocks(folded, int(statistics.argmax()))
                sums = [float((self._chips * blocks)[self._carries == bit].sum()) for bit in range(self.n_bits)]
                message = message_of([int(one < 0) for one in sums])
        return Reading(statistic=best, marked=best > self.limit, message=message)

    def _statistics(self, folded: Floats) -> Floats:
        """Of the pattern beginning at each frame of a period; shape (PERIOD,).

        The sum of the blocks that carry no bit, each with its sign, over the root of the sum of their squares; by a circular
        correlation, of blocks that begin at even frames and of those that begin at odd ones.
        """
        found = np.zeros(PERIOD)
        for begin in range(BLOCK):
            blocks = _blocks(folded, begin)
            sums, squares = _correlated(blocks, self._pattern), _correlated(blocks**2, self._tells)
            heard = squares > 1e-9 * max(1e-300, float(squares.max()))
            found[begin::BLOCK][heard] = sums[heard] / np.sqrt(squares[heard])
        return found

    def _signs(self, bits: list[int]) -> Floats:
        """Up or down of every block, shape (N_BLOCKS, N_BANDS): chips as they are, or turned where their bit is 1."""
        turned = np.array([*(1 - 2 * bit for bit in bits), 1])  # the last is that of blocks that carry none, at -1
        return self._chips * turned[self._carries]

    @cached_property
    def _chips(self) -> Floats:
        return rng_for(0, "spread_spectrum", "chips", self.key).choice([-1.0, 1.0], (N_BLOCKS, N_BANDS))

    @cached_property
    def _tells(self) -> NDArray[np.complex128]:
        """Transform of the blocks that carry no bit, 1 there."""
        return np.conj(np.fft.rfft((self._carries < 0).astype(np.float64), axis=0))

    @cached_property
    def _pattern(self) -> NDArray[np.complex128]:
        """Transform of their chips."""
        return np.conj(np.fft.rfft(np.where(self._carries < 0, self._chips, 0.0), axis=0))

    @cached_property
    def _carries(self) -> NDArray[np.int64]:
        """The bit that each block carries; -1 for the half that tells of the mark alone."""
        places = rng_for(0, "spread_spectrum", "places", self.key).permutation(N_BLOCKS * N_BANDS)
        carries = np.full(places.size, -1)
        carries[places[: places.size // 2]] = np.arange(places.size // 2) % self.n_bits
        return carries.reshape(N_BLOCKS, N_BANDS)


def _frame(clip: AudioClip) -> int:
    if clip.sample_rate < MIN_RATE or clip.duration_s < MIN_S:
        raise BadAudio(
            f"a clip must last {MIN_S:g} s at {MIN_RATE} Hz or more to hold a mark, got {clip.duration_s:.2f} s at {clip.sample_rate} Hz"
        )
    return 2 * round(FRAME_S * clip.sample_rate / 2)


def _window(frame: int) -> Floats:
    return np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame))


def _spectra(samples: NDArray[np.float32], frame: int) -> NDArray[np.complex128]:
    hop = frame // 2
    padded = np.pad(samples.astype(np.float64), (hop, frame + hop))
    framed = np.lib.stride_tricks.sliding_window_view(padded, frame)[::hop]
    return np.fft.rfft(framed * _window(frame))


def _overlapped(spectra: NDArray[np.complex128], frame: int) -> Floats:
    """The samples of spectra: exactly those that they are of, if nothing was changed."""
    hop = frame // 2
    frames = np.fft.irfft(spectra, frame) * _window(frame)
    total = np.zeros((len(frames) + 1) * hop)
    for place, one in enumerate(frames):
        total[place * hop : place * hop + frame] += one
    return total[hop:]


def _bands(frame: int, sample_rate: int) -> NDArray[np.int64]:
    """The band of each bin; -1 outside."""
    hz = np.arange(frame // 2 + 1) * sample_rate / frame
    band = np.floor(BANDS_AN_OCTAVE * np.log2(np.maximum(hz, 1.0) / LOW_HZ)).astype(np.int64)
    return np.where((band >= 0) & (band < N_BANDS), band, -1)


def _levels(clip: AudioClip) -> Floats:
    """Level of each frame and band against its neighbourhood in time and frequency, over its variance, shape (n_frames, N_BANDS)."""
    frame = _frame(clip)
    power = np.abs(_spectra(clip.samples, frame)) ** 2
    if not power.any():
        raise BadAudio("a clip must hold sound to hold a mark, got silence")
    band = _bands(frame, clip.sample_rate)
    level = 10 * np.log10(power + 1e-30)
    level = np.maximum(level, level.max() - FLOOR_DB)
    by_band = np.zeros((len(level), N_BANDS))
    there = [one for one in range(N_BANDS) if np.any(band == one)]  # none above half the sample rate
    by_band[:, there] = np.stack([level[:, band == one].mean(axis=1) for one in there], axis=1)
    flat = by_band - uniform_filter1d(by_band, AROUND, axis=1, mode="nearest")
    flat -= uniform_filter1d(flat, AROUND, axis=0, mode="nearest")
    flat = np.clip(flat, -CLIP_DB, CLIP_DB)
    flat[:, [one for one in range(N_BANDS) if one not in there]] = 0.0
    variance = flat.var(axis=0)
    dead = variance <= DEAD * max(
        1e-12, float(np.quantile(variance, 0.8))
    )  # what a low-pass filter has left at the floor
    return flat / np.where(dead, np.inf, variance)


def _folded(levels: Floats, scale: float) -> Floats:
    """All periods added up after the time scale is undone, shape (PERIOD, N_BANDS); `scale` is how much faster the clip is."""
    n_frames = max(1, round(len(levels) * scale))
    at = np.linspace(0, len(levels) - 1, n_frames)
    low = at.astype(np.int64)
    part = (at - low)[:, None]
    stretched = levels[low] * (1 - part) + levels[np.minimum(low + 1, len(levels) - 1)] * part
    padded = np.zeros((-(-n_frames // PERIOD) * PERIOD, levels.shape[1]))
    padded[:n_frames] = stretched
    return padded.reshape(-1, PERIOD, levels.shape[1]).sum(axis=0)


def _blocks(folded: Floats, begin: int) -> Floats:
    """Sums over the blocks of the pattern if it begins at a frame, shape (N_BLOCKS, N_BANDS)."""
    return np.roll(folded, -begin, axis=0).reshape(N_BLOCKS, BLOCK, -1).sum(axis=1)


def _correlated(blocks: Floats, pattern: NDArray[np.complex128]) -> Floats:
    """Sums over bands of the circular correlation with a pattern, shape (N_BLOCKS,)."""
    return np.fft.irfft((np.fft.rfft(blocks, axis=0) * pattern).sum(axis=1), N_BLOCKS)
