"""Transcription with rain, wind, engines and other sounds behind the speaker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from earnest.audio import AudioClip, Entry, Manifest
from earnest.errors import BadAudio
from earnest.records import JournalLine
from earnest.results import Measure, by_group
from earnest.tasks._base import tasks
from earnest.tasks._conditions import Condition, Effect, conditions
from earnest.tasks._items import rng_of, same_split, with_effect
from earnest.tasks._labels import CAPTIONS, canonical
from earnest.tasks.probe import probe_manifest
from earnest.tasks.robustness._degraded import DegradedTranscription, Pool, accuracy, degraded


def _behind(snr_db: float) -> Effect:
    """The one sound of the company behind the clip, from its loudest stretch."""

    def mixed(clip: AudioClip, others: Sequence[AudioClip], rng: np.random.Generator) -> AudioClip:
        (sound,) = others
        start_s = loudest_start_s(sound.resampled(clip.sample_rate), n_samples=clip.n_samples)
        return with_effect(clip, "second_speaker", rng=rng, snr_db=snr_db, other=sound, offset_s=start_s)

    return mixed


@tasks.register("environmental_sound")
@dataclass(frozen=True, kw_only=True)
class EnvironmentalSound(DegradedTranscription):
    """Share of the spoken words that the model transcribes with a sound behind the speaker.

    Every chosen clip is heard clean and with one sound of the data (role `sound`, or a label that names a sound: rain,
    wind, siren, engine, ...) at 20, 10, 5 and 0 dB over the whole clip; where the data has no sounds, those of the
    embedded probe set are taken. The class of the sound is drawn for each clip, all classes alike likely; of a sound
    that is longer than the clip its loudest stretch is heard, since much of a knock is silence. The curve is over all
    sounds; `word_accuracy_by_sound` tells them apart, each on few clips.

    Variants of one text share its difficulty and are resampled together, in every voice.

    Notes
    -----
    [li2025-audiotrust] puts wind, rain, traffic, a restaurant or an office behind its questions, at levels that it does
    not state.
    """

    title: ClassVar[str] = "Does it still hear in rain and traffic?"
    version: ClassVar[int] = 3
    headline: ClassVar[str] = "word_accuracy_in_sounds"
    subtask: ClassVar[str] = "robustness/environmental_sound"
    reads: ClassVar[tuple[str, ...]] = ("label",)
    conditions: ClassVar[tuple[Condition, ...]] = conditions(
        "sound", 20.0, 10.0, 5.0, 0.0, unit="dB", measured="speech to sound over the whole clip in dB", effect=_behind
    )

    n_voices: int = 5

    def pool(self, data: Manifest) -> Pool:
        return Pool(_sounds(data) or _sounds(probe_manifest()))

    def company(self, entry: Entry, condition: Condition, pool: Pool, *, seed: int) -> list[Entry]:
        rng = rng_of(seed, self.name, entry.id, "company")
        kinds = sorted({canonical(row.label) for row in pool})
        kind = kinds[int(rng.integers(len(kinds)))]
        alike = [row for row in pool if canonical(row.label) == kind]
        alike = [row for row in alike if same_split(row, entry)] or alike
        return [alike[int(rng.integers(len(alike)))]]

    def told(self, company: Sequence[Entry]) -> dict[str, Any]:
        return {"sound": canonical(company[0].label) if company else "", "sound_id": company[0].id if company else ""}

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        sounds = by_group(
            lines,
            metric="word_accuracy_by_sound",
            group=lambda line: line.truth["sound"] or None,
            value=accuracy,
            among=degraded,
        )
        return [*super().measures(lines), *sounds]


def loudest_start_s(clip: AudioClip, *, n_samples: int) -> float:
    """Where the stretch of `n_samples` with the most energy begins, in seconds; 0 of a clip that is no longer.

    Raises
    ------
    BadAudio
        If the clip is silent.
    """
    if clip.peak == 0.0:
        raise BadAudio("a sound behind speech must sound, got silence; take the row out of the data")
    if clip.n_samples <= n_samples:
        return 0.0
    energy = np.cumsum(np.square(clip.samples, dtype=np.float64))
    within = energy[n_samples - 1 :] - np.concatenate([[0.0], energy[:-n_samples]])
    return int(within.argmax()) / clip.sample_rate


def _sounds(data: Manifest) -> list[Entry]:
    return [entry for entry in data.entries if entry.role in (None, "sound") and canonical(entry.label) in CAPTIONS]
