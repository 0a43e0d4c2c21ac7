"""Training through a model on recordings and their answers: for shadows of an attack, and for unlearning.

`Model.learner` gives a copy of the network, so that the model that is given, and all who ask it, keep what they have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earnest.errors import BadParameter
from earnest.models.access import Model
from earnest.models.learner import Learner, train
from earnest.privacy.items import AuditItem

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a model is trained on.

    Parameters
    ----------
    steps, batch_size : int
    learning_rate : float
        It rises over ten steps and falls to zero over the second half.
    layers : tuple of str
        Beginnings of the names of parameters that are trained; an empty one is that of all.
    """

    steps: int = 120
    batch_size: int = 16
    learning_rate: float = 1e-3
    layers: tuple[str, ...] = ("",)

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch_size < 1 or not self.learning_rate > 0:
            raise BadParameter(
                f"training needs at least one step and one item a step and a learning rate above 0, got {self.steps}, "
                f"{self.batch_size} and {self.learning_rate}"
            )


def losses_of(learner: Learner, items: Sequence[AuditItem]) -> Tensor:
    """The loss of each item, shape (n_items,): the transcript, where a text is known, and the answer."""
    return learner.losses(
        [item.stimulus() for item in items],
        [item.answer for item in items],
        heard=[item.entry.text or None for item in items],
    )


def choose(learner: Learner, layers: Sequence[str]) -> None:
    """Let the named parameters alone change.

    Raises
    ------
    BadParameter
        If no name begins so.
    """
    names = [name for name, _ in learner.module.named_parameters()]
    for name, parameter in learner.module.named_parameters():
        parameter.requires_grad_(name.startswith(tuple(layers)))
    if not any(name.startswith(tuple(layers)) for name in names):
        first = sorted({name.partition(".")[0] for name in names})
        raise BadParameter(
            f"layers must begin the names of some parameters, got {', '.join(layers)!r}; they begin with {', '.join(first)}"
        )


def batches(items: Sequence[AuditItem], n: int, rng: np.random.Generator) -> Iterator[list[AuditItem]]:
    """Batches without end: every item once before any comes again."""
    order: list[int] = []
    while True:
        while len(order) < n:
            order += rng.permutation(len(items)).tolist()
        yield [items[k] for k in order[:n]]
        order = order[n:]


def trained_on(before: Model, items: Sequence[AuditItem], training: Training, rng: np.random.Generator) -> Model:
    """The model after training on items, on a network of its own; `before` stays as it is.

    Raises
    ------
    BadParameter
        If there are no items.
    AccessDenied
        If the model's network is out of reach.
    """
    if not items:
        raise BadParameter("training needs items, got none; give the recordings to be trained on")
    learner = before.learner()
    choose(learner, training.layers)
    train(
        learner.module,
        lambda batch: losses_of(learner, batch).mean(),
        batches(items, min(training.batch_size, len(items)), rng),
        n_steps=training.steps,
        learning_rate=training.learning_rate,
    )
    return before.with_weights(learner.weights())
