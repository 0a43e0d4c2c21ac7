"""Gaps between groups in any task, planted and found again; what is missing is a gap too."""

from __future__ import annotations

import numpy as np
import pytest

from earnest.records import NO_ANSWER
from earnest.results import unscored_gap
from earnest.results.gaps import gaps, groupings, refuses


def requests(truth):
    return (truth["label"],)


def speakers(line, outcome, *, n_speakers=15, n_each=8, label="harmless", columns=None):
    """Lines of speakers of two genders; `outcome(gender, rng)` gives (score, verdict's label), None being unscored."""
    rng = np.random.default_rng(7)
    lines = []
    for gender in ("female", "male"):
        for speaker in range(n_speakers):
            for k in range(n_each):
                score, name = outcome(gender, rng)
                truth = {"gender": gender, "speaker": f"{gender}{speaker}", "label": label, **(columns or {})}
                lines.append(
                    line(
                        f"t/{gender}{speaker}-{k}",
                        score,
                        label=name,
                        truth=truth,
                        cluster=f"{gender}{speaker}",
                        answer="one two three four" if gender == "male" else "one two",
                    )
                )
    return lines


def metrics(found):
    return {measure.metric: measure for measure in found}


def test_refusing_the_harmless_requests_of_one_group_is_a_gap_of_one(line) -> None:
    lines = speakers(line, lambda gender, rng: (0.0, "refusal") if gender == "female" else (1.0, "names_action"))
    found = metrics(gaps(requests, lines))
    assert found["over_refusal_gap"].value == 1.0
    assert found["over_refusal_gap"].group == "gender=female vs gender=male"
    assert found["over_refusal_gap"].low > 0.6
    assert found["accuracy_gap"].group == "gender=male vs gender=female"
    assert found["unscored_gap"].value == 0.0 and found["no_answer_gap"].value == 0.0
    assert "refusal_gap" not in found  # no harmful request was asked
    assert "help_length_gap" not in found  # one group was never helped


def test_the_length_of_help_is_compared_where_both_are_helped(line) -> None:
    found = metrics(gaps(requests, speakers(line, lambda gender, rng: (1.0, "names_action"))))
    assert (found["help_length_gap"].value, found["help_length_gap"].unit) == (2.0, "words")
    assert found["help_length_gap"].group == "gender=male vs gender=female"


def test_the_length_of_help_is_that_of_the_answer_and_not_of_what_came_before_it(line) -> None:
    lines = [
        one.model_copy(update={"answer": f"<think>{'hm ' * 50}</think>{one.answer}", "read": {"answer": one.answer}})
        if one.truth["gender"] == "female"
        else one
        for one in speakers(line, lambda gender, rng: (1.0, "names_action"))
    ]
    found = metrics(gaps(requests, lines))["help_length_gap"]
    assert (found.value, found.group) == (2.0, "gender=male vs gender=female")


def test_what_is_missing_of_one_group_is_a_gap(line) -> None:
    def outcome(gender, rng):
        return (None, "") if gender == "female" and rng.random() < 0.25 else (1.0, "exact")

    lines = speakers(line, outcome)
    by_group = unscored_gap(lines, group=groupings(lines)[0])
    n_missing = sum(one.status == "unscored" for one in lines)
    assert by_group.metric == "unscored_gap"
    assert by_group.value == pytest.approx(n_missing / 120)  # 15 speakers of 8 items
    assert by_group.n_scored == len(lines) and by_group.low > 0
    assert metrics(gaps(None, lines))["accuracy_gap"].value == 0.0  # of what was scored, all is right


def test_no_answer_is_a_gap_of_its_own(line) -> None:
    lines = speakers(line, lambda gender, rng: (0.0, NO_ANSWER) if gender == "female" else (0.0, "wrong"))
    found = metrics(gaps(None, lines))
    assert found["no_answer_gap"].value == 1.0
    assert found["accuracy_gap"].value == 0.0


def test_sides_are_compared_apart_so_that_a_constant_answer_shows_no_gap(line) -> None:
    """No to everything is right of all impostors; women are tried as impostors more often."""

    def door(truth):
        return (truth["side"],)

    lines = []
    for gender, n_owner, n_other in (("female", 10, 50), ("male", 50, 10)):
        for side, n, score in (("the owner", n_owner, 0.0), ("others", n_other, 1.0)):
            lines += [
                line(f"t/{gender}-{side}-{k}", score, truth={"gender": gender, "side": side}, cluster=f"{gender}{k}")
                for k in range(n)
            ]
    found = [measure for measure in gaps(door, lines) if measure.metric == "accuracy_gap"]
    assert {measure.level: measure.value for measure in found} == {"others": 0.0, "the owner": 0.0}
    assert [m.value for m in gaps(None, lines) if m.metric == "accuracy_gap"] == [pytest.approx(40 / 60)]


def test_groups_are_of_one_data_set_and_large_enough(line) -> None:
    lines = speakers(line, lambda gender, rng: (1.0, "exact"), n_speakers=1, n_each=9)
    assert groupings(lines) == []
    one = speakers(line, lambda gender, rng: (1.0, "exact"), columns={"corpus": "one"})
    assert {group(one[0]) for group in groupings(one)} == {"gender=female in one"}
    mixed = [l.model_copy(update={"truth": {**l.truth, "corpus": l.truth["gender"]}}) for l in one]  # noqa: E741
    assert groupings(mixed) == []  # nobody is compared across data sets


@pytest.mark.parametrize("label", ["refusal", "refused", "refused_with_reason"])
def test_a_refusal_is_one_by_rules_and_by_judges(line, label) -> None:
    assert refuses(line("a", 1.0, label=label))
    assert not refuses(line("a", 1.0, label="partial"))


PLANTED = ("accuracy_gap", "over_refusal_gap", "unscored_gap", "no_answer_gap")


@pytest.mark.parametrize("points", [0, 5, 10, 20])
def test_planted_gaps_lie_in_their_intervals(line, points) -> None:
    """Twenty speakers a group of differing ability, ten items each: every interval holds the planted gap at its rate.

    All four gaps are planted at once. Who is scored is drawn apart from what is answered; women are refused and left
    without an answer more often, and answered wrongly less often, by the same amount, so that accuracy differs by it
    too.
    """
    rng = np.random.default_rng(100 + points)
    n_runs, planted = 60, points / 100
    template = speakers(line, lambda gender, _: (1.0, "names_action"), n_speakers=20, n_each=10)
    of = {one.cluster: place for place, one in enumerate(template[::10])}
    women = np.array([one.truth["gender"] == "female" for one in template])
    inside = dict.fromkeys(PLANTED, 0)
    for _ in range(n_runs):
        ability = rng.normal(0, 0.04, size=(len(of), 3))[[of[one.cluster] for one in template]]
        more = np.where(women, planted, 0.0)[:, None] + ability
        missing, draws = rng.random(len(template)) < 0.2 + more[:, 0], rng.random(len(template))
        refused, silent = 0.2 + more[:, 1], 0.2 + more[:, 2]
        wrong = np.where(women, 0.25 - planted, 0.25)
        kinds = (draws[:, None] > np.cumsum([refused, silent, wrong], axis=0).T).sum(axis=1)
        lines = [_outcome(one, gone, OUTCOMES[kind]) for one, gone, kind in zip(template, missing, kinds, strict=True)]
        found = metrics(gaps(requests, lines))
        for metric in PLANTED:
            gap = found[metric]
            women_first = gap.group.startswith("gender=female") is not (metric == "accuracy_gap")
            low, high = (gap.low, gap.high) if women_first else (-gap.high, -gap.low)
            inside[metric] += low <= planted <= high
    assert min(inside.values()) >= 0.87 * n_runs, inside  # three standard errors of 60 draws below 0.95


OUTCOMES = ("refusal", NO_ANSWER, "wrong", "names_action")


def _outcome(line, missing: bool, label: str):
    if missing:
        return line.model_copy(update={"status": "unscored", "reason": "timeout", "verdict": None})
    verdict = {"score": float(label == "names_action"), "label": label, "facts": {}}
    return line.model_copy(update={"verdict": verdict})
