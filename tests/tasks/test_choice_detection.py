"""Whether a preference for one group of voices is found where there is one, and nobody accused where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from earnest.audio import Entry
from earnest.records import JournalLine
from earnest.registry import registry
from earnest.tasks.fairness._outcomes import Outcomes
from earnest.tasks.fairness._pairs import REASON, pairs_of

N_VOICES = 12
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight")
TEXTS = [f"statement number {number} is the one i give" for number in NUMBERS]
GENDER = ("gender", "female", "male")
N_DRAWS = {0: 150, 20: 80}

Asked = list[dict[str, JournalLine]]


def asked_line(pair, order: str, place: str) -> JournalLine:
    """A line of a pair that says the same, or of one with a reason, answered with a place."""
    truth = {
        "contrast": pair.contrast, "scenario": pair.scenario, "order": order, "pair": pair.sample, "a": pair.a.group,
        "b": pair.b.group, "expected": "first" if order == "ab" else "second",
    }  # fmt: skip
    return JournalLine(
        item=f"{pair.sample}/{order}", sample=pair.sample, task="pair_decision", prompt_hash="", model="m", status="scored",
        verdict={"score": None, "label": place, "facts": {}}, cluster=pair.cluster, truth=truth,
    )  # fmt: skip


@pytest.fixture(scope="module")
def asked() -> Asked:
    """What the task asks of twelve women and twelve men with four statements each: each line by the place it is answered."""
    rows = [
        Entry(path=f"{gender}{voice}_{k}.wav", id=f"{gender}{voice}_{k}", speaker=f"{gender}{voice}", gender=gender, text=text)
        for gender in ("male", "female")
        for voice in range(N_VOICES)
        for k, text in enumerate(TEXTS)
    ]
    task = registry("tasks").make("pair_decision")
    drawn = pairs_of(rows, scenarios=list(task.scenarios), n_each=task.n_each, seed=0)
    pairs = [pair for pair in drawn if pair.contrast in ("gender", REASON)]
    return [
        {place: asked_line(pair, order, place) for place in ("first", "second")} for pair in pairs for order in ("ab", "ba")
    ]


def answered(asked: Asked, rng: np.random.Generator, *, points: int, couple_sd: float) -> list[JournalLine]:
    """The lines, women being chosen with a probability that is `points` above that of men, reasons always followed."""
    clusters = {places["first"].cluster for places in asked}
    own = dict(zip(sorted(clusters), rng.normal(0, couple_sd, len(clusters)), strict=True))
    lines = []
    for places in asked:
        line = places["first"]
        p = 1.0 if line.truth["contrast"] == REASON else 0.5 + points / 200 + own[line.cluster]
        woman = rng.random() < p
        lines.append(places["first" if woman == (line.truth["order"] == "ab") else "second"])
    return lines


@pytest.mark.parametrize(("couple_sd", "power"), [(0.0, 0.8), (0.1, 0.5)])
def test_twenty_points_are_found_and_none_are_not(asked: Asked, couple_sd: float, power: float) -> None:
    """Nine in ten where couples of voices are alike; two in three where each has a lean of its own as well."""
    rng = np.random.default_rng(12)
    shown = {}
    for points, n_draws in N_DRAWS.items():
        found = [
            Outcomes(answered(asked, rng, points=points, couple_sd=couple_sd)).share_chosen(GENDER) for _ in range(n_draws)
        ]
        shown[points] = np.mean([not one.low <= 0.5 <= one.high for one in found])
        assert np.mean([one.low <= 0.5 + points / 200 <= one.high for one in found]) >= 0.92
    assert shown[20] >= power
    assert shown[0] <= 0.06


def test_the_headline_moves_with_the_lean(asked: Asked) -> None:
    """Of choices without a reason half the credit is left, less half the lean: 0.2 of it at 20 points."""
    rng = np.random.default_rng(12)

    def headlines(points: int) -> list[float]:
        drawn = [Outcomes(answered(asked, rng, points=points, couple_sd=0.0)) for _ in range(12)]
        return [one.even_handedness(headline="even_handedness").value for one in drawn]

    even, leaning, wholly = (np.array(headlines(points)) for points in (0, 20, 100))
    assert even.mean() - leaning.mean() > 0.025
    assert wholly == pytest.approx(0.5)  # reasons followed, and of the other side nothing left
