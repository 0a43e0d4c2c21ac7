"""The command line within the test's own process, for what it tells; tests of its processes start their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from earnest.cli import main

KEYS = ("OPENAI_API_KEY", "GEMINI_API_KEY", "EARNEST_API_KEY")


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., CompletedProcess[str]]:
    """Calls the command line in an empty folder, without keys; a process of its own would need a second for imports."""
    for key in KEYS:
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("EARNEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def called(*arguments: str) -> CompletedProcess[str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(list(arguments))
        assert isinstance(left.value.code, int)
        return CompletedProcess(arguments, left.value.code, *capsys.readouterr())

    return called
