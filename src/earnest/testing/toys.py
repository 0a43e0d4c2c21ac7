"""Models so small that what an attack or a defence must find can be worked out by hand. numpy only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip, Goal, Stimulus
from earnest.errors import BadParameter
from earnest.models.access import Access, Answer, Failure, Model, Reply, Sampling


class LinearModel(Model):
    """A model that says "yes" where the inner product of weights and samples exceeds a threshold, else "no".

    The loss of the target "yes" is the threshold minus that product, the loss of "no" the opposite; the gradient is
    exact, constant, and the same in any batch. The largest product within epsilon of a clip is `clip + epsilon *
    sign(weights)`, and within an L2 ball of radius r `clip + r * weights / |weights|`.

    Parameters
    ----------
    weights : float32 array, shape (n_weights,)
        Repeated or cut to the length of a clip.
    threshold : float
    access : set of Access
        What is granted; without "gradients" there are none.
    n_answers : int or None
        After so many answers every further call fails with the reason "timeout"; None never.
    """

    batch_size = 16

    def __init__(
        self,
        weights: NDArray[np.float32],
        *,
        threshold: float = 0.0,
        access: Sequence[Access] = ("responses", "gradients"),
        n_answers: int | None = None,
    ) -> None:
        self.name = "toy/linear"
        self.fingerprint = hashlib.sha256(np.asarray(weights, dtype=np.float32).tobytes()).hexdigest()
        self.weights, self.threshold, self.access = np.asarray(weights, dtype=np.float32), threshold, frozenset(access)
        self.n_answers = n_answers
        self.n_asked = 0

    def product(self, samples: NDArray[np.float32]) -> float:
        """Inner product of the weights and the samples, in float64."""
        return float(np.dot(self._weights(samples.size).astype(np.float64), samples))

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        """ "yes" or "no" for each."""
        return [self._answer(stimulus) for stimulus in stimuli]

    def loss_and_gradient(
        self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float32]]]:
        """As `Model.loss_and_gradient`; targets are "yes" and "no"."""
        if "gradients" not in self.access:
            return super().loss_and_gradient(stimuli, targets=targets)
        signs = [self._sign(target) for target in targets]
        losses = [s * (self.threshold - self.product(x.clip.samples)) for s, x in zip(signs, stimuli, strict=True)]
        gradients = [-np.float32(s) * self._weights(x.clip.n_samples) for s, x in zip(signs, stimuli, strict=True)]
        return np.array(losses, dtype=np.float64), gradients

    def _answer(self, stimulus: Stimulus) -> Reply:
        self.n_asked += 1
        if self.n_answers is not None and self.n_asked > self.n_answers:
            return Failure(reason="timeout", detail="the toy has given all its answers")
        return Answer(text="yes" if self.product(stimulus.clip.samples) > self.threshold else "no")

    def _weights(self, n_samples: int) -> NDArray[np.float32]:
        return np.resize(self.weights, n_samples)

    @staticmethod
    def _sign(target: str) -> int:
        if target not in ("yes", "no"):
            raise BadParameter(f"the toy knows the targets 'yes' and 'no', got {target!r}")
        return 1 if target == "yes" else -1


class CurvedModel(LinearModel):
    """A linear model behind a curve, so that its gradient depends on the clip: what is learnt from one is wrong for another.

    The product is that of the weights with `tanh(samples / BEND)`. It tells scores as well: the log-probabilities of
    "yes" and "no" that the product less the threshold stands for.
    """

    BEND = 0.1

    def __init__(
        self,
        weights: NDArray[np.float32],
        *,
        threshold: float = 0.0,
        access: Sequence[Access] = ("responses", "scores", "gradients"),
        n_answers: int | None = None,
    ) -> None:
        super().__init__(weights, threshold=threshold, access=access, n_answers=n_answers)
        self.name = "toy/curved"

    def product(self, samples: NDArray[np.float32]) -> float:
        """Inner product of the weights and the bent samples, in float64."""
        return super().product(np.tanh(samples.astype(np.float64) / self.BEND))

    def loss_and_gradient(
        self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float32]]]:
        """As `Model.loss_and_gradient`; targets are "yes" and "no"."""
        losses, flat = super().loss_and_gradient(stimuli, targets=targets)
        slopes = [(1 - np.tanh(x.clip.samples.astype(np.float64) / self.BEND) ** 2) / self.BEND for x in stimuli]
        return losses, [(g * slope).astype(np.float32) for g, slope in zip(flat, slopes, strict=True)]

    def score(self, stimuli: Sequence[Stimulus], texts: Sequence[str]) -> NDArray[np.float64]:
        """As `Model.score`; texts are "yes" and "no"."""
        if "scores" not in self.access:
            return super().score(stimuli, texts)
        margins = [
            self._sign(t) * (self.product(x.clip.samples) - self.threshold) for x, t in zip(stimuli, texts, strict=True)
        ]
        return -np.logaddexp(0.0, -np.array(margins, dtype=np.float64))


def toy_stimulus(*, seed: int = 0, n_samples: int = 1600, goal: bool = True, sample_rate: int = 16_000) -> Stimulus:
    """A stimulus of quiet 16-bit noise, with the goal that the answer be "yes"."""
    samples = 0.1 * np.random.default_rng(seed).standard_normal(n_samples).astype(np.float32)
    wanted = Goal(target="yes", reached=lambda text: text == "yes", description="an answer of yes") if goal else None
    clip = AudioClip(samples, sample_rate).quantised()
    return Stimulus(clips={"speech": clip}, prompt="Yes or no?", goal=wanted)
