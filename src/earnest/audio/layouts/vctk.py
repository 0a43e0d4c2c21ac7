"""VCTK: `wav48/p225/p225_001.wav`, its text in `txt/p225/p225_001.txt`, and the speakers in `speaker-info.txt`.

The release of 2019 has two microphones (`wav48_silence_trimmed/p225/p225_001_mic1.flac`); both are read.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from earnest.audio import tables
from earnest.audio.layouts import Row, Tree
from earnest.audio.tables import Reading

_FILE = re.compile(r"(?P<utterance>(?P<speaker>[a-z]*\d+)_\d+)(_(?P<microphone>mic\d))?")


def rows(tree: Tree, reading: Reading) -> list[Row] | None:
    """A row for each recording; None without a folder `txt` beside one of `wav48`."""
    texts = {PurePosixPath(path).stem: path for path in tree.texts if "txt" in PurePosixPath(path).parts[:-1]}
    recordings = [path for path in tree.audio if any(part.startswith("wav48") for part in path.split("/")[:-1])]
    if not texts or not recordings:
        return None
    speakers = _speakers(tree, reading)
    said = {name: tables.text_of(tree.folder / path, path, reading) or "" for name, path in texts.items()}
    return [_row(path, said, texts, speakers) for path in recordings]


def _row(path: str, transcripts: dict[str, str], texts: dict[str, str], speakers: dict[str, dict[str, str]]) -> Row:
    name = _FILE.fullmatch(PurePosixPath(path).stem)
    utterance, speaker = (
        (name["utterance"], name["speaker"]) if name else (PurePosixPath(path).stem, PurePosixPath(path).parent.name)
    )
    cells: dict[str, Any] = {"path": path, "text": transcripts.get(utterance, "").strip(), "speaker": speaker}
    cells |= speakers.get(speaker.lstrip("ps"), {})
    cells |= {"microphone": name["microphone"]} if name and name["microphone"] else {}
    return Row(place=texts.get(utterance, path), cells=cells)


def _speakers(tree: Tree, reading: Reading) -> dict[str, dict[str, str]]:
    """Age, gender, accent and region by number of speaker; columns are separated by spaces, and a region holds some."""
    found = {}
    for path in tree.texts_named("speaker-info.txt"):
        for content in (tables.text_of(tree.folder / path, path, reading) or "").splitlines():
            words = content.split()
            if len(words) >= 3 and words[1].isdigit():
                named = zip(("age", "gender", "accent", "region"), (*words[1:4], " ".join(words[4:])))
                found[words[0].lstrip("ps")] = {name: value for name, value in named if value}
    return found
