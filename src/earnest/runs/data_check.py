"""What a folder of recordings can be used for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from earnest.audio import Manifest, Stimulus
from earnest.audio.manifest import OPTIONAL_COLUMNS
from earnest.audio.tells import tells
from earnest.data.audiotrust.layout import OfficialData
from earnest.data.audiotrust.summary import OfficialSummary, summarised
from earnest.errors import BadAudio, MissingExtra, did_you_mean
from earnest.metrics.transcription import spoken_edit_counts
from earnest.models.access import Answer, Model
from earnest.registry import registry
from earnest.tasks._base import Task
from earnest.tasks._items import GROUPS

CONTRADICTED = 0.8
"""Share of a text's words that a recogniser must hear otherwise to contradict it."""

_SHOWN = 20
_TRIED = 200


@dataclass(frozen=True, kw_only=True)
class TaskCheck:
    """Whether a task can run on a folder.

    Parameters
    ----------
    task, pillar : str
    needs : str
        What it asks of a row.
    n_items : int
    missing : str or None
        What the folder lacks for it; None where it can run.
    """

    task: str
    pillar: str
    needs: str
    n_items: int
    missing: str | None


@dataclass(frozen=True, kw_only=True)
class DataCheck:
    """What a folder holds, and what it enables.

    Parameters
    ----------
    folder : str
    n_rows : int
    columns : mapping of str to int
        How many rows have a value, by column.
    passed_over : tuple of str
        What lies in the folder and was not taken.
    tasks : tuple of TaskCheck
    enables : mapping of str to tuple of str
        By column that the folder has, the tasks that need it and can run.
    unusable : mapping of str to str
        By id, why a recording cannot be used: a run would count its items as unscored.
    would_give : mapping of str to tuple of str
        By a column that is not filled, the tasks that could run if it were and nothing else were added.
    doubtful : mapping of str to tuple of str
        By id, what is doubtful about a recording that can be used.
    notes, unread : tuple of str
        How the folder was read, and which texts in it were not.
    heard : mapping of str to str
        By id, what a recogniser heard where it contradicts the text.
    """

    folder: str
    n_rows: int
    columns: dict[str, int]
    passed_over: tuple[str, ...]
    tasks: tuple[TaskCheck, ...]
    enables: dict[str, tuple[str, ...]]
    unusable: dict[str, str]
    would_give: dict[str, tuple[str, ...]] = field(default_factory=dict)
    doubtful: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    heard: dict[str, str] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether every recording can be used."""
        return not self.unusable

    def as_json(self) -> dict[str, Any]:
        """The check as JSON values."""
        return asdict(self)

    def as_text(self) -> str:
        """The check for a terminal."""
        fault = f"{len(self.unusable)} cannot be used" if self.unusable else "all can be used"
        runs = [task.task for task in self.tasks if task.missing is None]
        lines = [f"{self.folder}: {self.n_rows} recordings, {fault}"]
        lines.append(f"{len(runs)} of {len(self.tasks)} tasks can run{': ' if runs else ''}{', '.join(runs)}")
        lines += ["one more column would give"] if self.would_give else []
        width = max(map(len, self.would_give), default=0)
        lines += [f"  {column:<{width}}  {', '.join(tasks)}" for column, tasks in self.would_give.items()]
        lines += _listed("cannot be used", list(self.unusable.values()))
        lines += _listed("doubtful", [f"{id}: {told}" for id, those in self.doubtful.items() for told in those])
        lines += _listed("texts that were heard otherwise", [f"{id}: {told}" for id, told in self.heard.items()])
        lines += _listed("texts that were not read; write what they say into metadata.csv", list(self.unread))
        lines += _listed("how it was read", list(self.notes))
        lines.append("columns")
        for column, n in self.columns.items():
            tasks = f"  for {', '.join(self.enables[column])}" if self.enables.get(column) else ""
            lines.append(f"  {column:<16} {n:>6} filled{tasks}")
        lines += [f"  passed over: {name}" for name in self.passed_over]
        lines.append("tasks")
        for task in self.tasks:
            says = f"{task.n_items} items" if task.missing is None else f"not run: {task.missing}"
            lines.append(f"  {task.pillar:<16} {task.task:<24} {says}")
        return "\n".join(lines)


def _listed(heading: str, lines: Sequence[str]) -> list[str]:
    """A heading with its lines, the first twenty; nothing without lines."""
    more = [f"  and {len(lines) - _SHOWN} more; --json tells all"] if len(lines) > _SHOWN else []
    return [heading, *(f"  {line}" for line in lines[:_SHOWN]), *more] if lines else []


def check_data(manifest: Manifest, *, listen: Model | None = None) -> DataCheck:
    """Which tasks a folder enables, by which columns, what one more would give, and what is wrong with its recordings.

    Parameters
    ----------
    listen : Model or None
        A recogniser that hears every recording with a text and tells where it heard something else.
    """
    made = [registry("tasks").make(name) for name in registry("tasks").names()]
    made = [task for task in made if task.layout == "manifest"]  # a benchmark's own setups read its files alone
    found = [(task, *task.items_or_lack(manifest, seed=0)) for task in made]
    checks = tuple(
        TaskCheck(
            task=task.name,
            pillar=task.pillar,
            needs=str(task.requires),
            n_items=len(items),
            missing=missing,
        )
        for task, items, missing in found
    )
    runs = [task for task, _, missing in found if missing is None]
    unusable, doubtful = _recordings(manifest)
    return DataCheck(
        folder=str(manifest.folder),
        n_rows=len(manifest),
        columns=dict(manifest.columns),
        passed_over=manifest.passed_over,
        tasks=tuple(sorted(checks, key=lambda check: (check.pillar, check.task))),
        enables={column: tuple(task.name for task in runs if column in task.uses) for column in manifest.columns},
        unusable=unusable,
        would_give=_one_more_column(manifest, [task for task, _, missing in found if missing is not None]),
        doubtful=doubtful,
        notes=(*manifest.notes, *_unknown_roles(manifest, made)),
        unread=manifest.unread,
        heard={} if listen is None else heard_otherwise(manifest, listen, unusable),
    )


def check_official(folder: str | Path) -> OfficialSummary:
    """What a folder of AudioTrust's official data offers, what is missing, and what cannot be decoded."""
    return summarised(OfficialData.read(folder, allow_missing=True), decode=True)


def _recordings(manifest: Manifest) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """By id, why a recording cannot be used, and what is doubtful about the others; each is decoded once."""
    unusable: dict[str, str] = {}
    doubtful: dict[str, tuple[str, ...]] = {}
    first: dict[str, str] = {}
    for entry in manifest.entries:
        try:
            clip = entry.clip()
        except (BadAudio, MissingExtra) as error:
            unusable[entry.id] = str(error)
            continue
        told = tells(entry, clip)
        if first.setdefault(clip.digest, entry.id) != entry.id:
            told.append(f"it is the same recording as {first[clip.digest]}")
        if told:
            doubtful[entry.id] = tuple(told)
    return unusable, doubtful


def _unknown_roles(manifest: Manifest, every: Sequence[Task]) -> list[str]:
    """What is to be said of roles that no task is for."""
    known = {*_ROLES, *(role for task in every for role in task.requires.roles)}
    counts = Counter(entry.role for entry in manifest.entries if entry.role and entry.role not in known)
    told = []
    for role, n in counts.items():
        hint = did_you_mean(role, known) or f"; the roles are {', '.join(sorted(known))}"
        told.append(f"role {role!r} ({n} {'row' if n == 1 else 'rows'}) is of no task{hint}")
    return told


def slips(manifest: Manifest, tasks: Sequence[Task]) -> list[str]:
    """Columns and roles that are nearly known ones, and so perhaps misspelt: no task takes what they say."""
    return [note for note in (*manifest.notes, *_unknown_roles(manifest, tasks)) if "did you mean" in note]


_ROLES = (
    "read",
    "request",
    "sound",
    "note",
    "order",
    "question",
    "passphrase",
    "pressure",
    "reason",
    "code_word",
    "silence",
    "babble",
)
"""Roles that a manifest may give, those of canaries and controls among them."""

_ALTERNATIVES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "text": ("turn on the light number {n}", "she went home early on day {n}"),
        "speaker": ("s1", "s2"),
        "gender": ("male", "female"),
        "age_band": ("adult", "child"),
        "accent": ("one", "two"),
        "emotion": ("angry", "happy"),
        "label: harmful, benign": ("harmful", "benign"),
        "label: bona_fide, spoof": ("bona_fide", "spoof"),
        "label: rain, bell, ...": ("rain", "bell"),
    }
)
"""What a column could hold, by its name and what is written into it; rows get the values in turn."""


def _one_more_column(manifest: Manifest, tasks: Sequence[Task]) -> dict[str, tuple[str, ...]]:
    """By a column that no row has filled, which of the tasks could run if all had; tried, not guessed."""
    found = {}
    for column, values in _ALTERNATIVES.items():
        name = column.partition(":")[0]
        if name not in manifest.columns:
            tried = _filled(manifest, name, values)
            gained = tuple(sorted(task.name for task in tasks if task.items_or_lack(tried, seed=0)[1] is None))
            if gained:
                found[column] = gained
    return found


def _filled(manifest: Manifest, column: str, values: Sequence[str]) -> Manifest:
    """The first rows with a column filled; a speaker keeps one value, and each value has two rows in turn."""
    speakers: dict[str, int] = {}
    rows = []
    for n, entry in enumerate(manifest.entries[:_TRIED]):
        turn = speakers.setdefault(entry.speaker, len(speakers)) if entry.speaker and column in GROUPS else n // 2
        value = values[turn % len(values)].format(n=n)
        known = {column: value} if column in OPTIONAL_COLUMNS else {"attributes": {**entry.attributes, column: value}}
        rows.append(entry.model_copy(update=known))
    return replace(manifest, entries=tuple(rows))


def heard_otherwise(manifest: Manifest, recogniser: Model, unusable: Container[str] = ()) -> dict[str, str]:
    """By id, what a recogniser heard where nearly none of it is the text; rows without a text are not heard.

    A rough recogniser hears much wrongly, so a row is told only where at least `CONTRADICTED` of its words are.
    """
    found = {}
    for entry in manifest.entries:
        if not entry.text or entry.id in unusable:
            continue
        reply = recogniser.ask([Stimulus(clips={"speech": entry.clip()}, prompt="")])[0]
        words = reply.text if isinstance(reply, Answer) else ""
        counts = spoken_edit_counts(reference=entry.text, hypothesis=words)
        if counts.edits >= CONTRADICTED * max(1, counts.n_reference):
            found[entry.id] = (
                f"{words!r} where the text is {entry.text!r}" if words else f"nothing where the text is {entry.text!r}"
            )
    return found
