"""From what became of a job to its line in the journal."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from earnest.audio import Stimulus
from earnest.audio.stimulus import PRIMARY_ROLE
from earnest.engine.job import Job
from earnest.models.access import Answer, Blocked, Failure, Reply, Sampling, counted, stopped_by_filter
from earnest.records import EarlierTurn, JournalLine, Outcome, Question, Unscored, Verdict


def outcome_of_reply(job: Job, reply: Reply) -> Outcome:
    """What scoring says of the reply; a failure is never scored, an empty answer only of a clip that holds something.

    A block is scored as the refusal that the user is told: right where a refusal is right, wrong elsewhere. No judge is
    asked about it.
    """
    if isinstance(reply, Failure):
        return Unscored(reason=reply.reason, detail=reply.detail, passing=reply.passing)
    if isinstance(reply, Blocked):
        outcome = job.score(job.item, reply.as_answer)
        undecided = isinstance(outcome, Question) and (
            outcome.otherwise or Unscored(reason="unjudged", detail=reply.reason)
        )
        return undecided or outcome
    if reply.value is None and not reply.said.strip() and reply.clip is None and not job.item.audible:
        if reply.details.get("blocked") or reply.reading.finish == "content_filter":
            return Unscored(reason="content_filter", detail=stopped_by_filter(reply))
        cut = " before max_tokens cut it off" if reply.reading.finish == "length" else ""
        return Unscored(reason="empty_answer", detail=f"the model said nothing{cut}")
    return job.score(job.item, reply)


def scoring_failed(error: Exception) -> Unscored:
    """The outcome of an item whose reply could not be scored: what was raised, and where."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    said = " ".join(str(error).split())[:300]
    where = f"{Path(place.filename).name}, line {place.lineno}"
    return Unscored(reason="scoring_failed", detail=f"{type(error).__name__}: {said} ({where})")


def line_of(
    job: Job,
    *,
    model: str,
    sampling: Sampling,
    outcome: Verdict | Unscored,
    stimulus: Stimulus | None = None,
    reply: Reply | None = None,
    clips: Mapping[str, str] | None = None,
    answer_clip: str | None = None,
    attempt: Mapping[str, Any] | None = None,
    judges: Mapping[str, Any] | None = None,
    question: Question | None = None,
    draw: int = 0,
    turns: Sequence[EarlierTurn] = (),
    seen: bool = False,
) -> JournalLine:
    """The journal line of a finished job."""
    answer = reply if isinstance(reply, Answer) else None
    arm = job.arm if job.is_control else job.setup_arm
    unscored = outcome if isinstance(outcome, Unscored) else None
    verdict = None
    if isinstance(outcome, Verdict):
        verdict = {"score": outcome.score, "label": outcome.label, "facts": dict(outcome.facts)}
    return JournalLine(
        item=job.id,
        sample=job.item.sample,
        task=job.item.task,
        prompt_hash=stimulus.prompt_hash if stimulus else "",
        model=model,
        parameters=dict(vars(sampling)),
        attack=arm.attack,
        crafted_on=arm.crafted_on,
        own_attack=arm != job.arm,
        defences=arm.defences,
        status="unscored" if unscored else "scored",
        reason=unscored.reason if unscored else None,
        detail=(unscored.detail or None) if unscored else None,
        passing=unscored is not None and unscored.passing,
        answer=answer.text if answer else None,
        value=answer.value if answer else None,
        seen=job.seen or seen,
        answer_clip=answer_clip,
        verdict=verdict,
        usage=dict(answer.usage) if answer else {},
        duration_ms=round(answer.duration_ms, 3) if answer else 0.0,
        kind=job.kind,
        cluster=job.item.cluster or job.item.sample,
        truth=dict(job.item.truth),
        clips=dict(clips or {}),
        prompt=stimulus.prompt if stimulus else "",
        attempt=dict(attempt) if attempt is not None else None,
        defence_ms=round(_defence_ms(reply), 3),
        defence_usage=_defence_usage(reply),
        blocked=reply.reason if isinstance(reply, Blocked) else None,
        draw=draw,
        turns=tuple(turns),
        read=_taken_off(answer) if answer else None,
        heard=heard_by(answer, stimulus) if answer else None,
        judges=dict(judges) if judges else None,
        question=question.as_json(answer=answer.text if answer else "") if question is not None else None,
    )


def _defence_ms(reply: Reply | None) -> float:
    if isinstance(reply, Blocked):
        return reply.defence_ms
    return float(reply.details.get("defence_ms", 0.0)) if isinstance(reply, Answer) else 0.0


def _defence_usage(reply: Reply | None) -> dict[str, float]:
    if isinstance(reply, Blocked):
        return dict(reply.defence_usage)
    usage = reply.details.get("defence_usage") if isinstance(reply, Answer) else None
    return counted(usage) if isinstance(usage, Mapping) else {}


def _taken_off(answer: Answer) -> dict[str, Any] | None:
    """What the reader took off an answer, and what it says of it; None where that is nothing."""
    reading = answer.reading
    parts = {name: getattr(reading, name) for name in ("reasoning", "preamble", "language", "finish")}
    taken = {name: part for name, part in parts.items() if part}
    if reading.answer != answer.text.strip():
        taken["answer"] = reading.answer
    if cut := answer.details.get("cut"):
        taken["cut"] = cut
    return taken or None


def heard_by(answer: Answer, stimulus: Stimulus | None) -> dict[str, str] | None:
    """What a cascade's recogniser wrote, by role; None of a model that hears by itself."""
    transcript = answer.details.get("transcript")
    if isinstance(transcript, str):
        roles = list(stimulus.clips) if stimulus else []
        return {roles[0] if len(roles) == 1 else PRIMARY_ROLE: transcript}
    return {role: str(text) for role, text in transcript.items()} if isinstance(transcript, Mapping) else None
