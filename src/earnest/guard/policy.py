"""The policy of a guard: rules in YAML, checked whole, with the line and the fix of every fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from earnest.errors import BadData, EarnestError
from earnest.guard.detectors import BUDGET_MS, EVERY_S, KINDS, OFFLINE, Kind, kind_of
from earnest.guard.sequential import Cusum
from earnest.guard.versions import Rollback

BLOCK_S = 0.02
Action = Literal[
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
]
ACTIONS: tuple[str, ...] = get_args(Action)
"""Weakest first."""
HOLDING = ("mute", "replace_response", "end")  # prevented where the rule's side of the call is held back
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


class Detector(_Strict):
    """A detector of the box, or one of `earnest.detectors` over windows, under a name that rules refer to."""

    use: str
    window_s: float | None = Field(default=None, gt=0, le=30)
    hop_s: float | None = Field(default=None, ge=BLOCK_S, le=300)
    rising_hop_s: float | None = Field(default=None, ge=BLOCK_S, le=300)  # the hop while evidence gathers
    speech_share: float = Field(default=0.3, ge=0, le=1)  # windows with less speech are passed over
    budget_ms: float | None = Field(default=None, gt=0, le=60_000)  # a score that takes longer is dropped
    words: tuple[str, ...] = ()  # for policy_words
    tools: tuple[str, ...] = ()  # for tool_asked
    speaker: str = ""  # for speaker_change: the detector that compares voices, as in speaker:onnx=voices.onnx

    @model_validator(mode="after")
    def _possible(self) -> Detector:
        kind = kind_of(self.use)
        if kind is None:
            raise ValueError(
                f"no detector is called {self.use!r}; choose from {', '.join(KINDS)}, or one of `earnest list detectors` as {OFFLINE}NAME"
            )
        given = self.model_fields_set - {"use", "budget_ms"}
        if surplus := sorted(given - set(kind.options)):
            raise ValueError(f"{self.use} takes no {surplus[0]}; remove it")
        if lacking := [name for name in kind.needs if not getattr(self, name)]:
            raise ValueError(f"{self.use} needs {lacking[0]}; give it")
        if self.rising_hop_s is not None and self.rising_hop_s > self.every_s:
            raise ValueError(f"rising_hop_s is {self.rising_hop_s:g} and above hop_s, {self.every_s:g}; give less")
        if kind.tier == "T2" and kind.options:
            self._made()
        return self

    def _made(self) -> Any:
        from earnest.guard.windows import offline

        try:
            return offline(self.speaker or self.use.removeprefix(OFFLINE))
        except (EarnestError, TypeError) as error:
            raise ValueError(str(error)) from error

    @property
    def kind(self) -> Kind:
        kind = kind_of(self.use)
        assert kind is not None
        return kind

    @property
    def length_s(self) -> float:
        """Of the audio that one score is made on."""
        if self.window_s is not None or self.kind.tier != "T2":
            return self.window_s or self.kind.window_s
        return float(getattr(self._made(), "window_s", None) or self.kind.window_s)

    @property
    def every_s(self) -> float:
        """Time from one score to the next while nothing is suspected; 0 for those that wait for an event."""
        return self.hop_s or EVERY_S.get(self.kind.tier, 1.0 if self.kind.tier == "T2" else 0.0)

    @property
    def within_s(self) -> float:
        """Time within which a score has to be there on the processor."""
        return (self.budget_ms or BUDGET_MS[self.kind.tier]) / 1000


class Rule(_Strict):
    """One detector, one condition, one action.

    The condition is `above` or `below`, held for `for_s` seconds, or `cusum`, a sum of evidence over many scores.
    """

    name: str = Field(min_length=1)
    detector: str
    above: float | None = Field(default=None, allow_inf_nan=False)
    below: float | None = Field(default=None, allow_inf_nan=False)
    for_s: float = Field(default=BLOCK_S, allow_inf_nan=False, le=300)
    cusum: Cusum | None = None
    decides_within_s: float | None = Field(default=None, gt=0, le=300)  # of audio, from the start of what is detected
    action: Action = "observe"
    hears: Literal["caller", "agent", "both"] = "both"
    strength: Literal["prevent", "contain", "detect"] | None = None  # the least that a route must give
    on_failure: Literal["open", "closed"] = "open"  # what happens when audio could not be judged
    open_s: float = Field(default=30.0, gt=0, le=86_400, allow_inf_nan=False)  # how long mute and gate_tools last
    tools: tuple[str, ...] = ()  # for gate_tools
    say: str = ""  # for challenge, hold_turn and replace_response

    @field_validator("for_s")
    @classmethod
    def _possible(cls, seconds: float) -> float:
        if seconds < BLOCK_S:
            raise ValueError(f"{seconds:g} s is shorter than one block; give {BLOCK_S:g} s or more")
        return seconds

    @model_validator(mode="after")
    def _one_side(self) -> Rule:
        if sum(one is not None for one in (self.above, self.below, self.cusum)) != 1:
            raise ValueError("a rule has one condition; give either above or below, or cusum")
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

    def least_s(self, detector: Detector) -> float:
        """The least audio between the start of what is detected and a decision on it."""
        if detector.kind.tier == "T2":
            return min(detector.length_s, detector.every_s)
        return max(self.for_s, detector.length_s)


class Policy(_Strict):
    mode: Literal["off", "shadow", "enforce", "canary"] = "shadow"
    canary_share: float = Field(default=0.0, ge=0, le=1)
    detector_timeout_s: float = Field(default=2.0, ge=0.05, le=60)  # no answer for this long is a failure
    ear: str = ""  # what writes down the words of a turn: pocketsphinx, say, or any model that transcribes
    turn_silence_s: float = Field(default=0.6, ge=0.1, le=5)  # a turn ends after this long without speech
    detectors: dict[str, Detector] = Field(default_factory=dict)
    rollback: Rollback | None = None  # two versions of the agent, and when the new one is taken back
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

    def detector(self, name: str) -> Detector:
        """The detector that rules call by this name: declared under `detectors`, or one of the box as it is."""
        return self.detectors.get(name) or Detector(use=name)

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
    faults += _unserved(data, node)
    if faults:
        faults.sort(key=lambda fault: int(fault.split()[1].rstrip(",")))
        raise BadData(f"{where} has {len(faults)} fault(s); correct each line:\n" + "\n".join(faults))
    lines = tuple(_line(node, ("rules", number)) for number in range(len(policy.rules)))
    return policy.model_copy(update={"lines": lines})


def _unserved(data: dict[str, Any], node: Any) -> list[str]:
    """Rules whose detector there is not, or cannot decide as soon as asked; whatever else is wrong with them."""
    declared, rules = data.get("detectors"), data.get("rules")
    declared = declared if isinstance(declared, dict) else {}
    faults = []
    for number, given in enumerate(rules if isinstance(rules, list) else ()):
        name = given.get("detector") if isinstance(given, dict) else None
        if not isinstance(name, str):
            continue
        where = f"rules.{number}.detector"
        line = f"line {_line(node, ('rules', number, 'detector'))}, {where}: "
        plain = kind_of(name)
        if name not in declared and plain is None:
            known = ", ".join([*declared, *KINDS])
            faults.append(f"{line}no detector is called {name!r}; choose from {known}, or declare it under detectors")
            continue
        if name not in declared and plain is not None and plain.needs:
            faults.append(f"{line}{name} needs {plain.needs[0]}; declare it under detectors with `use: {name}`")
            continue
        try:
            rule, detector = Rule.model_validate(given), Detector.model_validate(declared.get(name, {"use": name}))
        except ValidationError:
            continue  # its faults are told already
        if rule.cusum and not detector.every_s:
            faults.append(f"{line}{name} scores at events and not in time, so cusum has no rate; give above or below")
        if detector.kind.tier not in {"T0", "T1"} and (
            rule.action == "redact" or rule.strength == "prevent" and rule.action in HOLDING
        ):
            faults.append(
                f"{line}{rule.action} holds audio back until it is judged, which takes a detector of every 20 or 32 ms, and "
                f"{name} scores windows, turns or events; choose gate_tools, hold_turn or strength: contain"
            )
        if rule.decides_within_s is not None and rule.decides_within_s < (least := rule.least_s(detector)):
            place = _line(node, ("rules", number, "decides_within_s"))
            faults.append(
                f"line {place}, rules.{number}.decides_within_s: {rule.decides_within_s:g} s cannot be kept, because {name} "
                f"needs {least:g} s of audio; give {least:g} or more, or a shorter window"
            )
    return faults


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
