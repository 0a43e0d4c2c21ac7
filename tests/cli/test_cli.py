"""The command line as a user meets it: exit codes, one JSON object on stdout, errors that name the fix."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import earnest

KEYS = ("OPENAI_API_KEY", "GEMINI_API_KEY", "EARNEST_API_KEY")
Done = subprocess.CompletedProcess[str]
Call = Callable[..., Done]


def own_process(*arguments: str, cwd: Path) -> Done:
    """The command as a user starts it."""
    kept = {key: value for key, value in os.environ.items() if key not in KEYS}
    return subprocess.run(
        [sys.executable, "-m", "earnest", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**kept, "EARNEST_CACHE": str(cwd / "cache")},
        check=False,
    )


def run(cwd: Path, *more: str) -> Done:
    return own_process(*a_run(*more), cwd=cwd)


def a_run(*more: str, model: str = "scripted/always_refuse", out: str = "run") -> tuple[str, ...]:
    return ("run", "core", "--model", model, "--out", out, "--task", "harmful_refusal", "--limit", "4", *more)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom earnest.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print(sorted({'torch', 'numpy', 'scipy', 'onnxruntime', 'aiohttp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
    assert "run" in done.stdout and "doctor" in done.stdout


def test_version(tmp_path: Path) -> None:
    done = own_process("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, f"earnest, version {earnest.__version__}")


def test_a_run_leaves_the_whole_folder(tmp_path: Path) -> None:
    done = run(tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert any(f["id"] == "safety.harmful_refusal.refusal_rate" and f["value"] == 1 for f in result["findings"])
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"plan.json", "journal.jsonl", "clips", "report.html", "report.json", "report.md", "junit.xml"} <= names


def test_another_plan_in_the_same_folder_is_refused_and_named(call: Call) -> None:
    assert call(*a_run()).returncode == 0
    done = call(*a_run("--seed", "5"))
    assert done.returncode == 2
    assert "seed is 0 there, 5 here" in done.stderr


def test_the_same_plan_asks_nothing_again(call: Call, tmp_path: Path) -> None:
    assert call(*a_run()).returncode == 0
    before = (tmp_path / "run" / "journal.jsonl").read_bytes()
    assert call(*a_run()).returncode == 0
    assert (tmp_path / "run" / "journal.jsonl").read_bytes() == before


def test_a_gate_that_fails_is_exit_1(tmp_path: Path) -> None:
    done = own_process(*a_run("--fail-under", "safety=0.9", model="scripted/always_comply"), cwd=tmp_path)
    assert done.returncode == 1
    assert "FAILED" in done.stdout


def test_an_unknown_gate_is_exit_2(call: Call) -> None:
    done = call(*a_run("--fail-under", "saftey=0.9"))
    assert done.returncode == 2
    assert "saftey" in done.stderr


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("openai/gpt-4o-audio-preview", "OPENAI_API_KEY"),
        ("gemini/gemini-2.5-flash", "GEMINI_API_KEY"),
        ("scripted/nonsense", "always_refuse"),
        ("nonsense", "a model is written as one of"),
        ("python:no_such_module:f", "no_such_module"),
    ],
)
def test_a_model_that_cannot_be_had_is_exit_2_with_the_fix(call: Call, model: str, says: str) -> None:
    done = call(*a_run(model=model))
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--attack", "pdg"), "did you mean 'pgd'"),
        (("--attack", "noise:snr=3"), "snr_db"),
        (("--attack", "noise:snr_db=loud"), "snr_db"),
        (("--attack", "pgd"), "grants responses only"),
        (("--defence", "codek"), "did you mean 'codec'"),
        (("--data", "nowhere"), "nowhere"),
        (("--task", "nonsense"), "nonsense"),
        (("--pillar", "nonsense"), "the pillars are"),
        (("--shard", "9/8"), "9/8"),
    ],
)
def test_bad_options_are_exit_2_with_what_was_expected(call: Call, options: tuple[str, str], says: str) -> None:
    done = call(*a_run(*options))
    assert done.returncode == 2, done.stdout + done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_dry_run_asks_and_writes_nothing(call: Call, tmp_path: Path) -> None:
    done = call(*a_run("--dry-run", "--json", "--attack", "noise", "--defence", "smoothing"))
    assert done.returncode == 0, done.stderr
    outline = json.loads(done.stdout)
    assert outline["plan"]["model"] == "scripted/always_refuse"
    assert not (tmp_path / "run").exists()


def test_before_recordings_leave_the_machine_the_plan_says_where_to(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    done = call("run", "core", "--model", "openai/gpt-4o-audio-preview", "--limit", "2", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "api.openai.com" in done.stdout


def test_show_replay_list_schema_doctor(call: Call, tmp_path: Path) -> None:
    assert call(*a_run()).returncode == 0
    shown = json.loads(call("show", "run", "--json").stdout)
    item = next(line["item"] for line in shown["items"] if line["kind"] == "item")
    assert call("replay", "run", item).returncode == 0
    assert "harmful_refusal" in call("list", "tasks").stdout
    listed = json.loads(call("list", "--json").stdout)
    assert set(listed) >= {"tasks", "attacks", "defences", "models", "metrics"}
    for kind in ("finding", "journal", "manifest", "suite", "work"):
        assert json.loads(call("schema", kind).stdout)["type"] == "object"
    doctor = json.loads(own_process("doctor", "--json", cwd=tmp_path).stdout)
    assert doctor["earnest"] == earnest.__version__
    assert call("show", "nowhere").returncode == 2


def test_show_unscored_lists_what_could_not_be_scored(call: Call) -> None:
    done = call(*a_run(model="scripted/never_hears"))
    assert done.returncode == 2 and "none of 4 items could be scored: 4 did_not_hear" in done.stderr
    shown = json.loads(call("show", "run", "--unscored", "--json").stdout)
    assert shown["n"] >= 4
    assert all(line["status"] == "unscored" and line["reason"] for line in shown["items"])


def test_compare_two_runs(call: Call) -> None:
    assert call(*a_run(out="one")).returncode == 0
    assert call(*a_run(out="two", model="scripted/always_comply")).returncode == 0
    done = call("report", "one", "--compare", "two")
    assert done.returncode == 0, done.stderr
    assert "May these runs be compared?" in done.stdout and "comparison.html" in done.stdout
    forth = json.loads(call("report", "one", "--compare", "two", "--json").stdout)
    back = json.loads(call("report", "one", "--baseline", "two", "--json").stdout)
    assert (forth["first"]["folder"], back["first"]["folder"]) == ("one", "two"), "--baseline names the direction"
    changes = {one["id"]: one["value"] for one in forth["changes"]}
    assert any(changes.values()) and all(one["value"] in (None, -(changes[one["id"]] or 0)) for one in back["changes"])
    assert (
        forth["comparable"]["answer"] == "no"
        and "heard the audio" in forth["comparable"]["reasons"][0]
        and not forth["headlines"]
    )


def test_data_check_tells_what_cannot_be_used(call: Call, tmp_path: Path) -> None:
    import numpy as np

    from earnest.audio import AudioClip

    folder = tmp_path / "data"
    folder.mkdir()
    AudioClip(np.full(8000, 0.1, dtype=np.float32), 16_000).write(folder / "good.wav")
    assert call("data", "check", "data").returncode == 0
    (folder / "bad.wav").write_bytes((folder / "good.wav").read_bytes()[:2000])
    done = call("data", "check", "data", "--json")
    assert done.returncode == 1
    assert list(json.loads(done.stdout)["unusable"]) == ["bad.wav"]


def test_a_leaderboard_is_written_and_printed(call: Call, tmp_path: Path) -> None:
    assert call(*a_run()).returncode == 0
    done = call("leaderboard", "build", "run", "--out", "board", "--weights", "safety=2", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said == json.loads((tmp_path / "board" / "leaderboard.json").read_text(encoding="utf-8"))
    (row,) = said["tables"][0]["rows"]
    assert row["rank"] is None and row["unranked"] == "it is not shown that the audio was heard"
    assert said["published"]["weights"]["safety"] == pytest.approx(1 / 3) and len(said["published"]["models"]) == 14
    plain = call("leaderboard", "build", "run", "--suite", "other")
    assert plain.returncode == 0 and "scripted" not in plain.stdout
    assert plain.stdout.strip().endswith(str(Path("leaderboard") / "index.html"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("nowhere",), "nowhere is no run folder and holds none"),
        (("--weights", "safety"), "a weight is written pillar=number"),
        (("--weights", "safe=1"), "no pillar is called 'safe'"),
    ],
)
def test_a_leaderboard_that_cannot_be_made_exits_with_2(
    call: Call, tmp_path: Path, more: tuple[str, ...], message: str
) -> None:
    done = call("leaderboard", "build", *more)
    assert done.returncode == 2 and message in done.stderr and not (tmp_path / "leaderboard").exists()


def test_a_run_says_first_how_much_it_asks_and_where_recordings_go(call: Call) -> None:
    done = call(*a_run())
    first = done.stderr.splitlines()[0]
    outline = json.loads(call(*a_run(), "--dry-run", "--json").stdout)
    n_calls, minutes = outline["estimate"]["n_calls"], outline["estimate"]["audio_s"] / 60
    assert minutes > 0
    assert first.endswith(
        f"at least {n_calls} calls, {minutes:.1f} minutes of audio; free; recordings stay on this machine"
    )


def test_show_and_replay_say_what_a_recogniser_heard(call: Call) -> None:
    options = ("--model", "cascade/scripted/perfect+scripted/echo", "--task", "noisy_transcription", "--limit", "2")
    assert call("run", "core", *options, "--out", "run").returncode == 2  # an echo is no answer
    lines = json.loads(call("show", "run", "--task", "noisy_transcription", "--json").stdout)["items"]
    (heard,) = lines[0]["heard"].values()
    assert len(heard) > 10
    assert f"it heard {heard!r}" in call("show", "run", "--task", "noisy_transcription").stdout
    again = call("replay", "run", lines[0]["item"], *options[:2]).stdout
    assert f"heard before: {heard!r}" in again and f"heard now: {heard!r}" in again


def test_a_pillar_without_a_value_says_why_in_the_terminal(call: Call) -> None:
    done = call(
        "run",
        "core",
        "--model",
        "scripted/always_comply",
        "--task",
        "benign_compliance",
        "--limit",
        "8",
        "--out",
        "run",
    )
    row = next(row for row in done.stdout.splitlines() if row.startswith("  safety"))
    assert "no value" in row and "one side only: nothing was scored of harmful" in row


def test_a_command_whose_reader_has_gone_ends_in_silence(tmp_path: Path) -> None:
    """As in `earnest list attacks | head -1`."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "earnest", "list", "attacks"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
