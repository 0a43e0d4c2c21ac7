"""The parts of the page as values: rows with bars, sections by pillar, charts, tables of groups, pairs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from markupsafe import Markup

from earnest.plan import Plan
from earnest.records import Arm
from earnest.report.figures import Line, chart, mark
from earnest.report.gather import Report
from earnest.report.judges import destinations, judges_of
from earnest.report.numbers import bare, interval, interval_of, is_signed, shown, value_of, words
from earnest.results.finding import Finding, ThreatModel
from earnest.results.grid import grids
from earnest.results.pairs import Pair
from earnest.results.reasons import ReasonCount
from earnest.results.scorecard import MAX_UNSCORED_SHARE, PillarScore

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

MOST_GAPS = 25
"""Gaps between groups that are listed under fairness; every task has its own."""

MAX_LINES = 4
"""Lines of one chart; more make another chart."""

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
    "attack_median_snr_db": "signal to change, median",
    "attack_median_masking_excess_db": "change above what the clip masks, median",
    "attack_beyond_budget": "beyond its budget",
    "defence_score_change": "utility: score with the defence minus without",
    "defence_refusal_change": "refusals with the defence minus without",
    "defence_added_ms": "time that the defence adds, mean",
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
    ("defence", False, True, "defence_score_change"): "cost: score when nobody attacks",
    ("defence", False, True, "defence_refusal_change"): "cost: refusals when nobody attacks",
    ("defence", False, True, "defence_added_ms"): "cost: time",
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
    """A task: its headline in each arm, and every other measure."""

    name: str
    title: str
    source: str
    metric: str
    heads: tuple[Row, ...]
    others: tuple[Row, ...]
    not_run: str | None


@dataclass(frozen=True, kw_only=True)
class PillarSection:
    """A pillar with its tasks."""

    key: str
    question: str
    score: PillarScore
    tasks: tuple[TaskSection, ...]
    gaps: tuple[Row, ...] = ()
    """Of fairness: the gaps between groups in every task, the best established ones first."""


@dataclass(frozen=True, kw_only=True)
class Glance:
    """A pillar at a glance."""

    score: PillarScore
    row: Row


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart with its legend and the same numbers as a table."""

    title: str
    about: str
    svg: Markup
    legend: tuple[tuple[Markup, str], ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class Forest:
    """Groups beside each other, and the widest gap between two of them."""

    title: str
    about: str
    rows: tuple[Row, ...]
    gaps: tuple[Row, ...]
    note: str
    clean: bool


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


def summary(report: Report) -> str:
    """What the run found, in two sentences."""
    n_scored, n_planned = report.counts.n_scored, report.counts.n_planned
    n_tasks = sum(task.not_run is None for task in report.reachable_plan.tasks)
    tasks = "1 task" if n_tasks == 1 else f"{n_tasks} tasks"
    first = f"{tasks}, {n_planned:,} items, of which {n_scored:,} could be scored."
    n_arms = len(report.plan.arms)
    if n_arms > 1:
        first = f"{tasks} in {n_arms} conditions, {n_planned:,} items, of which {n_scored:,} could be scored."
    valued = [score for score in report.scorecard.pillars if score.on_scorecard and score.value is not None]
    if len(valued) < 2:
        return first
    ranked = sorted(valued, key=lambda score: score.value or 0.0)
    weakest, strongest = (_pillar_words(score) for score in (ranked[0], ranked[-1]))
    return f"{first} Weakest: {weakest}. Strongest: {strongest}.".replace(" %", "\u00a0%")


def glance(report: Report) -> list[Glance]:
    """The pillars of the scorecard that the plan has, in their order."""
    return [Glance(score=score, row=_pillar_row(score)) for score in report.scorecard.pillars if score.on_scorecard]


def others_beside(report: Report) -> list[Glance]:
    """The other pillars of the plan."""
    return [Glance(score=score, row=_pillar_row(score)) for score in report.scorecard.pillars if not score.on_scorecard]


def pillar_sections(report: Report) -> list[PillarSection]:
    """Every pillar with its tasks."""
    return [
        PillarSection(
            key=score.pillar,
            question=score.question,
            score=score,
            tasks=tuple(
                _task_section(report, task.name, not_run=task.not_run)
                for task in report.reachable_plan.tasks
                if task.pillar == score.pillar
            ),
            gaps=gap_rows(report) if score.pillar == "fairness" else (),
        )
        for score in report.scorecard.pillars
    ]


def gap_rows(report: Report) -> tuple[Row, ...]:
    """Gaps between groups in all tasks, nobody attacking or defending, those that are best established first."""
    gaps = [f for f in report.findings if f.pillar == "fairness" and f.metric.endswith("_gap") and _is_gap(f)]
    clean = [f for f in gaps if not _arm(f).suffix and f.unit == "fraction" and f.value]
    ranked = sorted(clean, key=lambda f: -(f.low if f.low is not None else -1.0))
    return tuple(
        replace(finding_row(f, name=f"{words(f.task)}: {words(f.metric)}, {(f.group or '').replace(' vs ', ' over ')}"), note="")
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


def charts(report: Report) -> list[Chart]:
    """A chart for each task and metric that was measured at two levels or more."""
    made: list[Chart] = []
    levelled = [finding for finding in report.findings if finding.level is not None and finding.value is not None]
    for (task, metric, arm), members in _by(levelled, lambda f: (f.task, f.metric, _arm(f))).items():
        lines = [
            Line(name=group or words(metric), points=tuple(points))
            for group, points in _by(members, lambda f: f.group).items()
            if len(points) > 1
        ]
        if not lines:
            continue
        x_name = _level_name(report, task, [point.level for point in members])
        made += [_chart(report, task, metric, arm, some, x_name=x_name) for some in _batches(lines, MAX_LINES)]
    return made


def forests(report: Report) -> list[Forest]:
    """Groups beside each other, for each task, metric, arm and kind of group."""
    grouped = [f for f in report.findings if f.group and f.level is None and not _is_gap(f) and not _is_agreement(f)]
    gaps = [f for f in report.findings if _is_gap(f)]
    made = []
    for (task, metric, arm, kind), members in _by(
        grouped, lambda f: (f.task, f.metric, _arm(f), _kind(f.group))
    ).items():
        names = {finding.group for finding in members}
        if len(names) < 2:
            continue
        ends = _domain(members)
        mine = [gap for gap in gaps if gap.task == task and _arm(gap) == arm and set(_two(gap)) <= names]
        unit = members[0].unit
        notes = {f.note for f in members if f.note}
        shared = notes.pop() if len(notes) == 1 else ""
        made.append(
            Forest(
                title=title_of(report, task),
                about=", ".join(part for part in (words(metric), kind, arm_words(arm)) if part),
                rows=tuple(
                    replace(finding_row(f, name=_member(f.group), domain=ends), note="" if shared else f.note)
                    for f in _ordered(members)
                ),
                note=_sentence(shared),
                gaps=tuple(_gap_row(gap) for gap in mine if gap.unit == unit),
                clean=not arm.suffix,
            )
        )
    return sorted(made, key=lambda forest: not forest.gaps)


def _sentence(note: str) -> str:
    """A note on groups as a sentence of its own; one that says how small they are names them."""
    return f"Groups with {note}" if note.startswith("fewer than") else note[:1].upper() + note[1:]


def pair_cards(report: Report) -> list[PairCard]:
    """A card a task that was attacked, with what the attack and its control do, and what the defence gains and costs."""
    tasks = _by(report.pairs, lambda pair: pair.task)
    return [_pair_card(report, task, members) for task, members in tasks.items() if any(pair.arm.attack for pair in members)]


@dataclass(frozen=True, kw_only=True)
class GridTable:
    """Attacks by stacks of defences on a task: a head for each column, and of each row its name and cells."""

    title: str
    task: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[GridCell | None, ...]], ...]


@dataclass(frozen=True, kw_only=True)
class GridCell:
    """A number of a grid, with its interval, its count, and how dark it is, from 0 to 100."""

    value: str
    interval: str
    n: int
    shade: int
    id: str


def grid_tables(report: Report) -> list[GridTable]:
    """The grids of a run that has several attacks or several stacks of defences; none of another."""
    if len(report.plan.attacks) < 2 and len(report.plan.stacks) < 2:
        return []
    return [
        GridTable(
            title=title_of(report, grid.task),
            task=grid.task,
            heads=tuple("+".join(stack) or "no defence" for stack in grid.columns),
            rows=tuple(
                (row or "nobody attacks: score", tuple(map(_grid_cell, cells)))
                for row, cells in zip(grid.rows, grid.cells, strict=True)
            ),
        )
        for grid in grids(report.plan, report.findings)
    ]


def _grid_cell(finding: Finding | None) -> GridCell | None:
    if finding is None or finding.value is None:
        return None
    shade = round(100 * finding.value) if finding.threat_model.attack else 0
    return GridCell(value=value_of(finding), interval=interval_of(finding), n=finding.n_scored, shade=shade, id=finding.id)


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
        parts.append((arm_words(pair.arm), _power(threat, pair.control), rows))
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
            found.setdefault(arm_words(pair.arm), _power(threat, pair.control))
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
    "scoring_failed": "scoring its answer raised an error",
    "empty_answer": "the model said nothing",
    "field_refused": "the endpoint refused a field of the request, or wants another",
    "history_refused": "the model does not take the earlier turns: such items are beyond it",
    "http_4xx": "the endpoint refused the request",
    "http_5xx": "the endpoint failed",
    "model_error": "the model failed",
    "not_run": "planned, and never asked: the run is not complete",
    "other_language": "the answer is in a language that no rule here reads, and no judge was given",
    "over_budget": "the call would have cost more than was allowed",
    "quota": "the account behind the key has no credit or quota left",
    "text_refused": "the endpoint takes no request without audio: such items are beyond it",
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


def _pillar_row(score: PillarScore) -> Row:
    width = None if score.low is None or score.high is None else score.high - score.low
    asked = score.n_scored + score.n_unscored > 0
    value = shown(score.value, "fraction", width=width) if asked else "not run"
    between = interval(score.low, score.high, "fraction")
    bar = None
    if score.value is not None:
        low, high = (None if end is None else round(100 * end, 2) for end in (score.low, score.high))
        bar = Bar(low=low, high=high, value=round(100 * score.value, 2), baseline=None, zero=None)
    return Row(
        name=score.pillar,
        value=value,
        interval=between,
        n=f"{score.n_scored:,}",
        unscored=shown(score.unscored_share if asked else None, "fraction"),
        many_unscored=asked and score.unscored_share > MAX_UNSCORED_SHARE,
        bar=bar,
        said=f"{score.pillar}: {value}, 95 % interval {between}",
        thin=score.thin,
        how=score.interval,
    )


def _pillar_words(score: PillarScore) -> str:
    width = None if score.low is None or score.high is None else score.high - score.low
    between = "" if score.low is None else f" ({interval(score.low, score.high, 'fraction')})"
    return f"{score.pillar}, {shown(score.value, 'fraction', width=width)}{between}"


def _gap_row(gap: Finding) -> Row:
    higher, lower = _two(gap)
    if gap.low is None:
        shows = "no interval could be made"
    else:
        shows = "" if gap.low > 0 else "the interval holds 0: no gap is established"
    left_out = [part for part in gap.note.split("; ") if part.startswith("left out")]
    row = finding_row(gap, name=f"{_member(higher)} over {_member(lower)}", strong=True)
    return replace(row, note="; ".join([shows, *left_out] if shows else left_out))


# ---------------------------------------------------------------- parts


def _task_section(report: Report, name: str, *, not_run: str | None) -> TaskSection:
    task = report.tasks.get(name)
    mine = [finding for finding in report.findings if finding.task == name]
    paired = {finding.id for pair in report.pairs for finding in pair.findings.values()}
    heads = [finding for finding in mine if finding.headline]
    others = [finding for finding in mine if not finding.headline and finding.id not in paired]
    return TaskSection(
        name=name,
        title=title_of(report, name),
        source=getattr(task, "source", ""),
        metric=words(heads[0].metric) if heads else "",
        heads=tuple(finding_row(f, name=arm_words(_arm(f)), strong=not _arm(f).suffix) for f in heads),
        others=tuple(finding_row(f, name=_measure_name(f)) for f in others),
        not_run=not_run,
    )


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


def _level_name(report: Report, task: str, levels: Sequence[float | str | None]) -> str:
    """What a task's levels are of: as the task says, or the one thing true of its items that takes these values."""
    said = str(getattr(report.tasks.get(task), "level_name", ""))
    if said:
        return said
    found: dict[str, set[object]] = {}
    for line in (line for (name, _), own in report.items_of.items() if name == task for line in own):
        for key, value in line.truth.items():
            if isinstance(value, (int, float, str)):
                found.setdefault(key, set()).add(value)
    name = next((key for key, values in found.items() if set(levels) <= values), "level")
    stem, _, suffix = name.rpartition("_")
    return f"{words(stem)}, {UNITS[suffix]}" if stem and suffix in UNITS else words(name)


def _chart(report: Report, task: str, metric: str, arm: Arm, lines: Sequence[Line], *, x_name: str) -> Chart:
    points = [point for line in lines for point in line.points]
    unit = points[0].unit
    rows = [
        finding_row(point, name=f"{line.name}, {bare_level(point.level)}") for line in lines for point in line.points
    ]
    return Chart(
        title=title_of(report, task),
        about=f"{words(metric)}, {arm_words(arm)}",
        svg=chart(lines, unit=unit, x_name=x_name, y_name=words(metric)),
        legend=tuple((mark(number), line.name) for number, line in enumerate(lines)),
        rows=tuple(rows),
    )


def bare_level(level: float | str | None) -> str:
    """A level as text."""
    return bare(level, "") if isinstance(level, (int, float)) else str(level)


def _power(threat: ThreatModel, control: str | None) -> str:
    told = []
    if threat.attack:
        told.append(f"the attacker is granted {threat.access}")
        told += [f"wants {threat.goal}"] if threat.goal and not threat.goal.startswith("none") else []
        told += ["knows the defence"] if threat.knows_defence else []
        told += ["does not know the defence: transfer figures"] if threat.knows_defence is False else []
    told += [f"control: {words(control)}"] if control else []
    return "; ".join(told)


def _arm(finding: Finding) -> Arm:
    return finding.threat_model.arm


def _by(things: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Things by key, in the order in which keys first come."""
    found: dict[K, list[T]] = {}
    for thing in things:
        found.setdefault(key(thing), []).append(thing)
    return found


def _batches(lines: Sequence[Line], size: int) -> list[list[Line]]:
    return [list(lines[begin : begin + size]) for begin in range(0, len(lines), size)]


def _is_gap(finding: Finding) -> bool:
    return " vs " in (finding.group or "")


def _is_agreement(finding: Finding) -> bool:
    return finding.metric.startswith("judge_")


def _two(gap: Finding) -> tuple[str, str]:
    higher, _, lower = (gap.group or "").partition(" vs ")
    return higher, lower


def _kind(group: str | None) -> str:
    """What the groups are of: `gender` where they are called `gender=female`."""
    kind, equals, _ = (group or "").partition("=")
    return kind.replace("_", " ") if equals else ""


def _member(group: str | None) -> str:
    return (group or "").partition("=")[2] or (group or "")


def _ordered(members: Sequence[Finding]) -> list[Finding]:
    return sorted(members, key=lambda f: (f.value is None, -(f.value or 0.0) * (1 if f.higher_is_better else -1)))


def _domain(members: Sequence[Finding]) -> tuple[float, float]:
    ends = [end for f in members for end in (f.value, f.low, f.high) if end is not None]
    if members[0].unit == "fraction":
        return (-1.0, 1.0) if min(ends, default=0) < 0 else (0.0, max(1.0, *ends, 1.0))
    return min(0.0, *ends, 0.0), max(list(itertools.chain(ends, [1e-9])))
