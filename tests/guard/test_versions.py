"""Versions side by side: stable shares, one switch for a bad version, none for a hundred good ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from earnest.errors import BadParameter
from earnest.guard.versions import Comparison, Outcome, Rollback, Versions

SETTINGS = Rollback(stable="a", candidate="b", share=0.1)
GOOD = {"refused": 0.05, "tripped": 0.04, "failed": 0.02, "slow": 0.05, "probe_failed": 0.1}


def outcome(rates: dict[str, float], rng: np.random.Generator) -> Outcome:
    drawn = {name: bool(rng.random() < rate) for name, rate in rates.items()}
    slow = drawn.pop("slow")
    return Outcome(**drawn, first_audio_s=float(rng.gamma(4, 0.1)) + (2.0 if slow else 0.0))


def run(candidate: dict[str, float], seed: int, n_candidate: int = 100) -> tuple[Versions, list[dict[str, Any]], int]:
    """Sessions until the candidate has had so many; how many it had at the switch."""
    rng, records = np.random.default_rng(seed), []
    versions = Versions(SETTINGS, audit=records.append, clock=lambda: 7.0)
    number = n = 0
    while n < n_candidate and versions.rolled_back_at is None:
        version = versions.version(f"{seed} {number}")
        number += 1
        n += version == "b"
        versions.observe(version, outcome(candidate if version == "b" else GOOD, rng))
    return versions, records, n


@pytest.mark.parametrize(
    "worse", [{"refused": 0.3}, {"failed": 0.3}, {"slow": 0.35}, {"probe_failed": 0.5}, {"tripped": 0.3}]
)
def test_a_bad_version_is_taken_back_within_a_hundred_sessions(worse: dict[str, float]) -> None:
    for seed in range(10):
        versions, records, n = run(GOOD | worse, seed)
        assert versions.rolled_back_at == 7.0 and 20 <= n <= 100, (seed, n)
        (record,) = records
        assert record["switch"] == "rollback" and set(worse) <= set(record["because"].split(", "))
        numbers = record["numbers"][next(iter(worse))]
        assert numbers["candidate"]["sessions"] <= n and numbers["e_value"] >= 500
        assert all(versions.version(str(caller)) == "a" for caller in range(50))


def test_none_of_a_hundred_good_versions_is_taken_back() -> None:
    assert [seed for seed in range(100) if run(GOOD, 1000 + seed)[1]] == []


def test_a_better_version_gives_no_evidence() -> None:
    """Also far down the line: the share of false switches is bounded however long one looks."""
    rng, versions = np.random.default_rng(5), Versions(SETTINGS)
    for number in range(5000):
        name = versions.version(str(number))
        versions.observe(name, outcome({key: rate / 5 for key, rate in GOOD.items()} if name == "b" else GOOD, rng))
    assert versions.rolled_back_at is None and max(one.highest for one in versions.comparisons.values()) < 3


def test_the_expected_e_value_of_a_block_is_one_where_the_versions_are_alike() -> None:
    """Worked out: every outcome of a block of two stable sessions and one candidate, weighted by its chance."""
    for rate in (0.1, 0.35, 0.8):
        total = 0.0
        for first in (0, 1):
            for second in (0, 1):
                for last in (0, 1):
                    one = Comparison(stable=[18, 2], candidate=[5, 5])
                    one.observe(bool(first), candidate=False)
                    one.observe(bool(second), candidate=False)
                    one.observe(bool(last), candidate=True)
                    n_yes = first + second + last
                    total += rate**n_yes * (1 - rate) ** (3 - n_yes) * np.exp(one.log_e)
        assert 0.2 < total <= 1 + 1e-12
    null = (2 * 2.18 / 21 + 5.18 / 11) / 3
    assert _block(null) == pytest.approx(1, abs=1e-9)  # the bet is fair at its own null


def _block(rate: float) -> float:
    total = 0.0
    for outcomes in np.ndindex(2, 2, 2):
        one = Comparison(stable=[18, 2], candidate=[5, 5])
        for place, value in enumerate(outcomes):
            one.observe(bool(value), candidate=place == 2)
        total += float(np.prod([rate if value else 1 - rate for value in outcomes]) * np.exp(one.log_e))
    return total


def test_shares_are_stable_by_caller() -> None:
    versions = Versions(SETTINGS)
    drawn = [versions.version(f"caller {number}") for number in range(2000)]
    assert 140 < drawn.count("b") < 260 and drawn == [versions.version(f"caller {number}") for number in range(2000)]


def test_cool_down_and_another_offer() -> None:
    now, records = [0.0], []
    versions = Versions(SETTINGS, audit=records.append, clock=lambda: now[0])
    versions.roll_back(because="asked for")
    now[0] = 899
    with pytest.raises(BadParameter, match="wait for the rest of the 900 s"):
        versions.offer()
    now[0] = 901
    versions.offer(0.02)
    assert versions.share == 0.02 and [one["switch"] for one in records] == ["rollback", "offer"]
    with pytest.raises(BadParameter, match="no version is called 'c'"):
        versions.observe("c", Outcome())


def test_bad_settings() -> None:
    with pytest.raises(ValidationError, match="name two versions"):
        Rollback(stable="a", candidate="a", share=0.1)
