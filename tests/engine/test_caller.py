"""The caller: retries as told, asks nothing twice, passes no ceiling, serves threads."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import time

import pytest
from engine_parts import LocalModel, clip

from earnest.audio import AudioClip, Stimulus
from earnest.engine.cache import AnswerCache
from earnest.engine.caller import HOPELESS, Caller
from earnest.engine.prices import Ledger, Price
from earnest.errors import AccessDenied, ModelFailed
from earnest.models.access import Answer, Failure, Model, Sampling
from earnest.models.cascade import CascadeModel

PRICE = Price(input_text=0, input_audio=0, output_text=1e6, input_audio_tokens_per_s=10)  # a dollar a token said


def stimulus(number: int = 0) -> Stimulus:
    return Stimulus(clips={"speech": clip(number)}, prompt=f"say {number}")


class Remote(Model):
    """Answers, after the failures it was given; notes how many calls were under way."""

    name, fingerprint = "remote", "f"

    def __init__(self, *failures: ModelFailed, latency_s: float = 0.0, usage=None) -> None:
        self.failures, self.latency_s, self.usage = list(failures), latency_s, usage or {}
        self.n_asked = self.in_flight = self.most = 0
        self.closed = False

    async def ask_one(self, stimulus, *, sampling=Sampling()):  # noqa: B008
        self.n_asked += 1
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            await asyncio.sleep(self.latency_s)
            if self.failures:
                raise self.failures.pop(0)
            return Answer(text=stimulus.prompt, usage=self.usage)
        finally:
            self.in_flight -= 1

    async def aclose(self):
        self.closed = True


def with_caller(model, use, **options):
    """What `use(caller)` returns, with the waits between attempts noted and not waited."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    async def main():
        caller = Caller(model, sleep=sleep, **options)
        try:
            return await use(caller)
        finally:
            await caller.aclose()

    return asyncio.run(main()), waits


def busy(retry_after_s=None, reason="rate_limited") -> ModelFailed:
    return ModelFailed("busy", reason=reason, retryable=True, retry_after_s=retry_after_s)


def test_retries_wait_twice_as_long_each_time_with_jitter() -> None:
    model = Remote(*[busy(reason="http_5xx") for _ in range(4)])
    answer, waits = with_caller(model, lambda caller: caller.ask_one(stimulus()))
    assert answer.text == "say 0" and model.n_asked == 5 and model.closed
    assert all(0.5 * 2**k * 0.5 <= wait <= 0.5 * 2**k for k, wait in enumerate(waits)) and len(waits) == 4


def test_waits_at_least_what_the_endpoint_asks() -> None:
    model = Remote(busy(0.02), busy(0.03))
    _, waits = with_caller(model, lambda caller: caller.ask_one(stimulus()))
    assert 0.02 <= waits[0] <= 0.022 and 0.03 <= waits[1] <= 0.033


def test_an_endpoint_that_asks_for_an_hour_is_not_waited_for() -> None:
    model = Remote(busy(3600))
    with pytest.raises(ModelFailed):
        with_caller(model, lambda caller: caller.ask_one(stimulus()))
    assert model.n_asked == 1


@pytest.mark.parametrize("n_failures, limit", [(2, 16), (3, 8)])
def test_server_errors_in_a_row_are_taken_for_an_overload(n_failures, limit) -> None:
    async def use(caller):
        with contextlib.suppress(ModelFailed):
            await caller.ask_one(stimulus())
        return int(caller.limiter.limit)

    model = Remote(*[busy(reason="http_5xx") for _ in range(n_failures)], ModelFailed("no", reason="http_4xx"))
    assert with_caller(model, use)[0] == limit


def test_what_cannot_be_mended_is_not_tried_again() -> None:
    model = Remote(ModelFailed("no such model", reason="http_4xx"))
    with pytest.raises(ModelFailed, match="no such model"):
        with_caller(model, lambda caller: caller.ask_one(stimulus()))
    assert model.n_asked == 1


def test_attempts_end() -> None:
    model = Remote(*[busy(0.0) for _ in range(9)])
    reply, _ = with_caller(model, lambda caller: caller.reply(stimulus(), sampling=Sampling()), max_attempts=3)
    assert reply == Failure(reason="rate_limited", detail="busy") and model.n_asked == 3


def test_an_endpoint_that_never_answered_is_soon_tried_once_only() -> None:
    n_items = HOPELESS + 20

    async def use(caller):
        return [await caller.reply(stimulus(k), sampling=Sampling()) for k in range(n_items)]

    model = Remote(*[busy(reason="connection") for _ in range(1000)])
    replies, _ = with_caller(model, use, max_attempts=3)
    assert all(reply.reason == "connection" for reply in replies)
    assert model.n_asked == 3 * HOPELESS + 20


def test_a_call_that_takes_too_long_is_a_timeout_and_tried_again() -> None:
    model = Remote(latency_s=5)
    reply, waits = with_caller(
        model, lambda caller: caller.reply(stimulus(), sampling=Sampling()), timeout_s=0.01, max_attempts=2
    )
    assert reply.reason == "timeout" and "within 0.01 s" in reply.detail and len(waits) == 1


def test_no_more_calls_than_connections_from_loop_and_threads() -> None:
    model = Remote(latency_s=0.005)

    async def use(caller):
        asked = [asyncio.to_thread(caller.ask, [stimulus(10 * t + k) for k in range(10)]) for t in range(3)]
        return await asyncio.gather(*asked, *(caller.ask_one(stimulus(100 + k)) for k in range(10)))

    replies, _ = with_caller(model, use, max_connections=4)
    assert model.most == 4 and model.n_asked == 40
    assert [reply.text for reply in replies[1]] == [f"say {10 + k}" for k in range(10)]


def test_asking_on_the_loop_itself_would_block_and_is_refused() -> None:
    async def use(caller):
        caller.ask([stimulus()])

    with pytest.raises(AssertionError, match="would block the loop"):
        with_caller(Remote(), use)


def test_a_thread_that_asks_is_let_go_when_the_caller_closes() -> None:
    ended = threading.Event()

    def attack(caller):
        try:
            while True:
                caller.ask([stimulus()])
        except (asyncio.CancelledError, concurrent.futures.CancelledError):
            ended.set()

    async def use(caller):
        threading.Thread(target=attack, args=[caller], daemon=True).start()
        await asyncio.sleep(0.02)

    with_caller(Remote(latency_s=0.001), use)
    assert ended.wait(2)


def test_gradients_go_through_and_are_refused_where_there_are_none() -> None:
    async def use(caller):
        return await asyncio.to_thread(caller.loss_and_gradient, [stimulus()], targets=["yes"])

    with pytest.raises(AccessDenied, match="'fake' grants responses only"):
        with_caller(LocalModel(), use)


# -- cache


def test_an_answer_is_asked_once_for_all_runs_and_says_so(tmp_path) -> None:
    model = Remote()

    async def use(caller):
        return await caller.ask_one(stimulus())

    answers = []
    for _ in range(2):
        cache = AnswerCache(tmp_path)
        answers.append(with_caller(model, use, cache=cache)[0])
        cache.close()
    assert model.n_asked == 1
    assert "cached" not in answers[0].usage and answers[1].usage["cached"] == 1.0
    assert answers[1].text == answers[0].text and answers[1].duration_ms == answers[0].duration_ms


def test_a_spoken_answer_from_the_cache_is_decoded_beside_the_event_loop(tmp_path, monkeypatch) -> None:
    cache = AnswerCache(tmp_path)
    cache.put("spoken", Answer(text="so it is", clip=clip(3)))
    cache.put("written", Answer(text="in words"))
    cache.flush()
    threads, decode = [], AudioClip.from_bytes

    def decoded(data: bytes) -> AudioClip:
        threads.append(threading.get_ident())
        return decode(data)

    monkeypatch.setattr(AudioClip, "from_bytes", decoded)

    async def fetch():
        return [await cache.fetched(key) for key in ("spoken", "written", "neither")]

    spoken, written, neither = asyncio.run(fetch())
    assert (spoken.text, spoken.clip, written.text, written.clip, neither) == (
        "so it is",
        clip(3),
        "in words",
        None,
        None,
    )
    assert len(threads) == 1 and threads[0] != threading.get_ident()
    assert cache.get("spoken") == spoken
    cache.close()


@pytest.mark.parametrize("what", ["clip", "prompt", "sampling", "fingerprint", "name"])
def test_whatever_decides_an_answer_is_part_of_its_key(tmp_path, what) -> None:
    model, other = Remote(), Remote()
    changed = {"clip": stimulus().with_clip(clip(1)), "prompt": Stimulus(clips=stimulus().clips, prompt="else")}
    sampling = Sampling(seed=1) if what == "sampling" else Sampling()
    if what in ("fingerprint", "name"):
        setattr(other, what, "another")
    cache = AnswerCache(tmp_path)
    with_caller(model, lambda caller: caller.ask_one(stimulus()), cache=cache)
    with_caller(other, lambda caller: caller.ask_one(changed.get(what, stimulus()), sampling=sampling), cache=cache)
    assert other.n_asked == 1
    cache.close()


def test_scripted_models_see_the_truth_and_so_does_their_key(tmp_path) -> None:
    class Scripted(Remote):
        uses_truth = True

    model, cache = Scripted(), AnswerCache(tmp_path)
    for truth in ({"answer": "a"}, {"answer": "b"}):
        told = Stimulus(clips=stimulus().clips, prompt="x", truth=truth)
        with_caller(model, lambda caller, told=told: caller.ask_one(told), cache=cache)
    assert model.n_asked == 2
    cache.close()


def test_failures_are_never_kept(tmp_path) -> None:
    cache, model = AnswerCache(tmp_path), Remote(ModelFailed("no", reason="too_long"))
    for expected in ("too_long", None):
        reply, _ = with_caller(model, lambda caller: caller.reply(stimulus(), sampling=Sampling()), cache=cache)
        assert getattr(reply, "reason", None) == expected
    cache.close()


def test_the_same_question_asked_twice_at_once_is_asked_once(tmp_path) -> None:
    cache, model = AnswerCache(tmp_path), Remote(latency_s=0.01)

    async def use(caller):
        return await asyncio.gather(*(caller.ask_one(stimulus()) for _ in range(5)))

    with_caller(model, use, cache=cache)
    assert model.n_asked == 1
    cache.close()


def test_spoken_answers_are_kept_too(tmp_path) -> None:
    cache = AnswerCache(tmp_path)
    cache.put("k", Answer(text="", clip=clip(3), log_probability=-1.5, details={"transcript": "drei"}))
    assert cache.get("k").clip == clip(3)
    cache.close()
    again = AnswerCache(tmp_path)
    assert again.get("k") == Answer(text="", clip=clip(3), log_probability=-1.5, details={"transcript": "drei"})
    again.close()


def test_a_cache_that_cannot_be_used_costs_a_warning(tmp_path) -> None:
    (tmp_path / "answers.sqlite").write_bytes(b"no database, but long enough to be taken for one" * 100)
    with pytest.warns(UserWarning, match="cannot be used .* questions are asked again"):
        cache = AnswerCache(tmp_path)
    cache.put("k", Answer(text="a"))
    assert cache.get("k") is None
    cache.close()


# -- spend


def test_the_ceiling_is_not_passed_by_calls_in_flight() -> None:
    usage = {"input_tokens": 0.0, "output_tokens": 2.0}  # two dollars a call
    model = Remote(latency_s=0.002, usage=usage)

    async def use(caller):
        asked = (caller.reply(stimulus(k), sampling=Sampling(max_tokens=3)) for k in range(40))
        return await asyncio.gather(*asked), caller.ledger

    (replies, ledger), _ = with_caller(model, use, prices={"remote": PRICE}, ledger=Ledger(20.0), max_connections=16)
    said = [reply for reply in replies if isinstance(reply, Answer)]
    # 9 calls of 2 dollars leave 2, and one of up to 3 has no room
    assert len(said) == model.n_asked == 9 and ledger.spent == 18.0
    assert said[0].usage["cost_usd"] == 2.0
    assert {reply.reason for reply in replies if isinstance(reply, Failure)} == {"over_budget"}


def test_what_the_provider_says_it_cost_counts() -> None:
    model = Remote(usage={"cost_usd": 0.25})

    async def use(caller):
        await caller.ask_one(stimulus())
        return caller.ledger.spent, caller.counts.n_unpriced

    assert with_caller(model, use)[0] == (0.25, 0)


def test_a_call_without_token_counts_has_no_known_cost() -> None:
    async def use(caller):
        answer = await caller.ask_one(stimulus())
        return answer.usage, caller.counts.n_unpriced

    assert with_caller(Remote(), use, prices={"remote": PRICE})[0] == ({}, 1)


# -- a call's own time


class Ear(Model):
    """Takes 40 ms for a clip, one at a time, and does not say how long it took."""

    name, fingerprint, batch_size = "ear", "1", 1

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
        with self._lock:
            time.sleep(0.04 * len(stimuli))
        return [Answer(text=f"{each.clip.samples[0]:.6f}") for each in stimuli]


def asked_at_once(n):
    async def use(caller):
        return await asyncio.gather(*(caller.reply(stimulus(k), sampling=Sampling()) for k in range(n)))

    return use


def test_a_cascade_that_waits_for_its_ear_is_neither_slow_nor_late() -> None:
    model = CascadeModel("cascade/ear+remote", recogniser=Ear(), text=Remote(latency_s=0.01))
    begun = time.perf_counter()
    replies, waits = with_caller(model, asked_at_once(20), timeout_s=0.6, max_connections=20)
    whole_ms = 1e3 * (time.perf_counter() - begun)
    assert all(isinstance(reply, Answer) for reply in replies) and not waits  # the last one waits for 0.8 s
    assert all(reply.duration_ms >= 40 for reply in replies)
    assert sum(reply.duration_ms for reply in replies) < 2 * whole_ms  # with waiting, some ten times the whole


def test_the_text_model_is_still_bounded() -> None:
    model = CascadeModel("cascade/ear+remote", recogniser=Ear(), text=Remote(latency_s=5))
    replies, _ = with_caller(model, asked_at_once(2), timeout_s=0.3, max_attempts=1)
    assert [reply.reason for reply in replies] == ["timeout", "timeout"]


def test_a_local_model_that_does_not_tell_its_time_is_timed() -> None:
    begun = time.perf_counter()
    replies, _ = with_caller(Ear(), asked_at_once(5))
    whole_ms = 1e3 * (time.perf_counter() - begun)
    assert all(reply.duration_ms >= 40 for reply in replies)
    assert sum(reply.duration_ms for reply in replies) <= whole_ms


def test_a_remote_model_that_does_not_tell_its_time_is_timed() -> None:
    reply, _ = with_caller(Remote(latency_s=0.05), lambda caller: caller.reply(stimulus(), sampling=Sampling()))
    assert reply.duration_ms >= 45


def test_a_caller_hears_what_its_model_hears() -> None:
    async def use(caller):
        return caller.hears

    assert with_caller(Ear(), use)[0] == {"words", "voice", "sound"}
    model = CascadeModel("cascade/ear+remote", recogniser=Ear(), text=Remote())
    assert with_caller(model, use)[0] == {"words"}


# -- batches


def test_batches_are_full_alike_and_asked_by_one_thread() -> None:
    model = LocalModel(batch_size=4, delay_s=0.02)
    lengths = [800, 8000] * 8

    async def use(caller):
        asked = [Stimulus(clips={"speech": clip(k, n_samples=n)}, prompt=f"say {k}") for k, n in enumerate(lengths)]
        return await asyncio.gather(*(caller.ask_one(each) for each in asked))

    answers, _ = with_caller(model, use)
    assert [answer.text.split()[1] for answer in answers] == [str(k) for k in range(16)]
    assert len(model.threads) == 1 and len(model.batches) == 4
    assert all(len(set(batch)) == 1 for batch in model.batches)


def test_a_batch_that_is_too_large_is_halved_until_it_fits() -> None:
    class Small(LocalModel):
        def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
            if len(stimuli) > 2:
                raise MemoryError("does not fit")
            return super().ask(stimuli, sampling=sampling)

    async def use(caller):
        return await asyncio.gather(*(caller.ask_one(stimulus(k)) for k in range(8)))

    model = Small(batch_size=8)
    answers, _ = with_caller(model, use)
    assert [answer.text.split()[1] for answer in answers] == [str(k) for k in range(8)]
    assert {len(batch) for batch in model.batches} == {2}


def test_batches_hold_one_sampling() -> None:
    seen = []

    class Noting(LocalModel):
        def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
            seen.append((len(stimuli), sampling.seed))
            return super().ask(stimuli, sampling=sampling)

    async def use(caller):
        await asyncio.gather(*(caller.ask_one(stimulus(k), sampling=Sampling(seed=k % 2)) for k in range(4)))

    with_caller(Noting(), use)
    assert sorted(seen) == [(2, 0), (2, 1)]


def test_closing_waits_for_the_batch_that_is_asked() -> None:
    model = LocalModel(delay_s=0.05)
    begun = time.perf_counter()

    async def use(caller):
        asyncio.get_running_loop().create_task(caller.reply(stimulus(), sampling=Sampling()))
        await asyncio.sleep(0.02)

    with_caller(model, use)
    assert time.perf_counter() - begun >= 0.05


# ---- requests without audio ----


class WantsAudio(Remote):
    """Refuses words alone, with an error that need not say why; other faults by prompt."""

    takes_text_alone = None

    def __init__(self, *, error=None, faulty=(), alone=False) -> None:
        super().__init__(latency_s=0.001)
        self.error = error or ModelFailed("400: invalid request", reason="http_4xx")
        self.faulty, self.alone, self.asked = faulty, alone, []

    async def ask_one(self, stimulus, *, sampling=Sampling()):  # noqa: B008
        self.asked.append((stimulus.prompt, bool(stimulus.clips)))
        answer = await super().ask_one(stimulus, sampling=sampling)
        if stimulus.prompt in self.faulty or not (stimulus.clips or self.alone):
            raise self.error
        return answer


def written(number: int) -> Stimulus:
    return Stimulus(clips={}, prompt=f"written {number}")


def replies_of(model, stimuli, **options):
    async def use(caller):
        found = await asyncio.gather(*(caller.reply(stimulus, sampling=Sampling()) for stimulus in stimuli))
        return found, caller.takes_text_alone

    return with_caller(model, use, **options)[0]


@pytest.mark.parametrize("order", [1, -1])
def test_an_endpoint_that_refuses_words_alone_is_found_out(order) -> None:
    model = WantsAudio()
    asked = [*(stimulus(k) for k in range(4)), *(written(k) for k in range(6))][::order]
    replies, alone = replies_of(model, asked, max_connections=3)
    reasons = {one.prompt: getattr(reply, "reason", "answered") for one, reply in zip(asked, replies, strict=True)}
    assert set(reasons.values()) == {"answered", "text_refused"}
    assert all(reason == "text_refused" for prompt, reason in reasons.items() if prompt.startswith("written"))
    assert alone is False
    tried = [call for call in model.asked if call[0] == "Answer with the word yes."]
    assert tried == [("Answer with the word yes.", False), ("Answer with the word yes.", True)]  # once, not by item


def test_nothing_more_is_asked_in_words_after_the_first_refusal() -> None:
    model = WantsAudio(error=ModelFailed("audio required", reason="text_refused"))

    async def use(caller):
        return [await caller.reply(written(k), sampling=Sampling()) for k in range(5)]

    replies, _ = with_caller(model, use)
    assert [reply.reason for reply in replies] == ["text_refused"] * 5
    assert model.asked == [("written 0", False)]  # it said why, so nothing was tried out either
    assert all("takes no request without audio" in reply.detail for reply in replies)


def test_a_model_known_to_want_audio_is_not_asked_in_words() -> None:
    class Deaf(WantsAudio):
        takes_text_alone = False

    model = Deaf()
    replies, _ = replies_of(model, [written(0)])
    assert replies[0].reason == "text_refused" and model.asked == []


def test_a_refusal_of_one_text_is_no_refusal_of_words() -> None:
    """The endpoint answers words alone, but not these: a policy, a length, a parameter."""
    model = WantsAudio(faulty=["written 1"], alone=True)
    replies, alone = replies_of(model, [written(k) for k in range(3)])
    assert [getattr(reply, "reason", "answered") for reply in replies] == ["answered", "http_4xx", "answered"]
    assert alone is True


def test_an_endpoint_that_refuses_everything_is_not_said_to_want_audio() -> None:
    """A wrong key, say: whether it takes words alone is not known, and few calls are spent on finding out."""

    class Closed(WantsAudio):
        async def ask_one(self, stimulus, *, sampling=Sampling()):  # noqa: B008
            self.asked.append((stimulus.prompt, bool(stimulus.clips)))
            raise ModelFailed("401", reason="http_4xx")

    model = Closed()
    replies, alone = replies_of(model, [written(k) for k in range(10)], max_connections=1)
    assert [reply.reason for reply in replies] == ["http_4xx"] * 10 and alone is None
    assert len(model.asked) == 10 + 3 * 2


@pytest.mark.parametrize(
    ("reason", "passes"),
    [("timeout", True), ("http_5xx", True), ("http_4xx", True), ("rate_limited", True), ("content_filter", False)],
)
def test_failures_of_transport_say_nothing_about_words(reason, passes) -> None:
    model = WantsAudio(error=ModelFailed("busy", reason=reason, retryable=passes))
    replies, alone = replies_of(model, [written(0)], max_attempts=2)
    assert replies[0].reason == reason and alone is None
    assert len(model.asked) == (2 if passes else 1)  # each attempt, and nothing tried out
