"""FakeAVCeleb: `meta_data.csv`, a line a video, with its file's name and, in a last column without a name, its folder.

    source,target1,target2,method,category,type,race,gender,path,
    id00076,-,-,real,A,RealVideo-RealAudio,African,men,00109.mp4,FakeAVCeleb/RealVideo-RealAudio/African/men/id00076

The label is that of the sound: `spoof` where the type ends in `FakeAudio`, with the method as the attack.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from earnest.audio import tables
from earnest.audio.layouts import Row, Tree
from earnest.audio.layouts.lav_df import rows_there, sound_cells
from earnest.audio.tables import Reading

_HEADER = ["source", "target1", "target2", "method", "category", "type", "race", "gender", "path"]
_TYPES = {f"{picture}Video-{sound}Audio": (sound == "Fake", picture == "Fake") for picture in ("Real", "Fake") for sound in ("Real", "Fake")}  # fmt: skip


def rows(tree: Tree, reading: Reading) -> list[Row] | None:
    """A row for each video that is there; None where no text has FakeAVCeleb's columns."""
    for path in tree.texts_named("meta_data.csv"):
        trial = reading.trial()
        text = tables.text_of(tree.folder / path, path, trial) or ""
        first, _, rest = text.partition("\n")
        if [name.strip() for name in first.split(",")][: len(_HEADER)] != _HEADER:
            continue
        reading.take(trial)
        names = [*_HEADER, "folder"][: len(first.strip("\r").split(","))]
        found = []
        for line, cells in tables.csv_rows(rest, path, reading, separator=",", header=names):
            place = f"{path} line {line + 1}"
            if cells["type"] not in _TYPES:
                reading.faults.append(
                    f"{place}: type must be one of {', '.join(_TYPES)}, got {cells['type'][:60]!r}; mend the line"
                )
                continue
            found.append(_row(path, place, cells))
        return rows_there(tree, path, found, reading)
    return None


def _row(path: str, place: str, cells: dict[str, str]) -> Row:
    audio, picture = _TYPES[cells["type"]]
    folder = PurePosixPath(cells.get("folder") or ".")
    within = PurePosixPath(*folder.parts[1:]) if folder.parts[:1] == ("FakeAVCeleb",) else folder
    kept = {"path": str(within / cells["path"]), "id": str(within / cells["path"]), "benchmark": "FakeAVCeleb"}
    kept |= {"speaker": cells["source"], "gender": {"men": "male", "women": "female"}.get(cells["gender"], "")}
    kept |= sound_cells(audio=audio, picture=picture, attack=cells["method"])
    at = PurePosixPath(path).parent.as_posix()
    return Row(
        place=place, cells={name: value for name, value in kept.items() if value}, bases=(at if at != "." else "",)
    )
