"""A contract for tools: each call that a model makes is executed, clarified, confirmed, blocked or handed off."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from earnest.audio import Stimulus
from earnest.defences._base import Defence, Gradient, defences
from earnest.defences._transcripts import told_transcript, withheld
from earnest.errors import BadData, BadParameter
from earnest.models.access import Answer, Model

Outcome = Literal["execute", "clarify", "confirm", "block", "hand_off"]
ORDER: tuple[Outcome, ...] = ("execute", "clarify", "confirm", "hand_off", "block")
"""From the freest to the strictest; of several calls in one answer the strictest outcome holds for all."""

SAYS: Mapping[str, str] = {
    "clarify": "I did not get all of that. Please say it again with every detail.",
    "confirm": "Do you want me to do that? Please say yes or no.",
    "block": "I can't do that.",
    "hand_off": "I will pass you on to a person for that.",
}
"""What the user is told in place of the call."""

_YES = re.compile(
    r"\W*(?:yes|yeah|yep|confirm(?:ed)?|go ahead|do it|ja|jawohl|sí|si|confirmo|adelante)\b"
    r"(?!.*\b(?:not|don't|no|nein|nicht|cancel|stop|wait)\b)",
    re.IGNORECASE | re.DOTALL,
)


class ToolRule(BaseModel):
    """What holds for the calls of one tool."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    outcome: Literal["execute", "confirm", "block", "hand_off"] = "block"
    required: tuple[str, ...] = Field(default=(), description="Arguments without which the user is asked again.")
    heard: tuple[str, ...] = Field(default=(), description="Arguments whose every word must have been heard.")
    allowed: dict[str, tuple[str | int | float | bool, ...]] = Field(
        default_factory=dict, description="By argument the values that it may have; any other blocks."
    )
    most: dict[str, float] = Field(
        default_factory=dict, description="By argument the largest number; more is handed off."
    )


class Policy(BaseModel):
    """The rules by tool; a tool without one gets the outcome `otherwise`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tools: dict[str, ToolRule] = Field(default_factory=dict)
    otherwise: Literal["execute", "confirm", "block", "hand_off"] = "block"


@defences.register("contract")
@dataclass(frozen=True, kw_only=True)
class Contract(Defence):
    """A deterministic policy between a model and its tools, with five outcomes.

    Each tool call of an answer (`details["tool_calls"]`, in the form of OpenAI's chat completions) is compared with the
    rule of its tool. Arguments that are no JSON object, that lack something required, or that hold words which were not
    heard are *clarified*; a value outside the allowed ones is *blocked*; a number above its limit is *handed off*; a tool
    may ask to be *confirmed*; what is left is *executed*. In any case but the last the call is taken out of the answer and
    the user is told a fixed sentence. A call that was asked to be confirmed is executed if the turn before said the
    sentence of confirmation and this one was heard to say yes and nothing against it. An answer without calls passes.
    `details` gain `contract`: the outcome, with the reasons.

    What a model says it heard is what the model says: an attack that drives the transcript along with the call gets by
    the rule of heard words. The policy needs no model and no call; an attack cannot move it, and can only find what it
    allows.

    Parameters
    ----------
    policy : str
        A YAML file: `tools`, by name with `outcome`, `required`, `heard`, `allowed` and `most`; and `otherwise`.
    execute, confirm, hand_off : str
        In place of a file, names of tools with a `+` between them; all others are blocked.

    Notes
    -----
    The five outcomes and the place are those of the Voice Action Contract [voiceagentguard2026-contract], of which only
    notes could be read; the rules are ours.
    """

    source: ClassVar[str] = "voiceagentguard2026-contract"
    gradient: ClassVar[Gradient] = "none"

    policy: str = ""
    execute: str = ""
    confirm: str = ""
    hand_off: str = ""

    def __post_init__(self) -> None:
        named = [tool for text in (self.execute, self.confirm, self.hand_off) for tool in _names(text)]
        if self.policy and named:
            raise BadParameter(
                f"{self.name} takes a policy or names of tools, got both; put the names into {self.policy}"
            )
        twice = sorted({tool for tool in named if named.count(tool) > 1})
        if twice:
            raise BadParameter(f"a tool of {self.name} must have one outcome, got several for {', '.join(twice)}")

    @cached_property
    def rules(self) -> Policy:
        """The policy.

        Raises
        ------
        BadData
            If the file is none.
        """
        if self.policy:
            return read_policy(Path(self.policy))
        outcomes = {"execute": self.execute, "confirm": self.confirm, "hand_off": self.hand_off}
        rules = {tool: ToolRule(outcome=outcome) for outcome, text in outcomes.items() for tool in _names(text)}  # type: ignore[arg-type]
        return Policy(tools=rules)

    def around(self, model: Model) -> Model:
        """The model as it is; that the policy can be read is found out here, before anything is asked."""
        self.rules  # noqa: B018
        return model

    def review(self, answer: Answer, *, stimulus: Stimulus | None = None, note: Any = None) -> Answer:
        """The answer as it is where every call may be executed; else what the user is told."""
        calls = answer.details.get("tool_calls")
        if not calls:
            return answer
        heard = told_transcript(answer)
        judged = [self.outcome_of(call, heard=heard) for call in calls] if isinstance(calls, Sequence) else []
        if not judged or isinstance(calls, str):
            judged = [("block", "the calls have a form that cannot be read")]
        outcome = max((one for one, _ in judged), key=ORDER.index)
        if outcome == "confirm" and confirmed(heard, stimulus):
            outcome = "execute"
        facts = {"outcome": outcome, "why": [why for _, why in judged if why]}
        if outcome == "execute":
            return replace(answer, details={**answer.details, "contract": facts})
        return withheld(answer, SAYS[outcome], contract=facts)

    def outcome_of(self, call: Any, *, heard: str | None) -> tuple[Outcome, str]:
        """What becomes of one call, and why.

        Parameters
        ----------
        call : object
            As a model gave it, so anything.
        heard : str or None
            What was heard; None where the model does not say, and then no word of it was.
        """
        function = call.get("function") if isinstance(call, Mapping) else None
        name = function.get("name") if isinstance(function, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(name, str) or not name:
            return "block", "the call names no tool"
        rule = self.rules.tools.get(name) or ToolRule(outcome=self.rules.otherwise)
        if rule.outcome == "block":
            return "block", f"{name} is not allowed"
        arguments = _arguments(function.get("arguments"))
        if arguments is None:
            return "clarify", f"the arguments of {name} are no JSON object"
        for key, values in rule.allowed.items():
            if key in arguments and not any(_equal(arguments[key], value) for value in values):
                return "block", f"{key} of {name} has a value that is not allowed"
        lacking = [key for key in rule.required if arguments.get(key) in (None, "")]
        unheard = [key for key in rule.heard if key in arguments and not _was_heard(arguments[key], heard)]
        if lacking or unheard:
            return "clarify", "; ".join(
                [
                    *(f"{key} of {name} is missing" for key in lacking),
                    *(f"{key} of {name} was not heard" for key in unheard),
                ]
            )
        over = [key for key, most in rule.most.items() if key in arguments and not _at_most(arguments[key], most)]
        if over:
            return "hand_off", f"{', '.join(over)} of {name} is above its limit"
        return rule.outcome, "" if rule.outcome == "execute" else f"{name} is to be {OUTCOME_WORDS[rule.outcome]}"


OUTCOME_WORDS = {"confirm": "confirmed", "hand_off": "handed off"}


def confirmed(heard: str | None, stimulus: Stimulus | None) -> bool:
    """Whether the turn before asked for confirmation and this one says yes, and nothing against it."""
    said = heard if heard is not None else (stimulus.prompt if stimulus is not None and not stimulus.clips else "")
    before = next((turn.text for turn in reversed(stimulus.history)), "") if stimulus is not None else ""
    return SAYS["confirm"] in before and _YES.match(said or "") is not None


def read_policy(path: Path) -> Policy:
    """The policy of a YAML file.

    Raises
    ------
    BadData
        If there is no such file, or it is no policy; every fault is named.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"a policy must be a YAML file, got {path}: {error}") from error
    try:
        return Policy.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise BadData(f"{path} must be YAML, and is not: {str(error)[:200]}") from error
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise BadData(f"{path} must be a policy of tools, and is not: {'; '.join(faults)}") from error


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split("+") if part.strip()]


def _arguments(given: Any) -> Mapping[str, Any] | None:
    if isinstance(given, str):
        try:
            given = json.loads(given or "{}")
        except ValueError:
            return None
    return given if isinstance(given, Mapping) else None


def _equal(one: Any, other: Any) -> bool:
    """Texts whatever their case; a truth value is no number."""
    if isinstance(one, str) and isinstance(other, str):
        return one.strip().casefold() == other.strip().casefold()
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _was_heard(value: Any, heard: str | None) -> bool:
    """Whether every word of a value is among those that were heard."""
    words = set(re.findall(r"\w+", (heard or "").casefold()))
    return set(re.findall(r"\w+", str(value).casefold())) <= words


def _at_most(value: Any, most: float) -> bool:
    """Whether a value is a number within its limit; what is no number is not."""
    try:
        return not isinstance(value, bool) and float(value) <= most
    except (TypeError, ValueError):
        return False
