"""The policies of the documentation pass their own check."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from earnest import guard
from earnest.audio import AudioClip
from earnest.guard.enforcement import enforcement
from earnest.guard.policy import parse_policy

DOCS = Path(__file__).parents[2] / "docs"
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", (DOCS / "guard_policies.md").read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.parametrize("text", BLOCKS, ids=["bank", "hospital", "car", "shop"])
def test_a_policy_of_the_cookbook_is_whole_and_does_something_on_some_route(text: str) -> None:
    policy = parse_policy(text)
    assert policy.mode == "shadow" and len(policy.rules) >= 3
    for row in enforcement(policy.model_copy(update={"mode": "enforce"})):
        assert set(row.values()) & {"contain", "prevent", "detect"}, row


def test_a_clip_is_checked_under_the_written_policy_without_being_given_one() -> None:
    clip = AudioClip(np.ones(9600, np.float32), 48_000)
    assert [one.rule for one in guard.check(clip)] == ["overdriven"]
