"""Gradient inversion: the features of a clip out of the update that a client made from it.

The attacker knows the model before and after, and looks for features whose gradient points where the update does: the
cosine distance over all parameters as one vector, with a penalty on roughness [geiping2020-gradients].
The steps are Adam's on the features themselves, and the step size falls to a tenth at 3/8, 5/8 and 7/8 of the way, as in
the work's code. A clip whose text is known is the worst case for its speaker, and the default here; the distance does not
depend on the update's scale, so clipping alone hides nothing.

Success is a likeness to the true features that likeness to clips of others does not reach: a recovered clip has a
correlation above that of 95 % of them. Two clips are somewhat alike because speech is; a correlation without those of
others says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from earnest import registry
from earnest.errors import BadParameter

if TYPE_CHECKING:
    from torch import Tensor, nn

Floats = NDArray[np.float64]
Gradient = Mapping[str, NDArray[np.floating[Any]]]
"""Of parameters by name; those that the update does not hold are not used."""

LEVEL = 0.95
LEAST_OTHERS = 19
"""Fewer other clips cannot show a likeness that 95 % of them do not reach."""
_FALLS = (3 / 8, 5 / 8, 7 / 8)


@dataclass(frozen=True, kw_only=True)
class Inverted:
    """What the attacker ends with.

    Parameters
    ----------
    features : float32 array, shape (n_frames, n_mels)
    distance : float in [0, 2]
        Of the update and the gradient of these features: 0 where they point the same way, about 1 for unrelated ones.
    restart : int
        Which of the restarts had the smallest distance.
    """

    features: NDArray[np.float32]
    distance: float
    restart: int


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """How like the true features recovered ones are, beside clips that are not the clip.

    Parameters
    ----------
    correlation : float in [-1, 1]
        Pearson's, over all frames and bands.
    snr_db : float
        Power of the true features about their mean over that of the difference, after the best scale and offset, in dB.
    others : tuple of float
        The correlation of each of the other clips with the true features, over as many frames.
    """

    correlation: float
    snr_db: float
    others: tuple[float, ...]

    @property
    def threshold(self) -> float:
        """The correlation that 95 % of the others do not pass."""
        return float(np.quantile(self.others, LEVEL, method="higher"))

    @property
    def recovered(self) -> bool:
        """Whether the correlation is above the threshold."""
        return self.correlation > self.threshold

    def as_json(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return {
            "correlation": self.correlation,
            "snr_db": self.snr_db,
            "threshold": self.threshold,
            "mean_of_others": float(np.mean(self.others)),
            "n_others": len(self.others),
            "recovered": self.recovered,
        }


def inverted(
    module: nn.Module,
    loss: Callable[[nn.Module, Tensor], Tensor],
    update: Gradient,
    *,
    shape: tuple[int, int],
    n_steps: int = 400,
    step_size: float = 0.1,
    roughness: float = 1e-3,
    n_restarts: int = 1,
    seed: int = 0,
) -> Inverted:
    """The features whose gradient is most like an update.

    Parameters
    ----------
    module : torch.nn.Module
        The model before the update; left as it was.
    loss : callable
        The client's loss, from the module and features of shape (n_frames, n_mels); it must be differentiable twice.
    update : mapping of str to array
        The update divided by minus the learning rate, or what the server received in its place; any scale.
    shape : tuple of int
        Frames and bands; an attacker reads them from the length of the text, or tries several.
    n_steps, step_size : int and float
        Of Adam.
    roughness : float
        Weight of the mean absolute difference between neighbours in time and in frequency.
    n_restarts : int
        Beginnings from Gaussian noise; that with the smallest distance is kept.
    seed : int

    Raises
    ------
    BadParameter
        If a parameter is out of range, the update has none of the module's parameters, or is zero or not finite.
    """
    torch = registry.extra("torch", needed_by="gradient inversion")
    if min(*shape, n_steps, n_restarts) < 1 or not step_size > 0 or not roughness >= 0:
        raise BadParameter(
            f"shape, n_steps and n_restarts must be at least 1, step_size positive and roughness at least 0, got {shape}, "
            f"{n_steps}, {n_restarts}, {step_size}, {roughness}"
        )
    parameters = {name: one for name, one in module.named_parameters() if name in update}
    wanted = [torch.as_tensor(np.asarray(update[name], np.float32)) for name in parameters]
    length = sum(float(one.square().sum()) for one in wanted)
    if not 0 < length < float("inf"):
        raise BadParameter(
            f"an update must have parameters of the module and be finite and not zero, got {len(wanted)} of its parameters "
            f"and the squared length {length}"
        )
    needed = {name: one.requires_grad for name, one in parameters.items()}
    try:
        for one in parameters.values():
            one.requires_grad_(True)
        found = [
            _descended(
                torch,
                lambda x: _distance(torch, loss(module, x), list(parameters.values()), wanted),
                shape=shape,
                n_steps=n_steps,
                step_size=step_size,
                roughness=roughness,
                seed=seed + restart,
            )
            for restart in range(n_restarts)
        ]
    finally:
        for name, one in parameters.items():
            one.requires_grad_(needed[name])
    best = min(range(n_restarts), key=lambda place: found[place][1])
    return Inverted(features=found[best][0], distance=found[best][1], restart=best)


def _distance(torch: Any, value: Tensor, parameters: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """One minus the cosine of the gradient and the update, over all parameters as one vector."""
    made = torch.autograd.grad(value, parameters, create_graph=True, allow_unused=True)
    pairs = [(torch.zeros_like(one) if grad is None else grad, one) for grad, one in zip(made, wanted, strict=True)]
    product = sum((grad * one).sum() for grad, one in pairs)
    lengths = sum(grad.square().sum() for grad, _ in pairs) * sum(one.square().sum() for _, one in pairs)
    return 1 - product / (lengths + 1e-30).sqrt()


def _descended(
    torch: Any,
    distance: Callable[[Tensor], Tensor],
    *,
    shape: tuple[int, int],
    n_steps: int,
    step_size: float,
    roughness: float,
    seed: int,
) -> tuple[NDArray[np.float32], float]:
    """The features with the smallest distance on the way, and that distance."""
    begin = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    x = torch.tensor(begin, requires_grad=True)
    optimiser = torch.optim.Adam([x], lr=step_size)
    schedule = torch.optim.lr_scheduler.MultiStepLR(
        optimiser, milestones=[max(1, round(part * n_steps)) for part in _FALLS], gamma=0.1
    )
    best, least = begin, float("inf")
    for _ in range(n_steps):
        optimiser.zero_grad()
        away = distance(x)
        if float(away.detach()) < least:
            best, least = x.detach().numpy().copy(), float(away.detach())
        (grad,) = torch.autograd.grad(away + roughness * _roughness(x), [x])
        x.grad = grad
        optimiser.step()
        schedule.step()
    return best, least


def _roughness(x: Tensor) -> Tensor:
    """Mean absolute difference of neighbours; of one frame or one band, that of the other axis alone."""
    parts = [part.abs().mean() for part in (x[1:] - x[:-1], x[:, 1:] - x[:, :-1]) if part.numel()]
    return sum(parts) if parts else x.sum() * 0  # type: ignore[return-value]


def likeness(found: NDArray[Any], *, truth: NDArray[Any], others: Sequence[NDArray[Any]]) -> Likeness:
    """How like the true features recovered ones are, and how like them clips of others are.

    Parameters
    ----------
    found, truth : float array, shape (n_frames, n_mels)
    others : sequence of float array, shape (at least n_frames, n_mels)
        Features of at least 19 other clips, of which the first frames are taken.

    Raises
    ------
    BadParameter
        If shapes do not fit, there are too few others, or the truth does not vary.

    Examples
    --------
    >>> truth = np.array([[0.0, 1.0], [2.0, 3.0]])
    >>> others = [np.random.default_rng(seed).normal(size=(2, 2)) for seed in range(19)]
    >>> likeness(2 * truth + 5, truth=truth, others=others).correlation
    1.0
    """
    if found.shape != truth.shape or truth.ndim != 2 or np.ptp(truth) == 0:
        raise BadParameter(
            f"features must have the shape of the true ones, which vary, got {found.shape} and {truth.shape}"
        )
    if len(others) < LEAST_OTHERS or any(len(one) < len(truth) or one.shape[1:] != truth.shape[1:] for one in others):
        raise BadParameter(
            f"at least {LEAST_OTHERS} other clips of at least {len(truth)} frames and {truth.shape[1]} bands are needed, got "
            f"{len(others)} of {sorted({one.shape for one in others})[:3]}"
        )
    correlation = _correlation(found, truth)
    return Likeness(
        correlation=correlation,
        snr_db=float(-10 * np.log10(max(1e-12, 1 - correlation**2))),
        others=tuple(_correlation(one[: len(truth)], truth) for one in others),
    )


def _correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    a, b = (values.astype(np.float64).ravel() - values.mean(dtype=np.float64) for values in (one, other))
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(np.clip(round(float(a @ b) / scale, 12), -1, 1)) if scale > 0 else 0.0
