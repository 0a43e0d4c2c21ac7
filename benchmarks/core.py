#!/usr/bin/env python3
"""What the tasks of `core` add to the engine: CPU time to resolve a plan, and to score an answer.

    python benchmarks/core.py [--limit 40] [--json]

A run of `core` on a scripted model that echoes gives the answers; then every item is scored again by itself, and timed.
The aims: a whole plan resolved in 3 s, and 1 ms of CPU an item (transcripts over 200 words apart); their ratios are aim by
measured, above 1 where it is met. The rival of scoring a transcript is jiwer with its default transform, on the same texts.
Best of three.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jiwer

from earnest.models.access import Answer
from earnest.records import Item
from earnest.registry import registry
from earnest.runs.suite import Suite, resolve, run_suite
from earnest.tasks.probe import probe_manifest

AIM_PLAN_S, AIM_ITEM_MS = 3.0, 1.0
SLOW = ("adversarial_transcription",)  # its examples are made by an attack, which is no scoring
LONG_WORDS = 200


def best_ms(work: Callable[[], Any], *, runs: int = 3) -> float:
    """CPU milliseconds of the fastest of several runs."""
    times = []
    for _ in range(runs):
        begun = time.process_time()
        work()
        times.append(time.process_time() - begun)
    return 1e3 * min(times)


def answered(limit: int) -> tuple[dict[str, list[tuple[Item, Answer]]], dict[str, list[Any]]]:
    """Items with their answers, and journal lines, by task."""
    with tempfile.TemporaryDirectory() as folder:
        names = [task.name for task in resolve(Suite.read("core")) if task.name not in SLOW]
        served = [name for name in names if registry("tasks").make(name).missing(probe_manifest()) is None]
        run = run_suite("core", model="scripted/echo", out=Path(folder) / "run", limit=limit, task=served, cache=False)
        lines = {line.item: line for line in run.lines() if line.kind == "item"}
    found: dict[str, list[tuple[Item, Answer]]] = {}
    grouped: dict[str, list[Any]] = {}
    for name in served:
        for item in registry("tasks").make(name).items(probe_manifest(), seed=0):
            line = lines.get(item.id)
            if line is not None and line.answer:
                found.setdefault(name, []).append((item, Answer(text=line.answer)))
        grouped[name] = [line for line in lines.values() if line.task == name]
    return found, grouped


def measured(limit: int) -> dict[str, Any]:
    """Every figure."""
    plan_s = best_ms(lambda: run_suite("core", model="scripted/echo", dry_run=True)) / 1e3
    answers, lines = answered(limit)
    per_task = {name: _of_task(name, pairs, lines[name]) for name, pairs in answers.items()}
    short = {name: one for name, one in per_task.items() if one["longest_words"] <= LONG_WORDS}
    slowest = max(short, key=lambda name: short[name]["score_ms"])
    rival = _jiwer(answers)
    return {
        "plan_s": round(plan_s, 3),
        "plan_ratio_to_aim": round(AIM_PLAN_S / plan_s, 2),
        "tasks": per_task,
        "slowest": slowest,
        "slowest_ratio_to_aim": round(AIM_ITEM_MS / short[slowest]["score_ms"], 2),
        "transcripts": rival,
        "jiwer": version("jiwer"),
    }


def _of_task(name: str, pairs: list[tuple[Item, Answer]], lines: list[Any]) -> dict[str, float]:
    task = registry("tasks").make(name)
    score_ms = best_ms(lambda: [task.score(item, answer) for item, answer in pairs]) / len(pairs)
    measures_ms = best_ms(lambda: task.measures(lines), runs=1) / max(1, len(lines))
    longest = max(len(str(item.truth.get("text", "")).split()) for item, _ in pairs)
    return {
        "n": len(pairs),
        "score_ms": round(score_ms, 4),
        "measures_ms_per_item": round(measures_ms, 3),
        "longest_words": longest,
    }


def _jiwer(answers: dict[str, list[tuple[Item, Answer]]]) -> dict[str, float]:
    task = registry("tasks").make("noisy_transcription")
    pairs = answers["noisy_transcription"]
    ours = best_ms(lambda: [task.score(item, answer) for item, answer in pairs]) / len(pairs)
    theirs = best_ms(
        lambda: [jiwer.process_words(item.truth["expected"], answer.text) for item, answer in pairs]
    ) / len(pairs)
    return {"ours_ms": round(ours, 4), "jiwer_ms": round(theirs, 4), "ratio": round(theirs / ours, 2)}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, default=40, help="items of each task")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measured(options.limit)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    print(
        f"plan of core: {found['plan_s']:.2f} s CPU, {found['plan_ratio_to_aim']:.1f} times under the aim of {AIM_PLAN_S:g} s"
    )
    for name, one in found["tasks"].items():
        print(
            f"  {name:<26} {one['score_ms']:.3f} ms to score, {one['measures_ms_per_item']:.2f} ms of report an item, n {one['n']}"
        )
    print(
        f"dearest to score: {found['slowest']}, {found['slowest_ratio_to_aim']:.1f} times under the aim of {AIM_ITEM_MS:g} ms"
    )
    words = found["transcripts"]
    print(
        f"a transcript: {words['ours_ms']:.3f} ms with all edits and facts, jiwer {words['jiwer_ms']:.3f} ms, ratio {words['ratio']:.2f}"
    )


if __name__ == "__main__":
    main()
