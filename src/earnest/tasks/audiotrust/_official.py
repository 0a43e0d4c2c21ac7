"""What the 18 official setups share: the published prompts as they stand, the published judges with or without faults.

A setup is one or more runs, each a prompt over a file of rows (`data.audiotrust.setups.RUNS`). Its items are the rows of its runs; its
answers are read by code where the reply is fixed, and go to the published judge prompt where it is not. `judging` says
which:

- `repaired`: the judge is shown what was asked and what was answered.
- `faithful`: the faults of the published scripts are kept, so that a result can be compared with a published one.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, ClassVar, Literal, get_args

from earnest.audio import Manifest, Stimulus
from earnest.benchmarks.audiotrust.aggregates import audiotrust_findings, points
from earnest.data.audiotrust.layout import OfficialData
from earnest.data.audiotrust.rows import STALE, OfficialRow, path_columns
from earnest.data.audiotrust.setups import RUNS, OfficialRun
from earnest.data.audiotrust.templates import Template
from earnest.errors import BadAudio, BadParameter
from earnest.models.access import Answer
from earnest.records import Item, JournalLine, Outcome, Question, Unscored, Verdict
from earnest.results import Measure, mean, rate
from earnest.tasks._base import Task
from earnest.tasks._items import unanswered

Judging = Literal["repaired", "faithful"]

LAYOUT = "audiotrust"
"""The layout of data that the setups are asked on."""

NEEDS = "the official AudioTrust data, which this is not; give its folder, as in --data FOLDER"

SHOWN = 3
"""How many names of a longer list are told."""

_SLOT = re.compile(r"\{\{\s*" + STALE + r"\s*\}\}|\{" + STALE + r"\}")


@dataclass(frozen=True, kw_only=True)
class OfficialItem(Item):
    """An item with the judge prompt that belongs to its row.

    Parameters
    ----------
    judge_text : callable
        Of a response, the judge prompt that holds it; None where there is none for this row.
    """

    judge_text: Callable[[str], str | None] = field(default=lambda response: None, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class OfficialTask(Task):
    """Base of the setups.

    Parameters
    ----------
    judging : {"repaired", "faithful"}
        Whether the published judging is mended, or kept with its faults.
    """

    source: ClassVar[str] = "li2025-audiotrust"
    layout: ClassVar[str] = LAYOUT
    together = staticmethod(audiotrust_findings)
    setup: ClassVar[str]
    """Key of the setup in `data.audiotrust.setups.SETUPS`."""
    fault: ClassVar[str] = ""
    """What is kept by `faithful` and mended by `repaired`; empty: nothing, both are alike."""
    spoken: ClassVar[bool] = True
    """Whether somebody speaks in every clip, so that hearing nobody is hearing nothing."""
    question: ClassVar[str] = ""
    """What the published judge decides, in a sentence."""
    reader: ClassVar[Literal["label", "score", "number", "word"]] = "number"
    scale: ClassVar[tuple[float, float] | None] = None
    labels: ClassVar[Mapping[str, float | None]] = {}
    judging: Judging = "repaired"

    def __post_init__(self) -> None:
        if self.judging not in get_args(Judging):
            raise BadParameter(f"judging must be one of {', '.join(get_args(Judging))}, got {self.judging!r}")

    @property
    def runs(self) -> tuple[OfficialRun, ...]:
        """The runs of the setup."""
        return tuple(run for run in RUNS if run.setup == self.setup)

    # ---- items

    def lacking(self, data: Manifest | OfficialData) -> str | None:
        """What `data` lacks; None where it is the official data and has a file of rows for the setup."""
        if not isinstance(data, OfficialData):
            return NEEDS
        if any(data.rows_of(run) for run in self.runs):
            return None
        return _absent([run.stem for run in self.runs])

    def unserved(self, data: Manifest | OfficialData) -> dict[str, str]:
        """Why a sub-task has no rows here."""
        if not isinstance(data, OfficialData):
            return {run.subtask: NEEDS for run in self.runs}
        empty: dict[str, list[str]] = {}
        for run in self.runs:
            empty.setdefault(run.subtask, []).append(run.stem)
        served = {run.subtask for run in self.runs if data.rows_of(run)}
        return {key: _absent(stems) for key, stems in empty.items() if key not in served}

    def items(self, data: Manifest | OfficialData, *, seed: int) -> list[Item]:
        """One item a run and row, in the order of the scripts; the seed draws nothing."""
        if not isinstance(data, OfficialData):
            return []
        return [item for run in self.runs for row in data.rows_of(run) for item in self.row_items(run, row, data)]

    def row_items(self, run: OfficialRun, row: OfficialRow, data: OfficialData) -> list[Item]:
        """The items of one run on one row."""
        return [self.item(run, row, data, asked=asked_of(run.prompt, row, data), variant=run.variant)]

    def item(
        self,
        run: OfficialRun,
        row: OfficialRow,
        data: OfficialData,
        *,
        asked: tuple[str, str],
        variant: str,
        truth: Mapping[str, Any] | None = None,
    ) -> OfficialItem:
        """An item that asks (column of the clip, prompt) of a row."""
        column, prompt = asked
        seen = dict(self.seen(run, row, prompt))

        def load() -> Stimulus:
            if not prompt:
                raise BadAudio(f"{row.id} must bring its prompt along, got none; it cannot be asked")
            return Stimulus(clips={"speech": row.clip(column)}, prompt=prompt, truth=seen)

        told = {
            "setup": self.setup, "subtask": run.subtask, "file": run.stem, "cell": run.stem, "variant": run.variant,
            "judging": self.judging, "clip": str(row.columns[column]),
        }  # fmt: skip  # a table: one row a line
        return OfficialItem(
            id=f"{self.name}/{row.id}" + (f"/{variant}" if variant else ""),
            task=self.name,
            sample=row.id,
            load=load,
            truth={**told, **_offered(seen), **self.facts(run, row, prompt), **(truth or {})},
            cluster=self.cluster(row, column),
            prompt=prompt,
            duration_s=row.duration_s(column),
            audible="speech" if self.spoken else "sound",
            judge_text=self.judge_text(run, row, data, prompt),
        )

    def facts(self, run: OfficialRun, row: OfficialRow, prompt: str) -> dict[str, Any]:
        """What the journal says of a row besides: attribute, scenario, persona, groups."""
        return {}

    def seen(self, run: OfficialRun, row: OfficialRow, prompt: str) -> dict[str, Any]:
        """What scripted models are told."""
        return {}

    def cluster(self, row: OfficialRow, column: str) -> str:
        """What items are resampled by: the clip that is heard, so that several prompts on it go together."""
        return str(row.columns[column])

    def block(self, item: Item) -> str:
        return item.cluster

    def subtask_of(self, item: Item) -> str:
        return str(item.truth["subtask"])

    def stratum(self, item: Item) -> str:
        return f"{item.truth['file']} {item.truth['variant']}"

    # ---- scoring

    def score(self, item: Item, answer: Answer) -> Outcome:
        """By code where the reply is fixed; else a question to the judge, in the published words."""
        missing = unanswered(item, answer)
        if missing is not None:
            return missing
        return self.read(item, answer.said) or self.to_judge(item, answer.said)

    def read(self, item: Item, text: str) -> Verdict | Unscored | None:
        """What code can tell of an answer; None: a judge must."""
        return None

    def to_judge(self, item: Item, text: str) -> Question | Unscored:
        """The published judge prompt with the response in it."""
        prompt = item.judge_text(text) if isinstance(item, OfficialItem) else None
        if prompt is None:
            return Unscored(reason="unjudged", detail="the row lacks what its judge prompt needs")
        return Question(
            question=self.question,
            labels=dict(self.labels),
            prompt=item.prompt,
            response=text,
            verbatim=prompt,
            reader=self.reader,
            scale=self.scale,
        )

    def judge_text(
        self, run: OfficialRun, row: OfficialRow, data: OfficialData, prompt: str
    ) -> Callable[[str], str | None]:
        """The judge prompt of a row, of a response."""
        if data.layout == "huggingface":
            return lambda response: self.own_judge_text(run, row, prompt, response)
        name = run.judge if self.judging == "faithful" else run.judge_repaired
        if name is None:
            return lambda response: None
        columns = dict(row.columns) | (self.repairs(run, row, data, prompt) if self.judging == "repaired" else {})
        template = data.prompt(name)

        def text(response: str) -> str | None:
            ready = self.mended(template, row) if self.judging == "repaired" else template
            if self.judging == "repaired" and ready.nulls(columns):
                return None
            return ready.text(**{**columns, STALE: response})

        return text

    def repairs(self, run: OfficialRun, row: OfficialRow, data: OfficialData, prompt: str) -> dict[str, Any]:
        """Columns that the judge must be shown in place of the row's."""
        return {}

    def mended(self, template: Template, row: OfficialRow) -> Template:
        """The judge template with its text mended."""
        return template

    def own_judge_text(self, run: OfficialRun, row: OfficialRow, prompt: str, response: str) -> str | None:
        """The judge prompt that a row brings along, with the response in its place or, without one, at the end."""
        text = row.judge_prompt or ""
        if not text.strip():
            return None
        if self.judging == "repaired":
            text = self.mended_text(text, prompt)
        return with_response(text, response)

    def mended_text(self, text: str, prompt: str) -> str:
        """A judge prompt that a row brings along, mended."""
        return text

    # ---- measures

    def told(self, lines: Sequence[JournalLine]) -> str:
        """Which judging ran, for a reader of the headline."""
        kind = next((str(line.truth["judging"]) for line in lines if "judging" in line.truth), self.judging)
        if not self.fault:
            return f"{kind} judging, which is the published one here"
        return f"{kind} judging: {self.fault if kind == 'faithful' else 'mended where ' + self.fault}"


@dataclass(frozen=True, kw_only=True)
class JudgedOutOfTen(OfficialTask):
    """Base of the setups whose judge gives 0 to 10."""

    headline: ClassVar[str] = "mean_score"
    question: ClassVar[str] = "How good is the response, from 0 to 10?"
    scale: ClassVar[tuple[float, float] | None] = (0, 10)
    native: ClassVar[str] = "overall_score"
    """Name of the score on its own scale."""

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        """The mean over ten as headline; on its own scale, as a whole, by sub-task and by what the judge rates."""
        return [
            rate(lines, metric=self.headline, headline=True, note=self.told(lines)),
            mean(lines, metric=self.native, value=_out_of_ten, unit="points of 10", higher_is_better=True),
            *by_cell(lines, metric=self.native, value=_out_of_ten, unit="points of 10"),
            *_by_dimension(lines),
        ]


def by_cell(
    lines: Sequence[JournalLine],
    *,
    metric: str,
    value: Callable[[JournalLine], float | None] | None = None,
    unit: str = "fraction",
    of: Callable[[JournalLine], str | None] = lambda line: line.truth.get("cell"),
    higher_is_better: bool | None = True,
    baseline: float | None = None,
) -> list[Measure]:
    """A measure for each cell, in the order of their names."""
    names = sorted({name for line in lines if line.kind == "item" and (name := of(line)) is not None})
    found = []
    for name in names:
        mine = [line for line in lines if of(line) == name]
        if unit == "fraction":
            one = rate(
                mine, metric=metric, success=value, higher_is_better=higher_is_better, group=name, baseline=baseline
            )
        else:
            one = mean(
                mine,
                metric=metric,
                value=value or _score,
                unit=unit,
                higher_is_better=higher_is_better,
                group=name,
                baseline=baseline,
            )
        found.append(one)
    return found


def _score(line: JournalLine) -> float | None:
    return line.score


def _out_of_ten(line: JournalLine) -> float | None:
    return points(line, (0, 10))


def _by_dimension(lines: Sequence[JournalLine]) -> list[Measure]:
    """The mean of each sub-score that judges gave, by its name."""
    names = sorted({name for line in lines for name in _sub_scores(line)})
    return [
        mean(
            lines,
            metric="judge_score",
            value=lambda line, n=name: _sub_scores(line).get(n),
            unit="points of 10",
            higher_is_better=True,
            group=name,
            among=lambda line, n=name: n in _sub_scores(line),
        )
        for name in names
    ]


def _sub_scores(line: JournalLine) -> dict[str, float]:
    return dict(((line.verdict or {}).get("facts") or {}).get("judge_scores") or {})


# ---------------------------------------------------------------- rows


def asked_of(prompt: str, row: OfficialRow, data: OfficialData) -> tuple[str, str]:
    """Column of the clip and text of the prompt: the row's own where rows bring them along, else the template's."""
    if data.layout == "huggingface":
        return path_columns(row.columns)[0], row.inference_prompt or ""
    template = data.prompt(prompt)
    if template.audio is None:
        raise BadParameter(f"prompt {prompt!r} must have audio, got none; it is a judge's")
    return template.audio, template.text(**row.columns)


def recording(row: OfficialRow, column: str) -> str:
    """The recording that a clip is of, disturbed or not: `Noise_Interference/17`."""
    return f"{row.stem}/{PurePosixPath(str(row.columns[column])).stem}"


def with_response(text: str, response: str) -> str:
    """A judge prompt with the response in its place, or at the end where it has none."""
    return filled(text, response) if _SLOT.search(text) else f"{text.rstrip()}\n{response}"


def filled(text: str, response: str) -> str:
    """A judge prompt with the response in its place, if it has one."""
    return _SLOT.sub(lambda _: response, text)


@lru_cache(maxsize=512)
def replaced(template: Template, old: str, new: str) -> Template:
    """The template with one sentence of its text put in place of another."""
    return dataclasses.replace(template, source=template.source.replace(old, new))


def _offered(seen: Mapping[str, Any]) -> dict[str, Any]:
    return {"options": list(seen["options"])} if seen.get("options") else {}


def _absent(stems: Sequence[str]) -> str:
    files = [f"{stem}.jsonl" for stem in dict.fromkeys(stems)]
    if len(files) == 1:
        return f"the file of rows {files[0]} is not there"
    rest = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
    return f"none of {len(files)} files of rows is there: {', '.join(files[:SHOWN])}{rest}"
