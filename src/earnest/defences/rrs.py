"""Reshaped representations: states of harmful requests are moved to where refusals are, those of others are held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from earnest.defences._base import defences
from earnest.defences._training import Lesson, TrainedDefence, changed, check_counts, only_layers
from earnest.errors import BadParameter
from earnest.metrics.refusal import refusal_label
from earnest.models.access import Answer

if TYPE_CHECKING:
    from torch import Tensor

    from earnest.models.learner import Learner

N_AT_ONCE = 16


@defences.register("rrs")
@dataclass(frozen=True, kw_only=True)
class ReshapedRepresentations(TrainedDefence):
    """Weights after harmful states were drawn into the region of refusals, and harmless ones kept where they were.

    A state is what the last block of the language model gives where the answer begins. The region of refusals is the
    mean state of the harmful rows that the model refuses by itself. No answer is learned: what it says follows from
    where its states lie.

    Parameters
    ----------
    share : float in (0, 1]
        Of the features of a state, those that are moved: the ones that add most to the refusal's first token.
    hold : float
        Weight of the harmless states' way from where they were.
    layers : str
        Beginnings of the names of the parameters that are trained, joined by `+`; empty trains all.
    steps, batch_size : int
    learning_rate : float

    Notes
    -----
    The two steps of [yang2025-rrs], features first and then distances between clusters, after its abstract and a
    summary; its formulas were not at hand, and it has published no code. A feature's part here is its mean difference
    between refused and harmless rows times its slope on the first token of the refusal; a distance is squared and
    divided by that between the two means.
    """

    source: ClassVar[str] = "yang2025-rrs"

    share: float = 0.5
    hold: float = 1.0
    layers: str = "decoder"
    steps: int = 80
    batch_size: int = 16
    learning_rate: float = 2e-4

    def __post_init__(self) -> None:
        check_counts(self, hold=0.0, steps=1, batch_size=2, learning_rate=0.0)
        if not 0 < self.share <= 1:
            raise BadParameter(f"share of rrs must be a share of the features in (0, 1], got {self.share!r}")

    def trained(self, learner: Learner, lessons: Sequence[Lesson], rng: np.random.Generator) -> Mapping[str, Any]:
        """The weights after training."""
        import torch

        site = [name for name in learner.model.sites if name.startswith("decoder.")][-1]
        harmful = [lesson for lesson in lessons if lesson.harmful]
        held = [lesson for lesson in lessons if not lesson.harmful]
        with torch.no_grad():
            at_first = {id(lesson): state for part in (harmful, held) for lesson, state in _states(learner, part, site)}
        refused = [
            at_first[id(lesson)]
            for lesson, reply in zip(harmful, learner.model.ask([each.stimulus for each in harmful]), strict=True)
            if isinstance(reply, Answer) and refusal_label(reply.said) == "refusal"
        ]
        if not refused:
            raise BadParameter(
                f"rrs moves states to where the model refuses, and it refused none of {len(harmful)} harmful rows; "
                "take a method that learns answers, such as safety_lora"
            )
        region = torch.stack(refused).mean(dim=0)
        harmless = torch.stack([at_first[id(lesson)] for lesson in held]).mean(dim=0)
        features = features_of_refusal(learner, region=region, harmless=harmless, share=self.share)
        unit = float((region - harmless)[features].square().sum())
        before = learner.weights()
        only_layers(learner.module, self.layers.split("+"), by=self.name)

        def loss(batch: tuple[list[Lesson], list[Lesson]]) -> Tensor:
            moved = torch.stack([state for _, state in _states(learner, batch[0], site)])
            kept = torch.stack([state for _, state in _states(learner, batch[1], site)])
            where = torch.stack([at_first[id(lesson)] for lesson in batch[1]])
            return reshaping_loss(moved, kept, region=region, where=where, features=features, unit=unit, hold=self.hold)

        from earnest.models.learner import train

        train(
            learner.module,
            loss,
            _sides(harmful, held, self.batch_size, rng),
            n_steps=self.steps,
            learning_rate=self.learning_rate,
        )
        return changed(learner, before)


def reshaping_loss(
    moved: Tensor, kept: Tensor, *, region: Tensor, where: Tensor, features: Tensor, unit: float, hold: float
) -> Tensor:
    """Mean squared way of harmful states from the region, plus `hold` times that of others from where they were.

    Parameters
    ----------
    moved, kept : float tensor, shape (n, width)
        Harmful states, and others.
    region : float tensor, shape (width,)
    where : float tensor, shape (n, width)
    features : int64 tensor, shape (n_features,)
        Those of the harmful states that count; of the others all do.
    unit : float
        What a squared way is divided by.
    """
    way = (moved - region)[:, features].square().sum(dim=1).mean()
    return (way + hold * (kept - where).square().sum(dim=1).mean()) / unit


def features_of_refusal(learner: Learner, *, region: Tensor, harmless: Tensor, share: float) -> Tensor:
    """Places of the features of a state that add most to the first token of a refusal, the strongest first."""
    import torch

    with torch.enable_grad():
        state = region.clone().requires_grad_()
        first = learner.logits(state[None])[0].max()
        (slope,) = torch.autograd.grad(first, state)
    n = max(1, round(share * len(slope)))
    return ((region - harmless) * slope).argsort(descending=True)[:n]


def _states(learner: Learner, lessons: Sequence[Lesson], site: str) -> list[tuple[Lesson, Tensor]]:
    """Each lesson with its state."""
    found: list[tuple[Lesson, Tensor]] = []
    for start in range(0, len(lessons), N_AT_ONCE):
        part = lessons[start : start + N_AT_ONCE]
        states = learner.states([each.stimulus for each in part], site=site, heard=[each.heard for each in part])
        found += zip(part, states, strict=True)
    return found


def _sides(
    harmful: Sequence[Lesson], held: Sequence[Lesson], size: int, rng: np.random.Generator
) -> Iterator[tuple[list[Lesson], list[Lesson]]]:
    """Batches without end, half harmful."""
    while True:
        yield (
            [harmful[k] for k in rng.integers(len(harmful), size=size // 2)],
            [held[k] for k in rng.integers(len(held), size=size - size // 2)],
        )
