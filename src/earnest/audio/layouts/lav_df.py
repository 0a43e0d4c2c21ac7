"""LAV-DF: `metadata.json` beside the folders `train`, `dev` and `test` of videos, one object a video.

    {"file": "test/000001.mp4", "original": "test/000000.mp4", "modify_video": true, "modify_audio": true,
     "fake_periods": [[1.2, 1.9]], "split": "test", "duration": 5.1, ...}

The label is that of the sound: `spoof` where the audio was modified, whatever was done to the picture.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from earnest.audio import tables
from earnest.audio.layouts import Row, Tree
from earnest.audio.tables import Reading

_NAMES = ("metadata.json", "metadata.min.json")
_KEYS = {"file", "modify_audio", "modify_video"}


def rows(tree: Tree, reading: Reading) -> list[Row] | None:
    """A row for each video that is there; None where no text has LAV-DF's form."""
    for path in tree.texts_named(*_NAMES):
        objects = objects_of(tree, path, reading, keys=_KEYS)
        if objects is not None:
            return rows_there(
                tree, path, [_row(path, place, one) for place, one in enumerate(objects, start=1)], reading
            )
    return None


def objects_of(tree: Tree, path: str, reading: Reading, *, keys: set[str]) -> list[dict[str, Any]] | None:
    """The objects of a JSON list whose first one has the keys; None where the file has another form."""
    trial = reading.trial()
    text = tables.text_of(tree.folder / path, path, trial)
    value, fault = tables.json_value(text or "")
    if (
        fault
        or not isinstance(value, list)
        or not value
        or not isinstance(value[0], dict)
        or not keys <= value[0].keys()
    ):
        return None
    reading.take(trial)
    whole = [one for one in value if isinstance(one, dict) and keys <= one.keys()]
    if len(whole) < len(value):
        reading.faults.append(
            f"{path}: {len(value) - len(whole)} of {len(value)} objects lack one of {', '.join(sorted(keys))}; fetch the file again"
        )
    return whole


def rows_there(tree: Tree, path: str, rows: list[Row], reading: Reading) -> list[Row]:
    """The rows whose recording is in the folder; how many are not is noted."""
    there = set(tree.audio)
    kept = [row for row in rows if any(str(PurePosixPath(base, row.cells["path"])) in there for base in row.bases)]
    if len(kept) < len(rows):
        reading.note(f"{path}: {len(rows) - len(kept)} of its {len(rows)} recordings are not in this folder")
    return kept


def sound_cells(*, audio: bool, picture: bool, attack: str) -> dict[str, str]:
    """Label, kind of attack and what was modified."""
    modified = " and ".join(name for name, done in (("audio", audio), ("picture", picture)) if done) or "nothing"
    cells = {"label": "spoof" if audio else "bona_fide", "modified": modified}
    return cells | ({"attack": attack} if audio and attack else {})


def _row(path: str, place: int, one: dict[str, Any]) -> Row:
    audio, picture = bool(one["modify_audio"]), bool(one["modify_video"])
    cells = {"path": str(one["file"]), "id": str(one["file"]), "benchmark": "LAV-DF"}
    cells |= sound_cells(audio=audio, picture=picture, attack="both" if picture else "audio alone")
    cells |= {"split": str(one["split"])} if one.get("split") else {}
    at = PurePosixPath(path).parent.as_posix()
    return Row(place=f"{path} item {place}", cells=cells, bases=(at if at != "." else "",))
