"""A task at work on the small manifest of `tests/small_data.py`, and tones in the layout of the probe set."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from earnest.audio import Manifest
from earnest.models.access import Answer
from earnest.records import NO_ANSWER, Item, JournalLine, Question, Unscored, Verdict
from earnest.results.proof import as_proven
from earnest.tasks import Task, tasks

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
import planned as layout  # noqa: E402

from small_data import data, folder, make_folder, real_data, write_folder  # noqa: E402

__all__ = ["data", "folder", "make_folder", "real_data"]


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Tones of 1.2 s in the layout of the probe set (`tests/tasks/planned.py`)."""
    place = tmp_path_factory.mktemp("planned") / "probe"
    return Manifest.read(write_folder(place, layout.rows(), layout.COLUMNS, duration_s=1.2))


@dataclass(frozen=True)
class Bench:
    """A task with its items over the small manifest, for scoring by hand."""

    task: Task
    items: list[Item]

    def item(self, **truth: Any) -> Item:
        """The first item whose truth has these values; `sample` and `id` are looked at too."""
        for item in self.items:
            known = {**item.truth, "id": item.id, "sample": item.sample}
            if all(known.get(key) == value for key, value in truth.items()):
                return item
        raise AssertionError(f"no item has {truth}")

    def outcome(self, item: Item, text: str) -> Verdict | Unscored | Question:
        return self.task.score(item, Answer(text=text))

    def scored(self, item: Item, text: str) -> tuple[float | None, str]:
        """Score and label of an answer that must be scored, without a judge."""
        outcome = self.outcome(item, text)
        if isinstance(outcome, Question) and outcome.otherwise is not None:
            outcome = outcome.otherwise
        assert isinstance(outcome, Verdict), outcome
        return outcome.score, outcome.label

    def reason(self, item: Item, text: str) -> str:
        """Why an answer that must not be scored is not."""
        outcome = self.outcome(item, text)
        assert isinstance(outcome, Unscored), outcome
        return outcome.reason

    def no_answer(self, item: Item, text: str) -> tuple[float | None, str]:
        """Score of, and why, a reply that answers nothing on a clip that is known to carry something."""
        outcome = self.outcome(item, text)
        assert isinstance(outcome, Verdict), outcome
        assert outcome.label == NO_ANSWER, outcome
        return outcome.score, outcome.facts["why"]

    def line(self, item: Item, text: str) -> JournalLine:
        """The journal line of an answer; a question to a judge goes unjudged."""
        return self.line_for(item, self.outcome(item, text), answer=text)

    def line_for(self, item: Item, outcome: Verdict | Unscored | Question, *, answer: str = "") -> JournalLine:
        """The journal line of an outcome."""
        return line_of(item, outcome, answer=answer)

    def measures(
        self, answer: Callable[[Item], str], *, arrives: bool = True
    ) -> dict[tuple[str, str | None, Any], Any]:
        """Measures of a model that answers every item by `answer`, by metric, group and level.

        `arrives`: whether the run proves that the audio arrives; where it does not, no answer is unscored.
        """
        lines = [self.line(item, answer(item)) for item in self.items]
        lines = lines if arrives else as_proven(lines)
        return {(m.metric, m.group, m.level): m for m in self.task.measures(lines)}


def line_of(item: Item, outcome: Any, *, answer: str = "") -> JournalLine:
    verdict, reason = None, None
    if isinstance(outcome, Question) and outcome.otherwise is not None:
        outcome = outcome.otherwise
    if isinstance(outcome, Verdict):
        verdict = {"score": outcome.score, "label": outcome.label, "facts": dict(outcome.facts)}
    else:
        reason = outcome.reason if isinstance(outcome, Unscored) else "unjudged"
    return JournalLine(
        item=item.id,
        sample=item.sample,
        task=item.task,
        prompt_hash="",
        model="by hand",
        status="scored" if verdict else "unscored",
        reason=reason,
        answer=answer,
        verdict=verdict,
        cluster=item.cluster or item.sample,
        truth=dict(item.truth),
    )


@pytest.fixture
def bench(data: Manifest) -> Callable[..., Bench]:
    def make(name: str, manifest: Manifest = data, **parameters: Any) -> Bench:
        task = tasks.get(name)(**parameters)
        return Bench(task, task.items(manifest, seed=0))

    return make
