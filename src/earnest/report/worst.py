"""What went worst, to be heard: items that failed, with their clips and spectrograms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from earnest.pillars import PILLARS
from earnest.records import JournalLine
from earnest.report.gather import Report
from earnest.report.pictures import Budget, Picture, picture
from earnest.report.sections import FAILED_BELOW, arm_words, title_of
from earnest.results.pairs import base_item

MAX_EXAMPLES = 12
MAX_BYTES = 7_500_000
"""Sounds and pictures together; what does not fit stays beside the page and is linked."""


@dataclass(frozen=True, kw_only=True)
class Example:
    """An item that failed, as the page shows it."""

    line: JournalLine
    pillar: str
    title: str
    arm: str
    pictures: tuple[Picture, ...]
    answer_picture: Picture | None
    truth: tuple[tuple[str, str], ...]
    attempt: tuple[tuple[str, str], ...]


def worst_examples(report: Report) -> list[Example]:
    """At most twelve failed items, each task and arm once before any comes twice, arms in the order of the plan."""
    budget = Budget(MAX_BYTES)
    chosen = chosen_lines(report)
    by_item = {line.item: line for line in report.lines}
    return [_example(report, line, by_item=by_item, budget=budget) for line in chosen]


def chosen_lines(report: Report) -> list[JournalLine]:
    """The lines that are shown: of every task the worst, in the clean arm first."""
    ranked: dict[tuple[str, str], list[JournalLine]] = {}
    for line in sorted(report.items, key=_badness):
        if line.score is not None and line.score < FAILED_BELOW and (line.clips or line.answer_clip):
            ranked.setdefault((line.task, line.arm.suffix), []).append(line)
    pillars = {task.name: _order(task.pillar) for task in report.plan.tasks}
    arms = [arm.suffix for arm in report.plan.by_arm]

    def place(key: tuple[str, str]) -> tuple[int, int, str]:
        return (arms.index(key[1]) if key[1] in arms else len(arms), pillars.get(key[0], len(PILLARS)), key[0])

    keys = sorted(ranked, key=place)
    turns = [ranked[key][turn] for turn in range(2) for key in keys if turn < len(ranked[key])]
    return sorted(turns[:MAX_EXAMPLES], key=lambda line: (*place((line.task, line.arm.suffix)), _badness(line)))


def _badness(line: JournalLine) -> tuple[float, int, str]:
    succeeded = (line.attempt or {}).get("success") is True and (line.attempt or {}).get("clean_success") is False
    return (1.0 if line.score is None else line.score, -int(succeeded), line.item)


def _order(pillar: str) -> int:
    keys = list(PILLARS)
    return keys.index(pillar) if pillar in keys else len(keys)


def _example(report: Report, line: JournalLine, *, by_item: dict[str, JournalLine], budget: Budget) -> Example:
    folder = report.folder
    found = [picture(folder, digest, role=role, budget=budget) for role, digest in _heard(line, by_item).items()]
    answered = picture(folder, line.answer_clip, role="spoken answer", budget=budget) if line.answer_clip else None
    pillar = next((task.pillar for task in report.plan.tasks if task.name == line.task), "")
    return Example(
        line=line,
        pillar=pillar,
        title=title_of(report, line.task),
        arm=arm_words(line.arm),
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
    before = {} if clean is None else {
        f"{role}, not attacked": digest for role, digest in clean.clips.items() if digest != clips.get(role)
    }  # fmt: skip
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
    facts = ("success", "complied", "twin_served", "clean_answer", "control", "control_success", "control_answer", "n_queries", "snr_db")
    return _pairs(line.attempt or {}, facts)
