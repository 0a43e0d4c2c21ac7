"""The parts of the page as values: rows with bars, sections by pillar, charts, tables of groups, pairs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from earnest.plan import Plan
from earnest.records import Arm
from earnest.report.certified import certificate_words
from earnest.report.gather import Report
from earnest.report.judges import destinations, judges_of
from earnest.report.memory_audits import MemoryAudit, memory_audits
from earnest.report.numbers import interval, interval_of, is_signed, shown, value_of, words
from earnest.results.finding import Finding, ThreatModel
from earnest.results.pairs import Pair
from earnest.results.reasons import ReasonCount
from earnest.results.scorecard import MAX_UNSCORED_SHARE, PillarScore

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

MOST_GAPS = 25
"""Gaps between groups that are listed under fairness; every task has its own."""

FEWEST = 5
"""A number over fewer scored items is in `report.json` alone, unless it is a task's headline."""

FAILED_BELOW = 0.5
"""An item with a lower score is shown as failed."""

PAIR_NAMES = {
    "attack_success_rate": "the attack succeeds",
    "attack_on_target_rate": "the attack succeeds, on target",
    "attack_complied_rate": "not refused, on target or not",
    "attack_on_target_within": "on target within so many queries",
    "attack_other_answer_rate": "neither refused nor on target",
    "control_success_rate": "its control succeeds",
    "control_on_target_rate": "its control succeeds, on target",
    "control_complied_rate": "its control is not refused",
    "twin_helped_under_attack": "harmless twin helped under the same distortion",
    "twin_help_lost_to_attack": "harmless twin no longer helped",
    "attack_success_over_control": "attack minus control",
    "score_lost_to_attack": "score lost to the attack",
    "attack_queries": "queries an item, mean",
    "attack_gradients": "gradients an item, mean",
    "attack_output_growth": "length of the answer over that without the attack, mean",
    "attack_added_tokens": "tokens that the attack adds to an answer, mean",
    "attack_added_seconds": "time that the attack adds to an answer, mean",
    "attack_added_usd": "cost that the attack adds to an answer, mean",
    "attack_median_snr_db": "signal to change, median",
    "attack_median_masking_excess_db": "change above what the clip masks, median",
    "attack_beyond_budget": "beyond its budget",
    "defence_score_change": "utility: score with the defence minus without",
    "defence_refusal_change": "refusals with the defence minus without",
    "defence_added_ms": "time that the defence adds, mean",
    "defence_added_calls": "calls that the defence makes to models, mean",
    "defence_added_tokens": "tokens of what the defence asks, mean",
    "defence_added_usd": "cost of what the defence asks, mean",
    "defence_attack_success_change": "attack success with the defence minus without",
    "defence_score_gain": "score under attack with the defence minus without",
}


UNITS = {"db": "dB", "dbfs": "dBFS", "hz": "Hz", "khz": "kHz", "ms": "ms", "s": "s", "kbps": "kbit/s"}
"""Units by the suffix of a name."""

KEY_NAMES = {
    ("attack", True, False, "attack_on_target_rate"): "the attack succeeds, on target",
    ("attack", True, False, "attack_complied_rate"): "not refused, on target or not",
    ("attack", True, False, "twin_helped_under_attack"): "harmless twin helped under the same distortion",
    ("attack", True, False, "control_on_target_rate"): "its control succeeds, on target",
    ("attack", True, False, "attack_success_over_control"): "attack minus control",
    ("attack", True, False, "score_lost_to_attack"): "score lost to the attack",
    ("attack", True, True, "attack_on_target_rate"): "the attack succeeds against the defence, on target",
    ("defence", True, True, "defence_attack_success_change"): "gain: attack success",
    ("defence", True, True, "defence_score_gain"): "gain: score under attack",
    ("defence", False, True, "defence_score_change"): "cost: score without an attack",
    ("defence", False, True, "defence_refusal_change"): "cost: refusals without an attack",
    ("defence", False, True, "defence_added_ms"): "cost: time",
    ("defence", False, True, "defence_added_calls"): "cost: calls to models",
    ("defence", False, True, "defence_added_usd"): "cost: money",
}
"""What a card shows unopened: (kind of pair, attacked, defended, metric), and what it is called there."""

WHO_KNOWS = {True: " (by one who knows it)", False: " (by one who does not know it)", None: ""}
"""What is put behind a row of a defended attack: whether it was made against the defence."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """Where things stand on a bar, in percent of its width; None: not drawn."""

    low: float | None
    high: float | None
    value: float | None
    baseline: float | None
    zero: float | None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A number as a row of the page."""

    name: str
    value: str
    interval: str
    n: str
    unscored: str
    many_unscored: bool
    bar: Bar | None
    said: str
    thin: bool = False
    note: str = ""
    how: str = ""
    id: str = ""
    bounds: str = ""
    """What the value would be with every unscored item at 0 and at 1, where that might turn the conclusion."""
    strong: bool = False
    less: bool = False
    """Whether less is better."""


@dataclass(frozen=True, kw_only=True)
class TaskSection:
    """A task: its headline in each condition, and its other measures.

    `n_elsewhere` counts the measures that the page leaves to `report.json`: those over fewer than five items, and, but for a
    full page, those of other conditions than the clean one and the points of curves.
    """

    name: str
    title: str
    source: str
    metric: str
    heads: tuple[Row, ...]
    others: tuple[Row, ...]
    n_elsewhere: int
    not_run: str | None


@dataclass(frozen=True, kw_only=True)
class PillarSection:
    """A pillar with its tasks."""

    key: str
    question: str
    shown: str
    score: PillarScore
    tasks: tuple[TaskSection, ...]
    gaps: tuple[Row, ...] = ()
    """Of fairness: the gaps between groups in every task, the best established ones first."""
    audits: tuple[MemoryAudit, ...] = ()
    """Of privacy: audits of the model's memory that lie in the folder; no part of the pillar's value."""


@dataclass(frozen=True, kw_only=True)
class PairCard:
    """What an attack and a defence do to a task."""

    title: str
    task: str
    key: tuple[Row, ...]
    parts: tuple[tuple[str, str, tuple[Row, ...]], ...]


def arm_words(arm: Arm) -> str:
    """The arm in words: `clean`, `attacked by pgd`, `defended by codec`, ..."""
    parts = [f"attacked by {arm.shown_attack}"] if arm.attack else []
    parts += [f"defended by {arm.stack}"] if arm.defences else []
    return ", ".join(parts) or "clean"


def title_of(report: Report, name: str) -> str:
    """The task's title, with its name where the suite gave it one; the name as words where it is not installed here."""
    title = getattr(report.tasks.get(name), "title", "")
    own = any(task.name == name and task.task for task in report.plan.tasks)
    return f"{title} ({words(name)})" if title and own else title or words(name)


def description(report: Report) -> list[tuple[str, str]]:
    """The plan in pairs of name and value."""
    plan = report.plan
    arms = [arm_words(arm) for arm in plan.by_arm]
    told = [
        ("data", plan.data),
        ("suite", f"{plan.suite}, version {plan.suite_version}"),
        ("finished", report.finished.strftime("%-d %B %Y, %H:%M UTC")),
        ("arms", "; ".join(arms)),
        ("recordings sent to", ", ".join(destinations(report)) or "nobody: they stayed on the machine"),
        ("judges", "; ".join(judges_of(report))),
        *spent(report),
        ("options of the model", ", ".join(f"{key}={value}" for key, value in plan.model_options.items())),
        ("options of judges", ", ".join(f"{key}={value}" for key, value in plan.judge_options.items())),
        ("learnt of endpoints", "; ".join(map(str, plan.learnt))),
        ("limit", "" if plan.limit is None else f"{plan.limit} items a task"),
        ("part of a run", plan.shard or ""),
        ("seed", str(plan.seed)),
        ("earnest", plan.earnest),
        ("plan", plan.digest[:16]),
        ("model's fingerprint", plan.fingerprint[:32]),
    ]
    return [(name, value) for name, value in told if value]


def spent(report: Report) -> list[tuple[str, str]]:
    """What the run took, as far as the journal tells: time of calls, tokens, cost."""
    asked = [line for line in report.lines if line.answer is not None]
    times = sorted(line.duration_ms for line in asked if line.duration_ms > 0)
    tokens: dict[str, float] = {}
    for line in asked:
        for kind, count in line.usage.items():
            tokens[kind] = tokens.get(kind, 0.0) + count
    cost = tokens.pop("cost_usd", None)
    told = []
    if times:
        median, longest = times[len(times) // 2], times[-1]
        told.append(("time of a call", f"{median / 1e3:.3g} s in the median, {longest / 1e3:.3g} s at most"))
        told.append(("time of all calls", f"{sum(times) / 6e4:.3g} min, added up"))
    if tokens:
        told.append(("tokens", ", ".join(f"{count:,.0f} {words(kind)}" for kind, count in sorted(tokens.items()))))
    if cost is not None:
        told.append(("cost", f"{cost:.4f} USD, as the answers tell"))
    return told


def pillar_sections(report: Report, *, full: bool = False) -> list[PillarSection]:
    """Every pillar with its tasks; `full` with their other measures in every condition."""
    return [
        PillarSection(
            key=score.pillar,
            question=score.question,
            shown=pillar_value(score),
            score=score,
            tasks=tuple(
                _task_section(report, task.name, not_run=task.not_run, full=full)
                for task in report.reachable_plan.tasks
                if task.pillar == score.pillar
            ),
            gaps=gap_rows(report) if score.pillar == "fairness" else (),
            audits=tuple(memory_audits(report.folder, model=report.plan.model)) if score.pillar == "privacy" else (),
        )
        for score in report.scorecard.pillars
    ]


def gap_rows(report: Report) -> tuple[Row, ...]:
    """Gaps between groups in all tasks in the clean arm, those that are best established first."""
    gaps = [f for f in report.findings if f.pillar == "fairness" and f.metric.endswith("_gap") and is_gap(f)]
    clean = [f for f in gaps if not _arm(f).suffix and f.unit == "fraction" and f.value and f.n_scored >= FEWEST]
    ranked = sorted(clean, key=lambda f: -(f.low if f.low is not None else -1.0))
    return tuple(
        replace(
            finding_row(f, name=f"{words(f.task)}: {words(f.metric)}, {(f.group or '').replace(' vs ', ' over ')}"),
            note="",
        )
        for f in ranked[:MOST_GAPS]
    )


@dataclass(frozen=True, kw_only=True)
class SubtaskRow:
    """A sub-task with what became of it."""

    key: str
    about: str
    tasks: str
    n_items: str
    n_scored: str
    many_unscored: bool
    why: str


def subtask_rows(report: Report) -> list[SubtaskRow]:
    """Every sub-task that the plan touches."""
    return [
        SubtaskRow(
            key=count.key,
            about=count.about,
            tasks=", ".join(words(task) for task in count.tasks),
            n_items=f"{count.n_items:,}" if count.n_items else "none",
            n_scored=f"{count.n_scored:,}" if count.n_items else "",
            many_unscored=count.n_items > 0 and count.n_scored < (1 - MAX_UNSCORED_SHARE) * count.n_items,
            why="; ".join(f"{words(task)}: {why}" for task, why in count.not_asked.items()),
        )
        for count in report.subtasks
    ]


def pair_cards(report: Report) -> list[PairCard]:
    """A card a task that was attacked, with what the attack and its control do, and what the defence gains and costs."""
    tasks = by_key(report.pairs, lambda pair: pair.task)
    return [
        _pair_card(report, task, members) for task, members in tasks.items() if any(pair.arm.attack for pair in members)
    ]


def defence_costs(report: Report) -> list[Row]:
    """What the defence costs tasks that were not attacked: score, and refusals where there are any."""
    attacked = {pair.task for pair in report.pairs if pair.arm.attack}
    names = {"defence_score_change": "score", "defence_refusal_change": "refusals"}
    which = len(report.plan.stacks) > 1
    return [
        replace(
            finding_row(
                pair.findings[metric],
                name=f"{title_of(report, pair.task)} {what.capitalize()}{f', {arm_words(pair.arm)}' if which else ''}",
            ),
            note="",
        )
        for pair in report.pairs
        if pair.task not in attacked
        for metric, what in names.items()
        if metric in pair.findings
    ]


def defended_by(plan: Plan) -> str:
    """The stacks of defences in words."""
    return "; or ".join(", then ".join(stack) for stack in plan.stacks)


def _pair_card(report: Report, task: str, members: Sequence[Pair]) -> PairCard:
    parts = []
    for pair in members:
        rows = tuple(
            finding_row(finding, name=_pair_name(finding), strong=metric == "attack_on_target_rate")
            for metric, finding in pair.findings.items()
        )
        threat = next(iter(pair.findings.values())).threat_model
        parts.append((arm_words(pair.arm), _power(report, threat, pair.control), rows))
    return PairCard(title=title_of(report, task), task=task, key=key_rows(members), parts=tuple(parts))


def _pair_name(finding: Finding) -> str:
    """What a finding of a pair is called, with the point of the curve that it is."""
    name = PAIR_NAMES.get(finding.metric, words(finding.metric))
    return name if finding.level is None else f"{name}: {finding.level:g}"


def powers(report: Report) -> list[tuple[str, str]]:
    """Each attacked arm in words, and what its attacker can do, knows and wants."""
    found: dict[str, str] = {}
    for pair in report.pairs:
        if pair.kind == "attack":
            threat = next(iter(pair.findings.values())).threat_model
            found.setdefault(arm_words(pair.arm), _power(report, threat, pair.control))
    return list(found.items())


def key_rows(members: Sequence[Pair]) -> tuple[Row, ...]:
    """The rows of a task's pairs that are shown first, in the order of `KEY_NAMES`."""
    several = any(len({part for pair in members if (part := of(pair.arm))}) > 1 for of in (_attack_of, _stack_of))
    rows = []
    for (kind, attacked, defended, metric), name in KEY_NAMES.items():
        for pair in members:
            if (pair.kind, pair.arm.attack is not None, bool(pair.arm.defences)) == (kind, attacked, defended):
                finding = pair.findings.get(metric)
                if finding is not None:
                    who = WHO_KNOWS[finding.threat_model.knows_defence] if attacked and defended else ""
                    which = f" ({arm_words(pair.arm)})" if several else ""
                    row = finding_row(finding, name=name + who + which, strong=metric == "attack_on_target_rate")
                    rows.append(replace(row, note=""))
    return tuple(rows)


def _attack_of(arm: Arm) -> str | None:
    return arm.attack


def _stack_of(arm: Arm) -> tuple[str, ...]:
    return arm.defences


def unscored_rows(report: Report) -> list[tuple[str, int, str, str]]:
    """Reason, number, meaning and commonest detail of everything that could not be scored."""
    details = {count.reason: _detail(count) for count in report.reasons}
    return [
        (words(reason), n, MEANINGS.get(reason, ""), details.get(reason, "")) for reason, n in report.unscored.items()
    ]


def _detail(count: ReasonCount) -> str:
    if not count.detail:
        return ""
    return count.detail if count.n_detail == count.n else f"{count.detail} ({count.n_detail:,} of them)"


MEANINGS = {
    "attack_failed": "the attack could propose nothing",
    "audio_format": "the endpoint takes no audio of this format, sample rate or number of channels",
    "audio_refused": "the endpoint does not take audio",
    "bad_audio": "the clip could not be read",
    "bad_response": "the endpoint's response had another form than it should",
    "cancelled": "the run was ended before the answer came",
    "connection": "the endpoint could not be reached",
    "content_filter": "the provider's filter stopped the question or the answer",
    "did_not_hear": "the model said that it heard no audio",
    "guard_is_judge": "the judge is what a defence decides by, so that what it says of the defence has no value",
    "scoring_failed": "scoring its answer raised an error",
    "empty_answer": "the model said nothing",
    "field_refused": "the endpoint refused a field of the request, or wants another",
    "history_refused": "the model does not take the earlier turns: these items are unsupported",
    "http_4xx": "the endpoint refused the request",
    "http_5xx": "the endpoint failed",
    "model_error": "the model failed",
    "not_run": "planned, and never asked: the run is not complete",
    "other_language": "the answer is in a language that no rule here reads, and no judge was given",
    "over_budget": "the call would have cost more than was allowed",
    "quota": "the account behind the key has no credit or quota left",
    "text_refused": "the endpoint takes no request without audio: these items are unsupported",
    "rate_limited": "the endpoint would take no more calls",
    "timeout": "no answer came in time",
    "too_long": "the recording or the prompt is too long for the model, or the answer was cut off",
    "too_many_clips": "the endpoint takes fewer recordings in one request",
    "too_short": "the recording is too short for the model",
    "unjudged": "no judge could decide",
    "unparsed": "no rule could tell what the answer means",
}
"""What each reason means, for a reader."""


# ---------------------------------------------------------------- rows


def finding_row(finding: Finding, *, name: str, domain: tuple[float, float] | None = None, strong: bool = False) -> Row:
    """A finding as a row, with a bar where its unit is a fraction or a domain is given."""
    signed = is_signed(finding)
    ends = domain or ((-1.0, 1.0) if signed else (0.0, 1.0)) if finding.unit == "fraction" or domain else None
    share = finding.unscored_share if finding.n_scored + finding.n_unscored else 1.0
    value, between = value_of(finding, signed=signed), interval_of(finding, signed=signed)
    return Row(
        name=name,
        value=value,
        interval=between,
        n=f"{finding.n_scored:,}",
        unscored=shown(share, "fraction"),
        many_unscored=share > MAX_UNSCORED_SHARE,
        bar=None if ends is None or finding.value is None else _bar(finding, ends),
        said=_said(name, value, between, finding),
        thin=finding.thin,
        note=finding.note,
        how=finding.interval,
        id=finding.id,
        bounds=_bounds(finding),
        strong=strong,
        less=finding.higher_is_better is False,
    )


def _bounds(finding: Finding) -> str:
    if not finding.left_open:
        return ""
    between = interval(finding.worst_low, finding.worst_high, finding.unit)
    return f"left open: {between}, whatever the {finding.n_unscored:,} unscored items had been"


def _said(name: str, value: str, between: str, finding: Finding) -> str:
    said = f"{name}: {value}, 95 % interval {between}"
    said += ", less is better" if finding.higher_is_better is False else ""
    return said + (f", baseline {shown(finding.baseline, finding.unit)}" if finding.baseline is not None else "")


def _bar(finding: Finding, ends: tuple[float, float]) -> Bar:
    low, high = ends

    def place(value: float | None) -> float | None:
        return None if value is None else round(100 * min(1.0, max(0.0, (value - low) / (high - low))), 2)

    return Bar(
        low=place(finding.low),
        high=place(finding.high),
        value=place(finding.value),
        baseline=place(finding.baseline) if low == 0 else None,
        zero=place(0.0) if low < 0 < high else None,
    )


def pillar_value(score: PillarScore) -> str:
    """A pillar's score as it is written; `not run` where none of its items was asked."""
    if score.n_scored + score.n_unscored == 0:
        return "not run"
    width = None if score.low is None or score.high is None else score.high - score.low
    return shown(score.value, "fraction", width=width)


# ---------------------------------------------------------------- parts


def _task_section(report: Report, name: str, *, not_run: str | None, full: bool) -> TaskSection:
    task = report.tasks.get(name)
    mine = [finding for finding in report.findings if finding.task == name]
    paired = {finding.id for pair in report.pairs for finding in pair.findings.values()}
    heads = [finding for finding in mine if finding.headline]
    rest = [finding for finding in mine if not finding.headline and finding.id not in paired]
    others = [f for f in rest if f.n_scored >= FEWEST and (full or not (_arm(f).suffix or _is_point(f)))]
    return TaskSection(
        name=name,
        title=title_of(report, name),
        source=getattr(task, "source", ""),
        metric=words(heads[0].metric) if heads else "",
        heads=tuple(finding_row(f, name=arm_words(_arm(f)), strong=not _arm(f).suffix) for f in heads),
        others=tuple(finding_row(f, name=_measure_name(f)) for f in others),
        n_elsewhere=len(rest) - len(others),
        not_run=not_run,
    )


def _is_point(finding: Finding) -> bool:
    """Whether it is a point of a curve: curves are drawn, with tables of their own."""
    return isinstance(finding.level, (int, float))


def _measure_name(finding: Finding) -> str:
    parts = [words(finding.metric)]
    parts += [finding.group] if finding.group else []
    parts += (
        [f"at {finding.level:g}" if isinstance(finding.level, (int, float)) else str(finding.level)]
        if (finding.level is not None)
        else []
    )
    arm = _arm(finding)
    parts += [arm_words(arm)] if arm.suffix else []
    return ", ".join(parts)


def _power(report: Report, threat: ThreatModel, control: str | None) -> str:
    told = []
    if threat.attack:
        told.append(f"the attacker is granted {threat.access}")
        told += [f"wants {threat.goal}"] if threat.goal and not threat.goal.startswith("none") else []
        told += ["knows the defence"] if threat.knows_defence else []
        told += ["does not know the defence: transfer figures"] if threat.knows_defence is False else []
    told += [f"control: {words(control)}"] if control else []
    about = certificate_words(threat.attack, threat.defences, model=report.plan.model, folder=report.folder)
    told += [about] if about else []
    return "; ".join(told)


def _arm(finding: Finding) -> Arm:
    return finding.threat_model.arm


def by_key(things: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Things by key, in the order in which keys first come."""
    found: dict[K, list[T]] = {}
    for thing in things:
        found.setdefault(key(thing), []).append(thing)
    return found


def is_gap(finding: Finding) -> bool:
    """Whether it is a difference between two groups."""
    return " vs " in (finding.group or "")
