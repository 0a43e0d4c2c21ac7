"""Levels, noise floors and silences as recorded speech has them, and speech put into them.

The quantiles were measured on recordings of people (LibriSpeech, speechocean762 and spoken orders, each with one weight; silences on LibriSpeech alone, whose clips were not trimmed, the
trailing ones on those of its clips that were not cropped). `python -m probe_set.conditions DATA` measures them again.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from earnest.audio import AudioClip
from earnest.audio.levels import active_speech_level_dbfs

SAMPLE_RATE = 16000
MAX_PEAK = 0.95
PERCENTILES = (5, 15, 25, 35, 45, 55, 65, 75, 85, 95)
LEVEL_DBFS = (-31.4, -27.4, -25.8, -24.4, -23.7, -22.7, -21.9, -21.1, -20.1, -18.0)
"""Level of the active frames."""
SNR_DB = (22.3, 29.4, 32.9, 36.1, 39.2, 42.6, 47.7, 54.9, 60.8, 65.6)
"""That level above the noise floor, the 5th percentile of the levels of frames of 10 ms."""
TILT_DB = (-6.1, -5.0, -4.5, -4.2, -3.9, -3.5, -3.2, -2.6, -1.9, -0.3)
"""Slope of the noise floor's power density, a line fitted from 90 to 7600 Hz, in dB an octave."""
LEAD_S = (0.14, 0.20, 0.23, 0.27, 0.31, 0.36, 0.40, 0.48, 0.55, 0.58)
TAIL_S = (0.05, 0.14, 0.16, 0.20, 0.28, 0.37, 0.42, 0.50, 0.56, 0.63)
LONGEST_TAIL = 45
"""Percentile up to which the silence after speech is drawn, to save room in the package."""
LOWEST_FLOOR_DBFS = -86.0
"""One and a half steps of 16 bits; what lies below is no noise but rounding."""
ROUNDING_DB = 18.0
CORPORA = ("librispeech", "speechocean762", "spoken_orders")


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What a recording adds to speech: its level, noise floor and the silence before and after."""

    level_dbfs: float
    floor_dbfs: float
    tilt_db: float
    lead_s: float
    tail_s: float


def drawn(rng: np.random.Generator) -> Condition:
    """A condition, each figure from the 5th to the 95th percentile of recorded speech; the silence after speech from the 5th to the 45th."""

    def one(quantiles: Sequence[float], highest: int = PERCENTILES[-1]) -> float:
        return float(np.interp(rng.uniform(PERCENTILES[0], highest), PERCENTILES, quantiles))

    level = one(LEVEL_DBFS)
    floor = max(level - one(SNR_DB), LOWEST_FLOOR_DBFS)
    return Condition(
        level_dbfs=round(level, 1),
        floor_dbfs=round(floor, 1),
        tilt_db=round(one(TILT_DB), 1),
        lead_s=round(one(LEAD_S), 2),
        tail_s=round(one(TAIL_S, LONGEST_TAIL), 2),
    )


def floor_noise(n_samples: int, condition: Condition, rng: np.random.Generator) -> np.ndarray:
    """The noise floor: Gaussian noise of the condition's level, its spectrum falling in a straight line from 90 Hz on."""
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    octaves = np.log2(np.maximum(np.fft.rfftfreq(n_samples, 1 / SAMPLE_RATE), 90.0) / 90.0)
    made = np.fft.irfft(spectrum * 10 ** (condition.tilt_db * octaves / 20), n_samples)
    return made / np.sqrt(np.mean(made**2)) * 10 ** (condition.floor_dbfs / 20)


def body(samples: np.ndarray) -> np.ndarray:
    """The samples without the digital silence around them."""
    loud = np.flatnonzero(samples)
    return samples[loud[0] : loud[-1] + 1] if loud.size else samples[:0]


def rounded(samples: np.ndarray, floor_dbfs: float) -> np.ndarray:
    """The samples in steps of 14, 15 or 16 bits: the coarsest whose rounding noise lies at least 18 dB under the noise floor, which takes a sixth less room as FLAC."""
    step = next(
        step for step in (4, 2, 1) if step == 1 or 20 * np.log10(step / np.sqrt(12) / 32768) <= floor_dbfs - ROUNDING_DB
    )
    return (np.round(samples * 32768 / step) * step / 32768).astype(np.float32)


def recorded(
    speech: Sequence[np.ndarray], condition: Condition, *, seed: Sequence[int]
) -> tuple[list[np.ndarray], Condition]:
    """Clips in one condition: of one level, one length and over the same noise.

    Parameters
    ----------
    speech : sequence of float32 arrays
        One, or twins; what is shorter gets a longer silence after it.
    condition : Condition
    seed : sequence of int
        Of the noise.

    Returns
    -------
    list of float32 arrays, Condition
        16 kHz; the condition with a lower level where a clip would have peaked above 0.95.
    """
    bodies = [body(samples) for samples in speech]
    levels = [active_speech_level_dbfs(samples, SAMPLE_RATE) for samples in bodies]
    highest = min(
        level + 20 * np.log10(MAX_PEAK / np.abs(samples).max()) for samples, level in zip(bodies, levels, strict=True)
    )
    kept = replace(condition, level_dbfs=round(min(condition.level_dbfs, float(highest) - 0.05), 1))
    lead, tail = (round(s * SAMPLE_RATE) for s in (kept.lead_s, kept.tail_s))
    n_samples = lead + max(map(len, bodies)) + tail
    noise = floor_noise(n_samples, kept, np.random.default_rng(list(seed)))
    clips = []
    for samples, level in zip(bodies, levels, strict=True):
        clip = noise.copy()
        clip[lead : lead + len(samples)] += samples * 10 ** ((kept.level_dbfs - level) / 20)
        clips.append(rounded(clip, kept.floor_dbfs))
    return clips, kept


# ------------------------------------------------------------------ measuring
def measured(data: Path) -> dict[str, np.ndarray]:
    """Percentiles of every figure over the corpora in a folder."""
    pooled: dict[str, list[np.ndarray]] = {}
    for corpus in CORPORA:
        figures = [_figures(data / corpus, row) for row in csv.DictReader((data / corpus / "metadata.csv").open())]
        for name in {name for row in figures for name in row}:
            values = np.array([row[name] for row in figures if name in row])
            pooled.setdefault(name, []).append(np.percentile(values, np.arange(0.5, 100)))
    return {
        name: np.percentile(np.concatenate(values), PERCENTILES).round(2) for name, values in sorted(pooled.items())
    }


def _figures(folder: Path, row: dict[str, str]) -> dict[str, float]:
    samples = AudioClip.read(folder / row["path"]).samples
    frames = 10 * np.log10(np.mean(samples[: len(samples) // 160 * 160].reshape(-1, 160) ** 2, axis=1) + 1e-12)
    level, floor = active_speech_level_dbfs(samples, SAMPLE_RATE), float(np.percentile(frames, 5))
    loud = np.flatnonzero(np.convolve(frames > max(level - 20, floor + 8), [1, 1, 1], "valid") >= 3)
    out = {"level_dbfs": level}
    if floor > -95:  # else digital silence: no floor was recorded
        out["snr_db"] = level - floor
    if floor > -84:
        out["tilt_db"] = _tilt(samples)
    if folder.name == "librispeech" and loud.size:
        out["lead_s"] = loud[0] / 100
        if len(samples) / SAMPLE_RATE < float(row["cropped_to_s"]) - 0.05:
            out["tail_s"] = (len(frames) - loud[-1] - 3) / 100
    return out


def _tilt(samples: np.ndarray) -> float:
    frames = np.lib.stride_tricks.sliding_window_view(samples, 512)[::256]
    powers = np.mean(frames**2, axis=1)
    quiet = frames[powers <= np.percentile(powers, 10)]
    density = np.mean(np.abs(np.fft.rfft(quiet * np.hanning(512), axis=1)) ** 2, axis=0) + 1e-16
    hz = np.fft.rfftfreq(512, 1 / SAMPLE_RATE)
    edges = np.geomspace(90, 7600, 14)
    bands = [(np.log2(np.sqrt(a * b)), density[(hz >= a) & (hz < b)]) for a, b in zip(edges, edges[1:])]
    octaves, levels = zip(*[(octave, 10 * np.log10(band.mean())) for octave, band in bands if band.size])
    return float(np.polyfit(octaves, levels, 1)[0])


if __name__ == "__main__":
    for figure, percentiles in measured(Path(sys.argv[1])).items():
        print(figure, *percentiles)
