"""Artefacts of a run: named by their content in every specification, recorded in the plan, and what they have seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from earnest.artefacts import Artefact, load, pinned
from earnest.audio import Manifest
from earnest.audio.splits import keys_seen, seen_in
from earnest.models.access import Model
from earnest.records import Item
from earnest.registry import parse_spec


def canonical(spec: str) -> str:
    """A specification in its canonical form, its artefact named by SHA-256; that artefact is loaded and checked."""
    return str(pinned(parse_spec(spec), load)[0])


def artefacts_of(specs: Iterable[str], model: Model) -> dict[str, Artefact]:
    """What canonical specifications and a model refer to, by SHA-256."""
    found = [pinned(parse_spec(spec), load)[1] for spec in specs]
    held = [one for one in found if one is not None] + [load(sha) for sha in model.artefacts]
    return {artefact.sha: artefact for artefact in held}


def recorded(artefacts: Mapping[str, Artefact]) -> dict[str, dict[str, Any]]:
    """What a plan records: kind, specification and facts of each, by SHA-256."""
    return {sha: {"kind": one.kind, "spec": one.spec, "about": one.brief} for sha, one in sorted(artefacts.items())}


def rows_seen(artefacts: Iterable[Artefact]) -> frozenset[str]:
    """SHA-256 of the clips that were fitted on."""
    return frozenset(str(row) for artefact in artefacts for row in _listed(artefact.about, "rows"))


def seen_samples(data: Manifest, artefacts: Iterable[Artefact]) -> frozenset[str]:
    """Ids of the rows of which an artefact has seen the speaker or the text."""
    splits = [split for artefact in artefacts if isinstance(split := artefact.about.get("split"), dict)]
    seen = [keys_seen(split) for split in splits]
    return (
        frozenset(entry.id for entry in data.entries if any(seen_in(entry, one) for one in seen))
        if seen
        else frozenset()
    )


def is_seen(item: Item, samples: frozenset[str]) -> bool:
    """Whether an item is made of such a row; one of several rows if any of them is."""
    return bool(samples) and any(name in samples for name in (item.sample, *item.sample.split("+")))


def _listed(about: Mapping[str, Any], name: str) -> list[Any]:
    value = about.get(name)
    return value if isinstance(value, list) else []
