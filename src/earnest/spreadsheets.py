"""Tables as CSV that a spreadsheet shows and does not run.

A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, and formulas can start programs and send
what other cells hold. A model's answer may begin so. Such text gets an apostrophe before it, which a spreadsheet shows as
text; numbers are written as they are.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

_FORMULA = re.compile("^(?=[\\s\\0\ufeff\u200b]*[=+\\-@\uff1d\uff0b\uff0d\uff20|%])|^(?=[\t\r\n])")
_LATER = re.compile(
    "(?<=[;\t])(?=[ \u00a0]*[=+\\-@\uff1d\uff0b\uff0d\uff20])|(?<=[\r\n])(?=[ \u00a0]*[=+@\uff1d\uff0b\uff20])"
)
"""Where a cell would begin that is parted by a semicolon or a tab, as spreadsheets do in some countries."""


def safe_cell(value: Any) -> Any:
    """The value as a cell that no spreadsheet runs: text that begins as a formula does gets an apostrophe before it.

    >>> safe_cell("=1+1"), safe_cell(-0.5), safe_cell("well - no")
    ("'=1+1", -0.5, 'well - no')
    """
    if not isinstance(value, str):
        return value
    text = value.encode("utf-8", errors="replace").decode("utf-8").replace("\0", "\ufffd")
    return _LATER.sub("'", _FORMULA.sub("'", text))


def csv_text(rows: Sequence[Mapping[str, Any]], *, columns: Sequence[str]) -> str:
    """The rows as CSV (RFC 4180: commas, a header, lines that end with CR and LF), every cell as `safe_cell` gives it; None is an empty cell."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)  # ends lines with CR and LF, so that a cell with either is quoted
    writer.writerow([safe_cell(column) for column in columns])
    writer.writerows([[safe_cell(row.get(column)) for column in columns] for row in rows])
    return written.getvalue()
