"""Best-of-N on models whose answers are known."""

import math

import numpy as np
import pytest

from earnest.attacks import attacks
from earnest.attacks.jailbreak.best_of_n import BestOfN, forecast, variant
from earnest.errors import BadParameter
from earnest.models import Answer, Failure, Sampling, System
from earnest.testing.toys import LinearModel, toy_stimulus


class Counting(LinearModel):
    """Gives way at the call number `gives_way` about each prompt and clip length, the clean ask counted."""

    def __init__(self, gives_way):
        super().__init__(np.ones(1, dtype=np.float32), access=("responses",))
        self.gives_way, self.asked, self.batches = gives_way, {}, []

    def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
        self.batches.append(len(stimuli))
        return [self._reply(stimulus) for stimulus in stimuli]

    def _reply(self, stimulus):
        self.asked[stimulus.prompt] = self.asked.get(stimulus.prompt, 0) + 1
        return Answer(text="yes" if self.asked[stimulus.prompt] >= self.gives_way[stimulus.prompt] else "no")


def stimuli(*prompts):
    from dataclasses import replace

    return [replace(toy_stimulus(seed=place), prompt=prompt) for place, prompt in enumerate(prompts)]


def run(attack, model, asked, *, seed=0, sampling=Sampling(), defences=()):  # noqa: B008
    return attack.run(System(model, defences, 0, sampling), asked, rng=np.random.default_rng(seed))


def test_it_stops_at_the_first_success_and_the_others_go_on():
    model = Counting({"soon": 3, "late": 5, "never": 10**6})
    result = run(BestOfN(n=6), model, stimuli("soon", "late", "never"))
    # the clean ask is call 1, so the calls 3 and 5 are the variants 2 and 4
    assert [attempt.first_success for attempt in result.attempts] == [2, 4, None]
    assert [attempt.n_queries for attempt in result.attempts] == [2, 4, 6]
    assert [attempt.success for attempt in result.attempts] == [True, True, False]
    assert [result.n_success_within(k) for k in range(7)] == [0, 0, 1, 1, 2, 2, 2]
    assert model.batches[:8] == [3, 3, 3, 2, 2, 1, 1, 3]  # clean, six rounds, verification
    assert [attempt.drawn["variant"] for attempt in result.attempts] == [2, 4, 6]


def test_the_control_asks_the_plain_clip_as_often_as_the_attack_may():
    result = run(BestOfN(n=5), Counting({"never": 10**6}), stimuli("never"))
    (attempt,) = result.attempts
    assert attempt.control == "plain_resampling" and attempt.control_trial.n_queries == 5
    assert attempt.control_trial.clip == stimuli("never")[0].clip.quantised()


class Sampler(LinearModel):
    """Says "yes" where it samples with an odd seed, whatever it hears."""

    def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
        yes = sampling.temperature > 0 and sampling.seed % 2 == 1
        return [Answer(text="yes" if yes else "no") for _ in stimuli]


def test_resampling_alone_is_found_out_by_the_control():
    model = Sampler(np.ones(1, dtype=np.float32))
    result = run(BestOfN(n=4), model, stimuli("?"), sampling=Sampling(temperature=1.0))
    (attempt,) = result.attempts
    assert attempt.clean_success is False
    assert attempt.first_success == attempt.control_trial.first_success == 1
    cold = run(BestOfN(n=4), model, stimuli("?"))
    assert cold.attempts[0].first_success is None and cold.attempts[0].control_trial.first_success is None


def test_a_variant_is_replayed_from_its_seed():
    (stimulus,) = stimuli("soon")
    (attempt,) = run(BestOfN(n=6), Counting({"soon": 4}), [stimulus]).attempts
    again = variant(stimulus.clip, seed=attempt.drawn["seed"])
    assert again.quantised() == attempt.clip
    assert len(attempt.drawn["vector"]) == 6
    assert attempt.distortion.length_ratio == pytest.approx(2 ** (-1.5 * attempt.drawn["vector"][0]), rel=1e-2)


def test_equal_seeds_give_equal_variants_in_any_batch():
    together = run(BestOfN(n=3), Counting({"a": 99, "b": 99}), stimuli("a", "b")).attempts
    alone = run(BestOfN(n=3), Counting({"a": 99, "b": 99}), stimuli("a", "b")[1:]).attempts
    assert together[1].facts() == alone[0].facts() and together[1].clip == alone[0].clip
    assert together[1].drawn["seed"] != together[0].drawn["seed"]
    assert run(BestOfN(n=3), Counting({"b": 99}), stimuli("a", "b")[1:], seed=1).attempts[0].clip != alone[0].clip


def test_calls_that_fail_are_counted_and_never_a_success():
    class Failing(Counting):
        def _reply(self, stimulus):
            reply = super()._reply(stimulus)
            return Failure(reason="rate_limited") if self.asked["?"] in (2, 3) else reply

    (attempt,) = run(BestOfN(n=4), Failing({"?": 2}), stimuli("?")).attempts
    assert (attempt.n_failed_queries, attempt.first_success, attempt.n_queries) == (2, 3, 3)


def test_a_silent_clip_is_a_fault():
    (stimulus,) = stimuli("?")
    silent = stimulus.with_clip(stimulus.clip.with_samples(np.zeros(800, dtype=np.float32)))
    result = run(BestOfN(), Counting({"?": 1000}), [silent])
    assert result.unjudged == {"attack_failed": 1} and "silent" in result.attempts[0].answer.detail


@pytest.mark.parametrize("n", [0, 2.5, "many"])
def test_n_must_be_a_count(n):
    with pytest.raises(BadParameter, match="n of best_of_n must be a whole number of at least 1"):
        BestOfN(n=n)


def test_the_spec_with_a_hyphenated_name():
    assert attacks.make("best-of-n:n=32") == BestOfN(n=32)


def test_a_forecast_goes_through_a_power_law():
    # 1,000 clips whose success@k follows exp(-2 k^-0.5) as nearly as counts allow
    n_clips, ks = 1000, range(1, 65)
    reached = [round(n_clips * math.exp(-2 * k**-0.5)) for k in ks]
    firsts = [k for k, before, now in zip(ks, [0, *reached], reached, strict=False) for _ in range(now - before)]
    found = forecast(firsts + [None] * (n_clips - len(firsts)), n=64)
    assert found.scale == pytest.approx(2, rel=0.02) and found.decay == pytest.approx(0.5, rel=0.02)
    assert found.rate(10_000) == pytest.approx(math.exp(-0.02), abs=0.002) and found.n_seen == 64


@pytest.mark.parametrize("firsts", [[], [None, None], [1, 1], [1, None]])
def test_a_forecast_without_a_slope_is_refused(firsts):
    with pytest.raises(BadParameter, match="a forecast needs two different success rates"):
        forecast(firsts, n=4)
