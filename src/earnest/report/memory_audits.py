"""Audits of a model's memory that lie in its run folder: what `earnest privacy audit --out RUN` and `extract --out RUN` wrote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from earnest.errors import BadData
from earnest.report import extraction, membership
from earnest.run_folder import read_form


@dataclass(frozen=True, kw_only=True)
class MemoryAudit:
    """One audit as the report shows it.

    Parameters
    ----------
    title, sentence, threat_model : str
    figures : tuple of (str, str)
        Names of figures, and each with interval and n.
    page : str
        Name of its own page in the folder.
    """

    title: str
    sentence: str
    threat_model: str
    figures: tuple[tuple[str, str], ...]
    page: str


def memory_audits(folder: Path, *, model: str) -> list[MemoryAudit]:
    """The audits of this model in a folder; none of another model, and none that cannot be read."""
    return [audit for name, audit in _read(folder) if name == model]


def _read(folder: Path) -> Iterator[tuple[str, MemoryAudit]]:
    try:
        told = read_form(folder / membership.FILE, membership.MembershipFile, called="an audit")
        yield (
            told.model,
            MemoryAudit(
                title="Membership in the training set",
                sentence=told.sentence,
                threat_model=told.threat_model,
                figures=tuple((f"area of {one.attack}, 0.5 is chance", membership.shown(one)) for one in told.attacks),
                page=membership.PAGE,
            ),
        )
    except (BadData, OSError):
        pass
    try:
        given = read_form(folder / extraction.FILE, extraction.ExtractionFile, called="an extraction")
        yield (
            given.model,
            MemoryAudit(
                title="Extraction of the training set",
                sentence=given.sentence,
                threat_model=given.threat_model,
                figures=tuple(
                    (f"{one.measure}, {extraction.side(one.members)}", extraction.rate(one)) for one in given.rates
                ),
                page=extraction.PAGE,
            ),
        )
    except (BadData, OSError):
        pass
