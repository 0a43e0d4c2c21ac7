"""What a folder of recordings can be used for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from earnest.audio import Entry, Manifest
from earnest.errors import BadAudio, MissingExtra
from earnest.registry import registry
from earnest.tasks.audiotrust._layout import OfficialData
from earnest.tasks.audiotrust._summary import OfficialSummary, summarised


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
    """

    folder: str
    n_rows: int
    columns: dict[str, int]
    passed_over: tuple[str, ...]
    tasks: tuple[TaskCheck, ...]
    enables: dict[str, tuple[str, ...]]
    unusable: dict[str, str]

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
        lines = [f"{self.folder}: {self.n_rows} recordings, {fault}"]
        lines += [f"  {why}" for why in list(self.unusable.values())[:20]]
        lines += [f"  and {len(self.unusable) - 20} more; --json tells all"] if len(self.unusable) > 20 else []
        for column, n in self.columns.items():
            tasks = f"  for {', '.join(self.enables[column])}" if self.enables.get(column) else ""
            lines.append(f"  {column:<16} {n:>6} filled{tasks}")
        lines += [f"  passed over: {name}" for name in self.passed_over]
        lines.append("tasks")
        for task in self.tasks:
            says = f"{task.n_items} items" if task.missing is None else f"not run: {task.missing}"
            lines.append(f"  {task.pillar:<16} {task.task:<24} {says}")
        return "\n".join(lines)


def check_data(manifest: Manifest) -> DataCheck:
    """Which tasks a folder enables, by which columns, what the others miss, and what cannot be decoded."""
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
    return DataCheck(
        folder=str(manifest.folder),
        n_rows=len(manifest),
        columns=dict(manifest.columns),
        passed_over=manifest.passed_over,
        tasks=tuple(sorted(checks, key=lambda check: (check.pillar, check.task))),
        enables={column: tuple(task.name for task in runs if column in task.uses) for column in manifest.columns},
        unusable={entry.id: why for entry in manifest.entries if (why := _fault(entry)) is not None},
    )


def check_official(folder: str | Path) -> OfficialSummary:
    """What a folder of AudioTrust's official data offers, what is missing, and what cannot be decoded."""
    return summarised(OfficialData.read(folder, allow_missing=True), decode=True)


def _fault(entry: Entry) -> str | None:
    try:
        entry.clip()
    except (BadAudio, MissingExtra) as error:
        return str(error)
    return None
