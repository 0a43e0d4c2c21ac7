"""A headline that is the worst group's is that of no other, and moves with it alone."""

from __future__ import annotations

import numpy as np
import pytest

from earnest.records import JournalLine
from earnest.results import by_group, worst_gap
from earnest.tasks import tasks

GROUPS = {"f": 14, "m": 12, "x": 11}
"""Items by group; all above the least of 10, so that each may be the worst."""


def lines_of(scores: dict[str, list[float]], *, task: str = "voice_parity") -> list[JournalLine]:
    return [
        JournalLine(
            item=f"{task}/{group}{n}",
            sample=f"{group}{n}",
            task=task,
            prompt_hash="",
            model="by hand",
            status="scored",
            verdict={
                "score": score,
                "label": "transcript",
                "facts": {"n_errors": round(10 * (1 - score)), "n_words": 10},
            },
            cluster=f"speaker-{group}{n % 5}",
            truth={"gender": group, "groups": ["gender"], "speaker": f"{group}{n % 5}", "corpus": ""},
        )
        for group, values in scores.items()
        for n, score in enumerate(values)
    ]


def drawn(seed: int) -> dict[str, list[float]]:
    rng = np.random.default_rng(seed)
    return {group: [float(x) for x in rng.integers(2, 10, n) / 10] for group, n in GROUPS.items()}


def headline(name: str, scores: dict[str, list[float]]) -> float:
    task = tasks.make(name).beside({"voice_parity": tasks.make("voice_parity")})
    return next(one.value for one in task.measures(lines_of(scores)) if one.headline)


@pytest.mark.parametrize("name", ["voice_parity", "equal_treatment"])
@pytest.mark.parametrize("seed", range(6))
def test_the_headline_is_the_worst_groups_and_moves_with_it_alone(name: str, seed: int) -> None:
    scores = drawn(seed)
    means = {group: float(np.mean(values)) for group, values in scores.items()}
    worst = min(means, key=means.__getitem__)
    assert headline(name, scores) == pytest.approx(means[worst])
    lower = {**scores, worst: [scores[worst][0] - 0.2, *scores[worst][1:]]}
    assert headline(name, lower) == pytest.approx(means[worst] - 0.2 / GROUPS[worst])
    others = {group: values if group == worst else [1.0] * len(values) for group, values in scores.items()}
    assert headline(name, others) == pytest.approx(means[worst])
    best = max(means, key=means.__getitem__)
    assert headline(name, {**scores, best: [0.0] * GROUPS[best]}) == 0.0  # who becomes the worst is now told of


@pytest.mark.parametrize("seed", range(4))
def test_a_gap_is_between_the_highest_and_the_lowest_group_in_this_order(seed: int) -> None:
    lines = lines_of(drawn(seed))
    values = {one.group: one.value for one in by_group(lines, metric="m", group=lambda line: line.truth["gender"])}
    gap = worst_gap(lines, metric="gap", group=lambda line: line.truth["gender"])
    high, low = max(values, key=values.__getitem__), min(values, key=values.__getitem__)
    assert gap.group == f"{high} vs {low}"
    assert gap.value == pytest.approx(values[high] - values[low])
