"""A folder of short recordings that a tiny detector tells apart, and files of plug-ins."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from earnest.audio import AudioClip
from earnest.registry import _FILES, Registry

LOUDNESS = '''
"""Quiet clips are bona fide, loud ones spoofed; where the line is, is learnt."""
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from earnest.detectors import Detector, bona_fide_and_spoof, detectors

def level(clip):
    return 10 * float(np.log10(np.mean(np.square(clip.samples, dtype=np.float64)) + 1e-12))

@detectors.register("{stem}")
@dataclass(frozen=True, kw_only=True)
class Loudness(Detector):
    """The level that parts loud from quiet clips."""
    source: ClassVar[str] = "example2026-loudness"
    free: ClassVar[frozenset] = frozenset({{"shift"}})
    margin: float = 0.0
    shift: float = 0.0

    def score(self, clip):
        return float(self.fitted.arrays["level"]) - level(clip) + self.shift

    def fit(self, rows, system, rng):
        quiet, loud = bona_fide_and_spoof(rows)
        means = [np.mean([level(entry.clip()) for entry in side]) for side in (quiet, loud)]
        return self.made({{"level": np.array(np.mean(means) + self.margin)}}, n=len(rows))
'''


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARNEST_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("EARNEST_ARTEFACTS", raising=False)


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Writes a plug-in file; what it registers is forgotten afterwards."""
    files = dict(_FILES)

    def write(stem: str, source: str = LOUDNESS) -> Path:
        path = tmp_path / f"{stem}.py"
        path.write_text(source.format(stem=stem) if source is LOUDNESS else source, encoding="utf-8")
        return path

    yield write
    for stem in set(_FILES) - set(files):
        sys.modules.pop(stem, None)
        for registry in Registry._all.values():
            for name in [name for name, one in registry._found.items() if getattr(one, "__module__", "") == stem]:
                del registry._found[name]
    _FILES.clear()
    _FILES.update(files)


@pytest.fixture
def recordings(tmp_path: Path) -> Callable[..., Path]:
    """A folder: `n` speakers with a quiet bona fide clip and a loud spoofed one each; columns can be changed."""

    def make(
        name: str = "data",
        *,
        n: int = 6,
        split: bool = True,
        change: Callable[[dict[str, str]], None] = lambda row: None,
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        rows = []
        for speaker in range(n):
            for label, level in (("bona_fide", 0.02), ("spoof", 0.2)):
                rng = np.random.default_rng([speaker, len(label)])
                path = f"{label}-{speaker}.flac"
                AudioClip((level * rng.standard_normal(1600)).astype(np.float32), 16_000).write(folder / path)
                row = {
                    "path": path,
                    "label": label,
                    "speaker": f"s{speaker}",
                    "split": ("train", "test")[speaker % 2] if split else "",
                }
                change(row)
                rows.append(row)
        with (folder / "metadata.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return folder

    return make
