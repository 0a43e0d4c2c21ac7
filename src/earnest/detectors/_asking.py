"""Detectors that ask a model: what it makes of a clip, and of the clip changed, tells of the clip.

The model is a parameter, so that a journal line says which one was asked. Each score says how many calls it took and what
they used (`AskingDetector.evidence`); asked as `detector/<specification>`, these stand with the answer, and the host that
recordings are sent to is the model's. A call that fails gives no score: the error goes through.
"""

from __future__ import annotations

import abc
import copy
import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Self

from earnest.audio import AudioClip, Stimulus
from earnest.detectors._base import Detector
from earnest.errors import BadParameter, ModelFailed
from earnest.models import load_model
from earnest.models.access import Answer, Failure, Model, Sampling

COMPARED = ("transcript", "answer", "both")
RESPOND = "Listen to the speaker and answer in one sentence."


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A score, and what it was made from.

    Parameters
    ----------
    score : float
        As `Detector.score` gives it.
    n_calls : int
        Answers of the model that it took.
    usage : mapping
        What these used, as `Answer.usage` counts it, in sum.
    details : mapping
        JSON values: the texts that were compared, say.
    """

    score: float
    n_calls: int = 0
    usage: Mapping[str, float] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AskingDetector(Detector):
    """Base of the detectors that ask a model; a subclass implements `evidence`.

    Parameters
    ----------
    model : str
        Specification of the model that is asked; `earnest list models` shows the forms.
    prompt : str
        What it is asked.
    compare : {"transcript", "answer", "both"}
        Which of its words count: what it says that it heard (`details["transcript"]` of an answer), its answer, or both alike.
    """

    model: str = "earnest/reference"
    prompt: str = RESPOND
    compare: Literal["transcript", "answer", "both"] = "transcript"

    def __post_init__(self) -> None:
        if self.compare not in COMPARED:
            raise BadParameter(
                f"compare of detector {self.name!r} must be one of {', '.join(COMPARED)}, got {self.compare!r}"
            )

    @cached_property
    def asked(self) -> Model:
        """The model that is asked, loaded when it is first needed."""
        return load_model(self.model)

    def asking(self, model: Model) -> Self:
        """The same detector, asking a model that is there already."""
        made = copy.copy(dataclasses.replace(self, model=model.name))
        vars(made)["asked"] = model
        return made

    @abc.abstractmethod
    def evidence(self, clip: AudioClip) -> Evidence:
        """The score of a clip, and what it was made from.

        Raises
        ------
        BadAudio
            If the clip holds nothing to go by.
        ModelFailed
            If a call gave no answer.
        """

    def score(self, clip: AudioClip) -> float:
        """As `Detector.score`; see `evidence` for what it took."""
        return self.evidence(clip).score

    def answers(self, clips: Sequence[AudioClip]) -> list[Answer]:
        """An answer to each clip, asked together.

        Raises
        ------
        ModelFailed
            If one of the calls gave none.
        """
        stimuli = [Stimulus(clips={"speech": clip}, prompt=self.prompt) for clip in clips]
        size = self.asked.batch_size or len(stimuli)
        replies = [
            reply
            for at in range(0, len(stimuli), size)
            for reply in self.asked.ask(stimuli[at : at + size], sampling=Sampling())
        ]
        for reply in replies:
            if not isinstance(reply, Answer):
                assert isinstance(reply, Failure), "a model alone blocks nothing"
                raise ModelFailed(
                    f"detector {self.name!r} asked {self.asked.name!r}, which gave no answer: {reply.detail or reply.reason}",
                    reason=reply.reason,
                    retryable=reply.passing,
                )
        return [reply for reply in replies if isinstance(reply, Answer)]

    def words(self, answer: Answer) -> list[str]:
        """The texts of an answer that count, in lower case, spaces made single.

        Raises
        ------
        BadParameter
            If transcripts are compared, and the model gives none.
        """
        texts = [] if self.compare == "answer" else [self.transcript(answer)]
        texts += [] if self.compare == "transcript" else [answer.said]
        return [" ".join(text.lower().split()) for text in texts]

    def transcript(self, answer: Answer) -> str:
        """What the model says that it heard.

        Raises
        ------
        BadParameter
            If it does not say.
        """
        transcript = answer.details.get("transcript")
        if not isinstance(transcript, str):
            raise BadParameter(
                f"detector {self.name!r} compares transcripts, but {self.asked.name!r} gives none with its answers; "
                "take compare=answer, with prompt=Transcribe the speech. where transcripts are wanted"
            )
        return transcript


def usage_of(answers: Sequence[Answer]) -> dict[str, float]:
    """What answers used, in sum."""
    total: Counter[str] = Counter()
    for answer in answers:
        total.update(answer.usage)
    return dict(total)
