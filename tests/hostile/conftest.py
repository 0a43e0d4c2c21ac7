"""Run folders that somebody else sent, and the command line that is asked to read them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from sent_folders import copied, make_run  # noqa: E402

from earnest.cli import main  # noqa: E402


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a report; only to be read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARNEST_CACHE", str(tmp_path_factory.mktemp("cache")))
        return make_run(tmp_path_factory.mktemp("finished") / "run")


@pytest.fixture
def sent(finished: Path, tmp_path: Path) -> Path:
    """The same, free to be changed."""
    return copied(finished, tmp_path / "sent")


@pytest.fixture
def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., CompletedProcess]:
    """Calls the command line within the test's process; no traceback may ever be printed."""
    monkeypatch.setenv("EARNEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def called(*arguments: object) -> CompletedProcess:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        done = CompletedProcess(arguments, left.value.code, *capsys.readouterr())
        assert "Traceback" not in done.stderr and "fault of earnest" not in done.stderr
        return done

    return called
