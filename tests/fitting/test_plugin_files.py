"""`--plugin FILE.py`: run once, as the module of its stem; named by hash in the plan; never because a folder says so."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from earnest.cli import cli
from earnest.errors import BadParameter, PlanMismatch
from earnest.models import load_model
from earnest.registry import load_file, loaded_files

Make = Callable[..., Path]
COUNTS = """
import os
with open(os.environ["COUNTED"], "a") as file:
    file.write("x")
kept = []

def answer(clip, prompt):
    kept.append(prompt)
    return "Yes."
"""


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "counted"
    monkeypatch.setenv("COUNTED", str(path))
    return path


def called(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(one) for one in arguments], standalone_mode=False)


def test_a_file_is_one_module(plugin: Make, counted: Path) -> None:
    path = plugin("mine", COUNTS)
    module = load_file(str(path))
    assert module is load_file(str(path)) is sys.modules["mine"] and module.__name__ == "mine"
    from earnest.audio import Stimulus

    load_model("python:mine:answer").ask([Stimulus(clips={}, prompt="Hm?")])
    assert module.kept == ["Hm?"] and counted.read_text() == "x"
    assert loaded_files() == {"mine": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_a_changed_file_under_the_same_name(plugin: Make, counted: Path) -> None:
    load_file(str(plugin("mine", COUNTS)))
    with pytest.raises(BadParameter, match="'mine' is .* already"):
        load_file(str(plugin("mine", COUNTS + "\n")))
    assert counted.read_text() == "x"


@pytest.mark.parametrize(
    ("stem", "source", "says"),
    [
        ("json", "", "must have a name of its own"),
        ("numpy", "", "must have a name of its own"),
        ("earnest", "", "must have a name of its own"),
        ("two words", "", "named as a module"),
        ("class", "", "named as a module"),
        ("broken", "1 +", "cannot be loaded: SyntaxError"),
        ("raises", "1 / 0", "cannot be loaded: ZeroDivisionError: division by zero; mend it"),
        ("leaves", "raise SystemExit(0)", "cannot be loaded: SystemExit"),
    ],
)
def test_what_is_refused(plugin: Make, stem: str, source: str, says: str) -> None:
    before = dict(sys.modules)
    with pytest.raises(BadParameter, match=says):
        load_file(str(plugin(stem, source)))
    assert sys.modules.get(stem) is before.get(stem) and stem not in loaded_files()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = called("list", "attacks", "--plugin", tmp_path / "nothing.py")
    assert isinstance(done.exception, BadParameter) and "must be a Python file" in str(done.exception)


def test_a_plan_names_the_file_and_resuming_needs_it(tmp_path: Path, plugin: Make, counted: Path) -> None:
    path = plugin("mine", COUNTS)
    options = (
        "run",
        "quick",
        "--task",
        "passphrase",
        "--limit",
        4,
        "--model",
        "python:mine:answer",
        "--out",
        tmp_path / "run",
    )
    assert called(*options, "--plugin", path).exception is None
    plan = json.loads((tmp_path / "run" / "plan.json").read_text())
    assert plan["plugins"] == {"mine": hashlib.sha256(path.read_bytes()).hexdigest()}
    assert str(tmp_path) not in json.dumps(plan["plugins"]), "a folder that is sent around tells no paths"
    del sys.modules["mine"]
    from earnest.registry import _FILES

    _FILES.clear()
    assert called("report", tmp_path / "run").exception is None and "mine" not in sys.modules
    assert called("show", tmp_path / "run").exception is None and counted.read_text() == "x"
    other = plugin("mine", COUNTS + "\n# another\n")
    done = called(*options, "--plugin", other)
    assert isinstance(done.exception, PlanMismatch) and "plugins is" in str(done.exception)


def test_a_local_detector_is_listed_and_fitted(tmp_path: Path, plugin: Make, recordings: Make) -> None:
    path = plugin("loudness")
    assert "loudness" in called("list", "detectors", "--plugin", path).output
    done = called("fit", "detectors/loudness", "--plugin", path, "--data", recordings(), "--out", tmp_path / "fitted")
    assert done.exception is None and "fitted: detectors/loudness on 6 rows (split train)" in done.output
    assert json.loads((tmp_path / "fitted" / "fit.json").read_text())["plugins"].keys() == {"loudness"}
