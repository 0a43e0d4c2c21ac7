"""Losses of targets that say what is wanted of the end of the answer, on the embedded model."""

import numpy as np
import pytest

from earnest.audio import Stimulus
from earnest.models import load_model
from earnest.models.access import Target
from earnest.tasks.probe import probe_manifest

pytest.importorskip("torch")
TEXT = "sure here is how to bake a cake"


@pytest.fixture(scope="module")
def asked():
    entry = next(entry for entry in probe_manifest().entries if entry.label == "benign")
    clip = entry.clip().resampled(16_000)
    return load_model("earnest/reference", n_threads=1), Stimulus(
        clips={"speech": clip}, prompt="Listen to the speaker and answer in one sentence."
    )


def losses(asked, *targets):
    model, stimulus = asked
    return model.loss_and_gradient([stimulus] * len(targets), targets=list(targets))


def test_the_end_is_weighed_on_top_of_the_words(asked):
    (none, one, two), gradients = losses(asked, *(Target(TEXT, end_weight=w) for w in (0.0, 1.0, 2.0)))
    assert two - one == pytest.approx(one - none, rel=1e-3) and 0 < one - none <= 1  # a probability
    assert all(np.isfinite(gradient).all() and gradient.any() for gradient in gradients)


def test_an_unending_answer_is_likelier_where_the_loss_is_lower(asked):
    model, stimulus = asked
    said = model.ask([stimulus])[0].text
    (whole, cut), (gradient, _) = losses(
        asked, Target(said, unending=True), Target(" ".join(said.split()[:2]), unending=True)
    )
    assert whole > cut >= 0  # the model ends after its own answer, and not within it
    step = np.float32(2e-3 / np.linalg.norm(gradient))
    moved = stimulus.with_clip(stimulus.clip.with_samples(stimulus.clip.samples - step * gradient))
    assert model.loss_and_gradient([moved], targets=[Target(said, unending=True)])[0][0] < whole
