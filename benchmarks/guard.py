"""Processor time of the guard's detectors for each 20 ms frame.

    python benchmarks/guard.py

Fifty streams of 20 ms frames of noise at 16 and 48 kHz go in turn through the four detectors. Printed are the median
and the 95th percentile, over rounds, of the processor time of a round divided by its frames. It measures the engine
alone: there is no gateway and no network.
"""

from __future__ import annotations

import time

import numpy as np

from earnest.guard import Session
from earnest.guard.frame_scores import FRAME_SCORES
from earnest.guard.policy import Policy, Rule

STREAMS, ROUNDS = 50, 100


def main() -> None:
    policy = Policy(rules=tuple(Rule(name=name, detector=name, above=1e9) for name in FRAME_SCORES))
    for sample_rate in (16_000, 48_000):
        frame = np.random.default_rng(0).normal(0, 0.1, sample_rate // 50).astype(np.float32)
        sessions = [Session(policy, sample_rate) for _ in range(STREAMS)]
        taken = []
        for _ in range(ROUNDS):
            start = time.process_time_ns()
            for session in sessions:
                session.push(frame)
            taken.append((time.process_time_ns() - start) / STREAMS / 1e6)
        print(
            f"{sample_rate} Hz: median {np.median(taken):.3f} ms a frame, 95th percentile {np.quantile(taken, 0.95):.3f} ms "
            f"({ROUNDS} rounds of {STREAMS} streams)"
        )


if __name__ == "__main__":
    main()
