"""Kaldi's and ESPnet's data directories: `wav.scp`, `text`, `utt2spk`, `spk2gender`, `segments`, one folder a subset.

Paths start from the directory, or from a folder above it, as recipes are run from there. A pipe in `wav.scp` is never
run; of `flac -c -d -s FILE |`, which only decodes, the file is taken.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from earnest.audio import tables
from earnest.audio.layouts import Row, Tree
from earnest.audio.tables import Reading

_DECODED = re.compile(r"\S*flac (?:-[cds]+ |--(?:stdout|decode|silent) )+(?P<file>[^\s|;&<>$`'\"]+)\s*\|")
_BY_UTTERANCE = {"text": "text", "utt2spk": "speaker", "utt2lang": "language"}
_BY_SPEAKER = {"spk2gender": "gender", "spk2age": "age"}
_FIELDS = (*_BY_UTTERANCE, *_BY_SPEAKER, "segments", "reco2file_and_channel")


def rows(tree: Tree, reading: Reading) -> list[Row] | None:
    """The rows of every directory with a `wav.scp`; None where there is none."""
    lists = tree.texts_named("wav.scp")
    several = len(lists) > 1
    return [row for path in lists for row in _of_directory(tree, path, reading, several=several)] if lists else None


def _of_directory(tree: Tree, path: str, reading: Reading, *, several: bool) -> list[Row]:
    at = PurePosixPath(path).parent
    files = _lines(tree, path, reading)
    fields = {name: _lines(tree, (at / name).as_posix(), reading) for name in _FIELDS}
    bases = tuple("" if base == PurePosixPath(".") else base.as_posix() for base in (at, *at.parents))
    found = []
    for name, (line, recording, part) in _utterances(files, fields["segments"], path, at, reading).items():
        source = (
            _file_of(files[recording][1], f"{path} line {files[recording][0]}", reading) if recording in files else None
        )
        if source is None:
            continue
        cells: dict[str, Any] = {"path": source, "id": f"{at.name}/{name}" if several else name, **part}
        cells |= _channel(fields["reco2file_and_channel"].get(recording)) if part else {}
        cells |= {column: fields[field][name][1] for field, column in _BY_UTTERANCE.items() if name in fields[field]}
        speaker = cells.get("speaker")
        cells |= {
            column: fields[field][speaker][1] for field, column in _BY_SPEAKER.items() if speaker in fields[field]
        }
        found.append(Row(place=line, cells=cells | ({"split": at.name} if several else {}), bases=bases))
    _tell_left_over(
        fields["text"],
        {str(row.cells["id"]).rpartition("/")[2] if several else str(row.cells["id"]) for row in found},
        at,
        reading,
    )
    return found


Lines = dict[str, tuple[int, str]]


def _lines(tree: Tree, path: str, reading: Reading) -> Lines:
    """Key, line and the rest of the line."""
    if not (tree.folder / path).is_file():
        return {}
    text = tables.text_of(tree.folder / path, path, reading)
    found: Lines = {}
    for line, content in enumerate((text or "").splitlines(), start=1):
        key, _, rest = content.strip().partition(" ") if " " in content.strip() else content.strip().partition("\t")
        if key in found:
            reading.faults.append(f"{path} line {line}: {key!r} is that of line {found[key][0]}; keep one")
        elif key:
            found[key] = (line, rest.strip())
    return found


def _utterances(
    files: Lines, segments: Lines, path: str, at: PurePosixPath, reading: Reading
) -> dict[str, tuple[str, str, dict[str, str]]]:
    """Place, recording and part of each utterance: those of `segments`, else every recording is one."""
    if not segments:
        return {name: (f"{path} line {line}", name, {}) for name, (line, _) in files.items()}
    found = {}
    for name, (line, rest) in segments.items():
        place, words = f"{(at / 'segments').as_posix()} line {line}", rest.split()
        if len(words) < 3 or words[0] not in files:
            reading.faults.append(
                f"{place}: a recording of wav.scp, a start and an end are wanted, got {rest!r}; mend the line"
            )
            continue
        end = {} if words[2] == "-1" else {"end_s": words[2]}  # -1 is the end of the recording
        found[name] = (place, words[0], {"start_s": words[1]} | end)
    return found


def _file_of(source: str, place: str, reading: Reading) -> str | None:
    if not source.endswith("|"):
        return source
    if decoded := _DECODED.fullmatch(source):
        return decoded["file"]
    reading.faults.append(
        f"{place}: a file is wanted, got the command {source!r}, which earnest does not run; write its output to a file"
    )
    return None


def _channel(line: tuple[int, str] | None) -> dict[str, int]:
    """The channel of a recording that is one side of a call: A or 1 is the first."""
    word = line[1].split()[-1] if line and line[1] else ""
    return {"channel": {"A": 0, "1": 0, "B": 1, "2": 1}[word]} if word in {"A", "B", "1", "2"} else {}


def _tell_left_over(texts: Lines, names: set[str], at: PurePosixPath, reading: Reading) -> None:
    left = [name for name in texts if name not in names]
    if left:
        reading.note(f"{(at / 'text').as_posix()}: {len(left)} texts have no recording, {left[0]!r} first")
