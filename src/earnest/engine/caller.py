"""A model as the engine asks it: answers from the cache, spend kept under the ceiling, calls bounded and retried.

A `Caller` has the interface of the model it stands for, so that systems, attacks and judges ask through it without
knowing. It belongs to one event loop; `ask_one` is for the loop, all else (`ask`, `loss_and_gradient`, ...) for worker
threads.
"""

from __future__ import annotations

import asyncio
import copy
import functools
import itertools
import math
import random
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio import Stimulus
from earnest.engine.batcher import LOOK_S, Batcher, failure_of, overrun
from earnest.engine.cache import AnswerCache, answer_key
from earnest.engine.limiter import Limiter
from earnest.engine.prices import FREE, Ledger, Price, price_of
from earnest.engine.stopping import is_cancelled
from earnest.engine.workers import Workers
from earnest.engine.written import takes_text_alone
from earnest.errors import (
    AccessDenied,
    EndsRun,
    MachineFailed,
    MissingExtra,
    ModelFailed,
    RunStopped,
    TextRefused,
    machine_failed,
)
from earnest.models.access import (
    Answer,
    Defence,
    Failure,
    Model,
    Reply,
    Sampling,
    TokenScores,
    counted,
    may_pass,
    system_fingerprint,
)
from earnest.models.delegate import Delegate
from earnest.models.edits import Edit, Position
from earnest.models.timing import OwnTime

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0
LONGEST_RETRY_AFTER_S = 300.0
"""An endpoint that asks for more is not waited for; its item stays unscored until the run is resumed."""
LET_GO_S = 1.0
"""Longest wait, when a run ends, for what a local model is at; its reply would be lost anyway."""
HOPELESS = 32
"""After so many calls given up with no answer ever, further calls are tried once only."""

T = TypeVar("T")
Schema = Mapping[str, Any] | None

_SHORT = Sampling(max_tokens=16)
_MOST_TRIALS = 3
_OVERLOADED = frozenset({"rate_limited", "timeout"})
_MANY_5XX = 3
"""So many server errors in a row, from whichever calls, are taken for an overload; single ones are not."""


@dataclass
class Counts:
    """What was asked of a model, in whatever systems it stands.

    Parameters
    ----------
    n_calls, n_retries, n_cached, n_unpriced : int
        Answers got, attempts repeated, answers from the cache, and calls whose cost is not known.
    answered : bool
        Whether the model has ever answered, in this sitting or, as the run may say, in an earlier one.
    n_given_up, n_5xx : int
        Calls given up and server errors, each in a row.
    takes_text_alone : bool or None
        Whether it can be asked without audio, as far as that is known by now.
    n_text_trials : int
        Calls spent on finding that out.
    """

    n_calls: int = 0
    n_retries: int = 0
    n_cached: int = 0
    n_unpriced: int = 0
    answered: bool = False
    n_given_up: int = 0
    n_5xx: int = 0
    takes_text_alone: bool | None = True
    n_text_trials: int = 0


class Caller(Delegate):
    """A model with cache, ledger, limiter and retries around it.

    Must be made on the event loop that serves it.

    Parameters
    ----------
    model : Model
    max_connections, timeout_s, max_attempts
        As in `Settings`; of a local model `timeout_s` alone.
    batch_size : int or None
        Of a local model, in place of its own.
    cache : AnswerCache or None
    scope : str
        Of the cache's keys; see `earnest.engine.cache.cache_scope`.
    ledger : Ledger or None
    prices : mapping or None
        In place of the built-in table.
    sleep : callable
        Waits so many seconds; for tests.
    role : str
        What the model is in the run, for messages; empty: what is evaluated.
    """

    batch_size: int | None = None

    def __init__(
        self,
        model: Model,
        *,
        max_connections: int = 16,
        timeout_s: float = 120.0,
        max_attempts: int = 6,
        batch_size: int | None = None,
        cache: AnswerCache | None = None,
        scope: str = "",
        ledger: Ledger | None = None,
        prices: Mapping[str, Price] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        role: str = "",
    ) -> None:
        self.model, self._role = model, role
        self.batch_size = None if model.batch_size is None else batch_size or model.batch_size
        self.counts = Counts(takes_text_alone=model.takes_text_alone)
        self.price = price_of(model, prices)
        self.ledger = ledger or Ledger()
        self.limiter = Limiter(max_connections)
        self._timeout_s, self._max_attempts, self._sleep = timeout_s, max_attempts, sleep
        self._cache, self._scope = cache, scope
        self._asking: dict[str, asyncio.Future[Answer]] = {}
        self._doubted: set[str] | None = set()
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._tasks: set[asyncio.Task[list[Reply]]] = set()
        self._closed = False
        self._text_trial = asyncio.Lock()
        self._behind: dict[str, Caller] = {}
        self._random = random.Random()
        self._thread = self._batcher = None
        if self.batch_size is not None:
            self._thread = Workers(1, name="earnest-model")
            self._batcher = Batcher(model, batch_size=self.batch_size, thread=self._thread, timeout_s=timeout_s)

    @property
    def takes_text_alone(self) -> bool | None:  # type: ignore[override]
        """Whether the model can be asked without audio, as far as that is known by now."""
        return self.counts.takes_text_alone

    @property
    def in_flight(self) -> int:
        """Calls that wait for an answer, in whatever system."""
        if self._batcher is None:
            return self.limiter.in_flight
        return self._batcher.in_flight + sum(caller.in_flight for caller in self._behind.values())

    def behind(self, defences: Sequence[Defence]) -> Caller:
        """The caller of the model behind these defences: with what they do inside it, and with answers of its own.

        One network, one thread, one limiter and one ledger serve all; batches, and answers that are kept or shared while
        they are asked for, are of one system alone. For the event loop, or once it was called there.
        """
        key = system_fingerprint(self.model.fingerprint, defences, seed=0)
        if not defences:
            return self
        if key not in self._behind:
            self._behind[key] = self._standing(self.model.behind(defences), scope=f"{self._scope} behind {key}")
        return self._behind[key]

    def _standing(self, model: Model, *, scope: str) -> Caller:
        other = copy.copy(self)
        other.model, other._scope = model, scope
        other._asking, other._tasks, other._behind, other._doubted = {}, set(), {}, None
        if self._thread is not None:
            assert self.batch_size is not None
            other._batcher = Batcher(model, batch_size=self.batch_size, thread=self._thread, timeout_s=self._timeout_s)
        return other

    async def ask_one(
        self,
        stimulus: Stimulus,
        *,
        sampling: Sampling = Sampling(),  # noqa: B008
        schema: Mapping[str, Any] | None = None,
    ) -> Answer:
        """The answer to one stimulus, from the cache or after as many attempts as it takes.

        Raises
        ------
        ModelFailed
            If there is none.
        RunStopped
            If there is none and every other call would fail alike: nothing more can be asked.
        MachineFailed
            If this machine ran out of files, memory or disk.
        """
        if self._closed:
            raise asyncio.CancelledError
        if not stimulus.has_audio:
            return await self._in_words(stimulus, sampling, schema)
        return await self._answered(stimulus, sampling, schema)

    async def _in_words(self, stimulus: Stimulus, sampling: Sampling, schema: Schema) -> Answer:
        """The answer to a stimulus without audio; nothing is asked of a model that was found to refuse such."""
        if self.takes_text_alone is False:
            raise TextRefused(f"{self.name} takes no request without audio")
        try:
            answer = await self._answered(stimulus, sampling, schema)
        except ModelFailed as error:
            if await self._wanted_audio(error):
                raise TextRefused(f"{self.name} takes no request without audio: {error}") from error
            raise
        self.counts.takes_text_alone = True
        return answer

    async def _wanted_audio(self, error: ModelFailed) -> bool:
        """Whether a stimulus without audio failed for want of it; a refusal that does not say so is tried out, once."""
        if error.reason == "text_refused":
            self.counts.takes_text_alone = False
        elif error.reason == "http_4xx" and not error.retryable:
            async with self._text_trial:
                if self.takes_text_alone is None and self.counts.n_text_trials < _MOST_TRIALS:
                    self.counts.n_text_trials += 1
                    self.counts.takes_text_alone = await takes_text_alone(
                        functools.partial(self._paid, sampling=_SHORT, schema=None)
                    )
        return self.takes_text_alone is False

    async def _answered(self, stimulus: Stimulus, sampling: Sampling, schema: Schema) -> Answer:
        """The answer from the cache, or paid for."""
        if self._cache is None:
            return await self._paid(stimulus, sampling, schema)
        key = answer_key(self.model, stimulus, sampling=sampling, scope=self._scope, schema=schema)
        if self._doubted is not None:
            self._doubted.add(key)
        found = await self._cache.fetched(key)
        if found is not None:
            self.counts.n_cached += 1
            self.counts.answered = True
            return replace(found, usage={**found.usage, "cached": 1.0})
        if key in self._asking:
            return await asyncio.shield(self._asking[key])
        return await self._asked_once(key, stimulus, sampling, schema)

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        """A reply to each stimulus, in order; for worker threads. Failures are returned, not raised."""
        return self.ask_each(stimuli, samplings=[sampling] * len(stimuli))

    def ask_each(self, stimuli: Sequence[Stimulus], *, samplings: Sequence[Sampling]) -> list[Reply]:
        """As `Model.ask_each`, all in flight at once as far as connections allow; for worker threads."""
        assert threading.get_ident() != self._loop_thread, "Caller.ask would block the loop; await ask_one there"
        if self._closed:
            raise asyncio.CancelledError
        if self._cache is not None:
            for stimulus in stimuli:
                stimulus.digest  # noqa: B018  (worked out here, kept with the stimulus, needed on the loop)
        return asyncio.run_coroutine_threadsafe(self._replies(list(stimuli), list(samplings)), self._loop).result()

    async def reply(self, stimulus: Stimulus, *, sampling: Sampling) -> Reply:
        """As `ask_one`, with failures returned."""
        try:
            return await self.ask_one(stimulus, sampling=sampling)
        except ModelFailed as error:
            return Failure.of(error)

    def loss_and_gradient(
        self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float32]]]:
        """As `Model.loss_and_gradient`; for worker threads."""
        return self._in_model_thread(
            functools.partial(self.model.loss_and_gradient, stimuli, targets=targets), len(stimuli)
        )

    def aimed(self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]) -> list[str]:
        """As `Model.aimed`; for worker threads."""
        return self._in_model_thread(functools.partial(self.model.aimed, stimuli, targets=targets), len(stimuli))

    def aims(self, stimuli: Sequence[Stimulus], *, targets: Sequence[str], n: int) -> list[list[str]]:
        """As `Model.aims`; for worker threads."""
        return self._in_model_thread(functools.partial(self.model.aims, stimuli, targets=targets, n=n), len(stimuli))

    def aimed_together(self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]) -> list[str]:
        """As `Model.aimed_together`; for worker threads."""
        return self._in_model_thread(
            functools.partial(self.model.aimed_together, stimuli, targets=targets), len(stimuli)
        )

    def score(self, stimuli: Sequence[Stimulus], texts: Sequence[str]) -> NDArray[np.float64]:
        """As `Model.score`; for worker threads."""
        return self._in_model_thread(functools.partial(self.model.score, stimuli, texts), len(stimuli))

    def token_scores(self, stimuli: Sequence[Stimulus], texts: Sequence[str]) -> list[TokenScores]:
        """As `Model.token_scores`; for worker threads."""
        return self._in_model_thread(functools.partial(self.model.token_scores, stimuli, texts), len(stimuli))

    def activations(
        self, stimuli: Sequence[Stimulus], *, sites: Sequence[str] | None = None, at: Position | None = None
    ) -> list[dict[str, NDArray[np.float32]]]:
        """As `Model.activations`; for worker threads."""
        where = {key: value for key, value in (("sites", sites), ("at", at)) if value is not None}
        return self._in_model_thread(functools.partial(self.model.activations, stimuli, **where), len(stimuli))

    def hooked(self, edits: Sequence[Edit]) -> AbstractContextManager[Model]:
        """Not from inside a run, whose other calls share this model's cache and queue.

        Raises
        ------
        AccessDenied
            Always; a model that is hooked before the run is a model of its own, with its own fingerprint.
        """
        raise AccessDenied(
            f"{self.name!r} cannot be edited inside a run; hook it first: "
            "with model.hooked(edits) as edited: earnest.run(..., model=edited), or do it in a defence's `around`"
        )

    def rely(self) -> None:
        """What was answered so far answers what was asked: it may stay in the cache."""
        self._doubted = None

    def disown(self) -> None:
        """What was answered so far may answer something else: take it out of the cache, whichever run put it there."""
        if self._cache is not None and self._doubted:
            self._cache.drop(self._doubted)

    async def aclose(self) -> None:
        """Cancel what is asked, so that worker threads return, and let go of the model."""
        every = [self, *self._behind.values()]
        for caller in every:
            caller._closed = True
        tasks = [task for caller in every for task in caller._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for caller in every:
            if caller._batcher is not None:
                await caller._batcher.aclose()
        if self._thread is not None:
            await self._thread.closed(within_s=LET_GO_S)
        await self.model.aclose()

    def _in_model_thread(self, function: Callable[[], T], n_stimuli: int) -> T:
        """What a local model gives for so many stimuli; for worker threads."""
        if self._closed:
            raise asyncio.CancelledError
        if self._thread is None:
            return function()
        work, until = self._thread.submit(function), math.inf
        while True:
            try:
                return work.result(timeout=LOOK_S)
            except TimeoutError:
                if work.done():
                    raise
            if self._closed:
                work.cancel()
                raise asyncio.CancelledError
            if work.running() and until == math.inf:  # before, it waited for its turn
                until = time.monotonic() + n_stimuli * self._timeout_s
            if time.monotonic() > until:
                self._thread.give_up(work)
                raise ModelFailed(overrun(self.name, n_stimuli, self._timeout_s), reason="timeout")

    async def _replies(self, stimuli: list[Stimulus], samplings: list[Sampling]) -> list[Reply]:
        if self._closed:
            raise asyncio.CancelledError
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            asked = (self.reply(one, sampling=own) for one, own in zip(stimuli, samplings, strict=True))
            return list(await asyncio.gather(*asked))
        finally:
            self._tasks.discard(task)

    async def _asked_once(self, key: str, stimulus: Stimulus, sampling: Sampling, schema: Schema) -> Answer:
        """The paid answer, shared with whoever asks the same meanwhile."""
        shared = self._asking[key] = self._loop.create_future()
        try:
            answer = await self._paid(stimulus, sampling, schema)
            assert self._cache is not None
            self._cache.put(key, answer)
            shared.set_result(answer)
            return answer
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError):
                shared.cancel()
            else:
                shared.set_exception(error)
                shared.exception()  # nobody else may be waiting for it
            raise
        finally:
            del self._asking[key]

    async def _paid(self, stimulus: Stimulus, sampling: Sampling, schema: Schema) -> Answer:
        """The answer after as many attempts as it takes, each paid for by itself."""
        for attempt in itertools.count(1):
            try:
                answer = await self._billed(stimulus, sampling, schema)
                self.counts.n_given_up = 0
                return answer
            except ModelFailed as error:
                if self._is_given_up(error, attempt):
                    self.counts.n_given_up += 1
                    raise
                wait_s = self._wait_s(attempt, error.retry_after_s)
            self.counts.n_retries += 1
            await self._sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")

    def _is_given_up(self, error: ModelFailed, attempt: int) -> bool:
        """Whether another attempt is not worth its while."""
        self._check_goes_on(error)
        most = min(self._max_attempts, error.most_attempts or self._max_attempts)
        hopeless = self.counts.n_calls == 0 and self.counts.n_given_up >= HOPELESS
        too_far = (error.retry_after_s or 0.0) > LONGEST_RETRY_AFTER_S
        return self._batcher is not None or not error.retryable or attempt >= most or hopeless or too_far

    async def _billed(self, stimulus: Stimulus, sampling: Sampling, schema: Schema) -> Answer:
        """One attempt: reserved is the most that it may cost, spent what it did, whether or not there is an answer."""
        most = 0.0 if self.price is None or self.price is FREE else self.price.most(stimulus, sampling)
        reserved = await self.ledger.reserve(most)
        cost = 0.0
        try:
            asked = self._local(stimulus, sampling) if self._batcher else self._attempted(stimulus, sampling, schema)
            answer = await asked
            self.counts.n_calls += 1
            self.counts.answered = True
            known = self._cost(answer.usage)
            cost = self._entered(known, most)
            return answer if known is None else replace(answer, usage={**answer.usage, "cost_usd": known})
        except ModelFailed as error:
            if used := counted(error.usage):  # an unusable reply is billed all the same
                cost = self._entered(self._cost(used), most)
            raise
        finally:
            self.ledger.settle(reserved, cost=cost)

    def _cost(self, usage: Mapping[str, float]) -> float | None:
        """What a call with this usage cost in US dollars; None where that is not known."""
        if "cost_usd" in usage or self.price is None:
            return usage.get("cost_usd")
        return 0.0 if self.price is FREE else self.price.of_usage(usage)

    def _entered(self, cost: float | None, most: float) -> float:
        """What enters the ledger; where the cost is not known and a ceiling must hold, the most that it may be."""
        if cost is not None:
            return cost
        self.counts.n_unpriced += 1
        return 0.0 if self.ledger.max_cost is None else most

    async def _local(self, stimulus: Stimulus, sampling: Sampling) -> Answer:
        assert self._batcher is not None
        reply = await self._batcher.ask(stimulus, sampling=sampling)
        if isinstance(reply, Failure):
            ends_run: EndsRun = "unless_answered" if reply.reason == "audio_refused" and stimulus.has_audio else "no"
            error = ModelFailed(
                reply.detail or reply.reason, reason=reply.reason, retryable=reply.passing, ends_run=ends_run
            )
            self._check_goes_on(error)
            raise error
        return reply

    def _check_goes_on(self, error: ModelFailed) -> None:
        """End the run where every other call would fail like this one."""
        if error.ends_run == "yes" or (error.ends_run == "unless_answered" and not self.counts.answered):
            raise RunStopped(
                f"{f'{self._role} {self.name}'.strip()} cannot be asked: {error} ({error.reason}). Nothing more was asked; mend this and run the "
                "same command again"
            ) from error

    def _wait_s(self, attempt: int, retry_after_s: float | None) -> float:
        """Seconds before the next attempt: what the endpoint asked for, else twice as long each time, with jitter."""
        if retry_after_s is not None:
            return retry_after_s * self._random.uniform(1.0, 1.1)
        return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (attempt - 1)) * self._random.uniform(0.5, 1.0)

    async def _attempted(self, stimulus: Stimulus, sampling: Sampling, schema: Schema) -> Answer:
        round_ = await self.limiter.acquire()
        outcome, pause_s = "other", None
        limit_s = self.model.timeout_s or self._timeout_s
        try:
            async with OwnTime(limit_s) as own:
                held = {} if schema is None else {"schema": schema}
                answer = await self.model.ask_one(stimulus, sampling=sampling, **held)
            outcome, self.counts.n_5xx = "answered", 0
            return answer if answer.duration_ms else replace(answer, duration_ms=1e3 * own.seconds)
        except ModelFailed as error:
            self.counts.n_5xx += error.reason == "http_5xx"
            many = error.reason == "http_5xx" and self.counts.n_5xx >= _MANY_5XX
            if error.reason in _OVERLOADED or error.retry_after_s is not None or many:
                outcome, pause_s = "overloaded", error.retry_after_s
            raise
        except TimeoutError as error:
            outcome = "overloaded"
            raise ModelFailed(
                f"{self.name} must answer within {limit_s:g} s, got nothing; allow more with --timeout, or ask less at once "
                "with --max-connections",
                reason="timeout",
                retryable=True,
            ) from error
        except (MachineFailed, MissingExtra, RunStopped):
            raise
        except asyncio.CancelledError as error:
            if is_cancelled():
                raise
            raise ModelFailed(failure_of(error).detail, reason="model_error") from error
        except (Exception, SystemExit) as error:
            if fault := machine_failed(error):
                raise fault from error
            raise ModelFailed(failure_of(error).detail, reason="model_error", retryable=may_pass(error)) from error
        finally:
            self.limiter.release(round_, outcome=outcome, pause_s=pause_s)
