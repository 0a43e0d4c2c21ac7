"""Gradients of a loss for each example of a batch, and a check of whatever computes them.

DP-SGD clips the gradient of each example, so its guarantee holds for the gradients that were clipped. An engine that
leaves out a layer, or one of two uses of a layer, clips something else: training runs and learns, and the stated epsilon
is of another model. No engine is therefore taken at its word: `check_gradients` compares it with a plain loop over the
examples, on every parameter, before training begins. It also refuses what no gradient of a single example can cover:
layers that mix the examples of a batch, and buffers that remember examples.

Conventions
-----------
- ``losses(module, *inputs)`` gives one loss an example, shape (n,), and reaches parameters through calls of the module
  alone. Each input has the examples along its first axis.
- Gradients are a dictionary from the names of `torch.nn.Module.named_parameters` to tensors of shape
  (n, \\*shape of the parameter); parameters that need no gradient are left out.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from earnest.errors import BadParameter, EarnestError, UnknownName, WrongGradients, did_you_mean
from earnest.registry import extra

if TYPE_CHECKING:
    from torch import Tensor, nn

    Losses = Callable[..., Tensor]
    Gradients = dict[str, Tensor]
    Engine = Callable[[nn.Module, Losses, Sequence[Tensor]], Mapping[str, Tensor | None]]

TOLERANCE = 1e-3
"""Largest distance from the loop, relative to the length of the example's gradient, that rounding explains."""
N_NAMED = 6


def _torch() -> Any:
    return extra("torch", needed_by="private training")


def trained_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters that need a gradient, by name; one that is used under two names has the first."""
    parameters = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if not parameters:
        raise BadParameter(
            "the module must have a parameter that needs a gradient, and all are frozen; call requires_grad_() on those to train"
        )
    return parameters


def looped_gradients(module: nn.Module, losses: Losses, inputs: Sequence[Tensor]) -> Gradients:
    """Gradients by one backward pass an example: slow, and right by construction."""
    torch = _torch()
    parameters = trained_parameters(module)
    rows = []
    for i in range(len(inputs[0])):
        (loss,) = losses(module, *(part[i : i + 1] for part in inputs))
        rows.append(torch.autograd.grad(loss, list(parameters.values()), allow_unused=True, materialize_grads=True))
    return {name: torch.stack(parts) for name, parts in zip(parameters, zip(*rows, strict=True), strict=True)}


def mapped_gradients(module: nn.Module, losses: Losses, inputs: Sequence[Tensor]) -> Gradients:
    """Gradients by one vectorised pass over the batch (`torch.func`): every layer that torch can vectorise, and tied weights."""
    torch = _torch()
    parameters = {name: p.detach() for name, p in trained_parameters(module).items()}

    def loss(parameters: Gradients, *example: Tensor) -> Tensor:
        def called(*arguments: Tensor, **options: Tensor) -> Any:
            return torch.func.functional_call(module, parameters, arguments, options)

        return losses(called, *(part[None] for part in example)).sum()

    in_dims = (None, *[0] * len(inputs))
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):  # the one that can be vectorised
        return torch.func.vmap(torch.func.grad(loss), in_dims=in_dims, randomness="different")(parameters, *inputs)


def opacus_gradients(module: nn.Module, losses: Losses, inputs: Sequence[Tensor]) -> Gradients:
    """Gradients by the hooks of opacus, which is quickest on wide linear layers; it sees parameters inside their layers alone.

    The module is in training mode meanwhile, as the hooks demand; dropout is not switched on by that.
    """
    opacus = extra("opacus", needed_by="the engine 'opacus'")
    parameters = trained_parameters(module)
    before = {name: p.grad for name, p in parameters.items()}
    with _training_but_for_dropout(module), warnings.catch_warnings():
        # torch's note that the first layer's input needs no gradient, which is so in all training
        warnings.filterwarnings("ignore", message="Full backward hook is firing")
        wrapped = opacus.GradSampleModule(module, loss_reduction="sum", strict=True)
        try:
            for p in parameters.values():
                p.grad = None
            losses(wrapped, *inputs).sum().backward()
            found = {name: getattr(p, "grad_sample", None) for name, p in parameters.items()}
        finally:
            wrapped.to_standard_module()
            for name, p in parameters.items():
                p.grad = before[name]
    return {name: gradient for name, gradient in found.items() if gradient is not None}


@contextmanager
def _training_but_for_dropout(module: nn.Module) -> Iterator[None]:
    modes = [(part, part.training) for part in module.modules()]
    try:
        for part, training in modes:
            part.training = training or not _draws(part)
        yield
    finally:
        for part, training in modes:
            part.training = training


def _draws(part: nn.Module) -> bool:
    return isinstance(part, _torch().nn.modules.dropout._DropoutNd)


ENGINES: dict[str, Engine] = {"mapped": mapped_gradients, "looped": looped_gradients, "opacus": opacus_gradients}
"""What computes gradients of single examples, by name."""


def engine_of(name: str) -> Engine:
    """The engine of that name."""
    if name not in ENGINES:
        raise UnknownName(
            f"no engine of gradients is called {name!r}{did_you_mean(name, ENGINES)}; there are {', '.join(ENGINES)}"
        )
    return ENGINES[name]


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
        If a parameter's gradients differ by more than the tolerance, with the names of those that are furthest off; if a
        layer mixes examples, or keeps something of them in a buffer.
    BadParameter
        If the losses are not one number an example.

    Notes
    -----
    Losses and gradients are compared in evaluation mode, in which dropout does not draw; engines that work in training mode
    alone are compared in that.
    """
    _check_mode(module, losses, inputs)
    with _at_rest(module):
        _check_losses(module, losses, inputs)
        try:
            gradients = engine(module, losses, inputs)
        except EarnestError:
            raise
        except (RuntimeError, TypeError, ValueError, AttributeError) as error:
            raise WrongGradients(
                f"the engine must carry every layer of the module, but it fails on it: {type(error).__name__}: {str(error)[:300]}; "
                "take another engine ('looped' carries all)"
            ) from error
        apart = distances(gradients, looped_gradients(module, losses, inputs))
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


@contextmanager
def _at_rest(module: nn.Module) -> Iterator[None]:
    """All parts are in evaluation mode inside, so that dropout does not draw: gradients of random losses cannot be compared."""
    modes = [(part, part.training) for part in module.modules()]
    try:
        module.eval()
        yield
    finally:
        for part, training in modes:
            part.training = training


def _check_mode(module: nn.Module, losses: Losses, inputs: Sequence[Tensor]) -> None:
    """In the mode in which it will be trained, the module must not normalise over the batch, nor remember examples."""
    torch = _torch()
    mixing = [
        name
        for name, part in module.named_modules()
        if part.training and isinstance(part, torch.nn.modules.batchnorm._BatchNorm)
    ]
    if mixing:
        raise WrongGradients(
            f"every layer must treat the examples of a batch one by one, but {', '.join(mixing[:N_NAMED])} normalises over the "
            "batch; put GroupNorm or LayerNorm in its place, or freeze its statistics with eval()"
        )
    before = {name: value.clone() for name, value in module.named_buffers()}
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        losses(module, *inputs)
    remembered = [name for name, value in module.named_buffers() if not torch.equal(value, before[name])]
    if remembered:
        for name, value in module.named_buffers():
            value.copy_(before[name])
        raise WrongGradients(
            f"the buffers {', '.join(remembered[:N_NAMED])} change with the examples that are seen, and no noise covers that; "
            "freeze them with eval(), or take a layer without them"
        )


def _check_losses(module: nn.Module, losses: Losses, inputs: Sequence[Tensor]) -> None:
    """Every example must have a loss of its own, whatever else is in the batch."""
    torch = _torch()
    n = len(inputs[0])
    with torch.no_grad():
        together, again = losses(module, *inputs), losses(module, *inputs)
        if together.shape != (n,) or not bool(together.isfinite().all()):
            raise BadParameter(
                f"losses must give one finite number for each of the {n} examples, got shape {tuple(together.shape)}"
                f"{'' if together.isfinite().all() else ' with values that are not finite'}; "
                "do not sum or average over the batch"
            )
        single = torch.cat([losses(module, *(part[i : i + 1] for part in inputs)) for i in range(n)])
    scale = float(together.abs().max()) + torch.finfo(together.dtype).tiny
    if float((together - again).abs().max()) > TOLERANCE * scale:
        raise WrongGradients(
            "the losses must be the same in two passes in evaluation mode, but something draws at random there too, so that gradients "
            "cannot be checked; let it draw in training mode alone"
        )
    if float((together - single).abs().max()) > TOLERANCE * scale:
        raise WrongGradients(
            "the loss of an example must not depend on the others in its batch, but it does; look for means over the first axis"
        )
