"""Federated learning without Flower: an update gives a clip away; a secure sum and noise do not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earnest.errors import BadData, BadParameter
from earnest.privacy.accounting import epsilon_of
from earnest.privacy.federated.client_privacy import ClientPrivacy
from earnest.privacy.federated.inversion import least_frames, likeness, spanned
from earnest.privacy.federated.secure_sum import STEPS, fixed_point, read_alone, summed

N_MELS, CHANNELS, KERNEL, STRIDE, PADDING = 8, 24, 5, 2, (2, 2)
N_FRAMES, N_OTHERS = 21, 40


def _features(seed: int) -> np.ndarray:
    """A smooth sequence about zero, as features are."""
    rng = np.random.default_rng(seed)
    walk = rng.standard_normal((N_FRAMES, N_MELS)).cumsum(axis=0)
    return (walk - walk.mean()) / walk.std()


def _gradient(features: np.ndarray, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Of a convolution behind which the positions send back anything: that of its weights, and of its bias."""
    rng = np.random.default_rng(seed)
    padded = np.pad(features, (PADDING, (0, 0)))
    n_positions = (len(padded) - KERNEL) // STRIDE + 1
    back = rng.standard_normal((CHANNELS, n_positions)) * (rng.random((CHANNELS, n_positions)) < 0.5)
    windows = np.stack([padded[place * STRIDE : place * STRIDE + KERNEL] for place in range(n_positions)])
    return np.einsum("cp,pkm->cmk", back, windows), back.sum(axis=1)


def _vector(gradient: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return np.concatenate([part.ravel() for part in gradient])


def _attacked(vector: np.ndarray, truth: np.ndarray) -> tuple[float, bool]:
    """The correlation that an attacker reaches, and whether that is a recovered clip."""
    size = CHANNELS * N_MELS * KERNEL
    weight, bias = vector[:size].reshape(CHANNELS, N_MELS, KERNEL), vector[size:]
    found = spanned(weight, bias, n_frames=N_FRAMES, stride=STRIDE, padding=PADDING).features
    alike = likeness(found, truth=truth, others=[_features(100 + place) for place in range(N_OTHERS)])
    return alike.correlation, alike.recovered


def test_an_update_gives_the_clip_away_exactly_with_scale_and_sign() -> None:
    truth = _features(1)
    weight, bias = _gradient(truth)
    found = spanned(weight, bias, n_frames=N_FRAMES, stride=STRIDE, padding=PADDING)
    assert np.abs(found.features - truth).max() < 1e-5 and found.residual < 1e-9
    scaled = spanned(3 * weight, 3 * bias, n_frames=N_FRAMES, stride=STRIDE, padding=PADDING)
    assert np.abs(scaled.features - truth).max() < 1e-5
    rank = np.linalg.matrix_rank(weight.reshape(CHANNELS, -1))
    assert N_FRAMES - 1 <= least_frames(rank, kernel=KERNEL, stride=STRIDE, padding=PADDING) <= N_FRAMES


def test_an_update_of_two_clips_is_no_clip() -> None:
    truth = _features(1)
    both = _vector(_gradient(truth)) + _vector(_gradient(_features(2), seed=1))
    correlation, _ = _attacked(both, truth)
    assert correlation < 0.99


def test_clipping_alone_hides_nothing_and_noise_hides_the_clip() -> None:
    truth = _features(1)
    vector = _vector(_gradient(truth))
    clipped = ClientPrivacy(clip_norm=1.0, noise_multiplier=0.0, n_clients=20)
    assert _attacked(clipped.protected(vector, rng=np.random.default_rng(0)), truth) == (pytest.approx(1.0), True)
    noisy = ClientPrivacy(clip_norm=1.0, noise_multiplier=1.0, n_clients=20)
    found = [_attacked(noisy.protected(vector, rng=np.random.default_rng(seed)), truth) for seed in range(10)]
    assert not any(recovered for _, recovered in found) and max(abs(one) for one, _ in found) < 0.5


def test_a_masked_update_is_noise_and_the_sum_is_right() -> None:
    pytest.importorskip("cryptography", reason="keys and masks of the secure sum, of the extra federated")
    from earnest.privacy.federated.secure_sum import Member

    truth, n = _features(1), 5
    members = [Member() for _ in range(n)]
    publics = {number: member.public for number, member in enumerate(members)}
    updates = [_vector(_gradient(_features(seed + 1), seed=seed)) / 100 for seed in range(n)]
    masked = [
        member.masked(update, publics=publics, own=number, n_round=1, limit=1.0)
        for number, (member, update) in enumerate(zip(members, updates))
    ]
    assert np.abs(summed(masked, limit=1.0) - sum(updates)).max() <= n * 0.5 / STEPS + 1e-12
    assert _attacked(updates[0], truth) == (pytest.approx(1.0, abs=1e-6), True)
    correlation, recovered = _attacked(read_alone(masked[0], limit=1.0), truth)
    assert not recovered and abs(correlation) < 0.5
    level = masked[0].astype(np.float64) / 2**32
    assert abs(level.mean() - 0.5) < 4 * np.sqrt(1 / 12 / len(level)) and abs(level.var() - 1 / 12) < 0.01
    assert abs(np.corrcoef(level, updates[0])[0, 1]) < 4 / np.sqrt(len(level))
    without_one = summed(masked[1:], limit=1.0)
    assert np.abs(without_one - sum(updates[1:])).mean() > 100  # who drops out leaves noise
    again = members[0].masked(updates[0], publics=publics, own=0, n_round=2, limit=1.0)
    assert (again != masked[0]).mean() > 0.99
    kept = Member(members[0].private).masked(updates[0], publics=publics, own=0, n_round=1, limit=1.0)
    assert np.array_equal(kept, masked[0])
    with pytest.raises(BadParameter, match="hold that of client 1"):
        members[0].masked(updates[0], publics=publics, own=1, n_round=1, limit=1.0)


@given(values=st.lists(st.floats(-2, 2), min_size=1, max_size=20), limit=st.floats(0.1, 3))
def test_fixed_point_keeps_values_to_half_a_step(values: list[float], limit: float) -> None:
    kept = read_alone(fixed_point(np.array(values), limit=limit), limit=limit)
    assert np.abs(kept - np.clip(values, -limit, limit)).max() <= 0.5 * limit / STEPS + 1e-12


def test_a_sum_of_one_or_of_too_many_is_refused() -> None:
    with pytest.raises(BadParameter, match="2 to 2,047 clients, got 1"):
        summed([np.zeros(3, np.uint32)], limit=1.0)
    with pytest.raises(BadParameter, match="2 to 2,047 clients, got 2048"):
        summed([np.zeros(3, np.uint32)] * 2048, limit=1.0)
    with pytest.raises(BadParameter, match="finite and the limit positive"):
        fixed_point(np.array([np.nan]), limit=1.0)
    most = [fixed_point(np.ones(1), limit=1.0)] * 2047
    assert summed(most, limit=1.0)[0] == 2047


def test_the_noise_of_the_clients_adds_up_to_what_is_accounted() -> None:
    private = ClientPrivacy(clip_norm=0.5, noise_multiplier=2.0, n_clients=16)
    rng = np.random.default_rng(0)
    total = sum(private.protected(np.zeros(20_000), rng=rng) for _ in range(16))
    assert total.std() == pytest.approx(0.5 * 2.0, rel=0.03)
    long = private.protected(np.full(100, 7.0), rng=rng) - rng.normal(0, 0, 100)
    quiet = ClientPrivacy(clip_norm=0.5, noise_multiplier=0.0, n_clients=16)
    assert np.linalg.norm(quiet.protected(np.full(100, 7.0), rng=rng)) == pytest.approx(0.5)
    assert np.array_equal(quiet.protected(np.full(4, 0.01), rng=rng), np.full(4, 0.01))
    assert long.shape == (100,)
    epsilon = private.epsilon(n_rounds=3, delta=1e-5)
    assert epsilon == epsilon_of(noise_multiplier=2.0, sampling_rate=1.0, n_steps=3, delta=1e-5).high
    assert private.alone_epsilon(n_rounds=3, delta=1e-5) > 3 * epsilon
    assert quiet.epsilon(n_rounds=1, delta=1e-5) == np.inf
    with pytest.raises(BadParameter, match="clip_norm must be positive"):
        ClientPrivacy(clip_norm=0, noise_multiplier=1, n_clients=2)
    with pytest.raises(BadParameter, match="n_clients must be at least 1"):
        ClientPrivacy(clip_norm=1, noise_multiplier=1, n_clients=0)


def test_likeness_is_set_against_other_clips() -> None:
    truth = _features(1)
    others = [_features(100 + place) for place in range(N_OTHERS)]
    own = likeness(0.5 * truth - 3, truth=truth, others=others)
    assert own.correlation == pytest.approx(1) and own.recovered and own.snr_db > 100
    noisy = truth + np.random.default_rng(0).standard_normal(truth.shape)
    half = likeness(noisy, truth=truth, others=others)
    assert half.snr_db == pytest.approx(10 * np.log10(1 / (1 - half.correlation**2)))
    assert half.snr_db == pytest.approx(3.0, abs=1.2)  # as much noise as signal, half of it taken off by the best scale
    assert not likeness(others[0], truth=truth, others=others).recovered
    with pytest.raises(BadParameter, match="at least 19 other clips"):
        likeness(truth, truth=truth, others=others[:5])
    with pytest.raises(BadParameter, match="shape of the true ones"):
        likeness(truth[:-1], truth=truth, others=others)


def test_a_clip_that_is_too_long_for_the_layer_is_refused() -> None:
    weight, bias = _gradient(_features(1))
    with pytest.raises(BadParameter, match="fewer positions than the layer has channels"):
        spanned(weight, bias, n_frames=100, stride=STRIDE, padding=PADDING)
    with pytest.raises(BadParameter, match="shape"):
        spanned(weight[0], bias, n_frames=N_FRAMES, stride=STRIDE, padding=PADDING)


def test_the_reference_model_gives_a_clip_away_and_is_left_as_it_was() -> None:
    pytest.importorskip("torch", reason="the reference model in torch")
    from earnest.audio import AudioClip
    from earnest.privacy.federated.training import (
        example,
        local_update,
        mean_loss,
        named,
        put,
        reference_network,
        trained,
    )

    network = reference_network()
    rng = np.random.default_rng(0)
    clip = AudioClip((0.05 * rng.standard_normal(2_000)).astype(np.float32), 16_000)
    one = example(clip, "No!")
    before = trained(network)
    update = local_update(network, [one], learning_rate=0.01)
    assert np.array_equal(trained(network), before)
    gradient = named(network, -update / 0.01)
    found = spanned(
        gradient["conv1.weight"], gradient["conv1.bias"], n_frames=len(one.features), stride=2, padding=(2, 2)
    )
    assert np.corrcoef(found.features.ravel(), one.features.ravel())[0, 1] > 0.999
    loss = mean_loss(network, [one])
    put(network, before + update)
    assert mean_loss(network, [one]) < loss  # a step downhill
    with pytest.raises(BadParameter, match="a vector for this network has"):
        put(network, before[:-1])
    with pytest.raises(BadData, match="a text with letters"):
        example(clip, "...")
    with pytest.raises(BadParameter, match="at least one clip"):
        local_update(network, [], learning_rate=0.01)
