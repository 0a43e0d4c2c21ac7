"""What a listener cannot hear beside a sound: the masking threshold of Lin and Abdulla, as attacks on speech use it.

All is told in dB on a scale where the loudest bin of each frame is 96 dB, in frames of 2,048 samples at every 512th, of
which the last is filled with zeros. A change is masked where its power density lies below the threshold. Every local
maximum of a frame's density counts as a tonal masker; those below the threshold in quiet are left out, and of two within
half a Bark the weaker, until none is left. A masker spreads by 27 dB a Bark towards lower frequencies and by less towards
higher ones, the louder it is.

The rule is that of [qin2019-imperceptible] as the Adversarial Robustness Toolbox 1.20.1 has it, put right in two places:
the distance of two maskers is that of their frequencies (there, of their places among the maskers), and the stronger of
two is the one that the next is compared with (there, whichever comes after the weaker). Both slips leave maskers standing
that the rule drops, and so allow changes that can be heard.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earnest.errors import BadParameter

WINDOW = 2048
HOP = 512
FULL_SCALE_DB = 96.0
NEAR_BARK = 0.5
"""Of two maskers nearer than that the weaker is dropped."""
_GAIN = 8.0 / 3.0
"""Makes up for the energy that a Hann window takes."""
_EPS = float(np.finfo(np.float32).eps)
_FLOOR_HZ, _CEILING_HZ = 20.0, 20_000.0
"""Outside, nothing is heard."""


@dataclass(frozen=True)
class Masking:
    """What a clip masks.

    Parameters
    ----------
    threshold_db : float32 array, shape (n_frames, n_bins)
        Infinite where nothing is heard (below 20 Hz).
    loudest_db : float64 array, shape (n_frames,)
        Density of each frame's loudest bin before it was set to 96 dB.
    n_samples : int
        Length of the clip.
    """

    threshold_db: NDArray[np.float32]
    loudest_db: NDArray[np.float64]
    n_samples: int

    @classmethod
    def of(cls, samples: NDArray[np.float32], sample_rate: int) -> Masking:
        """The masking threshold of a clip.

        Parameters
        ----------
        samples : float32 array, shape (n_samples,)
        sample_rate : int
            In Hz.
        """
        density = _density_db(_spectra(samples))
        loudest = density.max(axis=1)
        return cls(_thresholds(density + (FULL_SCALE_DB - loudest)[:, None], sample_rate), loudest, samples.size)

    def excess_db(self, change: NDArray[np.float32]) -> float:
        """How far a change is above the threshold, in dB: the mean over all frames and audible bins of what is above it.

        0 where all of it is masked, or nothing is changed.

        Raises
        ------
        BadParameter
            If the change has another length than the clip.
        """
        above = (
            _density_db(self._spectra(change), floor=0.0)
            + (FULL_SCALE_DB - self.loudest_db)[:, None]
            - self.threshold_db
        )
        heard = np.isfinite(self.threshold_db)
        return float(np.maximum(above, 0.0)[heard].sum() / max(1, heard.sum()))

    def hinge(self, change: NDArray[np.float32]) -> tuple[float, NDArray[np.float32]]:
        """Mean of max(0, power of the change - threshold) over frames and bins, and its gradient with respect to the change.

        On the linear scale, as [qin2019-imperceptible] lowers it (equation 5): a difference of logarithms has no gradient
        to speak of where the change is small.
        """
        spectra = self._spectra(change)
        scale = 10 ** ((FULL_SCALE_DB - self.loudest_db) / 10)[:, None] * _GAIN / WINDOW**2
        over = scale * np.abs(spectra) ** 2 - _linear(self.threshold_db)
        over[~np.isfinite(over)] = -1.0
        weights = (over > 0) * scale / over.size
        loss = float(np.maximum(over, 0.0).sum() / over.size)
        return loss, _back(2.0 * weights * spectra, change.size)

    def _spectra(self, change: NDArray[np.float32]) -> NDArray[np.complex128]:
        if change.size != self.n_samples:
            raise BadParameter(
                f"a change must have the length of its clip of {self.n_samples} samples, got {change.size}; cut it or fill it up"
            )
        return _spectra(change)


def masking_excess_db(*, clean: NDArray[np.float32], perturbed: NDArray[np.float32], sample_rate: int) -> float:
    """How far the change from `clean` to `perturbed` lies above what `clean` masks, in dB; see `Masking.excess_db`.

    >>> tone = (0.5 * np.sin(0.3 * np.arange(8000))).astype(np.float32)
    >>> masking_excess_db(clean=tone, perturbed=tone, sample_rate=16_000)
    0.0
    """
    if not np.any(clean != perturbed):
        return 0.0
    return Masking.of(clean, sample_rate).excess_db(perturbed - clean)


def density_db(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """Power density of each frame and bin in dB, before the loudest bin of a frame is set to 96 dB; without the rule's floor."""
    return _density_db(_spectra(samples), floor=0.0)


def bark(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Critical-band rate in Bark."""
    return 13 * np.arctan(0.00076 * frequency_hz) + 3.5 * np.arctan((frequency_hz / 7500.0) ** 2)


def quiet_db(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Threshold of hearing in quiet, 12 dB lower than it is, on the scale of this module; infinite outside 20 Hz to 20 kHz."""
    heard = (frequency_hz >= _FLOOR_HZ) & (frequency_hz <= _CEILING_HZ)
    khz = np.where(heard, frequency_hz, 1000.0) / 1000.0
    told = 3.64 * khz**-0.8 - 6.5 * np.exp(-0.6 * (khz - 3.3) ** 2) + 0.001 * khz**4 - 12
    return np.where(heard, told, np.inf)


@functools.cache
def _window() -> NDArray[np.float64]:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)


def _frames(n_samples: int) -> int:
    return 1 + max(0, -(-(n_samples - WINDOW) // HOP))


def _spectra(samples: NDArray[np.float32]) -> NDArray[np.complex128]:
    """Shape (n_frames, n_bins)."""
    n_frames = _frames(samples.size)
    padded = np.zeros((n_frames - 1) * HOP + WINDOW)
    padded[: samples.size] = samples
    return np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP] * _window())


def _density_db(spectra: NDArray[np.complex128], *, floor: float = _EPS) -> NDArray[np.float64]:
    """Power density in dB; the floor is the rule's own for clips, and would be heard beside loud ones as a change."""
    power = spectra.real**2 + spectra.imag**2
    return 10 * np.log10(np.maximum(power * (_GAIN / WINDOW**2) + floor, 1e-30))


def _back(weighted: NDArray[np.complex128], n_samples: int) -> NDArray[np.float32]:
    """The adjoint of `_spectra`: gradient of a sum over bins with respect to the samples, from that to the spectra."""
    halved = weighted * (WINDOW / 2.0)
    halved[:, [0, -1]] *= 2.0  # the first and last bin have no mirror image in `irfft`
    frames = np.fft.irfft(halved, WINDOW) * _window()
    total = np.zeros((len(frames) - 1) * HOP + WINDOW)
    for place, frame in enumerate(frames):
        total[place * HOP : place * HOP + WINDOW] += frame
    return total[:n_samples].astype(np.float32)


def _thresholds(density: NDArray[np.float64], sample_rate: int) -> NDArray[np.float32]:
    """Global masking thresholds in dB of frames of normalised density."""
    frequency = np.linspace(0, sample_rate / 2, WINDOW // 2 + 1)
    rate, quiet = bark(frequency), quiet_db(frequency)
    bins, levels, counts = _maskers(density, rate=rate, quiet=quiet)
    linear = _spread(bins, levels, counts, rate=rate) + _linear(quiet)
    return (10 * np.log10(linear)).astype(np.float32)


def _maskers(
    density: NDArray[np.float64], *, rate: NDArray[np.float64], quiet: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]:
    """Bins and levels of each frame's maskers, in rows filled up at the end, and how many there are."""
    inner = density[:, 1:-1]
    peak = (inner > density[:, :-2]) & (inner > density[:, 2:])
    linear = _linear(density)
    smooth = 10 * np.log10(linear[:, :-2] + linear[:, 1:-1] + linear[:, 2:])
    bins, levels, counts = _packed(peak & (smooth > quiet[1:-1]), smooth)
    kept = _far_apart(rate[bins], levels, counts)
    order = np.argsort(~kept, axis=1, kind="stable")
    counts = kept.sum(axis=1)
    width = max(1, int(counts.max()))
    bins, levels = (np.take_along_axis(each, order, axis=1)[:, :width] for each in (bins, levels))
    return bins, levels, counts


def _packed(
    chosen: NDArray[np.bool_], levels: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]:
    """The chosen places of each row, one bin on, and their levels, moved to the left."""
    counts = chosen.sum(axis=1)
    rows, places = np.nonzero(chosen)
    column = np.arange(rows.size) - np.repeat(np.cumsum(counts) - counts, counts)
    width = max(1, int(counts.max()))
    bins, packed = np.zeros((len(chosen), width), np.intp), np.full((len(chosen), width), -np.inf)
    bins[rows, column], packed[rows, column] = places + 1, levels[rows, places]
    return bins, packed, counts


def _far_apart(rate: NDArray[np.float64], levels: NDArray[np.float64], counts: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which maskers stay when of two within half a Bark the weaker is dropped, from low to high; all frames at once."""
    n_frames, width = rate.shape
    rows = np.arange(n_frames)
    kept = np.arange(width)[None] < counts[:, None]
    last = np.zeros(n_frames, np.intp)
    for place in range(1, width):
        here = place < counts
        near = here & (rate[:, place] - rate[rows, last] < NEAR_BARK)
        rises = levels[rows, last] < levels[:, place]
        kept[rows[near & rises], last[near & rises]] = False
        kept[near & ~rises, place] = False
        last = np.where(here & (rises | ~near), place, last)
    return kept


def _spread(
    bins: NDArray[np.intp], levels: NDArray[np.float64], counts: NDArray[np.intp], *, rate: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sum of the thresholds of all maskers of each frame, on the linear scale.

    Towards lower frequencies all fall alike, so that one running sum does; towards higher ones each by its own slope.
    """
    n_frames, n_bins = len(bins), rate.size
    tall = np.zeros((n_frames, n_bins))
    own = np.where(np.arange(bins.shape[1])[None] < counts[:, None], levels - 6.025 - 0.275 * rate[bins], -np.inf)
    rows = np.repeat(np.arange(n_frames), counts)
    inside = np.isfinite(own)
    tall[rows, bins[inside]] = _linear(own[inside] - 27 * rate[bins[inside]])
    total = np.cumsum(tall[:, ::-1], axis=1)[:, ::-1] * _linear(27 * rate)
    to_exponent = np.float32(np.log2(10) / 10)
    slopes = (-27 + 0.37 * np.maximum(np.where(inside, levels, 0.0) - 40, 0)).astype(np.float32)
    above = np.zeros((n_frames, n_bins), np.float32)
    distance = rate.astype(np.float32)
    for place in range(bins.shape[1]):
        lowest = int(bins[:, place][inside[:, place]].min(initial=n_bins)) + 1
        if lowest >= n_bins:
            continue
        away = distance[None, lowest:] - distance[bins[:, place], None]
        told = np.exp2(to_exponent * (own[:, place, None].astype(np.float32) + slopes[:, place, None] * away))
        above[:, lowest:] += np.where(away > 0, told, np.float32(0))
    return total + above


def _linear(level_db: NDArray[np.floating]) -> NDArray[np.float64]:
    return 10.0 ** (np.asarray(level_db, dtype=np.float64) / 10)
