#!/usr/bin/env python3
"""How often the intervals over clusters hold the truth, and how wide they are, beside those of named rivals.

    python benchmarks/intervals.py [--runs 400] [--json]

Rates: items of 4 to 200 clusters, right with a probability that is the cluster's own (beta-binomial), over every
combination of 1, 3, 12 or 1 to 12 items a cluster, rates of 0.5, 0.8, 0.95 and 0.99, and correlations within clusters of
0, 0.1, 0.3 and 1. The rival is the percentile interval of the cluster bootstrap, 1,000 resamples.

Word error rates: clusters whose own rates are as skewed as an exponential distribution, 200 words each, against the same.

Pillars: the mean of six tasks that play the same texts, whose difficulty the tasks share wholly or by a half. The rival
takes the tasks as independent and puts their own intervals together by the method of variance estimates recovery (MOVER),
as this package did in its first version.

`coverage` is the mean over all combinations of a row and `least` that of the worst one (with 400 runs, two standard
errors of a coverage of 0.95 are 0.022, and the least of 64 lies some 0.03 below what it stands for: `--runs 4000` for
claims). `ratio` is our mean width over the rival's, `to Student's` that over Student's interval on the true error, which
nobody knows in practice.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betaincinv, ndtr, stdtrit

from earnest.metrics.clusters import clustered_interval
from earnest.results.combining import combine
from earnest.results.finding import Finding
from earnest.results.sums import Sums

N_CLUSTERS = (4, 5, 6, 8, 12, 15, 30, 200)
N_ITEMS = ((1,), (3,), (12,), tuple(range(1, 13)))
RATES = (0.5, 0.8, 0.95, 0.99)
CORRELATIONS = (0.0, 0.1, 0.3, 1.0)
N_TEXTS = (6, 15, 30)
TASK_RATES = (0.6, 0.7, 0.8, 0.85, 0.9, 0.95)
N_RESAMPLES = 1000
N_WORDS = 200
TAILS = (0.025, 0.975)

Floats = np.ndarray
Ends = tuple[float, float]


@dataclass(frozen=True)
class Drawn:
    """Runs of one world: truth, estimates, and the ends of ours and of the rival's intervals, shape (n_runs, 2)."""

    truth: float
    values: Floats
    ours: Floats
    rival: Floats
    dof: int
    bounds: Ends = (0.0, 1.0)

    def held(self, ends: Floats) -> float:
        return float(np.mean((ends[:, 0] <= self.truth) & (self.truth <= ends[:, 1])))

    def students_width(self) -> float:
        """Mean width of Student's interval on the standard deviation of the estimates, cut off at the bounds."""
        half = float(stdtrit(self.dof, TAILS[1])) * self.values.std()
        return float(
            np.mean(np.minimum(self.values + half, self.bounds[1]) - np.maximum(self.values - half, self.bounds[0]))
        )


def resampled(above: Floats, below: Floats, *, rng: np.random.Generator) -> Floats:
    """Percentile interval of each run over clusters drawn with replacement; above and below (n_runs, n_clusters)."""
    n = above.shape[1]
    counts = rng.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES).astype(float)
    return np.quantile((above @ counts.T) / (below @ counts.T), TAILS, axis=1).T


def ends_of(above: Floats, below: Floats, bounds: Ends) -> Ends:
    found = clustered_interval(above[:, None], below[:, None], bounds=bounds)
    assert found is not None
    return found.low, found.high


def drawn_rates(
    rng: np.random.Generator, *, n_runs: int, n_clusters: int, n_items: Sequence[int], rate: float, correlation: float
) -> Drawn:
    below = rng.choice(n_items, size=(n_runs, n_clusters)).astype(float)
    if correlation == 0:
        p = np.full(below.shape, rate)
    elif correlation == 1:
        p = (rng.random(below.shape) < rate).astype(float)
    else:
        strength = (1 - correlation) / correlation
        p = rng.beta(rate * strength, (1 - rate) * strength, size=below.shape)
    above = rng.binomial(below.astype(int), p).astype(float)
    return drawn_sums(rng, above, below, truth=rate, bounds=(0.0, 1.0))


def drawn_sums(rng: np.random.Generator, above: Floats, below: Floats, *, truth: float, bounds: Ends) -> Drawn:
    ours = np.array([ends_of(top, bottom, bounds) for top, bottom in zip(above, below, strict=True)])
    return Drawn(
        truth=truth,
        values=above.sum(axis=1) / below.sum(axis=1),
        ours=ours,
        rival=resampled(above, below, rng=rng),
        dof=above.shape[1] - 1,
        bounds=bounds,
    )


def drawn_word_errors(rng: np.random.Generator, *, n_runs: int, n_clusters: int, rate: float) -> Drawn:
    """Word errors are Poisson, about a rate of the cluster that is exponential."""
    below = np.full((n_runs, n_clusters), float(N_WORDS))
    above = rng.poisson(below * rng.exponential(rate, size=below.shape)).astype(float)
    return drawn_sums(rng, above, below, truth=rate, bounds=(0.0, math.inf))


# ---------------------------------------------------------------- pillars


def finding_of(task: int, above: Floats, below: Floats) -> Finding:
    """The finding of a task whose texts are named by their place, as `earnest.results` makes it."""
    low, high = ends_of(above, below, (0.0, 1.0))
    finding = Finding(
        id=f"p.{task}.rate",
        pillar="p",
        task=str(task),
        metric="rate",
        value=above.sum() / below.sum(),
        low=low,
        high=high,
        n_scored=int(below.sum()),
        n_unscored=0,
        higher_is_better=True,
        unit="fraction",
        model="m",
        data="d",
    )
    names = tuple(map(str, range(len(above))))
    return finding.with_sums(Sums(clusters=names, parts=(None,), totals=np.stack([above, below], axis=1)[:, None]))


def difficulties(rng: np.random.Generator, *, n_texts: int, correlation: float, shared: float) -> Floats:
    """Probability of a right answer by task and text; `shared` is the correlation of texts' difficulty between tasks."""
    common = rng.standard_normal(n_texts)
    own = rng.standard_normal((len(TASK_RATES), n_texts))
    level = ndtr(math.sqrt(shared) * common + math.sqrt(1 - shared) * own)
    rates, strength = np.array(TASK_RATES)[:, None], (1 - correlation) / correlation
    return betaincinv(rates * strength, (1 - rates) * strength, level)


def drawn_pillars(
    rng: np.random.Generator, *, n_runs: int, n_texts: int, n_items: int, correlation: float, shared: float
) -> Drawn:
    values, ours, rival = [], [], []
    for _ in range(n_runs):
        p = difficulties(rng, n_texts=n_texts, correlation=correlation, shared=shared)
        above, below = rng.binomial(n_items, p).astype(float), np.full(n_texts, float(n_items))
        findings = [finding_of(task, row, below) for task, row in enumerate(above)]
        joint, apart = combine(findings), combine([finding.with_sums(None) for finding in findings])
        values.append(joint.value)
        ours.append((joint.low, joint.high))
        rival.append((apart.low, apart.high))
    return Drawn(
        truth=math.fsum(TASK_RATES) / len(TASK_RATES),
        values=np.array(values),
        ours=np.array(ours),
        rival=np.array(rival),
        dof=n_texts - 1,
    )


# ---------------------------------------------------------------- rows


def row(what: str, rival: str, worlds: Sequence[Drawn]) -> dict[str, Any]:
    held, others = (
        [one.held(ends) for one, ends in zip(worlds, some, strict=True)]
        for some in (
            [one.ours for one in worlds],
            [one.rival for one in worlds],
        )
    )
    width, rival_width = (
        float(np.mean([np.mean(np.diff(ends)) for ends in some]))
        for some in (
            [one.ours for one in worlds],
            [one.rival for one in worlds],
        )
    )
    return {
        "what": what,
        "n_worlds": len(worlds),
        "coverage": float(np.mean(held)),
        "least": min(held),
        "rival": rival,
        "rival_coverage": float(np.mean(others)),
        "rival_least": min(others),
        "width": width,
        "rival_width": rival_width,
        "ratio": width / rival_width,
        "to_students": width / float(np.mean([one.students_width() for one in worlds])),
    }


def rows(rng: np.random.Generator, *, n_runs: int) -> Iterator[dict[str, Any]]:
    for n in N_CLUSTERS:
        grid = itertools.product(N_ITEMS, RATES, CORRELATIONS)
        worlds = [
            drawn_rates(rng, n_runs=n_runs, n_clusters=n, n_items=some, rate=rate, correlation=correlation)
            for some, rate, correlation in grid
        ]
        yield row(f"rate, {n} clusters", "cluster bootstrap, percentile", worlds)
    for n in (4, 5, 8):
        yield row(f"rate 0.6 to 0.8, {n} clusters of 12", "cluster bootstrap, percentile", few(rng, n=n, n_runs=n_runs))
    for n in N_CLUSTERS:
        worlds = [drawn_word_errors(rng, n_runs=n_runs, n_clusters=n, rate=rate) for rate in (0.05, 0.2, 0.5)]
        yield row(f"skewed word errors, {n} clusters", "cluster bootstrap, percentile", worlds)
    for n in N_TEXTS:
        grid = itertools.product((1, 4, 12), (0.1, 0.3), (0.5, 1.0))
        worlds = [
            drawn_pillars(rng, n_runs=n_runs, n_texts=n, n_items=some, correlation=correlation, shared=shared)
            for some, correlation, shared in grid
        ]
        yield row(f"pillar of six tasks, {n} texts", "MOVER, tasks independent", worlds)
        closest = [drawn_pillars(rng, n_runs=n_runs, n_texts=n, n_items=12, correlation=0.3, shared=1.0)]
        yield row(f"the same, one difficulty, {n} texts", "MOVER, tasks independent", closest)


def few(rng: np.random.Generator, *, n: int, n_runs: int) -> list[Drawn]:
    """Few clusters whose items seldom all agree: what Student's interval on the true error is a fair measure of."""
    return [
        drawn_rates(rng, n_runs=n_runs, n_clusters=n, n_items=(12,), rate=rate, correlation=correlation)
        for rate in (0.6, 0.7, 0.8)
        for correlation in (0.0, 0.1, 0.3)
    ]


HEADINGS: tuple[tuple[str, str, str], ...] = (
    ("what", "what", "36"), ("coverage", "coverage", "9.3f"), ("least", "least", "7.3f"),
    ("rival_coverage", "rival", "7.3f"), ("rival_least", "least", "7.3f"), ("ratio", "width ratio", "12.2f"),
    ("to_students", "to Student's", "13.2f"), ("rival", "rival", ""),
)  # fmt: skip  # a table: one row a line


def line(of: Callable[[str, str, str], str]) -> str:
    return " ".join(of(*heading) for heading in HEADINGS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=400, help="runs of each combination")
    parser.add_argument("--json", action="store_true", help="one JSON list instead of a table")
    chosen = parser.parse_args()
    found = rows(np.random.default_rng(8), n_runs=chosen.runs)
    if chosen.json:
        print(json.dumps(list(found), indent=2))
        return
    print(line(lambda _, title, width: f"{title:>{width.split('.')[0]}}" if "." in width else f"{title:{width}}"))
    for one in found:
        print(line(lambda key, _, width: f"{one[key]:{width}}"), flush=True)  # noqa: B023


if __name__ == "__main__":
    main()
