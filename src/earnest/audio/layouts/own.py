"""Our own manifest (`metadata.csv` or `manifest.jsonl`), and what has its form: Hugging Face's audiofolder, LJSpeech."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from earnest.audio import columns, tables
from earnest.audio.files import AUDIO_SUFFIXES
from earnest.audio.layouts import Row
from earnest.audio.tables import Reading

CSV_NAME = "metadata.csv"
JSONL_NAME = "manifest.jsonl"
MANIFESTS = (CSV_NAME, "metadata.tsv", "metadata.jsonl", JSONL_NAME)
"""Names of a manifest; the last is ours alone, the others are Hugging Face's too."""

SPLITS = frozenset({"train", "test", "validation", "valid", "val", "dev", "eval"})
"""What a folder is called that holds a split, in lower case."""

_LJSPEECH = ("id", "raw_text", "text")


def own_rows(file: Path, place: str, reading: Reading) -> Iterator[Row]:
    """The rows of a folder's manifest."""
    text = tables.text_of(file, place, reading)
    if text is None:
        return
    if file.suffix == ".jsonl":
        yield from rows_from(tables.json_rows(text, place, reading), place)
    elif is_ljspeech(text):
        yield from _ljspeech(text, file.parent, place, reading)
    elif _has_paths(text, place, reading):
        yield from rows_from(tables.csv_rows(text, place, reading), place)


def rows_from(rows: tables.Rows, place: str, *, bases: tuple[str, ...] = ("",)) -> Iterator[Row]:
    """Rows of a table that names files; a file below a folder named after a split is of that split, as Hugging Face has it."""
    for line, cells in rows:
        names = {columns.folded(name): name for name in cells}
        file = cells.get(names.get("file_name", ""))
        split = PurePosixPath(file).parts[:1] if isinstance(file, str) else ()
        if split and split[0].lower() in SPLITS and "split" not in names and "path" not in names:
            cells = {**cells, "split": split[0]}
        yield Row(place=f"{place} line {line}", cells=cells, bases=bases)


def names_audio(folder: Path) -> bool:
    """Whether the folder's manifest is one of audio: it has a column of paths, or audio lies beside it."""
    manifest = next(folder / name for name in MANIFESTS if (folder / name).is_file())
    if manifest.suffix == ".jsonl":
        return True
    text = tables.text_of(manifest, manifest.name, Reading(root=folder)) or ""
    header = text.partition("\n")[0].split(tables.separator_of(text))
    return any(map(columns.is_path, header)) or any(file.suffix.lower() in AUDIO_SUFFIXES for file in folder.rglob("*"))


def is_ljspeech(text: str) -> bool:
    """Whether the text is LJSpeech's table: no header, and an id, the text and the text as it is read between bars."""
    lines = [line for line in text.splitlines()[:20] if line.strip()]
    header = lines[0].split("|") if lines else []
    return bool(lines) and all(line.count("|") in (1, 2) for line in lines) and not any(map(columns.is_path, header))


def _ljspeech(text: str, folder: Path, place: str, reading: Reading) -> Iterator[Row]:
    for line, content in enumerate(text.splitlines(), start=1):
        if not content.strip():
            continue
        name, *texts = (part.strip() for part in content.split("|"))
        if len(texts) not in (1, 2):
            reading.faults.append(
                f"{place} line {line}: {len(texts) + 1} cells, and LJSpeech's table has id|text|text as read; mend the line"
            )
            continue
        cells = {"path": _wav(name, folder), "id": name, "text": texts[-1] or texts[0]}
        yield Row(
            place=f"{place} line {line}",
            cells=cells | ({"raw_text": texts[0]} if texts[0] != cells["text"] else {}),
            bases=("", "wavs"),
        )


def _wav(name: str, folder: Path) -> str:
    """The file of an id: it has the suffix that the folder has."""
    if name.lower().endswith(AUDIO_SUFFIXES):
        return name
    try:
        return next(
            (
                f"{name}{suffix}"
                for suffix in AUDIO_SUFFIXES
                for at in ("wavs", "")
                if (folder / at / f"{name}{suffix}").is_file()
            ),
            f"{name}.wav",
        )
    except (OSError, ValueError):
        return f"{name}.wav"


def _has_paths(text: str, place: str, reading: Reading) -> bool:
    first = text.lstrip("\r\n").partition("\n")[0].strip()
    names = [name.strip() for name in first.split(tables.separator_of(text))]
    if any(map(columns.is_path, names)):
        return True
    looks_like_row = any(name.lower().endswith(AUDIO_SUFFIXES) for name in names)
    hint = "write a first line of names, as in path,text" if looks_like_row else "add it"
    reading.faults.append(
        f"{place} line 1: there must be a column path, got {', '.join(names) if first else 'an empty file'}; {hint}"
    )
    return False
