"""Every work that runs here shows a command, and the command runs."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from earnest.catalogue import searching, works
from earnest.catalogue.searching import commands
from earnest.cli import cli
from earnest.errors import MissingExtra
from earnest.registry import has_extra, registry
from earnest.runs.suite import run_suite

DATA = Path(os.environ.get("EARNEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
RUNNABLE = {work.id: commands(work) for work in works().values() if work.runs_in_earnest}
FIRST = {found[0]: key for key, found in reversed(RUNNABLE.items())}
QUICK = [command for command in FIRST if command.startswith("earnest list")]
RUNS = [command for command in FIRST if command.startswith("earnest run")]
EXPLAINS = [command for command in FIRST if command.startswith("earnest explain")]  # tests/explainers explains items
ANONYMISES = [command for command in FIRST if command.startswith("earnest anonymise")]  # tests/anonymisers runs them
FITS = [command for command in FIRST if command.startswith("earnest fit")]  # tests/detectors fits them


SHORTER = {
    "--attack pgd": "--attack pgd:steps=3",
    "--attack best_of_n": "--attack best_of_n:n=3",
    **{f"--attack {name}": f"--attack {name}:queries=30" for name in ("genetic", "nes", "square")},
    **{
        f"--attack {name}": f"--attack {name}:steps=4,check_every=2"
        for name in ("audiojailbreak", "carlini_wagner", "choice_flip", "dos_never_stop", "malafide")
    },
    "--attack whisperinject": "--attack whisperinject:first_steps=2,rollouts=2,steps=4,check_every=2",
}
"""What a command is run with here in place of an attack's defaults, which take half a minute."""


def call(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    program, *arguments = shlex.split(command)
    assert program == "earnest"
    assert not cli.main(args=arguments, prog_name="earnest", standalone_mode=False)


def test_every_runnable_work_has_commands() -> None:
    assert len(RUNNABLE) > 25
    assert all(RUNNABLE.values()), [key for key, found in RUNNABLE.items() if not found]
    assert set(FIRST) == {*QUICK, *RUNS, *FITS, *EXPLAINS, *ANONYMISES}
    assert {command.split()[-1].partition(":")[0] for command in ANONYMISES} == set(registry("anonymisers").names())
    assert all(
        command.split()[2] in {f"detectors/{name}" for name in registry("detectors").names()} for command in FITS
    )


@pytest.mark.parametrize("command", QUICK)
def test_a_metric_is_shown_with_its_examples(command, tmp_path, monkeypatch, capsys) -> None:
    call(command, tmp_path, monkeypatch)
    said = capsys.readouterr().out
    if "list metrics" in command:
        assert "examples: 0 run" not in said
    assert ", 0 of them gave something else" in said


def test_tasks_that_need_another_command_are_those_of_the_plan() -> None:
    plan = run_suite("core", model="earnest/reference", dry_run=True).plan
    beyond = {task.name for task in plan.tasks if (task.not_run or "").startswith("unsupported")}
    assert beyond == searching._BEYOND_EMBEDDED
    assert {task.name for task in plan.tasks if (task.not_run or "").startswith("no ")} == searching._NEEDS_RECORDINGS


@pytest.mark.parametrize("command", RUNS)
def test_a_run_runs(command, tmp_path, monkeypatch, pytestconfig) -> None:
    if "--attack pgd" in command and not has_extra("torch"):
        pytest.skip("needs torch")
    if "WRITER" in command or "FITTED" in command:
        pytest.skip("needs a model that writes, or a fit; tests/attacks runs such attacks")
    if "--data AudioTrust" in command:
        pytest.skip("needs the official data; tests/cli/test_audiotrust.py runs it")
    if "--data RECORDINGS" in command:
        if not (DATA / "spoof_derived").is_dir():
            pytest.skip("needs spoofed recordings; point EARNEST_DATA at the folder that has them")
        call(command.replace("RECORDINGS", str(DATA / "spoof_derived")), tmp_path, monkeypatch)
        return
    monkeypatch.setenv("EARNEST_CACHE", str(tmp_path / "cache"))
    for attack, shorter in SHORTER.items():
        command = command.replace(f"{attack} ", f"{shorter} ")
    try:
        call(command, tmp_path, monkeypatch)
    except MissingExtra as error:
        if "no engine for it is installed" not in str(error):
            raise
        pytest.skip(f"needs a speech engine: {error}")
    assert list((tmp_path / "runs").glob("*/report.html"))
