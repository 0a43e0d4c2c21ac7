"""What a run will ask and cost, told before the first call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from earnest.arms import UNDEFENDED
from earnest.engine.arms import guards_of
from earnest.engine.job import Job, Settings
from earnest.engine.judges import LONG, ModelJudge, NamedJudge
from earnest.engine.prices import Price, price_of
from earnest.engine.shards import in_shard
from earnest.models.access import Model
from earnest.plan import Plan
from earnest.registry import registry

TYPICAL_CHARACTERS = 200
"""Of a prompt, for the estimate: prompts are known only when an item is loaded."""
SHORT_ANSWER = 20
"""Tokens of a short answer, for the lower end."""
JUDGE_CHARACTERS = 3_000
"""Of what a judge is shown: the question, the labels and the response."""
GUARD_CHARACTERS, GUARD_TOKENS = 800, 64
"""Of what a guard is shown, the fixed question and a transcript or an answer, and of what it says."""
WRITER_CHARACTERS, WRITER_TOKENS = 3_000, 1_024
"""Of what a model that writes for an attack is told, and the longest that it may write."""
CALLS_PER_ATTACK = 2
"""Of an attacked item beside the search and the control: the clean clip and the attacked one."""


CALLS_PER_TWIN = 2
"""Of the harmless twin of an attacked item: as it is, and under the attack's distortion."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a run will ask and cost.

    Parameters
    ----------
    n_calls : int
        Calls to the model, retries not counted: of an attacked item the most that its search and its control may ask,
        where the attack says how many (`max_queries`).
    at_most : bool
        Whether there may be fewer, since searches end when they have found something.
    n_gradients, n_aims : int
        The most gradients that its searches take, and the most often that they seek what is best driven (`Model.aimed`).
    n_judge_calls : int
        The most calls to judges, each question asked once.
    n_guard_calls : int
        The most calls of defences to models, at one a defence that asks and a call behind it.
    n_writer_calls : int
        The most calls to models that write for attacks; their cost is in `high_usd`.
    audio_s : float
        Seconds of audio in them, of items whose length is known.
    low_usd, high_usd : float or None
        For short answers that parsers can read, and for the longest ones, all judged; None where a price is not known.
    note : str
        What the estimate leaves out.
    """

    n_calls: int
    at_most: bool = False
    n_gradients: int = 0
    n_aims: int = 0
    n_judge_calls: int = 0
    n_guard_calls: int = 0
    n_writer_calls: int = 0
    audio_s: float
    low_usd: float | None
    high_usd: float | None
    note: str


def estimate(
    plan: Plan,
    jobs: Sequence[Job],
    *,
    model: Model,
    guards: Mapping[str, Model] | None = None,
    others: Mapping[str, Model] = MappingProxyType({}),
    judges: Sequence[ModelJudge | NamedJudge] = (),
    settings: Settings = Settings(),  # noqa: B008
) -> Estimate:
    """What executing the jobs will ask and cost; asks nothing."""
    jobs = [job for job in jobs if in_shard(job.item.id, plan.shard)]
    calls = calls_of(jobs, cached=settings.cache is not None)
    n_least, n_calls = (sum(counts) for counts in ((one.least for one in calls), (one.most for one in calls)))
    audio_s = sum(one.most * (one.duration_s or 0.0) for one in calls)
    least_s = sum(one.least * (one.duration_s or 0.0) for one in calls)
    asked = [judge for judge in judges if isinstance(judge, ModelJudge)]
    n_judged = sum(job.kind == "item" for job in jobs)
    notes = []
    unstated = sorted({job.setup_arm.attack or "" for job, one in zip(jobs, calls, strict=True) if one.unstated})
    if unstated:
        notes.append(f"what the search of {' and '.join(unstated)} asks is not counted, since it does not say how much")
    if any(one.duration_s is None for one in calls):
        notes.append("some recordings have no known length")
    guarded = _guard_calls(jobs, calls)
    if guarded:
        notes.append("defences ask models at most about every call")
    if asked:
        notes.append("judges are asked what no parser can decide, at most about every item")
    price = price_of(model, settings.prices)
    guarding = {spec: (guards or {}).get(spec, model) for spec in guarded}
    guard_prices = {spec: price_of(one, settings.prices) for spec, one in guarding.items()}
    writers: Counter[str] = Counter()
    for one in calls:
        writers.update(one.writers)
    written_by = {spec: price_of(others[spec], settings.prices) for spec in writers if spec in others}
    prices = {
        model.name: price,
        **{guarding[spec].name: one for spec, one in guard_prices.items()},
        **written_by,
        **{judge.model.name: price_of(judge.model, settings.prices) for judge in asked},
    }
    unknown = [name for name, one in prices.items() if one is None]
    low = high = None
    if unknown:
        notes.append(f"no price is known for {' and '.join(unknown)}")
    else:
        low, high = (
            price.of_call(audio_s=seconds, n_characters=n * TYPICAL_CHARACTERS, n_output_tokens=n * n_tokens, n_turns=n)
            for n, seconds, n_tokens in (
                (n_least, least_s, SHORT_ANSWER),
                (n_calls, audio_s, max(SHORT_ANSWER, settings.sampling.max_tokens)),
            )
        )
        heard_s = sum(job.item.duration_s or 0.0 for job in jobs if job.kind == "item")
        high += sum(_of_guard(guard_prices[spec], n) for spec, n in guarded.items())
        high += sum(_of_writer(prices[spec], writers[spec]) for spec in written_by)
        high += sum(_of_judge(prices[judge.model.name], n_judged, heard_s if judge.hears else 0.0) for judge in asked)
    return Estimate(
        n_calls=n_calls,
        at_most=n_calls > n_least,
        n_gradients=sum(one.n_gradients for one in calls),
        n_aims=sum(one.n_aims for one in calls),
        n_judge_calls=n_judged * len(asked),
        n_guard_calls=sum(guarded.values()),
        n_writer_calls=writers.total(),
        audio_s=audio_s,
        low_usd=low,
        high_usd=high,
        note="; ".join(notes),
    )


@dataclass(frozen=True, kw_only=True)
class Calls:
    """Calls that a job takes: the least, and the most; `unstated` where its attack does not say how much it asks.

    `n_gradients` and `n_aims` are the most that its search takes beside them.
    """

    least: int
    most: int
    duration_s: float | None
    unstated: bool = False
    writers: Mapping[str, int] = field(default_factory=dict)
    n_gradients: int = 0
    n_aims: int = 0


def calls_of(jobs: Sequence[Job], *, cached: bool = True) -> list[Calls]:
    """The calls of each job; what arms share of an attack on an item is counted with the first of them.

    Parameters
    ----------
    cached : bool
        Whether what the items of a task ask alike is asked once.
    """
    specs = {job.setup_arm.attack for job in jobs if job.setup_arm.attack is not None}
    attacks = {spec: registry("attacks").make(spec) for spec in specs}
    made: set[tuple[str, str, str]] = set()
    return [_calls(job, attacks, made, cached=cached) for job in jobs]


def _calls(job: Job, attacks: Mapping[str, Any], crafts: set[tuple[str, str, str]], *, cached: bool) -> Calls:
    earlier = (
        job.item.n_turns - 1
    )  # of a conversation the last turn is attacked, and asked once more to see that it is the last
    if job.setup_arm.attack is None:
        return Calls(least=1 + earlier, most=1 + earlier, duration_s=job.item.duration_s)
    attack = attacks[job.setup_arm.attack]
    n_parts = 1 if attack.control_name is None else 2
    least = CALLS_PER_ATTACK + n_parts - 1 + earlier
    if (
        job.item.own_attack is not None
    ):  # its search asks the model that the task names; its clean clip and control are items
        most = 1 + earlier if cached else least
        return Calls(least=most, most=most, duration_s=job.item.duration_s)
    built_on = job.arm.crafted_on or job.arm.stack
    craft = (job.item.id, str(attack.craft_spec), "" if built_on == UNDEFENDED else built_on)
    anew = craft not in crafts
    limit = attack.most_queries if anew else 0
    crafts.add(craft)
    writers = dict.fromkeys(getattr(attack, "writers", ()), getattr(attack, "max_writer_calls", 0)) if anew else {}
    most = least + n_parts * (limit or 0) + (CALLS_PER_TWIN if job.item.twin is not None else 0)
    return Calls(
        least=least,
        most=most,
        duration_s=job.item.duration_s,
        unstated=limit is None,
        n_gradients=attack.max_gradients if anew else 0,
        n_aims=attack.max_aims if anew else 0,
        writers=writers,
    )


def _of_writer(price: Price | None, n_calls: int) -> float:
    """The cost in US dollars of a writer's calls at their longest."""
    assert price is not None
    return price.of_call(
        audio_s=0.0,
        n_characters=n_calls * WRITER_CHARACTERS,
        n_output_tokens=n_calls * WRITER_TOKENS,
        n_turns=n_calls,
    )


def _guard_calls(jobs: Sequence[Job], calls: Sequence[Calls]) -> dict[str, int]:
    """The most calls to each model that defences ask, by specification: one for each call that they stand around."""
    asks = guards_of({job.setup_arm for job in jobs})
    counts: Counter[str] = Counter()
    for job, one in zip(jobs, calls, strict=True):
        for defence in job.setup_arm.defences:
            counts.update({spec: one.most for spec in asks.get(defence, ())})
    return dict(counts)


def _of_guard(price: Price | None, n_calls: int) -> float:
    """The cost in US dollars of a guard's calls, each about as long as the longest prompt, with short answers."""
    assert price is not None, "what has no price has no estimate"
    return price.of_call(
        audio_s=0.0, n_characters=n_calls * GUARD_CHARACTERS, n_output_tokens=n_calls * GUARD_TOKENS, n_turns=n_calls
    )


def _of_judge(price: Price, n_calls: int, audio_s: float) -> float:
    """The cost in US dollars of one judge's calls with the longest replies."""
    return price.of_call(
        audio_s=audio_s,
        n_characters=n_calls * JUDGE_CHARACTERS,
        n_output_tokens=n_calls * LONG.max_tokens,
        n_turns=n_calls,
    )
