"""Gradients of a loss for each example of a batch, and a check of whatever computes them.

DP-SGD clips the gradient of each example, so its guarantee holds for the gradients that were clipped. An engine that
leaves out a layer, or one of two uses of a layer, clips something else: training runs and learns, and the stated epsilon
is of another model. No engine is therefore taken at its word: `check_gradients` compares it with a plain loop over the
examples, on every parameter, before training begins.

Conventions
-----------
- ``losses(module, *inputs)`` gives one loss an example, shape (n,), and reaches parameters through calls of the module
  alone. Each input has the examples along its first axis.
- Gradients are a dictionary from the names of `torch.nn.Module.named_parameters` to tensors of shape
  (n, \\*shape of the parameter); parameters that need no gradient are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from earnest.errors import BadParameter, MissingExtra, WrongGradients

if TYPE_CHECKING:
    from torch import Tensor, nn

    Losses = Callable[..., Tensor]
    Gradients = dict[str, Tensor]
    Engine = Callable[[nn.Module, Losses, Sequence[Tensor]], Mapping[str, Tensor | None]]

TOLERANCE = 1e-3
"""Largest distance from the loop, relative to the length of the example's gradient, that rounding explains."""
N_NAMED = 6


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingExtra(
            'private training needs torch, which is not installed; install it with: pip install "earnest[torch]"'
        ) from error
    return torch


def _trained(module: nn.Module) -> dict[str, nn.Parameter]:
    parameters = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if not parameters:
        raise BadParameter(
            "the module must have a parameter that needs a gradient, and all are frozen; call requires_grad_() on those to train"
        )
    return parameters


def looped_gradients(module: nn.Module, losses: Losses, inputs: Sequence[Tensor]) -> Gradients:
    """Gradients by one backward pass an example: slow, and right by construction."""
    torch = _torch()
    parameters = _trained(module)
    rows = []
    for i in range(len(inputs[0])):
        (loss,) = losses(module, *(part[i : i + 1] for part in inputs))
        rows.append(torch.autograd.grad(loss, list(parameters.values()), allow_unused=True, materialize_grads=True))
    return {name: torch.stack(parts) for name, parts in zip(parameters, zip(*rows, strict=True), strict=True)}


def mapped_gradients(module: nn.Module, losses: Losses, inputs: Sequence[Tensor]) -> Gradients:
    """Gradients by one vectorised pass over the batch (`torch.func`); the module must draw nothing at random."""
    torch = _torch()
    parameters = {name: p.detach() for name, p in _trained(module).items()}

    def loss(parameters: Gradients, *example: Tensor) -> Tensor:
        def called(*arguments: Tensor, **options: Tensor) -> Any:
            return torch.func.functional_call(module, parameters, arguments, options)

        return losses(called, *(part[None] for part in example)).sum()

    in_dims = (None, *[0] * len(inputs))
    return torch.func.vmap(torch.func.grad(loss), in_dims=in_dims)(parameters, *inputs)


def distances(gradients: Mapping[str, Tensor | None], reference: Gradients) -> dict[str, float]:
    """How far gradients of each parameter lie from the reference: the worst example, relative to the length of its reference.

    A gradient that is missing counts as zero. An example whose reference is next to nothing beside the others' is
    measured against theirs.
    """
    torch = _torch()
    out = {}
    for name, wanted in reference.items():
        found = gradients.get(name)
        found = torch.zeros_like(wanted) if found is None else found
        if found.shape != wanted.shape:
            raise WrongGradients(
                f"gradients of {name} must have the shape {tuple(wanted.shape)}, one for each example, got {tuple(found.shape)}; "
                "the engine sums or averages over the batch"
            )
        lengths = wanted.flatten(1).norm(dim=1)
        floor = 1e-3 * float(lengths.max()) + torch.finfo(wanted.dtype).tiny
        out[name] = float(((found - wanted).flatten(1).norm(dim=1) / lengths.clamp(min=floor)).max())
    return out


def check_gradients(
    engine: Engine, module: nn.Module, losses: Losses, inputs: Sequence[Tensor], *, tolerance: float = TOLERANCE
) -> float:
    """Compare an engine with a plain loop on one batch, on every parameter; the largest distance found.

    Parameters
    ----------
    engine : callable
        ``engine(module, losses, inputs)`` gives gradients; `mapped_gradients` is one.
    module : torch.nn.Module
    losses : callable
    inputs : sequence of tensors
        A handful of examples that use every part of the module.
    tolerance : float

    Raises
    ------
    WrongGradients
        If a parameter's gradients differ by more than the tolerance; the message names those that are furthest off.
    """
    apart = distances(engine(module, losses, inputs), looped_gradients(module, losses, inputs))
    wrong = sorted(
        (name for name, distance in apart.items() if not distance <= tolerance), key=lambda name: -apart[name]
    )
    if wrong:
        named = ", ".join(f"{name} ({apart[name]:.1%} off)" for name in wrong[:N_NAMED])
        more = f" and {len(wrong) - N_NAMED} more" if len(wrong) > N_NAMED else ""
        raise WrongGradients(
            f"gradients of single examples must equal those of a plain loop to {tolerance:g}, but the engine's do not: {named}{more}; "
            "its privacy guarantee would not hold. Use parameters through layers that it carries (no tied weights outside their "
            "layer, no parameter of a module's own), or another engine"
        )
    return max(apart.values())
