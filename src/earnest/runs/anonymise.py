"""Giving every recording of a data set another voice, and writing the data set again.

The new data set has the rows, ids, names and columns of the old one. What was drawn for whom lies beside it and not in it:
`<OUT>.key.jsonl` holds the seed and every voice, and with it the old voices can be looked for. It is also what a run that was
cut off resumes from.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from earnest.anonymisers import Anonymiser, Drawn, anonymisers
from earnest.audio import Entry, Manifest
from earnest.audio.converting import write_table
from earnest.engine import Progress
from earnest.errors import BadAudio, BadData, StorageFailed
from earnest.models.access import rng_for
from earnest.run_folder import strict_json, write_whole

Per = Literal["speaker", "utterance"]
FACTS = "anonymisation.json"
KEPT_SUFFIXES = (".wav", ".flac")
"""Formats that hold samples as they are; recordings in others are written as FLAC."""
_PARTS = ("start_s", "end_s", "channel", "duration_s")
"""Columns that speak of a file of which rows are parts."""


@dataclass(frozen=True, kw_only=True)
class Anonymisation:
    """A data set that was anonymised.

    Parameters
    ----------
    folder, key : Path
        The data set, and the file that has to be kept apart from it.
    facts : mapping
        What `anonymisation.json` holds.
    failed : mapping of str to str
        Rows that the method failed on, with the reason; they are not in the data set.
    n_resumed : int
        Rows that an earlier sitting had written.
    wall_s, audio_s : float
        Time taken in this sitting, and audio worked on in it.
    """

    folder: Path
    key: Path
    facts: Mapping[str, Any]
    failed: Mapping[str, str]
    n_resumed: int
    wall_s: float
    audio_s: float


def voices_of(entry: Entry, per: Per) -> str:
    """Whose voice a row is given: that of its speaker, or its own where there is none or each recording is to have one."""
    return f"speaker {entry.speaker}" if per == "speaker" and entry.speaker else f"utterance {entry.id}"


def drawn_for(method: Anonymiser, whom: str, *, seed: int) -> Drawn:
    """The voice that is drawn for somebody; it depends on seed, method and name alone."""
    return method.draw(rng_for(seed, "anonymise", str(method.spec), whom))


def anonymise(
    manifest: Manifest,
    out: str | Path,
    *,
    method: str | Anonymiser,
    per: Per = "speaker",
    seed: int | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Anonymisation:
    """Write the data set into the folder `out` with other voices; resumes what the same call began.

    A row on which the method fails is left out of the new data set, and listed; its recording is never passed as it was.

    Parameters
    ----------
    manifest : Manifest
    out : path
        New, empty, or written by the same call before.
    method : str or Anonymiser
        Its specification.
    per : {"speaker", "utterance"}
        Whether all recordings of a speaker get one voice, or each its own. Rows without a speaker get their own.
    seed : int or None
        None draws one that nobody can guess, which is what a data set that is given away needs.

    Raises
    ------
    BadData
        If `out` holds something else, lies in the data set, or every row fails.
    StorageFailed
        If it cannot be written.
    """
    out = Path(out)
    made = anonymisers.make(method) if isinstance(method, str) else method
    key = _key_of(out)
    header, done = _begun(manifest, out, key, method=made, per=per, seed=seed)
    paths = paths_in(manifest)
    failed: dict[str, str] = {}
    voices: dict[str, Drawn] = {}
    begun, n_new, audio_s = time.monotonic(), 0, 0.0
    try:
        with key.open("a", encoding="utf-8") as file:
            for number, entry in enumerate(manifest.entries):
                if entry.id not in done:
                    whom = voices_of(entry, per)
                    if whom not in voices:
                        voices[whom] = drawn_for(made, whom, seed=header["seed"])
                    n_new += 1
                    try:
                        clip = entry.clip()
                        result = made.anonymised(entry, clip, drawn=voices[whom])
                        audio_s += clip.duration_s
                        (out / paths[entry.id]).parent.mkdir(parents=True, exist_ok=True)
                        result.write(out / paths[entry.id])
                        line = {"id": entry.id, "voice_of": whom, "drawn": dict(voices[whom])}
                        file.write(json.dumps(line, ensure_ascii=False) + "\n")
                        file.flush()
                        done.add(entry.id)
                    except BadAudio as error:
                        failed[entry.id] = str(error)
                wall = time.monotonic() - begun
                rate = n_new / wall if wall > 0 else 0.0
                left = len(manifest) - number - 1
                progress(
                    Progress(
                        done=number + 1,
                        total=len(manifest),
                        scored=len(done),
                        unscored={"failed": len(failed)} if failed else {},
                        cost_usd=None,
                        rate_per_s=rate,
                        eta_s=left / rate if rate else None,
                        in_flight=0,
                    )
                )
        if not done:
            raise BadData(
                f"{made.spec} must work on one recording at least, and failed on all {len(manifest)}; the first: "
                f"{next(iter(failed.values()))}"
            )
        without = _PARTS if any(_part(entry) for entry in manifest) else ()
        write_table(manifest, out, paths={id: paths[id] for id in done}, without=without)
        facts = _facts(manifest, made, per, failed)
        write_whole(out / FACTS, (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode())
    except OSError as error:
        raise StorageFailed(
            f"{str(out)!r} must be writable, got {error.strerror or error}; free some space, or name another folder"
        ) from error
    return Anonymisation(
        folder=out,
        key=key,
        facts=facts,
        failed=failed,
        n_resumed=len(manifest) - n_new,
        wall_s=time.monotonic() - begun,
        audio_s=audio_s,
    )


def paths_in(manifest: Manifest) -> dict[str, str]:
    """Where each row's recording is written, by id: its own name, as FLAC where its format does not hold samples as they are.

    Rows that are parts of one file get files of their own.
    """
    written: dict[str, str] = {}
    taken: set[str] = set()
    for entry in manifest.entries:
        path = PurePosixPath(entry.path)
        if part := _part(entry):
            path = path.with_name(f"{path.stem}_{part}{path.suffix}")
        if path.suffix.lower() not in KEPT_SUFFIXES:
            plain = path.with_suffix(".flac")
            path = path.with_name(path.name + ".flac") if plain.as_posix().casefold() in taken else plain
        while path.as_posix().casefold() in taken:
            path = path.with_name(f"{path.stem}_{path.suffix}")
        taken.add(path.as_posix().casefold())
        written[entry.id] = path.as_posix()
    return written


def _part(entry: Entry) -> str:
    """Which part of its file a row is, empty where it is the whole."""
    values = (entry.start_s, entry.end_s, entry.channel)
    return "-".join("" if value is None else f"{value:g}" for value in values).strip("-")


def _key_of(out: Path) -> Path:
    return out.with_name(f"{out.name}.key.jsonl")


def _begun(
    manifest: Manifest, out: Path, key: Path, *, method: Anonymiser, per: Per, seed: int | None
) -> tuple[dict[str, Any], set[str]]:
    """The first line of the key, and the rows that are done; both begun where nothing is there."""
    if out.resolve().is_relative_to(manifest.folder.resolve()) or manifest.folder.resolve().is_relative_to(
        out.resolve()
    ):
        raise BadData(
            f"a data set is written outside of its own folder, got {str(out)!r} for {str(manifest.folder)!r}; name another"
        )
    asked = {"method": str(method.spec), "per": per, "data": manifest.digest}
    is_empty = not out.exists() or (out.is_dir() and not any(out.iterdir()))
    if not key.is_file():
        if not is_empty:
            raise BadData(
                f"a data set is written into a new or empty folder, got {str(out)!r}, which holds something; name another"
            )
        header = {**asked, "seed": secrets.randbits(63) if seed is None else seed}
        try:
            out.mkdir(parents=True, exist_ok=True)
            write_whole(key, (json.dumps(header, ensure_ascii=False) + "\n").encode())
        except OSError as error:
            raise StorageFailed(f"{str(out)!r} must be writable, got {error.strerror or error}") from error
        return header, set()
    lines = list(_lines(key))
    header = lines[0]
    differs = [name for name, value in asked.items() if header.get(name) != value]
    if seed is not None and header.get("seed") != seed:
        differs.append("seed")
    if differs:
        raise BadData(
            f"{str(out)!r} was begun with another {', '.join(differs)}; name another folder, or remove it and {key.name!r}"
        )
    if not key.read_text(encoding="utf-8").endswith("\n"):  # it was cut off within a line
        write_whole(key, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode())
    paths = paths_in(manifest)
    done = {line["id"] for line in lines[1:] if "id" in line}
    return header, {id for id in done if id in paths and (out / paths[id]).is_file()}


def _lines(key: Path) -> Iterator[dict[str, Any]]:
    text = key.read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            found = strict_json(line)
        except (BadData, ValueError) as error:
            if number > 1 and not text.endswith("\n") and number == len(text.splitlines()):
                return  # the line during which it was cut off
            raise BadData(f"{key.name} line {number} must be JSON, got {line[:60]!r}; remove the file") from error
        if not isinstance(found, dict):
            raise BadData(f"{key.name} line {number} must be an object, got {line[:60]!r}; remove the file")
        yield found
    if not text.strip():
        raise BadData(f"{key.name} must begin with what was asked for, and is empty; remove the file")


def _facts(manifest: Manifest, method: Anonymiser, per: Per, failed: Mapping[str, str]) -> dict[str, Any]:
    """What is said about the data set inside of it; nothing that was drawn, nor the seed."""
    return {
        "version": 1,
        "method": str(method.spec),
        "source": method.source,
        "voice_per": per,
        "n_rows": len(manifest) - len(failed),
        "n_failed": len(failed),
        "n_without_speaker": sum(entry.speaker is None for entry in manifest),
        "failed": dict(sorted(failed.items())),
        "unchanged": "words, timing and every column of the table: they may tell who speaks as well",
    }
