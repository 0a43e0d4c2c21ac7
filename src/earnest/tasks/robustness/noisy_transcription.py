"""Transcription in white noise and among other voices, at falling signal-to-noise ratios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from earnest.audio import AudioClip, Entry, Manifest
from earnest.models.access import Answer
from earnest.records import Item, JournalLine, Outcome
from earnest.results import Measure, curve, difference, rate
from earnest.tasks import _prompts as prompts
from earnest.tasks._base import Requirement, Task, tasks
from earnest.tasks._items import by_text, drawn, normal, rng_of, speech_item, with_effect
from earnest.tasks._words import fact, n_errors, n_words, transcription_outcome

SNRS_DB = (20.0, 10.0, 5.0, 0.0)
NOISES = ("white", "babble")
CLEAN = "clean"
N_BABBLERS = 4


@tasks.register("noisy_transcription")
@dataclass(frozen=True, kw_only=True)
class NoisyTranscription(Task):
    """How much of what is said the model transcribes in noise.

    Every chosen clip is heard clean, in white noise and among four other speakers of the data, at 20, 10, 5 and 0 dB
    over the whole clip. The headline is the mean word accuracy (1 - word error rate, cut off at 0) over all noisy
    clips; the clean ones stand outside it and are what each noisy clip is compared with (`word_accuracy_lost`,
    paired).

    Variants of one text share its difficulty and are resampled together, in every voice.

    Parameters
    ----------
    n_voices : int
        Most voices of one text.
    max_rows : int
        Most clips, drawn from the seed where there are more; each gives nine items.
    """

    pillar: ClassVar[str] = "robustness"
    title: ClassVar[str] = "Does it still hear in noise?"
    source: ClassVar[str] = "shah2024-speech"
    headline: ClassVar[str] = "word_accuracy_in_noise"
    requires: ClassVar[Requirement] = Requirement(columns=("text",), roles=("read",), not_labels=("harmful", "spoof"))
    design: ClassVar[str] = "second clip to make other voices from"
    n_voices: int = 2
    max_rows: int = 40

    def items(self, data: Manifest, *, seed: int) -> list[Item]:
        rows = self.usable(data)
        if len(rows) < 2:
            return []
        voices = [row for text, said in by_text(rows).items() for row in self._voices(text, said, seed=seed)]
        chosen = drawn(voices, self.max_rows, seed=seed, name=self.name)
        return [item for entry in chosen for item in self._variants(entry, rows, seed=seed)]

    def _voices(self, text: str, said: Sequence[Entry], *, seed: int) -> list[Entry]:
        return drawn(said, self.n_voices, seed=seed, name=f"{self.name}/{text}")

    def _variants(self, entry: Entry, rows: Sequence[Entry], *, seed: int) -> list[Item]:
        noisy = [
            self._item(entry, rows, noise=noise, snr_db=snr_db, seed=seed) for noise in NOISES for snr_db in SNRS_DB
        ]
        return [self._item(entry, rows, noise=CLEAN, snr_db=None, seed=seed), *noisy]

    def _item(self, entry: Entry, rows: Sequence[Entry], *, noise: str, snr_db: float | None, seed: int) -> Item:
        variant = noise if snr_db is None else f"{noise}_{snr_db:g}dB"

        def change(clip: AudioClip) -> AudioClip:
            rng = rng_of(seed, self.name, entry.id, noise)  # one noise at all levels
            if noise == "white":
                return with_effect(clip, "noise", rng=rng, snr_db=snr_db, colour="white")
            return with_effect(clip, "babble", rng=rng, snr_db=snr_db, others=_others(entry, rows, rng=rng))

        return speech_item(
            self.name,
            entry,
            prompt=prompts.TRANSCRIBE,
            variant=variant,
            truth={"noise": noise, "snr_db": snr_db, "expected": entry.text},
            seen={"text": entry.text, "expected": entry.text},
            cluster=normal(entry.text),
            change=None if noise == CLEAN else change,
        )

    def score(self, item: Item, answer: Answer) -> Outcome:
        return transcription_outcome(item, answer, control=item.truth["noise"] == CLEAN)

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        clean = rate(lines, metric="word_accuracy_clean", success=_accuracy, among=lambda line: not _noisy(line))
        curves = [m for noise in NOISES for m in self._curves(lines, noise)]
        losses = [_loss(lines, noise, snr_db) for noise in NOISES for snr_db in SNRS_DB]
        return [rate(lines, metric=self.headline, among=_noisy, headline=True), clean, *curves, *losses]

    def _curves(self, lines: Sequence[JournalLine], noise: str) -> list[Measure]:
        def among(line: JournalLine) -> bool:
            return line.truth["noise"] == noise

        accuracy = curve(
            lines, metric="word_accuracy", level=lambda line: line.truth["snr_db"], value=_accuracy, among=among,
            group=noise,
        )  # fmt: skip
        errors = curve(
            lines, metric="word_error_rate", level=lambda line: line.truth["snr_db"], numerator=n_errors,
            denominator=n_words, among=among, group=noise, higher_is_better=False,
        )  # fmt: skip
        return [*accuracy, *errors]


def _others(entry: Entry, rows: Sequence[Entry], *, rng: object) -> list[AudioClip]:
    """Clips of up to four other rows, of other speakers where there are enough."""
    strangers = [row for row in rows if row.id != entry.id and (not row.speaker or row.speaker != entry.speaker)]
    pool = strangers or [row for row in rows if row.id != entry.id]
    places = rng.permutation(len(pool))[:N_BABBLERS]  # type: ignore[attr-defined]
    return [pool[place].clip() for place in places]


def _accuracy(line: JournalLine) -> float | None:
    return fact(line, "accuracy")


def _noisy(line: JournalLine) -> bool:
    return line.truth["noise"] != CLEAN


def _loss(lines: Sequence[JournalLine], noise: str, snr_db: float) -> Measure:
    """Word accuracy clean less that in noise, clip by clip."""
    return difference(
        lines, metric="word_accuracy_lost", pair=lambda line: line.sample, side=lambda line: not _noisy(line),
        value=_accuracy, higher_is_better=False, group=noise, level=snr_db,
        among=lambda line: not _noisy(line) or (line.truth["noise"], line.truth["snr_db"]) == (noise, snr_db),
    )  # fmt: skip
