"""Published results of detectors and verifiers, shown beside a user's own.

They are of the benchmark's own split, by its own protocol, and without an interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from earnest.run_folder import read_text


class PublishedScore(BaseModel):
    """One published number of one system."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    benchmark: str
    split: str
    system: str
    metric: str
    value: float = Field(description="A fraction or a cost, never percent.")
    source: str = Field(description="Catalogue key.")
    where: str


@cache
def published_scores() -> tuple[PublishedScore, ...]:
    """Every published result that is kept here."""
    text = read_text(Path(__file__).with_suffix(".yaml"))
    return tuple(TypeAdapter(list[PublishedScore]).validate_python(yaml.safe_load(text)))


def published_beside(benchmarks: Sequence[str], *, metric: str) -> str:
    """What was published on the one benchmark that all rows are of, in words; empty where nothing was, or rows are of several.

    >>> published_beside(["ASVspoof 5"], metric="equal_error_rate")
    'published on ASVspoof 5: AASIST 0.152 (dev) [wang2024-asvspoof5]'
    """
    names = set(benchmarks)
    if len(names) != 1:
        return ""
    (name,) = names
    rows = [one for one in published_scores() if (one.benchmark, one.metric) == (name, metric)]
    told = ", ".join(f"{one.system} {one.value:g} ({one.split}) [{one.source}]" for one in rows)
    return f"published on {name}: {told}" if told else ""
