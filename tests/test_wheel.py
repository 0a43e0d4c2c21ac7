"""The wheel as a user installs it: weights, probe set, templates and schemas inside, and it runs from there."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OUR_LIMIT = 33e6
"""Bytes of all files, unpacked: 13 MB are the reference model, 13 MB the probe set, 1.3 MB the network for speech activity."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", str(out), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (path,) = out.glob("earnest-*.whl")
    return path


def test_the_wheel_holds_everything_and_stays_small(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names, size = archive.namelist(), sum(info.file_size for info in archive.infolist())
    for part in (
        "earnest/tasks/probe/metadata.csv",
        "earnest/tasks/probe/CARD.md",
        "earnest/runs/suites/core.yaml",
        "earnest/models/reference/weights/manifest.json",
        "earnest/report/schema/finding.json",
        "earnest/catalogue/works/2024/hughes2024-bon.yaml",
        "earnest/engine/prices.yaml",
        "earnest/benchmarks/audiotrust/published.yaml",
        "earnest/report/templates/leaderboard.html.j2",
        "earnest/catalogue/templates/site.html.j2",
    ):
        assert part in names, part
    assert sum(name.endswith(".flac") for name in names) == 321
    assert size < OUR_LIMIT, f"our own files take {size / 1e6:.1f} MB"


def test_it_runs_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """As after `pip install earnest`: without torch."""
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "from importlib.machinery import PathFinder; there = PathFinder.find_spec\n"
        "PathFinder.find_spec = lambda name, *more: None if name.split('.')[0] == 'torch' else there(name, *more)\n"
        f"import earnest; assert earnest.__file__.startswith({str(site)!r}), earnest.__file__\n"
        "run = earnest.run('core', model='earnest/reference', out='run', limit=2)\n"
        "assert any(f.n_scored for f in run.findings)"
    )
    environment = {**os.environ, "EARNEST_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "report.html").stat().st_size > 10_000
