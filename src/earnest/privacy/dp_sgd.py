"""DP-SGD [abadi2016-dpsgd]: training of any torch module so that no single example can be made out in the result.

In each step every example is drawn independently (Poisson sampling), the gradient of each drawn example is clipped, and
the sum of them gets Gaussian noise; an ordinary optimiser takes the noised mean. What the run gives away is accounted
for by `earnest.privacy.accounting` ("prv") or `earnest.privacy.renyi` ("rdp").

Conventions
-----------
- Neighbouring data sets differ by one example that is added or removed. If one person contributes several examples, the
  epsilon covers each example and not the person.
- The noised sum is divided by the *expected* number of drawn examples, which is public; the drawn number is not.
- Clipping ``per_layer`` gives each of L layers that hold parameters an equal bound of ``clip / sqrt(L)``, so that the
  whole gradient is still at most ``clip`` long [mcmahan2018-recurrent].
- Epsilon covers the gradients. What is chosen by looking at private data (a learning rate, a stopping step, a
  vocabulary) is not covered, and neither are losses that are printed on the way.
- Noise comes from torch's generator in floating point. It is not cryptographic, and attacks on the low bits of
  floating-point noise are not covered.

Examples
--------
>>> import torch
>>> from earnest.privacy.dp_sgd import DPSGD, train
>>> x = torch.randn(200, 3)
>>> module = torch.nn.Linear(3, 1)
>>> def losses(module, x, y):
...     return (module(x)[:, 0] - y).square()
>>> spent = train(
...     module, losses, torch.utils.data.TensorDataset(x, x.sum(1)), public=(torch.ones(2, 3), torch.zeros(2)),
...     how=DPSGD(epsilon=4.0, delta=1e-3, sampling_rate=0.1, n_steps=50),
...     optimiser=torch.optim.SGD(module.parameters(), lr=0.1),
... )
>>> spent.epsilon <= 4.0
True
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from earnest.errors import BadParameter, UnknownName, did_you_mean
from earnest.registry import extra

from .accounting import LEAST_DELTA, LEAST_NOISE, Accountant, epsilon_of, noise_for
from .per_example import check_gradients, engine_of, trained_parameters
from .renyi import renyi_epsilon_of

if TYPE_CHECKING:
    from torch import Tensor, nn, optim

    from .per_example import Losses

ACCOUNTANTS: dict[str, Accountant] = {"prv": epsilon_of, "rdp": renyi_epsilon_of}
"""Accounts of what a run gives away, by name; "rdp" is quicker and overstates it."""
CLIPPINGS = ("flat", "per_layer")


class Examples(Protocol):
    """Examples of a data set: a `torch.utils.data.TensorDataset` is one."""

    def __len__(self) -> int: ...

    def __getitem__(self, places: Tensor) -> Sequence[Tensor]:
        """Inputs of ``losses`` for the examples at places (int64, ascending), each with the examples along its first axis."""
        ...


@dataclass(frozen=True, kw_only=True)
class DPSGD:
    """How a module is trained privately; exactly one of `epsilon` and `noise_multiplier` is given.

    Attributes
    ----------
    epsilon : float or None
        What may be spent at most; the noise follows from it.
    noise_multiplier : float or None
        Standard deviation of the noise over `clip`. 0 adds no noise, and then epsilon is infinite.
    delta : float
        Probability, roughly, that epsilon does not hold; below one over the number of examples.
    sampling_rate : float
        Probability with which an example takes part in a step; above 0, below 1.
    n_steps : int
    clip : float
        Length to which the gradient of an example is cut; infinite for no clipping, which only goes with no noise.
    clipping : {"flat", "per_layer"}
        Whether the whole gradient is cut, or each layer's part of it.
    accountant : {"prv", "rdp"}
    engine : {"mapped", "looped", "opacus"}
        What computes the gradients of single examples.
    n_at_once : int
        Examples whose gradients are held in memory together.
    """

    delta: float
    sampling_rate: float
    n_steps: int
    epsilon: float | None = None
    noise_multiplier: float | None = None
    clip: float = 1.0
    clipping: str = "flat"
    accountant: str = "prv"
    engine: str = "mapped"
    n_at_once: int = 64

    def __post_init__(self) -> None:
        for name, known in (("clipping", CLIPPINGS), ("accountant", ACCOUNTANTS)):
            value = getattr(self, name)
            if value not in known:
                raise UnknownName(
                    f"{name} must be one of {', '.join(known)}, got {value!r}{did_you_mean(str(value), known)}"
                )
        engine_of(self.engine)
        if (self.epsilon is None) == (self.noise_multiplier is None):
            raise BadParameter(
                f"exactly one of epsilon and noise_multiplier must be given, got {self.epsilon} and {self.noise_multiplier}; "
                "the other follows from it"
            )
        if self.epsilon is not None and not 0 < self.epsilon < 100:
            raise BadParameter(
                f"epsilon must lie between 0 and 100, got {self.epsilon}; at 0 nothing could be learnt, and above some 10 "
                "it protects little (noise_multiplier=0 trains without privacy)"
            )
        if not LEAST_DELTA <= self.delta < 1:
            raise BadParameter(
                f"delta must be at least {LEAST_DELTA:g} and below 1, got {self.delta}; take less than one over the number of examples"
            )
        if not 0 < self.sampling_rate < 1:
            raise BadParameter(
                f"sampling_rate must lie between 0 and 1 (neither included), got {self.sampling_rate}; it is the expected batch over "
                "all examples, and only random batches amplify privacy"
            )
        if self.n_steps != int(self.n_steps) or self.n_steps < 1:
            raise BadParameter(f"n_steps must be a whole number of at least 1, got {self.n_steps}")
        if self.n_at_once != int(self.n_at_once) or self.n_at_once < 1:
            raise BadParameter(f"n_at_once must be a whole number of at least 1, got {self.n_at_once}")
        if not self.clip > 0:
            raise BadParameter(f"clip must be above 0, got {self.clip}; it is the length to which gradients are cut")
        noise = self.noise_multiplier
        if noise is not None and not (noise == 0 or LEAST_NOISE <= noise < math.inf):
            raise BadParameter(f"noise_multiplier must be 0 or at least {LEAST_NOISE}, got {noise}")
        if math.isinf(self.clip) and noise != 0:
            raise BadParameter(
                "an infinite clip must go with noise_multiplier=0, since the noise is a multiple of the clip; give a finite clip"
            )

    def noise(self) -> float:
        """The noise multiplier: the one given, or what `epsilon` needs."""
        if self.noise_multiplier is not None:
            return self.noise_multiplier
        assert self.epsilon is not None
        return noise_for(
            epsilon=self.epsilon,
            delta=self.delta,
            sampling_rate=self.sampling_rate,
            n_steps=self.n_steps,
            accountant=ACCOUNTANTS[self.accountant],
        )

    def spends(self, noise: float) -> float:
        """Epsilon of the whole run at a noise multiplier, rounded up to three places."""
        if noise == 0:
            return math.inf
        high = (
            ACCOUNTANTS[self.accountant](
                noise_multiplier=noise, sampling_rate=self.sampling_rate, n_steps=self.n_steps, delta=self.delta
            )
        ).high
        return math.ceil(1000 * high) / 1000 if math.isfinite(high) else high


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a private run gave away, and how it was made.

    Attributes
    ----------
    epsilon : float
        An upper bound, rounded up; infinite without noise.
    delta, noise_multiplier, sampling_rate, clip : float
    n_steps, n_examples, n_trained : int
        Steps; examples; trained numbers.
    clipping, accountant, engine, neighbours, sampling : str
    gradients_off_by_at_most : float
        Largest distance of the engine from a plain loop, on public examples, relative to the gradient's length.
    """

    epsilon: float
    delta: float
    noise_multiplier: float
    sampling_rate: float
    n_steps: int
    clip: float
    clipping: str
    accountant: str
    engine: str
    n_examples: int
    n_trained: int
    gradients_off_by_at_most: float
    neighbours: str = "one example more or less"
    sampling: str = "Poisson"

    def as_dict(self) -> dict[str, Any]:
        """For a manifest."""
        return asdict(self)


def train(
    module: nn.Module,
    losses: Losses,
    examples: Examples,
    *,
    how: DPSGD,
    optimiser: optim.Optimizer,
    public: Sequence[Tensor],
    seed: int | None = None,
    after_step: Callable[[int], object] | None = None,
) -> Spent:
    """Train a module by DP-SGD; what was spent.

    Parameters
    ----------
    module : torch.nn.Module
        Trained in place, in the mode that it is in.
    losses : callable
        ``losses(module, *inputs)`` gives one loss an example, shape (n,).
    examples : Examples
    how : DPSGD
    optimiser : torch.optim.Optimizer
        Over the module's parameters that need a gradient, all of them and nothing else.
    public : sequence of tensors
        Inputs of two or more examples that are *not* among the private ones: whether the check of gradients passes can be
        seen by all.
    seed : int or None
        Of drawing and noise. Who knows it can subtract the noise, so it is as secret as the data; None takes a fresh one.
    after_step : callable
        Called with the number of the step that was taken, from 0: for a schedule of learning rates, or progress.

    Raises
    ------
    WrongGradients
        Before the first step, if the engine does not give the gradients of a plain loop on every parameter, or a layer
        mixes examples.
    BadParameter
        If examples or parameters do not fit.

    References
    ----------
    [abadi2016-dpsgd]
    """
    torch = extra("torch", needed_by="private training")
    parameters = trained_parameters(module)
    _check_fit(parameters, optimiser, examples, how)
    engine = engine_of(how.engine)
    worst = check_gradients(engine, module, losses, public)
    noise = how.noise()
    layers = layers_of(list(parameters)) if how.clipping == "per_layer" else [list(parameters)]
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed)
    for step in range(how.n_steps):
        drawn = (torch.rand(len(examples), generator=generator) < how.sampling_rate).nonzero()[:, 0]
        sums = {name: torch.zeros_like(p) for name, p in parameters.items()}
        for places in drawn.split(how.n_at_once) if len(drawn) else ():
            add_clipped(sums, engine(module, losses, examples[places]), layers, clip=how.clip)
        for name, p in parameters.items():
            if noise:
                sums[name] += noise * how.clip * torch.randn(p.shape, generator=generator).to(p)
            p.grad = sums[name] / (how.sampling_rate * len(examples))
        optimiser.step()
        if after_step:
            after_step(step)
    optimiser.zero_grad(set_to_none=True)
    return Spent(
        epsilon=how.spends(noise),
        delta=how.delta,
        noise_multiplier=noise,
        sampling_rate=how.sampling_rate,
        n_steps=how.n_steps,
        clip=how.clip,
        clipping=how.clipping,
        accountant=how.accountant,
        engine=how.engine,
        n_examples=len(examples),
        n_trained=sum(p.numel() for p in parameters.values()),
        gradients_off_by_at_most=float(f"{worst:.1e}"),
    )


def add_clipped(
    sums: Mapping[str, Tensor], gradients: Mapping[str, Tensor | None], layers: Sequence[Sequence[str]], *, clip: float
) -> None:
    """Add gradients of examples to sums, each layer's part cut to ``clip / sqrt(number of layers)``.

    What is not finite in a gradient counts as zero: it could be cut to no length.

    Parameters
    ----------
    sums : dict of tensors
        Changed.
    gradients : dict of tensors
        Each with the examples along its first axis; one that is missing is zero.
    layers : sequence of sequences of str
        Names of parameters that are cut together; one layer of all names is flat clipping.
    clip : float
    """
    torch = extra("torch", needed_by="private training")
    for names in layers:
        given = {name: gradients.get(name) for name in names}
        parts = {name: part.detach().nan_to_num(0.0, 0.0, 0.0) for name, part in given.items() if part is not None}
        if not parts:
            continue
        lengths = torch.stack([part.flatten(1).norm(dim=1) for part in parts.values()]).norm(dim=0)
        tiny = torch.finfo(lengths.dtype).tiny
        scale = (clip / math.sqrt(len(layers)) / lengths.clamp(min=tiny)).clamp(max=1.0)
        for name, part in parts.items():
            sums[name].add_(torch.tensordot(scale, part, dims=1))


def layers_of(names: Sequence[str]) -> list[list[str]]:
    """Names of parameters by the layer that holds them.

    >>> layers_of(["a.weight", "a.bias", "b.inner.weight", "scale"])
    [['a.weight', 'a.bias'], ['b.inner.weight'], ['scale']]
    """
    out: dict[str, list[str]] = {}
    for name in names:
        out.setdefault(name.rpartition(".")[0], []).append(name)
    return list(out.values())


def _check_fit(
    parameters: Mapping[str, nn.Parameter], optimiser: optim.Optimizer, examples: Examples, how: DPSGD
) -> None:
    held = {id(p) for group in optimiser.param_groups for p in group["params"] if p.requires_grad}
    missing = [name for name, p in parameters.items() if id(p) not in held]
    if missing or len(held) != len(parameters):
        raise BadParameter(
            f"the optimiser must hold the module's {len(parameters)} parameters that need a gradient and no others, but it holds "
            f"{len(held)}{f' and lacks {missing[0]}' if missing else ''}; make it from those that need a gradient"
        )
    if len(examples) < 2:
        raise BadParameter(f"there must be at least 2 examples, got {len(examples)}")
    if how.delta * len(examples) >= 1:
        raise BadParameter(
            f"delta must be below one over the number of examples ({1 / len(examples):g}), got {how.delta}; at a larger delta a run "
            "that publishes a random example would count as private"
        )
