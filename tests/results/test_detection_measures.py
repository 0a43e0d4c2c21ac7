"""Error rates of detectors over journal lines: by hand, with unscored lines, and intervals by cluster."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from earnest.records import JournalLine
from earnest.results.detection import detection_measures, tandem_measures


def line(
    number: int, side: str, value: float | None, *, cluster: str = "", kind: str = "a", **truth: Any
) -> JournalLine:
    return JournalLine(
        item=f"spoof_scores/{number}",
        sample=str(number),
        task="spoof_scores",
        prompt_hash="",
        model="detector/x",
        value=value,
        status="scored" if value is not None else "unscored",
        reason=None if value is not None else "bad_audio",
        verdict=None if value is None else {"score": None, "label": "number", "facts": {}},
        answer="",
        cluster=cluster or str(number),
        truth={"expected": side, "kind": kind, **truth},
    )


def lines(bona_fide: list[float | None], spoof: list[float | None], **more: Any) -> list[JournalLine]:
    both = [("bona_fide", value) for value in bona_fide] + [("spoof", value) for value in spoof]
    return [line(number, side, value, **more) for number, (side, value) in enumerate(both)]


def side(one: JournalLine) -> bool:
    return bool(one.truth["expected"] == "bona_fide")


def measured(some: list[JournalLine], **options: Any) -> dict[str, Any]:
    found = detection_measures(
        some, side=side, kind=lambda one: one.truth["kind"], calibrated=options.get("calibrated", False)
    )
    return {
        f"{one.metric}{'' if one.level is None else f'@{one.level}'}{'' if one.group is None else f'/{one.group}'}": one
        for one in found
    }


def test_by_hand() -> None:
    """Above 0.2: a miss of 4 and a false alarm of 2; above 0.3: a miss of 4 and none. The rate is (1/4 + 1/4) / 2."""
    found = measured(lines([0.2, 0.8, 0.9, 1.0], [0.1, 0.3]))
    assert found["equal_error_rate"].value == 0.25 and found["accuracy_at_equal_error"].value == 0.75
    assert found["accuracy_at_equal_error"].headline and found["accuracy_at_equal_error"].higher_is_better
    low, high = found["equal_error_rate"].low, found["equal_error_rate"].high
    assert found["accuracy_at_equal_error"].low == 1 - high and found["accuracy_at_equal_error"].high == 1 - low
    assert found["miss_rate@0.2"].value == 0.25, "no spoof may pass, so that the threshold is 0.3"
    assert found["min_dcf"].value == 0.475
    assert (
        "act_dcf" not in found
        and {"act_dcf", "cllr"} <= measured(lines([0.2, 1.0], [0.1, 0.3]), calibrated=True).keys()
    )


def test_unscored_lines_bound_the_rate() -> None:
    """Without a score: one bona fide trial of three. Were it lowest: above 0 it is 1/3 and 1/2, the closest; were it highest, none."""
    found = measured(lines([2.0, 3.0, None], [0.0, 1.0]))
    error = found["equal_error_rate"]
    assert (error.value, error.n_scored, error.n_unscored, error.unscored) == (0.0, 4, 1, {"bad_audio": 1})
    assert error.worst_low == 0.0 and error.worst_high == pytest.approx(5 / 12)
    assert (found["accuracy_at_equal_error"].worst_low, found["accuracy_at_equal_error"].worst_high) == (
        pytest.approx(7 / 12),
        1.0,
    )


def test_one_class_alone_has_no_value() -> None:
    found = measured(lines([1.0, 2.0], []))
    assert all(one.value is None and one.low is None for one in found.values())
    assert measured([])["equal_error_rate"].value is None


def test_kinds_are_told_apart() -> None:
    some = [
        *lines([1.0, 2.0], []),
        line(7, "spoof", 0.0, kind="tts"),
        line(8, "spoof", 3.0, kind="replay"),
        line(9, "spoof", 0.5, kind="tts"),
    ]
    found = measured(some)
    assert found["equal_error_rate_by_kind/tts"].value == 0.0 and found["equal_error_rate_by_kind/replay"].value == 1.0
    assert found["equal_error_rate_by_kind/tts"].n_scored == 4


def test_rows_of_one_speaker_are_one_draw() -> None:
    """The same scores, once as 40 speakers and once as 8: fewer clusters give a wider interval."""
    rng = np.random.default_rng(0)
    scores = [*(("bona_fide", v) for v in rng.normal(1, 1, 40)), *(("spoof", v) for v in rng.normal(-1, 1, 40))]
    spread = {}
    for n in (40, 8):
        shared = rng.normal(0, 1.0, n) if n == 8 else np.zeros(n)
        some = [
            line(place, name, value + shared[place % n], cluster=str(place % n))
            for place, (name, value) in enumerate(scores)
        ]
        found = measured(some)["equal_error_rate"]
        assert found.low < found.value < found.high and f"over {n} clusters" in found.interval
        spread[n] = found.high - found.low
    assert spread[8] > spread[40]


def test_the_interval_covers_the_rate() -> None:
    """Normal classes 2 apart: the true rate is that of a normal variable below -1, 0.1587."""
    covered = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found = measured(lines(list(rng.normal(1, 1, 60)), list(rng.normal(-1, 1, 60))))["equal_error_rate"]
        covered += found.low <= 0.1587 <= found.high
    assert covered >= 35


def test_in_front_of_a_verifier() -> None:
    """The verifier parts targets from others at 1 (one in four of either is wrong) and lets both spoofs in; the detector stops one."""
    asv = [
        *((True, "target", s) for s in (1, 2, 3, 4)),
        *((True, "nontarget", s) for s in (-1, 0, 0.5, 1.5)),
        *((False, "", s) for s in (2, 3)),
    ]
    scores = [2, 3, 4, 5, 2, 3, 4, 5, 0, 9]
    some = [
        line(n, "bona_fide" if own else "spoof", float(score), asv_score=float(s), trial=trial)
        for n, ((own, trial, s), score) in enumerate(zip(asv, scores, strict=True))
    ]
    found = {
        one.metric: one
        for one in tandem_measures(
            some, side=side, asv=lambda one: one.truth["asv_score"], target=lambda one: one.truth["trial"] == "target"
        )
    }
    assert "misses 0.25 and lets 0.25 of others and 1 of spoofs in" in found["min_t_dcf"].note
    base = (
        0.9405 * 0.25 + 0.0095 * 10 * 0.25
    )  # C0; C1 = 0.9405 - C0, C2 = 0.05 * 10 * 1; above 0 half the spoofs pass, nobody is missed
    assert found["min_t_dcf"].value == pytest.approx((base + 0.5 * 0.5) / (base + min(0.9405 - base, 0.5)))
    assert tandem_measures(lines([1.0], [0.0]), side=side, asv=lambda one: None, target=side) == []
