"""How long each arm of a run took: `timings.jsonl`, one line each time that an arm was worked on.

A forecast is made of what some items of every arm took, and its truth of what all of them did. A line is written when the
work on an arm ends, also by an error; a process that is killed in an arm leaves none for it, so that the items that are
timed may be fewer than those that have a line in the journal.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from earnest.arms import Arm
from earnest.engine.journal import Appended
from earnest.run_folder import file_in, read_appended

TIMINGS = "timings.jsonl"


class TimingLine(BaseModel):
    """What some items of an arm took together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    attack: str | None = None
    crafted_on: str | None = None
    defences: tuple[str, ...] = ()
    n_items: int = Field(ge=0)
    wall_s: float = Field(ge=0, description="Seconds that passed.")
    cpu_s: float = Field(ge=0, description="Seconds of processor time of the whole process.")

    @property
    def arm(self) -> Arm:
        """The arm."""
        return Arm(attack=self.attack, crafted_on=self.crafted_on, defences=self.defences)


class Timings:
    """The timings of a run folder, open for appending."""

    def __init__(self, folder: Path) -> None:
        self._file = Appended(folder / TIMINGS)

    @contextmanager
    def of(self, arm: Arm, n_finished: Callable[[], int]) -> Iterator[None]:
        """Time what is done inside; `n_finished` counts items, before and after."""
        wall, cpu, n = time.monotonic(), time.process_time(), n_finished()
        try:
            yield
        finally:
            line = TimingLine(
                attack=arm.attack,
                crafted_on=arm.crafted_on,
                defences=arm.defences,
                n_items=n_finished() - n,
                wall_s=time.monotonic() - wall,
                cpu_s=time.process_time() - cpu,
            )
            self._file.append(json.dumps(line.model_dump(mode="json", exclude_defaults=True), separators=(",", ":")))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def read_timings(folder: Path) -> list[TimingLine]:
    """What was timed in a run folder; nothing where nothing was.

    Raises
    ------
    BadData
        If a line cannot be read.
    """
    path = file_in(folder, TIMINGS)
    return list(read_appended(path, TimingLine, advice="; delete the file")) if path.is_file() else []
