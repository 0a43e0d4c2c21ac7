"""VoxCeleb: lists of trials (`1 id10270/x6uYqmx31kE/00001.wav id10270/8jEAjG6SegY/00008.wav`), and `vox1_meta.csv`.

A row is a recording that a trial names, with its speaker, the first folder of its path. The trials themselves are kept in
the column `trials` of the first recording, one a line (`1 id10270/8jEAjG6SegY/00008.wav`), with the name of each recording
in `trial_id`; `speaker_verification` asks them as they are. Whether they agree with the speakers is checked.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from earnest.audio import tables
from earnest.audio.layouts import Row, Tree
from earnest.audio.tables import Reading

_TRIAL = re.compile(r"(?P<same>[01])\s+(?P<first>\S+)\s+(?P<second>\S+)")
_WHERE = ("", "wav", "test/wav", "dev/wav", "vox1_test_wav", "vox1_dev_wav", "aac", "test/aac", "dev/aac")


def rows(tree: Tree, reading: Reading) -> list[Row] | None:
    """A row for each recording that a trial names; None where no text is a list of trials."""
    found: dict[str, Row] = {}
    trials: dict[str, dict[str, None]] = {}
    for path in tree.texts:
        if path.lower().endswith(".txt"):
            _add_trials(tree, path, found, trials, reading)
    if not found:
        return None
    genders = _genders(tree, reading)
    return [
        Row(
            place=row.place,
            cells={**row.cells, **genders.get(row.cells["speaker"], {}), **_kept(trials, file)},
            bases=row.bases,
        )
        for file, row in found.items()
    ]


def _kept(trials: dict[str, dict[str, None]], file: str) -> dict[str, str]:
    return {"trials": "\n".join(trials[file])} if file in trials else {}


def _add_trials(
    tree: Tree, path: str, rows: dict[str, Row], trials: dict[str, dict[str, None]], reading: Reading
) -> None:
    trial = reading.trial()
    text = tables.text_of(tree.folder / path, path, trial) or ""
    if not _TRIAL.fullmatch(text.partition("\n")[0].strip()):
        return
    reading.take(trial)
    n_trials = 0
    for line, content in enumerate(text.splitlines(), start=1):
        place, parts = f"{path} line {line}", _TRIAL.fullmatch(content.strip())
        if not parts:
            reading.faults += (
                [f"{place}: 1 or 0 and two files are wanted, got {content[:80]!r}; mend the line"]
                if content.strip()
                else []
            )
            continue
        n_trials += 1
        files = (parts["first"], parts["second"])
        speakers = [PurePosixPath(file).parts[0] for file in files]
        if (speakers[0] == speakers[1]) != (parts["same"] == "1"):
            reading.faults.append(
                f"{place}: {parts['same']} says otherwise than its speakers {speakers[0]} and {speakers[1]}; mend the line"
            )
        trials.setdefault(files[0], {})[f"{parts['same']} {files[1]}"] = None
        for file, speaker in zip(files, speakers):
            cells = {"path": file, "id": file, "speaker": speaker, "trial_id": file}
            rows.setdefault(file, Row(place=place, cells=cells, bases=_WHERE))
    reading.note(
        f"{path}: {n_trials} trials were read; speaker_verification asks them, other tasks make their own pairs of voices"
    )


def _genders(tree: Tree, reading: Reading) -> dict[str, dict[str, str]]:
    found = {}
    for path in tree.texts_named("vox1_meta.csv", "vox2_meta.csv"):
        for content in (tables.text_of(tree.folder / path, path, reading) or "").splitlines()[1:]:
            cells = [cell.strip() for cell in re.split(r"[\t,]", content)]
            if len(cells) >= 3:
                gender = next((cell for cell in cells[2:4] if cell in ("m", "f")), "")
                found[cells[0]] = {"gender": gender} if gender else {}
    return found
