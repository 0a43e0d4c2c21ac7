"""An answer that may not end, on a model whose answer grows with a product."""

import numpy as np
import pytest

from earnest.attacks.adversarial.dos_never_stop import NeverStop, unending, voiced
from earnest.audio import AudioClip, Stimulus
from earnest.errors import BadParameter
from earnest.models import Answer, System
from earnest.models.access import Target
from earnest.testing.toys import LinearModel, toy_stimulus

STEP = 2.0**-15


class Talking(LinearModel):
    """Says one word, and one more for every 0.02 by which the product has risen; its end is as likely as that is low."""

    def __init__(self, weights, clean):
        super().__init__(weights)
        self.clean, self.heard = self.product(clean), []

    def ask(self, stimuli, **options):
        n = [1 + max(0, int((self.product(each.clip.samples) - self.clean) / 0.02)) for each in stimuli]
        return [Answer(text=" ".join(["on"] * k)) for k in n]

    def loss_and_gradient(self, stimuli, *, targets):
        self.heard.extend(targets)
        return super().loss_and_gradient(stimuli, targets=["yes"] * len(stimuli))


@pytest.mark.source(
    "attacks/dos_never_stop",
    of="cheng2026-neverstop",
    at="Section on the method, as summarised: epsilon 0.0001, 200 steps, voiced samples alone",
)
def test_what_may_not_end_is_what_the_model_says_at_the_time():
    stimulus = toy_stimulus(n_samples=800)
    weights = np.random.default_rng(0).standard_normal(800).astype(np.float32)
    stimulus = Stimulus(clips=stimulus.clips, prompt="?", goal=unending(4))
    model = Talking(weights, stimulus.clip.samples)
    attack = NeverStop(epsilon=4 * STEP, steps=40, step_size=0.25, check_every=2)
    (attempt,) = attack.run(System(model), [stimulus], rng=np.random.default_rng(0)).attempts
    # each step raises the product by STEP times the sum of |weights|, some 650: 0.02, so a word; the first check is after two
    assert attempt.success and attempt.drawn["step"] == 4 and attempt.n_queries == 3
    assert attempt.answer.text.count("on") >= 4 and attempt.clean.text == "on"
    assert all(isinstance(one, Target) and one.unending for one in model.heard)
    assert [len(one.split()) for one in model.heard][:3] == [1, 1, 2 + (model.heard[2].count("on") - 2)]
    facts = attempt.facts()
    assert (facts["clean_answer_words"], facts["answer_words"]) == (1, attempt.answer.text.count("on")) and facts[
        "answer_tokens"
    ] is None
    assert attempt.control_trial.success is False and (NeverStop().epsilon, NeverStop().steps) == (1e-4, 200)


def test_samples_without_voice_stay():
    samples = np.zeros(1600, np.float32)
    samples[320:640] = 0.5
    samples[640:960] = 0.5 * 10 ** (-39 / 20)
    samples[960:1280] = 0.5 * 10 ** (-41 / 20)
    assert np.flatnonzero(voiced(AudioClip(samples, 16_000)).reshape(5, 320).any(axis=1)).tolist() == [1, 2]


def test_it_must_look_at_answers():
    with pytest.raises(BadParameter, match="check_every of dos_never_stop must be at least 1"):
        NeverStop(check_every=0)
