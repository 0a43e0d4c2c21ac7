"""What a folder of official data offers, counted: for a dry run and for `earnest data check`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from earnest.data.audiotrust.layout import OfficialData
from earnest.data.audiotrust.setups import RUNS, SETUPS
from earnest.errors import BadAudio, MissingExtra

SHOWN = 5
"""How many names a terminal is shown of a long list."""


@dataclass(frozen=True, kw_only=True)
class OfficialSummary:
    """The benchmark as a folder has it.

    Parameters
    ----------
    layout : str
        `repository` or `huggingface`.
    setups, sub_tasks : int
        How many the benchmark has.
    without_rows : tuple of str
        Those of the setups of which no row is there.
    rows, duplicates, items : int
        Rows as shipped, those that repeat another, and what is left.
    subject_calls : mapping of str to int
        Questions to the model by dimension, repeated rows included.
    reference_transcripts : int
        Further calls that transcribe undisturbed recordings, for the transcripts of disturbed ones to be compared with.
    missing_audio_files, absent_files, absent_fairness_decision_files : tuple of str
        Single recordings and files of rows that are named and not there; of the latter, those with decisions.
    unplaced : mapping of str to int
        Rows that belong to no run, by reason.
    by_setup : mapping of str to mapping of str to int
        By setup: rows, those left of them, calls as shipped, and single recordings that are missing.
    unusable : mapping of str to str or None
        By path, why a recording cannot be decoded; None where nobody looked.
    """

    layout: str
    setups: int
    sub_tasks: int
    without_rows: tuple[str, ...]
    rows: int
    duplicates: int
    items: int
    subject_calls: dict[str, int]
    reference_transcripts: int
    missing_audio_files: tuple[str, ...]
    absent_files: tuple[str, ...]
    absent_fairness_decision_files: tuple[str, ...]
    unplaced: Mapping[str, int]
    by_setup: Mapping[str, Mapping[str, int]]
    unusable: Mapping[str, str] | None = field(default=None)

    @property
    def good(self) -> bool:
        """Whether nothing that is named is missing, every row has its run, and every recording can be used."""
        return not (self.missing_audio_files or self.unplaced or self.unusable)

    def as_json(self) -> dict[str, Any]:
        """The summary as JSON values."""
        looked = {} if self.unusable is None else {"unusable": dict(self.unusable)}
        return {
            "layout": self.layout,
            "setups": self.setups,
            "sub_tasks": self.sub_tasks,
            "setups_without_rows": list(self.without_rows),
            "rows": self.rows,
            "duplicates": self.duplicates,
            "items": self.items,
            "subject_calls": self.subject_calls,
            "reference_transcripts": self.reference_transcripts,
            "missing_audio": len(self.missing_audio_files),
            "missing_audio_files": list(self.missing_audio_files),
            "absent_files": list(self.absent_files),
            "absent_fairness_decision_files": list(self.absent_fairness_decision_files),
            "unplaced": dict(self.unplaced),
            "by_setup": {name: dict(counts) for name, counts in self.by_setup.items()},
            **looked,
        }

    def as_text(self) -> str:
        """The summary for a terminal."""
        calls = ", ".join(f"{dimension} {n}" for dimension, n in self.subject_calls.items())
        lines = [
            f"official data in the layout of {_LAYOUTS[self.layout]}: {self.setups} setups, {self.sub_tasks} sub-tasks",
            f"{self.rows} rows, {self.duplicates} of them repeated: {self.items} items",
            f"calls as shipped: {calls}; and {self.reference_transcripts} reference transcripts",
            *_named("no rows of", self.without_rows, "setup"),
            *_named("absent:", self.absent_files, "file of rows", "files of rows"),
            *_named("missing:", self.missing_audio_files, "recording"),
            *(f"{_counted(n, 'row')} not placed: {why}" for why, n in self.unplaced.items()),
        ]
        if self.unusable is not None:  # of interest where somebody looks at the folder, not before each run
            lines += [f"  {key:<40} {_served(counts)}" for key, counts in self.by_setup.items()]
        if self.unusable:
            told = list(self.unusable.values())
            lines += [f"{_counted(len(told), 'recording')} cannot be used", *(f"  {why}" for why in told[: 4 * SHOWN])]
        return "\n".join(lines)


def _served(counts: Mapping[str, int]) -> str:
    if not counts["rows"]:
        return "no rows"
    n_missing = counts["missing_audio"]
    lacks = f", {_counted(n_missing, 'recording')} missing" if n_missing else ""
    return f"{_counted(counts['items'], 'row')}, {_counted(counts['calls'], 'call')} as shipped{lacks}"


def _counted(n: int, noun: str, plural: str = "") -> str:
    return f"{n} {noun if n == 1 else plural or noun + 's'}"


_LAYOUTS = {"repository": "the repository", "huggingface": "the Hugging Face dataset"}


def summarised(data: OfficialData, *, decode: bool = False) -> OfficialSummary:
    """What the data offers; with `decode`, every recording is read to see whether it can be."""
    calls = Counter({setup.dimension: 0 for setup in SETUPS.values()})
    references = 0
    by_setup: dict[str, dict[str, int]] = {}
    for key, setup in SETUPS.items():
        runs = [run for run in RUNS if run.setup == key]
        shipped = {run: data.rows_of(run, shipped=True) for run in runs}
        calls[setup.dimension] += sum(map(len, shipped.values()))
        references += sum(len(data.rows_of(run)) for run in runs if run.reference is not None)
        by_setup[key] = {
            "rows": len({row.id for rows in shipped.values() for row in rows}),
            "items": len({row.id for run in runs for row in data.rows_of(run)}),
            "calls": sum(map(len, shipped.values())),
            "missing_audio": len(data.missing_for(runs)),
        }
    decisions = {run.stem for run in RUNS if run.setup == "fairness_decision"}
    return OfficialSummary(
        layout=data.layout,
        setups=len(SETUPS),
        sub_tasks=len({run.subtask for run in RUNS}),
        without_rows=tuple(key for key, counts in by_setup.items() if not counts["rows"]),
        rows=data.n_rows,
        duplicates=data.n_duplicates,
        items=data.n_rows - data.n_duplicates,
        subject_calls=dict(calls),
        reference_transcripts=references,
        missing_audio_files=data.missing,
        absent_files=data.absent_files,
        absent_fairness_decision_files=tuple(n for n in data.absent_files if PurePosixPath(n).stem in decisions),
        unplaced=data.unplaced,
        by_setup=by_setup,
        unusable=_unusable(data) if decode else None,
    )


def _unusable(data: OfficialData) -> dict[str, str]:
    faults = {}
    for path, recordings in data.recordings.items():
        try:
            recordings.clip(path)
        except (BadAudio, MissingExtra) as error:
            faults[path] = str(error)
    return faults


def _named(says: str, names: tuple[str, ...], noun: str, plural: str = "") -> list[str]:
    """`missing: 3910 recordings` with the first few names, on lines of their own."""
    if not names:
        return []
    lines = [f"{says} {_counted(len(names), noun, plural)}"]
    lines += [f"  {name}" for name in names[:SHOWN]]
    return lines + ([f"  and {len(names) - SHOWN} more; --json tells all"] if len(names) > SHOWN else [])
