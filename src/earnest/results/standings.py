"""Runs beside each other: which may be ranked together, on what, and with what interval of the rank.

Runs stand in one table where suite, version, data, limit, seed and the judge are equal. A pillar is there the mean of the
tasks that every ranked run was asked and in one version; a task that one of them lacks is left out for all, and named, and so
is a pillar that has no number in the report of one of them.
The total is the weighted mean of the pillars that all have. Ranks come from drawing clusters with replacement, a speaker
or text counting as often in every task and every run; a headline that cannot be drawn so (all clusters agree, there are
fewer than six, or it is not made of sums) is drawn from its own interval.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earnest import pillars
from earnest.errors import BadParameter
from earnest.metrics.correlation import Correlation, pairwise
from earnest.metrics.intervals import N_RESAMPLES
from earnest.metrics.ranking import interval_draws, rank_bands, rank_intervals
from earnest.pillars import HEADLINE, PILLARS
from earnest.plan import Plan
from earnest.records import Arm, JournalLine
from earnest.results.build import by_task_and_arm, read_lines, reads_all, task_measures
from earnest.results.finding import Finding
from earnest.results.measures import MIN_CLUSTERS
from earnest.results.naming import Place, tasks_of, tell_unloaded, with_missing
from earnest.results.reach import within_reach
from earnest.results.scorecard import AudioProof, audio_proof, combined, scorecard
from earnest.results.sums import Sums
from earnest.run_folder import file_in, read_json, taken_as_data

Floats = NDArray[np.float64]

MUST_AGREE = ("suite", "suite_version", "data_digest", "limit", "seed")
"""Parts of the plan that must be equal for runs to be ranked together; so must the judge whose word counts."""

MIN_THINGS = 10
"""Of recordings or speakers within a run, fewer give no correlation."""

_BLOCK = 1000
"""Clusters drawn at once, so that many of them stay within some 16 MB."""


@dataclass(frozen=True, kw_only=True)
class Headline:
    """A task's headline in the clean arm, with what it can be resampled by."""

    finding: Finding
    version: int
    sums: Sums | None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A run as a leaderboard takes it: headlines by task, and whether the audio was heard."""

    folder: Path
    plan: Plan
    lines: tuple[JournalLine, ...] = field(repr=False)
    headlines: Mapping[str, Headline]

    @classmethod
    def of(cls, folder: Path) -> Standing:
        """The run in `folder`.

        Raises
        ------
        BadData
            If it is no run folder, or its journal cannot be read.
        """
        folder = Path(folder)
        with taken_as_data(folder):
            plan, lines = within_reach(Plan.read(folder), read_lines(folder))
            tell_unloaded(plan)
            found = headlines(plan, lines, reported=_reported(folder))
        return cls(folder=folder, plan=plan, lines=tuple(lines), headlines=found)

    @property
    def model(self) -> str:
        """Specification of the model."""
        return self.plan.model

    @property
    def shown_model(self) -> str:
        """The model as readers are told of it."""
        return self.plan.shown_model

    @property
    def name(self) -> str:
        """Name of the folder: a page that is shared says nothing of where it lies."""
        return self.folder.resolve().name

    @property
    def kind(self) -> str:
        """`scripted` and `embedded` show the toolkit and no real model; others are `model`."""
        name = self.plan.model.partition(":")[0]
        return {"scripted": "scripted", "reference": "embedded"}.get(
            name.partition("/")[0], "embedded" if name == "earnest/reference" else "model"
        )

    @cached_property
    def judge(self) -> str | None:
        """The judge whose word counts where no parser decides: the run's first, or who was asked first afterwards."""
        asked = (name for line in self.lines for name in line.judges or {})
        return next(iter([*self.plan.judges, *asked]), None)

    @cached_property
    def audio(self) -> AudioProof:
        """Whether the model was shown to hear."""
        return audio_proof(self.lines)

    @cached_property
    def without_number(self) -> dict[str, str]:
        """Why a pillar has no number in the run's own report though tasks of it have one, by pillar."""
        heads = [head.finding for head in self.headlines.values()]
        return {
            score.pillar: score.no_value for score in scorecard(self.plan, heads, self.lines).pillars if score.no_value
        }

    @property
    def unranked(self) -> str:
        """Why it has no rank; empty where it may have one."""
        if self.plan.shard is not None:
            return f"it is part {self.plan.shard} of a run; join the parts with earnest merge"
        if self.audio.proven is False:
            return "it is not shown that the audio was heard"
        empty = sorted(name for name, head in self.headlines.items() if head.finding.value is None)
        if empty:
            more = f" and {len(empty) - 3} more" if len(empty) > 3 else ""
            return f"nothing was scored of {', '.join(name.replace('_', ' ') for name in empty[:3])}{more}"
        return "" if self.headlines else "no task was run"


def headlines(
    plan: Plan, lines: Sequence[JournalLine], *, reported: Mapping[str, Finding] | None = None
) -> dict[str, Headline]:
    """The headline of each task that was run in the clean arm.

    A task that is here in another version than it was run in can no longer count its lines; then what was `reported` of
    it at the time stands, without anything to resample, and without a report it is left out.
    """
    journal, tasks = by_task_and_arm(lines), tasks_of(plan)
    found: dict[str, Headline] = {}
    for task in plan.tasks:
        if task.not_run is not None:
            continue
        if getattr(tasks[task.name], "version", task.version) != task.version:
            said = (reported or {}).get(task.name)
            found |= {} if said is None else {task.name: Headline(finding=said, version=task.version, sums=None)}
            continue
        own = journal.get((task.name, Arm()), [])
        if reads_all(tasks[task.name]):
            own = [line for (_, arm), group in journal.items() if arm == Arm() for line in group]
        measure = next((one for one in task_measures(task, tasks[task.name], own) if one.headline), None)
        if measure is None:
            continue
        whole = with_missing(measure, 0 if plan.shard or reads_all(tasks[task.name]) else task.n_items - len(own))
        finding = Place(plan, task.pillar, task.name, Arm()).finding(whole)
        found[task.name] = Headline(finding=finding, version=task.version, sums=measure.sums)
    return found


def _reported(folder: Path) -> dict[str, Finding]:
    """The headlines in the clean arm, of the report that the folder has, if it has one."""
    try:
        said = read_json(file_in(folder, "report.json"))["findings"]
        findings = [Finding.model_validate(one) for one in said]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    heads = [one for one in findings if one.headline]
    return {one.task: one for one in heads if one.threat_model.arm == Arm()}


# ---------------------------------------------------------------- tables


@dataclass(frozen=True, kw_only=True)
class PillarPlace:
    """A run's value in one pillar of a table, on the common scale, with its rank among the ranked."""

    value: float | None
    low: float | None
    high: float | None
    n_scored: int
    n_unscored: int
    rank: int | None = None
    rank_low: int | None = None
    rank_high: int | None = None

    @property
    def unscored_share(self) -> float:
        """Share of the items that could not be scored; 0 where there were none."""
        total = self.n_scored + self.n_unscored
        return self.n_unscored / total if total else 0.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """A run's row of a table.

    Parameters
    ----------
    standing : Standing
    score, low, high : float or None
        Weighted mean of the pillars, with a 95 % interval from the draws; None where the run is not ranked.
    rank, rank_low, rank_high : int or None
    band : (int, int) or None
        Ranks shared with those it cannot be told apart from.
    pillars : mapping
    unranked : str
        Why it has no rank.
    """

    standing: Standing
    score: float | None
    low: float | None
    high: float | None
    rank: int | None
    rank_low: int | None
    rank_high: int | None
    band: tuple[int, int] | None
    pillars: Mapping[str, PillarPlace]
    unranked: str


@dataclass(frozen=True, kw_only=True)
class StandingsTable:
    """Runs that may be ranked together.

    Parameters
    ----------
    agreed : mapping
        What the runs share, by part of the plan, and the judge.
    pillars : tuple of str
        Those that count, in the order of display.
    weights : mapping
        Of these pillars, summing to 1.
    tasks : mapping
        Tasks by pillar that the values are made of.
    left_out : mapping
        Why a task or pillar is no part of them, by name.
    rows : tuple of Row
        Ranked ones first, best first.
    from_intervals : tuple of str
        Tasks of which a run was drawn from its interval.
    """

    agreed: Mapping[str, Any]
    data: str
    pillars: tuple[str, ...]
    weights: Mapping[str, float]
    tasks: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, str]
    rows: tuple[Row, ...]
    from_intervals: tuple[str, ...]

    @property
    def ranked(self) -> tuple[Row, ...]:
        """The rows that have a rank."""
        return tuple(row for row in self.rows if row.rank is not None)


def read_weights(texts: Sequence[str]) -> dict[str, float]:
    """Weights by pillar from `pillar=weight`; the six of the scorecard weigh 1 unless said otherwise, others 0.

    Raises
    ------
    BadParameter
        If a text has another form, a pillar does not exist, a weight is negative or all are 0.
    """
    weights = {key: float(key in HEADLINE) for key in PILLARS}
    for text in texts:
        name, equals, number = text.partition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not equals or not (math.isfinite(weight) and weight >= 0):
            raise BadParameter(f"a weight is written pillar=number, at least 0, as in safety=2, got {text!r}")
        weights[pillars.pillar(name).key] = weight
    if not any(weights.values()):
        raise BadParameter("at least one pillar must weigh more than 0, got weights of 0 alone")
    return weights


def agreed_parts(standing: Standing) -> dict[str, Any]:
    """What must be equal of runs that are ranked together."""
    dumped = standing.plan.model_dump(mode="json")
    return {**{part: dumped[part] for part in MUST_AGREE}, "judge": standing.judge}


def parted(standings: Sequence[Standing]) -> list[list[Standing]]:
    """The runs in groups that may be ranked together, in order of first appearance."""
    groups: list[list[Standing]] = []
    for standing in standings:
        fitting = (group for group in groups if agreed_parts(group[0]) == agreed_parts(standing))
        group = next(fitting, None)
        if group is None:
            groups.append([standing])
        else:
            group.append(standing)
    return groups


def why_apart(groups: Sequence[Sequence[Standing]]) -> list[str]:
    """In what each further group differs from the first: `b: seed is 0 there, 1 here`."""
    told = []
    for group in groups[1:]:
        first, here = agreed_parts(groups[0][0]), agreed_parts(group[0])
        parts = [f"{part} is {first[part]!r} there, {here[part]!r} here" for part in first if first[part] != here[part]]
        names = ", ".join(one.name for one in group)
        told.append(f"{names}: not ranked with {groups[0][0].name}, since {'; '.join(parts)}")
    return told


def table(group: Sequence[Standing], *, weights: Mapping[str, float]) -> StandingsTable:
    """The table of runs that may be ranked together.

    Parameters
    ----------
    weights : mapping
        By pillar, at least 0; those of the pillars that are present are scaled to sum to 1.
    """
    able = [standing for standing in group if not standing.unranked]
    left_out = _left_out(able or group)
    tasks = _tasks(able or group, left_out)
    for one in able:
        for key, why in one.without_number.items():
            if tasks.pop(key, None) is not None:
                left_out[key] = f"no number in the report of {one.shown_model}: {why}"
    counting = tuple(key for key in PILLARS if weights.get(key, 0) > 0 and key in tasks)
    for key in {head.finding.pillar for one in group for head in one.headlines.values()} - set(counting):
        left_out.setdefault(key, "no task that all runs were asked" if key not in tasks else "it weighs nothing")
    total = math.fsum(weights[key] for key in counting)
    scaled = {key: weights[key] / total for key in counting}
    shown = tuple(key for key in PILLARS if key in tasks)
    drawn, from_intervals = _pillar_draws(able, {key: tasks[key] for key in shown}) if able else ({}, [])
    rows = _ranked(able, drawn, shown, scaled, tasks) if able and counting else []
    ranked = {id(row.standing) for row in rows}
    rest = [_unranked(one, shown, tasks) for one in group if id(one) not in ranked]
    return StandingsTable(
        agreed=agreed_parts(group[0]),
        data=group[0].plan.data,
        pillars=shown,
        weights=scaled,
        tasks={key: tasks[key] for key in shown},
        left_out=left_out,
        rows=(*rows, *rest),
        from_intervals=tuple(from_intervals),
    )


def _left_out(group: Sequence[Standing]) -> dict[str, str]:
    """Tasks that cannot be compared over the whole group, and why."""
    names = dict.fromkeys(name for one in group for name in one.headlines)
    found: dict[str, str] = {}
    for name in names:
        lacking = [one.shown_model for one in group if name not in one.headlines]
        having = [one.headlines[name] for one in group if name in one.headlines]
        versions = {head.version for head in having}
        if lacking:
            found[name] = f"not asked of {', '.join(lacking)}"
        elif len(versions) > 1:
            found[name] = f"asked in versions {', '.join(str(version) for version in sorted(versions))}"
        elif len(parameters := {_parameters(one.plan, name) for one in group}) > 1:
            found[name] = f"asked with parameters {' and '.join(sorted(parameters))}"
        elif any(head.finding.unit != "fraction" or head.finding.higher_is_better is not True for head in having):
            found[name] = "its headline is no rate of which more is better"
    return found


def _parameters(plan: Plan, name: str) -> str:
    """The parameters that a task was given, in words, and what it is registered as where it has another name."""
    planned = next((task for task in plan.tasks if task.name == name), None)
    given = {} if planned is None else planned.parameters
    said = ", ".join(f"{key}={value}" for key, value in sorted(given.items())) or "by default"
    return f"{said} of {planned.task}" if planned is not None and planned.task else said


def _tasks(group: Sequence[Standing], left_out: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    by_pillar: dict[str, list[str]] = {}
    for name, head in group[0].headlines.items():
        if name not in left_out:
            by_pillar.setdefault(head.finding.pillar, []).append(name)
    return {key: tuple(names) for key, names in by_pillar.items()}


def _place(standing: Standing, tasks: Sequence[str]) -> PillarPlace:
    heads = [standing.headlines[name].finding for name in tasks if name in standing.headlines]
    numberless = any(head.pillar in standing.without_number for head in heads)
    value, low, high = combined([] if numberless else [head for head in heads if head.value is not None])
    return PillarPlace(
        value=value,
        low=low,
        high=high,
        n_scored=sum(head.n_scored for head in heads),
        n_unscored=sum(head.n_unscored for head in heads),
    )


def _unranked(standing: Standing, shown: Sequence[str], tasks: Mapping[str, tuple[str, ...]]) -> Row:
    return Row(
        standing=standing,
        score=None,
        low=None,
        high=None,
        rank=None,
        rank_low=None,
        rank_high=None,
        band=None,
        pillars={key: _place(standing, tasks[key]) for key in shown},
        unranked=standing.unranked or "no pillar counts",
    )


def _ranked(
    able: Sequence[Standing],
    drawn: Mapping[str, Floats],
    shown: Sequence[str],
    weights: Mapping[str, float],
    tasks: Mapping[str, tuple[str, ...]],
) -> list[Row]:
    """The rows of the runs that can be ranked, best first."""
    places: list[dict[str, PillarPlace]] = [{} for _ in able]
    for key in shown:
        plain = [_place(one, tasks[key]) for one in able]
        ranks = rank_intervals(drawn[key], values=[_number(one.value) for one in plain])
        for own, one, rank in zip(places, plain, ranks, strict=True):
            own[key] = PillarPlace(**{**asdict(one), "rank": rank.rank, "rank_low": rank.low, "rank_high": rank.high})
    scores = [math.fsum(weights[key] * _number(own[key].value) for key in weights) for own in places]
    totals = sum(weights[key] * drawn[key] for key in weights)
    ranks = rank_intervals(totals, values=scores)
    bands = rank_bands(ranks)
    ends = np.quantile(totals, [0.025, 0.975], axis=0)
    rows = [
        Row(
            standing=one,
            score=score,
            low=min(float(ends[0, at]), score),
            high=max(float(ends[1, at]), score),
            rank=ranks[at].rank,
            rank_low=ranks[at].low,
            rank_high=ranks[at].high,
            band=bands[at],
            pillars=places[at],
            unranked="",
        )
        for at, (one, score) in enumerate(zip(able, scores, strict=True))
    ]
    return sorted(rows, key=lambda row: (row.rank, str(row.standing.folder)))


def _number(value: float | None) -> float:
    assert value is not None, "a ranked run has a value in every task that it was asked"
    return value


# ---------------------------------------------------------------- draws


def _pillar_draws(
    able: Sequence[Standing], tasks: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, Floats], list[str]]:
    """Draws by pillar, shape (n_resamples, n_runs), and the tasks of which a run was drawn from its interval."""
    from_intervals: list[str] = []
    drawn: dict[str, Floats] = {}
    for key, names in tasks.items():
        parts = []
        for name in names:
            draws, blind = _task_draws(name, [one.headlines[name] for one in able])
            parts.append(draws)
            from_intervals += [name] if blind else []
        drawn[key] = np.mean(parts, axis=0)
    return drawn, from_intervals


def _task_draws(name: str, heads: Sequence[Headline]) -> tuple[Floats, bool]:
    """Draws of one task, shape (n_resamples, n_runs), and whether any run was drawn from its interval."""
    columns, blind = [], False
    for at, head in enumerate(heads):
        own = _from_clusters(head)
        if own is None:
            own, blind = _from_interval(head.finding, _rng(f"{name}/{at}/interval")), True
        columns.append(own)
    return np.stack(columns, axis=1), blind


def _from_clusters(head: Headline) -> Floats | None:
    """The headline on clusters drawn with replacement, gaps filled with its value; None where they say nothing of it."""
    value, sums = head.finding.value, head.sums
    assert value is not None
    if sums is None or sums.value is None or not math.isclose(sums.value, value, abs_tol=1e-9):
        return None
    if _n_least(sums) < MIN_CLUSTERS:
        return None
    drawn = np.zeros((N_RESAMPLES, *sums.totals.shape[1:]))
    for begin in range(0, len(sums.clusters), _BLOCK):
        times = np.stack([_times(name) for name in sums.clusters[begin : begin + _BLOCK]], axis=1)
        drawn += np.tensordot(times.astype(np.float64), sums.totals[begin : begin + _BLOCK], axes=1)
    draws = sums.of(drawn)
    known = np.isfinite(draws)
    if known.mean() < 0.5 or np.ptp(draws[known]) < 1e-12:
        return None
    return np.clip(np.where(known, draws, value), 0.0, 1.0)


def _n_least(sums: Sums) -> int:
    """Clusters of the part that has the fewest."""
    return len(sums.totals) if sums.estimate else int(np.count_nonzero(sums.totals[..., 1], axis=0).min())


@lru_cache(maxsize=16384)
def _times(cluster: str) -> NDArray[np.uint8]:
    """How often a cluster counts in each draw, shape (n_resamples,): a matter of its name, so that tasks and runs agree.

    That each is drawn by itself, with a mean of 1, is the Poisson bootstrap [hanley2006-poisson].
    """
    return _rng(f"cluster/{cluster}").poisson(1.0, N_RESAMPLES).astype(np.uint8)


def _from_interval(finding: Finding, rng: np.random.Generator) -> Floats:
    value = _number(finding.value)
    if finding.low is None or finding.high is None:
        return np.full(N_RESAMPLES, value)
    return interval_draws(value, low=finding.low, high=finding.high, rng=rng)


def _rng(name: str) -> np.random.Generator:
    return np.random.default_rng(np.frombuffer(hashlib.sha256(f"standings/{name}".encode()).digest(), dtype=np.uint32))


# ---------------------------------------------------------------- correlation of pillars


@dataclass(frozen=True, kw_only=True)
class Correlations:
    """Correlation of every two pillars over one kind of thing.

    Parameters
    ----------
    over : str
        What the pairs are: `models`, `samples`, `speakers or texts`.
    about : str
        Whose.
    columns : tuple of str
    pairs : mapping
        Correlation by two columns.
    """

    over: str
    about: str
    columns: tuple[str, ...]
    pairs: Mapping[tuple[str, str], Correlation]

    @property
    def n_valued(self) -> int:
        """Pairs of columns that have a value: how many were looked at."""
        return sum(one.value is not None for one in self.pairs.values())

    def between(self, first: str, second: str) -> Correlation | None:
        """The correlation of two columns, whichever comes first; None of a column with itself."""
        return self.pairs.get((first, second)) or self.pairs.get((second, first))


def over_models(columns: Mapping[str, Sequence[float | None]], *, about: str) -> Correlations:
    """Correlations of columns that hold one value a model; models are drawn."""
    known = {name: [math.nan if value is None else value for value in values] for name, values in columns.items()}
    return Correlations(over="models", about=about, columns=tuple(columns), pairs=pairwise(known, rng=_rng(about)))


def over_rows(table: StandingsTable, *, about: str) -> Correlations:
    """Correlations of the pillars of a table over its ranked runs."""
    columns = {key: [row.pillars[key].value for row in table.ranked] for key in table.pillars}
    return over_models(columns, about=about)


def over_samples(standing: Standing) -> Correlations:
    """Correlations of mean scores on rows of data that several pillars ask about; what shares a cluster is drawn together."""
    return _over(standing, "samples")


def over_clusters(standing: Standing) -> Correlations:
    """Correlations of mean scores on speakers (or texts) that several pillars hear; these are drawn."""
    return _over(standing, "speakers or texts")


def _over(standing: Standing, over: str) -> Correlations:
    pillar_of = {task.name: task.pillar for task in standing.plan.tasks}
    scores: dict[str, dict[str, list[float]]] = {}
    clusters: dict[str, set[str]] = {}
    for line in standing.lines:
        if line.kind != "item" or line.score is None or line.arm != Arm():
            continue
        cluster = line.cluster or line.sample
        thing = line.sample if over == "samples" else cluster
        scores.setdefault(thing, {}).setdefault(pillar_of[line.task], []).append(line.score)
        clusters.setdefault(thing, set()).add(cluster)
    several = {thing: by for thing, by in scores.items() if len(by) > 1}
    present = {key for by in several.values() for key in by}
    columns = {
        key: [math.fsum(by[key]) / len(by[key]) if key in by else math.nan for by in several.values()]
        for key in PILLARS
        if key in present
    }
    joined = _joined([clusters[thing] for thing in several])
    about = f"{standing.shown_model} ({standing.name})"
    pairs = pairwise(columns, clusters=joined, minimum=MIN_THINGS, rng=_rng(f"{over}/{standing.plan.digest}"))
    return Correlations(over=over, about=about, columns=tuple(columns), pairs=pairs)


def _joined(memberships: Sequence[set[str]]) -> list[int]:
    """A number for each set, equal for sets that share a member directly or over others."""
    number: dict[str, int] = {}
    for place, members in enumerate(memberships):
        touched = {number[name] for name in members if name in number}
        for name, at in number.items():
            if at in touched:
                number[name] = place
        number.update(dict.fromkeys(members, place))
    return [number[next(iter(members))] for members in memberships]
