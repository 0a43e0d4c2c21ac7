"""One stream under a policy: frames in, decisions out, whatever the cutting into frames."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from earnest.errors import BadAudio, BadParameter
from earnest.guard.frame_scores import FRAME_SCORES
from earnest.guard.policy import ACTIONS, BLOCK_S, Policy


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A rule's condition was met for its whole time. `enforce` says whether the mode asks to apply the action."""

    rule: str
    line: int
    detector: str
    action: str
    enforce: bool
    start_s: float
    end_s: float
    score: float
    threshold: float


class Session:
    """The state of one stream.

    Samples are gathered into blocks of 20 ms, and every block is scored and decided on alone, so that equal samples give
    equal decisions. A rule decides once each time its condition begins to hold. A block that a detector cannot score
    is counted in `not_scored` and ends the rule's run.
    """

    def __init__(self, policy: Policy, sample_rate: int, *, caller: str = "") -> None:
        if not 8000 <= sample_rate <= 192_000:
            raise BadParameter(f"a guard expects 8,000 to 192,000 Hz, not {sample_rate}; resample the stream")
        self.policy, self.sample_rate = policy, sample_rate
        share = int.from_bytes(hashlib.sha256(caller.encode()).digest()[:8], "big") / 2**64
        self.enforcing = policy.mode == "enforce" or (policy.mode == "canary" and share < policy.canary_share)
        self.not_scored: dict[str, int] = {}
        self.n_blocks = 0
        self._size = round(sample_rate * BLOCK_S)
        self._rest = np.empty(0, np.float32)
        self._runs = [0] * len(policy.rules)
        self._needed = [max(1, round(rule.for_s / BLOCK_S)) for rule in policy.rules]
        self._detectors = tuple(dict.fromkeys(rule.detector for rule in policy.rules))

    def push(self, frame: np.ndarray) -> list[Decision]:
        """Decisions that this frame completes; mono samples, floats from -1 to 1 at the session's rate."""
        return [one for scores in self.scores(frame) for one in self.decide(scores)]

    def scores(self, frame: np.ndarray) -> Iterator[dict[str, float | None]]:
        """The scores of every block that this frame completes, by detector."""
        frame = np.asarray(frame)
        if frame.ndim != 1 or frame.dtype.kind != "f":
            raise BadAudio(
                f"expected one channel of floats, not {frame.dtype} of shape {frame.shape}; convert the frame"
            )
        if not np.isfinite(frame).all():
            raise BadAudio("the frame holds samples that are not finite; repair the source of the stream")
        if self.policy.mode == "off":
            return
        samples = np.concatenate([self._rest, frame.astype(np.float32)])
        whole = len(samples) // self._size * self._size
        self._rest = samples[whole:].copy()
        for start in range(0, whole, self._size):
            block = samples[start : start + self._size]
            yield {name: FRAME_SCORES[name](block, self.sample_rate) for name in self._detectors}

    def decide(self, scores: dict[str, float | None]) -> list[Decision]:
        """Decisions on the scores of the next block, the weakest action first."""
        self.n_blocks += 1
        for name, score in scores.items():
            if score is None:
                self.not_scored[name] = self.not_scored.get(name, 0) + 1
        found = []
        for number, rule in enumerate(self.policy.rules):
            score = scores[rule.detector]
            if score is None or not rule.met(score):
                self._runs[number] = 0
                continue
            self._runs[number] += 1
            if self._runs[number] != self._needed[number]:
                continue
            end = self.n_blocks * self._size
            found.append(
                Decision(
                    rule=rule.name,
                    line=self.policy.lines[number] if self.policy.lines else 0,
                    detector=rule.detector,
                    action=rule.action,
                    enforce=self.enforcing,
                    start_s=(end - self._needed[number] * self._size) / self.sample_rate,
                    end_s=end / self.sample_rate,
                    score=score,
                    threshold=rule.above if rule.above is not None else float(rule.below),  # type: ignore[arg-type]
                )
            )
        return sorted(found, key=lambda one: ACTIONS.index(one.action))

    def holding(self) -> list[str]:
        """The rules whose condition has held for its time and still holds."""
        pairs = zip(self.policy.rules, self._runs, self._needed, strict=True)
        return [rule.name for rule, run, needed in pairs if run >= needed]
