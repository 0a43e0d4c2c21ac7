"""Rows for fitting and rows for testing: by the column `split`, or drawn by cluster of speaker and text.

Two rows are of one cluster if they share a speaker or a text. A test on rows of a cluster that was fitted on tells how
well somebody remembers, so that clusters are never parted by a draw, and an artefact carries digests of the speakers and
texts that it has seen. Names of speakers are taken to mean the same person in every data set: where two sets have a
speaker `1` each, a row too many is called seen, which is said and loses a row, where the opposite mistake loses the truth.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from earnest.audio.manifest import Entry, Manifest
from earnest.errors import BadData

COLUMNS = ("speaker", "text")
"""Columns whose values make clusters."""
DRAWN = ("train", "test")
"""The two halves that are drawn where there is no column `split`."""
LARGEST = 2 / 3
"""Largest share of the rows that one cluster may have in a draw; else fewer columns make the clusters."""
CROSSED = 0.5
"""Where the rows outside a split share a column's values with more than this share of them, the split runs across that column."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Some of a data set's rows, to fit on, and the others.

    Parameters
    ----------
    name : str
    rows, rest : tuple of Entry
    how : {"column", "drawn", "all"}
    apart_by : tuple of str
        Columns whose values make the clusters that count as seen.
    seed : int or None
        Of the draw.
    note : str
        What a reader must know: values that both sides share.
    """

    name: str
    rows: tuple[Entry, ...]
    rest: tuple[Entry, ...]
    how: Literal["column", "drawn", "all"]
    apart_by: tuple[str, ...]
    seed: int | None = None
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """The split as an artefact carries it: how it was made, and digests of what was seen."""
        seen = {f"{column}s": sorted(keys(self.rows, column)) for column in self.apart_by}
        facts = {
            "name": self.name,
            "how": self.how,
            "apart_by": list(self.apart_by),
            "seed": self.seed,
            "note": self.note,
        }
        return {**facts, "n_rows": len(self.rows), "n_rest": len(self.rest), **seen}


def split_of(data: Manifest, name: str, *, seed: int = 0) -> Split:
    """The rows of the split called `name`.

    Where rows have the column `split`, those with that value. Otherwise `train` and `test` are drawn from the seed: whole
    clusters, so that labels are as even as they allow. `all` takes every row.

    Raises
    ------
    BadData
        If there is no such split, or all rows are of one cluster, so that nothing can be drawn.
    """
    values = Counter(str(value) for entry in data if (value := entry.value("split")))
    if name == "all" and name not in values:
        return Split(name=name, rows=data.entries, rest=(), how="all", apart_by=_there(data.entries))
    if values:
        if name not in values:
            raise BadData(
                f"a row of {data.folder} must have split={name!r}, got {', '.join(sorted(values))}; name one of them, or `all`"
            )
        rows, rest = _parted(data.entries, lambda entry: str(entry.value("split")) == name)
        apart_by, note = _kept_apart(rows, rest)
        return Split(name=name, rows=rows, rest=rest, how="column", apart_by=apart_by, note=note)
    if name not in DRAWN:
        raise BadData(
            f"without a column split, the splits are {', '.join(DRAWN)} and all, got {name!r}; add the column, or name one of them"
        )
    groups, apart_by, note = _drawable(data)
    train = _drawn(groups, seed=seed)
    rows, rest = _parted(data.entries, lambda entry: (entry.id in train) is (name == "train"))
    return Split(name=name, rows=rows, rest=rest, how="drawn", apart_by=apart_by, seed=seed, note=note)


def with_rows(split: Split, more: Sequence[Entry], *, of: str) -> Split:
    """The split with further rows of another data set to fit on.

    Those that share a speaker or a text with the rows outside the split are left out, which the note says, so that what was
    kept for testing stays unseen. Ids begin with the name of their data set.

    Parameters
    ----------
    more : sequence of Entry
    of : str
        Name of the data set that they are from.

    Raises
    ------
    BadData
        If no row is left.
    """
    kept_out = {column: frozenset(keys(split.rest, column)) for column in split.apart_by or COLUMNS}
    rows = tuple(entry.model_copy(update={"id": f"{of}/{entry.id}"}) for entry in more if not seen_in(entry, kept_out))
    if not rows:
        raise BadData(
            f"further rows must share no speaker and no text with the rows outside the split {split.name}, and every one of the "
            f"{len(more)} rows of {of} does; name another folder"
        )
    left_out = len(more) - len(rows)
    note = f"{len(rows)} rows of {of} were added" + (
        f", {left_out} left out that share a speaker or a text with rows outside the split" if left_out else ""
    )
    apart_by = split.apart_by if split.rest else _there((*split.rows, *rows))
    return replace(
        split, rows=(*split.rows, *rows), apart_by=apart_by, note="; ".join(part for part in (split.note, note) if part)
    )


def key(entry: Entry, column: str) -> str | None:
    """Digest of a row's speaker or text, whatever its case and punctuation; None where it has none."""
    value = entry.value(column)
    plain = " ".join(re.findall(r"\w+", str(value or "").casefold()))
    return hashlib.sha256(f"{column}\x1f{plain}".encode()).hexdigest()[:32] if plain else None


def keys(rows: Iterable[Entry], column: str) -> set[str]:
    """The digests of all speakers, or all texts, of some rows."""
    return {found for entry in rows if (found := key(entry, column)) is not None}


def clusters(rows: Sequence[Entry], columns: Sequence[str] = COLUMNS) -> dict[str, int]:
    """The cluster of each row by its id: rows that share a value in one of the columns, directly or through others.

    A row without any of them is a cluster of its own.
    """
    parents = list(range(len(rows)))

    def root(place: int) -> int:
        while parents[place] != place:
            parents[place] = parents[parents[place]]
            place = parents[place]
        return place

    first: dict[tuple[str, str], int] = {}
    for place, entry in enumerate(rows):
        for column in columns:
            if (value := key(entry, column)) is not None:
                parents[root(place)] = root(first.setdefault((column, value), place))
    return {entry.id: root(place) for place, entry in enumerate(rows)}


def keys_seen(split: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Digests of the speakers and of the texts that were seen, as `Split.as_json` tells of them; what is none is left out."""
    columns = split.get("apart_by")
    counted = [column for column in COLUMNS if isinstance(columns, list) and column in columns]
    listed = {column: split.get(f"{column}s") for column in counted}
    return {column: frozenset(map(str, values)) for column, values in listed.items() if isinstance(values, list)}


def seen_in(entry: Entry, seen: Mapping[str, frozenset[str]]) -> bool:
    """Whether a row shares a speaker or a text with those of `keys_seen`."""
    return any(key(entry, column) in values for column, values in seen.items())


def is_seen(entry: Entry, split: Mapping[str, Any]) -> bool:
    """Whether a row shares a speaker or a text with what was seen, as `Split.as_json` tells of it."""
    return seen_in(entry, keys_seen(split))


def _there(rows: Iterable[Entry]) -> tuple[str, ...]:
    return tuple(column for column in COLUMNS if keys(rows, column))


def _parted(entries: Sequence[Entry], chosen: Any) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    rows = tuple(entry for entry in entries if chosen(entry))
    inside = {entry.id for entry in rows}
    return rows, tuple(entry for entry in entries if entry.id not in inside)


def _kept_apart(rows: Sequence[Entry], rest: Sequence[Entry]) -> tuple[tuple[str, ...], str]:
    """By which columns a split of the data's own keeps rows apart, and what it does not.

    A few shared speakers are a leak, and their rows count as seen. Where most rows share them (every digit is in every split),
    the split runs across that column on purpose; the other one decides, and where there is no other, it counts all the same.
    """
    columns = _there(rows)
    shared = {column: _share(rest, keys(rows, column), column) for column in columns}
    kept = tuple(column for column in columns if shared[column] <= CROSSED) or columns[:1]
    told = [
        f"{shared[column]:.0%} of the rows outside share a {column} with it, which {'counts' if column in kept else 'does not count'} as seen"
        for column in columns
        if shared[column]
    ]
    return kept, "; ".join(told)


def _share(rows: Sequence[Entry], values: set[str], column: str) -> float:
    return sum(key(entry, column) in values for entry in rows) / len(rows) if rows else 0.0


def _drawable(data: Manifest) -> tuple[list[list[Entry]], tuple[str, ...], str]:
    """Clusters that can be drawn: by both columns, or else by one, which is said."""
    there = _there(data.entries)
    for columns in dict.fromkeys((there, there[:1], there[1:])):
        found = clusters(data.entries, columns)
        groups = _grouped(data, found)
        if len(groups) < 2 or (columns and max(map(len, groups)) > LARGEST * len(data)) or (there and not columns):
            continue
        crossed = [column for column in there if column not in columns]
        note = f"a {' or '.join(crossed)} may be on both sides, which does not count as seen: {' and '.join(there)} cannot be parted together"
        return groups, columns, note if crossed else ""
    raise BadData(
        f"the rows of {data.folder} share one speaker or one text, so that none can be drawn apart; add a column split, or fit on `all`"
    )


def _grouped(data: Manifest, cluster_of: Mapping[str, int]) -> list[list[Entry]]:
    groups: dict[int, list[Entry]] = {}
    for entry in data:
        groups.setdefault(cluster_of[entry.id], []).append(entry)
    return list(groups.values())


def _drawn(groups: Sequence[Sequence[Entry]], *, seed: int) -> set[str]:
    """Ids of the half to fit on: clusters in an order of the seed, each put where it evens out labels most."""

    def place(group: Sequence[Entry]) -> str:
        return hashlib.sha256(f"{seed}\x1f{min(entry.id for entry in group)}".encode()).hexdigest()

    total = Counter(entry.label or "" for group in groups for entry in group)
    ahead: Counter[str] = Counter()  # rows of each label in `train` less those in `test`
    train: set[str] = set()
    # a tie goes to the smaller half, so that neither stays empty
    for group in sorted(groups, key=lambda group: (-len(group), place(group))):
        labels = Counter(entry.label or "" for entry in group)
        gain = sum((abs(ahead[name] + n) - abs(ahead[name] - n)) / total[name] for name, n in labels.items())
        lead = sum(ahead.values())
        joins = gain < 0 or (gain == 0 and (lead < 0 or (lead == 0 and int(place(group), 16) % 2 == 0)))
        train |= {entry.id for entry in group} if joins else set()
        for name, n in labels.items():
            ahead[name] += n if joins else -n
    return train
