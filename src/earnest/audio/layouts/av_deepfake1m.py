"""AV-Deepfake1M and AV-Deepfake1M++: `train_metadata.json` and `val_metadata.json`, one object a video.

    {"file": "id00012/abc/00001/fake_audio_fake_video.mp4", "original": ..., "split": "val",
     "modify_type": "both_modified", "audio_model": "yourtts", "audio_fake_segments": [[0.4, 0.8]], ...}

`modify_type` is `real`, `visual_modified`, `audio_modified` or `both_modified`; the label is that of the sound. The first
folder of a path is the speaker.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from earnest.audio.layouts import Row, Tree
from earnest.audio.layouts.lav_df import objects_of, rows_there, sound_cells
from earnest.audio.tables import Reading

_KEYS = {"file", "modify_type"}
_TYPES = {"real": (False, False), "visual_modified": (False, True), "audio_modified": (True, False), "both_modified": (True, True)}  # fmt: skip


def rows(tree: Tree, reading: Reading) -> list[Row] | None:
    """A row for each video that is there; None where no text has this form."""
    found: list[Row] = []
    seen = False
    for path in (text for text in tree.texts if text.lower().endswith("metadata.json")):
        objects = objects_of(tree, path, reading, keys=_KEYS)
        if objects is None:
            continue
        seen = True
        strange = sorted({str(one["modify_type"]) for one in objects} - _TYPES.keys())
        if strange:
            reading.faults.append(
                f"{path}: modify_type must be one of {', '.join(_TYPES)}, got {', '.join(strange)[:80]}; mend the file"
            )
        known = [(place, one) for place, one in enumerate(objects, start=1) if one["modify_type"] in _TYPES]
        found += rows_there(tree, path, [_row(path, place, one) for place, one in known], reading)
    return found if seen else None


def _row(path: str, place: int, one: dict[str, Any]) -> Row:
    audio, picture = _TYPES[one["modify_type"]]
    name = str(one["file"])
    split = str(one.get("split") or PurePosixPath(path).name.partition("_")[0])
    cells = {"path": name, "id": f"{split}/{name}", "split": split, "benchmark": "AV-Deepfake1M"}
    cells |= sound_cells(audio=audio, picture=picture, attack=str(one.get("audio_model") or "unnamed"))
    speaker = PurePosixPath(name).parts[0]
    cells |= {"speaker": speaker} if speaker.startswith("id") else {}
    at = PurePosixPath(path).parent
    return Row(place=f"{path} item {place}", cells=cells, bases=tuple(str(at / base).removeprefix("./").removesuffix(".") for base in (split, "")))  # fmt: skip
