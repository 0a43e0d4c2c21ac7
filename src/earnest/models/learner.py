"""A network that is being trained: a copy of a model's, while the model itself and all who ask it keep what they have.

A `Learner` is what a training method needs of a model and no more: a module of torch, a loss of wished answers to
stimuli, states inside, and the model as it answers by now. Methods are written against these, and so against any model
that has one (`Model.learner`).
"""

from __future__ import annotations

import abc
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from earnest.errors import BadParameter
from earnest.models.edits import Edit

if TYPE_CHECKING:
    from torch import Tensor, nn

    from earnest.audio import Stimulus
    from earnest.models.access import Model

T = TypeVar("T")

Weights = Mapping[str, NDArray[np.float32]]
"""Parameters of a network by name."""


class Learner(abc.ABC):
    """A copy of a model's network, its parameters free to change."""

    model: Model
    """The network as it is by now: what it answers, and gradients to its clips."""

    @property
    @abc.abstractmethod
    def module(self) -> nn.Module:
        """The network."""

    @abc.abstractmethod
    def losses(self, stimuli: Sequence[Stimulus], answers: Sequence[str], *, heard: Sequence[str | None]) -> Tensor:
        """Cross-entropy of an answer to each stimulus in nats per token, float tensor, shape (n_stimuli,).

        Parameters
        ----------
        stimuli : sequence of Stimulus
        answers : sequence of str
            What the model is to answer, and then end.
        heard : sequence of str or None
            The words of each clip, which a model that writes a transcript before it answers is to write; None leaves
            the transcript to the model.
        """

    @abc.abstractmethod
    def states(self, stimuli: Sequence[Stimulus], *, site: str, heard: Sequence[str | None]) -> Tensor:
        """States at a site of the decoder where the answer's first token is decided, shape (n_stimuli, width)."""

    @abc.abstractmethod
    def logits(self, states: Tensor) -> Tensor:
        """Of states at the last site, the logits of the answer's first token, shape (n_stimuli, n_tokens)."""

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """The parameters as they are by now, copied."""
        return weights_of(self.module)


WARM_UP = 10
"""Steps of `train` in which the learning rate rises."""
MAX_LENGTH = 1.0
"""Longest gradient of `train`; a longer one is shortened to it."""


def train(
    module: nn.Module,
    loss: Callable[[T], Tensor],
    batches: Iterable[T],
    *,
    n_steps: int,
    learning_rate: float,
) -> list[float]:
    """Train a module, a step for each batch; the loss of each.

    AdamW without decay of weights; the learning rate rises over `WARM_UP` steps and falls to zero over the second half.
    Parameters that need no gradient stay as they are.

    Parameters
    ----------
    module : module of torch
        Whatever `loss` runs.
    loss : callable
        Of a batch, a scalar tensor that reaches the parameters.
    batches : iterable
        At least `n_steps` of them.
    """
    import torch

    parameters = [p for p in module.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=0.0, betas=(0.9, 0.98))
    losses = []
    for step, batch in zip(range(n_steps), batches, strict=False):
        optimiser.param_groups[0]["lr"] = learning_rate * min(1.0, (step + 1) / WARM_UP, 2 * (1 - step / n_steps))
        optimiser.zero_grad(set_to_none=True)
        value = loss(batch)
        value.backward()
        torch.nn.utils.clip_grad_norm_(parameters, MAX_LENGTH)
        optimiser.step()
        losses.append(float(value.detach()))
    return losses


def keeping(site: str, kept: list[Tensor]) -> Edit:
    """An edit that changes nothing and appends the states that it sees, row by row, as tensors that pass gradients."""

    def keep(rows: Tensor) -> Tensor:
        kept.append(rows)
        return rows

    return Edit(site=site, at="sep", change=keep, differentiable=True)


def weights_of(module: Any) -> dict[str, NDArray[np.float32]]:
    """The parameters of a module of torch by name, as float32 arrays of their own."""
    return {name: p.detach().float().cpu().numpy().copy() for name, p in module.named_parameters()}


def put_weights(module: Any, weights: Weights, *, name: str) -> None:
    """Put weights into a module of torch that belongs to a model called `name`.

    Raises
    ------
    BadParameter
        If a name is not there, or a shape or a number is none of the network's; nothing is changed then.
    """
    import torch

    own = dict(module.named_parameters())
    for key, array in weights.items():
        if key not in own:
            raise BadParameter(f"{name!r} has no parameter {key!r}; it has {len(own)}, {', '.join(list(own)[:3])}, ...")
        if tuple(array.shape) != tuple(own[key].shape) or not np.isfinite(array).all():
            raise BadParameter(
                f"weights {key!r} of {name!r} must be finite and of shape {tuple(own[key].shape)}, got "
                f"{'other numbers' if tuple(array.shape) == tuple(own[key].shape) else tuple(array.shape)}; "
                "take those that were fitted to this model"
            )
    with torch.no_grad():
        for key, array in weights.items():
            own[key].copy_(torch.from_numpy(np.array(array, np.float32)))


def weights_digest(weights: Weights) -> str:
    """SHA-256 (hex) of weights by name, shape and number."""
    digest = hashlib.sha256()
    for key in sorted(weights):
        array = np.ascontiguousarray(weights[key], dtype="<f4")
        digest.update(f"{key}{array.shape}".encode() + array.tobytes())
    return digest.hexdigest()
