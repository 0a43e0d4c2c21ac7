"""What judges said of a finished run: `judgements.jsonl`, appended and never changed, beside the journal.

It is kept as the journal is: a line is on the disk's side as soon as it is known, a torn last line is cut off, and the
file is locked while it is written.
"""

from __future__ import annotations

import os
from pathlib import Path

from earnest.engine.journal import Appended
from earnest.records import JudgementLine
from earnest.run_folder import read_appended

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
            advice = "as judgements; mend it, or delete it and judge again"
            self.known = {line.key: line for line in read_appended(self.path, JudgementLine, advice=advice)}
        except BaseException:
            os.close(self._file)
            raise

    def add(self, line: JudgementLine) -> None:
        """Write the line, and know it; one that is known already is not written again.

        Raises
        ------
        StorageFailed
            If it could not be written.
        """
        if self.known.get(line.key) == line:
            return
        self.append(line.dumped())
        self.known[line.key] = line
