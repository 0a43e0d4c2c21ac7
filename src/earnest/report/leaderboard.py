"""The leaderboard: own runs and published models as one page that needs no network, as text and as JSON.

Two parts are kept apart. Own runs have intervals, counts and ranks with intervals; the published models have one number
each, given by one judge. Both stand in one table only for runs of the official suite over all of its data, which asks
what was published; nothing else is ever ranked with a published number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from earnest import __version__
from earnest.benchmarks import Benchmark
from earnest.benchmarks.published import SCALES, JudgeGap, Published, PublishedRow, Recomputed
from earnest.errors import BadData, EarnestError, MachineFailed, StorageFailed
from earnest.metrics.intervals import N_RESAMPLES
from earnest.metrics.ranking import interval_draws, rank_intervals
from earnest.pillars import HEADLINE, PILLARS
from earnest.registry import registry
from earnest.report.estimates import Figure
from earnest.report.files import markdown_table
from earnest.report.numbers import UNKNOWN
from earnest.report.page import TEMPLATES, environment, policy, style
from earnest.report.plots import NARROW_PX, WIDE_PX
from earnest.report.rank_plot import rank_plot
from earnest.report.storage import write_text
from earnest.results.finding import Finding
from earnest.results.own_report import Differs, differing
from earnest.results.scorecard import MAX_UNSCORED_SHARE
from earnest.results.standings import (
    Correlations,
    Row,
    Standing,
    StandingsTable,
    over_clusters,
    over_models,
    over_rows,
    over_samples,
    parted,
    read_weights,
    table,
    why_apart,
)


@dataclass(frozen=True, kw_only=True)
class OfficialRow:
    """A model beside the published ones, by the columns of the published board.

    Parameters
    ----------
    model : str
    own : Standing or None
        The run that it comes from; None for a published model.
    columns : mapping
        On the common scale; None where a part is missing.
    findings : mapping
        Of an own run, the columns with count and interval.
    score : float or None
        Weighted mean of the columns that all rows have; None where there is none.
    rank, rank_low, rank_high : int or None
        Of an own run with the ranks that its own items leave open, the published numbers taken as they stand.
    """

    model: str
    own: Standing | None
    columns: Mapping[str, float | None]
    findings: Mapping[str, Finding]
    score: float | None
    rank: int | None
    rank_low: int | None = None
    rank_high: int | None = None


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """Own runs in the tables where they may be ranked together, and what was published.

    Parameters
    ----------
    tables : tuple of StandingsTable
    apart : tuple of str
        Why runs stand in several tables.
    weights : mapping
        By pillar, as asked for.
    correlations : tuple of Correlations
        Of pillars: published first, then over own runs, then within each run.
    benchmark : Benchmark
        Whose published models are shown.
    data : Published
    board : tuple of PublishedRow
    board_weights : mapping
        Of the published columns that count, summing to 1.
    aggregates : tuple of Recomputed
    gaps : tuple of JudgeGap
    official : tuple of OfficialRow
        Published models and comparable own runs; empty where there is no such run.
    official_weights : mapping
        Of the columns that all of these have, summing to 1.
    not_comparable : mapping
        Why a run of the official suite is not set beside the published ones, by folder.
    unreadable : mapping
        Why a folder that was given is in no table, by its name.
    """

    tables: tuple[StandingsTable, ...]
    apart: tuple[str, ...]
    weights: Mapping[str, float]
    correlations: tuple[Correlations, ...]
    benchmark: Benchmark
    data: Published
    board: tuple[PublishedRow, ...]
    board_weights: Mapping[str, float]
    aggregates: tuple[Recomputed, ...]
    gaps: tuple[JudgeGap, ...]
    official: tuple[OfficialRow, ...]
    official_weights: Mapping[str, float]
    not_comparable: Mapping[str, str]
    unreadable: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The leaderboard as JSON values."""
        return {
            "earnest": __version__,
            "weights": dict(self.weights),
            "tables": [_table_json(one) for one in self.tables],
            "apart": list(self.apart),
            "official": [_official_json(row, self.benchmark) for row in self.official],
            "official_weights": dict(self.official_weights),
            "not_comparable": dict(self.not_comparable),
            "unreadable": dict(self.unreadable),
            "published": self._published_json(),
            "correlations": [_correlations_json(one) for one in self.correlations],
        }

    def _published_json(self) -> dict[str, Any]:
        return {
            "source": self.data.source,
            "version": self.data.version,
            "note": self.benchmark.note,
            "not_counted": dict(self.benchmark.not_counted),
            "weights": dict(self.board_weights),
            "models": [asdict(row) for row in self.board],
            "tables": {
                key: {
                    **one.model_dump(mode="json"),
                    "conversion": one.conversion,
                    "common": {name: list(one.common(name)) for name in one.columns},
                }
                for key, one in self.data.tables.items()
            },
            "recomputed": [
                {**asdict(one), "n": one.n, "n_within": one.n_within, "largest_gap": one.largest}
                for one in self.aggregates
            ],
            "judges": [asdict(one) for one in self.gaps],
            "disagreements": [one.model_dump() for one in self.data.disagreements],
            "sampling_error": [one.model_dump() for one in self.data.sampling_error],
        }

    def as_text(self) -> str:
        """The leaderboard as Markdown."""
        parts = [f"# Leaderboard: {_summary(self)}"]
        if self.unreadable:
            parts.append("\n".join(f"- **left out: {name}: {why}**" for name, why in self.unreadable.items()))
        for one in self.tables:
            heads = ["rank", "model", "score", "95 % interval", *one.pillars]
            rows = [
                [
                    _rank_words(row),
                    _named(row.standing),
                    _two(row.score),
                    UNKNOWN if row.score is None else f"{_two(row.low)} to {_two(row.high)}",
                    *(_two(row.pillars[key].value) for key in one.pillars),
                ]
                for row in one.rows
            ]
            parts += [f"## {_agreed_words(one)}", markdown_table(heads, rows)]
            said = [
                *map(_differs_words, differing(one)),
                *_rule_words(one),
                *_left_words(one),
                *(f"not ranked: {_named(row.standing)}: {row.unranked}" for row in one.rows if row.unranked),
            ]
            parts += ["\n".join(f"- {words}" for words in said)] if said else []
        parts += self.apart
        for title, rows in self._boards():
            body = [
                [
                    _plain(rank),
                    name,
                    UNKNOWN if score is None else f"{score:.3f}",
                    *(_plain_column(columns, key, self.benchmark) for key in HEADLINE),
                ]
                for rank, name, score, columns in rows
            ]
            parts += [f"## {title}", markdown_table(["rank", "model", "score", *HEADLINE], body)]
        return "\n\n".join(parts) + "\n"

    def _boards(self) -> list[tuple[str, list[tuple[int | None, str, float | None, Mapping[str, float | None]]]]]:
        boards = [
            (
                f"Published, {self.data.version}: {self.benchmark.note}",
                [(row.rank, row.model, row.score, row.columns) for row in self.board],
            )
        ]
        if self.official:
            own = [
                (row.rank, row.model + (" (own run)" if row.own else ""), row.score, row.columns)
                for row in self.official
            ]
            boards.insert(0, ("The official suite, own runs beside published models", own))
        return boards

    def as_html(self) -> str:
        """The leaderboard as a page that needs no network."""
        script = (TEMPLATES / "leaderboard.js").read_text(encoding="utf-8")
        return (
            environment()
            .get_template("leaderboard.html.j2")
            .render(
                board=self,
                summary=_summary(self),
                gap_tables=_gap_tables(self),
                benchmark=self.benchmark,
                not_counted=self.benchmark.not_counted,
                max_unscored=MAX_UNSCORED_SHARE,
                headline=HEADLINE,
                version=__version__,
                agreed=_agreed_words,
                left_out=_left_words,
                rule=_rule_words,
                rank_words=_rank_words,
                tint=_tint,
                official_note=_official_note,
                number=_bare,
                repeated=_repeated(self),
                zip_names=lambda one: list(zip(self.data.names, one.within(), strict=True)),
                differing=differing,
                differs_words=_differs_words,
                rank_plots=[_rank_plots(one, place, repeated=_repeated(self)) for place, one in enumerate(self.tables)],
                style=style("leaderboard.css"),
                script=Markup(script),
                policy=policy(script),
            )
        )

    def write(self, out: Path) -> Path:
        """Write `index.html` and `leaderboard.json` into `out`; the path of the page comes back.

        Raises
        ------
        StorageFailed
            If a file could not be written.
        """
        out.mkdir(parents=True, exist_ok=True)
        write_text(out / "leaderboard.json", json.dumps(self.as_json(), indent=2, ensure_ascii=False) + "\n")
        write_text(out / "index.html", self.as_html())
        return out / "index.html"


def build(folders: Sequence[Path | str] = (), *, weights: Sequence[str] = (), suite: str | None = None) -> Leaderboard:
    """The leaderboard of run folders, and of what was published of the benchmark that they ask, or of the first there is.

    Parameters
    ----------
    folders : sequence of path
        Run folders, or folders that hold some.
    weights : sequence of str
        `pillar=weight`; the six of the scorecard weigh 1 unless said otherwise, others 0.
    suite : str or None
        Only runs of this suite.

    Raises
    ------
    BadData
        If folders were given and none of them can be read; one that cannot is left out of the page, which says so.
    BadParameter
        If a weight has another form.
    """
    asked = read_weights(weights)
    found, unreadable = _run_folders(folders)
    runs, faults = _readable(found)
    unreadable |= faults
    if unreadable and not runs:
        raise BadData("none of the folders can be read", [f"{name}: {why}" for name, why in unreadable.items()])
    runs = [run for run in runs if suite is None or run.plan.suite == suite]
    groups = parted(runs)
    tables = [table(group, weights=asked) for group in groups]
    benchmark = _benchmark_of(runs)
    rows, scaled = benchmark.ranked(asked)
    official, official_weights, not_comparable = _official(runs, rows, scaled, benchmark)
    return Leaderboard(
        tables=tuple(tables),
        apart=tuple(why_apart(groups)),
        weights=asked,
        correlations=_correlations(tables, runs, benchmark),
        benchmark=benchmark,
        data=benchmark.published(),
        board=tuple(rows),
        board_weights=scaled,
        aggregates=tuple(benchmark.recomputed()),
        gaps=tuple(benchmark.judge_gaps()),
        official=official,
        official_weights=official_weights,
        not_comparable=not_comparable,
        unreadable=unreadable,
    )


def _benchmark_of(runs: Sequence[Standing]) -> Benchmark:
    """The benchmark whose suite a run asks; the first by name where none asks any."""
    kinds = registry("benchmarks")
    suites = {run.plan.suite for run in runs}
    names = kinds.names()
    return kinds.make(next((name for name in names if name in suites), names[0]))


def _readable(folders: Sequence[Path]) -> tuple[list[Standing], dict[str, str]]:
    """The runs that can be read, and by folder why others cannot: one bad run takes no table from the rest."""
    runs: list[Standing] = []
    faults: dict[str, str] = {}
    for folder in folders:
        try:
            runs.append(Standing.of(folder))
        except (MachineFailed, StorageFailed):
            raise
        except EarnestError as error:
            name = folder.resolve().name  # a page that is shared says nothing of where it lies
            faults[name] = " ".join(str(error).replace(str(folder), name).split())
    return runs, faults


def _run_folders(folders: Sequence[Path | str]) -> tuple[list[Path], dict[str, str]]:
    """The run folders among `folders` and right below them, each once; and those that are none, with why."""
    found: dict[Path, Path] = {}
    faults: dict[str, str] = {}
    for folder in map(Path, folders):
        below = [] if (folder / "plan.json").exists() else sorted(path.parent for path in folder.glob("*/plan.json"))
        if not below and not (folder / "plan.json").exists():
            name = folder.resolve().name
            faults[name] = f"{name} is no run folder and holds none: no plan.json is there; make one with `earnest run`"
            continue
        for path in below or [folder]:
            found.setdefault(path.resolve(), path)
    return list(found.values()), faults


def _official(
    runs: Sequence[Standing], board: Sequence[PublishedRow], weights: Mapping[str, float], benchmark: Benchmark
) -> tuple[tuple[OfficialRow, ...], dict[str, float], dict[str, str]]:
    """Own runs of the official suite among the published models, the weights of columns that all have, and who is out."""
    mine = [(run, benchmark.columns(run.plan, run.lines)) for run in runs if run.plan.suite == benchmark.name]
    reasons = {run.name: why for run, made in mine if (why := _not_comparable(run, made))}
    able = [(run, made) for run, made in mine if not _not_comparable(run, made)]
    if not able:
        return (), {}, reasons
    rows: list[tuple[str, Standing | None, Mapping[str, float | None], Mapping[str, Finding]]]
    rows = [(row.model, None, row.columns, {}) for row in board]
    for run, made in able:
        rows.append((run.model, run, {name: made[name].value if name in made else None for name in HEADLINE}, made))
    shared = {name: w for name, w in weights.items() if all(columns.get(name) is not None for _, _, columns, _ in rows)}
    scaled = {name: weight / math.fsum(shared.values()) for name, weight in shared.items()}
    scores = [
        round(math.fsum(w * (columns.get(name) or 0.0) for name, w in scaled.items()), 9) for _, _, columns, _ in rows
    ]
    ranked = [
        OfficialRow(
            model=model,
            own=own,
            columns=columns,
            findings=findings,
            score=score if scaled else None,
            rank=1 + sum(other > score for other in scores) if scaled else None,
        )
        for (model, own, columns, findings), score in zip(rows, scores, strict=True)
    ]
    ranked = [_with_open_ranks(row, scores, scaled) if row.own is not None and scaled else row for row in ranked]
    return tuple(sorted(ranked, key=lambda row: row.rank or 0)), scaled, reasons


def _with_open_ranks(row: OfficialRow, scores: Sequence[float], weights: Mapping[str, float]) -> OfficialRow:
    """The row with the ranks that its own items leave open: its columns are drawn from their intervals."""
    rng = np.random.default_rng(0)
    drawn = np.zeros(N_RESAMPLES)
    for name, weight in weights.items():
        finding = row.findings[name]
        assert finding.value is not None
        low, high = (finding.value if end is None else end for end in (finding.low, finding.high))
        drawn += weight * interval_draws(finding.value, low=low, high=high, rng=rng)
    draws = np.tile(np.asarray(scores), (N_RESAMPLES, 1))
    place = list(scores).index(row.score)  # type: ignore[arg-type]
    draws[:, place] = drawn
    found = rank_intervals(draws, values=scores)[place]
    return replace(row, rank_low=found.low, rank_high=found.high)


def _not_comparable(run: Standing, columns: Mapping[str, Finding]) -> str:
    if run.plan.shard is not None:
        return f"it is part {run.plan.shard} of a run"
    if run.plan.limit is not None:
        return f"it was limited to {run.plan.limit} items a task"
    if run.audio.proven is False:
        return "it is not shown that the audio was heard"
    if not columns:
        return "of no column was nearly every official item scored"
    return ""


def _correlations(
    tables: Sequence[StandingsTable], runs: Sequence[Standing], benchmark: Benchmark
) -> tuple[Correlations, ...]:
    data = benchmark.published()
    printed = data.table(benchmark.board)
    over = {name: printed.common(name) for name in printed.columns}
    found = [over_models(over, about=f"the {len(data.models)} published models")]
    found += [
        over_rows(one, about=_agreed_words(one)) for one in tables if len(one.ranked) > 1 and len(one.pillars) > 1
    ]
    within = [maker(run) for run in runs for maker in (over_samples, over_clusters)]
    return (*found, *(one for one in within if one.n_valued))


# ---------------------------------------------------------------- words


def _summary(board: Leaderboard) -> str:
    n_ranked = sum(len(one.ranked) for one in board.tables)
    n_runs = sum(len(one.rows) for one in board.tables)
    beside = f"the {len(board.board)} models that {board.benchmark.title} published"
    if not n_runs:
        return beside
    tables = "one table" if len(board.tables) == 1 else f"{len(board.tables)} tables"
    runs = "one run of ours" if n_runs == 1 else f"{n_runs} runs of ours"
    return f"{runs}, {n_ranked} of them ranked, in {tables}; apart from them, {beside}"


def _agreed_words(one: StandingsTable) -> str:
    parts = one.agreed
    words = [f"suite {parts['suite']} version {parts['suite_version']}", f"data {one.data}"]
    words += [f"{parts['limit']} items a task at most"] if parts["limit"] is not None else []
    words += [f"judged by {parts['judge']}"] if parts["judge"] else []
    return ", ".join([*words, f"seed {parts['seed']}"])


def _rule_words(one: StandingsTable) -> list[str]:
    """Why a number here may be another than in the run's own report; nothing where it is the same."""
    if not one.left_out:
        return []
    return [
        "the rule: a pillar here is made of the tasks that all runs of the table were asked, so that they can be compared; "
        "a run's own report is made of all of its tasks, and gives no number where fewer than half could be scored"
    ]


def _left_words(one: StandingsTable) -> list[str]:
    words = [f"left out: {name.replace('_', ' ')}: {why}" for name, why in one.left_out.items()]
    tasks = set(one.left_out) - set(PILLARS)
    rule = "a pillar is made of the tasks that all ranked runs were asked, so that a run's own report, of all its tasks, may give another number"
    return [rule, *words] if tasks else words


def _differs_words(one: Differs) -> str:
    """A pillar that has another number in a run's own report, with the reason."""
    numbers = f"{_two(one.here)} here and {_two(one.own)} in its own report"
    return f"{one.model}, {one.pillar}: {numbers}, since {one.why}"


def _rank_plots(one: StandingsTable, place: int, *, repeated: set[str]) -> tuple[Figure | None, Figure | None]:
    """The rank plot of a table, for a desktop and for a phone."""
    names = [
        run.shown_model + (f" ({run.name})" if run.shown_model in repeated else "")
        for run in (row.standing for row in one.rows)
    ]
    wide, narrow = (
        rank_plot(one.rows, names=names, name=f"ranks_{place + 1}", width=width) for width in (WIDE_PX, NARROW_PX)
    )
    return wide, narrow


def _rank_words(row: Row) -> str:
    """`2`, or `1–3` where ranks cannot be told apart, or a dash."""
    if row.rank is None or row.band is None:
        return UNKNOWN
    first, last = row.band
    return f"{first}" if first == last else f"{first}–{last}"


def _named(standing: Standing) -> str:
    mark = "" if standing.kind == "model" else f" ({standing.kind})"
    return f"{standing.shown_model}{mark}, {standing.name}"


def _two(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2f}"


def _plain(rank: int | None) -> str:
    return UNKNOWN if rank is None else str(rank)


def _plain_column(columns: Mapping[str, float | None], key: str, benchmark: Benchmark) -> str:
    value = columns.get(key)
    return UNKNOWN if value is None else f"{value:.3f}" + (" (not counted)" if key in benchmark.not_counted else "")


def _bare(value: float | None, unit: str) -> str:
    """A published number as it is printed: fractions with two digits or more, percent and points as they come."""
    if value is None:
        return UNKNOWN
    text = f"{value:.3f}" if unit == "fraction" else f"{value:g}"
    if unit == "fraction":
        text = text[:-1] if text.endswith("0") else text
    return text.replace("-", "−")


def _tint(share: float) -> str:
    """Class of a cell by a number in [-1, 1]: `w1` to `w4` above 0, `c1` to `c4` below, nothing close to 0."""
    steps = min(4, int(abs(share) * 5))
    return "" if steps == 0 else f"{'w' if share > 0 else 'c'}{steps}"


def _official_note(row: OfficialRow) -> str:
    """Who judged an own run, and how."""
    if row.own is None:
        return ""
    kinds = {str(line.truth["judging"]) for line in row.own.lines if "judging" in line.truth}
    heard = "" if row.own.audio.proven else "; audio not tested"
    return f"judged by {row.own.judge or 'no model'}" + (f", {' and '.join(sorted(kinds))}" if kinds else "") + heard


def _repeated(board: Leaderboard) -> set[str]:
    """Models of which there is more than one run in a table, so that the folder must tell them apart."""
    found: set[str] = set()
    for one in board.tables:
        models = [row.standing.shown_model for row in one.rows]
        found |= {model for model in models if models.count(model) > 1}
    return found


# ---------------------------------------------------------------- the judges beside each other


@dataclass(frozen=True, kw_only=True)
class GapTable:
    """The two judges' gaps in one table of the paper.

    Parameters
    ----------
    cited, title, unit : str
    columns : tuple of JudgeGap
    rows : tuple of (str, tuple of float or None)
        Model, and the first judge minus the second in each column.
    full : float
        Full marks, in the unit.
    largest : JudgeGap
        The column with the largest gap.
    mean_gap : float
        Over all cells, without signs.
    """

    cited: str
    title: str
    unit: str
    columns: tuple[JudgeGap, ...]
    rows: tuple[tuple[str, tuple[float | None, ...]], ...]
    full: float
    largest: JudgeGap
    mean_gap: float


def _gap_tables(board: Leaderboard) -> list[GapTable]:
    names = dict.fromkeys(gap.table for gap in board.gaps)
    return [_gap_table(board, name, tuple(gap for gap in board.gaps if gap.table == name)) for name in names]


def _gap_table(board: Leaderboard, name: str, columns: tuple[JudgeGap, ...]) -> GapTable:
    sizes = [abs(gap) for column in columns for gap in column.gaps if gap is not None]
    return GapTable(
        cited=columns[0].cited,
        title=columns[0].title,
        unit=columns[0].unit,
        columns=columns,
        rows=tuple((model, tuple(column.gaps[at] for column in columns)) for at, model in enumerate(board.data.names)),
        full=SCALES[columns[0].unit],
        largest=max(columns, key=lambda one: one.largest_gap),
        mean_gap=math.fsum(sizes) / len(sizes),
    )


# ---------------------------------------------------------------- JSON


def _table_json(one: StandingsTable) -> dict[str, Any]:
    return {
        "agreed": dict(one.agreed),
        "data": one.data,
        "pillars": list(one.pillars),
        "weights": dict(one.weights),
        "tasks": {key: list(names) for key, names in one.tasks.items()},
        "left_out": dict(one.left_out),
        "drawn_from_intervals": list(one.from_intervals),
        "other_than_own_report": [asdict(differs) for differs in differing(one)],
        "rows": [_row_json(row) for row in one.rows],
    }


def _row_json(row: Row) -> dict[str, Any]:
    run = row.standing
    return {
        "folder": run.name,
        "model": run.model,
        "name": run.shown_model,
        "kind": run.kind,
        "audio_proven": run.audio.proven,
        "audio": run.audio.words,
        "plan": run.plan.digest,
        "unranked": row.unranked or None,
        "rank": row.rank,
        "rank_low": row.rank_low,
        "rank_high": row.rank_high,
        "band": None if row.band is None else list(row.band),
        "score": row.score,
        "low": row.low,
        "high": row.high,
        "pillars": {
            key: {**asdict(place), "unscored_share": place.unscored_share} for key, place in row.pillars.items()
        },
        "tasks": {
            name: {
                "native": head.finding.value,
                "low": head.finding.low,
                "high": head.finding.high,
                "metric": head.finding.metric,
                "unit": head.finding.unit,
                "n_scored": head.finding.n_scored,
                "n_unscored": head.finding.n_unscored,
                "common": head.finding.value,
                "conversion": "as it is",
            }
            for name, head in run.headlines.items()
        },
    }


def _official_json(row: OfficialRow, benchmark: Benchmark) -> dict[str, Any]:
    return {
        "model": row.model,
        "own": row.own is not None,
        "folder": row.own.name if row.own else None,
        "judge": row.own.judge if row.own else benchmark.judges[0],
        "columns": dict(row.columns),
        "intervals": {name: [one.low, one.high] for name, one in row.findings.items()},
        "n_scored": {name: one.n_scored for name, one in row.findings.items()},
        "score": row.score,
        "rank": row.rank,
        "rank_low": row.rank_low,
        "rank_high": row.rank_high,
    }


def _correlations_json(one: Correlations) -> dict[str, Any]:
    return {
        "over": one.over,
        "about": one.about,
        "columns": list(one.columns),
        "n_pairs": one.n_valued,
        "pairs": [{"first": a, "second": b, **asdict(found)} for (a, b), found in one.pairs.items()],
    }
