"""From a plan and its jobs to a finished run folder.

The event loop only waits for calls. Loading, defending, encoding and scoring happen in a few threads (libsndfile, soxr
and numpy let others run meanwhile; a pool of processes would cost more in copied audio than it gains). An attack is a
thread of its own that asks through the `Caller`. Audio is loaded when its item is asked. No more items are under way
than connections are allowed, so that no more clips are in memory, and no more calls are lost when a run is killed.

    load, defend ──> ask (cache, ceiling, limiter, attempts) ──> review, score, keep ──> judges ──> journal line
                                                                              └────> clips/<sha256>.{flac,wav}

What a line holds does not depend on connections, batches or order; only the order of lines does.
"""

from __future__ import annotations

import asyncio
import functools
import math
import os
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from earnest.attacks import Attack
from earnest.attacks._log import QUERIES, QueryLog
from earnest.audio import AudioClip, Stimulus
from earnest.engine.arms import Setup, setups
from earnest.engine.caller import LET_GO_S, Caller
from earnest.engine.clips import ClipStore
from earnest.engine.crafts import CraftStore
from earnest.engine.estimate import calls_of
from earnest.engine.failing import FailureRow
from earnest.engine.job import Job, Progress, Settings, Summary
from earnest.engine.journal import CALL_FAILED, Journal
from earnest.engine.judge_prompts import earlier_text
from earnest.engine.judge_replies import Judgement
from earnest.engine.judges import ModelJudge, NamedJudge, judged
from earnest.engine.limits import check_disk, check_memory, check_open_files
from earnest.engine.lines import line_of, outcome_of_reply, scoring_failed
from earnest.engine.pace import Left, Pace
from earnest.engine.planned import write_items
from earnest.engine.session import Session
from earnest.engine.shards import in_shard
from earnest.engine.stopping import finished
from earnest.engine.timings import Timings
from earnest.engine.workers import Workers
from earnest.errors import (
    AccessDenied,
    BadAudio,
    BadParameter,
    EarnestError,
    MachineFailed,
    MissingExtra,
    ModelFailed,
    RunStopped,
    StorageFailed,
    machine_failed,
)
from earnest.models.access import (
    VERIFY_DRAW,
    Answer,
    Blocked,
    Entry,
    Failure,
    Model,
    Reply,
    Sampling,
    rng_for,
)
from earnest.plan import Plan
from earnest.records import Arm, JournalLine, Question, Unscored, Verdict
from earnest.results.proof import swapped
from earnest.results.reasons import reason_counts

T = TypeVar("T")

MOST_TURNS = 64
"""Of one conversation; a task that asks more does not come to an end."""
_MOST_ATTACKS = 32
_MOST_GUARDED = 16
"""Items at once that may wait for what a defence asks, beside those that are worked on."""
_ENDS_THE_RUN = (AccessDenied, MachineFailed, MissingExtra, RunStopped, StorageFailed)
_GO_ON = "finished items are kept, and the same command resumes the run"
_NOT_AN_ITEMS = (*_ENDS_THE_RUN, OSError, MemoryError)
"""What is no outcome of an item: the run cannot go on as it was meant to, or the machine is at fault."""


async def execute_async(
    plan: Plan,
    jobs: Sequence[Job],
    *,
    model: Model,
    others: Mapping[str, Model] | None = None,
    guards: Mapping[str, Model] | None = None,
    judges: Sequence[ModelJudge | NamedJudge] = (),
    folder: Path | str,
    settings: Settings = Settings(),  # noqa: B008
    on_progress: Callable[[Progress], None] | None = None,
    rows_seen: frozenset[str] = frozenset(),
    part: Callable[[Job], bool] | None = None,
) -> Summary:
    """Ask and score every job that the run folder does not hold yet.

    Parameters
    ----------
    plan : Plan
        Written into a new folder; an existing folder must hold an equal one.
    jobs : sequence of Job
        Ids must be unique. With a shard in the plan, those of other shards are left out.
    model : Model
        What is evaluated; asked by its single attempts if remote, in batches if local.
    others : mapping of str to Model, or None
        Models that attacks are built on in its place, by their specification.
    guards : mapping of str to Model, or None
        Models that defences ask, by their specification.
    judges : sequence of ModelJudge or NamedJudge
        For the questions that no parser can decide; the first one decides.
    folder : path
        The run folder.
    settings : Settings
    on_progress : callable or None
        Called on the event loop a few times a second; must not block.
    rows_seen : frozenset of str
        SHA-256 of clips that an artefact of the run was fitted to; items that hold one are marked as seen.
    part : callable or None
        Whether a job is done in this sitting, canaries always are; None: all are. The folder still names every job, and the
        same call without it does the rest.

    Returns
    -------
    Summary

    Raises
    ------
    PlanMismatch
        If the folder holds another plan, or another process is writing it.
    AccessDenied
        If an attack needs more than the model grants; nothing was asked then.
    RunStopped
        If nobody can be asked (no such model, no right key, audio refused, no canary answered), so many calls failed in
        a row, or items are missing in the end; what was written stays, and the run can be resumed.
    StorageFailed, MachineFailed
        If results could not be written, or this machine ran out of files, memory or disk; likewise.
    """
    folder = Path(folder)
    jobs = _checked([job for job in jobs if in_shard(job.item.id, plan.shard)])
    async with Session(folder, settings) as session, AsyncExitStack() as stack:
        run = await _Run.begin(session, stack, plan, jobs, model, others or {}, guards or {}, judges, on_progress)
        run.rows_seen, run.part = rows_seen, part
        await run.finish_all()
    return run.summary()


def execute(
    plan: Plan,
    jobs: Sequence[Job],
    *,
    model: Model,
    others: Mapping[str, Model] | None = None,
    guards: Mapping[str, Model] | None = None,
    judges: Sequence[ModelJudge | NamedJudge] = (),
    folder: Path | str,
    settings: Settings = Settings(),  # noqa: B008
    on_progress: Callable[[Progress], None] | None = None,
    rows_seen: frozenset[str] = frozenset(),
    part: Callable[[Job], bool] | None = None,
) -> Summary:
    """As `execute_async`, for code without an event loop; inside one (a notebook) it runs in a thread of its own.

    On Ctrl-C and SIGTERM what is finished is written, connections are closed, and `KeyboardInterrupt` or
    `SystemExit(143)` is raised; the same call then resumes.
    """
    return finished(
        lambda: execute_async(
            plan,
            jobs,
            model=model,
            others=others,
            guards=guards,
            judges=judges,
            folder=folder,
            settings=settings,
            on_progress=on_progress,
            rows_seen=rows_seen,
            part=part,
        )
    )


def _checked(jobs: list[Job]) -> list[Job]:
    doubled = sorted(name for name, count in Counter(job.id for job in jobs).items() if count > 1)
    if doubled:
        raise BadParameter(f"ids of items must be unique, got {', '.join(doubled[:5])} more than once; rename them")
    return jobs


class _Run:
    """A run in progress: its resources, and what became of its jobs so far."""

    def __init__(self, plan: Plan, jobs: list[Job], session: Session) -> None:
        self.plan, self.jobs, self.session = plan, jobs, session
        self.folder, self.settings, self.cache = session.folder, session.settings, session.cache
        self._by_id = {job.id: job for job in jobs}
        self.sampling = self.settings.sampling
        self.clips = ClipStore(self.folder)
        self.n_scored, self.unscored = 0, Counter[str]()
        self.n_done = self.n_resumed = 0
        self._failures = FailureRow(plan.model, self.settings.max_failures)
        self._judge_failures: dict[str, FailureRow] = {}
        self._canary_lines: dict[str, JournalLine] = {}
        self._finished: set[str] = set()
        self.rows_seen: frozenset[str] = frozenset()
        self.part: Callable[[Job], bool] | None = None
        self.timings: Timings | None = None
        self.pace = Pace(())
        self._n_expected: dict[str, float] = {}
        self.journal: Journal
        self.crafts: CraftStore | None = None
        self.query_log: QueryLog | None = None
        self.caller: Caller
        self.judges: list[ModelJudge | NamedJudge] = []
        self.other_callers: dict[str, Caller] = {}
        self.setups: dict[Any, Setup] = {}
        self.pool: Workers
        self.attack_pool: Workers
        self.on_progress: Callable[[Progress], None] | None = None

    @classmethod
    async def begin(
        cls,
        session: Session,
        stack: AsyncExitStack,
        plan: Plan,
        jobs: list[Job],
        model: Model,
        others: Mapping[str, Model],
        guards: Mapping[str, Model],
        judges: Sequence[ModelJudge | NamedJudge],
        on_progress: Callable[[Progress], None] | None,
    ) -> _Run:
        """Check everything, open everything; `stack` closes it again in the right order."""
        run = cls(plan, jobs, session)
        run.on_progress = on_progress
        check_open_files(session.settings.max_connections * (1 + len(judges) + len(guards)))
        session.recall(
            [
                model,
                *others.values(),
                *guards.values(),
                *(judge.model for judge in judges if isinstance(judge, ModelJudge)),
            ]
        )
        run.caller = session.caller(model)
        run.other_callers = {spec: session.caller(other) for spec, other in others.items()}
        guarding = {spec: session.caller(guard, role="guard") for spec, guard in guards.items()}
        run._take_judges(judges)
        session.check_prices()
        run.setups = setups(
            plan,
            (job.setup_arm for job in jobs),
            model=run.caller,
            others=run.other_callers,
            guards=guarding,
            sampling=run.sampling,
        )
        with _storage_errors(run.folder):
            plan.write(run.folder)
        session.keep_account(of_learning=True)
        write_items(run.folder, [job.id for job in jobs])
        run.journal = Journal(run.folder)
        stack.callback(run.journal.close)
        if any(setup.attack is not None for setup in run.setups.values()):
            run.crafts = CraftStore(run.folder, run.clips)
            stack.callback(run.crafts.close)
            if session.settings.log_queries:
                run.query_log = stack.enter_context(QueryLog(run.folder / QUERIES))
        if session.settings.time_arms:
            run.timings = Timings(run.folder)
            stack.callback(run.timings.close)
        run._open_pools(stack)
        # what was pushed last is closed first: worker threads must be let go before their pools are waited for
        stack.push_async_callback(session.close_callers)
        run._take_earlier_lines()
        run._check_machine()
        return run

    def _take_judges(self, judges: Sequence[ModelJudge | NamedJudge]) -> None:
        for judge in judges:
            if isinstance(judge, ModelJudge):
                judge = ModelJudge(self.session.caller(judge.model, role="judge"), hears=judge.hears)
            self.judges.append(judge)
            self._judge_failures[judge.name] = FailureRow(f"judge {judge.name}", self.settings.max_failures)

    def _open_pools(self, stack: AsyncExitStack) -> None:
        n_workers = max(2, min(8, os.cpu_count() or 1))
        if any(getattr(each, "asks", ()) for setup in self.setups.values() for each in setup.system.defences):
            n_workers += min(_MOST_GUARDED, self._n_plain)  # who waits for a guard's answer works on nothing
        self.pool = Workers(n_workers, name="earnest-work")
        self.attack_pool = Workers(self._n_attacks, name="earnest-attack")
        for pool in (self.pool, self.attack_pool):
            stack.push_async_callback(pool.closed, within_s=LET_GO_S)

    def _take_earlier_lines(self) -> None:
        known = {job.id for job in self.jobs}
        finished = (self.journal.finished & known) - self.journal.failed_in_a_row(self.settings.max_failures)
        lines = self.journal.lines
        canaries = {name for name in finished if lines[name].kind == "canary"}
        answered = [lines[name] for name in canaries]
        if all(map(_call_failed, answered)) or swapped(answered):
            finished -= canaries  # the run was stopped then
        for name in finished:
            self._count(lines[name])
            self.caller.counts.answered = self.caller.counts.answered or lines[name].answer is not None
        self.n_resumed = self.n_done
        lines.clear()
        self._finished = finished

    def _check_machine(self) -> None:
        """See that disk and memory suffice for what is left to be asked."""
        left = [job for job in self.jobs if job.id not in self._finished]
        check_disk(left, self.folder)
        check_memory(left, self._n_plain)

    @property
    def _n_plain(self) -> int:
        """Items without an attack that are under way at once."""
        size = self.caller.batch_size
        return self.settings.max_connections if size is None else 2 * size + 8

    @property
    def _n_attacks(self) -> int:
        """Attacks under way at once; those on a local model only take turns."""
        return 2 if self.caller.batch_size is not None else min(self.settings.max_connections, _MOST_ATTACKS)

    # -- the work

    async def finish_all(self) -> None:
        """Finish every job that is left: canaries, then plain arms, so that attacks find clean answers in the cache."""
        left = [job for job in self.jobs if job.id not in self._finished and self._is_due(job)]
        canaries = [job for job in left if job.kind == "canary"]
        plain = [job for job in left if job.kind == "item" and not self._is_attacked(job)]
        attacked = [job for job in left if job.kind == "item" and self._is_attacked(job)]
        self._n_expected = _expected_calls(attacked, cached=self.cache is not None)
        self.pace = Pace(self._left_of(job) for job in left)
        async with self.session.ticking(self._report):
            await self._in_parallel((self._finish(job) for job in canaries), self._n_plain)
            self._check_canaries(canaries)
            self.caller.rely()
            for arm in self._arms(plain):  # one after the other: two systems never stand around one network at once
                alike = self._ordered([job for job in plain if job.arm == arm])
                with self._timed(arm):
                    await self._in_parallel((self._finish(job) for job in alike), self._n_plain)
            for arm in self._arms(attacked):
                alike = self._ordered([job for job in attacked if job.setup_arm == arm])
                with self._timed(arm):
                    await self._in_parallel((self._attack(group) for group in self._groups(alike)), self._n_attacks)
        self._check_whole()

    def _is_due(self, job: Job) -> bool:
        """Whether it is done in this sitting."""
        return self.part is None or job.kind == "canary" or self.part(job)

    def _timed(self, arm: Arm) -> AbstractContextManager[None]:
        """Times the work on an arm, where that is wanted."""
        return nullcontext() if self.timings is None else self.timings.of(arm, lambda: self.n_done)

    def _check_canaries(self, canaries: list[Job]) -> None:
        """Stop where calls for canaries failed, one and all, or answers were swapped: with all else it would be alike."""
        if mixed := swapped(list(self._canary_lines.values())):
            (first, second), n_more = mixed[0], len(mixed) - 1
            self.caller.disown()
            raise RunStopped(
                f"{first} was answered with the code words of {second}{f', and {n_more} more like that' if n_more else ''}: "
                f"what stands behind {self.plan.model} mixes up requests that it has at once. Mend it, or run the same "
                "command again with --max-connections 1; none of these answers is kept in the cache"
            )
        lines = [self._canary_lines[job.id] for job in canaries if job.id in self._canary_lines]
        if lines and len(lines) == sum(job.kind == "canary" for job in self.jobs) and all(map(_call_failed, lines)):
            raise RunStopped(
                f"{self.plan.model} answered none of the {len(lines)} canaries that prove that audio arrives: "
                f"{_why(lines)}. Nothing more was asked; mend this and run the same command again"
            )

    def _check_whole(self) -> None:
        """Every item that was planned has a line, or the run says which has not."""
        missing = [job.id for job in self.jobs if job.id not in self._finished and self._is_due(job)]
        if missing:
            names = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            raise RunStopped(
                f"{len(self.jobs)} items were planned, and {len(missing)} have no line in {self.journal.path}: {names}. "
                f"Something ended their work without a word; {_GO_ON}"
            )

    async def _in_parallel(self, work: Iterator[Coroutine[Any, Any, None]], n_workers: int) -> None:
        async def worker() -> None:
            for step in work:
                await step

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(n_workers):
                    group.create_task(worker())
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    def _ordered(self, jobs: list[Job]) -> list[Job]:
        """For local models clips of like length follow each other, so that batches waste little."""
        if self.caller.batch_size is None:
            return jobs
        return sorted(jobs, key=lambda job: -(job.item.duration_s or 0.0))

    def _groups(self, jobs: list[Job]) -> Iterator[list[Job]]:
        """Jobs of an arm that are attacked together; an attack's own control never with what it is the control of."""
        size = self.caller.batch_size or 1
        for part in ([job for job in jobs if job.is_control is control] for control in (False, True)):
            for start in range(0, len(part), size):
                yield part[start : start + size]

    @staticmethod
    def _arms(jobs: list[Job]) -> list[Arm]:
        return list(dict.fromkeys(job.setup_arm for job in jobs))

    def _is_attacked(self, job: Job) -> bool:
        return self.setups[job.setup_arm].attack is not None

    async def _finish(self, job: Job) -> None:
        """A job without an attack, from loading to its journal line."""
        try:
            entry, reply, usage = await self._conversed(job)
        except BadAudio as error:
            self._write(self._line(job, outcome=Unscored(reason="bad_audio", detail=str(error))))
            return
        if usage and isinstance(reply, Answer):
            reply = replace(reply, usage=usage)
        await self._score(job, entry.sent, reply)

    async def _conversed(self, job: Job) -> tuple[Entry, Reply, dict[str, float]]:
        """The last turn of an item on its way in, what left the system, and what all turns used; nothing of a single one."""
        usage: Counter[str] = Counter()
        entry: Entry | None = await self._in_pool(self._first, job)
        for _ in range(MOST_TURNS):
            assert entry is not None
            reply = await self._answered(job, entry)
            if job.item.follow is None:
                return entry, reply, {}
            if isinstance(reply, Answer):
                usage.update(reply.usage)
            if isinstance(reply, Failure):
                return entry, reply, dict(usage)
            answer = reply.as_answer if isinstance(reply, Blocked) else reply
            following = await self._in_pool(self._next, job, entry, answer)
            if following is None:
                return entry, reply, dict(usage)
            entry = following
        raise BadParameter(f"{job.item.id} goes on after {MOST_TURNS} turns; its task's `follow` must come to an end")

    async def _answered(self, job: Job, entry: Entry) -> Reply:
        """What the system of the job's arm says to a stimulus on its way in."""
        system = self.setups[job.arm].system
        if entry.blocked is not None:
            return entry.blocked
        reply: Reply = await system.inner.reply(entry.stimulus, sampling=self.sampling)  # type: ignore[attr-defined]
        return await self._in_pool(self._left, job, reply, entry) if system.defences else reply

    def _left(self, job: Job, reply: Reply, entry: Entry) -> Reply:
        """In a worker thread: what leaves the system; an answer that a defence cannot take fails its item alone."""
        try:
            return self.setups[job.arm].system.left(reply, entry)
        except _NOT_AN_ITEMS:
            raise
        except Exception as error:  # noqa: BLE001
            failed = scoring_failed(error)
            return Failure(reason=failed.reason, detail=failed.detail)  # type: ignore[arg-type]

    def _first(self, job: Job) -> Entry:
        """In a worker thread: what an item asks first, on its way in."""
        return self._entered(job, job.item.load())

    def _next(self, job: Job, entry: Entry, answer: Answer) -> Entry | None:
        """In a worker thread: what an item asks after an answer; None where that was the last."""
        assert job.item.follow is not None
        following = job.item.follow(entry.sent, answer)
        return None if following is None else self._entered(job, following)

    def _entered(self, job: Job, stimulus: Stimulus) -> Entry:
        entry = self.setups[job.arm].system.entered(stimulus)
        if self.cache is not None:
            entry.stimulus.digest  # noqa: B018  (worked out here, kept with the stimulus, needed on the loop)
        return entry

    async def _attack(self, jobs: list[Job]) -> None:
        """Jobs of one attacked arm, attacked together."""
        loaded: list[tuple[Job, Stimulus]] = []
        for job in jobs:
            try:
                loaded.append((job, await self._to_attack(job)))
            except BadAudio as error:
                self._write(self._line(job, outcome=Unscored(reason="bad_audio", detail=str(error))))
        if loaded:
            await self._attack_loaded(loaded)

    async def _to_attack(self, job: Job) -> Stimulus:
        """What is attacked: of a conversation the last turn, after those before it were asked as they are."""
        if job.item.follow is None:
            return await self._in_pool(_with_goal, job)
        entry, _, _ = await self._conversed(job)
        return replace(entry.sent, goal=job.wanted)

    async def _attack_loaded(self, loaded: list[tuple[Job, Stimulus]]) -> None:
        arm = loaded[0][0].setup_arm
        setup = self.setups[arm]
        stimuli = [stimulus for _, stimulus in loaded]
        # one seed for all: the attack makes a generator for each stimulus from it and the stimulus's content
        rng = rng_for(self.plan.seed, "attack", arm.attack or "")
        built = {} if setup.crafted_on is None else {"surrogate": setup.crafted_on}
        kept = {"crafts": self.crafts, "log": self.query_log} if _crafts(setup.attack) else {}
        attack = functools.partial(setup.attack.run, setup.system, stimuli, rng=rng, **built, **kept)
        try:
            attempts = (await self._in_pool(attack, pool=self.attack_pool)).attempts
        except _ENDS_THE_RUN:
            raise
        except EarnestError as error:
            await self._attack_apart(loaded, error)
            return
        drawn = {"draw": VERIFY_DRAW, "sampling": self.sampling.drawn(VERIFY_DRAW)}
        for (job, clean), attempt in zip(loaded, attempts, strict=True):
            trial = attempt.control_trial if job.is_control else attempt
            facts = None if job.is_control else attempt.facts()
            await self._score(job, trial.stimulus, trial.answer, attempt=facts, clean=clean, **drawn)

    async def _attack_apart(self, loaded: list[tuple[Job, Stimulus]], error: EarnestError) -> None:
        """One by one, so that only the stimulus at fault goes unscored."""
        if len(loaded) > 1:
            for each in loaded:
                await self._attack_loaded([each])
            return
        ((job, stimulus),) = loaded
        reason = error.reason if isinstance(error, ModelFailed) else "attack_failed"
        passing = isinstance(error, ModelFailed) and error.retryable
        outcome = Unscored(reason=reason, detail=str(error), passing=passing)
        self._write(self._line(job, outcome=outcome, stimulus=stimulus))

    async def _score(
        self,
        job: Job,
        stimulus: Stimulus,
        reply: Reply,
        *,
        attempt: dict[str, Any] | None = None,
        clean: Stimulus | None = None,
        draw: int = 0,
        sampling: Sampling | None = None,
    ) -> None:
        outcome, kept = await self._in_pool(self._scored, job, stimulus, reply, clean or stimulus)
        said, question = None, outcome if isinstance(outcome, Question) else None
        if question is not None:
            if stimulus.history and not question.earlier:
                question = replace(question, earlier=earlier_text(stimulus))
            if clean is not None and question.prompt == clean.prompt != stimulus.prompt:
                question = replace(question, prompt=stimulus.prompt)  # what an attack asked in its place
            heard = await self._in_pool(_as_kept, stimulus) if self.plan.judge_hears else {}
            try:
                outcome, said = await judged(question, self.judges, subject=self.plan.model, clips=heard)
            except _NOT_AN_ITEMS:
                raise
            except Exception as error:  # noqa: BLE001  (a judge's reply is somebody's text too)
                outcome = scoring_failed(error)
        assert isinstance(outcome, Verdict | Unscored)
        about = {
            "stimulus": stimulus,
            "reply": reply,
            "attempt": attempt,
            "judges": None if said is None else {name: judgement.as_json() for name, judgement in said.items()},
            "question": question,
            "draw": draw,
            **kept,
            **({} if sampling is None else {"sampling": sampling}),
        }
        try:
            line = self._line(job, outcome=outcome, **about)
        except (TypeError, ValueError) as error:  # something in the reply or the verdict has no place in a line
            line = self._line(job, outcome=scoring_failed(error), stimulus=stimulus, clips=kept["clips"])
        self._write(line)
        self._check_judges(said or {})

    def _scored(self, job: Job, stimulus: Stimulus, reply: Reply, clean: Stimulus) -> tuple[Any, dict[str, Any]]:
        """In a worker thread: what scoring says of what left the system, and what a line says of the clips that are kept."""
        kept: dict[str, Any] = {"clips": self.clips.keep_all(stimulus)}
        outcome = self._outcome(job, reply)
        if isinstance(reply, Answer) and reply.clip is not None:
            kept["answer_clip"] = self.clips.keep(reply.clip)
        if stimulus.history:
            kept["turns"] = self.clips.keep_turns(stimulus)
        kept["seen"] = bool(self.rows_seen) and _holds(clean, self.rows_seen)
        return outcome, kept

    def _outcome(self, job: Job, reply: Reply) -> Any:
        """What scoring says of what left the system."""
        try:
            return outcome_of_reply(job, reply)
        except _NOT_AN_ITEMS as error:
            error.add_note(f"while scoring {job.id}; what was finished before is kept, and the run can be resumed")
            raise
        except Exception as error:  # noqa: BLE001  (an answer that a task cannot take is that item's outcome)
            return scoring_failed(error)

    def _line(self, job: Job, *, outcome: Verdict | Unscored, **what: Any) -> JournalLine:
        return line_of(job, **{"model": self.plan.model, "sampling": self.sampling, "outcome": outcome, **what})

    async def _in_pool(
        self, function: Callable[..., T], *arguments: Any, pool: Workers | None = None, **named: Any
    ) -> T:
        work = (pool or self.pool).submit(_kept_in, function, *arguments, **named)
        return await asyncio.wrap_future(work)

    # -- what is written and told

    def _write(self, line: JournalLine) -> None:
        self.journal.add(line)
        self._finished.add(line.item)
        self._count(line)
        if line.kind == "canary":
            self._canary_lines[line.item] = line
        attempt = line.attempt or {}
        n_calls = 1.0 + sum(attempt.get(name, 0) for name in ("n_queries", "n_gradients", "n_aims"))
        self.pace.finished(
            self._left_of(self._by_id[line.item]),
            call_s=line.duration_ms / 1e3,
            passed_s=self.session.passed_s,
            n_calls=n_calls,
        )
        self._check_goes_on(line)

    def _left_of(self, job: Job) -> Left:
        attack = (job.setup_arm.attack or "") if job.kind == "item" else ""
        return Left(attack, job.item.duration_s, self._n_expected.get(job.id))

    def _check_goes_on(self, line: JournalLine) -> None:
        """Stop after so many failed calls in a row; those of canaries are looked at together."""
        if line.kind == "canary":
            return
        if _call_failed(line):
            self._failures.failed(line.reason or "", line.detail or "")
        elif line.answer is not None:
            self._failures.replied()
        self._failures.check(done=self._done_words)

    def _check_judges(self, judgements: Mapping[str, Judgement]) -> None:
        """Stop after so many failed calls in a row of one judge, as if they were the model's."""
        for name, judgement in judgements.items():
            row = self._judge_failures[name]
            row.judged(judgement)
            row.check(done=self._done_words)

    @property
    def _done_words(self) -> str:
        return f"{self.n_done} of {len(self.jobs)} items"

    def _count(self, line: JournalLine) -> None:
        self.n_done += 1
        if line.status == "scored":
            self.n_scored += 1
        else:
            self.unscored[line.reason or ""] += 1

    def _report(self) -> None:
        if self.on_progress is not None:
            self.on_progress(self.progress())

    def progress(self) -> Progress:
        """How far the run is."""
        n_here = self.n_done - self.n_resumed
        return self.session.progress(
            done=self.n_done,
            total=len(self.jobs),
            scored=self.n_scored,
            unscored=dict(self.unscored),
            n_here=n_here,
            eta_s=self.pace.eta_s(self.session.passed_s) if n_here else None,
        )

    def summary(self) -> Summary:
        """What the run did."""
        totals = self.session.totals()
        return Summary(
            folder=self.folder,
            n_items=len(self.jobs),
            n_scored=self.n_scored,
            unscored=dict(self.unscored),
            n_resumed=self.n_resumed,
            n_calls=totals.n_calls,
            n_retries=totals.n_retries,
            n_cached=totals.n_cached,
            cost_usd=totals.cost_usd,
            note=totals.note,
            learnt=tuple(map(str, totals.learnt)),
            duration_s=totals.duration_s,
        )


def _expected_calls(attacked: Sequence[Job], *, cached: bool) -> dict[str, float]:
    """Calls that attacked items may be expected to take, where their attack says between how many: the geometric mean."""
    calls = zip(attacked, calls_of(attacked, cached=cached), strict=True)
    return {job.id: math.sqrt(each.least * each.most) for job, each in calls if not each.unstated}


def _call_failed(line: JournalLine) -> bool:
    return line.reason in CALL_FAILED


def _why(lines: Sequence[JournalLine]) -> str:
    return "; ".join(map(str, reason_counts(lines)))


def _kept_in(function: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """In a worker thread: what code of others does must end neither the program nor an item without a word."""
    try:
        return function(*arguments, **named)
    except EarnestError:
        raise
    except (OSError, MemoryError) as error:
        if fault := machine_failed(error):
            for note in getattr(error, "__notes__", ()):
                fault.add_note(note)
            raise fault from error
        raise
    except (SystemExit, KeyboardInterrupt) as error:
        raise RunStopped(
            f"a task, an attack or a defence raised {type(error).__name__}({error}), which would end the program; mend "
            f"the one that did. {_GO_ON.capitalize()}"
        ) from error


def _as_kept(sent: Stimulus) -> dict[str, AudioClip]:
    """The clips as the run folder keeps them, so that a judge asked later hears the same."""
    return {role: clip.quantised() for role, clip in sent.clips.items()}


def _crafts(attack: Any) -> bool:
    """Whether the base class runs an attack, so that what it makes can be kept."""
    return getattr(type(attack), "run", None) is Attack.run


def _holds(stimulus: Stimulus, rows_seen: frozenset[str]) -> bool:
    """Whether a clip of the stimulus, before any attack, is one that was fitted to."""
    return any(clip.quantised().digest in rows_seen for clip in stimulus.clips.values())


def _with_goal(job: Job) -> Stimulus:
    """In a worker thread: what is attacked."""
    return replace(job.item.load(), goal=job.wanted)


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    from earnest.engine.journal import storage_failed

    try:
        yield
    except OSError as error:
        if isinstance(error, StorageFailed):
            raise
        raise storage_failed(path, error) from error
