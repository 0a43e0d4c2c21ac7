"""The guard: policies with all their faults at once, scores worked by hand, decisions alike for any cutting."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from earnest import guard
from earnest.audio import AudioClip
from earnest.cli.guard import guard_command
from earnest.errors import BadAudio, BadData, BadParameter
from earnest.guard.frame_scores import clipping, dtmf, level, near_ultrasonic
from earnest.guard.policy import TEMPLATE, parse_policy

RATE = 48_000


def tone(*hertz: float, seconds: float = 0.02, rate: int = RATE) -> np.ndarray:
    times = np.arange(round(seconds * rate)) / rate
    return sum(0.4 * np.sin(2 * np.pi * one * times) for one in hertz).astype(np.float32)


def marked_call() -> np.ndarray:
    """Half a second each of speech-like tone, a carrier at 20 kHz, keypad tones, and full scale."""
    return np.concatenate(
        [tone(300, seconds=0.5), tone(20_000, seconds=0.5), tone(770, 1336, seconds=0.5), np.ones(24_000, np.float32)]
    )


def test_scores_worked_by_hand() -> None:
    assert level(tone(1000), RATE) == pytest.approx(10 * np.log10(0.08), abs=1e-4)  # 0.4 squared, halved
    assert level(np.zeros(960, np.float32), RATE) == -120
    assert clipping(np.array([1, -1, 0.5, 0.9989], np.float32), RATE) == 0.5
    assert near_ultrasonic(tone(20_000), RATE) > 0.99 and near_ultrasonic(tone(8000), RATE) < 0.01
    assert near_ultrasonic(tone(1000, rate=16_000), 16_000) is None


@pytest.mark.parametrize("row", [697, 770, 852, 941])
@pytest.mark.parametrize("column", [1209, 1336, 1477, 1633])
def test_every_key_is_heard_and_one_tone_is_none(row: int, column: int) -> None:
    for rate in (8000, RATE):
        assert dtmf(tone(row, column, rate=rate), rate) > 0.85
        assert dtmf(tone(row, rate=rate), rate) < 0.2


def test_decisions_stand_where_the_sounds_are() -> None:
    found = guard.check(AudioClip(marked_call(), RATE), parse_policy(TEMPLATE))
    assert [(one.rule, round(one.start_s, 2), round(one.end_s, 2)) for one in found] == [
        ("ultrasonic_carrier", 0.5, 0.7),
        ("keypad", 1.0, 1.04),
        ("overdriven", 1.5, 1.6),
    ]
    assert [one.line for one in found] == [5, 15, 10] and not any(one.enforce for one in found)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 5000), max_size=30))
def test_equal_decisions_for_any_cutting(cuts: list[int]) -> None:
    samples, policy = marked_call(), parse_policy(TEMPLATE)
    session = guard.Session(policy, RATE)
    found = [one for part in np.split(samples, np.minimum(np.cumsum(cuts), len(samples))) for one in session.push(part)]
    assert len(found) == 3 and found == guard.Session(policy, RATE).push(samples)


def test_a_stream_gives_the_decisions_of_the_clip() -> None:
    samples, policy = marked_call(), parse_policy(TEMPLATE)

    async def frames() -> AsyncIterator[np.ndarray]:
        for start in range(0, len(samples), 777):
            yield samples[start : start + 777]

    async def heard() -> list[guard.Decision]:
        return [one async for one in guard.stream(frames(), policy, RATE)]

    assert asyncio.run(heard()) == guard.check(AudioClip(samples, RATE), policy)


def test_modes() -> None:
    samples = marked_call()
    for mode, enforce in (("enforce", True), ("shadow", False)):
        found = guard.Session(parse_policy(TEMPLATE.replace("mode: shadow", f"mode: {mode}")), RATE).push(samples)
        assert [one.enforce for one in found] == [enforce] * 3
    assert guard.Session(parse_policy(TEMPLATE.replace("mode: shadow", "mode: off")), RATE).push(samples) == []
    canary = parse_policy(TEMPLATE.replace("mode: shadow", "mode: canary").replace("share: 0.0", "share: 0.3"))
    drawn = [guard.Session(canary, RATE, caller=f"caller {n}").enforcing for n in range(1000)]
    assert 240 < sum(drawn) < 360
    assert drawn == [guard.Session(canary, RATE, caller=f"caller {n}").enforcing for n in range(1000)]


def test_what_cannot_be_scored_is_counted() -> None:
    session = guard.Session(parse_policy(TEMPLATE), 16_000)
    session.push(np.zeros(16_000, np.float32))
    assert session.not_scored == {"near_ultrasonic": 50} and session.n_blocks == 50


def test_all_faults_at_once_with_their_lines() -> None:
    text = (
        "mode: shadow\nspeed: 3\nrules:\n- name: a\n  detector: mood\n  above: 1\n"
        "- name: b\n  detector: level\n  above: -3\n  for_s: 0.001\n- name: c\n  detector: level\n"
    )
    with pytest.raises(BadData, match="4 fault") as caught:
        parse_policy(text)
    said = str(caught.value)
    assert "line 2, speed: unknown key" in said and "line 5, rules.0.detector: no detector is called 'mood'" in said
    assert "line 10, rules.1.for_s: 0.001 s is shorter" in said and "line 11, rules.2: a rule has one condition" in said


def test_bad_frames_are_refused() -> None:
    session = guard.Session(parse_policy(TEMPLATE), RATE)
    with pytest.raises(BadAudio, match="one channel of floats, not int16"):
        session.push(np.zeros(5, np.int16))
    with pytest.raises(BadAudio, match="not finite"):
        session.push(np.array([np.nan]))
    with pytest.raises(BadParameter, match="8,000 to 192,000 Hz, not 4000"):
        guard.Session(parse_policy(TEMPLATE), 4000)


def test_commands(tmp_path: Path) -> None:
    policy, clip = tmp_path / "policy.yaml", tmp_path / "call.wav"
    AudioClip(marked_call(), RATE).write(clip)
    run = CliRunner().invoke
    assert run(guard_command, ["init", str(policy)]).exit_code == 0
    assert isinstance(run(guard_command, ["init", str(policy)]).exception, BadParameter)
    table = json.loads(run(guard_command, ["check", str(policy), "--json"]).stdout)
    assert {row["frames"] for row in table["rules"]} == {"detect"}
    enforcing = parse_policy(TEMPLATE.replace("mode: shadow", "mode: enforce").replace("action: flag", "action: mute"))
    assert [row["frames"] for row in guard.enforcement(enforcing)] == ["contain", "detect", "detect"]
    assert {row["file"] for row in guard.enforcement(enforcing)} == {"detect"}
    heard = run(guard_command, ["listen", str(clip), "--policy", str(policy), "--json"])
    assert [one["rule"] for one in json.loads(heard.stdout)["decisions"]] == [
        "ultrasonic_carrier",
        "keypad",
        "overdriven",
    ]
