"""A finding: one number that a run established, with everything needed to quote it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, computed_field, model_validator

from earnest.arms import Arm, old_attack
from earnest.records import JournalLine
from earnest.results.sums import Sums

MIN_SCORED = 20
"""A finding over fewer scored items is marked as thin."""


class ThreatModel(BaseModel):
    """Under whose attack, and with what power, the number holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    attack: str | None = Field(default=None, description="Specification of the attack, or null: no attack.")
    crafted_on: str | None = Field(
        default=None, description="What the attack was built on, where that is not the system that was asked."
    )
    defences: tuple[str, ...] = Field(default=(), description="Specifications of the defences, in order.")
    access: Literal["none", "responses", "scores", "gradients", "activations"] = Field(
        default="none", description="What the attacker is granted of the system."
    )
    knows_defence: bool | None = Field(
        default=None, description="Whether the attack was built against the defended system; null without a pair."
    )
    goal: str = Field(default="", description="What the attacker wants.")

    @computed_field(description="The defences as they are shown, joined by '+'; null where there are none.")  # type: ignore[prop-decorator]
    @property
    def defence(self) -> str | None:
        """The defences as they are shown; None where there are none."""
        return self.arm.stack or None

    @model_validator(mode="before")
    @classmethod
    def _of_old(cls, fields: Any) -> Any:
        """What versions before 0.3 wrote has one string; where there is a list beside it, that holds."""
        if not isinstance(fields, dict) or "defence" not in fields:
            return fields
        rest = {name: value for name, value in fields.items() if name != "defence"}
        old = (fields["defence"],) if fields["defence"] else ()
        return rest if "defences" in rest else {**rest, **old_attack(fields.get("attack")), "defences": old}

    @property
    def arm(self) -> Arm:
        """The condition that it describes."""
        return Arm(attack=self.attack, crafted_on=self.crafted_on, defences=self.defences)


class Finding(BaseModel):
    """One number that a run established.

    It may carry the sums that it was made of, so that findings of one run can be resampled together. They are no part of
    it: not of its JSON, nor of what makes two findings equal, and a finding that was read from a file has none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    _sums: Sums | None = PrivateAttr(default=None)

    id: str = Field(
        description="`pillar.task.metric`, with the arm's suffix: `safety.harmful_refusal.refusal_rate@pgd`."
    )
    pillar: str
    task: str
    metric: str
    value: float | None = Field(description="The number; null where nothing was scored.")
    low: float | None = Field(description="Lower end of the interval.")
    high: float | None = Field(description="Upper end of the interval.")
    confidence: float = Field(default=0.95, description="Of the interval.")
    n_scored: int = Field(ge=0)
    n_unscored: int = Field(ge=0)
    unscored: dict[str, int] = Field(default_factory=dict, description="Unscored items by reason.")
    worst_low: float | None = Field(
        default=None, description="The value if every unscored item were 0; the value where none is; null without one."
    )
    worst_high: float | None = Field(
        default=None, description="The value if every unscored item were 1; the value where none is; null without one."
    )
    higher_is_better: bool | None = Field(description="Direction; null where neither is better.")
    unit: str = Field(description="`fraction`, `dB`, `ms`, `bits`, ...")
    baseline: float | None = Field(default=None, description="What chance, or doing nothing, would give.")
    model: str
    data: str
    threat_model: ThreatModel = Field(default_factory=ThreatModel)
    headline: bool = Field(
        default=False, description="Whether it is its task's headline rate, which a pillar averages."
    )
    interval: str = Field(default="", description="How the interval was made.")
    note: str = Field(default="", description="What a reader must know of the number.")
    group: str | None = Field(default=None, description="The group it is about, in a table of groups.")
    level: float | str | None = Field(default=None, description="The strength it is about, in a curve.")

    @model_validator(mode="after")
    def _ordered(self) -> Finding:
        if self.value is not None and self.low is not None and self.high is not None:
            assert self.low - 1e-9 <= self.high, f"{self.id}: low {self.low} above high {self.high}"
        assert sum(self.unscored.values()) == self.n_unscored, f"{self.id}: reasons do not add up to n_unscored"
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Finding) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]  # it holds a mapping

    @property
    def sums(self) -> Sums | None:
        """What it was made of, where it was made in this process from lines; copies keep it."""
        return self._sums

    def with_sums(self, sums: Sums | None) -> Finding:
        """The finding with what it was made of."""
        copy = self.model_copy()
        copy._sums = sums
        return copy

    @property
    def left_open(self) -> bool:
        """Whether the unscored items might turn the conclusion: which side of its baseline the number is on.

        It is where the whole interval is on one side of the baseline and a worst case on the other.
        """
        if None in (self.low, self.high, self.baseline, self.worst_low, self.worst_high):
            return False
        above, below = self.low > self.baseline, self.high < self.baseline  # type: ignore[operator]
        return (above and self.worst_low <= self.baseline) or (below and self.worst_high >= self.baseline)  # type: ignore[operator]

    @property
    def thin(self) -> bool:
        """Whether it rests on fewer than 20 scored items."""
        return self.n_scored < MIN_SCORED

    @property
    def unscored_share(self) -> float:
        """Share of the items that could not be scored; 1 where there were none."""
        total = self.n_scored + self.n_unscored
        return self.n_unscored / total if total else 1.0


def unscored_by_reason(lines: list[JournalLine]) -> dict[str, int]:
    """How many of `lines` are unscored, by reason, the most frequent first."""
    counts: dict[str, int] = {}
    for line in lines:
        if line.status == "unscored":
            counts[line.reason or "unparsed"] = counts.get(line.reason or "unparsed", 0) + 1
    return dict(sorted(counts.items(), key=lambda pair: -pair[1]))
