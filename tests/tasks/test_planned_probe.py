"""What the tasks make of data laid out as the probe set is: splits, languages, groups, and what a perfect model gets."""

from __future__ import annotations

import pytest

from earnest.audio import Manifest
from earnest.tasks import Task, tasks
from earnest.tasks._items import MIXED

ASKING = [
    name
    for name in tasks.names()
    if tasks.get(name).layout == "manifest"
    and not tasks.get(name).across
    and name not in ("emotion_match", "spoof_detection", "adversarial_transcription")
]
"""Tasks that find their rows in the layout, but for the one that needs a model with gradients."""
OF_SEVERAL_ROWS = ("long_dictation", "long_comprehension", "long_localisation")
"""Tasks whose items are put together from rows of any split."""
IN_SPANISH = {
    "benign_compliance", "bounded_answer", "degraded_requests", "emotional_requests", "harmful_refusal", "persona_refusal", "private_note", "voice_parity",
    "written_requests",
}  # fmt: skip  # a table: one row a line


@pytest.fixture(scope="module")
def asked(planned: Manifest) -> dict[str, tuple[Task, list]]:
    made = {name: tasks.make(name) for name in ASKING}
    return {name: (task, task.items(planned, seed=0)) for name, task in made.items()}


def test_every_item_of_a_row_tells_its_split_and_none_mixes_them_without_need(asked) -> None:
    for name, (_, items) in asked.items():
        of_rows = [item for item in items if item.truth.get("audio") != "made"]  # silence and noise are of no row
        splits = {item.truth.get("split") for item in of_rows}
        assert items and splits <= {"train", "test", MIXED}, name
        assert {"train", "test"} <= splits or name in ("long_comprehension", "long_localisation", "long_dictation"), (
            name
        )
        assert MIXED not in splits or name in OF_SEVERAL_ROWS, name


def test_no_voice_text_or_action_is_in_both_splits(asked) -> None:
    for name, (_, items) in asked.items():
        for column in ("speaker", "speaker_a", "speaker_b", "owner"):
            seen = {
                split: {item.truth.get(column) for item in items if item.truth.get("split") == split}
                for split in ("train", "test")
            }
            assert not (seen["train"] & seen["test"]) - {None}, (name, column)


def test_spanish_rows_are_asked_by_these_tasks_alone(asked, planned: Manifest) -> None:
    spanish = {entry.id for entry in planned if entry.language == "es"}
    asks = {name for name, (_, items) in asked.items() if any(item.sample in spanish for item in items)}
    assert asks == IN_SPANISH
    for name in ("long_comprehension", "long_localisation"):  # among English speech a Spanish note would stand out
        assert {item.truth["secret"] for item in asked[name][1] if "secret" in item.truth}.isdisjoint(
            {entry.attributes["secret"] for entry in planned if entry.language == "es" and entry.role == "note"}
        )


def test_groups_are_spelled_in_the_open(asked) -> None:
    for _, items in asked.values():
        for item in items:
            assert item.truth.get("gender") in (None, "female", "male")
            assert item.truth.get("age_band") in (None, "adult", "child")
            if item.truth.get("contrast") == "gender":
                assert (item.truth["a"], item.truth["b"]) == ("female", "male")
            if item.truth.get("contrast") == "age_band":
                assert (item.truth["a"], item.truth["b"]) == ("adult", "child")
