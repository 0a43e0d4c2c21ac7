"""Judges: what decides about answers that no parser could score.

A judge is shown the question, what is true, the persona, the prompt and the response, never whose response it is; one
that hears is given the recording too. It must reply in the form that the question names. A reply of another form is
shown to it once more with what was wrong; after that the item is `unjudged`, and counted as such.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from earnest.audio import AudioClip, Stimulus
from earnest.engine.judge_prompts import judge_stimulus, masked
from earnest.engine.judge_replies import Judgement, outcome_of, read_reply, schema_of
from earnest.errors import ModelFailed
from earnest.models.access import Model, Sampling
from earnest.records import HEARING, Outcome, Question, Unscored

SHORT, LONG = Sampling(temperature=0.0, max_tokens=300), Sampling(temperature=0.0, max_tokens=1200)
"""How replies are drawn: short ones, and those with a score and a reasoning for every dimension."""


class NamedJudge(Protocol):
    """A judge that needs no model, or brings its own: `label` is called in a worker thread."""

    name: str

    def label(self, question: Question) -> Judgement:
        """What it says of the question."""


class ModelJudge:
    """A model that judges.

    Parameters
    ----------
    model : Model
        Asked at temperature 0, with text alone unless it hears.
    hears : bool
        Whether it is given the recording with the question.
    """

    def __init__(self, model: Model, *, hears: bool = False) -> None:
        self.model, self.hears = model, hears
        self.name = model.name + (HEARING if hears else "")

    def label(self, question: Question) -> Judgement:
        """What the model says of the question; not for use inside an event loop."""
        return asyncio.run(self._labelled_once(question))

    async def label_async(
        self, question: Question, *, subject: str = "", clips: Mapping[str, AudioClip] | None = None
    ) -> Judgement:
        """What the model says of the question.

        Parameters
        ----------
        subject : str
            Specification of the model under test; its names are masked.
        clips : mapping or None
            What the model under test was sent, for a judge that hears.
        """
        heard = dict(clips or {}) if self.hears else {}
        given: dict[str, Any] = {"subject": subject, "hears": bool(heard), "clips": heard}
        try:
            text = await self._reply_to(judge_stimulus(question, **given), question)
            found = read_reply(text, question)
            if found.label is None:
                again = judge_stimulus(question, **given, last_reply=text, fault=found.reason)
                found = read_reply(await self._reply_to(again, question), question)
        except ModelFailed as error:
            return Judgement(label=None, reason=f"{error.reason}: {error}", failed=True)
        return found

    async def _labelled_once(self, question: Question) -> Judgement:
        try:
            return await self.label_async(question)
        finally:
            await self.model.aclose()

    async def _reply_to(self, stimulus: Stimulus, question: Question) -> str:
        schema = schema_of(question) if self.model.takes_schema else None
        held = {"schema": schema} if schema else {}
        return (await self.model.ask_one(stimulus, sampling=sampling_of(question), **held)).text


def sampling_of(question: Question) -> Sampling:
    """How a judge's reply to the question is drawn."""
    return LONG if question.reader == "score" else SHORT


async def judged(
    question: Question,
    judges: Sequence[ModelJudge | NamedJudge],
    *,
    subject: str = "",
    clips: Mapping[str, AudioClip] | None = None,
) -> tuple[Outcome, dict[str, Judgement] | None]:
    """The verdict of the first judge, or `unjudged` with the reason; and what each judge said, by its name.

    Without a judge it is the verdict of the rules, where the question brings one.
    """
    if not judges and question.otherwise is not None:
        return question.otherwise, None
    if not judges:
        none = Unscored(reason="unjudged", detail="no judge was given; add one, as in --judge openai/gpt-4o")
        return none, None
    said = await asyncio.gather(*(label_of(judge, question, subject=subject, clips=clips) for judge in judges))
    outcome = outcome_of(question, said[0], judge=judges[0].name)
    return outcome, {judge.name: judgement for judge, judgement in zip(judges, said, strict=True)}


async def label_of(
    judge: ModelJudge | NamedJudge,
    question: Question,
    *,
    subject: str = "",
    clips: Mapping[str, AudioClip] | None = None,
) -> Judgement:
    """What one judge says of the question; one without a model is called in a worker thread, and is blind as well."""
    if isinstance(judge, ModelJudge):
        return await judge.label_async(question, subject=subject, clips=clips)
    return await asyncio.to_thread(judge.label, masked(question, subject=subject) if subject else question)
