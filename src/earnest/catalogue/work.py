"""A work of the literature, and how the works shipped here are read.

A work's key is `<surname><year>-<word>`: the first author's surname (where nobody could verify the authors, the name of
the work), the year of first publication, one or more words of the title. It is never used again for another work. Code
names the work that it follows by this key (`source = "madry2017-pgd"`).

Facts (title, authors, ids, dates) stand apart from judgements (pillars, threat, what runs here). What could not be
verified is said so, and nothing is guessed: `authors: unverified`, `checked.status: unverified`.
"""

from __future__ import annotations

import datetime
import re
from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from earnest.errors import BadData, UnknownName

OWN = "earnest2026-toolkit"
"""The entry for earnest itself, which a component without a paper of its own names; it lists no components back."""

Kind = Literal["attack", "defence", "benchmark", "dataset", "metric", "survey", "toolkit", "model", "method", "study"]
"""What a work gives: `model` is a model report, `method` anything else that can be built, `study` a measurement."""

Pillar = Literal[
    "fairness",
    "hallucination",
    "safety",
    "privacy",
    "robustness",
    "authentication",
    "interpretability",
    "security",
    "deepfake",
    "general",
]
"""A pillar of `earnest.pillars`, or `general`: general capability, no matter of trust."""

Access = Literal["none", "black_box", "scores", "grey_box", "white_box", "training_data", "any"]
Channel = Literal["digital", "over_the_air", "text", "training_data", "network", "any"]
Goal = Literal[
    "jailbreak",
    "prompt_injection",
    "targeted_output",
    "untargeted_error",
    "denial_of_service",
    "backdoor",
    "impersonation",
    "evasion_of_detection",
    "inference_of_attributes",
    "membership_inference",
    "extraction",
    "tracking",
    "none",
]
Fidelity = Literal["reimplemented", "adapted", "inspired"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Ids(_Strict):
    """Where a work can be found; every id is a string."""

    arxiv: str | None = Field(default=None, pattern=r"^\d{4}\.\d{4,5}$", description="Without version.")
    doi: str | None = Field(default=None, pattern=r"^10\.\d{4,9}/\S+$")
    openreview: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{8,14}$")
    acl: str | None = Field(default=None, pattern=r"^[A-Z0-9][A-Za-z0-9.-]+$", description="ACL Anthology.")
    isbn: str | None = None
    url: str | None = Field(default=None, pattern=r"^https://", description="Where it has no other id.")

    @property
    def link(self) -> str | None:
        """The canonical address."""
        if self.arxiv:
            return f"https://arxiv.org/abs/{self.arxiv}"
        if self.doi:
            return f"https://doi.org/{self.doi}"
        if self.openreview:
            return f"https://openreview.net/forum?id={self.openreview}"
        return f"https://aclanthology.org/{self.acl}" if self.acl else self.url


class Threat(_Strict):
    """Against whom a work defends, or as whom it attacks; access and goal `none` without an attack."""

    access: Access
    channel: tuple[Channel, ...] = Field(min_length=1)
    goal: tuple[Goal, ...] = Field(min_length=1)
    atlas: tuple[str, ...] = Field(default=(), description="MITRE ATLAS technique ids, as `AML.T0054`.")
    owasp: tuple[str, ...] = Field(default=(), description="OWASP Top 10 for LLM applications, as `LLM01:2026`.")


class Modality(_Strict):
    """What goes into the model that is looked at, and what comes out."""

    input: tuple[Literal["speech", "sound", "music", "audio", "text", "image", "video"], ...] = ()
    output: tuple[Literal["text", "speech", "sound", "music", "audio", "label", "score"], ...] = ()


class Artefact(_Strict):
    """What the authors give away."""

    what: Literal["code", "data", "weights", "demo", "page"]
    url: str = Field(pattern=r"^https://")
    licence: str = Field(
        description="SPDX id where there is one; `unknown`: it was not looked up; `none`: none is stated."
    )
    note: str = ""


class Claim(_Strict):
    """A number that the work reports."""

    metric: str = Field(description="In the field's words; an attack's success is `attack_success_rate`.")
    value: float
    unit: str = Field(description="`fraction`, `percent`, `dB`, `items`, `hours`, ...")
    where: str = Field(description="Place in the work: `Table 2`, `abstract`.")
    of: str = Field(default="", description="Of which model, on which data.")
    read: Literal["full_text", "abstract", "notes", "code", "memory"] = Field(
        description="What was read to write this down; `notes` and `memory` must be checked before they are quoted."
    )


class NotFound(_Strict):
    """What was looked for and was not there: a statement about a search, which is true for a while only."""

    what: Literal["work", "link", "code", "authors", "result"] = Field(
        description="`work`: no trace of the work itself; `code`: code, data or weights of the authors; `result`: a number."
    )
    where: tuple[str, ...] = Field(
        min_length=1, description="What was searched or read, so that it can be searched again."
    )
    date: datetime.date = Field(description="When.")
    until: datetime.date = Field(description="From this day on the lint asks for the search to be repeated.")

    @model_validator(mode="after")
    def _in_order(self) -> NotFound:
        if self.until <= self.date:
            raise ValueError(f"`until` must be after `date`, got {self.until} and {self.date}")
        return self


class CouldRun(_Strict):
    """What of a work could run here, and what is missing."""

    what: str = Field(min_length=10, description="The part of it that could run, in a sentence without an end.")
    uses: tuple[str, ...] = Field(default=(), description="Components here that it would use: `attacks/pgd`.")
    missing: str = Field(min_length=10, description="What is missing: a component, weights, data, a budget.")

    @field_validator("uses")
    @classmethod
    def _components(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not re.fullmatch(r"[a-z]+/[a-z0-9_]+", name):
                raise ValueError(f"a component is written <registry>/<name>, got {name!r}")
        return names


class Listing(_Strict):
    """A list of the field that carries the work."""

    name: str
    topic: str
    commit: str = ""
    rows: tuple[int, ...] = Field(default=(), description="Running numbers in the imported table.")


class Checked(_Strict):
    """What was verified of the entry, when and how."""

    date: datetime.date | None = None
    status: Literal["verified", "partly", "unverified"] = "unverified"
    how: tuple[str, ...] = Field(default=(), description="`id and title against another list`, `full text read`, ...")
    note: str = ""


class Runs(_Strict):
    """Code here that follows the work."""

    component: str = Field(pattern=r"^[a-z]+/[a-z0-9_]+$", description="`<registry>/<name>`: `attacks/pgd`.")
    fidelity: Fidelity
    status: Literal["tested", "experimental"] = "tested"
    differs: str = Field(default="", description="Where it departs from the work.")
    command: str = Field(default="", description="What runs it; empty: what the catalogue writes for its registry.")


class DataFacts(_Strict):
    """What must be known before a dataset or benchmark is used."""

    licence: str = Field(description="SPDX id or name; `unknown` where it was not found; `none` where none is stated.")
    size: str = Field(default="", description="In its own units: `1,495 prompts`, `960 h`.")
    consent: str = Field(default="", description="What is known of the speakers' consent.")
    languages: tuple[str, ...] = ()
    read_by: str = Field(
        default="", description="How earnest reads it: a suite, a manifest, a loader; empty: it does not."
    )


class Work(_Strict):
    """One work of the literature."""

    id: str = Field(pattern=r"^[a-z][a-z0-9]*\d{4}-[a-z0-9]+(-[a-z0-9]+)*$", description="`<surname><year>-<word>`.")
    title: str = Field(min_length=3)
    also_titled: tuple[str, ...] = Field(default=(), description="Former and other titles.")
    known_as: tuple[str, ...] = Field(
        default=(), description="Short names, and names of the technique, that people search: `HIN`, `voiceprint`."
    )
    authors: tuple[str, ...] | Literal["unverified"] = Field(
        default="unverified", description="`Given Family`, in the work's order; `unverified` where nobody looked."
    )
    issued: datetime.date | int = Field(description="Date of first publication, or the year where no more is known.")
    date_note: str = Field(default="", description="Why the date and the arXiv month differ, where they do.")
    added: datetime.date | None = Field(
        default=None, description="Day it came into the catalogue; None: the day of its first and only check."
    )
    venue: str = ""
    kind: tuple[Kind, ...] = Field(min_length=1, description="What it gives, the most important first.")
    pillars: tuple[Pillar, ...] = Field(default=(), description="Empty for tools of statistics and signal processing.")
    topics: tuple[str, ...] = Field(default=(), description="Keys of `earnest.catalogue.taxonomy.TOPICS`.")
    methods: tuple[str, ...] = Field(
        default=(), description="How it works: keys of `earnest.catalogue.taxonomy.METHODS`."
    )
    trust: bool = Field(default=False, description="Whether it is about trust in audio models, as against tools of it.")
    threat: Threat | None = None
    modality: Modality = Modality()
    ids: Ids = Ids()
    artefacts: tuple[Artefact, ...] = ()
    artefacts_note: str = Field(default="", description="Why there is none: `none was seen in what was read`.")
    claims: tuple[Claim, ...] = ()
    claims_note: str = Field(default="", description="Why there is no claim: `could not be read`.")
    sizes: tuple[Claim, ...] = Field(
        default=(), description="How large it is: models, clips, hours. A size is no result."
    )
    not_found: tuple[NotFound, ...] = Field(default=(), description="What was looked for in vain, where, and when.")
    data: DataFacts | None = None
    runs_in_earnest: tuple[Runs, ...] = ()
    could_run: CouldRun | None = Field(default=None, description="Of a work that does not run here, or not wholly.")
    lists: tuple[Listing, ...] = ()
    near: tuple[str, ...] = Field(default=(), description="Keys of works with a like title that are other works.")
    builds_on: tuple[str, ...] = Field(
        default=(), description="Keys of works that it cites and uses, as far as that was read."
    )
    replaced_by: tuple[str, ...] = Field(
        default=(), description="Keys of its successors: a next edition, a corrected method."
    )
    checked: Checked = Checked()
    note: str = Field(default="", description="What a reader must know of the entry.")

    @field_validator("kind", mode="before")
    @classmethod
    def _several(cls, kind: Any) -> Any:
        return (kind,) if isinstance(kind, str) else kind

    @property
    def year(self) -> int:
        """Year of first publication."""
        return self.issued if isinstance(self.issued, int) else self.issued.year

    @property
    def entered(self) -> datetime.date | None:
        """Day it came into the catalogue, as far as its entry tells."""
        return self.added or self.checked.date


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
    for year in sorted(
        resources.files("earnest.catalogue").joinpath("works").iterdir(), key=lambda folder: folder.name
    ):
        for file in sorted(year.iterdir(), key=lambda file: file.name) if year.is_dir() else ():
            try:
                work = Work.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
            except (yaml.YAMLError, ValidationError) as error:
                faults.append(f"{year.name}/{file.name}: {error}")
                continue
            if (f"{work.id}.yaml", str(work.year)) != (file.name, year.name):
                faults.append(
                    f"{year.name}/{file.name}: holds {work.id} of {work.year}; move it to {work.year}/{work.id}.yaml"
                )
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
