"""What a run will ask and cost, told before the first call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from earnest.engine.job import Job, Settings
from earnest.engine.prices import price_of
from earnest.engine.shards import in_shard
from earnest.models.access import Model
from earnest.plan import Plan

TYPICAL_CHARACTERS = 200
"""Of a prompt, for the estimate: prompts are known only when an item is loaded."""
SHORT_ANSWER = 20
"""Tokens of a short answer, for the lower end."""
CALLS_PER_ATTACK = 2
"""Least calls of an attacked item: the clean clip and the attacked one."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a run will ask and cost.

    Parameters
    ----------
    n_calls : int
        Calls to the model, retries and judges not counted; of an attacked item the least.
    audio_s : float
        Seconds of audio in them, of items whose length is known.
    low_usd, high_usd : float or None
        For short answers and for the longest; None where no price is known.
    note : str
        What the estimate leaves out.
    """

    n_calls: int
    audio_s: float
    low_usd: float | None
    high_usd: float | None
    note: str


def estimate(
    plan: Plan,
    jobs: Sequence[Job],
    *,
    model: Model,
    settings: Settings = Settings(),  # noqa: B008
) -> Estimate:
    """What executing the jobs will ask and cost; asks nothing."""
    jobs = [job for job in jobs if in_shard(job.item.id, plan.shard)]
    calls = [(CALLS_PER_ATTACK if job.arm.attack else 1, job.item.duration_s) for job in jobs]
    n_calls = sum(count for count, _ in calls)
    audio_s = sum(count * (duration_s or 0.0) for count, duration_s in calls)
    price = price_of(model, settings.prices)
    notes = []
    if any(job.arm.attack for job in jobs):
        notes.append("what attacks ask beyond the clean and the attacked clip is not counted")
    if any(duration_s is None for _, duration_s in calls):
        notes.append("some recordings have no known length")
    if price is None:
        notes.append(f"no price is known for {model.name}")
        return Estimate(n_calls=n_calls, audio_s=audio_s, low_usd=None, high_usd=None, note="; ".join(notes))
    low, high = (
        price.of_call(audio_s=audio_s, n_characters=n_calls * TYPICAL_CHARACTERS, n_output_tokens=n_calls * n_tokens)
        for n_tokens in (SHORT_ANSWER, max(SHORT_ANSWER, settings.sampling.max_tokens))
    )
    return Estimate(n_calls=n_calls, audio_s=audio_s, low_usd=low, high_usd=high, note="; ".join(notes))
