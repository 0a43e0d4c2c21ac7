"""A guard over frames of audio: a policy, per-frame detectors, and decisions with their evidence.

`check` decides on a whole clip, `stream` on frames as they come, and `Session` is what both are made of.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import TYPE_CHECKING

import numpy as np

from earnest.guard.enforcement import enforcement
from earnest.guard.policy import Policy, read_policy
from earnest.guard.session import Decision, Session

if TYPE_CHECKING:
    from earnest.audio import AudioClip

__all__ = ["Decision", "Policy", "Session", "check", "enforcement", "read_policy", "stream"]


def check(clip: AudioClip, policy: Policy) -> list[Decision]:
    """Every decision of the policy on one clip, in order of time."""
    return Session(policy, clip.sample_rate).push(clip.samples)


async def stream(frames: AsyncIterable[np.ndarray], policy: Policy, sample_rate: int) -> AsyncIterator[Decision]:
    """Decisions as the frames come; each follows the frame that completes its 20 ms block."""
    session = Session(policy, sample_rate)
    async for frame in frames:
        for decision in session.push(frame):
            yield decision
