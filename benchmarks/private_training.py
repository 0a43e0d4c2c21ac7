"""What a step of DP-SGD costs: our engines, and opacus with its own optimiser, on the same batches in one process.

    python benchmarks/private_training.py             # needs earnest[dp]
    python benchmarks/private_training.py --json      # figures for a machine

The module is a decoder block of the reference model's size (0.6 million parameters) with its norm; a batch has 48 examples
of 38 places. A step is: gradients of single examples, clipping, noise, Adam. Milliseconds are CPU time on one thread, the
median over rounds, in turns; a ratio above 1 means that opacus takes longer.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable

import torch
from torch import nn

from earnest.models.reference.network import FORBIDDEN, DecoderBlock, Shape
from earnest.privacy.dp_sgd import add_clipped
from earnest.privacy.per_example import ENGINES, trained_parameters

CLIP, NOISE = 1.0, 1.1
TARGET = 1.0
"""How many times as fast as opacus we want to be."""


class Top(nn.Module):
    """A block and its norm; each example's loss is a mean square."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.block, self.norm = DecoderBlock(shape), nn.LayerNorm(shape.decoder_width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.norm(self.block(x, mask, 0.0))


def losses(module: nn.Module, x: torch.Tensor, mask: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (module(x, mask) - y).square().mean(dim=(1, 2))


def ours(name: str, module: nn.Module) -> Callable[[tuple], None]:
    engine, parameters = ENGINES[name], trained_parameters(module)
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-3)

    def step(batch: tuple) -> None:
        sums = {key: torch.zeros_like(p) for key, p in parameters.items()}
        add_clipped(sums, engine(module, losses, batch), [list(parameters)], clip=CLIP)
        for key, p in parameters.items():
            p.grad = (sums[key] + NOISE * CLIP * torch.randn(p.shape)) / len(batch[0])
        optimiser.step()

    return step


def theirs(module: nn.Module, n: int) -> Callable[[tuple], None]:
    import opacus
    from opacus.optimizers import DPOptimizer

    wrapped = opacus.GradSampleModule(module.train(), loss_reduction="sum")
    optimiser = DPOptimizer(
        torch.optim.Adam(wrapped.parameters(), lr=1e-3),
        noise_multiplier=NOISE,
        max_grad_norm=CLIP,
        expected_batch_size=n,
        loss_reduction="mean",
    )

    def step(batch: tuple) -> None:
        optimiser.zero_grad()
        losses(wrapped, *batch).sum().backward()
        optimiser.step()

    return step


def measured(*, n: int, n_places: int, n_rounds: int) -> dict:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    shape = Shape(n_tokens=1)
    start = Top(shape).state_dict()

    def module() -> Top:
        made = Top(shape)
        made.load_state_dict(start)
        return made

    steps = {name: ours(name, module()) for name in ENGINES} | {"opacus itself": theirs(module(), n)}
    mask = torch.full((n_places, n_places), FORBIDDEN).triu(1).expand(n, 1, n_places, n_places)
    width = shape.decoder_width
    ms: dict[str, list[float]] = {name: [] for name in steps}
    for k in range(n_rounds + 1):
        batch = (torch.randn(n, n_places, width), mask, torch.randn(n, n_places, width))
        for name, step in steps.items():
            begin = time.process_time()
            step(batch)
            if k:  # the first round warms up
                ms[name].append(1000 * (time.process_time() - begin))
    medians = {name: statistics.median(values) for name, values in ms.items()}
    rival = medians["opacus itself"]
    return {
        "n_examples": n,
        "n_places": n_places,
        "n_parameters": sum(p.numel() for p in Top(shape).parameters()),
        "n_rounds": n_rounds,
        "ms": medians,
        "ratio": {name: rival / value for name, value in medians.items() if name != "opacus itself"},
        "target": {"mapped": TARGET},
    }


def table(result: dict) -> str:
    lines = [
        f"{result['n_examples']} examples of {result['n_places']} places, {result['n_parameters']:,} parameters, "
        f"median of {result['n_rounds']} rounds",
        f"{'engine':<16} {'ms a step':>10} {'ratio':>7}",
    ]
    for name, value in result["ms"].items():
        ratio = result["ratio"].get(name)
        lines.append(f"{name:<16} {value:>10.0f} {'' if ratio is None else f'{ratio:.2f}':>7}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=48)
    parser.add_argument("--places", type=int, default=38)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    options = parser.parse_args()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Full backward hook is firing")
        result = measured(n=options.examples, n_places=options.places, n_rounds=options.rounds)
    print(json.dumps(result, indent=2) if options.json else table(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
