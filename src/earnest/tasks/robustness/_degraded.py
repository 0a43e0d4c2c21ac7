"""What the tasks share that transcribe one clip under many conditions.

A condition (`earnest.tasks._conditions`) is a kind of degradation at a stated strength. Every chosen clip is heard
clean, as its own control, and under every condition; the transcript that people wrote is the reference throughout. All
tasks of this form choose the same clips, so that their curves can be set side by side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

from earnest.audio import Entry, Manifest
from earnest.metrics.transcription import normalise_english
from earnest.models.access import Answer
from earnest.records import Item, JournalLine, Outcome, Verdict
from earnest.results import Measure, curve, rate, ratio
from earnest.tasks import _prompts as prompts
from earnest.tasks._base import Requirement, Task
from earnest.tasks._conditions import AS_IT_IS, CLEAN, Condition, moved
from earnest.tasks._items import by_text, normal, rng_of, split_of
from earnest.tasks._words import fact, n_errors, n_words, transcription_outcome

READ = Requirement(columns=("text",), roles=("read",), not_labels=("harmful", "spoof"))
"""Speech with a transcript that may be mixed with anything."""


def in_rounds(rows: Sequence[Entry], *, n_voices: int, max_rows: int, seed: int) -> list[Entry]:
    """At most `max_rows` rows in the order of the data: a drawn voice of every text, then another of each, up to `n_voices`.

    Whoever takes fewer takes some of those that another takes who takes more.
    """
    texts = by_text(rows)
    names = [list(texts)[place] for place in rng_of(seed, "transcription", "rows").permutation(len(texts))]
    said = {
        name: rng_of(seed, f"transcription/{name}", "rows").permutation(len(texts[name])).tolist() for name in names
    }
    ranked = [texts[name][said[name][turn]] for turn in range(n_voices) for name in names if turn < len(said[name])]
    chosen = {id(row) for row in ranked[:max_rows]}
    return [row for own in texts.values() for row in own if id(row) in chosen]


@dataclass(frozen=True, kw_only=True)
class DegradedTranscription(Task):
    """Base of the tasks; subclasses state `conditions`, and `company` where those mix in others.

    The headline is the mean word accuracy (1 - word error rate, cut off at 0) over all degraded clips. Beside it stand
    the clean clips, and by kind and strength the word accuracy, the word error rate of the corpus, and what was lost
    against the clean twin, clip by clip. Clips of one text share its difficulty and are resampled together.

    Parameters
    ----------
    n_voices : int
        Most voices of one text.
    max_rows : int
        Most clips; each is heard clean and under every condition. Where there are more, every text is there once before
        one comes twice, and which texts and voices are taken is drawn from the seed.
    """

    pillar: ClassVar[str] = "robustness"
    source: ClassVar[str] = "shah2024-speech"
    baseline: ClassVar[float | None] = 0.0
    requires: ClassVar[Requirement] = READ
    prompt: ClassVar[str] = prompts.TRANSCRIBE
    conditions: ClassVar[tuple[Condition, ...]]

    n_voices: int = 3
    max_rows: int = 40

    def pool(self, data: Manifest) -> Pool:
        """The rows that company is chosen from."""
        return Pool()

    def company(self, entry: Entry, condition: Condition, pool: Pool, *, seed: int) -> list[Entry]:
        """The rows whose clips are mixed in with that of `entry`."""
        return []

    def told(self, company: Sequence[Entry]) -> dict[str, Any]:
        """What the journal says of the company."""
        return {}

    def items(self, data: Manifest, *, seed: int) -> list[Item]:
        pool = self.pool(data)
        return [
            self._item(entry, condition, pool, seed=seed)
            for entry in self.chosen(data, seed=seed)
            for condition in (AS_IT_IS, *self.conditions)
        ]

    def chosen(self, data: Manifest, *, seed: int) -> list[Entry]:
        """The clips that are degraded: alike for all tasks with equal parameters."""
        return in_rounds(self.usable(data), n_voices=self.n_voices, max_rows=self.max_rows, seed=seed)

    def _item(self, entry: Entry, condition: Condition, pool: Pool, *, seed: int) -> Item:
        company = [] if condition is AS_IT_IS else self.company(entry, condition, pool, seed=seed)
        return condition.item(
            self.name,
            entry,
            seed=seed,
            company=company,
            prompt=self.prompt,
            truth={
                "degradation": condition.kind,
                "level": condition.level,
                "unit": condition.unit,
                "expected": entry.text,
                **split_of(entry, *company),
                **self.told(company),
            },
            seen={"text": entry.text, "expected": entry.text},
            cluster=normal(entry.text),
        )

    def score(self, item: Item, answer: Answer) -> Outcome:
        outcome = transcription_outcome(item, answer, control=item.truth["degradation"] == CLEAN)
        if isinstance(outcome, Verdict) and "others" in item.truth:
            return replace(outcome, facts={**outcome.facts, **_foreign(item, answer)})
        return outcome

    def condition(self, item: Item) -> str:
        return "" if item.truth["degradation"] == CLEAN else f"{item.truth['degradation']} {item.truth['level']}"

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        headline = rate(lines, metric=self.headline, among=degraded, headline=True, baseline=self.baseline)
        clean = rate(lines, metric="word_accuracy_clean", success=accuracy, among=lambda line: not degraded(line))
        curves = [m for kind in dict.fromkeys(c.kind for c in self.conditions) for m in self._curves(lines, kind)]
        return [headline, clean, *curves, *(_loss(lines, condition) for condition in self.conditions)]

    def _curves(self, lines: Sequence[JournalLine], kind: str) -> list[Measure]:
        own = [line for line in lines if line.truth["degradation"] == kind]
        measured = next(condition.measured for condition in self.conditions if condition.kind == kind)
        curves = [
            *curve(own, metric="word_accuracy", level=level, value=accuracy, group=kind),
            *curve(
                own, metric="word_error_rate", level=level, numerator=n_errors, denominator=n_words, group=kind,
                higher_is_better=False,
            ),
        ]  # fmt: skip  # a table: one row a line
        return [replace(measure, note=f"level: {measured}") for measure in curves]


class Pool(list[Entry]):
    """Rows that company is drawn from, parted by split once."""

    def of_split(self, entry: Entry) -> list[Entry]:
        """Those of the split that a row is of."""
        return self._by_split.get(entry.value("split"), [])

    @cached_property
    def _by_split(self) -> dict[object, list[Entry]]:
        found: dict[object, list[Entry]] = {}
        for row in self:
            found.setdefault(row.value("split"), []).append(row)
        return found


def strangers(entry: Entry, pool: Pool, n: int, *, seed: int, name: str) -> list[Entry]:
    """Up to `n` drawn rows of its split that say something else than `entry`, each of another speaker and text where that
    can be."""
    rows = pool.of_split(entry)
    order = rng_of(seed, name, entry.id, "company").permutation(len(rows))
    found: list[Entry] = []
    for apart in (True, False):
        taken = {entry.speaker} if entry.speaker else set()
        texts = {normal(entry.text)}
        for row in (rows[place] for place in order):
            if len(found) == n:
                return found
            if normal(row.text) in texts or row in found or (apart and row.speaker in taken):
                continue
            found.append(row)
            if apart:
                taken |= {row.speaker} if row.speaker else set()
                texts.add(normal(row.text))
    return found


class AmongOthers(DegradedTranscription):
    """Base of those in which other speakers of the data talk, whose texts are told from that of the main one."""

    prompt: ClassVar[str] = prompts.TRANSCRIBE_MAIN
    n_others: ClassVar[Mapping[str, int]]
    """How many speakers there are beside the main one, by kind of condition."""
    least: ClassVar[int]
    """How many there must be for a clip to be asked."""

    def pool(self, data: Manifest) -> Pool:
        return Pool(self.usable(data))

    def chosen(self, data: Manifest, *, seed: int) -> list[Entry]:
        rows, least = self.pool(data), self.least
        return [
            entry
            for entry in super().chosen(data, seed=seed)
            if len(strangers(entry, rows, least, seed=seed, name=self.name)) == least
        ]

    def company(self, entry: Entry, condition: Condition, pool: Pool, *, seed: int) -> list[Entry]:
        return strangers(entry, pool, self.n_others[condition.kind], seed=seed, name=self.name)

    def told(self, company: Sequence[Entry]) -> dict[str, Any]:
        return {"others": [str(row.text) for row in company]}

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        return [*super().measures(lines), _foreign_words(lines)]


def level(line: JournalLine) -> float | None:
    """How strong the degradation was."""
    return line.truth["level"]


def accuracy(line: JournalLine) -> float | None:
    """Word accuracy, of clean clips too."""
    return fact(line, "accuracy", unanswered=0.0)


def degraded(line: JournalLine) -> bool:
    """Whether the clip was not the clean one."""
    return bool(line.truth["degradation"] != CLEAN)


def _foreign_words(lines: Sequence[JournalLine]) -> Measure:
    """Share of the written words that another speaker said and the one asked for did not."""
    return ratio(
        lines,
        metric="others_words_written",
        numerator=lambda line: fact(line, "n_foreign"),
        denominator=lambda line: fact(line, "n_written"),
        among=degraded,
        higher_is_better=False,
    )


def _foreign(item: Item, answer: Answer) -> dict[str, int]:
    """How many words were written, and how many of these only the others said."""
    written = Counter(normalise_english(answer.said).split())
    extra = written - Counter(normalise_english(str(item.truth["text"])).split())
    heard = Counter(word for text in item.truth["others"] for word in normalise_english(text).split())
    return {"n_written": written.total(), "n_foreign": (extra & heard).total()}


def _loss(lines: Sequence[JournalLine], condition: Condition) -> Measure:
    """Word accuracy clean less that under a condition, clip by clip."""
    own = (condition.kind, condition.level)
    return moved(
        lines,
        metric="word_accuracy_lost",
        by=lambda line: not degraded(line),
        than=lambda line: (line.truth["degradation"], level(line)) == own,
        value=accuracy,
        higher_is_better=False,
        group=condition.kind,
        level=condition.level,
        note=f"level: {condition.measured}",
    )
