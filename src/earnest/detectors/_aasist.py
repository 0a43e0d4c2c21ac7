"""The network of AASIST in torch [jung2021-aasist]: fixed filters, six residual blocks, graph attention over bands and over time.

Names of modules and parameters are those of the authors' state dictionaries, so that their checkpoints are loaded
strictly, with no key missing or left over. Two habits of the authors' code decide the numbers and are kept: a residual
block computes its first normalisation and does not use it, and scores of a graph's pooling decide which nodes stay and
also weigh them.

Shapes: `n` clips, `bands` (23) and `frames` (29) after the encoder; both become the nodes of a graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    import torch
    from torch import Tensor, nn
    from torch.nn import functional as F
except ImportError:  # without the extra this module can be imported but not used; the detectors say what to install
    Module: Any = object
else:
    Module = nn.Module

SAMPLE_RATE = 16_000
N_SAMPLES = 64_600
"""Samples of a window, about 4 s."""
N_TAPS = 129
N_FILTERS = 70
N_BANDS, N_FRAMES = 23, 29
"""Nodes of the spectral and of the temporal graph: the filters pooled by three, and the window pooled by three seven times."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of the network.

    Parameters
    ----------
    widths : tuple of (int, int)
        Channels into and out of each of the six residual blocks.
    graph_widths : tuple of int
        Of a node in the first graphs and in the joint ones.
    kept : tuple of float
        Share of nodes that pooling leaves in the spectral, the temporal and the joint graphs.
    temperatures : tuple of float
        Of the attention in the spectral, the temporal and the joint graphs.
    """

    widths: tuple[tuple[int, int], ...]
    graph_widths: tuple[int, int]
    kept: tuple[float, float, float]
    temperatures: tuple[float, float, float] = (2.0, 2.0, 100.0)


SHAPES: Mapping[str, Shape] = {
    "aasist": Shape(
        widths=((1, 32), (32, 32), (32, 64), (64, 64), (64, 64), (64, 64)), graph_widths=(64, 32), kept=(0.5, 0.7, 0.5)
    ),
    "aasist_l": Shape(
        widths=((1, 32), (32, 32), (32, 24), (24, 24), (24, 24), (24, 24)), graph_widths=(24, 32), kept=(0.4, 0.5, 0.7)
    ),
}
"""AASIST and its light form, by the authors' configurations."""


def mel_sinc_filters(n_filters: int = N_FILTERS, n_taps: int = N_TAPS) -> NDArray[np.float32]:
    """Band-pass filters between points that are equally far apart in mel, under a Hamming window, (n_filters, n_taps)."""
    mel = np.linspace(0.0, 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700), n_filters + 1)
    hz = 700 * (10 ** (mel / 2595) - 1)
    taps = np.arange(n_taps) - (n_taps - 1) / 2
    low_pass = 2 * hz[:, None] / SAMPLE_RATE * np.sinc(2 * hz[:, None] * taps / SAMPLE_RATE)
    return (np.hamming(n_taps) * np.diff(low_pass, axis=0)).astype(np.float32)


def _vector(width: int) -> Any:
    weight = nn.Parameter(torch.empty(width, 1))
    nn.init.xavier_normal_(weight)
    return weight


class _Nodes(Module):
    """What both kinds of graph attention share: projection with and without attention, and normalisation."""

    def __init__(self, width: int, out: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.att_proj = nn.Linear(width, out)
        self.proj_with_att, self.proj_without_att = nn.Linear(width, out), nn.Linear(width, out)
        self.bn = nn.BatchNorm1d(out)
        self.input_drop = nn.Dropout(0.2)

    def pairs(self, nodes: Tensor) -> Tensor:
        """What attention is computed from, for each pair of nodes, shape (n, nodes, nodes, out)."""
        return torch.tanh(self.att_proj(nodes[:, :, None] * nodes[:, None]))

    def attended(self, nodes: Tensor, logits: Tensor) -> Tensor:
        """The nodes after one step, shape (n, nodes, out)."""
        attention = torch.softmax(logits / self.temperature, dim=-1)
        moved = self.proj_with_att(attention @ nodes) + self.proj_without_att(nodes)
        return F.selu(self.bn(moved.transpose(1, 2)).transpose(1, 2))


class GraphAttention(_Nodes):
    """Attention among the nodes of one graph, by the products of their features."""

    def __init__(self, width: int, out: int, temperature: float) -> None:
        super().__init__(width, out, temperature)
        self.att_weight = _vector(out)

    def forward(self, nodes: Tensor) -> Tensor:
        nodes = self.input_drop(nodes)
        return self.attended(nodes, (self.pairs(nodes) @ self.att_weight)[..., 0])


class JointAttention(_Nodes):
    """Attention within and between two graphs, with a master node that attends to all others and to which none attends."""

    def __init__(self, width: int, out: int, temperature: float) -> None:
        super().__init__(width, out, temperature)
        self.proj_type1, self.proj_type2 = nn.Linear(width, width), nn.Linear(width, width)
        self.att_projM = nn.Linear(width, out)
        self.att_weight11, self.att_weight22, self.att_weight12 = _vector(out), _vector(out), _vector(out)
        self.att_weightM = _vector(out)
        self.proj_with_attM, self.proj_without_attM = nn.Linear(width, out), nn.Linear(width, out)

    def forward(self, first: Tensor, second: Tensor, master: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        n_first = first.shape[1]
        nodes = self.input_drop(torch.cat([self.proj_type1(first), self.proj_type2(second)], dim=1))
        pairs = self.pairs(nodes)
        above = torch.cat(
            [pairs[:, :n_first, :n_first] @ self.att_weight11, pairs[:, :n_first, n_first:] @ self.att_weight12], dim=2
        )
        below = torch.cat(
            [pairs[:, n_first:, :n_first] @ self.att_weight12, pairs[:, n_first:, n_first:] @ self.att_weight22], dim=2
        )
        master = self._master(nodes, master)
        nodes = self.attended(nodes, torch.cat([above, below], dim=1)[..., 0])
        return nodes[:, :n_first], nodes[:, n_first:], master

    def _master(self, nodes: Tensor, master: Tensor) -> Tensor:
        logits = torch.tanh(self.att_projM(nodes * master)) @ self.att_weightM / self.temperature
        heard = torch.softmax(logits, dim=1).transpose(1, 2) @ nodes
        return self.proj_with_attM(heard) + self.proj_without_attM(master)


class GraphPool(Module):
    """The nodes with the highest scores, each times its score."""

    def __init__(self, n_kept: int, width: int) -> None:
        super().__init__()
        self.n_kept = n_kept
        self.proj = nn.Linear(width, 1)
        self.drop = nn.Dropout(0.3)

    def forward(self, nodes: Tensor) -> Tensor:
        scores = torch.sigmoid(self.proj(self.drop(nodes)))
        places = torch.topk(scores, self.n_kept, dim=1).indices
        return torch.gather(nodes * scores, 1, places.expand(-1, -1, nodes.shape[2]))


class ResidualBlock(Module):
    """Two convolutions beside a path without them, pooled by three over time."""

    def __init__(self, width: int, out: int, *, first: bool) -> None:
        super().__init__()
        if not first:
            self.bn1 = nn.BatchNorm2d(
                width
            )  # the authors' checkpoints hold it, and their code leaves its output unused
        self.conv1 = nn.Conv2d(width, out, (2, 3), padding=(1, 1))
        self.bn2 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, (2, 3), padding=(0, 1))
        self.conv_downsample = nn.Conv2d(width, out, (1, 3), padding=(0, 1)) if width != out else None

    def forward(self, maps: Tensor) -> Tensor:
        beside = maps if self.conv_downsample is None else self.conv_downsample(maps)
        return F.max_pool2d(self.conv2(F.selu(self.bn2(self.conv1(maps)))) + beside, (1, 3))


class Aasist(Module):
    """From a window of speech to two logits, of spoofed and of bona fide speech."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        narrow, joint = shape.graph_widths
        spectral_t, temporal_t, joint_t = shape.temperatures
        width = shape.widths[-1][1]
        self.register_buffer("filters", torch.from_numpy(mel_sinc_filters())[:, None], persistent=False)
        self.first_bn = nn.BatchNorm2d(1)
        blocks = [ResidualBlock(*pair, first=place == 0) for place, pair in enumerate(shape.widths)]
        self.encoder = nn.Sequential(*(nn.Sequential(block) for block in blocks))
        self.pos_S = nn.Parameter(torch.randn(1, N_BANDS, width))
        self.master1, self.master2 = (nn.Parameter(torch.randn(1, 1, narrow)) for _ in range(2))
        self.GAT_layer_S = GraphAttention(width, narrow, spectral_t)
        self.GAT_layer_T = GraphAttention(width, narrow, temporal_t)
        n_spectral, n_temporal = int(N_BANDS * shape.kept[0]), int(N_FRAMES * shape.kept[1])
        self.pool_S, self.pool_T = GraphPool(n_spectral, narrow), GraphPool(n_temporal, narrow)
        for branch in "12":
            setattr(self, f"HtrgGAT_layer_ST{branch}1", JointAttention(narrow, joint, joint_t))
            setattr(self, f"HtrgGAT_layer_ST{branch}2", JointAttention(joint, joint, joint_t))
            setattr(self, f"pool_hS{branch}", GraphPool(int(n_spectral * shape.kept[2]), joint))
            setattr(self, f"pool_hT{branch}", GraphPool(int(n_temporal * shape.kept[2]), joint))
        self.drop_way, self.drop = nn.Dropout(0.2), nn.Dropout(0.5)
        self.out_layer = nn.Linear(5 * joint, 2)

    def forward(self, samples: Tensor) -> Tensor:
        """Logits of spoofed and of bona fide speech, shape (n, 2), for samples of shape (n, n_samples)."""
        bands = F.conv1d(samples[:, None], self.filters).abs()
        maps = self.encoder(F.selu(self.first_bn(F.max_pool2d(bands[:, None], 3)))).abs()
        spectral = self.pool_S(self.GAT_layer_S(maps.amax(dim=3).transpose(1, 2) + self.pos_S))
        temporal = self.pool_T(self.GAT_layer_T(maps.amax(dim=2).transpose(1, 2)))
        branches = [self._branch(branch, temporal, spectral) for branch in "12"]
        temporal, spectral, master = (torch.maximum(*pair) for pair in zip(*branches, strict=True))
        parts = [temporal.abs().amax(dim=1), temporal.mean(dim=1), spectral.abs().amax(dim=1), spectral.mean(dim=1)]
        return self.out_layer(self.drop(torch.cat([*parts, master[:, 0]], dim=1)))

    def _branch(self, branch: str, temporal: Tensor, spectral: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Two steps of joint attention, the second beside a path without it."""
        first, second = (getattr(self, f"HtrgGAT_layer_ST{branch}{step}") for step in "12")
        master = getattr(self, f"master{branch}").expand(temporal.shape[0], -1, -1)
        temporal, spectral, master = first(temporal, spectral, master)
        spectral, temporal = getattr(self, f"pool_hS{branch}")(spectral), getattr(self, f"pool_hT{branch}")(temporal)
        steps = second(temporal, spectral, master)
        ways = zip((temporal, spectral, master), steps, strict=True)
        temporal, spectral, master = (self.drop_way(before + after) for before, after in ways)
        return temporal, spectral, master
