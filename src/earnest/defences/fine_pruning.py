"""Fine-pruning: channels that clean data leaves asleep are cut, and what is left is trained on clean data."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from earnest.defences._base import defences
from earnest.defences._training import Lesson, TrainedDefence, check_counts, fine_tuned, mean_loss, share_right, some
from earnest.errors import BadParameter

if TYPE_CHECKING:
    from torch import Tensor, nn

    from earnest.models.learner import Learner

N_STAGES = 10
"""In so many equal stages channels are cut; after each the model is asked again."""
N_ASKED = 48
"""Clean rows that it is asked then."""


@defences.register("fine_pruning")
@dataclass(frozen=True, kw_only=True)
class FinePruning(TrainedDefence):
    """Weights after the channels with the least mean activation on clean rows are cut, and the rest was trained.

    Channels are cut in stages, the sleepiest first, up to the share `most` of each layer; the last stage after which
    the model still answers as many clean rows rightly, but for `max_drop`, is taken. What is cut stays cut in training.

    Parameters
    ----------
    layers : str
        End of the names of the layers whose channels are cut; a rectifier must follow them.
    most : float in (0, 1)
        Largest share of a layer's channels that is cut.
    max_drop : float in [0, 1]
        By how much the share of clean rows that are answered rightly may fall before training.
    n_rows : int
        Clean rows of the fit by which channels are ranked, and that are trained on, drawn.
    steps, batch_size : int
        Of the training.
    learning_rate : float

    Notes
    -----
    The order of [liu2018-finepruning]: rank by mean activation, cut until clean accuracy gives way, train. The work cuts
    the last convolution of an image classifier; here it is the wide layer of every perceptron block.
    """

    source: ClassVar[str] = "liu2018-finepruning"

    layers: str = "inner.up"
    most: float = 0.6
    max_drop: float = 0.04
    n_rows: int = 128
    steps: int = 40
    batch_size: int = 16
    learning_rate: float = 1e-4

    def __post_init__(self) -> None:
        check_counts(self, n_rows=2, steps=0, batch_size=1, learning_rate=0.0)
        if not 0 < self.most < 1 or not 0 <= self.max_drop <= 1:
            raise BadParameter(
                f"most and max_drop of fine_pruning must be shares, the first between 0 and 1, got {self.most!r} and "
                f"{self.max_drop!r}"
            )

    def trained(self, learner: Learner, lessons: Sequence[Lesson], rng: np.random.Generator) -> Mapping[str, Any]:
        """The weights after pruning and training."""
        import torch

        clean, before = some(lessons, self.n_rows, rng), learner.weights()
        layers = {name: layer for name, layer in learner.module.named_modules() if name.endswith(self.layers)}
        if not self.layers or not layers:
            raise BadParameter(
                f"layers of fine_pruning must be the end of the names of some layers, got {self.layers!r}; the model has "
                f"{', '.join([name for name, _ in learner.module.named_modules() if name][-3:])}, for example"
            )

        def run() -> None:
            for lesson in clean:  # one by one, so that no padding counts as silence
                mean_loss(learner, [lesson])

        with torch.no_grad():
            activity = mean_activity(layers, run)
        asked = clean[:N_ASKED]
        least = share_right(learner, asked) - self.max_drop
        kept = learner.weights()
        for stage in range(1, N_STAGES + 1):
            cut(layers, dormant(activity, share=self.most * stage / N_STAGES))
            if share_right(learner, asked) < least:
                break
            kept = learner.weights()
        restore(learner.module, kept)
        with only_alive(layers):
            return fine_tuned(learner, clean, self, before=before, rng=rng)


def mean_activity(layers: Mapping[str, nn.Module], run: Callable[[], None]) -> dict[str, np.ndarray]:
    """Of each layer the mean over all that `run` shows it of what its channels send through a rectifier.

    Returns
    -------
    dict of float64 array, shape (n_channels,)
        Channels are along the last axis of what a linear layer gives, along the second of a convolution.
    """
    sums: dict[str, Any] = {}
    counts: dict[str, int] = {}

    def hook(name: str) -> Callable[..., None]:
        def count(layer: nn.Module, _inputs: Any, output: Tensor) -> None:
            rows = output.movedim(1, -1) if "Conv" in type(layer).__name__ else output
            rows = rows.detach().double().clamp(min=0).reshape(-1, rows.shape[-1])
            sums[name] = sums.get(name, 0.0) + rows.sum(dim=0)
            counts[name] = counts.get(name, 0) + len(rows)

        return count

    handles = [layer.register_forward_hook(hook(name)) for name, layer in layers.items()]
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
    return {name: (total / counts[name]).numpy() for name, total in sums.items()}


def dormant(activity: Mapping[str, np.ndarray], *, share: float) -> dict[str, np.ndarray]:
    """Of each layer the channels with the least mean activity, a share of them, the sleepiest first."""
    return {
        name: np.argsort(values, kind="stable")[: int(share * len(values) + 1e-9)] for name, values in activity.items()
    }


def cut(layers: Mapping[str, nn.Module], channels: Mapping[str, np.ndarray]) -> None:
    """Set weights and offsets of channels to zero, so that they send nothing."""
    import torch

    with torch.no_grad():
        for name, places in channels.items():
            for parameter in layers[name].parameters():
                parameter[torch.from_numpy(np.array(places, np.int64))] = 0.0


def restore(module: nn.Module, weights: Mapping[str, np.ndarray]) -> None:
    """Put weights back."""
    import torch

    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(torch.from_numpy(weights[name]))


@contextlib.contextmanager
def only_alive(layers: Mapping[str, nn.Module]) -> Iterator[None]:
    """Within it, channels whose weights are all zero get no gradient, and so stay cut."""
    handles = []
    for layer in layers.values():
        alive = (layer.weight.detach().flatten(1) != 0).any(dim=1)
        for parameter in layer.parameters():
            mask = alive.to(parameter.dtype).reshape(-1, *[1] * (parameter.dim() - 1))
            handles.append(parameter.register_hook(lambda gradient, mask=mask: gradient * mask))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
