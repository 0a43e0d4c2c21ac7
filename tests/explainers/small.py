"""A small network that hears 600 samples: the model whose captum values are kept, in numpy, and its golden file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from earnest.audio import AudioClip, Stimulus
from earnest.models.access import Answer, Model, Reply, Sampling

N, RATE = 600, 1_000
_RNG = np.random.default_rng(16)
FIRST = _RNG.normal(0, 0.2, (8, N))
SECOND = -_RNG.normal(0, 1.0, 8)
CLIP = AudioClip(np.random.default_rng(17).normal(0, 0.2, N).clip(-0.9, 0.9).astype(np.float32), RATE)
THIRD = _RNG.normal(0, 1.0, (5, 8))
OTHERS, ASKED = _RNG.normal(0, 0.05, (14, N)), _RNG.normal(0, 0.4, (14, N))
LOUDER = _RNG.normal(0, 0.05, (14, N)) + 0.02 * np.sign(FIRST[3])
"""Inputs of a concept, others, and those that are asked about."""


def value(x: np.ndarray) -> float:
    """log p of the answer, always below 0."""
    return float(-np.logaddexp(0, -SECOND @ np.tanh(FIRST @ x)))


class Small(Model):
    """Says "yes" with the probability that the network gives."""

    name = "small"
    access = frozenset({"responses", "scores", "gradients"})

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        return [Answer(text="yes" if value(_heard(one)) > np.log(0.5) else "no") for one in stimuli]

    def score(self, stimuli: Sequence[Stimulus], texts: Sequence[str]) -> np.ndarray:
        yes = np.array([value(_heard(one)) for one in stimuli])
        return np.where([text == "yes" for text in texts], yes, np.log(-np.expm1(yes)))

    def loss_and_gradient(
        self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        losses, gradients = [], []
        for one, target in zip(stimuli, targets, strict=True):
            assert target == "yes"
            x = _heard(one)
            hidden = np.tanh(FIRST @ x)
            back = 1 / (1 + np.exp(SECOND @ hidden))
            losses.append(-value(x))
            gradients.append(-back * ((SECOND * (1 - hidden**2)) @ FIRST))
        return np.array(losses), gradients


def _heard(stimulus: Stimulus) -> np.ndarray:
    return np.asarray(stimulus.clip.samples, dtype=np.float64)
