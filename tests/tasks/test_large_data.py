"""What is worked out once, or by kinds of rows, for large data: the same as row by row, and no more than once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earnest.audio import AudioClip, Entry, Manifest
from earnest.registry import registry
from earnest.tasks._base import Requirement
from earnest.tasks._items import corpus, same_split
from earnest.tasks.authentication._attempts import _Strangers
from earnest.tasks.fairness._pairs import SUBTASKS, Material, group_of
from earnest.tasks.robustness._long import PAUSE_S, Piece, _drawn, pieces_of

SENTENCES = (
    "the boat left the harbour before the rain",
    "seven grey geese crossed the frozen lake",
    "a red kite hung over the wood",
)


def rows(n: int, *, seed: int = 0) -> list[Entry]:
    """Rows of ten speakers, some of whose cells are empty."""
    rng = np.random.default_rng(seed)

    def some(*values: str) -> str | None:
        return [*values, None][int(rng.integers(len(values) + 1))]

    made = []
    for number in range(n):
        cells: dict[str, Any] = {
            "path": f"{number}.wav",
            "text": some(*SENTENCES),
            "speaker": some(*(f"s{k}" for k in range(10))),
        }
        cells |= {"gender": some("female", "male"), "accent": some("us", "gb", "in"), "split": some("train", "test")}
        cells |= {"duration_s": str(round(float(rng.uniform(1, 9)), 2)), "language": "en"}
        made.append(Entry.model_validate({name: value for name, value in cells.items() if value}))
    return made


@pytest.mark.parametrize("seed", range(3))
def test_those_who_are_likest_by_kind_are_those_who_are_likest_row_by_row(seed: int) -> None:
    own = rows(60, seed=seed)
    live: dict[str, list[Entry]] = {}
    for entry in own:
        if entry.speaker:
            live.setdefault(entry.speaker, []).append(entry)
    strangers = _Strangers.of(live)
    for genuine in strangers.entries:
        others = [entry for speaker, voices in live.items() if speaker != genuine.speaker for entry in voices]
        likeness = [
            4 * (corpus(entry) == corpus(genuine))
            + 2 * same_split(entry, genuine)
            + (bool(entry.gender) and entry.gender == genuine.gender)
            for entry in others
        ]
        expected = [entry.id for entry, alike in zip(others, likeness, strict=True) if alike == max(likeness)]
        assert [strangers.entries[place].id for place in strangers.likest(genuine)] == expected


def test_nobody_is_likest_where_there_is_nobody_else() -> None:
    alone = [entry for entry in rows(40) if entry.speaker == "s1"]
    assert len(_Strangers.of({"s1": alone}).likest(alone[0])) == 0


@pytest.mark.parametrize("seed", range(3))
def test_who_says_something_else_is_likest_by_kind_as_row_by_row(seed: int) -> None:
    material = Material(rows(60, seed=seed))
    entries = [entry for own in material.statements.values() for entry in own]
    for text, own in material.statements.items():
        here = {entry.id for entry in own}
        others = [entry for entry in entries if entry.id not in here]
        for one in own:
            likeness = [
                4 * same_split(entry, one)
                + 2 * (entry.speaker != one.speaker)
                + all(group_of(entry, c) == group_of(one, c) for c in SUBTASKS)
                for entry in others
            ]
            expected = [entry.id for entry, alike in zip(others, likeness, strict=True) if alike == max(likeness)]
            assert [material.others.entries[place].id for place in material.others.likest(one, text=text)] == expected


def one_by_one(pieces: list[Piece], length_s: float, *, rng: np.random.Generator) -> list[Piece]:
    """What `_drawn` draws, by going through all pieces."""

    def slot_s(piece: Piece) -> float:
        return piece.duration_s + PAUSE_S

    left, chosen = length_s, list[Piece]()
    while fitting := [piece for piece in pieces if slot_s(piece) <= left]:
        for place in rng.permutation(len(fitting)):
            piece = fitting[place]
            if slot_s(piece) <= left and not (chosen and piece is chosen[-1] and len(fitting) > 1):
                chosen.append(piece)
                left -= slot_s(piece)
    return chosen


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_a_passage_is_drawn_as_by_going_through_all_pieces(seed: int, n: int) -> None:
    pieces = pieces_of(rows(n, seed=seed))
    drawn = _drawn(pieces, 60.0, rng=np.random.default_rng(seed))
    assert drawn == one_by_one(list(pieces.pieces), 60.0, rng=np.random.default_rng(seed))
    assert drawn or not n


def test_what_tasks_ask_of_the_rows_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data, asked = Manifest(Path(), tuple(rows(50))), []
    met_by = Requirement.met_by
    monkeypatch.setattr(Requirement, "met_by", lambda self, entry: asked.append(self) or met_by(self, entry))
    task = registry("tasks").make("voice_parity")
    assert task.lacking(data) is None
    first = task.usable(data)
    first.clear()  # a list of its own
    n_kinds = len(asked)  # rows that are alike in role, label and filled columns are looked at once
    assert task.usable(data) and 0 < n_kinds < 50
    assert registry("tasks").make("voice_parity").usable(data) == task.usable(data) and len(asked) == n_kinds


def test_what_was_worked_out_of_rows_is_not_that_of_others() -> None:
    data = Manifest(Path(), tuple(rows(50)))
    assert data.once("n", lambda: len(data)) == 50 == data.once("n", lambda: 7)
    assert data.where(language="en").once("n", lambda: 7) == 7


def test_a_length_is_read_from_the_header_and_follows_the_part(tmp_path: Path) -> None:
    clip = AudioClip(np.zeros(12_345, np.float32), 16_000)
    for name in ("a.wav", "a.flac", "a.ogg"):
        clip.write(tmp_path / name)
    (tmp_path / "metadata.csv").write_text("path,id,start_s\na.wav,w,\na.flac,f,0.25\na.ogg,o,\n", encoding="utf-8")
    data = Manifest.read(tmp_path)
    whole_s = 12_345 / 16_000
    assert [data[name].length_s for name in "wfo"] == [whole_s, whole_s - 0.25, whole_s]
