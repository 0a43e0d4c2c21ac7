"""What went worst, to be heard: items that failed, with their clips and spectrograms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from earnest.pillars import PILLARS
from earnest.records import JournalLine
from earnest.report.differences import Piece, is_transcript, said_text, unmarked, verdict_sentence, word_differences
from earnest.report.gather import Report
from earnest.report.pictures import MAX_FLAC_BYTES, Budget, Picture, picture
from earnest.report.sections import FAILED_BELOW, arm_words, title_of
from earnest.results.pairs import base_item

MAX_EXAMPLES, MAX_FULL = 8, 24
"""Items that are shown, and on a full page."""

MAX_EXACT_BYTES = 24_000
"""A longer file is compressed in the page, but for a full one."""

SHARE_ATTACKED = 0.25
"""Of these, as many at least are attacked ones, where there are."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """An item that failed, as the page shows it.

    `said` and `answered` are what was said in it, where that is known, and what was answered, in pieces that say which words
    the other lacks; `sentence` is the verdict in everyday words.
    """

    line: JournalLine
    pillar: str
    title: str
    arm: str
    sentence: str
    said: tuple[Piece, ...]
    answered: tuple[Piece, ...]
    pictures: tuple[Picture, ...]
    answer_picture: Picture | None
    truth: tuple[tuple[str, str], ...]
    attempt: tuple[tuple[str, str], ...]


def worst_examples(report: Report, *, budget: Budget, full: bool = False) -> list[Example]:
    """The failed items that are shown, those of the clean condition first; a full page has more, and their exact sounds."""
    by_item = {line.item: line for line in report.lines}
    chosen = chosen_lines(report, most=MAX_FULL if full else MAX_EXAMPLES)
    return [_example(report, line, by_item=by_item, budget=budget, exact=full) for line in chosen]


def chosen_lines(report: Report, *, most: int = MAX_EXAMPLES) -> list[JournalLine]:
    """At most `most` lines: of each pillar in turn its worst task's worst item, no task twice before each came once.

    A quarter of them at least are attacked ones, where an attack made an item fail.
    """
    ranked: dict[tuple[bool, str, str], list[JournalLine]] = {}
    for line in sorted(report.items, key=_badness):
        if line.score is not None and line.score < FAILED_BELOW and (line.clips or line.answer_clip):
            ranked.setdefault((line.arm.attack is not None, line.arm.suffix, line.task), []).append(line)
    attacked = _in_turn(report, {key: some for key, some in ranked.items() if key[0]})
    others = _in_turn(report, {key: some for key, some in ranked.items() if not key[0]})
    n_attacked = min(len(attacked), max(round(SHARE_ATTACKED * most), most - len(others)))
    return [*others[: most - n_attacked], *attacked[:n_attacked]]


def _in_turn(report: Report, ranked: dict[tuple[bool, str, str], list[JournalLine]]) -> list[JournalLine]:
    """Lines of all tasks and conditions, condition by condition in the order of the plan, the pillars taking turns."""
    pillars = {task.name: task.pillar for task in report.plan.tasks}
    arms = [arm.suffix for arm in report.plan.by_arm]
    turns: dict[tuple[int, str], int] = {}
    placed = []
    for number in range(2):
        for key in sorted(ranked, key=lambda key: (_order(pillars.get(key[2], "")), key[2])):
            if number < len(ranked[key]):
                place = arms.index(key[1]) if key[1] in arms else len(arms)
                pillar = pillars.get(key[2], "")
                turn = turns[place, pillar] = turns.get((place, pillar), -1) + 1
                placed.append(((number, place, turn, _order(pillar)), ranked[key][number]))
    return [line for _, line in sorted(placed, key=lambda pair: pair[0])]


def _badness(line: JournalLine) -> tuple[float, int, str]:
    succeeded = (line.attempt or {}).get("success") is True and (line.attempt or {}).get("clean_success") is False
    return (1.0 if line.score is None else line.score, -int(succeeded), line.item)


def _order(pillar: str) -> int:
    keys = list(PILLARS)
    return keys.index(pillar) if pillar in keys else len(keys)


def _example(
    report: Report, line: JournalLine, *, by_item: dict[str, JournalLine], budget: Budget, exact: bool
) -> Example:
    def shown(digest: str, role: str) -> Picture | None:
        return picture(
            report.folder,
            digest,
            role=role,
            budget=budget,
            most_bytes=MAX_FLAC_BYTES if exact else MAX_EXACT_BYTES,
            small=not exact,
        )

    found = [shown(digest, role) for role, digest in _heard(line, by_item).items()]
    answered = shown(line.answer_clip, "spoken answer") if line.answer_clip else None
    said, answer = said_text(line), line.answer or ""
    pieces = (word_differences if is_transcript(line) else unmarked)(reference=said, hypothesis=answer)
    pillar = next((task.pillar for task in report.plan.tasks if task.name == line.task), "")
    return Example(
        line=line,
        pillar=pillar,
        title=title_of(report, line.task),
        arm=arm_words(line.arm),
        sentence=verdict_sentence(line),
        said=pieces[0],
        answered=pieces[1],
        pictures=tuple(one for one in found if one is not None),
        answer_picture=answered,
        truth=_pairs(line.truth),
        attempt=_attempt(line),
    )


def _heard(line: JournalLine, by_item: dict[str, JournalLine]) -> dict[str, str]:
    """Digests by what they are called: of an attacked item, the clip without the attack as well."""
    clips = dict(line.clips)
    if line.attack is None:
        return clips
    clean = by_item.get(base_item(line) + line.arm.unattacked.suffix) or by_item.get(base_item(line))
    before = (
        {}
        if clean is None
        else {f"{role}, not attacked": digest for role, digest in clean.clips.items() if digest != clips.get(role)}
    )
    return {**before, **{f"{role}, attacked" if before else role: digest for role, digest in clips.items()}}


def _pairs(values: dict[str, object], names: Sequence[str] = ()) -> tuple[tuple[str, str], ...]:
    kept = [(key, values[key]) for key in names or values if values.get(key) not in (None, "", [], {})]
    return tuple((key.replace("_", " "), _text(value)) for key, value in kept)


def _text(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(part) for part in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_text(part)}" for key, part in value.items())
    if isinstance(value, float):
        return f"{value:.4g}"
    return "yes" if value is True else "no" if value is False else str(value)


def _attempt(line: JournalLine) -> tuple[tuple[str, str], ...]:
    facts = (
        "success",
        "complied",
        "twin_served",
        "clean_answer",
        "control",
        "control_success",
        "control_answer",
        "n_queries",
        "snr_db",
    )
    return _pairs(line.attempt or {}, facts)
