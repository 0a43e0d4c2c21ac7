"""Two versions of an agent side by side: who gets which, whether the new one is worse, and the way back.

A caller's version depends on a hash of the caller and never changes within a session. Each session that has ended is
observed once. For every measure a test by betting compares the versions while sessions come in: blocks of one session of
the new version and all fresh ones of the stable version multiply an e-value (Turner, Ly and Grünwald, 2021), whose chance of ever
reaching measures / alpha is at most alpha / measures where the new version is no worse. So it may be looked at after
every session, and the chance that a version that is no worse is ever taken back is at most `alpha`.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from earnest.errors import BadParameter

MEASURES = ("refused", "tripped", "failed", "slow", "probe_failed")
Measure = Literal["refused", "tripped", "failed", "slow", "probe_failed"]


class Rollback(BaseModel):
    """When the new version is taken back."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stable: str = Field(min_length=1)
    candidate: str = Field(min_length=1)
    share: float = Field(gt=0, lt=1)  # of callers that the candidate gets
    compare: tuple[Measure, ...] = MEASURES
    alpha: float = Field(default=0.01, gt=0, le=0.2)
    min_sessions: int = Field(default=20, ge=1)  # of the candidate, before which nothing is decided
    slow_s: float = Field(default=1.5, gt=0)  # a session whose first audio takes longer is slow
    cool_down_s: float = Field(default=900, ge=0)

    @model_validator(mode="after")
    def _two(self) -> Rollback:
        if self.stable == self.candidate:
            raise ValueError("stable and candidate are the same; name two versions")
        if not self.compare:
            raise ValueError("nothing is compared; name a measure or more")
        return self


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a session came to; None where it says nothing of a measure (a user's call is no probe)."""

    refused: bool | None = None
    tripped: bool | None = None
    failed: bool | None = None
    first_audio_s: float | None = None
    probe_failed: bool | None = None

    def of(self, measure: str, slow_s: float) -> bool | None:
        if measure == "slow":
            return None if self.first_audio_s is None else self.first_audio_s > slow_s
        return getattr(self, measure)  # type: ignore[no-any-return]


@dataclass(kw_only=True)
class Comparison:
    """Evidence that the candidate has more of a measure, and what it rests on."""

    log_e: float = 0.0
    highest: float = 0.0
    stable: list[int] = field(default_factory=lambda: [0, 0])
    candidate: list[int] = field(default_factory=lambda: [0, 0])
    _fresh: list[int] = field(default_factory=lambda: [0, 0])

    def observe(self, happened: bool, *, candidate: bool) -> None:
        """One more session; a block ends with each of the candidate's for which a fresh one of the stable version is there."""
        if not candidate:
            self._fresh[int(happened)] += 1
            return
        if not sum(self._fresh):
            self.candidate[int(happened)] += 1  # counted, but no evidence without a session beside it
            return
        no, yes = self._fresh
        before, after = _rate(self.stable), _rate(self.candidate)
        if after > before:  # only an alternative that is worse is bet on, so being better is never evidence
            null = ((no + yes) * before + after) / (no + yes + 1)
            self.log_e += yes * math.log(before / null) + no * math.log((1 - before) / (1 - null))
            self.log_e += math.log(after / null if happened else (1 - after) / (1 - null))
            self.highest = max(self.highest, self.log_e)
        self.stable[0] += no
        self.stable[1] += yes
        self.candidate[int(happened)] += 1
        self._fresh = [0, 0]

    def numbers(self) -> dict[str, Any]:
        counts = {
            "stable": {"sessions": sum(self.stable), "count": self.stable[1]},
            "candidate": {"sessions": sum(self.candidate), "count": self.candidate[1]},
        }
        return counts | {"e_value": round(math.exp(min(self.highest, 700)), 3)}


def _rate(counts: list[int]) -> float:
    """Of what was seen before, drawn towards a small share."""
    no, yes = counts
    return (yes + 0.18) / (no + yes + 1)


class Versions:
    """Which version new sessions get. Switches are handed to `audit` with the numbers that caused them."""

    def __init__(
        self,
        settings: Rollback,
        *,
        audit: Callable[[dict[str, Any]], None] = lambda record: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings, self._audit, self._clock = settings, audit, clock
        self.share = settings.share
        self.rolled_back_at: float | None = None
        self._start()

    def _start(self) -> None:
        self.comparisons: Mapping[str, Comparison] = {name: Comparison() for name in self.settings.compare}
        self.n_sessions = {self.settings.stable: 0, self.settings.candidate: 0}

    def version(self, caller: str) -> str:
        """That of a new session; the same for a caller while the share stays. The session keeps it to its end."""
        place = int.from_bytes(hashlib.sha256(f"version:{caller}".encode()).digest()[:8], "big") / 2**64
        return self.settings.candidate if place < self.share else self.settings.stable

    def observe(self, version: str, outcome: Outcome) -> bool:
        """One session of a version has ended, or a probe call; whether the candidate was taken back for it."""
        if version not in self.n_sessions:
            raise BadParameter(f"no version is called {version!r}; choose from {', '.join(self.n_sessions)}")
        if self.rolled_back_at is not None:
            return False  # sessions of the candidate go on to their end, and change nothing
        self.n_sessions[version] += 1
        for name, comparison in self.comparisons.items():
            happened = outcome.of(name, self.settings.slow_s)
            if happened is not None:
                comparison.observe(happened, candidate=version == self.settings.candidate)
        if self.n_sessions[self.settings.candidate] < self.settings.min_sessions:
            return False
        limit = math.log(len(self.comparisons) / self.settings.alpha)
        worse = [name for name, one in self.comparisons.items() if one.log_e >= limit]
        if worse:
            self.roll_back(because=", ".join(worse))
        return bool(worse)

    def roll_back(self, *, because: str) -> None:
        """New sessions get the stable version from now on."""
        self.share, self.rolled_back_at = 0.0, self._clock()
        self._switch("rollback", because)

    def offer(self, share: float | None = None) -> None:
        """Give the candidate a share again, and compare anew.

        Raises
        ------
        BadParameter
            During the cool-down after a rollback.
        """
        passed = math.inf if self.rolled_back_at is None else self._clock() - self.rolled_back_at
        if passed < self.settings.cool_down_s:
            raise BadParameter(
                f"{self.settings.candidate} was taken back {passed:.0f} s ago; wait for the rest of the {self.settings.cool_down_s:g} s"
            )
        chosen = self.settings.share if share is None else share
        if not 0 < chosen < 1:
            raise BadParameter(f"a share lies between 0 and 1, got {chosen}; give 0.05, say")
        self.share, self.rolled_back_at = chosen, None
        self._start()
        self._switch("offer", "asked for")

    def _switch(self, what: str, because: str) -> None:
        self._audit(
            {
                "kind": "switch",
                "switch": what,
                "because": because,
                "time": self._clock(),
                "share": self.share,
                "sessions": dict(self.n_sessions),
                "numbers": {name: one.numbers() for name, one in self.comparisons.items()},
                "settings": self.settings.model_dump(mode="json"),
            }
        )
