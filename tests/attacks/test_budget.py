"""Budgets on the 16-bit grid: met, never exceeded, and exact where a case can be worked out."""

import decimal
import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from earnest.attacks import Budget, Distortion
from earnest.audio import AudioClip
from earnest.errors import BadParameter

STEP = 2.0**-15


def noise(seed, n=4000, level=0.1):
    samples = level * np.random.default_rng(seed).standard_normal(n).astype(np.float32)
    return np.rint(samples / STEP).clip(-32768, 32767).astype(np.float32) * np.float32(STEP)


def steps(*values):
    return np.array(values, dtype=np.float32) * np.float32(STEP)


def test_an_epsilon_of_two_and_a_half_steps_allows_two():
    rounded = Budget(epsilon=2.5 * STEP).rounded(steps(10, -7, 2.4, -40), clean=steps(0, -1, 2, -40))
    assert (rounded / STEP).tolist() == [2, -3, 2, -40]


def test_where_rounding_exceeds_the_snr_the_sample_rounded_outwards_the_furthest_gives_way():
    # energy of the clean clip 9² + 13² = 250; at 10 dB the change may have 25, so a length of 5 steps.
    # wanted (2.6, 2.6, 3.35): 6.76 + 6.76 + 11.2 = 24.7 fits; rounded (3, 3, 3) has 27, 2.3 too much; moving one sample
    # from 3 to 2 saves 5. The first two were rounded outwards by 0.4, the first of them gives way. The 2.7 to spare do
    # not pay for moving the third from 3 to 4.
    clean = steps(9, 13, 0)
    rounded = Budget(snr_db=10.0).rounded(clean + steps(2.6, 2.6, 3.35), clean=clean)
    assert ((rounded - clean) / STEP).tolist() == [2, 3, 3]


def test_where_rounding_falls_short_of_the_snr_the_sample_rounded_inwards_the_furthest_goes_on():
    # 10 dB of 9² + 13² = 250 is 25. Wanted (2.4, 1.3, 4.1): 5.76 + 1.69 + 16.81 = 24.3 fits; rounded (2, 1, 4) has 21,
    # which leaves 3.3; the first was rounded inwards the furthest, but moving it costs 5; the second costs 3.
    clean = steps(9, 13, 0)
    rounded = Budget(snr_db=10.0).rounded(clean + steps(2.4, 1.3, 4.1), clean=clean)
    assert ((rounded - clean) / STEP).tolist() == [2, 1, 4]
    # Wanted (2.1, 1.4, 4.1) has 23.2: the second was rounded inwards the furthest, and moving it to 2 costs 3 of 2.2.
    # Wanted (1.4, 2.4, 4.1) has 24.5: the first was, by as much as the second, and moving it costs 3 of 3.5.
    rounded = Budget(snr_db=10.0).rounded(clean + steps(1.45, 2.4, 4.1), clean=clean)
    assert ((rounded - clean) / STEP).tolist() == [2, 2, 4]


@pytest.mark.parametrize(("sign", "edge"), [(1, 32767), (-1, -32768)])
def test_a_sample_may_be_moved_up_to_the_last_value_of_a_file_and_not_beyond(sign, edge):
    # A change may be 5 steps long, so have 25. Wanted (1.45, 2.4, 4.1) has 24.7; rounded (1, 2, 4) has 21, and moving the
    # first, which was rounded inwards the furthest, costs 3. Two steps from the edge it may go there; one step from it, not,
    # and the second, next in turn, would cost 5.
    change = sign * np.array([1.45, 2.4, 4.1])
    for room, first in ((2, 2), (1, 1)):
        clean = steps(edge - sign * room, 0, 0)
        rounded = Budget(l2=5 * STEP).rounded(clean + steps(*change), clean=clean)
        assert (sign * (rounded - clean) / STEP).tolist() == [first, 2, 4]


def test_a_projection_stays_within_full_scale_and_within_the_clean_clip_beyond_it():
    clean = np.array([0.5, -0.5, 0.5, 1.5, -1.25], dtype=np.float32)
    perturbed = np.array([1.75, -1.5, 0.75, 2.0, -2.0], dtype=np.float32)
    assert Budget(epsilon=2.0).project(perturbed, clean=clean).tolist() == [1.0, -1.0, 0.75, 1.5, -1.25]


def test_a_change_too_long_is_scaled_and_not_turned():
    clean = noise(1)
    delta = noise(2, level=0.3)
    inside = Budget(snr_db=20.0).project(clean + delta, clean=clean) - clean
    cosine = np.dot(inside, delta) / np.linalg.norm(inside) / np.linalg.norm(delta)
    assert cosine == pytest.approx(1, abs=1e-6)
    assert np.linalg.norm(inside) == pytest.approx(np.linalg.norm(clean) / 10, rel=1e-5)


@given(seed=st.integers(0, 10**6), snr_db=st.floats(0, 60), level=st.sampled_from([0.003, 0.05, 0.4]))
@example(seed=110, snr_db=8.5e-24, level=0.003)  # less than 0 dB leaves of an energy, and more than a float can tell
@example(seed=110, snr_db=0.0, level=0.003)
@settings(max_examples=60, deadline=None)
def test_the_snr_is_met_and_never_exceeded(seed, snr_db, level):
    clean = noise(seed, level=level)
    budget = Budget(snr_db=snr_db)
    perturbed = clean + 10 * noise(seed + 1, level=level)
    rounded = budget.rounded(np.clip(perturbed, -1, 1), clean=clean)
    distortion = Distortion.between(clean=AudioClip(clean, 16000), perturbed=AudioClip(rounded, 16000))
    assert budget.holds(rounded, clean=clean)
    signal, change = (int(np.sum(np.rint(x / STEP).astype(np.int64) ** 2)) for x in (clean, rounded - clean))
    exact = decimal.Context(prec=80)  # the energies are whole numbers; their ratio in dB is none that a float holds
    ratio = exact.power(10, exact.divide(decimal.Decimal(snr_db), 10))
    assert exact.multiply(decimal.Decimal(change), ratio) <= signal
    assert distortion.snr_db == pytest.approx(10 * math.log10(signal / change), rel=1e-12, abs=1e-12)
    change_in_steps = math.sqrt(np.mean((rounded - clean) ** 2)) / STEP
    if change_in_steps > 2 and level < 0.4:  # no clipping, and steps fine enough for the change
        assert distortion.snr_db == pytest.approx(snr_db, abs=0.01)


@pytest.mark.parametrize(
    ("snr_db", "energy"), [(0.0, 250), (8.5e-24, 249), (10.0, 25), (10.001, 24), (-10.0, 2500), (math.inf, 0)]
)
def test_the_largest_energy_of_a_change_is_exact(snr_db, energy):
    # the clean clip's is 9² + 13² = 250; a part of it that is no whole number is no energy of steps
    assert Budget(snr_db=snr_db).most_energy(np.array([9, 13, 0])) == energy


def test_a_change_beyond_the_snr_by_one_step_does_not_hold():
    clean = steps(9, 13, 0)  # 250, so that 10 dB leave 25
    assert Budget(snr_db=10.0).holds(clean + steps(3, 4, 0), clean=clean)
    assert not Budget(snr_db=10.0 + 1e-14).holds(clean + steps(3, 4, 0), clean=clean)
    assert not Budget(snr_db=10.0).holds(clean + steps(3, 4, 1), clean=clean)


@given(
    seed=st.integers(0, 10**6),
    epsilon=st.none() | st.floats(STEP, 0.1),
    snr_db=st.none() | st.floats(-10, 80),
    loud=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_rounding_twice_is_rounding_once(seed, epsilon, snr_db, loud):
    budget = Budget(epsilon=epsilon, snr_db=snr_db)
    clean = noise(seed, n=300, level=0.9 if loud else 0.01)
    rounded = budget.rounded(clean + noise(seed + 1, n=300, level=0.3), clean=clean)
    assert budget.holds(rounded, clean=clean)
    assert np.array_equal(budget.rounded(rounded, clean=clean), rounded)


@pytest.mark.parametrize("budget", [Budget(epsilon=0.0), Budget(snr_db=math.inf)])
def test_a_zero_budget_changes_nothing(budget):
    clean = noise(3)
    assert np.array_equal(budget.rounded(clean + noise(4), clean=clean), clean)


def test_silence_may_not_be_changed_under_an_snr():
    clean = np.zeros(100, dtype=np.float32)
    assert not budget_change(Budget(snr_db=-20.0), clean).any()


def budget_change(budget, clean):
    return budget.rounded(clean + noise(5, n=clean.size), clean=clean) - clean


def test_a_clip_beyond_full_scale_is_taken_as_a_file_holds_it():
    clean = np.array([1.5, -2.0, 0.25], dtype=np.float32)
    rounded = Budget(epsilon=STEP).rounded(clean + steps(4, 4, 4), clean=clean)
    assert (rounded / STEP).tolist() == [32767, -32768, 8193]


def test_inputs_are_left_alone():
    clean, perturbed = noise(6), noise(7)
    before = clean.copy(), perturbed.copy()
    Budget(snr_db=20.0, epsilon=0.01).rounded(perturbed, clean=clean)
    assert np.array_equal(clean, before[0]) and np.array_equal(perturbed, before[1])


def test_another_length_is_refused_and_does_not_hold():
    budget = Budget(epsilon=0.1)
    with pytest.raises(BadParameter, match=r"must keep the clip's length of 4 samples, got 3.*n_before"):
        budget.project(steps(1, 2, 3), clean=steps(1, 2, 3, 4))
    assert not budget.holds(steps(1, 2, 3), clean=steps(1, 2, 3, 4))
    assert Budget().holds(steps(1, 2, 3), clean=steps(1, 2, 3, 4))


@pytest.mark.parametrize("epsilon", [STEP / 2, -0.1, 3.0, math.nan])
def test_an_epsilon_that_a_file_cannot_hold_is_refused(epsilon):
    with pytest.raises(BadParameter, match="epsilon must be 0 or lie from"):
        Budget(epsilon=epsilon)


def test_an_snr_that_is_no_number_is_refused():
    with pytest.raises(BadParameter, match="snr_db must be a number of dB, got nan"):
        Budget(snr_db=math.nan)


def test_a_length_is_met_and_never_exceeded():
    # l2 of 5 steps allows an energy of 25; (3, 4, 0) has it, (3, 4, 1) has 26
    clean, budget = steps(9, 13, 0), Budget(l2=5 * STEP)
    assert budget.holds(clean + steps(3, 4, 0), clean=clean) and not budget.holds(clean + steps(3, 4, 1), clean=clean)
    long = noise(1)
    rounded = Budget(l2=0.5).rounded(long + noise(2), clean=long)
    assert 0.4999 < np.linalg.norm((rounded - long).astype(np.float64)) <= 0.5
    assert np.array_equal(Budget(l2=0.0).rounded(long + noise(2), clean=long), long)


def test_the_nearer_of_two_lengths_counts():
    clean = noise(1)
    long, short = (Budget(snr_db=20.0, l2=l2).radius(clean) for l2 in (1e3, 1e-3))
    assert (long, short) == (pytest.approx(np.linalg.norm(clean) / 10, rel=1e-6), 1e-3)


@pytest.mark.parametrize("most_db", [0.0, 0.5, 2.0])
def test_a_change_is_made_quieter_until_it_is_masked(most_db):
    time = np.arange(8000) / 16_000
    clean = (0.3 * np.sin(2 * np.pi * 700 * time) + 0.02 * np.sin(2 * np.pi * 2500 * time)).astype(np.float32)
    clean = np.rint(clean / STEP).astype(np.float32) * np.float32(STEP)
    budget = Budget(masking_db=most_db)
    rounded = budget.rounded(clean + noise(7, n=8000, level=0.05), clean=clean)
    assert budget.holds(rounded, clean=clean) and not budget.holds(clean + noise(7, n=8000, level=0.05), clean=clean)
    found = Distortion.between(clean=AudioClip(clean, 16_000), perturbed=AudioClip(rounded, 16_000), masking=True)
    assert found.masking_excess_db <= most_db
    if most_db:
        assert found.masking_excess_db > 0.9 * most_db
    assert np.array_equal(budget.rounded(clean, clean=clean), clean)


@pytest.mark.parametrize("name", ["l2", "masking_db"])
def test_a_limit_below_nothing_is_refused(name):
    with pytest.raises(BadParameter, match=f"{name} must be at least 0 and finite, got -1"):
        Budget(**{name: -1.0})


def test_distortion_of_a_clip_worked_out_by_hand():
    clean, perturbed = AudioClip(steps(30, -40, 0), 8000), AudioClip(steps(30, -43, 4), 8000)
    # signal 2500, change 25: 20 dB; the largest change is 4 steps
    assert Distortion.between(clean=clean, perturbed=perturbed) == Distortion(
        snr_db=pytest.approx(20.0), peak=4 * STEP, length_ratio=1.0, l2=5 * STEP
    )


def test_distortion_compares_with_silence_before_and_after():
    clean, perturbed = AudioClip(steps(30, -40), 8000), AudioClip(steps(3, 30, -40, 0, 4), 8000)
    found = Distortion.between(clean=clean, perturbed=perturbed, n_before=1, n_after=2)
    assert found == Distortion(snr_db=pytest.approx(20.0), peak=4 * STEP, length_ratio=2.5, l2=5 * STEP)
    assert Distortion.between(clean=clean, perturbed=perturbed).snr_db is None


def test_nothing_changed_is_infinitely_good_and_noise_over_silence_infinitely_bad():
    silent, loud = AudioClip(steps(0, 0), 8000), AudioClip(steps(5, 0), 8000)
    assert Distortion.between(clean=loud, perturbed=loud).snr_db == math.inf
    assert Distortion.between(clean=silent, perturbed=loud).snr_db == -math.inf
