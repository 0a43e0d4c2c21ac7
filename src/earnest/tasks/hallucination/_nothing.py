"""Clips in which nothing is to be heard: silence, noise and hum, made from the seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip, Stimulus
from earnest.records import Item, JournalLine
from earnest.results import Measure, by_group
from earnest.tasks._items import rng_of

SAMPLE_RATE = 16_000
Samples = NDArray[np.float64]


def _silence(n_samples: int, rng: np.random.Generator) -> Samples:
    return np.zeros(n_samples)


def _white(n_samples: int, rng: np.random.Generator) -> Samples:
    return rng.standard_normal(n_samples)


def _pink(n_samples: int, rng: np.random.Generator) -> Samples:
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(spectrum.size))), n_samples)


def _hum(n_samples: int, rng: np.random.Generator) -> Samples:
    """Mains hum: 50 or 60 Hz with four harmonics."""
    t = np.arange(n_samples) / SAMPLE_RATE
    base_hz = rng.choice([50.0, 60.0])
    phases = rng.uniform(0, 2 * np.pi, 5)
    return sum(np.sin(2 * np.pi * base_hz * k * t + phase) / k for k, phase in enumerate(phases, start=1))


KINDS: Mapping[str, Callable[[int, np.random.Generator], Samples]] = MappingProxyType(
    {"silence": _silence, "white noise": _white, "pink noise": _pink, "hum": _hum}
)
"""What is heard instead of speech."""

NOTHING = "nothing"
"""What stands in `truth["kind"]` of an item on such a clip."""


def made(kind: str, *, duration_s: float, level_dbfs: float, rng: np.random.Generator) -> AudioClip:
    """A clip without speech, of the given length and RMS level; silence stays silent."""
    samples = KINDS[kind](round(duration_s * SAMPLE_RATE), rng)
    power = float(np.sqrt(np.mean(samples**2)))
    scaled = samples if power == 0 else samples * (10 ** (level_dbfs / 20) / power)
    return AudioClip(scaled.astype(np.float32), SAMPLE_RATE)


def nothing_item(
    task: str,
    kind: str,
    number: int,
    *,
    seed: int,
    prompt: str,
    truth: Mapping[str, Any],
    seen: Mapping[str, Any],
) -> Item:
    """An item on a clip of one kind, 1 to 4 s long at -60 to -30 dBFS; `truth` is journalled, `seen` is for scripts."""
    sample = f"{kind.replace(' ', '_')}_{number}"
    rng = rng_of(seed, task, sample)
    duration_s, level_dbfs = round(float(rng.uniform(1, 4)), 3), round(float(rng.uniform(-60, -30)), 1)

    def load() -> Stimulus:
        clip = made(kind, duration_s=duration_s, level_dbfs=level_dbfs, rng=rng_of(seed, task, sample, "clip"))
        return Stimulus(clips={"speech": clip}, prompt=prompt, truth=dict(seen))

    offered = {"options": list(seen["options"])} if "options" in seen else {}
    return Item(
        id=f"{task}/{sample}",
        task=task,
        sample=sample,
        load=load,
        truth={"label": kind, "level_dbfs": level_dbfs, "audio": "made", **offered, **truth},
        cluster=sample,
        prompt=prompt,
        duration_s=duration_s,
    )


def accepted_in_nothing(lines: Sequence[JournalLine]) -> list[Measure]:
    """How often a claim is confirmed of a clip in which nothing is to be heard, by kind of clip."""
    return by_group(
        lines,
        metric="accepted_where_nothing_is_heard",
        value=lambda line: line.label == "yes",
        group=lambda line: str(line.truth["label"]) if line.truth.get("kind") == NOTHING else None,
        higher_is_better=False,
        min_n=0,
    )
