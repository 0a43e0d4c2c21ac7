"""ASVspoof's protocols of countermeasures: a line a trial, with speaker, file, attack and key.

    LA_0079 LA_T_1138215 - - bonafide                                          2019
    LA_0009 LA_E_9332881 alaw ita_tx A07 spoof notrim eval                     2021
    T_4850 T_0000000000 F - - - AC1 A05 spoof -                                ASVspoof 5

The column before the key is the attack; ASVspoof 5 tells the speaker's gender in the third. Which challenge a trial is of
follows from its file's name and the number of columns, and is kept in the column `benchmark`.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from earnest.audio import tables
from earnest.audio.layouts import Row, Tree
from earnest.audio.tables import Reading

_KEYS = {"bonafide": "bona_fide", "spoof": "spoof"}
_GENDERS = {"F": "female", "M": "male"}


def rows(tree: Tree, reading: Reading) -> list[Row] | None:
    """A row for each trial whose recording is there; None where no text is a protocol."""
    found: dict[str, Row] = {}
    for path in tree.texts:
        if path.lower().endswith((".txt", ".tsv")):
            found |= _of_protocol(tree, path, reading)
    return list(found.values()) or None


def _of_protocol(tree: Tree, path: str, reading: Reading) -> dict[str, Row]:
    trial = reading.trial()
    text = tables.text_of(tree.folder / path, path, trial) or ""
    first = text.partition("\n")[0].split()
    if len(first) < 5 or not set(first) & _KEYS.keys():
        return {}
    reading.take(trial)
    found, absent = {}, 0
    for line, content in enumerate(text.splitlines(), start=1):
        words = content.split()
        if not words:
            continue
        place = f"{path} line {line}"
        key = next((n for n, word in enumerate(words) if word in _KEYS and n >= 3), None)
        if key is None:
            reading.faults.append(
                f"{place}: a speaker, a file, an attack and bonafide or spoof are wanted, got {content[:80]!r}; mend the line"
            )
            continue
        files = tree.by_stem.get(words[1], ())
        absent += not files
        if files:
            found[files[0]] = Row(place=place, cells=_cells(files[0], words, key, path))
    if absent:
        reading.note(f"{path}: {absent} of its {absent + len(found)} trials have no recording in this folder")
    return found


def _cells(file: str, words: list[str], key: int, path: str) -> dict[str, str]:
    cells = {"path": file, "id": words[1], "speaker": words[0], "label": _KEYS[words[key]]}
    cells |= {"benchmark": name} if (name := _benchmark(words)) else {}
    if words[key] == "spoof" and words[key - 1] not in ("-", "bonafide"):
        cells["attack"] = words[key - 1]
    if words[2] in _GENDERS:
        cells["gender"] = _GENDERS[words[2]]
    split = next(
        (name for name in ("train", "dev", "eval", "progress") if name in PurePosixPath(path).name.lower()), ""
    )
    return cells | ({"split": split} if split else {})


def _benchmark(words: list[str]) -> str:
    track = words[1].partition("_")[0]
    if track in ("LA", "PA", "DF"):
        return f"ASVspoof {2019 if len(words) == 5 else 2021} {track}"
    return "ASVspoof 5" if track in ("T", "D", "E") and len(words) >= 9 else ""
