"""A work of the literature, and how the works shipped here are read.

A work's key is `<surname><year>-<word>`: the first author's surname, the year of first publication, a word of the
title. Code names the work that it follows by this key (`source = "madry2017-pgd"`).
"""

from __future__ import annotations

import datetime
from functools import cache
from importlib import resources
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from earnest.errors import BadData, UnknownName

Kind = Literal["attack", "defence", "benchmark", "dataset", "metric", "survey", "toolkit", "model", "method"]


class Ids(BaseModel):
    """Where a work can be found; every id is a string."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    arxiv: str | None = Field(default=None, pattern=r"^\d{4}\.\d{4,5}$")
    doi: str | None = Field(default=None, pattern=r"^10\.\d{4,9}/\S+$")
    isbn: str | None = None
    url: str | None = Field(default=None, pattern=r"^https://")


class Work(BaseModel):
    """One work of the literature."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z]+\d{4}-[a-z0-9]+$", description="`<surname><year>-<word>`.")
    title: str = Field(min_length=3)
    issued: datetime.date | int = Field(description="Date of first publication, or the year where no more is known.")
    kind: Kind
    ids: Ids = Ids()
    note: str = Field(default="", description="What is not certain about the entry.")

    @property
    def year(self) -> int:
        """Year of first publication."""
        return self.issued if isinstance(self.issued, int) else self.issued.year


@cache
def works() -> dict[str, Work]:
    """Every work shipped, by key.

    Raises
    ------
    BadData
        If files are wrong; all of them are named.
    """
    found: dict[str, Work] = {}
    faults: list[str] = []
    for year in sorted(resources.files("earnest.catalogue").joinpath("works").iterdir(), key=lambda folder: folder.name):
        for file in sorted(year.iterdir(), key=lambda file: file.name) if year.is_dir() else ():
            try:
                work = Work.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
            except (yaml.YAMLError, ValidationError) as error:
                faults.append(f"{year.name}/{file.name}: {error}")
                continue
            if (f"{work.id}.yaml", str(work.year)) != (file.name, year.name):
                faults.append(f"{year.name}/{file.name}: holds {work.id} of {work.year}; move it to {work.year}/{work.id}.yaml")
            found[work.id] = work
    if faults:
        raise BadData("the catalogue has faulty works; mend these files", faults)
    return found


def keys() -> list[str]:
    """Every key, sorted."""
    return sorted(works())


def load(key: str) -> Work:
    """The work called `key`.

    Raises
    ------
    UnknownName
        If the catalogue has no such work.
    """
    try:
        return works()[key]
    except KeyError as error:
        raise UnknownName(f"the catalogue has no work {key!r}; add works/<year>/{key}.yaml") from error
