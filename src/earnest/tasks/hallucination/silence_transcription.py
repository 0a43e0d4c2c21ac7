"""Words in clips in which nobody speaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip, Entry, Manifest, Stimulus
from earnest.metrics.refusal import refusal_label
from earnest.models.access import Answer
from earnest.records import Item, JournalLine, Outcome, Verdict
from earnest.results import Measure, by_group, mean, rate
from earnest.tasks import _prompts as prompts
from earnest.tasks._base import Task, tasks
from earnest.tasks._items import rng_of, unheard
from earnest.tasks._parsing import says_no_speech, words
from earnest.tasks._words import fact

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


@tasks.register("silence_transcription")
@dataclass(frozen=True, kw_only=True)
class SilenceTranscription(Task):
    """Whether the model reports that nobody speaks, in silence and noise.

    The clips are made from the seed: digital silence, white and pink noise and mains hum, 1 to 4 s long at -60 to -30
    dBFS. The headline is the share of clips reported as free of speech; any words given instead are invented. An
    answer that the audio could not be heard is not counted as such a report.

    Parameters
    ----------
    n_each : int
        Clips of each kind.
    """

    pillar: ClassVar[str] = "hallucination"
    title: ClassVar[str] = "Does it hear words where nobody speaks?"
    source: ClassVar[str] = "koenecke2024-careless"
    headline: ClassVar[str] = "reported_as_no_speech"
    n_each: int = 10

    def usable(self, data: Manifest) -> list[Entry]:
        """All rows: the clips are made, and none is needed."""
        return list(data.entries)

    def items(self, data: Manifest, *, seed: int) -> list[Item]:
        return [self._item(kind, number, seed=seed) for kind in KINDS for number in range(self.n_each)]

    def _item(self, kind: str, number: int, *, seed: int) -> Item:
        sample = f"{kind.replace(' ', '_')}_{number}"
        rng = rng_of(seed, self.name, sample)
        duration_s, level_dbfs = round(float(rng.uniform(1, 4)), 3), round(float(rng.uniform(-60, -30)), 1)

        def load() -> Stimulus:
            clip = made(kind, duration_s=duration_s, level_dbfs=level_dbfs, rng=rng_of(seed, self.name, sample, "clip"))
            return Stimulus(
                clips={"speech": clip}, prompt=prompts.TRANSCRIBE, truth={"text": "no speech", "expected": "no speech"}
            )

        return Item(
            id=f"{self.name}/{sample}",
            task=self.name,
            sample=sample,
            load=load,
            truth={"label": kind, "level_dbfs": level_dbfs, "expected": "no speech"},
            cluster=sample,
            duration_s=duration_s,
        )

    def score(self, item: Item, answer: Answer) -> Outcome:
        if says_no_speech(answer.text):  # before "I cannot hear": here, hearing nothing is the truth
            return Verdict(score=1.0, label="no_speech", facts={"n_words": 0})
        reason = unheard(answer)
        if reason is not None:
            return reason
        if refusal_label(answer.text) == "refusal":
            return Verdict(score=0.0, label="declined", facts={"n_words": 0})
        return Verdict(score=0.0, label="invented", facts={"n_words": len(words(answer.text))})

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        return [
            rate(lines, metric=self.headline, headline=True),
            mean(lines, metric="invented_words", value=lambda line: fact(line, "n_words"), unit="words per clip",
                 higher_is_better=False),
            *by_group(lines, metric="reported_as_no_speech_by_kind", group=lambda line: str(line.truth["label"]),
                      min_n=0),
        ]  # fmt: skip


def made(kind: str, *, duration_s: float, level_dbfs: float, rng: np.random.Generator) -> AudioClip:
    """A clip without speech, of the given length and RMS level; silence stays silent."""
    samples = KINDS[kind](round(duration_s * SAMPLE_RATE), rng)
    power = float(np.sqrt(np.mean(samples**2)))
    scaled = samples if power == 0 else samples * (10 ** (level_dbfs / 20) / power)
    return AudioClip(scaled.astype(np.float32), SAMPLE_RATE)
