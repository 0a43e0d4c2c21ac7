#!/usr/bin/env python3
"""Clips a second of the embedded reference model: batched, one at a time, and by torch, with equal answers.

    python benchmarks/reference.py [--clips 128] [--seconds 2] [--threads 2] [--json]

The clips are spoken requests of the probe set, cut or repeated to the length asked for; the prompt is that of the
refusal task. The rival is the same network by torch in the same batches (`earnest[torch]`), left out where torch is
missing. Rounds are interleaved; the median of three is told, wall time, after a warm-up.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np

from earnest.models.reference.instructions import Question
from earnest.models.reference.onnx_route import OnnxReference
from earnest.registry import has_extra
from earnest.tasks._prompts import RESPOND
from earnest.tasks.probe import probe_manifest

RATE = 16_000


def clips(n: int, seconds: float) -> list[np.ndarray]:
    rows = [entry for entry in probe_manifest().entries if entry.role == "request"]
    length = round(seconds * RATE)
    return [np.resize(rows[k % len(rows)].clip().samples, length) for k in range(n)]


def timed(ask: Callable[[], object]) -> float:
    begun = time.perf_counter()
    ask()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    heard = clips(given.clips, given.seconds)
    onnx = OnnxReference(n_threads=given.threads)

    def ask(model: object, batch: list[np.ndarray]) -> list[str]:
        return [o.text for o in model.answer([Question(samples=clip, prompt=RESPOND) for clip in batch])]  # type: ignore[attr-defined]

    ways: dict[str, Callable[[], list[str]]] = {
        "onnx, batched": lambda: ask(onnx, heard),
        "onnx, one at a time": lambda: [text for clip in heard for text in ask(onnx, [clip])],
    }
    if has_extra("torch"):
        import torch

        from earnest.models.reference.torch_route import TorchReference

        torch.set_num_threads(given.threads)
        rival = TorchReference()
        ways["torch, batched"] = lambda: ask(rival, heard)
    answers = {name: way() for name, way in ways.items()}
    assert len({tuple(texts) for texts in answers.values()}) == 1, "the ways give different answers"
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.rounds):
        for name, way in ways.items():
            times[name].append(timed(way))
    speed = {name: given.clips / statistics.median(taken) for name, taken in times.items()}
    ratios = {
        f"onnx batched : {name}": speed["onnx, batched"] / value
        for name, value in speed.items()
        if name != "onnx, batched"
    }
    if given.json:
        print(json.dumps({"clips_per_s": speed, "ratios": ratios, "seconds": given.seconds, "threads": given.threads}))
        return
    for name, value in speed.items():
        print(f"{name:<22} {value:8.1f} clips of {given.seconds:g} s a second on {given.threads} threads")
    for name, value in ratios.items():
        print(f"{name:<40} {value:5.2f}")


if __name__ == "__main__":
    main()
