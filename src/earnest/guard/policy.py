"""The policy of a guard: rules in YAML, checked whole, with the line and the fix of every fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from earnest.errors import BadData
from earnest.guard.frame_scores import FRAME_SCORES

BLOCK_S = 0.02
ACTIONS = (  # weakest first
    "observe",
    "annotate",
    "flag",
    "challenge",
    "gate_tools",
    "redact",
    "mute",
    "hold_turn",
    "replace_response",
    "transfer",
    "end",
)
SAYING = ("challenge", "hold_turn", "replace_response")
TEMPLATE = """\
# What the guard watches for. `earnest guard check` prints what each rule can enforce.
mode: shadow            # off, shadow (decide and record only), enforce, canary (enforce for a share of callers)
canary_share: 0.0       # share of callers under canary, 0 to 1
rules:
  - name: ultrasonic_carrier
    detector: near_ultrasonic   # share of the energy from 16 kHz up; needs more than 32 kHz sample rate
    above: 0.5
    for_s: 0.2                  # the score stays above for this long
    action: flag
  - name: overdriven
    detector: clipping          # share of samples at full scale
    above: 0.1
    for_s: 0.1
    action: annotate
  - name: keypad
    detector: dtmf              # 1 for a pure pair of keypad tones
    above: 0.8
    for_s: 0.04
    action: observe
"""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Strict):
    """One detector, one condition (`above` or `below`, held for `for_s` seconds), one action."""

    name: str = Field(min_length=1)
    detector: str
    above: float | None = Field(default=None, allow_inf_nan=False)
    below: float | None = Field(default=None, allow_inf_nan=False)
    for_s: float = Field(default=BLOCK_S, allow_inf_nan=False, le=300)
    action: Literal[
        "observe",
        "annotate",
        "flag",
        "challenge",
        "gate_tools",
        "redact",
        "mute",
        "hold_turn",
        "replace_response",
        "transfer",
        "end",
    ] = "observe"
    hears: Literal["caller", "agent", "both"] = "both"
    strength: Literal["prevent", "contain", "detect"] | None = None  # the least that a route must give
    on_failure: Literal["open", "closed"] = "open"  # what happens when audio could not be judged
    open_s: float = Field(default=30.0, gt=0, le=86_400, allow_inf_nan=False)  # how long mute and gate_tools last
    tools: tuple[str, ...] = ()  # for gate_tools
    say: str = ""  # for challenge, hold_turn and replace_response

    @field_validator("detector")
    @classmethod
    def _served(cls, name: str) -> str:
        if name not in FRAME_SCORES:
            raise ValueError(f"no detector is called {name!r}; choose from {', '.join(FRAME_SCORES)}")
        return name

    @field_validator("for_s")
    @classmethod
    def _possible(cls, seconds: float) -> float:
        if seconds < BLOCK_S:
            raise ValueError(f"{seconds:g} s is shorter than one block; give {BLOCK_S:g} s or more")
        return seconds

    @model_validator(mode="after")
    def _one_side(self) -> Rule:
        if (self.above is None) == (self.below is None):
            raise ValueError("a rule has one condition; give either above or below")
        return self

    @model_validator(mode="after")
    def _equipped(self) -> Rule:
        if bool(self.tools) != (self.action == "gate_tools"):
            raise ValueError("gate_tools and tools belong together; list the names of the risky tools under tools")
        if bool(self.say) != (self.action in SAYING):
            raise ValueError(f"say belongs to {', '.join(SAYING)}; give the sentence there, and nowhere else")
        return self

    def hears_side(self, side: str) -> bool:
        return self.hears in {side, "both"}

    def met(self, score: float) -> bool:
        return score > self.above if self.above is not None else score < self.below  # type: ignore[operator]


class Policy(_Strict):
    mode: Literal["off", "shadow", "enforce", "canary"] = "shadow"
    canary_share: float = Field(default=0.0, ge=0, le=1)
    detector_timeout_s: float = Field(default=2.0, ge=0.05, le=60)  # no answer for this long is a failure
    rules: tuple[Rule, ...]
    lines: tuple[int, ...] = Field(default=(), exclude=True)  # where each rule stands in its file

    @field_validator("mode", mode="before")
    @classmethod
    def _off(cls, mode: object) -> object:
        return "off" if mode is False else mode  # YAML reads a bare `off` as false

    @field_validator("rules")
    @classmethod
    def _distinct(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        if not rules:
            raise ValueError("there is no rule; give one or more")
        names = [rule.name for rule in rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two rules are called {twice[0]!r}; give every rule its own name")
        return rules

    def heard_from(self, side: str) -> Policy:
        """The rules on one side of a call, `caller` or `agent`, each with its line."""
        kept = [number for number, rule in enumerate(self.rules) if rule.hears_side(side)]
        lines = tuple(self.lines[number] for number in kept) if self.lines else ()
        return self.model_copy(update={"rules": tuple(self.rules[number] for number in kept), "lines": lines})


def read_policy(path: str | Path) -> Policy:
    return parse_policy(Path(path).read_text(encoding="utf-8"), str(path))


def parse_policy(text: str, where: str = "policy") -> Policy:
    """The policy of a YAML text; BadData names every fault at once, each with its line."""
    try:
        node, data = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadData(f"{where} is not YAML: {error}; correct the line it names") from error
    if not isinstance(data, dict):
        raise BadData(f"{where}: expected keys mode and rules; start from `earnest guard init`")
    faults = []
    if "lines" in data:
        faults.append(f"line {_line(node, ('lines',))}, lines: unknown key; remove it")
        del data["lines"]
    try:
        policy = Policy.model_validate(data)
    except ValidationError as error:
        for one in error.errors():
            place = ".".join(map(str, one["loc"]))
            unknown = one["type"] == "extra_forbidden"
            said = "unknown key; remove it or correct its spelling" if unknown else one["msg"]
            faults.append(f"line {_line(node, one['loc'])}, {place}: {said.removeprefix('Value error, ')}")
    if faults:
        raise BadData(f"{where} has {len(faults)} fault(s); correct each line:\n" + "\n".join(faults))
    lines = tuple(_line(node, ("rules", number)) for number in range(len(policy.rules)))
    return policy.model_copy(update={"lines": lines})


def _line(node: Any, loc: tuple[int | str, ...]) -> int:
    line = node.start_mark.line + 1
    for step in loc:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        elif isinstance(node, yaml.MappingNode):
            pairs = [(key, value) for key, value in node.value if key.value == step]
            if not pairs:
                break
            line, node = pairs[0][0].start_mark.line + 1, pairs[0][1]
    return int(line)
