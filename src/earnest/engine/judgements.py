"""What judges said of a finished run: `judgements.jsonl`, appended and never changed, beside the journal.

It is kept as the journal is: a line is on the disk's side as soon as it is known, a torn last line is cut off, and the
file is locked while it is written.
"""

from __future__ import annotations

import os
from pathlib import Path

from earnest.engine.journal import Appended
from earnest.errors import BadData
from earnest.records import JudgementLine

JUDGEMENTS = "judgements.jsonl"


class Judgements(Appended):
    """The judgements of a run folder, open for appending.

    Parameters
    ----------
    folder : Path
        Must exist.

    Raises
    ------
    PlanMismatch
        If another process has it open.
    BadData
        If a line other than a torn last one cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / JUDGEMENTS)
        try:
            self.known = {line.key: line for line in _read(self.path)}
        except BaseException:
            os.close(self._file)
            raise

    def add(self, line: JudgementLine) -> None:
        """Write the line, and know it.

        Raises
        ------
        StorageFailed
            If it could not be written.
        """
        self.append(line.dumped())
        self.known[line.key] = line


def _read(path: Path) -> list[JudgementLine]:
    lines, faults = [], []
    for number, text in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            lines.append(JudgementLine.model_validate_json(text))
        except ValueError as error:
            faults.append(f"line {number}: {' '.join(str(error).split())[:200]}")
    if faults:
        raise BadData(f"{path} cannot be read; mend it, or delete it and judge again", faults)
    return lines
