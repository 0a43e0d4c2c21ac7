"""A guard over frames of audio: a policy, per-frame detectors, and decisions with their evidence.

`check` decides on a whole clip, `stream` on frames as they come, and `Session` is what both are made of.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import TYPE_CHECKING

import numpy as np

from earnest.guard.enforcement import enforcement
from earnest.guard.policy import TEMPLATE, Policy, parse_policy, read_policy
from earnest.guard.session import Decision, Session, push_many

if TYPE_CHECKING:
    from earnest.audio import AudioClip

__all__ = ["Decision", "Policy", "Session", "check", "enforcement", "push_many", "read_policy", "stream"]


def check(clip: AudioClip, policy: Policy | None = None) -> list[Decision]:
    """Every decision of a policy on one clip, in order of time; without one, of the policy that `earnest guard init` writes."""
    return Session(policy or parse_policy(TEMPLATE), clip.sample_rate).push(clip.samples)


async def stream(
    frames: AsyncIterable[np.ndarray],
    policy: Policy | None = None,
    sample_rate: int = 16_000,
    *,
    clock: Callable[[], float] | None = None,
) -> AsyncIterator[Decision]:
    """Decisions as the frames come; each follows the frame that completes its 20 ms block.

    With a clock, `time.perf_counter` say, scores that take longer than their budget are dropped and counted.
    """
    session = Session(policy or parse_policy(TEMPLATE), sample_rate, clock=clock)
    async for frame in frames:
        for decision in session.push(frame):
            yield decision
