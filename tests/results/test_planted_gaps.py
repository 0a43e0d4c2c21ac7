"""Gaps between groups, planted and found again: word errors, refusals, refusals of the harmless, and silence.

Each draw has a dozen speakers a group, who differ among themselves, as people of one group do. The interval must hold
what was planted as often as it says, accuse nobody where nothing was planted, and find what is large.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from earnest.results import Measure, worst_gap
from earnest.results.gaps import gaps

GROUPS = ("female", "male")
N_SPEAKERS, N_ITEMS, N_WORDS = 12, 10, 12
BASE, CORRELATION = 0.1, 0.05
"""How often things go wrong in the other group, and how alike the items of one speaker are."""

N_DRAWS = {0: 150, 5: 60, 10: 60, 20: 60}
"""More where nothing is planted, since seldom is harder to show than mostly."""

ACCUSED, FOUND = 0.06, 0.8
"""How often a gap may be shown where there is none, and how often one of 20 points must be: an interval without 0."""


@dataclass(frozen=True)
class Draws:
    """What became of the draws of one kind and size of gap: how many held it, and how many showed a gap."""

    held: float
    shown: float


def interval(gap: Measure) -> tuple[float, float]:
    """Of women less men, whichever of them came out higher."""
    if gap.group.startswith("gender=female"):
        return gap.low, gap.high
    return -gap.high, -gap.low


def summary(found: list[Measure], points: int) -> Draws:
    ends = [interval(gap) for gap in found]
    return Draws(
        held=float(np.mean([low <= points / 100 <= high for low, high in ends])),
        shown=float(np.mean([low > 0 or high < 0 for low, high in ends])),
    )


def rates(rng: np.random.Generator, points: int) -> np.ndarray:
    """How often things go wrong with each speaker, shape (2, n_speakers), women first."""
    means = np.array([BASE + points / 100, BASE])[:, None]
    strength = (1 - CORRELATION) / CORRELATION
    return rng.beta(means * strength, (1 - means) * strength, size=(2, N_SPEAKERS))


def goes_wrong(rng: np.random.Generator, points: int) -> np.ndarray:
    """Which items go wrong, shape (2, n_speakers, n_items)."""
    return rng.random((2, N_SPEAKERS, N_ITEMS)) < rates(rng, points)[..., None]


def sides(truth) -> tuple[str, ...]:
    return (truth["label"],)


@pytest.fixture
def asked(line):
    """Every line that a draw may have: by side, group, speaker, item, and outcome."""

    def one(side: str, group: str, speaker: int, k: int, outcome: str):
        label = {"fine": "names_action", "refused": "refusal", "silent": ""}[outcome]
        score = None if outcome == "silent" else float((outcome == "refused") == (side == "harmful"))
        who = f"{group} {speaker}"
        truth = {"gender": group, "speaker": who, "label": side}
        return line(f"t/{side}-{who}-{k}", score, label=label, truth=truth, cluster=who, answer="I will turn it on.")

    return {
        (side, group, speaker, k, outcome): one(side, GROUPS[group], speaker, k, outcome)
        for side in ("harmful", "harmless")
        for group in range(2)
        for speaker in range(N_SPEAKERS)
        for k in range(N_ITEMS)
        for outcome in ("fine", "refused", "silent")
    }


REQUESTS = ("refusal_gap", "over_refusal_gap", "unscored_gap")
"""Gaps of a task of requests: of the harmful ones refused, the harmless ones refused, and both without a score."""


def requests(asked, rng: np.random.Generator, points: int) -> dict[str, Measure]:
    """The gaps of one draw, refusals planted in either side and silence in both."""
    lines = []
    for side in ("harmful", "harmless"):
        refused, silent = goes_wrong(rng, points), goes_wrong(rng, points)
        outcome = np.where(silent, "silent", np.where(refused, "refused", "fine"))
        lines += [asked[side, *place, str(what)] for place, what in np.ndenumerate(outcome)]
    return {gap.metric: gap for gap in gaps(sides, lines) if gap.metric in REQUESTS}


def word_errors(asked, points: int) -> Draws:
    rng = np.random.default_rng(100 + points)
    lines = [line for (side, *_, outcome), line in asked.items() if (side, outcome) == ("harmless", "fine")]
    found = []
    for _ in range(N_DRAWS[points]):
        counts = rng.binomial(N_WORDS, np.repeat(rates(rng, points), N_ITEMS, axis=1)).ravel()
        errors = {line.item: int(n) for line, n in zip(lines, counts, strict=True)}
        found.append(
            worst_gap(
                lines,
                metric="word_error_gap",
                group=lambda line: f"gender={line.truth['gender']}",
                numerator=lambda line, errors=errors: errors[line.item],
                denominator=lambda line: N_WORDS,
            )
        )
    return summary(found, points)


def least(points: int) -> float:
    """What a true coverage of 95 % shows in all but one of forty tries."""
    return 0.95 - 2 * (0.95 * 0.05 / N_DRAWS[points]) ** 0.5


@pytest.mark.parametrize("points", N_DRAWS)
def test_planted_refusals_over_refusals_and_silence_are_found_again(asked, points: int) -> None:
    rng = np.random.default_rng(100 + points)
    drawn = [requests(asked, rng, points) for _ in range(N_DRAWS[points])]
    found = {metric: summary([one[metric] for one in drawn], points) for metric in REQUESTS}
    assert min(draws.held for draws in found.values()) >= least(points)
    shown = np.mean([draws.shown for draws in found.values()])
    assert shown <= ACCUSED if points == 0 else shown >= (FOUND if points == 20 else 0), found


@pytest.mark.parametrize("points", N_DRAWS)
def test_planted_word_errors_are_found_again(asked, points: int) -> None:
    draws = word_errors(asked, points)
    assert draws.held >= least(points)
    assert draws.shown <= ACCUSED if points == 0 else draws.shown >= (FOUND if points == 20 else 0)


def test_what_befalls_one_group_alone_is_named_by_its_metric(asked) -> None:
    """Refusals of the harmless are no refusals of the harmful, and silence is neither."""
    outcome = {("harmless", 0): "refused", ("harmful", 1): "silent"}
    lines = [line for (side, group, *_, what), line in asked.items() if what == outcome.get((side, group), "fine")]
    found = {gap.metric: gap for gap in gaps(sides, lines) if gap.metric in REQUESTS}
    assert (found["over_refusal_gap"].value, found["over_refusal_gap"].group) == (1.0, "gender=female vs gender=male")
    assert (found["unscored_gap"].value, found["unscored_gap"].group) == (0.5, "gender=male vs gender=female")
    assert "refusal_gap" not in found  # one group alone was heard on this side


def test_refusing_the_harmful_requests_of_one_group_is_a_gap_though_each_refusal_is_right(asked) -> None:
    lines = [
        line
        for (side, group, *_, what), line in asked.items()
        if side == "harmful" and what == ("refused" if group == 0 else "fine")
    ]
    found = {gap.metric: gap for gap in gaps(sides, lines) if gap.metric in (*REQUESTS, "accuracy_gap")}
    assert (found["refusal_gap"].value, found["refusal_gap"].group) == (1.0, "gender=female vs gender=male")
    assert (found["accuracy_gap"].value, found["accuracy_gap"].group) == (1.0, "gender=female vs gender=male")
    assert "over_refusal_gap" not in found
