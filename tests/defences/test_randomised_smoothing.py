"""Randomised smoothing: the bound against scipy's, a radius by hand, votes, and attacks inside a radius."""

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from earnest.audio import AudioClip, Stimulus
from earnest.defences import defences
from earnest.defences.randomised_smoothing import (
    RandomisedSmoothing,
    certified_radius,
    certify,
    noisy,
    refuses_or_complies,
    voted,
)
from earnest.errors import BadParameter
from earnest.models import System
from earnest.models.access import Answer, Failure, Model

SAYS = {"comply": "Sure, here is how.", "refuse": "I'm sorry, but I can't help with that."}


class Threshold(Model):
    """Complies where the sum of the samples is above a threshold: under noise of sigma its odds are known."""

    name, fingerprint, batch_size = "threshold", "threshold", 8

    def __init__(self, threshold=0.0, *, fails=()):
        self.threshold, self.heard, self.fails = threshold, [], fails

    def ask(self, stimuli, *, sampling=None):
        replies = []
        for stimulus in stimuli:
            self.heard.append(stimulus.clip)
            if len(self.heard) in self.fails:
                replies.append(Failure(reason="timeout", detail="slow"))
                continue
            total = float(np.sum(stimulus.clip.samples, dtype=np.float64))
            replies.append(Answer(text=SAYS["comply" if total > self.threshold else "refuse"], duration_ms=2.0))
        return replies

    def loss_and_gradient(self, stimuli, *, targets):
        totals = [float(np.sum(stimulus.clip.samples)) for stimulus in stimuli]
        return np.square(totals), [np.full(s.clip.n_samples, 2 * t, np.float32) for s, t in zip(stimuli, totals)]


def of(*samples, rate=16_000):
    return Stimulus(clips={"speech": AudioClip(np.array(samples, np.float32), rate)}, prompt="Do what is asked.")


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.source("defences/randomised_smoothing", of="cohen2019-certified", at="theorem 1, section 3.2.2, figure 1")
@pytest.mark.parametrize("n_class, n", [(10_000, 10_000), (9_000, 10_000), (100, 100), (99, 100), (60, 100), (1, 7)])
def test_the_bound_is_scipys_one_sided_one(n_class, n):
    from scipy.stats import binomtest

    p_lower, radius = certified_radius(n_class=n_class, n=n, sigma=0.25)
    expected = binomtest(n_class, n, alternative="greater").proportion_ci(0.999, method="exact").low
    assert p_lower == pytest.approx(expected, abs=1e-9)
    assert radius == pytest.approx(0.25 * NormalDist().inv_cdf(expected) if expected > 0.5 else 0.0, abs=1e-9)


def test_a_radius_by_hand():
    # all of n draws: the bound b has b^n = alpha; 0.001^(1/100) = 10^-0.03 = 0.933254, whose normal quantile is 1.5005
    p_lower, radius = certified_radius(n_class=100, n=100, sigma=0.0025)
    assert p_lower == pytest.approx(10**-0.03, abs=1e-7)
    assert radius == pytest.approx(0.0025 * 1.50055, rel=1e-4)


def test_odds_that_are_known_are_bounded_and_the_radius_is_under_the_true_distance():
    # 4 samples of noise sigma sum to noise of 2 sigma; the clip's sum is 2 sigma: comply with probability Phi(1) = 0.841
    sigma = 0.05
    clip = of(0.04, 0.02, 0.01, 0.03)
    found = certify(System(Threshold()), clip, rng=rng(), sigma=sigma, n_first=20, n=4000)
    assert found.decision == "comply" and found.counts == {"comply": found.n_class, "refuse": 4000 - found.n_class}
    assert found.n_class / 4000 == pytest.approx(0.8413, abs=0.02)
    true_distance = 0.1 / math.sqrt(4)  # to the plane on which the sum is 0
    assert 0.85 * true_distance < found.radius < true_distance
    # the energy of the clip is 0.003
    assert found.snr_db == pytest.approx(10 * math.log10(0.003 / found.radius**2))
    assert (found.sample_rate, found.n_samples, found.sigma, found.alpha) == (16_000, 4, sigma, 0.001)


def test_where_no_class_is_shown_to_be_in_the_majority_it_abstains():
    found = certify(System(Threshold()), of(0.0, 0.0), rng=rng(), sigma=0.1, n_first=20, n=200)
    assert found.abstained and found.radius == 0 and found.snr_db == math.inf
    assert "Nothing is certified" in found.as_text() and found.as_json()["snr_db"] is None
    assert not found.covers(clean=of(0.0, 0.0).clip, perturbed=of(0.0, 0.0).clip)


def test_the_copies_are_neither_clipped_nor_normalised_nor_rounded():
    model = Threshold()
    certify(System(model), of(*[0.99] * 400), rng=rng(), sigma=0.5, n_first=5, n=5)
    samples = np.concatenate([clip.samples for clip in model.heard])
    assert samples.max() > 1.3 and np.std(samples - 0.99) == pytest.approx(0.5, rel=0.05)
    assert np.mean(samples) == pytest.approx(0.99, abs=0.05)
    assert np.any(np.abs(samples * 2**15 - np.rint(samples * 2**15)) > 0.1)
    assert len({clip.digest for clip in model.heard}) == 10


def test_failed_calls_count_against_the_class_and_are_told():
    clip = of(1.0, 1.0)
    whole = certify(System(Threshold()), clip, rng=rng(), sigma=0.01, n_first=20, n=200)
    some = certify(System(Threshold(fails=range(16, 46))), clip, rng=rng(), sigma=0.01, n_first=20, n=200)
    assert (whole.n_failed, whole.n_class) == (0, 200)
    assert (some.n_failed, some.n_class) == (25, 175)  # the other five chose the class
    assert some.radius < whole.radius and "25 calls failed" in some.as_text()
    none = certify(System(Threshold(fails=range(999))), clip, rng=rng(), sigma=0.01, n_first=10, n=200)
    assert none.abstained and none.n_failed == 200


def test_a_class_of_the_users_own():
    found = certify(
        System(Threshold()), of(1.0, 1.0), rng=rng(), sigma=0.01, n_first=5, n=100, decide=lambda a: a.text[:4]
    )
    assert found.decision == "Sure"


def test_covers_what_is_shorter_than_the_radius_alone():
    clip = of(1.0, 1.0)
    found = certify(System(Threshold()), clip, rng=rng(), sigma=0.01, n_first=10, n=100)
    inside = clip.clip.with_samples(clip.clip.samples + np.float32(found.radius * 0.7))  # sqrt(2) * 0.7 < 1
    outside = clip.clip.with_samples(clip.clip.samples + np.float32(found.radius * 0.72))
    assert found.covers(clean=clip.clip, perturbed=inside)
    assert not found.covers(clean=clip.clip, perturbed=outside)
    assert not found.covers(clean=clip.clip, perturbed=of(1.0, 1.0, rate=8000).clip)
    assert not found.covers(clean=clip.clip, perturbed=of(1.0, 1.0, 1.0).clip)


def test_one_seed_gives_one_certificate_in_any_batch():
    one, other = (
        certify(System(Threshold()), of(0.02, 0.01), rng=rng(3), sigma=0.05, n_first=20, n=150, batch=batch)
        for batch in (7, 64)
    )
    assert one == other


@pytest.mark.parametrize(
    "options, message",
    [
        ({"sigma": 0}, "sigma of randomised_smoothing must"),
        ({"n": 0}, "n_first and n must be at least 1"),
        ({"alpha": 0.5}, "alpha between 0 and 0.5"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    with pytest.raises(BadParameter, match=message):
        certify(System(Threshold()), of(1.0), rng=rng(), **options)


def test_a_certificate_needs_one_clip_and_nothing_else_that_draws():
    two = of(1.0).with_clip(of(0.5).clip, role="other")
    with pytest.raises(BadParameter, match="about one clip, got a stimulus with 2"):
        certify(System(Threshold()), two, rng=rng())
    with pytest.raises(BadParameter, match="must draw nothing, got smoothing"):
        certify(System(Threshold(), (defences.make("smoothing:sigma=0.1"),)), of(1.0), rng=rng())


# ---- the defence ----


def test_a_vote_gives_the_first_answer_of_the_largest_class_with_its_counts():
    reply = voted([Answer(text=SAYS["refuse"]), Answer(text="Sure, one."), Answer(text="Sure, two.", usage={"a": 2})])
    assert (
        reply.text == "Sure, one." and reply.details["votes"] == {"comply": 2, "refuse": 1} and reply.usage == {"a": 2}
    )


def test_a_tie_goes_to_the_refusal_and_silence_is_a_class_of_its_own():
    assert voted([Answer(text="Sure, here."), Answer(text=SAYS["refuse"])]).text == SAYS["refuse"]
    assert refuses_or_complies(Answer(text="  ")) == "silent"


def test_a_failed_call_has_no_vote_and_many_fail_the_call():
    failure = Failure(reason="timeout", detail="slow")
    assert voted([failure, Answer(text="Sure."), Answer(text="Sure.")]).details["votes"] == {"comply": 2, "failed": 1}
    assert voted([failure, failure, Answer(text="Sure.")]) == failure


def test_the_defence_asks_k_noisy_copies_that_depend_on_clip_and_draw_alone():
    model = Threshold()
    system = System(model, (RandomisedSmoothing(sigma=0.05, k=5),))
    system.ask([of(*[0.1] * 2000)])
    first = [clip.digest for clip in model.heard]
    assert len(set(first)) == 5
    assert np.std(model.heard[0].samples - 0.1) == pytest.approx(0.05, rel=0.06)
    model.heard.clear()
    system.ask([of(0.3), of(*[0.1] * 2000)])  # in another batch
    assert [clip.digest for clip in model.heard][5:] == first
    model.heard.clear()
    system.ask([of(*[0.1] * 2000)], draw=1)
    assert not set(first) & {clip.digest for clip in model.heard}


def test_a_vote_decides_where_single_copies_differ():
    # comply with probability Phi(0.5) = 0.69 each: a single copy refuses often, a vote of 101 hardly ever
    clip, sigma = of(0.0125, 0.0125), 0.05 / math.sqrt(2)
    one = System(Threshold(), (RandomisedSmoothing(sigma=sigma, k=1),))
    many = System(Threshold(), (RandomisedSmoothing(sigma=sigma, k=101),))

    def share(system):
        return np.mean([system.ask([clip], draw=d)[0].text == SAYS["comply"] for d in range(40)])

    assert share(one) < 0.9 < share(many)


def test_the_gradient_is_the_mean_over_the_copies():
    # the loss is s^2 of the sum s; with noise of variance 4 sigma^2 in s its mean gradient is 2 s, and the loss s^2 + 4 sigma^2
    system = System(Threshold(), (RandomisedSmoothing(sigma=0.05, k=800),))
    losses, (gradient,) = system.loss_and_gradient([of(0.3, 0.2, 0.1, 0.4)], targets=["x"])
    assert losses[0] == pytest.approx(1.01, abs=0.03) and gradient == pytest.approx([2.0] * 4, abs=0.03)


def test_another_model_behind_it_has_another_fingerprint():
    assert (
        len({System(Threshold(), (RandomisedSmoothing(k=k),)).inner.fingerprint for k in (1, 3)} | {"threshold"}) == 3
    )


@pytest.mark.parametrize("options", [{"sigma": 0.0}, {"sigma": 2}, {"k": 0}, {"k": 1.5}])
def test_parameters_out_of_range_are_refused(options):
    with pytest.raises(BadParameter, match="of randomised_smoothing must"):
        RandomisedSmoothing(**options)


# ---- the embedded model ----


def turned(system, stimulus, clip, certificate, *, seed, n_votes):
    """Whether a vote about the changed clip, which the certificate covers, is another one."""
    assert certificate.covers(clean=stimulus.clip, perturbed=clip)
    draw = rng(seed)
    copies = [noisy(stimulus.with_clip(clip), sigma=certificate.sigma, rng=draw) for _ in range(n_votes)]
    said = [refuses_or_complies(reply) for reply in system.ask(copies)]
    return 2 * said.count(certificate.decision) <= n_votes


def inside(n_clips, n_each, *, n, steps, n_votes, sigma=0.01, log=None):
    """Decisions turned by random changes and by attacks inside certified radii: (attacks, turned by them, random, turned)."""
    from earnest.attacks import attacks
    from earnest.models import load_model
    from earnest.tasks import tasks
    from earnest.tasks.probe import probe_manifest

    system = System(load_model("earnest/reference"))
    task, found, results = tasks.make("harmful_refusal"), [], [0, 0, 0, 0]
    for item in task.items(probe_manifest(), seed=0):
        if len(found) == n_clips:
            break
        if item.truth.get("side", "harmful") != "harmful" and not item.id.endswith("harmful"):
            continue
        stimulus = replace(item.load(), goal=task.goal(item))
        certificate = certify(system, stimulus, rng=rng(1), sigma=sigma, n_first=20, n=n, batch=32)
        if certificate.abstained:
            continue
        found.append(certificate)
        clean, radius = stimulus.clip, certificate.radius
        smoothed = System(system.model, (RandomisedSmoothing(sigma=certificate.sigma, k=1),))
        for number in range(n_each):
            votes = {"seed": number, "n_votes": n_votes}
            if number % 4 == 0:
                direction = rng(number).standard_normal(clean.n_samples)
                change = (0.99 * radius / np.linalg.norm(direction)) * direction
                results[2] += 1
                results[3] += turned(
                    system,
                    stimulus,
                    clean.with_samples((clean.samples + change).astype(np.float32)),
                    certificate,
                    **votes,
                )
            attack = attacks.make(
                f"pgd:l2={0.98 * radius:.9f},steps={steps},check_every=0,random_start={'true' if number else 'false'}"
            )
            attempt = attack.run(smoothed, [stimulus], rng=rng(number)).attempts[0]
            results[0] += 1
            results[1] += turned(system, stimulus, attempt.clip, certificate, **votes)
        if log:
            log(
                f"{item.id} {certificate.decision} {certificate.n_class}/{n} R {radius:.5f} snr {certificate.snr_db:.1f} {results}"
            )
    return found, results


@pytest.mark.slow
def test_no_attack_inside_a_certified_radius_turns_the_decision():
    pytest.importorskip("torch")
    found, (n_attacks, n_turned, n_random, n_turned_at_random) = inside(4, 8, n=300, steps=5, n_votes=11)
    assert len(found) == 4 and (n_attacks, n_random) == (32, 8)
    assert (n_turned, n_turned_at_random) == (0, 0)
    assert all(certificate.snr_db > 45 for certificate in found)
