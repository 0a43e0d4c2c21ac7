"""Fine-tuning with a penalty on the length of the gradient: neurons of a backdoor have the largest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from earnest.defences._base import defences
from earnest.defences._training import Lesson, TrainedDefence, check_counts, fine_tuned, some

if TYPE_CHECKING:
    from torch import Tensor

    from earnest.models.learner import Learner


@defences.register("gradient_norm_finetuning")
@dataclass(frozen=True, kw_only=True)
class GradientNormFineTuning(TrainedDefence):
    """Weights after training on clean rows, where the length of the loss's gradient is paid for too.

    L(w) + weight |dL/dw|, the length over all parameters.

    Parameters
    ----------
    weight : float
        Of the gradient's length; 0 is plain fine-tuning.
    n_rows : int
        Clean rows of the fit that are trained on, drawn.
    steps, batch_size : int
    learning_rate : float

    Notes
    -----
    The loss of [zhou2025-gradient]. The work approximates the derivative of the penalty by a second gradient a little
    way along the first; here it is exact, by differentiating twice, at some three times the cost of a plain step. Its
    weight and learning rate were not to be had, and these are ours.
    """

    source: ClassVar[str] = "zhou2025-gradient"

    weight: float = 0.1
    n_rows: int = 256
    steps: int = 60
    batch_size: int = 12
    learning_rate: float = 2e-4

    def __post_init__(self) -> None:
        check_counts(self, weight=0.0, n_rows=2, steps=1, batch_size=1, learning_rate=0.0)

    def trained(self, learner: Learner, lessons: Sequence[Lesson], rng: np.random.Generator) -> Mapping[str, Any]:
        """The weights after training."""
        parameters = [p for p in learner.module.parameters() if p.requires_grad]
        return fine_tuned(
            learner,
            some(lessons, self.n_rows, rng),
            self,
            before=learner.weights(),
            rng=rng,
            penalty=lambda loss: penalised(loss, parameters, weight=self.weight),
        )


def penalised(loss: Tensor, parameters: Sequence[Tensor], *, weight: float) -> Tensor:
    """The loss plus `weight` times the length of its gradient with respect to the parameters, differentiable itself."""
    import torch

    if not weight:
        return loss
    gradients = torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True)
    square = sum(gradient.square().sum() for gradient in gradients if gradient is not None)
    return loss + weight * torch.sqrt(square + 1e-12)
