"""Replies by family of models, read by hand: `data/*.jsonl`.

    families.jsonl      forms in which models of named families reply, made after their chat templates and public
    reports languages.jsonl     short answers in thirteen languages, and such whose words tell none
    readers.jsonl       replies to the questions of the tasks
    audiotrust.jsonl    real answers of several models from the item files of AudioTrust (JusperLee/AudioTrust, commit
                        6e12a74, Apache-2.0), without those that hold numbers of people or answers to harmful requests
    assistant.jsonl     answers of a small real assistant that echoes, with what a reader makes of them

A line states what the reader must give: `answer` always, the other parts where they are stated.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from earnest.replies import read, without_echo

DATA = Path(__file__).parent / "data"
MOST_WRONG, MOST_UNDECIDED = 0.03, 0.10


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


GOLDEN = [line for name in ("families", "languages", "readers", "audiotrust") for line in lines(f"{name}.jsonl")]


def error_of(line: dict[str, Any]) -> str:
    """The kind of error that the reader makes, or what it leaves undecided; empty where it is right."""
    found = read(line["text"], line.get("finish_reason"))
    if found.answer != line["answer"]:
        if not found.answer:
            return "no answer found"
        if len(found.answer) < len(line["answer"]):
            return "words of the answer lost"
        return "reasoning in the answer" if line["kind"] == "reasoning" else "wrapping in the answer"
    if "language" in line and found.language != line["language"]:
        return "language undecided" if not found.language else "another language"
    for part in ("reasoning", "preamble", "finish"):
        if part in line and getattr(found, part) != line[part]:
            return f"{part} wrong"
    return ""


def test_there_are_enough_replies_of_enough_families() -> None:
    assert len(GOLDEN) >= 600
    assert len({line["family"] for line in GOLDEN}) >= 45
    kinds = Counter(line["kind"] for line in GOLDEN)
    assert min(kinds[kind] for kind in ("reasoning", "wrapping", "plain", "language", "published response")) >= 40


def test_replies_are_read_as_people_read_them() -> None:
    errors = Counter(error for line in GOLDEN if (error := error_of(line)))
    undecided = errors.pop("language undecided", 0)
    assert errors.total() <= MOST_WRONG * len(GOLDEN), errors
    assert undecided <= MOST_UNDECIDED * len(GOLDEN)


@pytest.mark.parametrize("kind", sorted({line["kind"] for line in GOLDEN}))
def test_no_reply_that_was_right_becomes_wrong(kind: str) -> None:
    wrong = [(error, line["text"]) for line in GOLDEN if line["kind"] == kind and (error := error_of(line))]
    assert wrong == []


def test_what_a_small_assistant_echoes_is_no_answer() -> None:
    """Of its answers some repeat the question; what they say of their own is left, and no more."""
    told = {line["text"]: without_echo(line["text"], sources=[line["prompt"]]) for line in lines("assistant.jsonl")}
    changed = {text[:40]: left for text, left in told.items() if left != text}
    assert changed == {
        "The recording is said to be of one sound": "",
        "The speaker says that the head of securi": "They are not saying exactly what they mean. They are not saying that the",
        "If neither of the speakers gives a reaso": (
            "it's either either the first speaker is a good cook or the second speaker is a good cook."
        ),
    }
