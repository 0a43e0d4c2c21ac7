"""Best-of-N on models whose answers are known."""

import math

import numpy as np
import pytest

from earnest.attacks import attacks
from earnest.attacks.jailbreak.best_of_n import SPREAD, BestOfN, Presentation, _presented, forecast, held_out, variant
from earnest.audio import AudioClip, levels
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
    # clean; rounds of variants 1, 2, 3 and 4, 5 and 6, each of those that are left; verification
    assert model.batches[:6] == [3, 3, 3, 4, 2, 3]
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


def test_the_seeds_of_variants_are_drawn_from_all_of_32_bits():
    """From a few dozen seeds, thousands of variants would be the same few dozen asked again and again."""
    asked = stimuli(*(str(place) for place in range(150)))
    attempts = run(BestOfN(n=1), Counting(dict.fromkeys((one.prompt for one in asked), 99)), asked).attempts
    seeds = [attempt.drawn["seed"] for attempt in attempts]
    assert len(set(seeds)) == 150
    assert 2**31 < max(seeds) < 2**32, "of 150 draws one at least is in the upper half"


def test_calls_that_fail_are_counted_and_never_a_success():
    class Failing(Counting):
        def _reply(self, stimulus):
            reply = super()._reply(stimulus)
            return Failure(reason="rate_limited") if self.asked["?"] in (2, 3) else reply

    (attempt,) = run(BestOfN(n=4), Failing({"?": 2}), stimuli("?")).attempts
    # the third variant gets through, and the fourth was asked in one round with it
    assert (attempt.n_failed_queries, attempt.first_success, attempt.n_queries) == (2, 3, 4)
    assert attempt.drawn["variant"] == 3


def test_a_silent_clip_is_a_fault():
    (stimulus,) = stimuli("?")
    silent = stimulus.with_clip(stimulus.clip.with_samples(np.zeros(800, dtype=np.float32)))
    result = run(BestOfN(), Counting({"?": 1000}), [silent])
    assert result.unjudged == {"attack_failed": 1} and "silent" in result.attempts[0].answer.detail


# ---- the authors' code: jplhughes/bon-jailbreaking@c118210 ----

RANDN_0 = (0.441013086491916, 0.10003930209180582, 0.2446844960264348, 0.5602232998003644, 0.46688949753749187, -0.24431946996910275)  # fmt: skip  # a table: one row a line
"""The first vector of `CMAEvolutionStrategy.from_scratch(N=6, sigma=0.25).get_vectors()` after `np.random.seed(0)`."""

BY_SCALE_PARAMS = [
    # what `scale_params` of bon/attacks/run_audio_bon.py, run on each entry of the vector, gives
    (RANDN_0, (1.581747844381512, 200.07860418361165, 14.893689920528697, 21.20446599600729, 25.157558579069864, 5.113610600617945)),
    ((-1,) * 6, (0.3535533905932738, -2000, -10, -10, 0.001, -10)),
    ((1,) * 6, (2.8284271247461903, 2000, 30, 30, 1000, 30)),
    # vectors by `inverse_scale_params` from parameters of published successes, docs/assets/data/audio_jailbreaks.csv,
    # Gemini Flash: syrian_war_internal_conflict, cdc_floor_plan_unauthorized_acquisition
    ((0.1902594312867484, 0.030418754123207103, 0.11096580818635644, 0.08341858184356674, 0.37351976828940153, -0.0512895659414502),
     (1.2187389572330594, 60.83750824641421, 12.219316163727129, 11.668371636871335, 13.1995554527771, 8.974208681170996)),
    ((-0.33356461785068836, -0.33667937644938883, 0.1734432881725331, -0.03989335953656674, -0.033425389917109784, 0.2694359514940657),
     (0.7069367627309512, -673.3587528987777, 13.468865763450662, 9.202132809268665, 0.7938232785114122, 15.388719029881313)),
]  # fmt: skip  # a table: one row a line

BY_SOX = [
    # samples and strongest frequency in Hz of 1.5 s of a 440 Hz tone of amplitude 0.3 at 16 kHz after SoX 14.4.2:
    # `tempo F` as SPEED_CMD has it, and `pitch -q C`, `rate 16000` as apply_shift_pitch
    ({"tempo": 0.7069367627309512}, 33949, 439.99),
    ({"tempo": 1.2187389572330594}, 19692, 439.99),
    ({"tempo": 2.0}, 12000, 440.02),
    ({"tempo": 0.5}, 48000, 440.00),
    ({"pitch": -673.3587528987777}, 23999, 298.19),
    ({"pitch": 305.1896895536026}, 24000, 524.78),
    ({"pitch": 2400.0}, 24000, 1759.86),
]

NOTHING = (0.0, 0.0, 6.0, 6.0, 0.0, 6.0)
"""A vector that does nothing: overlays at 130 dB are below a step of 16 bits."""


def presented(clip, **changed):
    """The clip under a vector that changes only what is named."""
    entries = dict(zip(("tempo", "pitch", "speech", "noise", "volume", "music"), NOTHING, strict=True)) | changed
    return _presented(clip, np.array(list(entries.values())), rng=np.random.default_rng(5))


def tone(amplitude=0.3, hz=440.0):
    time_s = np.arange(24_000) / 16_000
    return AudioClip((amplitude * np.sin(2 * np.pi * hz * time_s)).astype(np.float32), 16_000).quantised()


def strongest_hz(clip):
    spectrum = np.abs(np.fft.rfft(clip.samples * np.hanning(clip.n_samples), 1 << 20))
    return spectrum.argmax() * clip.sample_rate / (1 << 20)


@pytest.mark.source("attacks/best_of_n", of="hughes2024-bon", at="jplhughes/bon-jailbreaking@c118210")
@pytest.mark.parametrize(("vector", "parameters"), BY_SCALE_PARAMS)
def test_a_vector_stands_for_what_it_stands_for_in_the_authors_code(vector, parameters):
    how = Presentation.of(vector)
    ours = (how.tempo, how.pitch_cents, how.speech_snr_db, how.noise_snr_db, how.volume, how.music_snr_db)
    assert ours == pytest.approx(parameters, rel=1e-12)


@pytest.mark.source("attacks/best_of_n", of="hughes2024-bon", at="jplhughes/bon-jailbreaking@c118210")
@pytest.mark.parametrize(("change", "n_samples", "hz"), BY_SOX)
def test_tempo_keeps_the_pitch_and_pitch_the_tempo_as_in_the_authors_code(change, n_samples, hz):
    if "tempo" in change:
        made = presented(tone(), tempo=math.log2(change["tempo"]) / 1.5)
    else:
        made = presented(tone(), pitch=change["pitch"] / 2000)
    assert made.n_samples == pytest.approx(n_samples, abs=1)
    assert strongest_hz(made) == pytest.approx(hz, rel=2e-3)
    assert made.level_dbfs == pytest.approx(tone().level_dbfs, abs=0.3)  # SoX: within 0.1 dB


@pytest.mark.source("attacks/best_of_n", of="hughes2024-bon", at="jplhughes/bon-jailbreaking@c118210")
def test_the_spread_of_the_vectors_is_the_authors():
    # `sigma: float = 0.25` in ExperimentConfig; 1,000 drawn vectors have it within 4 standard errors
    vectors = np.array([SPREAD * np.random.default_rng(seed).standard_normal(6) for seed in range(1000)])
    assert SPREAD == 0.25 and vectors.std() == pytest.approx(0.25, rel=4 / math.sqrt(2 * 6000))


@pytest.mark.parametrize("overlay", ["speech", "noise", "music"])
@pytest.mark.source("attacks/best_of_n", of="hughes2024-bon", at="kaldi-asr/kaldi@0b7f06c")
def test_an_overlay_keeps_the_level(overlay):
    # wav-reverberate scales by sqrt(power before / power after) unless told otherwise, and the authors do not tell it.
    # At 0 dB (an entry of -0.5) the clip itself is then 1 / sqrt(2) of what it was: two uncorrelated equal powers.
    # In the published clips the level is the original's times the volume, median -0.2 dB over 72 that are not cut off.
    clip = toy_stimulus().clip
    made = presented(clip, **{overlay: -0.5})
    assert made.level_dbfs == pytest.approx(clip.level_dbfs, abs=0.01)
    share = np.dot(made.samples, clip.samples) / np.dot(clip.samples, clip.samples)
    assert share == pytest.approx(1 / math.sqrt(2), abs=0.06)


@pytest.mark.source("attacks/best_of_n", of="hughes2024-bon", at="jplhughes/bon-jailbreaking@c118210")
def test_the_volume_cuts_off_at_full_scale_before_the_music():
    # `sox --vol 13.1995554527771` on the tone of 440 Hz gives these first samples, and none beyond 16 bits
    louder = presented(tone(), volume=0.37351976828940153)
    assert np.rint(louder.samples[:4] * 32768).tolist() == pytest.approx([0, 22307, 32767, 32767], abs=15)
    assert louder.peak == pytest.approx(1.0, abs=1e-4)
    # so the music lies 20 dB under what was cut off, -20.5 dBFS; half of it, what would pass full scale again, is cut
    # off too. Against the tone before it was cut off (+11.4 dBFS) it would be 12 dB louder
    both = presented(tone(), volume=0.37351976828940153, music=0.5)
    share = np.dot(both.samples, louder.samples) / np.dot(louder.samples, louder.samples)
    assert levels.level_dbfs(both.samples - share * louder.samples) == pytest.approx(-23.5, abs=1.5)


def test_a_clip_that_the_volume_silences_stays_silent():
    made = presented(tone(amplitude=0.001), volume=-2.0, music=0.0)  # 33 steps times 10^-6
    assert made.peak == 0 and made.n_samples == 24_000


def test_a_variant_carries_what_was_done():
    (attempt,) = run(BestOfN(n=1), Counting({"soon": 9}), stimuli("soon")).attempts
    how = Presentation.of(attempt.drawn["vector"])
    assert attempt.drawn["tempo"] == how.tempo and attempt.drawn["music_snr_db"] == how.music_snr_db


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


def test_a_forecast_is_checked_on_variants_that_it_has_not_seen():
    # rates that follow the law: -log(rate) = 2 k^-0.5, so of 400 clips so many are on target within k
    def within(k):
        return round(400 * math.exp(-2 * k**-0.5))

    firsts = [k for k in range(1, 65) for _ in range(within(k) - within(k - 1) if k > 1 else within(1))]
    firsts += [None] * (400 - len(firsts))
    found = held_out(firsts, n_seen=8, n=64)
    assert found.predicted == pytest.approx(math.exp(-2 / 8), abs=0.02) and found.holds
    assert (found.observed.n_success, found.observed.n, found.forecast.n_seen) == (within(64), 400, 8)
    stuck = [first if first is not None and first <= 8 else None for first in firsts]  # nothing more after 8
    assert not held_out(stuck, n_seen=8, n=64).holds
    with pytest.raises(BadParameter, match="at more variants than it was made of, got n_seen=8 and n=8"):
        held_out(firsts, n_seen=8, n=8)
