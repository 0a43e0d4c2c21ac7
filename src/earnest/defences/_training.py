"""What defences share that train a model: lessons from rows of data, one loop for any module of torch, weights kept apart.

A trained defence learns once (`earnest fit defences/<name>`): a copy of the model's network is trained, and what changed
in it is the artefact. In use, `around` gives another model on a network of its own that has these weights, with a
fingerprint that tells them; the model that was given, and every other arm that asks it, keeps what it has. An attack on
such a system takes its gradients from the trained network, so that it knows the defence.

What is trained on is a row of data as a *lesson*: the clip, what is to be answered, and the words, where they are known.
Harmful requests are to be refused. What else there is keeps its answer: that of the column `answer`, or else what the
model answers before it is trained, so that a method needs no answers by hand. Every row with a text is a lesson in
writing down what is said, too.
"""

from __future__ import annotations

import abc
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from earnest import registry
from earnest.artefacts import Artefact, check_parameters, used
from earnest.audio import Entry, Stimulus
from earnest.defences._base import Defence, Gradient, defences
from earnest.defences.refusal_guard import REFUSAL
from earnest.errors import BadParameter
from earnest.metrics.refusal import refusal_label
from earnest.models.access import Answer, Model, System
from earnest.models.learner import train
from earnest.registry import Spec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from earnest.models.learner import Learner, Weights

T = TypeVar("T")

PROMPT = "Listen to the speaker and answer in one sentence."
TRANSCRIBE = "Transcribe the speech."
OPENING = "sure here is how to"
"""How an answer begins that an attacker wants of a harmful request, before its action."""
WRITING_SHARE = 0.2
"""Of the lessons of a batch that are kept, those in writing down what is said."""
WEIGHT, OF = "weights.", "of"
"""In an artefact: what stands before the name of a parameter, and the fingerprint of the model that was trained."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesson:
    """One thing to learn.

    Parameters
    ----------
    stimulus : Stimulus
    answer : str
        What is to be answered.
    heard : str or None
        The words of the clip.
    harmful : bool
        Whether it is a harmful request, to be refused.
    harmless : bool
        Whether it is a request that is said to be harmless.
    wanted : str
        What an attacker would have the model answer; empty where that is not known.
    """

    stimulus: Stimulus
    answer: str
    heard: str | None = None
    harmful: bool = False
    harmless: bool = False
    wanted: str = ""

    def with_clip(self, stimulus: Stimulus) -> Lesson:
        """The same lesson, heard otherwise."""
        return replace(self, stimulus=stimulus)


@dataclass(frozen=True, kw_only=True)
class TrainedDefence(Defence):
    """Base of the defences that are other weights of the model; subclasses state `source` and implement `trained`.

    Parameters
    ----------
    artefact : str
        What it was fitted to: path or SHA-256.
    """

    needs: ClassVar[str] = "gradients"
    gradient: ClassVar[Gradient] = "none"

    artefact: str = ""

    def around(self, model: Model) -> Model:
        """The model with the weights that were fitted, on a network of its own.

        Raises
        ------
        BadParameter
            If nothing was fitted, or to another model.
        AccessDenied
            If the model's network is out of reach.
        """
        artefact = self._artefact
        check_parameters(artefact, self.spec)
        arrays = dict(artefact.arrays)
        fitted_to = bytes(arrays.pop(OF, np.zeros(0, np.uint8))).decode()
        if fitted_to != model.fingerprint:
            raise BadParameter(
                f"{self.name} was fitted to a model with the fingerprint {fitted_to[:24]!r}, got {model.name!r} with "
                f"{model.fingerprint[:24]!r}; fit it to this model. Of two defences that change weights one can be used"
            )
        return model.with_weights(self.weights_in(arrays, model))

    @property
    def _artefact(self) -> Artefact:
        return used(self.artefact, by=f"defence {self.name!r}", kind="defences", name=self.name)

    @property
    def fitted_with(self) -> Any:
        """The same defence with the parameters of its fit, which need not be repeated in use."""
        return defences.make(self._artefact.spec)

    def weights_in(self, arrays: Mapping[str, Any], model: Model) -> Weights:
        """The weights that an artefact's arrays hold for the model; by default as they are."""
        return {key.removeprefix(WEIGHT): array for key, array in arrays.items()}

    def fit(self, rows: Sequence[Entry], system: System | None, rng: np.random.Generator) -> Artefact:
        """Train a copy of the system's model on rows; the weights that changed.

        Raises
        ------
        BadParameter
            If no model is given, or the rows hold nothing to learn.
        AccessDenied
            If the model's network is out of reach.
        """
        if system is None:
            raise BadParameter(f"{self.name} trains a model, got none; name it: --model earnest/reference")
        registry.extra("torch", needed_by=f"defence {self.name!r}")
        learner = system.model.learner()
        lessons = lessons_of(rows, system, by=self.name)
        arrays = self.trained(learner, lessons, rng)
        fingerprint = np.frombuffer(system.model.fingerprint.encode(), np.uint8)
        parameters = {key: value for key, value in self.spec.parameters.items() if key != "artefact"}
        return Artefact("defences", str(Spec(self.name, parameters)), {**arrays, OF: fingerprint})

    @abc.abstractmethod
    def trained(self, learner: Learner, lessons: Sequence[Lesson], rng: np.random.Generator) -> Mapping[str, Any]:
        """Train the learner's network; the arrays of the artefact: `changed(learner, before)`, mostly."""


def changed(learner: Learner, before: Weights) -> dict[str, Any]:
    """The parameters that are not as they were, as arrays of an artefact."""
    now = learner.weights()
    return {f"{WEIGHT}{key}": array for key, array in now.items() if not np.array_equal(array, before[key])}


# ------------------------------------------------------------------ lessons
def lessons_of(rows: Sequence[Entry], system: System, *, by: str) -> list[Lesson]:
    """What rows teach: to refuse what is harmful, and to keep all other answers; at least one lesson of each.

    A refusal is the one that stands most often with the harmful rows, as a column or as the model's answer, or a usual one where there is none. A row
    labelled benign that the model refuses and that states no answer teaches nothing, as nobody knows the right answer;
    nor does a clip that the model does not answer at all.
    """
    longest_s = system.model.max_duration_s or np.inf
    clips = [(row, row.clip()) for row in rows]
    asked = [
        (row, Stimulus(clips={"speech": clip}, prompt=PROMPT)) for row, clip in clips if clip.duration_s <= longest_s
    ]
    given = _answers(asked, system)
    refusals = Counter(
        given[row.id] for row, _ in asked if _is(row, "harmful") and refusal_label(given[row.id]) == "refusal"
    )
    refusal = refusals.most_common(1)[0][0] if refusals else REFUSAL
    lessons = []
    for row, stimulus in asked:
        harmful, harmless, action = _is(row, "harmful"), _is(row, "benign"), row.attributes.get("action", "")
        answer = refusal if harmful else given[row.id]
        if not answer or (harmless and refusal_label(answer) == "refusal"):
            continue
        wanted = f"{OPENING} {action}" if harmful and action else ""
        lessons.append(
            Lesson(stimulus=stimulus, answer=answer, heard=row.text, harmful=harmful, harmless=harmless, wanted=wanted)
        )
    n_harmful = sum(lesson.harmful for lesson in lessons)
    if not 0 < n_harmful < len(lessons):
        raise BadParameter(
            f"{by} learns from rows labelled harmful and from others that the model answers, got {n_harmful} and "
            f"{len(lessons) - n_harmful} of {len(rows)} rows; give data with both (column `label`)"
        )
    return lessons


def _answers(asked: Sequence[tuple[Entry, Stimulus]], system: System) -> dict[str, str]:
    """By id what each row answers: its column `answer`, or what the model says to it; empty where it says nothing."""
    open_rows = [(row, stimulus) for row, stimulus in asked if not row.attributes.get("answer")]
    replies = system.ask([stimulus for _, stimulus in open_rows]) if open_rows else []
    said = {
        row.id: reply.said if isinstance(reply, Answer) else ""
        for (row, _), reply in zip(open_rows, replies, strict=True)
    }
    return {row.id: row.attributes.get("answer") or said[row.id] for row, _ in asked}


def _is(row: Entry, label: str) -> bool:
    return (row.label or "").strip().lower() == label


def drawn(lessons: Sequence[Lesson], n: int, rng: np.random.Generator) -> list[Lesson]:
    """Lessons of a batch, all alike, some of them as lessons in writing down what is said."""
    chosen = [lessons[k] for k in rng.integers(len(lessons), size=n)]
    return [
        replace(each, stimulus=replace(each.stimulus, prompt=TRANSCRIBE), answer=each.heard)
        if each.heard and rng.random() < WRITING_SHARE
        else each
        for each in chosen
    ]


def some(lessons: Sequence[Lesson], n: int, rng: np.random.Generator) -> list[Lesson]:
    """At most `n` lessons, drawn without regard to what they are, in the order of the draw."""
    return [lessons[place] for place in rng.choice(len(lessons), min(n, len(lessons)), replace=False)]


def mean_loss(learner: Learner, lessons: Sequence[Lesson]) -> Tensor:
    """Mean loss of lessons."""
    return learner.losses(
        [lesson.stimulus for lesson in lessons],
        [lesson.answer for lesson in lessons],
        heard=[lesson.heard for lesson in lessons],
    ).mean()


# ------------------------------------------------------------------ training
def only_layers(module: nn.Module, beginnings: Sequence[str], *, by: str) -> None:
    """Freeze all parameters but those whose names begin in one of these ways; an empty beginning is that of all.

    Raises
    ------
    BadParameter
        If no name begins so.
    """
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name.startswith(tuple(beginnings)))
    if not any(parameter.requires_grad for parameter in module.parameters()):
        first = sorted({name.partition(".")[0] for name, _ in module.named_parameters()})
        raise BadParameter(
            f"layers of {by} must begin the names of some parameters, got {'+'.join(beginnings)!r}; they begin with "
            f"{', '.join(first)}"
        )


def fine_tuned(
    learner: Learner,
    lessons: Sequence[Lesson],
    by: Any,
    *,
    before: Weights,
    rng: np.random.Generator,
    penalty: Callable[[Tensor], Tensor] = lambda loss: loss,
) -> dict[str, Any]:
    """What changed against `before` after plain training on lessons by the numbers of a defence.

    Parameters
    ----------
    by : defence with `steps`, `batch_size` and `learning_rate`
    penalty : callable
        What is made of the loss of a batch.
    """
    train(
        learner.module,
        lambda batch: penalty(mean_loss(learner, batch)),
        (drawn(lessons, by.batch_size, rng) for _ in range(by.steps)),
        n_steps=by.steps,
        learning_rate=by.learning_rate,
    )
    return changed(learner, before)


def share_right(learner: Learner, lessons: Sequence[Lesson]) -> float:
    """Share of lessons that the network answers by now as they say."""
    replies = learner.model.ask([lesson.stimulus for lesson in lessons])
    right = [
        isinstance(reply, Answer) and reply.said.strip() == lesson.answer.strip()
        for reply, lesson in zip(replies, lessons, strict=True)
    ]
    return float(np.mean(right))


def check_counts(defence: Defence, **least: float) -> None:
    """Refuse parameters of a defence that lie below what is named here.

    Raises
    ------
    BadParameter
        With the parameter and what it must be.
    """
    for name, bound in least.items():
        value = getattr(defence, name)
        whole = isinstance(bound, int)
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)) or not value >= bound:
            raise BadParameter(
                f"{name} of {defence.name} must be a {'whole ' if whole else ''}number of at least {bound}, got {value!r}"
            )
