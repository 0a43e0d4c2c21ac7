"""A task with parameters, also twice in one suite under names of its own: results rebuild it as the plan says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from earnest import registry
from earnest.audio import Manifest, Stimulus
from earnest.errors import BadData
from earnest.models.access import Answer
from earnest.plan import Plan, PlannedTask
from earnest.records import Item, JournalLine, Verdict
from earnest.report import write
from earnest.results import Measure, rate
from earnest.results.baseline import Baseline
from earnest.results.build import build
from earnest.results.naming import task_of, tasks_of
from earnest.results.standings import Standing, table
from earnest.runs.suite import Suite, resolve, run_suite
from earnest.tasks import Task, tasks
from earnest.tasks._base import Requirement

SUITE = """\
name: own
version: 1
tasks:
  - {name: any_word, task: words_said, parameters: {at_least: 1}}
  - {name: a-hundred-words, task: words-said, parameters: {at_least: 100}}
  - voice_parity
"""


@dataclass(frozen=True, kw_only=True)
class WordsSaid(Task):
    """Whether the answer has so many words; the bar is a parameter that the measures read."""

    pillar: ClassVar[str] = "safety"
    title: ClassVar[str] = "Does it say enough?"
    source: ClassVar[str] = "li2025-audiotrust"
    headline: ClassVar[str] = "long_enough_rate"
    requires: ClassVar[Requirement] = Requirement(roles=("read",))
    at_least: int = 1

    def items(self, data: Manifest, *, seed: int) -> list[Item]:
        return [
            Item(
                id=f"{self.name}/{row.id}",
                task=self.name,
                sample=row.id,
                load=lambda row=row: Stimulus(clips={"speech": row.clip()}, prompt="?"),
            )
            for row in self.usable(data)[:4]
        ]

    def score(self, item: Item, answer: Answer) -> Verdict:
        return Verdict(score=1.0, label="answer", facts={"n_words": len(answer.text.split())})

    def measures(self, lines: Sequence[JournalLine]) -> list[Measure]:
        def long_enough(line: JournalLine) -> bool:
            return line.verdict["facts"]["n_words"] >= self.at_least

        return [rate(lines, metric=self.headline, success=long_enough, headline=True)]


@pytest.fixture(autouse=True)
def words_said() -> Iterator[None]:
    tasks.register("words_said")(WordsSaid)
    yield
    del registry.registry("tasks")._found["words_said"]


@pytest.fixture
def run(data: Manifest, tmp_path: Path):
    path = tmp_path / "own.yaml"
    path.write_text(SUITE, encoding="utf-8")
    return run_suite(
        path,
        model="scripted/always_comply",
        data=data,
        out=tmp_path / "run",
        task=["any_word", "a_hundred_words"],
        gates=["safety.any_word.long_enough_rate=0.2", "safety.a_hundred_words.long_enough_rate=0.2"],
        cache=False,
    )


def values(findings) -> dict[str, float]:
    return {finding.id: finding.value for finding in findings if finding.headline}


def test_one_task_twice_is_measured_by_its_own_parameters(run) -> None:
    # the same answers: each has a word, none has a hundred
    truth = {"safety.any_word.long_enough_rate": 1.0, "safety.a_hundred_words.long_enough_rate": 0.0}
    assert values(run.findings) == values(build(run.folder)) == truth
    report = json.loads((run.folder / "report.json").read_text(encoding="utf-8"))
    assert {one["id"]: one["value"] for one in report["findings"] if one["headline"]} == truth
    # a rate of 4 in 4 is 0.51 to 1 by Wilson, so that the first gate passes and the second fails
    assert [gate["passed"] for gate in report["gates"]] == [True, False]
    assert {name: head.finding.value for name, head in Standing.of(run.folder).headlines.items()} == {
        "any_word": 1.0,
        "a_hundred_words": 0.0,
    }


def test_what_a_run_shows_is_computed_once(data: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[tuple[str, int]] = []
    own = WordsSaid.measures
    monkeypatch.setattr(
        WordsSaid, "measures", lambda self, lines: computed.append((self.name, len(lines))) or own(self, lines)
    )
    suite = Suite(name="own", version=1, tasks=({"name": "twice", "task": "words_said"}, "words_said"))
    options = {"model": "scripted/always_comply", "data": data, "cache": False}
    first = run_suite(suite, out=tmp_path / "first", **options)
    assert sorted(computed) == [("twice", 4), ("words_said", 4)]
    shown = (
        first.as_text(),
        first.findings,
        first.scorecard,
        first.as_json(gates=[first.gate("safety=0.2")]),
        first.why_nothing_was_scored,
    )
    assert shown and len(computed) == 2  # the report, the terminal, gates and JSON show the same
    computed.clear()
    again = run_suite(suite, out=tmp_path / "again", gates=["safety=0.2"], baseline=tmp_path / "first", **options)
    beside = [("twice", 4), ("words_said", 4)] * 2  # the headlines here and there, of the items that both have
    assert sorted(computed) == sorted([*beside, *beside[:2]])
    assert again.against and again.gate("safety=0.2") and len(computed) == 6


def test_everything_goes_by_the_name_and_the_plan_records_both(run) -> None:
    assert [(task.name, task.task, task.registered, task.parameters) for task in run.plan.tasks] == [
        ("any_word", "words_said", "words_said", {}),
        ("a_hundred_words", "words_said", "words_said", {"at_least": 100}),
    ]
    lines = [line for line in run.lines() if line.kind == "item"]
    assert {line.task for line in lines} == {"any_word", "a_hundred_words"}
    assert all(line.item.startswith(f"{line.task}/") for line in lines) and len(lines) == 8
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "Does it say enough? (any word)" in page
    assert "Does it say enough? (a hundred words)" in page


def test_a_report_is_written_again_with_the_same_numbers(run) -> None:
    before = json.loads((run.folder / "report.json").read_text(encoding="utf-8"))
    write(run.folder)
    assert json.loads((run.folder / "report.json").read_text(encoding="utf-8")) == before


def test_other_parameters_or_another_task_under_one_name_are_not_compared(run) -> None:
    standing, plan = Standing.of(run.folder), run.plan
    assert [task.name for task in Baseline.read(run.folder).shared(plan)] == ["any_word", "a_hundred_words"]
    other = plan.tasks[0].model_copy(update={"parameters": {"at_least": 2}})
    elsewhere = plan.tasks[1].model_copy(update={"task": "harmful_refusal"})
    changed = plan.model_copy(update={"tasks": (other, elsewhere)})
    assert Baseline.read(run.folder).shared(changed) == []
    twin = Standing(folder=run.folder, plan=changed, lines=standing.lines, headlines=standing.headlines)
    assert table([standing, twin], weights={"safety": 1.0}).left_out == {
        "any_word": "asked with parameters at_least=2 of words_said and by default of words_said",
        "a_hundred_words": "asked with parameters at_least=100 of harmful_refusal and at_least=100 of words_said",
        "safety": "no task that all runs were asked",
    }


def test_a_task_that_no_longer_takes_its_parameters_gets_the_mean_score_and_a_note(run) -> None:
    gone = run.plan.tasks[0].model_copy(update={"parameters": {"at_most": 3}})
    run.plan.model_copy(update={"tasks": (gone,)}).rewrite(run.folder)
    (head,) = (finding for finding in build(run.folder) if finding.headline)
    assert (head.metric, head.value) == ("score", 1.0)
    assert head.note.startswith("task 'words_said' cannot be made here with the parameters {'at_most': 3}")


def test_who_reads_all_lines_knows_the_others_as_they_were_asked() -> None:
    plan = Plan(
        earnest="0",
        suite="s",
        suite_version=1,
        model="m",
        fingerprint="f",
        data="probe",
        data_digest="d",
        items_digest="i",
        tasks=(
            PlannedTask(name="equal_treatment", pillar="fairness", version=1, n_items=0),
            PlannedTask(
                name="any_word", task="words_said", pillar="safety", version=1, parameters={"at_least": 7}, n_items=4
            ),
            PlannedTask(name="not_here", pillar="safety", version=1, n_items=4),
        ),
    )
    made = tasks_of(plan)
    others = made["equal_treatment"].others
    assert (others["any_word"].at_least, others["any_word"].name, others["not_here"]) == (7, "any_word", None)
    assert task_of(plan.tasks[1]).registered == "words_said"


@pytest.mark.parametrize("name", [name for name in tasks.names() if tasks.get(name).layout == "manifest"])
def test_items_of_every_task_go_by_the_name_that_a_suite_gives_it(data: Manifest, name: str) -> None:
    found, _ = tasks.make(name).called("by_another_name").items_or_lack(data, seed=0)
    assert {item.task for item in found} <= {"by_another_name"}
    assert all(item.id.startswith("by_another_name/") for item in found)
    assert tasks.make(name).name == name


def test_names_of_ones_own_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        "name: own\nversion: 1\ntasks:\n  - words_said\n  - {task: words_said, parameters: {at_least: 2}}\n"
        "  - {name: voice_parity, task: words_said}\n  - {name: 'a/b', task: words_said}\n",
        encoding="utf-8",
    )
    with pytest.raises(BadData) as error:
        resolve(Suite.read(path))
    assert list(error.value.faults) == [
        "voice_parity: 'voice_parity' is another task, and cannot be what 'words_said' is called; choose another name",
        "a/b: a task's own name must be of letters, digits and underscores, got 'a/b'; rename it",
        "words_said: comes more than once; give each its own name, as in `{name: words_said_again, task: words_said}`",
    ]
