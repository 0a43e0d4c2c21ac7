"""Lhotse: cuts, or recordings and supervisions, as JSON lines, packed by gzip or not.

A row is a supervision: its part of the recording, with text, speaker and channel. What a recording names that is no file
(a command, an address) is a fault. A file is recognised by what its first object holds, not by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from earnest.audio import tables
from earnest.audio.entry import shown
from earnest.audio.layouts import Row, Tree
from earnest.audio.tables import Reading

_COLUMNS = ("text", "speaker", "gender", "language")


def rows(tree: Tree, reading: Reading) -> list[Row] | None:
    """A row for each supervision; None where no file holds cuts, or recordings."""
    kinds: dict[str, list[tuple[str, dict[str, Any]]]] = {"cut": [], "recording": [], "supervision": []}
    for path in tree.texts:
        if path.lower().endswith((".jsonl", ".jsonl.gz")):
            kind, objects = _objects(tree, path, reading)
            if kind:
                kinds[kind] += objects
    if not kinds["cut"] and not kinds["recording"]:
        return None
    cuts = kinds["cut"] or list(_as_cuts(kinds["recording"], kinds["supervision"], reading))
    return [row for place, cut in cuts for row in _of_cut(cut, place, reading)]


def _objects(tree: Tree, path: str, reading: Reading) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
    trial = reading.trial()  # of a file that is another's, nothing is told here
    text = tables.text_of(tree.folder / path, path, trial)
    first = next(tables.json_rows((text or "").partition("\n")[0], path, Reading()), (0, {}))[1]
    kind = _kind(first)
    if not kind:
        return "", []
    reading.take(trial)
    return kind, [(f"{path} line {line}", row) for line, row in tables.json_rows(text or "", path, reading)]


def _kind(value: Mapping[str, Any]) -> str:
    if "sources" in value and "sampling_rate" in value:
        return "recording"
    if "supervisions" in value or (str(value.get("type", "")).endswith("Cut") and "recording" in value):
        return "cut"
    return "supervision" if "recording_id" in value and "start" in value and "duration" in value else ""


def _as_cuts(recordings: list, supervisions: list, reading: Reading) -> Iterator[tuple[str, dict[str, Any]]]:
    """Recordings as cuts with their supervisions; a recording without any is one row without a text."""
    known = {str(recording.get("id")): (place, recording) for place, recording in recordings}
    told = set()
    for place, supervision in supervisions:
        at = str(supervision.get("recording_id"))
        if at not in known:
            reading.faults.append(f"{place}: recording_id must be of a recording, got {at!r}; add it, or drop the line")
            continue
        told.add(at)
        yield (
            place,
            {"id": supervision.get("id"), "start": 0.0, "recording": known[at][1], "supervisions": [supervision]},
        )
    for at, (place, recording) in known.items():
        if at not in told:
            yield place, {"id": at, "recording": recording, "supervisions": []}


def _of_cut(cut: Mapping[str, Any], place: str, reading: Reading) -> Iterator[Row]:
    supervisions = cut.get("supervisions") or []
    if not isinstance(supervisions, list) or not all(isinstance(one, dict) for one in supervisions):
        reading.faults.append(f"{place}: supervisions must be a list of objects; mend the line")
        return
    source = _source(cut.get("recording"), place, reading)
    if source is None:
        return
    path, bounds = source
    for supervision in supervisions or [{}]:
        part = _part(cut, supervision, place, reading)
        if part is None:
            continue
        cells: dict[str, Any] = {"path": path, "id": supervision.get("id") or cut.get("id")} | (
            part if part != bounds else {}
        )
        cells |= {name: supervision[name] for name in _COLUMNS if supervision.get(name) not in (None, "")}
        channel = supervision.get("channel", cut.get("channel"))
        if isinstance(channel, int) and len(_channels(cut["recording"])) > 1:
            cells["channel"] = channel
        yield Row(place=place, cells=cells)


def _source(recording: Any, place: str, reading: Reading) -> tuple[str, dict[str, float]] | None:
    """File of a recording, and the part that is all of it."""
    sources = recording.get("sources") if isinstance(recording, dict) else None
    first = sources[0] if isinstance(sources, list) and len(sources) == 1 else None
    if not isinstance(first, dict) or first.get("type") != "file" or not isinstance(first.get("source"), str):
        kind = first.get("type") if isinstance(first, dict) else sources
        reading.faults.append(f"{place}: a recording must be one file, got {shown(kind)}; write it to a file")
        return None
    duration = _seconds(recording.get("duration"))
    return first["source"], {} if duration is None else {"start_s": 0.0, "end_s": round(duration, 9)}


def _channels(recording: Mapping[str, Any]) -> list[Any]:
    channels = recording["sources"][0].get("channels", [0])
    return channels if isinstance(channels, list) else [0]


def _part(
    cut: Mapping[str, Any], supervision: Mapping[str, Any], place: str, reading: Reading
) -> dict[str, float] | None:
    """The part of the recording that a supervision is about; its start counts from the cut's."""
    start, inner = _seconds(cut.get("start", 0.0)), _seconds(supervision.get("start", 0.0))
    given = supervision.get("duration", cut.get("duration"))
    duration = _seconds(given)
    if start is None or inner is None or (given is not None and duration is None):
        reading.faults.append(f"{place}: start and duration must be numbers of seconds; mend the line")
        return None
    begin = round(max(0.0, start + inner), 9)
    return {"start_s": begin} | ({} if duration is None else {"end_s": round(start + inner + duration, 9)})


def _seconds(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) or value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
