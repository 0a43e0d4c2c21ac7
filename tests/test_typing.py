"""The package carries its types: they are installed with it, and strict checking of what users import finds nothing."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import earnest
from earnest.runs import suite

ROOT = Path(__file__).parents[1]


def test_types_are_installed_with_the_package() -> None:
    assert (Path(earnest.__file__).parent / "py.typed").exists()


def test_type_checkers_know_every_parameter_of_a_run() -> None:
    signature = inspect.signature(suite.run_suite).parameters
    declared = suite.RunOptions.__annotations__
    assert set(declared) == set(signature) - {"suite", "dry_run"}
    for name, kind in declared.items():
        assert getattr(kind, "__forward_arg__", kind) == signature[name].annotation, name


@pytest.mark.slow
def test_the_public_surface_is_strictly_typed() -> None:
    pytest.importorskip("mypy", reason="needs mypy, which the extra test brings")
    done = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
