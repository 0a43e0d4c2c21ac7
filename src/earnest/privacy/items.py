"""Recordings that a model may have been trained on, beside others that it was not: what every attack on memory is given.

The two sides must be two sets. A recording on both is no evidence of anything, a side of one speaker says nothing of
others, and both are refused with the names of the rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip, Stimulus
from earnest.audio.entry import Entry
from earnest.audio.splits import key
from earnest.errors import BadAudio, BadData, EarnestError, ModelFailed
from earnest.models.access import Model, TokenScores

LEAST = 10
"""Items on a side; fewer separate by chance too often to say anything."""
BATCH = 16


@dataclass(frozen=True, kw_only=True)
class AuditItem:
    """A recording, what is asked of it, and the answer that training would have taught.

    Parameters
    ----------
    entry : Entry
        The row; its clip is decoded when it is asked for.
    member : bool
        Whether the model was trained on it.
    prompt : str
    answer : str
        What the model was, or would have been, trained to answer: of transcription the text.
    """

    entry: Entry
    member: bool
    prompt: str
    answer: str

    @property
    def id(self) -> str:
        """The row's id."""
        return self.entry.id

    @property
    def side(self) -> str:
        """`member` or `non-member`, for a message."""
        return "member" if self.member else "non-member"

    def stimulus(self, clip: AudioClip | None = None) -> Stimulus:
        """The question, on another clip where one is given."""
        return Stimulus(clips={"speech": clip or self.entry.clip()}, prompt=self.prompt)


@dataclass(frozen=True, kw_only=True)
class Unscored:
    """An item that has no score, its side, and why."""

    id: str
    member: bool
    reason: str


def items_of(
    members: Iterable[Entry], nonmembers: Iterable[Entry], *, prompt: str, answer: str = ""
) -> tuple[AuditItem, ...]:
    """Items of two sets of rows.

    Parameters
    ----------
    prompt : str
        What is asked of rows without a column `prompt`.
    answer : str
        Column of the answers; empty takes `answer` where a set has it, and the text where it has not.

    Raises
    ------
    BadData
        If a row has no answer; all such rows are named.
    """
    sides = (tuple(members), tuple(nonmembers))
    column = answer or ("answer" if any(entry.value("answer") for side in sides for entry in side) else "text")
    items, faults = [], []
    for side, member in zip(sides, (True, False), strict=True):
        for entry in side:
            wanted = str(entry.value(column) or "").strip()
            if not wanted:
                faults.append(
                    f"{'member' if member else 'non-member'} {entry.id!r} has nothing in the column {column!r}"
                )
            items.append(
                AuditItem(entry=entry, member=member, prompt=str(entry.value("prompt") or prompt), answer=wanted)
            )
    if faults:
        raise BadData(
            f"an audit needs the answer that each recording was trained with, got {len(faults)} rows without; fill the "
            "column, or name another with --answer",
            faults,
        )
    return tuple(items)


def clusters_of(items: Sequence[AuditItem]) -> tuple[list[str], str]:
    """The cluster of each item and what it is: the speaker where every row names one, else the text, else the row."""
    for column in ("speaker", "text"):
        values = [key(item.entry, column) for item in items]
        if all(values):
            return [str(value) for value in values], column
    return [f"{item.member}{item.id}" for item in items], "row"


def check_sides(items: Sequence[AuditItem], digests: Sequence[str]) -> None:
    """Refuse sides that overlap, are too small, or consist of one speaker.

    Parameters
    ----------
    digests : sequence of str
        SHA-256 of each item's samples; empty where a recording could not be read.

    Raises
    ------
    BadData
        With the names of the rows.
    """
    sides = {member: [item for item in items if item.member == member] for member in (True, False)}
    for member, rows in sides.items():
        if len(rows) < LEAST:
            names = ", ".join(repr(item.id) for item in rows) or "none"
            raise BadData(
                f"an audit needs at least {LEAST} {'members' if member else 'non-members'}, got {len(rows)} ({names}); "
                "add recordings"
            )
    first: dict[Any, AuditItem] = {}
    faults = []
    for item, digest in zip(items, digests, strict=True):
        speaker = key(item.entry, "speaker")
        row = (item.entry.id, speaker, key(item.entry, "text"), item.answer) if speaker else None
        for name, what in ((digest, "the same samples"), (row, "the same id, speaker, text and answer")):
            other = first.setdefault(name, item) if name else item
            if other.member != item.member:
                faults.append(f"{other.side} {other.id!r} and {item.side} {item.id!r} have {what}")
                break
    if faults:
        raise BadData(
            f"members and non-members must be different recordings, got {len(faults)} on both sides; take them out of one",
            faults,
        )
    names, column = clusters_of(items)
    if column != "speaker":
        return
    for member, rows in sides.items():
        speakers = {name for name, item in zip(names, items, strict=True) if item.member == member}
        if len(speakers) < 2:
            shown = ", ".join(repr(item.id) for item in rows[:5])
            raise BadData(
                f"an audit needs at least two speakers on a side, got one speaker, {rows[0].entry.speaker!r}, in all "
                f"{len(rows)} {'members' if member else 'non-members'} ({shown}, ...): a difference between the sides would "
                "be this voice, and not memory; add speakers"
            )


def token_scores_of(
    model: Model, items: Sequence[AuditItem], *, tokens: bool = True
) -> tuple[list[TokenScores | float | None], list[Unscored]]:
    """What a model gives to the answer of each item, None where it gives nothing, and why.

    Parameters
    ----------
    tokens : bool
        Whether single tokens are wanted, or the whole answer's log-probability alone.
    """
    found: list[TokenScores | float | None] = []
    unscored = []
    for start in range(0, len(items), BATCH):
        part = items[start : start + BATCH]
        for item, (value, reason) in zip(part, _scored(model, part, tokens=tokens), strict=True):
            found.append(value)
            if value is None:
                unscored.append(Unscored(id=item.id, member=item.member, reason=reason))
    return found, unscored


def _scored(model: Model, items: Sequence[AuditItem], *, tokens: bool) -> list[tuple[TokenScores | float | None, str]]:
    """Scores of a few items; where they fail together each is tried alone, so that one that cannot be heard costs itself."""
    ask = model.token_scores if tokens else model.score
    try:
        given = ask([item.stimulus() for item in items], [item.answer for item in items])
    except (BadAudio, ModelFailed, ValueError) as error:
        if isinstance(error, EarnestError) and len(items) == 1:
            return [(None, str(error))]
        if len(items) == 1:
            raise
        return [one for item in items for one in _scored(model, [item], tokens=tokens)]
    return [_checked(value) for value in given]


def _checked(value: Any) -> tuple[TokenScores | float | None, str]:
    total = float(value.log_probabilities.sum()) if isinstance(value, TokenScores) else float(value)
    if not np.isfinite(total):
        return None, f"the model gave a log-probability of {total}"
    return (value if isinstance(value, TokenScores) else total), ""


def totals_of(scores: Sequence[TokenScores | float | None]) -> NDArray[np.float64]:
    """Log-probability of each whole answer, nan where there is none."""
    return np.array(
        [
            np.nan if one is None else one.log_probabilities.sum() if isinstance(one, TokenScores) else one
            for one in scores
        ],
        np.float64,
    )


def by_side(items: Sequence[AuditItem]) -> dict[bool, list[int]]:
    """Places of members and of non-members."""
    places: dict[bool, list[int]] = defaultdict(list)
    for place, item in enumerate(items):
        places[item.member].append(place)
    return places
