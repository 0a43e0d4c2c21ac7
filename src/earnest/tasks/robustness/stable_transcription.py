"""Transcription that stays the same when the sound gets a little worse; needs no transcript."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from earnest.audio import Manifest
from earnest.metrics.transcription import normalise_english, spoken_edit_counts
from earnest.models.access import Answer
from earnest.records import NO_ANSWER, Item, JournalLine, Outcome, Verdict
from earnest.results import Measure, rate
from earnest.tasks import _prompts as prompts
from earnest.tasks._base import Requirement, Task, tasks
from earnest.tasks._conditions import AS_IT_IS, CLEAN, Condition, effect
from earnest.tasks._items import drawn
from earnest.tasks._labels import CAPTIONS
from earnest.tasks._words import instead, transcript_of

CHANGES = (
    Condition(kind="noise", effect=effect("noise", snr_db=15.0)),
    Condition(kind="room", effect=effect("room", rt60_s=0.4)),
    Condition(kind="telephone", effect=effect("band_limit", low_hz=300, high_hz=3400)),
    Condition(kind="mu_law", effect=effect("codec", name="mu_law")),
)
"""What is done to each clip: mild, everyday losses."""

MIN_CLIPS = 3


@tasks.register("stable_transcription")
@dataclass(frozen=True, kw_only=True)
class StableTranscription(Task):
    """How much of its own clean transcript the model keeps when the clip is slightly degraded.

    Each clip is heard clean, in light noise, in a small room, over a telephone band and through mu-law. The headline is
    the mean word agreement of a degraded transcript with that of the clean clip: 1 - word error rate with the clean
    one as reference, cut off at 0; two transcripts without words agree. It needs no labels, so it runs on any folder
    of recordings; and it says nothing of whether the clean transcript is right, which `noisy_transcription` does. A
    degraded clip whose clean twin could not be scored counts as unscored; so does one whose clean twin got the
    transcript that more than half of the clips get although they do not say the same, since a model that writes one
    thing throughout would agree with itself. A clip with known speech that is not answered agrees with nothing.

    Clips of one speaker are resampled together where speakers are known.

    Parameters
    ----------
    max_rows : int
        Most clips, drawn from the seed where there are more; each gives five items.
    """

    pillar: ClassVar[str] = "robustness"
    title: ClassVar[str] = "Does it hear the same when the sound gets a little worse?"
    source: ClassVar[str] = "shah2024-speech"
    version: ClassVar[int] = 4
    headline: ClassVar[str] = "agreement_with_clean"
    requires: ClassVar[Requirement] = Requirement(roles=("read",), not_labels=tuple(CAPTIONS))
    max_rows: int = 24

    def items(self, data: Manifest, *, seed: int) -> list[Item]:
        chosen = drawn(self.usable(data), self.max_rows, seed=seed, name=self.name)
        return [
            condition.item(
                self.name,
                entry,
                seed=seed,
                prompt=prompts.TRANSCRIBE,
                truth={"degradation": condition.kind},
                seen={"text": entry.text or "", "expected": entry.text or ""},
                cluster=entry.speaker or entry.id,
            )
            for entry in chosen
            for condition in (AS_IT_IS, *CHANGES)
        ]

    def subtask_of(self, item: Item) -> str:
        noisy = item.truth["degradation"] == "noise"
        return "robustness/noise_interference" if noisy else "robustness/audio_quality"

    def score(self, item: Item, answer: Answer) -> Outcome:
        text = str(item.truth.get("text") or "")
        found = transcript_of(answer.text, text=text, language=str(item.truth.get("language") or "")) if text else None
        other = instead(item, answer, found)
        if isinstance(other, Verdict):
            return replace(other, score=None, facts={**other.facts, "words": ""})
        if other is not None:
            return other
        words = found.words if found else answer.said
        words = words if normalise_english(words) else ""
        facts = {**(found.facts if found else {}), "words": words}
        return Verdict(score=None, label="transcript" if words else "no_speech", facts=facts)

    def condition(self, item: Item) -> str:
        return "" if item.truth["degradation"] == CLEAN else str(item.truth["degradation"])

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        clean = _heard({line.sample: line for line in lines if line.truth["degradation"] == CLEAN})
        degraded = [_against(line, clean.get(line.sample)) for line in lines if line.truth["degradation"] != CLEAN]
        by_change = [
            rate([line for line in degraded if line.truth["degradation"] == kind], metric="agreement", group=kind)
            for kind in (change.kind for change in CHANGES)
        ]
        return [rate(degraded, metric=self.headline, headline=True), *by_change]


def _heard(clean: dict[str, JournalLine]) -> dict[str, JournalLine]:
    """The clean lines by clip; a transcript that most clips get shows that the clips were not heard, and is none.

    A clip of which no words are known may be without speech, so that "no speech" says nothing against the model there.
    """
    answered = {name: line for name, line in clean.items() if line.verdict is not None and line.label != NO_ANSWER}
    said = {name: normalise_english(_words(line)) for name, line in answered.items()}
    spoken = {name: text for name, text in said.items() if text or clean[name].truth.get("text")}
    most = {text for text, n in Counter(spoken.values()).items() if len(spoken) >= MIN_CLIPS and n > len(spoken) / 2}
    constant = {text for text in most if not _one_text(clean[name] for name in spoken if spoken[name] == text)}
    deaf = {"status": "unscored", "reason": "did_not_hear", "verdict": None}
    return {
        name: line.model_copy(update=deaf) if name in spoken and spoken[name] in constant else line
        for name, line in clean.items()
    }


def _one_text(lines: Iterable[JournalLine]) -> bool:
    """Whether all clips are known to say the same, so that one transcript is right of them all."""
    texts = {normalise_english(str(line.truth.get("text") or "")) for line in lines}
    return len(texts) == 1 and texts != {""}


def _against(line: JournalLine, clean: JournalLine | None) -> JournalLine:
    """The line with its agreement with the clean transcript as score; unscored where there is none to compare with."""
    if line.status == "unscored":
        return line
    if clean is None or clean.status == "unscored":
        reason = "cancelled" if clean is None else clean.reason
        return line.model_copy(update={"status": "unscored", "reason": reason, "verdict": None})
    unanswered = NO_ANSWER in (clean.label, line.label)  # two silences are no agreement
    agreement = 0.0 if unanswered else _agreement(clean=_words(clean), degraded=_words(line))
    verdict = {"score": agreement, "label": line.label, "facts": {}}
    return line.model_copy(update={"verdict": verdict})


def _words(line: JournalLine) -> str:
    return str(line.verdict["facts"]["words"]) if line.verdict is not None else ""


def _agreement(*, clean: str, degraded: str) -> float:
    if not clean:
        return float(not degraded)
    edits = spoken_edit_counts(reference=clean, hypothesis=degraded)
    return max(0.0, 1.0 - edits.edits / max(1, edits.n_reference))
