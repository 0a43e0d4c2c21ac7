"""What a run will ask and cost, told before the first call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from earnest.engine.job import Job, Settings
from earnest.engine.judges import LONG, ModelJudge, NamedJudge
from earnest.engine.prices import Price, price_of
from earnest.engine.shards import in_shard
from earnest.models.access import Model
from earnest.plan import Plan

TYPICAL_CHARACTERS = 200
"""Of a prompt, for the estimate: prompts are known only when an item is loaded."""
SHORT_ANSWER = 20
"""Tokens of a short answer, for the lower end."""
JUDGE_CHARACTERS = 3_000
"""Of what a judge is shown: the question, the labels and the response."""
CALLS_PER_ATTACK = 2
"""Least calls of an attacked item: the clean clip and the attacked one."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a run will ask and cost.

    Parameters
    ----------
    n_calls : int
        Calls to the model, retries not counted; of an attacked item the least.
    n_judge_calls : int
        The most calls to judges, each question asked once.
    audio_s : float
        Seconds of audio in them, of items whose length is known.
    low_usd, high_usd : float or None
        For short answers that parsers can read, and for the longest ones, all judged; None where a price is not known.
    note : str
        What the estimate leaves out.
    """

    n_calls: int
    n_judge_calls: int = 0
    audio_s: float
    low_usd: float | None
    high_usd: float | None
    note: str


def estimate(
    plan: Plan,
    jobs: Sequence[Job],
    *,
    model: Model,
    judges: Sequence[ModelJudge | NamedJudge] = (),
    settings: Settings = Settings(),  # noqa: B008
) -> Estimate:
    """What executing the jobs will ask and cost; asks nothing."""
    jobs = [job for job in jobs if in_shard(job.item.id, plan.shard)]
    calls = [(_calls(job), job.item.duration_s) for job in jobs]
    n_calls = sum(count for count, _ in calls)
    audio_s = sum(count * (duration_s or 0.0) for count, duration_s in calls)
    asked = [judge for judge in judges if isinstance(judge, ModelJudge)]
    n_judged = sum(job.kind == "item" for job in jobs)
    notes = []
    if any(job.arm.attack for job in jobs):
        notes.append("what attacks ask beyond the clean and the attacked clip is not counted")
    if any(duration_s is None for _, duration_s in calls):
        notes.append("some recordings have no known length")
    if asked:
        notes.append("judges are asked what no parser can decide, at most about every item")
    price = price_of(model, settings.prices)
    prices = {model.name: price, **{judge.model.name: price_of(judge.model, settings.prices) for judge in asked}}
    unknown = [name for name, one in prices.items() if one is None]
    low = high = None
    if unknown:
        notes.append(f"no price is known for {' and '.join(unknown)}")
    else:
        low, high = (
            price.of_call(audio_s=audio_s, n_characters=n_calls * TYPICAL_CHARACTERS, n_output_tokens=n_calls * n_tokens, n_turns=n_calls)
            for n_tokens in (SHORT_ANSWER, max(SHORT_ANSWER, settings.sampling.max_tokens))
        )
        heard_s = sum(job.item.duration_s or 0.0 for job in jobs if job.kind == "item")
        high += sum(_of_judge(prices[judge.model.name], n_judged, heard_s if judge.hears else 0.0) for judge in asked)
    return Estimate(
        n_calls=n_calls, n_judge_calls=n_judged * len(asked), audio_s=audio_s, low_usd=low, high_usd=high, note="; ".join(notes)
    )


def _calls(job: Job) -> int:
    """The least calls of a job; of a conversation under attack, the last turn is what is attacked."""
    return job.item.n_turns + (CALLS_PER_ATTACK - 1 if job.arm.attack else 0)


def _of_judge(price: Price, n_calls: int, audio_s: float) -> float:
    """The cost in US dollars of one judge's calls with the longest replies."""
    return price.of_call(
        audio_s=audio_s, n_characters=n_calls * JUDGE_CHARACTERS, n_output_tokens=n_calls * LONG.max_tokens, n_turns=n_calls
    )
