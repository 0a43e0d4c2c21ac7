"""What a run is asked for: tasks, pillars, names with a slip of the pen, and a model's name for readers."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from earnest.errors import BadData, BadParameter, UnknownName, did_you_mean
from earnest.models import load_model
from earnest.plan import Plan
from earnest.report.leaderboard import build
from earnest.runs.suite import Outline, Run, Suite, resolve, run_suite
from earnest.tasks.probe import probe_manifest


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Words and voices, and no requests: nothing that the pillar of safety could ask."""
    folder = tmp_path_factory.mktemp("voices")
    chosen = [entry for entry in probe_manifest().entries if entry.text and entry.gender and entry.speaker][:6]
    for number, entry in enumerate(chosen):
        entry.clip().write(folder / f"{number}.wav")
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [[f"{number}.wav", entry.text, entry.speaker, entry.gender] for number, entry in enumerate(chosen)]
        csv.writer(file).writerows([["path", "text", "speaker", "gender"], *rows])
    return folder


def asked(**choice: object) -> Outline:
    outline = run_suite("core", model="scripted/echo", limit=2, dry_run=True, **choice)  # type: ignore[arg-type]
    assert isinstance(outline, Outline)
    return outline


def test_a_pillar_runs_what_the_data_serves_and_lists_the_rest(voices: Path, tmp_path: Path) -> None:
    outline = asked(data=voices, pillar=["robustness", "safety", "deepfake"])
    assert "noisy_transcription" in outline.items and "harmful_refusal" not in outline.items
    assert outline.not_run["harmful_refusal"].startswith("no row has the label harmful")
    assert outline.not_run["spoof_detection"] == "no row has the label bona_fide or spoof"
    run = run_suite(
        "core", model="scripted/echo", data=voices, pillar="hallucination", limit=1, out=tmp_path / "run", cache=False
    )
    assert isinstance(run, Run)
    assert "  not run: emotion_match: no row has a value in the column emotion" in run.as_text().splitlines()
    with pytest.raises(BadData, match="does not serve any task of safety"):
        asked(data=voices, pillar="safety")


def test_a_task_that_was_named_must_run(voices: Path) -> None:
    with pytest.raises(BadData, match="does not serve the tasks that were asked for"):
        asked(data=voices, task=["noisy_transcription", "harmful_refusal"])


def test_task_and_pillar_together_are_both_asked() -> None:
    names = [
        task.name
        for task in resolve(Suite.read("core"), task=["passphrase", "social-engineering"], pillar=["authentication"])
    ]
    assert names == ["passphrase", "social_engineering"]
    with pytest.raises(BadData, match="passphrase: of the pillar authentication, which was not asked for"):
        resolve(Suite.read("core"), task=["passphrase", "harmful_refusal"], pillar=["safety"])


@pytest.mark.parametrize(
    ("choice", "meant"),
    [({"task": ["passfrase"]}, "did you mean 'passphrase'"), ({"pillar": ["Safty"]}, "did you mean 'safety'")],
)
def test_a_slip_of_the_pen_is_told(choice: dict, meant: str) -> None:
    with pytest.raises(BadData, match=meant):
        resolve(Suite.read("core"), **choice)


@pytest.mark.parametrize(
    ("spec", "meant"),
    [
        ("opanai/gpt", "'openai'"),
        ("openai:gpt-audio", "'openai/gpt-audio'"),
        ("scripted", "'scripted/...'"),
        ("scripted/eco", "'echo'"),
    ],
)
def test_a_slip_in_a_model_is_told(spec: str, meant: str) -> None:
    with pytest.raises(BadParameter, match=f"did you mean {meant}"):
        load_model(spec)


def test_a_slip_in_a_suite_is_told_and_what_is_like_nothing_is_not() -> None:
    with pytest.raises(UnknownName, match="did you mean 'quick'"):
        Suite.read("quik")
    assert did_you_mean("zebra", ["core", "quick"]) == ""
    assert did_you_mean("Harmful-Refusal", ["harmful_refusal"]) == "; did you mean 'harmful_refusal'?"


def test_a_name_for_readers_moves_nothing(tmp_path: Path) -> None:
    choice = {"model": "scripted/echo", "task": "noisy_transcription", "limit": 2, "cache": False}
    plain = run_suite("core", out=tmp_path / "plain", **choice)  # type: ignore[arg-type]
    named = run_suite("core", out=tmp_path / "named", name=" Our  model, v2 ", **choice)  # type: ignore[arg-type]
    assert isinstance(plain, Run) and isinstance(named, Run)
    assert (named.plan.name, named.plan.model, named.plan.digest) == (
        "Our model, v2",
        "scripted/echo",
        plain.plan.digest,
    )
    assert named.as_text().startswith("Our model, v2 on probe") and plain.as_text().startswith("scripted/echo on probe")
    page = (tmp_path / "named" / "report.html").read_text(encoding="utf-8")
    assert ">Our model, v2 <span>(scripted/echo) on probe</span></h1>" in page
    rows = build([tmp_path]).as_json()["tables"][0]["rows"]
    assert sorted((row["name"], row["model"]) for row in rows) == [
        ("Our model, v2", "scripted/echo"),
        ("scripted/echo", "scripted/echo"),
    ]
    assert run_suite("core", out=tmp_path / "named", **choice).plan.name == "Our model, v2"  # type: ignore[arg-type]
    assert run_suite("core", out=tmp_path / "named", name="v3", **choice).plan.name == "v3"  # type: ignore[arg-type]
    assert Plan.read(tmp_path / "named").name == "v3"


@pytest.mark.parametrize("name", ["x" * 81, "bell\x07", "turned \u202e round"])
def test_a_name_is_one_line_that_can_be_printed(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match="one line of at most 80 signs"):
        run_suite("core", model="scripted/echo", name=name, out=tmp_path / "run")
