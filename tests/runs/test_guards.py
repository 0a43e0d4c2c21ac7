"""A run whose defences ask models: their calls are counted, paid, cached and estimated, and its judge may be no guard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import earnest
from earnest import Run
from earnest.errors import BadParameter
from earnest.runs.suite import replay

GUARD = """
from earnest.models import Answer, Model

ASKED = []

class Guard(Model):
    name, fingerprint, batch_size = "guard", "a" * 16, 4

    def ask(self, stimuli, *, sampling=None):
        ASKED.extend(stimuli)
        return [self.one(each) for each in stimuli]

    def one(self, stimulus):
        text = stimulus.prompt
        said = "safe" if "safe or unsafe" in text else '{"label": "refuses", "reason": "it does"}'
        return Answer(text=said, usage={"input_tokens": 10, "output_tokens": 1, "cost_usd": 0.25}, duration_ms=30.0)

class Mute(Guard):
    fingerprint = "b" * 16

    def one(self, stimulus):
        return Answer(text="I would rather not say.", duration_ms=30.0)
"""


@pytest.fixture
def guards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    import importlib
    import sys

    (tmp_path / "own_guards.py").write_text(GUARD)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_guards", raising=False)
    yield importlib.import_module("own_guards")
    sys.modules.pop("own_guards", None)


def run(out: Path, **options: Any) -> Run:
    given = {
        "model": "scripted/always_comply",
        "task": "harmful_refusal",
        "limit": 4,
        "cache": out.parent / "cache",
        **options,
    }
    return earnest.run("core", out=out, **given)


def lines(out: Path) -> list[dict[str, Any]]:
    read = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]
    return [line for line in read if line["kind"] == "item" and line["defences"]]


def test_what_defences_ask_is_counted_paid_and_asked_once(tmp_path: Path, guards: Any) -> None:
    spec = "output_filter:model=python:own_guards:Guard"
    ran = run(tmp_path / "one", defence=spec)
    own = lines(tmp_path / "one")
    assert len(own) == 4
    for line in own:
        assert line["defence_usage"] == {"calls": 1, "input_tokens": 10, "output_tokens": 1, "cost_usd": 0.25}
        assert line["defence_ms"] >= 30
    found = {finding.metric: finding for finding in ran.findings if finding.threat_model.defences}
    assert found["defence_added_calls"].value == 1 and found["defence_added_tokens"].value == 11
    assert found["defence_added_usd"].value == pytest.approx(0.25) and found["defence_added_usd"].unit == "USD"
    assert len(guards.ASKED) == 4 and ran.summary.cost_usd == pytest.approx(0.25 * 4)
    run(tmp_path / "two", stack=[spec, f"smoothing+{spec}"])
    assert (
        len(lines(tmp_path / "two")) == 8 and len(guards.ASKED) == 8
    )  # what both arms ask alike is asked and paid once
    assert all(line["defence_usage"]["cost_usd"] == 0.25 for line in lines(tmp_path / "two"))
    plan = json.loads((tmp_path / "one" / "plan.json").read_text())
    assert plan["guards"] == {spec: {"python:own_guards:Guard": "a" * 16}}


def test_a_guard_that_says_nothing_usable_leaves_items_unscored(tmp_path: Path, guards: Any) -> None:
    ran = run(tmp_path / "mute", defence="output_filter:model=python:own_guards:Mute")
    assert [(line["status"], line["reason"]) for line in lines(tmp_path / "mute")] == [("unscored", "bad_response")] * 4
    (head,) = [f for f in ran.findings if f.headline and f.threat_model.defences and f.task == "harmful_refusal"]
    assert head.value is None and head.unscored == {"bad_response": 4}
    assert guards.ASKED  # it was asked, and once more


def test_a_dry_run_tells_how_often_defences_ask(guards: Any) -> None:
    outline = earnest.run(
        "core", model="scripted/always_comply", task="harmful_refusal", limit=4, dry_run=True,
        stack=["output_filter:model=python:own_guards:Guard", "self_check"],
    )  # fmt: skip
    assert outline.estimate.n_guard_calls == 8 and "up to 8 calls of defences" in outline.as_text()


def test_the_ceiling_holds_for_what_defences_ask(tmp_path: Path, guards: Any) -> None:
    guards.Guard.destination, guards.Guard.batch_size = "example.org", None
    with pytest.raises(BadParameter, match="a ceiling needs prices, and none is known for python:own_guards:Guard"):
        run(tmp_path / "dear", defence="output_filter:model=python:own_guards:Guard", max_cost=1.0)


def test_items_behind_somebodys_guard_are_not_asked_again_because_a_folder_says_so(tmp_path: Path, guards: Any) -> None:
    ran = run(tmp_path / "one", defence="output_filter:model=python:own_guards:Guard")
    item = lines(tmp_path / "one")[0]["item"]
    with pytest.raises(BadParameter, match="a run folder is data, and nobody is asked"):
        replay(ran.folder, item)
