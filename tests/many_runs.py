"""Many scripted models on one suite: what is the same for all of them is made once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from earnest.engine.clips import ClipStore, clip_path
from earnest.records import Item
from earnest.runs import suite as suites

MOST_KEPT = 5000
"""Items of a suite whose sound is kept in memory once it is asked for, some 100 kB each; `core` without a limit has more."""


@contextmanager
def made_once() -> Iterator[None]:
    """Items, their sound and the files of their clips are made once for all runs, and no report is written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suites, "_items", _items_once(suites._items))
        patch.setattr(ClipStore, "keep", _kept_once(ClipStore.keep))
        patch.setattr("earnest.report.write", lambda *results, **options: None)
        yield


def _items_once(make: Callable) -> Callable:
    made: dict[tuple[str, ...], tuple] = {}

    def items(chosen, asked, data):
        key = (str(getattr(data, "folder", "")), *(repr(task) for task in chosen), str(asked.seed))
        if key not in made:
            every, lacks = make(chosen, asked, data)
            few = sum(map(len, every.values())) < MOST_KEPT
            made[key] = (
                {name: list(map(_loaded_once, group)) if few else group for name, group in every.items()},
                lacks,
            )
        return tuple(map(dict, made[key]))

    return items


def _loaded_once(item: Item) -> Item:
    return replace(item, load=cache(item.load))


def _kept_once(keep: Callable[[ClipStore, object], str]) -> Callable:
    files: dict[str, Path] = {}

    def kept(self: ClipStore, clip) -> str:
        first = files.get(clip.digest)
        if first is None:
            name = keep(self, clip)
            files[clip.digest] = clip_path(self._folder.parent, name)
            return name
        own = self._folder / first.name
        if not own.exists():
            own.parent.mkdir(exist_ok=True)
            with suppress(FileExistsError):  # another thread may be quicker
                os.link(first, own)
        return first.stem

    return kept
