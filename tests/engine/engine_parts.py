"""Small plans, jobs and models for the engine's tests."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from earnest.audio import AudioClip, Stimulus
from earnest.engine import Job, Settings
from earnest.models.access import Answer, Model, Reply, Sampling
from earnest.plan import Plan, PlannedTask
from earnest.records import Arm, Item, Outcome, Unscored, Verdict


def clip(number: int, *, n_samples: int = 800) -> AudioClip:
    """A clip that no other number has."""
    samples = np.random.default_rng(number).integers(-8000, 8000, n_samples) / 32768
    return AudioClip(samples.astype(np.float32), 8_000)


def item(number: int, *, n_samples: int = 800) -> Item:
    return Item(
        id=f"letters/{number:04d}",
        task="letters",
        sample=f"{number:04d}",
        load=lambda: Stimulus(clips={"speech": clip(number, n_samples=n_samples)}, prompt=f"say {number}"),
        truth={"number": number},
        duration_s=n_samples / 8_000,
    )


def score(item: Item, answer: Answer) -> Outcome:
    """Right where the answer names the item's number."""
    if "unparsed" in answer.text:
        return Unscored(reason="unparsed", detail=answer.text)
    right = f"say {item.truth['number']}" in answer.text
    return Verdict(score=float(right), label="correct" if right else "wrong")


def jobs(n: int, *, arms: Sequence[Arm] = (Arm(),), n_samples: int = 800) -> list[Job]:
    return [Job(item=item(k, n_samples=n_samples), arm=arm, score=score) for arm in arms for k in range(n)]


def plan(n: int = 10, **changes: object) -> Plan:
    values: dict = {
        "earnest": "0.1.0",
        "suite": "letters",
        "suite_version": 1,
        "model": "fake",
        "fingerprint": "f",
        "data": "none",
        "data_digest": "0",
        "tasks": (PlannedTask(name="letters", pillar="robustness", version=1, n_items=n),),
        "items_digest": "0",
        **changes,
    }
    return Plan(**values)


def settings(**changes: object) -> Settings:
    values: dict = {"cache": None, "timeout_s": 5.0, **changes}
    return Settings(**values)


@dataclass
class LocalModel(Model):
    """Answers by content, a batch at a time; notes every batch and that one thread asks."""

    name: str = "fake"
    fingerprint: str = "f"
    batch_size: int | None = 4  # type: ignore[misc]
    delay_s: float = 0.0
    batches: list[list[float]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        self.batches.append([stimulus.clip.duration_s for stimulus in stimuli])
        self.threads.add(threading.get_ident())
        time.sleep(self.delay_s)
        return [self.reply(stimulus) for stimulus in stimuli]

    def reply(self, stimulus: Stimulus) -> Reply:
        number = int(hashlib.sha256(stimulus.digest.encode()).hexdigest(), 16) % 100
        return Answer(text=f"{stimulus.prompt} {'yes' if number < 60 else 'no'}")
