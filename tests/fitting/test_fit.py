"""Fitting is a step of its own, and what was seen counts for nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import earnest
from earnest.artefacts import load
from earnest.audio import AudioClip, Manifest
from earnest.audio.splits import is_seen
from earnest.errors import BadData, BadParameter, PlanMismatch, RunStopped
from earnest.plan import Plan
from earnest.registry import load_file
from earnest.runs.suite import Run, fit, run_suite

Make = Callable[..., Path]


def ran(out: Path, data: Path, fitted: object, **options: object) -> Run:
    return run_suite("detectors", model=f"detector/loudness:artefact={fitted}", data=data, out=out, **options)  # type: ignore[arg-type,return-value]


def headline(run: Run) -> earnest.Finding:
    return next(finding for finding in run.findings if finding.headline)


@pytest.fixture
def loudness(plugin: Make) -> None:
    load_file(str(plugin("loudness")))


@pytest.mark.usefixtures("loudness")
def test_what_was_fitted_on_is_in_no_number_and_counted(tmp_path: Path, recordings: Make) -> None:
    data = recordings()
    made = fit("detectors/loudness", data=data, out=tmp_path / "fitted")
    about = made.artefact.about
    assert (
        about["split"]["n_rows"] == 6
        and about["split"]["apart_by"] == ["speaker"]
        and len(about["split"]["speakers"]) == 3
    )
    assert about["rows"] == sorted(set(about["rows"])), "an artefact's name must not hang on the order of rows"
    assert (
        len(about["rows"]) == 6
        and about["data"] == "data"
        and about["earnest"] == earnest.__version__
        and about["seconds"] >= 0
    )
    run = ran(tmp_path / "run", data, made.path)
    seen = {line.sample for line in run.lines() if line.seen}
    assert seen == {f"{label}-{speaker}.flac" for label in ("bona_fide", "spoof") for speaker in (0, 2, 4)}
    found = headline(run)
    assert (found.n_scored, found.n_unscored, found.value) == (6, 0, 1.0) and "6 items left out" in found.note
    assert run.plan.tasks[0].n_items == 12 and run.plan.tasks[0].seen == 6
    assert "6 items left out" in run.as_text()
    assert run.plan.artefacts[made.artefact.sha]["about"]["data_digest"] == about["data_digest"]
    report = json.loads((run.folder / "report.json").read_text())
    assert "6 items left out" in json.dumps(report) and "6 of its items" in (run.folder / "report.html").read_text()
    assert all(line.value is not None and line.answer == "" and line.kind == "item" for line in run.lines()), (
        "nobody asks for code words"
    )


@pytest.mark.usefixtures("loudness")
def test_a_clip_under_another_name_and_speaker_is_seen(tmp_path: Path, recordings: Make) -> None:
    """The manifest of the second folder tells nothing; the clips do."""
    made = fit("detectors/loudness", data=recordings(), out=tmp_path / "fitted")

    def rename(row: dict[str, str]) -> None:
        row["speaker"] = f"other {row['speaker']}"

    other = recordings("other", change=rename)
    run = ran(tmp_path / "run", other, made.path)
    assert run.plan.tasks[0].seen == 0 and headline(run).n_scored == 6
    assert {line.sample[-6] for line in run.lines() if line.seen} == {"0", "2", "4"}


@pytest.mark.usefixtures("loudness")
def test_all_rows_seen_give_no_number(tmp_path: Path, recordings: Make) -> None:
    data = recordings()
    made = fit("detectors/loudness", data=data, out=tmp_path / "fitted", split="all")
    run = ran(tmp_path / "run", data, made.path)
    assert not [finding for finding in run.findings if finding.headline]
    assert "all 12 of its items: of rows, speakers or texts" in run.not_run["spoof_scores"]


@pytest.mark.usefixtures("loudness")
def test_an_artefact_that_is_swapped_is_refused_on_resume(tmp_path: Path, recordings: Make) -> None:
    data = recordings()
    one = fit("detectors/loudness", data=data, out=tmp_path / "one")
    two = fit("detectors/loudness:margin=3", data=data, out=tmp_path / "two")
    path = tmp_path / "named.safetensors"
    shutil.copy(one.path, path)
    run = ran(tmp_path / "run", data, path)
    assert f"artefact={one.artefact.sha}" in run.plan.model
    shutil.copy(two.path, path)
    with pytest.raises(PlanMismatch, match=f"{one.artefact.sha}.*there.*{two.artefact.sha}.*here"):
        ran(tmp_path / "run", data, path)
    shutil.copy(one.path, path)
    assert ran(tmp_path / "run", data, path).summary.n_resumed == 12  # type: ignore[union-attr]
    assert ran(tmp_path / "run", data, one.artefact.sha[:12]).summary.n_resumed == 12  # type: ignore[union-attr]


@pytest.mark.usefixtures("loudness")
def test_facts_that_were_changed_on_the_way_are_another_plan(tmp_path: Path, recordings: Make) -> None:
    """The same numbers, said to have seen fewer rows."""
    data = recordings()
    made = fit("detectors/loudness", data=data, out=tmp_path / "fitted")
    ran(tmp_path / "run", data, made.path)
    less = made.artefact.with_about(split={}).save(tmp_path / "less")
    with pytest.raises(PlanMismatch, match="artefacts is"):
        ran(tmp_path / "run", data, less)


@pytest.mark.usefixtures("loudness")
def test_a_fit_is_not_done_twice(tmp_path: Path, recordings: Make) -> None:
    data = recordings()
    made = fit("detectors/loudness", data=data, out=tmp_path / "fitted")
    again = fit("detectors/loudness", data=data, out=tmp_path / "fitted")
    assert again.resumed and again.artefact == made.artefact and dict(again.artefact.about) == dict(made.artefact.about)
    with pytest.raises(PlanMismatch, match="seed is 0 there, 1 here"):
        fit("detectors/loudness", data=data, out=tmp_path / "fitted", seed=1)
    assert load(made.artefact.sha) == made.artefact, "what was fitted here is found by its hash"


@pytest.mark.usefixtures("loudness")
def test_what_is_said_of_what_cannot_be_fitted(tmp_path: Path, recordings: Make) -> None:
    data = recordings()
    with pytest.raises(BadParameter, match="pgd has nothing to fit"):
        fit("attacks/pgd", data=data, out=tmp_path / "a")
    with pytest.raises(BadParameter, match="<registry>/<name>"):
        fit("tasks/passphrase", data=data, out=tmp_path / "b")
    with pytest.raises(BadParameter, match="earnest fit detectors/loudness"):
        run_suite("detectors", model="detector/loudness", data=data, out=tmp_path / "run")
    with pytest.raises(BadData, match="got test, train"):
        fit("detectors/loudness", data=data, out=tmp_path / "c", split="dev")
    with pytest.raises(BadParameter, match="margin is its default there, 3 here"):
        made = fit("detectors/loudness", data=data, out=tmp_path / "d")
        run_suite(
            "detectors", model=f"detector/loudness:artefact={made.path},margin=3", data=data, out=tmp_path / "run"
        )


def test_a_dry_run_asks_and_writes_nothing(tmp_path: Path, recordings: Make) -> None:
    outline = fit("detectors/lfcc_gmm", data=recordings(split=False), dry_run=True)
    assert "on 6 rows of data, split train (drawn from the seed; rows are kept apart by speaker)" in outline.as_text()  # type: ignore[union-attr]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


ASKS = '''
from dataclasses import dataclass
from typing import ClassVar
import os
import numpy as np
from earnest.audio import Stimulus
from earnest.detectors import Detector, detectors

@detectors.register("asks")
@dataclass(frozen=True, kw_only=True)
class Asks(Detector):
    """Asks a model about every row, and breaks off where it is told to."""
    source: ClassVar[str] = "example2026-asks"

    def score(self, clip):
        return 0.0

    def fit(self, rows, system, rng):
        said = []
        for place, entry in enumerate(rows):
            if place == int(os.environ.get("BREAK_AT", -1)):
                raise RuntimeError("on purpose")
            said += [len(reply.text) for reply in system.ask([Stimulus(clips={"speech": entry.clip()}, prompt="What is it?")])]
        return self.made({"said": np.array(said), "drawn": rng.standard_normal(3)})

def answer(clip, prompt):
    with open(os.environ["ASKED"], "a") as file:
        file.write("x")
    return "word " * int(1000 * clip.peak)
'''


def test_a_fit_that_broke_off_goes_on(
    tmp_path: Path, recordings: Make, plugin: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was answered is not asked again; one seed gives the same, broken off or not."""
    load_file(str(plugin("asks", ASKS)))
    asked = tmp_path / "asked"
    monkeypatch.setenv("ASKED", str(asked))
    data = recordings()
    options = {"data": data, "model": "python:asks:answer"}
    monkeypatch.setenv("BREAK_AT", "4")
    with pytest.raises(RunStopped, match=r"RuntimeError: on purpose \(asks.py, line \d+\)"):
        fit("detectors/asks", out=tmp_path / "fitted", **options)
    assert asked.read_text() == 4 * "x"
    monkeypatch.delenv("BREAK_AT")
    made = fit("detectors/asks", out=tmp_path / "fitted", **options)
    assert asked.read_text() == 6 * "x" and (made.n_calls, made.n_cached) == (2, 4)
    assert fit("detectors/asks", out=tmp_path / "whole", **options).artefact == made.artefact
    assert made.artefact.about["model"] == "python:asks:answer" and made.artefact.about["plugins"].keys() == {"asks"}


def test_the_plan_of_a_run_without_artefacts_is_as_before(tmp_path: Path) -> None:
    plan = Plan.read(run_suite("quick", model="scripted/echo", out=tmp_path / "run", task="passphrase", limit=4).folder)
    assert plan.artefacts == {} and plan.plugins == {} and plan.tasks[0].seen == 0


def test_silence_is_bad_audio_and_no_score(tmp_path: Path, recordings: Make) -> None:
    import numpy as np

    data = recordings(n=8)
    made = fit("detectors/lfcc_gmm:n_components=2,n_steps=2", data=data, out=tmp_path / "fitted")
    AudioClip(np.zeros(1600, dtype=np.float32), 16_000).write(data / "spoof-1.flac")
    run = run_suite("detectors", model=f"detector/lfcc_gmm:artefact={made.path}", data=data, out=tmp_path / "run")
    found = headline(run)
    assert (
        found.unscored == {"bad_audio": 1}
        and found.n_scored == 7
        and found.worst_low <= found.value <= found.worst_high
    )  # type: ignore[operator]


def _unlabelled(row: dict[str, str]) -> None:
    row.update(label="", split="", speaker=f"{row['speaker']}{'' if row['path'].startswith('spoof') else 'more'}")


def test_a_further_folder_adds_rows_that_share_nobody_with_what_is_kept_out(tmp_path: Path, recordings: Make) -> None:
    data, more = recordings(), recordings("more", change=_unlabelled)
    alone = fit("detectors/lfcc_gmm:n_components=2", data=data, dry_run=True)
    both = fit("detectors/lfcc_gmm:n_components=2", data=data, also=f"{more}:label=bona_fide", dry_run=True)
    added = both.split.rows[len(alone.split.rows) :]
    # the spoofed clips' speakers s1, s3 and s5 are those of the test rows; s0, s2, s4 and all that have another name stay
    assert sorted(str(entry.speaker) for entry in added) == [
        *("s0", "s0more", "s1more", "s2", "s2more", "s3more", "s4", "s4more", "s5more"),
    ]
    assert {entry.label for entry in added} == {"bona_fide"} and all(entry.id.startswith("more/") for entry in added)
    assert "9 rows of more were added, 3 left out" in both.split.note
    assert both.plan.data == "data+more" and both.plan.rows_digest != alone.plan.rows_digest
    unlabelled = fit("detectors/lfcc_gmm:n_components=2", data=data, also=str(more), dry_run=True)
    assert unlabelled.plan.differences(both.plan)


@pytest.mark.usefixtures("loudness")
def test_rows_of_a_further_folder_are_learnt_from_and_count_as_seen(tmp_path: Path, recordings: Make) -> None:
    data, more = recordings(), recordings("more", change=_unlabelled)
    made = fit("detectors/loudness", data=data, also=(f"{more}:label=bona_fide",), out=tmp_path / "out")
    assert made.artefact.about["split"]["n_rows"] == 6 + 9
    new = next(entry for entry in Manifest.read(more) if entry.speaker == "s1more")
    assert is_seen(new, made.artefact.about["split"])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (":label=bona_fide", r"FOLDER\[:column=value"),
        ("{more}:label=", r"FOLDER\[:column=value"),
        ("{more}:colour=red", "got colour; put other columns"),
        ("{same}", "every one of the 6 rows of same does"),
    ],
)
def test_a_further_folder_that_is_no_use_is_refused(tmp_path: Path, recordings: Make, given: str, says: str) -> None:
    data, more = recordings(), recordings("more")
    same = recordings("same", n=6, change=lambda row: row.update(speaker="s1" if row["label"] == "spoof" else "s3"))
    rows = (same / "metadata.csv").read_text().splitlines()
    (same / "metadata.csv").write_text("\n".join(rows[:7]) + "\n")
    with pytest.raises((BadData, BadParameter), match=says):
        fit("detectors/lfcc_gmm", data=data, also=given.format(more=more, same=same), dry_run=True)
