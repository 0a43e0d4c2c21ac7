"""A text beside each recording, under the same name: `a.wav` and `a.txt` (or `.lab`, or LibriTTS's `.normalized.txt`)."""

from __future__ import annotations

from pathlib import PurePosixPath

from earnest.audio import tables
from earnest.audio.layouts import Row, Tree
from earnest.audio.tables import Reading

_ENDINGS = (".normalized.txt", ".txt", ".lab")
"""What follows the name, the text as it is read first."""

_LONGEST = 20_000


def rows(tree: Tree, reading: Reading) -> list[Row] | None:
    """A row for each recording, with its text where it has one; None where none has."""
    lower = {path.lower(): path for path in tree.texts}
    texts = {path: text for path in tree.audio if (text := _text_of(path, lower))}
    if not texts:
        return None
    return [_row(path, texts.get(path), tree, reading) for path in tree.audio]


def _text_of(path: str, texts: dict[str, str]) -> str | None:
    stem = PurePosixPath(path).with_suffix("").as_posix().lower()
    return next((texts[stem + ending] for ending in _ENDINGS if stem + ending in texts), None)


def _row(path: str, text: str | None, tree: Tree, reading: Reading) -> Row:
    if text is None:
        return Row(place=path, cells={"path": path})
    said = " ".join((tables.text_of(tree.folder / text, text, reading) or "").split())
    if len(said) > _LONGEST:
        reading.faults.append(f"{text} must hold what is said in {path}, got {len(said)} letters; write a metadata.csv")
    return Row(place=text, cells={"path": path, "text": said})
