"""Pages of an audit of data, and of a mitigation: JSON and HTML that need no network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from earnest.mitigation.audit import MEASURES, Audit
from earnest.report.page import environment, policy, style
from earnest.report.storage import write_text

AUDIT, AUDIT_PAGE = "audit.json", "audit.html"


def write_audit(audit: Audit, folder: Path) -> Path:
    """Write `audit.json` and `audit.html` into a folder; the path of the page comes back.

    Raises
    ------
    StorageFailed
        If they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / AUDIT, _json(audit.as_json()))
    write_text(folder / AUDIT_PAGE, audit_html(audit))
    return folder / AUDIT_PAGE


def audit_html(audit: Audit) -> str:
    """The page of an audit."""
    page = environment().get_template("audit.html.j2")
    return page.render(audit=audit, measures=MEASURES, style=style("matrix.css"), policy=policy(""))


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
