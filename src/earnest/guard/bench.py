"""What the detectors cost on this machine: processor time for each 20 ms frame of each stream."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from earnest.guard.detectors import KINDS
from earnest.guard.policy import BLOCK_S, Policy, Rule
from earnest.guard.session import Session, push_many

WARM_ROUNDS = 5


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Processor time in ms for a frame of 20 ms of one stream: the median over rounds, and the 95th percentile."""

    name: str
    median_ms: float
    p95_ms: float

    @property
    def streams_per_core(self) -> int:
        return int(BLOCK_S * 1000 / self.median_ms) if self.median_ms else 0


def policies(policy: Policy | None = None) -> dict[str, Policy]:
    """What is measured: every detector of T0 at once, speech activity alone, both, and a policy where one is given."""
    frames = [name for name, kind in KINDS.items() if kind.tier == "T0"]
    sets = {"T0": frames, "T1": ["speech"], "T0 and T1": [*frames, "speech"]}
    made = {
        title: Policy(rules=tuple(Rule(name=name, detector=name, above=1e9) for name in names))
        for title, names in sets.items()
    }
    return made if policy is None else made | {"policy": policy}


def measured(name: str, policy: Policy, *, streams: int, rounds: int, sample_rate: int) -> Cost:
    """Streams of noise, a frame of each in a round, all judged together; the first rounds are not counted.

    The processor time of this process is read once a round, so other work on the machine adds only what it takes from
    the caches.
    """
    rng = np.random.default_rng(0)
    sessions = [Session(policy, sample_rate) for _ in range(streams)]
    frames = list(rng.normal(0, 0.1, (streams, round(sample_rate * BLOCK_S))).astype(np.float32))
    taken = []
    for number in range(WARM_ROUNDS + rounds):
        start = time.process_time_ns()
        push_many(sessions, frames)
        if number >= WARM_ROUNDS:
            taken.append((time.process_time_ns() - start) / streams / 1e6)
    groups = np.array(taken[: len(taken) // 8 * 8]).reshape(-1, 8).mean(1) if len(taken) >= 16 else np.array(taken)
    return Cost(name=name, median_ms=float(np.median(groups)), p95_ms=float(np.quantile(groups, 0.95)))
