"""What a run writes down: items, verdicts and journal lines.

An *item* is one question to the model with what is needed to score the answer. An *arm* is the condition under which
it is asked: attacked or not, defended or not. A *journal line* is one item in one arm, finished; it holds everything
that a finding needs, so that a report never needs a model or the data.

Scores are fractions in [0, 1], higher is better. What could not be scored has no score, but a reason.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, computed_field, model_validator

from earnest.arms import Arm as Arm  # given on, for all that reads lines
from earnest.arms import old_attack
from earnest.audio import Goal, Stimulus, Twin
from earnest.errors import BadParameter, FailureReason
from earnest.run_folder import CLIP_NAME, plain_json

UnscoredReason = Literal[
    FailureReason,
    "content_filter",
    "did_not_hear",
    "guard_is_judge",
    "other_language",
    "scoring_failed",
    "unjudged",
    "unparsed",
]
"""Why an item has no score: the reasons of `earnest.errors.FailureReason` and those that arise in scoring."""

BEYOND: Mapping[str, str] = {
    "text_refused": "it takes no request without audio",
    "history_refused": "it does not take the earlier turns",
}
"""Reasons that say what a model cannot be asked, rather than that a call failed, in words. Such items count as not
asked, whether that was known when the run was planned or was found out in it."""

HEARING = " (hears)"
"""What is put behind the name of a judge that is given the recording: it is another judge than the one that is not."""

NO_ANSWER = "no_answer"
"""Label of a reply that answers nothing to a clip that was heard: empty, "I can't hear it", or an echo. It is wrong
wherever there is a right answer, and a success on neither side of a request."""


@dataclass(frozen=True, kw_only=True)
class OwnAttack:
    """An attack that is part of an item: its task asks it in an arm of its own, behind whatever defences a run has.

    Parameters
    ----------
    attack : str
        Specification.
    crafted_on : str
        Specification of the model that it is crafted on.
    goal : Goal
        What is wanted of the item.
    control : bool
        Whether the attack's control is asked in place of what the attack made.
    """

    attack: str
    crafted_on: str
    goal: Goal = field(compare=False, repr=False)
    control: bool = False

    def arm(self, defences: tuple[str, ...] = ()) -> Arm:
        """The arm that it is asked in, behind these defences."""
        return Arm(attack=self.attack, crafted_on=self.crafted_on, defences=defences)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One question to the model, loaded when it is asked.

    Parameters
    ----------
    id : str
        Unique in the run's clean arm: `task/sample` or `task/sample/variant`.
    task, sample : str
        Names of the task and of the row of data.
    load : callable
        Gives the stimulus; called once per arm, in a worker thread; may raise `BadAudio`.
    truth : mapping
        JSON values that scoring and grouping need: expected answer, group, level. Written to the journal.
    cluster : str
        What items are resampled by for intervals: speaker, or text where voices repeat it. Default: the sample.
    prompt : str
        What will be asked in words, where that is known before the audio is loaded.
    duration_s : float or None
        Length of the audio of all turns, for cost estimates and batching by length; 0 where it is asked without audio.
    audible : {"speech", "sound", ""}
        What its clips are known to carry; empty where that is silence, noise, nothing known, or where there is no clip.
        Who is shown to hear and answers nothing to speech or a sound has given a wrong answer.
    follow : callable or None
        In a conversation, what is asked next after a stimulus and the `Answer` to it, usually `stimulus.then(answer.said, ...)`; None at its end,
        and the last answer is scored. Called in a worker thread.
    n_turns : int
        Questions that are asked of it, for estimates; more than one of items that follow.
    own_attack : OwnAttack or None
        What is put on the stimulus before it is asked, by the engine, as in any attacked arm; such an item is asked where
        a run has no other attack, and counts as asked there.
    twin : Twin or None
        The harmless twin of what it asks, on which an attack's distortion is tried as well.
    """

    id: str
    task: str
    sample: str
    load: Callable[[], Stimulus] = field(compare=False, repr=False)
    truth: Mapping[str, Any] = field(default_factory=dict)
    cluster: str = ""
    prompt: str = ""
    duration_s: float | None = None
    audible: Literal["speech", "sound", ""] = ""
    follow: Callable[[Stimulus, Any], Stimulus | None] | None = field(default=None, compare=False, repr=False)
    n_turns: int = 1
    own_attack: OwnAttack | None = None
    twin: Twin | None = field(default=None, compare=False, repr=False)

    @property
    def without_audio(self) -> bool:
        """Whether it is known to be asked in words alone."""
        return self.duration_s == 0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A scored answer.

    Parameters
    ----------
    score : float or None
        The task's headline on [0, 1], higher is better; None where the item is a control outside the headline.
    label : str
        The category that the answer fell into: `refusal`, `correct`, `first`.
    facts : mapping
        JSON values for further metrics: edit counts, parsed values.
    """

    score: float | None
    label: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.score is not None and not 0 <= self.score <= 1:
            raise BadParameter(f"a score must lie in [0, 1] or be None, got {self.score!r}; scale it")


@dataclass(frozen=True, kw_only=True)
class Unscored:
    """An answer, or the lack of one, that could not be scored; `passing` where another call may give one."""

    reason: UnscoredReason
    detail: str = ""
    passing: bool = False


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a judge model must decide because no parser could.

    Parameters
    ----------
    question : str
        What to decide about the response, in one sentence.
    labels : mapping
        Every label that the judge may give, with the score it carries (None: outside the headline).
    prompt, response : str
        What the model was told, and what it answered.
    truth, persona : str
        What is true of the clip; the role the model was to play, if any.
    earlier : str
        The earlier turns in words; the engine writes them down where a stimulus has some and the task left this empty.
    verbatim : str
        A published benchmark's own judge prompt, sent as it stands in place of one made of the fields above.
    reader : {"label", "score", "number", "word"}
        The form of the reply: our JSON object with a label; a JSON object with `overall_score` and named sub-scores; a
        bare number (on the scale, or one of the labels); one of the labels as a word.
    scale : (float, float) or None
        Of a number: its least and greatest value. The score is its place between them, so that it lies in [0, 1].
    otherwise : Verdict, Unscored or None
        What rules make of the response, for runs without a judge: a verdict, or why there is none (`other_language`).
        None: such a run leaves it unjudged.
    """

    question: str
    labels: Mapping[str, float | None] = field(default_factory=dict)
    prompt: str = ""
    response: str = ""
    truth: str = ""
    persona: str = ""
    earlier: str = ""
    verbatim: str = ""
    reader: Literal["label", "score", "number", "word"] = "label"
    scale: tuple[float, float] | None = None
    otherwise: Verdict | Unscored | None = None

    def __post_init__(self) -> None:
        if self.scale is not None and not self.scale[0] < self.scale[1]:
            raise BadParameter(f"scale must be (least, greatest), got {self.scale!r}; put the lower number first")
        if self.reader == "score" and self.scale is None:
            raise BadParameter("a question that is read as a score needs a scale; give scale=(0, 10), say")
        if not self.labels and (self.reader in ("label", "word") or self.scale is None):
            raise BadParameter(f"a question that is read as a {self.reader} needs labels with their scores, got none")

    def score_of(self, label: str) -> float | None:
        """The score that a label carries; of a number on the scale its place there, in [0, 1].

        Raises
        ------
        BadParameter
            If it is neither a label of the question nor a number on its scale.
        """
        if label in self.labels:
            return self.labels[label]
        try:
            place = None if self.scale is None else (float(label) - self.scale[0]) / (self.scale[1] - self.scale[0])
        except ValueError:
            place = None
        if place is None or not 0 <= place <= 1:
            known = [*self.labels, *([f"{self.scale[0]:g} to {self.scale[1]:g}"] if self.scale else [])]
            raise BadParameter(f"a label must be one of {', '.join(known)}, got {label!r}; correct it")
        return place

    def as_json(self, *, answer: str) -> dict[str, Any]:
        """The fields that are not empty, as JSON values; the response is left out where it is the line's `answer`."""
        told = {key: getattr(self, key) for key in ("question", "prompt", "truth", "persona", "earlier", "verbatim")}
        fields: dict[str, Any] = {key: text for key, text in told.items() if text}
        if self.response != answer:
            fields["response"] = self.response
        if self.scale is not None:
            fields["scale"] = list(self.scale)
        return {"question": self.question, **fields, "labels": dict(self.labels), "reader": self.reader}

    @classmethod
    def of_json(cls, fields: Mapping[str, Any], *, answer: str) -> Question:
        """The question of a journal line, from what `as_json` gave and the line's answer."""
        scale = fields.get("scale")
        return cls(**{"response": answer, **fields, "scale": (scale[0], scale[1]) if scale else None})


Outcome = Verdict | Unscored | Question


def _checked_verdict(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a verdict, as a line holds them."""
    score = fields.get("score")
    if not {"score", "label"} <= fields.keys() or not isinstance(fields["label"], str):
        raise ValueError("a verdict must have a score and a label")
    if not isinstance(fields.get("facts", {}), dict):
        raise ValueError("facts must be an object")
    if score is not None and (
        isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score)
    ):
        raise ValueError(f"a score must be a number or null, got {str(score)[:40]}")
    return {"facts": {}, **fields}


ClipName = Annotated[str, Field(pattern=CLIP_NAME)]
VerdictFields = Annotated[dict[str, Any], AfterValidator(_checked_verdict)]


class EarlierTurn(BaseModel):
    """A turn before the one that was answered last, as the user sent it or the system said it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["user", "assistant"]
    text: str = ""
    clips: dict[str, ClipName] = Field(default_factory=dict, description="SHA-256 under clips/, by role.")


class JournalLine(BaseModel):
    """One finished item of a run, a line of `journal.jsonl`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    item: str = Field(description="Unique in the run: the item's id with the arm's suffix.")
    sample: str = Field(description="Id of the row of data.")
    task: str = Field(description="Name of the task.")
    prompt_hash: str = Field(
        description="First 16 hex digits of the SHA-256 of prompt, system prompt and earlier turns."
    )
    model: str = Field(description="Specification of the model.")
    parameters: dict[str, Any] = Field(default_factory=dict, description="Sampling parameters of the call.")
    attack: str | None = Field(default=None, description="Specification of the attack, or null.")
    crafted_on: str | None = Field(
        default=None, description="What the attack was built on, where that is not the system that was asked."
    )
    own_attack: bool = Field(
        default=False,
        description="Whether the attack is part of the task: such a line counts where the run has no attack.",
    )
    defences: tuple[str, ...] = Field(default=(), description="Specifications of the defences, in order.")
    status: Literal["scored", "unscored"] = Field(description="Whether there is a verdict.")
    reason: str | None = Field(default=None, description="Why there is no verdict: one of the unscored reasons.")
    detail: str | None = Field(default=None, description="The reason in words.")
    answer: str | None = Field(default=None, description="What the model said, in words, as it came.")
    read: dict[str, Any] | None = Field(
        default=None,
        description="What the reader of replies took off the answer: reasoning, preamble, language, finish; or null.",
    )
    value: float | None = Field(
        default=None,
        description="Of a subject that answers with a number, such as a detector: its number; null of one that answers in words.",
    )
    seen: bool = Field(
        default=False,
        description="Whether an artefact of the run was fitted to this row, or to its speaker or text; such a line is in no number.",
    )
    heard: dict[str, str] | None = Field(
        default=None, description="What a cascade's recogniser wrote, by the clip's role; null of other models."
    )
    answer_clip: ClipName | None = Field(
        default=None, description="SHA-256 of the spoken answer under clips/, or null."
    )
    passing: bool = Field(
        default=False, description="Whether the failure may pass, so that a resumed run asks the item again."
    )
    verdict: VerdictFields | None = Field(default=None, description="score, label and facts.")
    usage: dict[str, float] = Field(
        default_factory=dict, description="Tokens and cost_usd, as far as known; of all turns that were asked."
    )
    duration_ms: float = Field(default=0.0, description="Wall time of the model's answer in milliseconds.")
    kind: Literal["item", "canary"] = Field(default="item", description="Canaries prove that the audio arrived.")
    cluster: str = Field(default="", description="What the item is resampled by.")
    truth: dict[str, Any] = Field(default_factory=dict, description="What scoring and grouping needed.")
    clips: dict[str, ClipName] = Field(
        default_factory=dict, description="SHA-256 under clips/ of what was sent, by role."
    )
    prompt: str = Field(default="", description="The prompt that was sent.")
    turns: tuple[EarlierTurn, ...] = Field(
        default=(), description="Of a conversation the turns before the one that was answered last, the oldest first."
    )
    attempt: dict[str, Any] | None = Field(
        default=None, description="Of an attacked item: success, queries, distortion, control and what was drawn."
    )
    defence_ms: float = Field(default=0.0, description="Milliseconds that the defences added.")
    defence_usage: dict[str, float] = Field(
        default_factory=dict,
        description="What the defences asked of models: calls, tokens and cost_usd, as far as known; empty where nothing.",
    )
    blocked: str | None = Field(default=None, description="Why a defence kept the question from the model, or null.")
    draw: int = Field(
        default=0, description="Which draw of random defences it was asked under; needed to ask it again."
    )
    judges: dict[str, Any] | None = Field(
        default=None,
        description="What each judge said, by its name: label, reason, value and sub-scores; or a label alone.",
    )
    question: dict[str, Any] | None = Field(
        default=None, description="What the judge had to decide, so that another one can be asked later."
    )

    @property
    def score(self) -> float | None:
        """The verdict's score, or None."""
        return None if self.verdict is None else self.verdict["score"]

    @property
    def label(self) -> str | None:
        """The verdict's label, or None."""
        return None if self.verdict is None else self.verdict["label"]

    @property
    def said(self) -> str:
        """The answer without what the reader of replies took off: reasoning, a preamble."""
        return str((self.read or {}).get("answer", self.answer or ""))

    @property
    def to_judge(self) -> Question | None:
        """What a judge had, or would have, to decide; None where a parser decided."""
        return None if self.question is None else Question.of_json(self.question, answer=self.answer or "")

    @computed_field(description="The defences as they are shown, joined by '+'; null where there are none.")  # type: ignore[prop-decorator]
    @property
    def defence(self) -> str | None:
        """The defences as they are shown; None where there are none."""
        return self.arm.stack or None

    @property
    def arm(self) -> Arm:
        """The condition of the run that it counts in; an attack that is part of its task makes none."""
        if self.own_attack:
            return Arm(defences=self.defences)
        return Arm(attack=self.attack, crafted_on=self.crafted_on, defences=self.defences)

    @model_validator(mode="before")
    @classmethod
    def _of_old(cls, fields: Any, info: ValidationInfo) -> Any:
        """A line as versions before 0.3 wrote it, whose defences are one string; the plan, in the context, knows them."""
        if not isinstance(fields, dict) or "defence" not in fields:
            return fields
        joined, rest = fields["defence"], {name: value for name, value in fields.items() if name != "defence"}
        if joined is None or "defences" in rest:
            return rest
        if not isinstance(joined, str):
            raise ValueError("defence must be a string or null")
        stacks = info.context or {}
        return {**rest, **old_attack(fields.get("attack")), "defences": stacks.get(joined, (joined,))}

    def dumped(self) -> str:
        """The line as compact JSON, keys in a fixed order, without a newline."""
        return json.dumps(plain_json(self.model_dump()), ensure_ascii=False, separators=(",", ":"))


class JudgementLine(BaseModel):
    """What one judge said of one answer of a finished run, a line of `judgements.jsonl`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    item: str = Field(description="The journal line's item, with the arm's suffix.")
    subject: str = Field(description="Fingerprint of the model whose answer it is, or its specification.")
    prompt_hash: str = Field(description="First 16 hex digits of the SHA-256 of the judge's prompt and system prompt.")
    answer_hash: str = Field(description="First 16 hex digits of the SHA-256 of the answer that was judged.")
    judge: str = Field(description="Name of the judge: its specification, and whether it hears.")
    fingerprint: str = Field(default="", description="What tells this judge from others of its name.")
    parameters: dict[str, Any] = Field(default_factory=dict, description="Sampling parameters of the judge's calls.")
    said: dict[str, Any] = Field(description="Label (null: its reply could not be read), reason, value and sub-scores.")
    verdict: VerdictFields | None = Field(default=None, description="score, label and facts, if this judge decides.")

    @property
    def key(self) -> str:
        """What is not asked twice: subject, item, prompt and answer, judge and parameters."""
        asked = self.model_dump(mode="json", exclude={"said", "verdict"})
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    def judges(self, line: JournalLine) -> bool:
        """Whether it is about this line's answer, rather than an earlier one of the same item."""
        return self.item == line.item and self.answer_hash == answer_hash(line.answer)

    def dumped(self) -> str:
        """The line as compact JSON, without a newline."""
        return json.dumps(plain_json(self.model_dump()), ensure_ascii=False, separators=(",", ":"))


def answer_hash(answer: str | None) -> str:
    """First 16 hex digits of the SHA-256 of an answer."""
    return hashlib.sha256((answer or "").encode()).hexdigest()[:16]
