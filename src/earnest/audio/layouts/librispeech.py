"""LibriSpeech: `<reader>/<chapter>/<reader>-<chapter>.trans.txt`, a line for each file, and `SPEAKERS.TXT` above."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from earnest.audio import tables
from earnest.audio.layouts import Row, Tree
from earnest.audio.tables import Reading

_SUBSET = re.compile(r"(train|dev|test)-[a-z0-9-]+")


def rows(tree: Tree, reading: Reading) -> list[Row] | None:
    """A row for each line of a transcript; None where there are none."""
    transcripts = [path for path in tree.texts if path.lower().endswith(".trans.txt")]
    if not transcripts:
        return None
    readers = _readers(tree, reading)
    return [row for path in transcripts for row in _of_chapter(tree, path, readers, reading)]


def _of_chapter(tree: Tree, path: str, readers: dict[str, str], reading: Reading) -> list[Row]:
    text = tables.text_of(tree.folder / path, path, reading)
    at = PurePosixPath(path).parent
    subset = next((part for part in PurePosixPath(path).parts if _SUBSET.fullmatch(part)), "")
    found = []
    for line, content in enumerate((text or "").splitlines(), start=1):
        name, _, said = content.strip().partition(" ")
        if not name:
            continue
        reader = name.partition("-")[0]
        beside = [file for file in tree.by_stem.get(name, ()) if PurePosixPath(file).parent == at]
        cells = {
            "path": beside[0] if beside else (at / f"{name}.flac").as_posix(),
            "text": said.strip(),
            "speaker": reader,
        }
        cells |= {"gender": readers[reader]} if reader in readers else {}
        cells |= {"split": subset} if subset else {}
        found.append(Row(place=f"{path} line {line}", cells=cells))
    return found


def _readers(tree: Tree, reading: Reading) -> dict[str, str]:
    """Sex of each reader, from the table between bars; nothing where it is not there."""
    found: dict[str, str] = {}
    for path in tree.texts_named("speakers.txt"):
        for content in (tables.text_of(tree.folder / path, path, reading) or "").splitlines():
            cells = [cell.strip() for cell in content.split("|")]
            if len(cells) >= 2 and cells[0].isdigit():
                found[cells[0]] = cells[1]
    return found
