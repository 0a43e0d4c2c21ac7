#!/usr/bin/env python3
"""CPU time of reading replies, an item at a time, beside what a bare regular expression or the scoring alone takes.

    python benchmarks/replies.py [--rounds 20] [--json]

The replies are those of `tests/replies/data`, read by hand there. `added` is what an item pays for its reply being
read: reasoning and wrapping, echoes of its prompt, the readings of a transcript. Hostile replies are 100 kB each. CPU
times, best of the rounds.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from earnest.metrics.transcription import spoken_edit_counts
from earnest.models.access import Answer
from earnest.replies import read, without_echo
from earnest.tasks._prompts import STEREOTYPES, TRANSCRIBE, choose
from earnest.tasks._words import transcript_of

DATA = Path(__file__).resolve().parent.parent / "tests" / "replies" / "data"
TEXT = "turn on the light in the kitchen please"
FORMS = (
    "{}",
    "{}.",
    "Sure! Here is the transcription: {}",
    'The speaker says: "{}"',
    "<think>The light, it seems.</think>{}",
    "Speaker 1: {}",
)
BARE = re.compile(r"<think>.*?</think>", re.DOTALL | re.IGNORECASE)
HOSTILE = {
    "opening tags": "<think>" * 14_000, "closing tags": "</think>" * 12_000, "quotes": '"' * 100_000,
    "braces": "{" * 100_000,
    "fences": "```" * 33_000, "labels": "Answer:\n" * 12_000, "spaces": " " * 100_000, "surrogates": "\ud800" * 100_000,
}  # fmt: skip  # a table: one row a line


def cpu_ms(work: Callable[[Any], Any], items: Sequence[Any], *, rounds: int) -> float:
    """CPU milliseconds an item in the fastest round."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for item in items:
            work(item)
        best = min(best, time.process_time() - start)
    return 1000 * best / len(items)


def replies() -> list[str]:
    names = ("families", "languages", "readers", "audiotrust")
    lines = [line for name in names for line in (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    return [json.loads(line)["text"] for line in lines]


def rows(*, rounds: int) -> list[dict[str, Any]]:
    texts = replies()
    short = [text for text in texts if len(text) < 80]
    written = [form.format(TEXT) for form in FORMS]
    prompt = choose(STEREOTYPES["doctor"])

    def added(text: str) -> None:
        """All that is done to a reply before it is scored."""
        answer = Answer(text=text)
        without_echo(answer.said, told=[prompt])

    def timed(name: str, ours: Callable, rival: Callable | None, items: Sequence[Any], against: str) -> dict[str, Any]:
        row: dict[str, Any] = {
            "what": name,
            "n": len(items),
            "cpu_ms": cpu_ms(ours, items, rounds=rounds),
            "rival": against,
        }
        if rival is not None:
            row["rival_cpu_ms"] = cpu_ms(rival, items, rounds=rounds)
            row["ratio"] = row["cpu_ms"] / row["rival_cpu_ms"]
        return row

    hostile = [timed(f"read, hostile: {name}", read, None, [text], "none") for name, text in HOSTILE.items()]
    return [
        timed("read, all replies", read, lambda text: BARE.sub("", text).strip(), texts, "one regular expression"),
        timed(
            "read, under 80 characters", read, lambda text: BARE.sub("", text).strip(), short, "one regular expression"
        ),
        timed("added to a choice", added, None, texts, "none"),
        timed(
            "transcript_of",
            lambda text: transcript_of(text, text=TEXT),
            lambda text: spoken_edit_counts(reference=TEXT, hypothesis=text),
            written,
            "the word edits of the reply as it stands",
        ),
        timed(
            "transcript_of, bare words",
            lambda text: transcript_of(text, text=TEXT),
            lambda text: spoken_edit_counts(reference=TEXT, hypothesis=text),
            written[:2],
            "the word edits of the reply as it stands",
        ),
        timed("without_echo", lambda text: without_echo(text, told=[TRANSCRIBE]), None, texts, "none"),
        *hostile,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true", help="one JSON list instead of a table")
    chosen = parser.parse_args()
    found = rows(rounds=chosen.rounds)
    if chosen.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{'what':32} {'n':>5} {'CPU ms':>9} {'rival ms':>9} {'ratio':>7}  rival")
    for row in found:
        rival = f"{row['rival_cpu_ms']:9.4f} {row['ratio']:7.1f}" if "ratio" in row else f"{'-':>9} {'-':>7}"
        print(f"{row['what']:32} {row['n']:5} {row['cpu_ms']:9.4f} {rival}  {row['rival']}")


if __name__ == "__main__":
    main()
