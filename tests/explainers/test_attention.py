"""Attention from the answer back to the audio: hand-worked cases, and real networks of the embedded model and two families."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from earnest import load_model
from earnest.audio import AudioClip, Stimulus
from earnest.errors import BadParameter
from earnest.explainers import Asked, Decision, Explainer, Tiles, explainers
from earnest.explainers._attention import on_tiles, with_residual
from earnest.explainers._inside import gradients_at, states_of
from earnest.explainers.attention_flow import AttentionFlow
from earnest.explainers.attention_rollout import AttentionRollout
from earnest.explainers.relevance import Relevance
from earnest.models.access import Model, System
from earnest.models.attention import Attention
from earnest.models.edits import Edit

pytest.importorskip("torch", reason="attention is of a network in torch")
sys.path.insert(0, str(Path(__file__).parents[1] / "models"))

# Two blocks of one head over three positions; the first two are audio, and the last one answers.
FIRST = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.2, 0.6, 0.2]]
SECOND = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.4, 0.2, 0.4]]
WEIGHTS = np.array([[FIRST], [SECOND]])
SMALL = Attention(weights=WEIGHTS, gradients=None, audio=(0, 1), row=2)


def test_rollout_is_the_product_with_half_a_residual() -> None:
    # Last row of 0.5 A2 + 0.5 I: (0.2, 0.1, 0.7); rows of the first block: (1, 0, 0), (0.25, 0.75, 0), (0.1, 0.3, 0.6).
    np.testing.assert_allclose(AttentionRollout().by_token(SMALL), [0.2 + 0.025 + 0.07, 0.075 + 0.21])
    np.testing.assert_allclose(with_residual(WEIGHTS).sum(axis=-1), 1.0)


def test_flow_is_the_greatest_that_the_capacities_allow() -> None:
    # To 0: by (2 to 0) min(0.2, 1), by (2 to 1) min(0.1, 0.25), by (2 to 2) min(0.7, 0.1); to 1: 0, 0.1 of 0.75, 0.3 of 0.7.
    np.testing.assert_allclose(AttentionFlow().by_token(SMALL), [0.2 + 0.1 + 0.1, 0.1 + 0.3], atol=2e-6)


def test_relevance_adds_positive_products_up() -> None:
    gradients = np.array([[[[0, 0, 0], [0, 0, 0], [1.0, -1.0, 0]]], [[[0, 0, 0], [0, 0, 0], [0.5, 2.0, 1.0]]]])
    # Block 1: R[2] = (0.2, 0, 1), as -0.6 is left out. Block 2: R[2] += 0.2 R[0] + 0.4 R[1] + 0.4 R[2].
    made = Attention(weights=WEIGHTS, gradients=gradients, audio=(0, 1), row=2)
    np.testing.assert_allclose(Relevance().by_token(made), [0.2 + 0.2 + 0.4 * 0.2, 0.4])


def test_tokens_are_spread_over_tiles_of_time() -> None:
    tiles = Tiles(AudioClip(np.zeros(1000, np.float32), 1000), seconds=0.4)
    np.testing.assert_allclose(on_tiles(np.array([1.0, 3.0]), tiles), [0.8, 0.2 + 3 * 0.6, 3 * 0.4])


@pytest.fixture(scope="module", params=["earnest/reference", "qwen2_audio", "voxtral"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    if request.param.startswith("earnest/"):
        return load_model(request.param, n_threads=1)
    pytest.importorskip("transformers", reason="a family of transformers")
    from tiny import write

    return load_model(f"transformers/{write(request.param, tmp_path_factory.mktemp('tiny'))}")


@pytest.fixture(scope="module")
def asked(model: Model) -> Asked:
    samples = np.random.default_rng(0).normal(0, 0.1, 12_000).clip(-1, 1).astype(np.float32)
    stimulus = Stimulus(
        clips={"speech": AudioClip(samples, 16_000)}, prompt="Listen to the speaker and answer in one sentence."
    )
    (reply,) = model.ask([stimulus])
    return Asked(System(model), stimulus, Decision(f"label:{reply.said}"))  # type: ignore[union-attr]


def test_attention_of_real_networks_is_attention(model: Model, asked: Asked) -> None:
    found = model.attention(asked.stimulus, answer=asked.answer)
    assert found.gradients is not None and found.gradients.shape == found.weights.shape
    assert len(found.audio) > 5 and max(found.audio) < found.row < found.weights.shape[-1]
    np.testing.assert_allclose(found.weights[:, :, found.row].sum(axis=-1), 1.0, atol=1e-4)
    assert np.abs(found.gradients[:, :, found.row]).max() > 0
    for name in ("attention_rollout", "attention_flow", "relevance"):
        explainer = explainers.make(name)
        assert isinstance(explainer, Explainer)
        values = explainer.explain(asked, Tiles(asked.clip, seconds=0.25)).values
        assert values.shape == (3,) and values.min() >= 0 and values.max() > 0, name
        with pytest.raises(BadParameter, match=f"{name} gives a map of the time of one clip, got 2 bands"):
            explainer.explain(asked, Tiles(asked.clip, seconds=0.25, bands=2))
    before = model.ask([asked.stimulus])
    assert [reply.said for reply in before] == [asked.answer]  # type: ignore[union-attr]


def test_heads_and_gradients_inside_real_networks(model: Model, asked: Asked) -> None:
    site = next(name for name in model.n_heads if name.startswith("heads.decoder."))
    states = states_of(model, [asked.stimulus], [site], at="sep")[site]
    width = states.shape[1] // model.n_heads[site]
    where = np.arange(states.shape[1]) < width
    with model.hooked([Edit.replace(site=site, at="sep", vector=0.0, where=where)]) as ablated:
        changed = states_of(ablated, [asked.stimulus], [site], at="sep")[site]
    np.testing.assert_allclose(changed[0], np.where(where, 0.0, states[0]), atol=1e-6)
    (block,) = [name for name in model.sites if name.startswith("decoder.")][1:2]
    slopes = gradients_at(model, [asked.stimulus], [asked.answer or "yes"], sites=[block], at="sep")[block]
    assert slopes.shape[0] == 1 and np.abs(slopes).max() > 0
    last = [name for name in model.sites if name.startswith("decoder.")][-1]
    end = states_of(model, [asked.stimulus], [last], at="sep")[last]
    (first,) = model.token_texts([int(model.lens(end, site=last)[0].argmax())])
    assert first and asked.answer.startswith(first)
