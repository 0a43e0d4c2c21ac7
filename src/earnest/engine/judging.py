"""Judging a finished run again: its answers as they stand, by judges who have not seen them yet.

The subject is not asked. What a judge said of an answer is written to `judgements.jsonl`, keyed by subject, item,
prompt, judge and parameters, so that no judge is asked the same twice and work that was interrupted goes on. Calls go
through the same `Caller` as a run's: cached by content, bounded, retried, under the run folder's ceiling.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from earnest.audio import AudioClip
from earnest.engine.caller import Caller
from earnest.engine.clips import clip_path
from earnest.engine.failing import FailureRow
from earnest.engine.job import Progress, Settings
from earnest.engine.judge_prompts import judge_stimulus
from earnest.engine.judge_replies import Judgement, outcome_of
from earnest.engine.judgements import Judgements
from earnest.engine.judges import ModelJudge, sampling_of
from earnest.engine.limits import check_open_files
from earnest.engine.session import Session, in_session
from earnest.errors import BadData
from earnest.plan import Plan
from earnest.records import JournalLine, JudgementLine, Question, Verdict, answer_hash


@dataclass(frozen=True, kw_only=True)
class JudgeSummary:
    """What judging again did.

    Parameters
    ----------
    folder : Path
    judges : tuple of str
    n_questions : int
        Answers with a question for a judge.
    n_parsed : int
        Answers without one: a parser decided, and they are left alone.
    n_known : int
        Judgements that were there before, over all judges.
    n_judged, n_unjudged : int
        New labels; replies that could not be read.
    failed : mapping of str to int
        Calls that gave no reply, by reason; asked again another time.
    details : mapping of str to str
        What was said of the first of them, by reason.
    n_calls, n_cached, n_retries : int
    cost_usd : float or None
        Spent on the run folder so far.
    note : str
        What is not known of the cost.
    duration_s : float
    """

    folder: Path
    judges: tuple[str, ...]
    n_questions: int
    n_parsed: int
    n_known: int = 0
    n_judged: int = 0
    n_unjudged: int = 0
    failed: Mapping[str, int]
    details: Mapping[str, str] = field(default_factory=dict)
    n_calls: int = 0
    n_cached: int = 0
    n_retries: int = 0
    cost_usd: float | None = None
    note: str = ""
    duration_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The summary as JSON values."""
        return {**asdict(self), "folder": str(self.folder), "judges": list(self.judges), "failed": dict(self.failed)}


@dataclass(frozen=True)
class _Inquiry:
    """A question to one judge that was not asked yet."""

    judge: ModelJudge
    line: JournalLine
    question: Question
    blank: JudgementLine


def judge_lines(
    folder: Path | str,
    lines: Sequence[JournalLine],
    *,
    judges: Sequence[ModelJudge],
    settings: Settings = Settings(),  # noqa: B008
    on_progress: Callable[[Progress], None] | None = None,
) -> JudgeSummary:
    """Ask every judge about every answer that has a question and that it has not judged yet.

    Parameters
    ----------
    folder : path
        A run folder.
    lines : sequence of JournalLine
        Its journal, as the engine wrote it.
    on_progress : callable or None
        As in `execute`.

    Raises
    ------
    BadData
        If a judge is to hear and clips of the run are gone.
    PlanMismatch
        If another process judges the run.
    RunStopped
        If a judge can never be asked (no right key, no such model, a refused connection), or so many calls to it failed
        in a row; what was judged is kept.
    """
    work = _Judging(Path(folder), lines, judges, settings, on_progress)
    return in_session(work.folder, settings, work.done)


class _Judging:
    """Judging in progress."""

    def __init__(
        self,
        folder: Path,
        lines: Sequence[JournalLine],
        judges: Sequence[ModelJudge],
        settings: Settings,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        items = [line for line in lines if line.kind == "item" and line.answer is not None]
        self.folder, self.judges, self.settings, self.on_progress = folder, judges, settings, on_progress
        self.plan = Plan.read(folder)
        self.questions = [(line, question) for line in items if (question := line.to_judge) is not None]
        self.n_parsed = len(items) - len(self.questions)
        self.n_judged = self.n_unjudged = self.n_known = self.n_total = 0
        self.failed: Counter[str] = Counter()
        self.details: dict[str, str] = {}
        self.rows = {judge.name: FailureRow(f"judge {judge.name}", settings.max_failures) for judge in judges}

    async def done(self, session: Session) -> JudgeSummary:
        """Ask what was not asked yet."""
        check_open_files(self.settings.max_connections * len(self.judges))
        session.recall(judge.model for judge in self.judges)
        with Judgements(self.folder) as judgements:
            session.keep_account(of_learning=True)
            callers = [session.caller(judge.model, role="judge") for judge in self.judges]
            session.check_prices()
            left = [self._left(judge, judgements) for judge in self.judges]
            self.n_total = sum(map(len, left))
            async with session.ticking(lambda: self._report(session)):
                await self._ask_all(callers, left, judgements)
        return self._summary(session)

    def _left(self, judge: ModelJudge, judgements: Judgements) -> list[_Inquiry]:
        """What a judge was not asked yet, neither in the run nor later."""
        left = []
        for line, question in self.questions:
            blank = self._blank(judge, line, question)
            said = (line.judges or {}).get(judge.name)
            if blank.key in judgements.known or (said is not None and _label(said) is not None):
                self.n_known += 1
            else:
                left.append(_Inquiry(judge, line, question, blank))
        if judge.hears:
            self._check_clips(inquiry.line for inquiry in left)
        return left

    def _blank(self, judge: ModelJudge, line: JournalLine, question: Question) -> JudgementLine:
        return JudgementLine(
            item=line.item,
            subject=self.plan.fingerprint or self.plan.model,
            prompt_hash=judge_stimulus(
                question, subject=self.plan.model, hears=judge.hears and bool(line.clips)
            ).prompt_hash,
            answer_hash=answer_hash(line.answer),
            judge=judge.name,
            fingerprint=judge.model.fingerprint,
            parameters=asdict(sampling_of(question)),
            said={},
        )

    def _check_clips(self, lines: Iterator[JournalLine]) -> None:
        names = {name for line in lines for name in line.clips.values()}
        gone = sorted(name for name in names if not clip_path(self.folder, name).is_file())
        if gone:
            raise BadData(
                f"a judge that hears needs the clips of {self.folder}, and some are gone; judge without", gone
            )

    async def _ask_all(
        self, callers: Sequence[Caller], left: Sequence[Sequence[_Inquiry]], judgements: Judgements
    ) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for caller, inquiries in zip(callers, left, strict=True):
                    work = iter(inquiries)
                    size = caller.batch_size
                    for _ in range(self.settings.max_connections if size is None else 2 * size + 8):
                        group.create_task(self._worker(work, caller, judgements))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _worker(self, work: Iterator[_Inquiry], caller: Caller, judgements: Judgements) -> None:
        for inquiry in work:
            judge = ModelJudge(caller, hears=inquiry.judge.hears)
            clips = await asyncio.to_thread(self._clips, inquiry.line) if judge.hears else None
            judgement = await judge.label_async(inquiry.question, subject=self.plan.model, clips=clips)
            row = self.rows[judge.name]
            row.judged(judgement)
            if judgement.failure is not None:
                reason, detail = judgement.failure
                self.failed[reason] += 1
                self.details.setdefault(reason, detail)
                row.check(done=f"{self.n_judged + self.n_unjudged} of {self.n_total} judgements")
                continue
            judgements.add(_filled(inquiry, judgement))
            self.n_judged += judgement.label is not None
            self.n_unjudged += judgement.label is None

    def _clips(self, line: JournalLine) -> dict[str, AudioClip]:
        return {role: AudioClip.read(clip_path(self.folder, name)) for role, name in line.clips.items()}

    def _report(self, session: Session) -> None:
        if self.on_progress is None:
            return
        done = self.n_judged + self.n_unjudged + sum(self.failed.values())
        unscored = {**self.failed, **({"unjudged": self.n_unjudged} if self.n_unjudged else {})}
        rate = done / session.passed_s
        self.on_progress(
            session.progress(
                done=done,
                total=self.n_total,
                scored=self.n_judged,
                unscored=unscored,
                n_here=done,
                eta_s=(self.n_total - done) / rate if rate else None,
            )
        )

    def _summary(self, session: Session) -> JudgeSummary:
        totals = session.totals()
        return JudgeSummary(
            folder=self.folder,
            judges=tuple(judge.name for judge in self.judges),
            n_questions=len(self.questions),
            n_parsed=self.n_parsed,
            n_known=self.n_known,
            n_judged=self.n_judged,
            n_unjudged=self.n_unjudged,
            failed=dict(self.failed),
            details=dict(self.details),
            n_calls=totals.n_calls,
            n_cached=totals.n_cached,
            n_retries=totals.n_retries,
            cost_usd=totals.cost_usd,
            note=totals.note,
            duration_s=totals.duration_s,
        )


def _filled(inquiry: _Inquiry, judgement: Judgement) -> JudgementLine:
    outcome = outcome_of(inquiry.question, judgement, judge=inquiry.judge.name)
    verdict = None
    if isinstance(outcome, Verdict):
        verdict = {"score": outcome.score, "label": outcome.label, "facts": dict(outcome.facts)}
    return inquiry.blank.model_copy(update={"said": judgement.as_json(), "verdict": verdict})


def _label(reply: object) -> object:
    return reply.get("label") if isinstance(reply, Mapping) else reply
