"""An attack built on one model and tried on another."""

import numpy as np
import pytest

from earnest.attacks.adversarial.surrogate_transfer import SurrogateTransfer
from earnest.errors import AccessDenied, BadParameter
from earnest.models import System
from earnest.testing.toys import LinearModel, toy_stimulus

STEP = 2.0**-15


def weights(seed):
    return np.random.default_rng(seed).standard_normal(1600).astype(np.float32)


def run(attack, model, *, on):
    object.__setattr__(attack, "on_surrogate", lambda: System(on))
    return attack.run(System(model), [toy_stimulus()], rng=np.random.default_rng(0)).attempts[0]


@pytest.mark.source(
    "attacks/surrogate_transfer",
    of="papernot2016-transferability",
    at="the abstract, page 1: examples made on one model mislead another that is not asked",
)
def test_it_goes_as_far_as_the_two_models_agree():
    stimulus, attack = toy_stimulus(), SurrogateTransfer(attack="pgd:epsilon=0.002,steps=20,check_every=0")
    closed = LinearModel(weights(1), access=("responses",))
    closed.threshold = closed.product(stimulus.clip.samples) + 0.5 * 64 * STEP * float(np.abs(weights(1)).sum())
    alike = run(attack, closed, on=LinearModel(weights(1) + np.float32(0.3) * weights(2), threshold=1e9))
    other = run(
        SurrogateTransfer(attack="pgd:epsilon=0.002,steps=20,check_every=0"),
        closed,
        on=LinearModel(weights(3), threshold=1e9),
    )
    assert (alike.success, other.success, alike.control_success) == (True, False, False)
    assert (alike.n_queries, alike.n_gradients) == (0, 0) and alike.drawn["surrogate_gradients"] == 21
    assert alike.within_budget and alike.distortion.peak <= 0.002


def test_the_surrogate_must_grant_what_the_attack_needs_and_the_attack_be_another():
    with pytest.raises(AccessDenied, match="attack 'pgd' needs gradients access"):
        run(
            SurrogateTransfer(),
            LinearModel(weights(1), threshold=1e9),
            on=LinearModel(weights(1), access=("responses",)),
        )
    with pytest.raises(BadParameter, match="must be another one"):
        SurrogateTransfer(attack="surrogate_transfer")
