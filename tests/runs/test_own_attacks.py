"""Attacks that are part of a task: carried out and kept as those of any attacked arm, counted where a run has none."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from earnest.arms import Arm
from earnest.attacks import attacks
from earnest.audio import AudioClip, Goal
from earnest.engine import Job
from earnest.engine.clips import clip_path
from earnest.errors import BadParameter
from earnest.plan import Plan
from earnest.records import Item, JournalLine, OwnAttack
from earnest.registry import has_extra
from earnest.results.build import read_lines
from earnest.runs.suite import Suite, run_suite

pytestmark = pytest.mark.skipif(not has_extra("torch"), reason='needs pip install "earnest[torch]"')

TASK = "adversarial_transcription"
NEAR, LOUD = "pgd:epsilon=0.000244140625,step_size=1,steps=2", "pgd:snr_db=30,step_size=0.7,steps=3"
ON = "earnest/reference"


def suite(*specs: str, **parameters: object) -> Suite:
    task = {"name": TASK, "parameters": {"attacks": specs, **parameters}}
    return Suite.model_validate({"name": "own", "version": 1, "tasks": [task]})


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One clip of the probe set under two attacks, bare and behind mu-law."""
    out = tmp_path_factory.mktemp("own") / "run"
    run_suite(suite(NEAR, LOUD, max_rows=1), model="scripted/echo", out=out, defence="codec:format=mu_law", cache=False)
    return out


def lines_of(folder: Path, arm: Arm = Arm()) -> dict[str, JournalLine]:  # noqa: B008
    """The task's lines that count in an arm, by side and attack."""
    own = [line for line in read_lines(folder) if line.kind == "item" and line.arm == arm]
    return {" ".join(filter(None, (line.truth["side"], line.truth["attack"]))): line for line in own}


def clip(folder: Path, line: JournalLine) -> AudioClip:
    return AudioClip.read(clip_path(folder, line.clips["speech"]))


def test_its_attacks_are_arms_that_count_where_the_run_has_no_attack(asked: Path) -> None:
    plan = Plan.read(asked)
    (task,) = plan.tasks
    assert [arm.arm for arm in plan.arms] == [Arm(), Arm(defences=("codec:format=mu_law",))]
    assert [arm.arm for arm in task.own_arms] == [Arm(attack=spec, crafted_on=ON) for spec in (NEAR, LOUD)]
    assert {(arm.access, arm.family) for arm in task.own_arms} == {("gradients", "adversarial")}
    assert task.n_items == 5
    for arm in (Arm(), Arm(defences=("codec:format=mu_law",))):
        lines = lines_of(asked, arm)
        assert len(lines) == 5
        attacked = [line for line in lines.values() if line.attack]
        assert [(line.attack, line.crafted_on, line.own_attack) for line in attacked] == [
            (spec, ON, True) for spec in (NEAR, LOUD)
        ]
        assert all(line.item.endswith(arm.suffix) and line.truth["side"] == "adversarial" for line in attacked)
        assert all(line.attempt["n_gradients"] > 0 and not line.attempt["adaptive"] for line in attacked)
        assert all(line.attempt is None for line in lines.values() if not line.attack)


def test_an_adversarial_example_keeps_its_budget_and_its_control_is_of_equal_size(asked: Path) -> None:
    lines = lines_of(asked)
    clean = clip(asked, lines["clean"])
    for spec in (NEAR, LOUD):
        attacked, noise = (clip(asked, lines[f"{side} {spec}"]) for side in ("adversarial", "same_size_noise"))
        change, control = attacked.samples - clean.samples, noise.samples - clean.samples
        assert np.array_equal(np.abs(change), np.abs(control))
        assert 0.2 < np.mean(change[change != 0] == control[change != 0]) < 0.8
        if spec == NEAR:
            steps = np.abs(change) * 2**15
            assert steps.max() == 8 and np.all(steps % 1 == 0)
        else:
            assert 29.99 <= lines[f"adversarial {spec}"].attempt["snr_db"] < 30.5


def test_arms_of_defences_share_what_was_crafted_on_the_source_model(asked: Path) -> None:
    crafts = [json.loads(line) for line in (asked / "crafts.jsonl").read_text().splitlines()]
    assert len(crafts) == 2 * 2  # of each attack the clip and its control, for both arms
    assert len({craft["key"] for craft in crafts}) == 4


def test_a_run_that_is_resumed_searches_for_no_finished_example_again(asked: Path, tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "run"
    shutil.copytree(asked, folder)
    whole = {line.item: line for line in read_lines(folder)}
    journal = (folder / "journal.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in journal if json.loads(line)["truth"].get("side") not in ("adversarial", "same_size_noise")]
    assert len(journal) - len(kept) == 8
    (folder / "journal.jsonl").write_text("".join(kept))
    crafts = (folder / "crafts.jsonl").read_bytes()

    def propose(*arguments: object, **options: object) -> None:
        raise AssertionError("a finished search was repeated")

    monkeypatch.setattr(attacks.get("pgd").__mro__[1], "propose", propose)
    options = {"model": "scripted/echo", "defence": "codec:format=mu_law", "cache": False}
    run_suite(suite(NEAR, LOUD, max_rows=1), out=folder, **options)
    again = {line.item: line for line in read_lines(folder)}
    assert (folder / "crafts.jsonl").read_bytes() == crafts
    assert {item: (line.clips, line.answer, line.verdict, line.attempt) for item, line in again.items()} == {
        item: (line.clips, line.answer, line.verdict, line.attempt) for item, line in whole.items()
    }


def test_a_clip_that_cannot_be_attacked_spoils_no_other(make_folder, tmp_path: Path) -> None:
    """A file that is no audio and one that is silent, beside one that sounds."""
    folder = make_folder("three", [{"text": "one two"}, {"text": "three four"}, {"text": "five six"}])
    AudioClip(np.zeros(3200, np.float32), 16_000).write(folder / "clip-001.wav")
    whole = (folder / "clip-000.wav").read_bytes()
    (folder / "clip-000.wav").write_bytes(whole[:60])  # the header of a clip that was cut off
    run = run_suite(
        suite(NEAR), model="scripted/echo", data=folder, out=tmp_path / "run", cache=False, allow_missing=True
    )
    outcomes = Counter((line.sample, line.truth["side"], line.reason) for line in run.lines() if line.kind == "item")
    assert {reason for sample, _, reason in outcomes if sample == "clip-002.wav"} == {None}
    assert {reason for sample, side, reason in outcomes if sample == "clip-001.wav" and side != "clean"} == {
        "attack_failed"
    }
    assert ("clip-001.wav", "clean", None) in outcomes
    headline = next(finding for finding in run.findings if finding.headline)
    assert (headline.n_scored, headline.n_unscored) == (1, 2)


def test_no_other_attack_is_put_on_what_has_its_own(tmp_path: Path) -> None:
    outline = run_suite(suite(NEAR, max_rows=1), model="scripted/echo", attack="noise:snr_db=10", dry_run=True)
    assert outline.items == {TASK: {"clean": 3}}
    assert outline.plan.tasks[0].unattacked == ("noise:snr_db=10",)


def test_a_job_with_two_attacks_is_refused() -> None:
    own = OwnAttack(attack=NEAR, crafted_on=ON, goal=Goal(target="no", reached=lambda text: False))
    item = Item(id="t/a", task="t", sample="a", load=lambda: None, own_attack=own)
    with pytest.raises(BadParameter, match="t/a brings an attack of its own, got another one, 'noise'"):
        Job(item=item, arm=Arm(attack="noise"), score=lambda item, answer: None)
