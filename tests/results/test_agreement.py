"""How two judges agree: labels and numbers, in new journals and in old ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from earnest.plan import Plan, PlannedTask
from earnest.records import Question
from earnest.results.agreement import agreement, difference, kappa, labels, rank_correlation, same_label

JUDGES = ("x", "y")
PLAN = Plan(
    earnest="0",
    suite="s",
    suite_version=1,
    model="m",
    fingerprint="f",
    data="d",
    data_digest="0",
    items_digest="0",
    tasks=(PlannedTask(name="task", pillar="safety", version=1, n_items=4),),
)


def scored(line, numbers, *, scale=(0, 10)):
    """Lines of which judges x and y gave `numbers`."""
    question = Question(question="?", reader="score", scale=scale).as_json(answer="")
    return [
        line(str(n), 0.5, question=question, answer="", judges={"x": said(a), "y": said(b)})
        for n, (a, b) in enumerate(numbers)
    ]


def said(value):
    return {"label": None if value is None else f"{value:g}", "value": value, "reason": "r"}


def test_labels_are_read_from_old_journals_and_new_ones(line) -> None:
    one = line(
        "1", 1.0, judges={"x": "a", "y": {"label": "b", "reason": "r"}, "z": None, "w": {"label": None, "reason": "?"}}
    )
    assert labels(one) == {"x": "a", "y": "b"}


def test_labels_give_kappa_and_the_share_of_equal_ones(line) -> None:
    given = [("a", "a"), ("a", "b"), ("b", "b"), ("b", "b")]
    lines = [line(str(n), 1.0, judges={"x": one, "y": two}) for n, (one, two) in enumerate(given)]
    found = {finding.metric: finding for finding in agreement(PLAN, lines)}
    assert set(found) == {"judge_agreement_kappa", "judge_agreement"}
    assert found["judge_agreement"].value == 0.75 and found["judge_agreement"].interval == "Wilson"
    assert found["judge_agreement_kappa"].value == 0.5  # 3/4 agree, 1/2 by chance
    assert found["judge_agreement"].id == "safety.task.judge_agreement[x and y]"
    assert kappa(lines, judges=JUDGES).value == 0.5


def test_answers_that_no_verdict_decides_count_for_agreement(line) -> None:
    lines = [line(str(n), reason="unjudged", judges={"x": "a", "y": "a"}) for n in range(3)]
    found = same_label(lines, judges=JUDGES)
    assert (found.value, found.n_scored) == (1.0, 3)


def test_numbers_give_their_difference_and_rank_correlation(line) -> None:
    lines = scored(line, [(2, 3), (5, 5), (9, 6), (10, 10)])
    found = {finding.metric: finding for finding in agreement(PLAN, lines)}
    assert set(found) == {"judge_equal_scores", "judge_score_distance", "judge_rank_correlation"}
    assert found["judge_score_distance"].value == pytest.approx((0.1 + 0 + 0.3 + 0) / 4)
    assert found["judge_score_distance"].higher_is_better is False
    assert "from 0 to 10: times 10 for points" in found["judge_score_distance"].note
    assert found["judge_rank_correlation"].value == pytest.approx(1.0)
    assert found["judge_equal_scores"].value == 0.5


def test_an_item_that_one_judge_left_out_is_not_compared(line) -> None:
    lines = scored(line, [(2, None), (4, 8), (4, 2)], scale=(0, 4))
    assert difference(lines[1:], judges=JUDGES).n_scored == 2
    (found,) = [
        f for f in agreement(PLAN, scored(line, [(2, None), (4, 8), (4, 2)])) if f.metric == "judge_score_distance"
    ]
    assert found.n_scored == 2


def test_rank_correlation_is_spearmans_with_ties_and_clusters(line) -> None:
    rng = np.random.default_rng(1)
    first = rng.integers(0, 11, 60)
    second = np.clip(first + rng.integers(-3, 4, 60), 0, 10)
    lines = scored(line, [(float(a), float(b)) for a, b in zip(first, second, strict=True)])
    alone = rank_correlation(lines, judges=JUDGES)
    assert alone.value == pytest.approx(spearmanr(first, second)[0])
    assert alone.low < alone.value < alone.high <= 1
    # three copies of each answer in one cluster tell no more than one; as answers of their own they would
    copies = [
        one.model_copy(update={"item": f"{one.item}/{k}", "cluster": one.item}) for one in lines for k in range(3)
    ]
    apart = [one.model_copy(update={"cluster": one.item}) for one in copies]
    together = rank_correlation(copies, judges=JUDGES)
    assert together.high - together.low == pytest.approx(alone.high - alone.low, rel=0.1)
    loose = rank_correlation(apart, judges=JUDGES)
    assert loose.high - loose.low < 0.75 * (together.high - together.low)
    assert rank_correlation(scored(line, [(5, 5)] * 9), judges=JUDGES).value is None


def test_many_different_numbers_are_taken_together(line) -> None:
    rng = np.random.default_rng(2)
    first = rng.random(200) * 10
    second = np.clip(first + rng.normal(0, 1, 200), 0, 10)
    found = rank_correlation(scored(line, list(zip(first.tolist(), second.tolist(), strict=True))), judges=JUDGES)
    assert found.value == pytest.approx(spearmanr(first, second)[0], abs=0.005)
