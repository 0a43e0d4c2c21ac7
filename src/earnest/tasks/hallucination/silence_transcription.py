"""Words in clips in which nobody speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from earnest.audio import AudioClip, Entry, Manifest
from earnest.models.access import Answer
from earnest.records import Item, JournalLine, Outcome, Verdict
from earnest.results import Measure, balanced, by_group, mean, rate
from earnest.tasks import _prompts as prompts
from earnest.tasks._base import Requirement, Task, tasks
from earnest.tasks._items import by_text, drawn, rng_of, speech_item, unanswered, with_effect
from earnest.tasks._parsing import says_no_speech, words
from earnest.tasks._words import fact, label_of_other, transcript_of
from earnest.tasks.hallucination._nothing import KINDS, made, nothing_item
from earnest.tasks.probe import probe_manifest

SNR_DB = 10.0
"""Of a spoken control over the noise that it stands in."""

SPOKEN = Requirement(columns=("text",), roles=("read",), not_labels=("harmful", "spoof"))


@tasks.register("silence_transcription")
@dataclass(frozen=True, kw_only=True)
class SilenceTranscription(Task):
    """Whether the model reports that nobody speaks, in silence and noise, and only there.

    The clips are made from the seed: digital silence, white and pink noise and mains hum, 1 to 4 s long at -60 to -30
    dBFS. Any words given instead of a report that nobody speaks are invented. As many controls hold speech: recordings
    of the data, or of the embedded set where the data has none, a quarter of them clean and the others in the same
    three noises at an SNR of 10 dB. The headline is the mean of the share of clips without speech reported as such
    and of the share of spoken ones that were not: reporting no speech always earns 0.5, and so does never. An answer
    that the audio could not be heard is not counted as such a report; declining is wrong on both sides.

    Parameters
    ----------
    n_each : int
        Clips of each kind, and as many spoken controls.
    """

    pillar: ClassVar[str] = "hallucination"
    title: ClassVar[str] = "Does it hear words where nobody speaks?"
    source: ClassVar[str] = "koenecke2024-careless"
    version: ClassVar[int] = 3
    headline: ClassVar[str] = "balanced_accuracy"
    baseline: ClassVar[float | None] = 0.5
    reads: ClassVar[tuple[str, ...]] = ("text",)
    n_each: int = 10

    def usable(self, data: Manifest) -> list[Entry]:
        """All rows: the clips are made, and none is needed."""
        return list(data.entries)

    def items(self, data: Manifest, *, seed: int) -> list[Item]:
        silent = [self._silent(kind, number, seed=seed) for kind in KINDS for number in range(self.n_each)]
        return [*silent, *self._spoken(data, seed=seed)]

    def _silent(self, kind: str, number: int, *, seed: int) -> Item:
        said = {"text": "no speech", "expected": "no speech"}
        truth = {"speech": False, "expected": "no speech"}
        return nothing_item(self.name, kind, number, seed=seed, prompt=prompts.TRANSCRIBE, truth=truth, seen=said)

    def _spoken(self, data: Manifest, *, seed: int) -> list[Item]:
        own = _speech(data)
        chosen = drawn(own or _speech(probe_manifest()), self.n_each * len(KINDS), seed=seed, name=self.name)
        kinds = list(KINDS)
        return [
            self._control(entry, kinds[place % len(kinds)], own=bool(own), seed=seed)
            for place, entry in enumerate(chosen)
        ]

    def _control(self, entry: Entry, kind: str, *, own: bool, seed: int) -> Item:
        def in_noise(clip: AudioClip) -> AudioClip:
            rng = rng_of(seed, self.name, entry.id, "control")
            noise = made(kind, duration_s=clip.duration_s, level_dbfs=-30.0, rng=rng)
            return with_effect(clip, "second_speaker", rng=rng, other=noise, snr_db=SNR_DB, offset_s=0.0)

        return speech_item(
            self.name,
            entry,
            prompt=prompts.TRANSCRIBE,
            variant="spoken",
            truth={"label": kind, "speech": True, "expected": "speech", **({} if own else {"audio": "embedded"})},
            seen={"text": entry.text or "", "expected": entry.text or ""},
            change=None if kind == "silence" else in_noise,
        )

    def score(self, item: Item, answer: Answer) -> Outcome:
        spoken = bool(item.truth["speech"])
        if (
            spoken
            and not transcript_of(
                answer.text, text=str(item.truth["text"]), language=str(item.truth.get("language") or "")
            ).is_far
        ):
            return Verdict(score=1.0, label="words")  # whatever these words sound like, they were said
        if says_no_speech(answer.said):  # before "I cannot hear": here, hearing nothing may be the truth
            return Verdict(score=float(not spoken), label="no_speech", facts=_facts(0, spoken=spoken))
        missing = unanswered(item, answer)
        if missing is not None:
            return missing
        if label_of_other(answer.said, text="") == "declined":
            return Verdict(score=0.0, label="declined", facts=_facts(0, spoken=spoken))
        label = "words" if spoken else "invented"
        return Verdict(score=float(spoken), label=label, facts=_facts(len(words(answer.said)), spoken=spoken))

    def sides(self, truth: Mapping[str, Any]) -> tuple[str, ...]:
        return ("what is there" if truth["speech"] else "what is not there",)

    def stratum(self, item: Item) -> str:
        return f"{item.truth['label']}/{item.truth['expected']}"

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        return [
            balanced(
                lines,
                both=True,
                metric=self.headline,
                correct=lambda line: line.score,
                of=_speaks,
                headline=True,
                baseline=self.baseline,
            ),
            rate(
                lines,
                metric="reported_as_no_speech",
                success=_silent_by_answer,
                among=lambda line: not _speaks(line),
                note="clips without speech, reported as such",
            ),
            rate(
                lines,
                metric="speech_missed",
                success=_silent_by_answer,
                among=_speaks,
                higher_is_better=False,
                note="spoken clips, reported as free of speech: the false alarms",
            ),
            mean(
                lines,
                metric="invented_words",
                value=lambda line: fact(line, "n_words"),
                unit="words per clip",
                among=lambda line: not _speaks(line),
                higher_is_better=False,
            ),
            *by_group(
                lines,
                metric="reported_as_no_speech_by_kind",
                value=_silent_by_answer,
                min_n=0,
                group=lambda line: None if _speaks(line) else _kind(line),
            ),
            *by_group(
                lines,
                metric="speech_missed_by_kind",
                value=_silent_by_answer,
                min_n=0,
                group=lambda line: _kind(line) if _speaks(line) else None,
                higher_is_better=False,
            ),
        ]


def _speech(data: Manifest) -> list[Entry]:
    """Rows with speech, texts in turn: one voice of each, then the next of each."""
    texts = list(by_text(entry for entry in data.entries if SPOKEN.met_by(entry)).values())
    most = max(map(len, texts), default=0)
    return [voices[place] for place in range(most) for voices in texts if place < len(voices)]


def _facts(n_words: int, *, spoken: bool) -> dict[str, Any]:
    return {} if spoken else {"n_words": n_words}


def _speaks(line: JournalLine) -> bool:
    return bool(line.truth["speech"])


def _silent_by_answer(line: JournalLine) -> bool:
    return line.label == "no_speech"


def _kind(line: JournalLine) -> str:
    return str(line.truth["label"])
