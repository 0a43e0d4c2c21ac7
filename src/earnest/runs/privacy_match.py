"""`earnest privacy match`: members and non-members that differ by nothing but membership, as two data sets."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from earnest.audio import Manifest
from earnest.audio.converting import convert
from earnest.audio.entry import Entry
from earnest.errors import BadAudio, BadData
from earnest.models.access import rng_for
from earnest.privacy.blind import Features, features_of
from earnest.privacy.matching import CALIPER, drawn_sides, matched_pairs

Progress = Callable[[str, int, int, float], None]


@dataclass(frozen=True, kw_only=True)
class Matched:
    """Two data sets that were written, and what was left out.

    Parameters
    ----------
    members, nonmembers : Path
    n_pairs : int
    n_left_members, n_left_nonmembers : int
        Rows without a counterpart; of one set that was divided all are counted in the first.
    unread : tuple of str
        Rows whose recording could not be read, which are left out too.
    mean_distance : float or None
        Of the pairs of two given sets.
    """

    members: Path
    nonmembers: Path
    n_pairs: int
    n_left_members: int
    n_left_nonmembers: int
    unread: tuple[str, ...]
    mean_distance: float | None


def match(
    data: str | Path,
    out: str | Path,
    *,
    nonmembers: str | Path | None = None,
    caliper: float = CALIPER,
    seed: int = 0,
    progress: Progress | None = None,
) -> Matched:
    """Divide a data set into members and non-members, or keep of two sets what has a counterpart.

    Parameters
    ----------
    data : path
        The set to be divided before a training, or the members.
    out : path
        A new folder, in which `members` and `nonmembers` are written.
    nonmembers : path or None
        The non-members, where the training is over.

    Raises
    ------
    BadData
        If nothing matches, or the folder holds something.
    """
    first, out = Manifest.read(data), Path(out)
    second = Manifest.read(nonmembers) if nonmembers is not None else None
    rows, features, unread = _heard([*first, *(second or ())], progress)
    n_first = sum(id(row) in {id(entry) for entry in first} for row in rows)
    distance = None
    if second is None:
        inside, outside, alone = drawn_sides(rows, features, rng=rng_for(seed, "sides"))
        chosen, other, left = [rows[k] for k in inside], [rows[k] for k in outside], (len(alone), 0)
    else:
        pairs = matched_pairs(rows[:n_first], rows[n_first:], features, caliper=caliper)
        chosen, other = [rows[pair.first] for pair in pairs], [rows[n_first + pair.second] for pair in pairs]
        left = (n_first - len(pairs), len(rows) - n_first - len(pairs))
        distance = sum(pair.distance for pair in pairs) / len(pairs)
    convert(replace(first, entries=tuple(chosen)), out / "members")
    convert(replace(second or first, entries=tuple(other)), out / "nonmembers")
    return Matched(
        members=out / "members",
        nonmembers=out / "nonmembers",
        n_pairs=len(chosen),
        n_left_members=left[0],
        n_left_nonmembers=left[1],
        unread=unread,
        mean_distance=distance,
    )


def _heard(entries: Sequence[Entry], progress: Progress | None) -> tuple[list[Entry], list[Features], tuple[str, ...]]:
    rows: list[Entry] = []
    features: list[Features] = []
    unread, begun = [], time.monotonic()
    for place, entry in enumerate(entries, 1):
        try:
            features.append(features_of(entry.clip(), entry.text or ""))
            rows.append(entry)
        except BadAudio as error:
            unread.append(f"{entry.id}: {error}")
        if progress is not None:
            progress("features", place, len(entries), time.monotonic() - begun)
    if not rows:
        raise BadData(f"recordings must be readable to be matched, got none of {len(entries)}; see {unread[0]}")
    return rows, features, tuple(unread)
