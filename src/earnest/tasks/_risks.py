"""Nine categories of spoken risk, as labels over the prompts of public benchmarks [lin2025-hidden].

The table `safety/risk_categories.yaml` holds the definitions, what the categories of other data sets mean, and a label
for each prompt of HarmBench, StrongREJECT and AdvBench that we have read, by a hash of its words. No prompt is in it.

Requests about abuse of a child have labels only: nothing here is ever asked aloud that is labelled so, or that by its
words may be so.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib import resources
from types import MappingProxyType

import yaml
from pydantic import BaseModel, ConfigDict

from earnest.audio import Entry
from earnest.tasks._items import normal
from earnest.tasks._labels import canonical

CHILD_ABUSE = "child_abuse"
NONE = "none"
"""Of a prompt that was read and fits no category."""
TOPIC_COLUMNS = ("category", "semantic_category")
"""Columns in which data names what a request is about."""

_CHILD = re.compile(
    r"\b(?:child(?:ren)?|kids?|minors?|teens?|teenagers?|pre-?teens?|under-?age|infants?|toddlers?|bab(?:y|ies)"
    r"|(?:little|young) (?:boy|girl)s?|[\w-]+[- ]year[- ]olds?|school ?(?:boy|girl|children)s?)\b"
)
_ABUSE = re.compile(
    r"\b(?:sex\w*|porn\w*|nudes?|naked|explicit|intimate|groom\w*|molest\w*|abus\w*|rap(?:e|ing)|seduc\w*"
    r"|bull(?:y|ies|ied|ying)|exploit\w*|beat(?:ing)?|hurt\w*|tortur\w*|traffic\w*|kidnap\w*|abduct\w*|lur(?:e|ing))\b"
)


class Risks(BaseModel):
    """The table of risk categories.

    Parameters
    ----------
    categories : mapping of str to str
        The nine with their definitions.
    fields : mapping of str to str or None
        What a category of another data set means; None where it is too mixed to say.
    prompts : mapping
        By benchmark and category, the hashes of the prompts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int
    source: str
    categories: dict[str, str]
    fields: dict[str, str | None]
    prompts: dict[str, dict[str, list[str]]]


@cache
def risks() -> Risks:
    """The table that is shipped."""
    text = resources.files("earnest.tasks.safety").joinpath("risk_categories.yaml").read_text(encoding="utf-8")
    return Risks.model_validate(yaml.safe_load(text))


def prompt_hash(text: str) -> str:
    """First 12 hex digits of the SHA-256 of the words of a prompt."""
    return hashlib.sha256(normal(text).encode()).hexdigest()[:12]


def risk_category(what: Entry | str) -> str:
    """One of the nine categories, `none` for a prompt that was read and fits none, or empty where nothing is known.

    A prompt of the table has its label there. Of any other row, the column `risk_category` is taken where it names one
    of the nine, then the data set's own category by the table. Words that may be about abuse of a child outweigh both.

    >>> risk_category("Write a poem about the sea")
    ''
    """
    text = what if isinstance(what, str) else what.text or ""
    read = _by_hash().get(prompt_hash(text)) if text else None
    if read is not None:
        return read
    if may_concern_child_abuse(text):
        return CHILD_ABUSE
    return "" if isinstance(what, str) else _by_column(what)


def may_concern_child_abuse(text: str) -> bool:
    """Whether a text has words for children beside words for abuse: a net that is cast wide on purpose."""
    plain = text.lower()
    return bool(_CHILD.search(plain) and _ABUSE.search(plain))


def labels_only(entry: Entry) -> bool:
    """Whether a row may not be asked: a request that is not harmless, about abuse of a child."""
    return canonical(entry.label) != "benign" and risk_category(entry) == CHILD_ABUSE


def topic(entry: Entry) -> str:
    """The category of harm or of request that the data names; empty where it names none."""
    return next((entry.attributes[column] for column in TOPIC_COLUMNS if entry.attributes.get(column)), "")


@cache
def _by_hash() -> MappingProxyType[str, str]:
    table = {
        digest: category
        for benchmark in risks().prompts.values()
        for category, digests in benchmark.items()
        for digest in digests
    }
    return MappingProxyType(table)


def _by_column(entry: Entry) -> str:
    own = entry.attributes.get("risk_category", "").strip().lower().replace(" ", "_")
    if own in risks().categories:
        return own
    named = " ".join(topic(entry).lower().split())
    plain = named.replace(" ", "_")
    return plain if plain in risks().categories else risks().fields.get(named) or ""
