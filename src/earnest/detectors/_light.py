"""The networks of LCNN and of RawNet2 in torch."""

from __future__ import annotations

from typing import Any

from earnest.detectors._aasist import mel_sinc_filters

try:
    import torch
    from torch import Tensor, nn
    from torch.nn import functional as F
except ImportError:  # without the extra this module can be imported but not used; the detectors say what to install
    Module: Any = object
else:
    Module = nn.Module


class MaxFeatureMap(Module):
    """The larger of the two halves of the channels, feature by feature."""

    def forward(self, maps: Tensor) -> Tensor:
        first, second = maps.chunk(2, dim=1)
        return torch.maximum(first, second)


def _mapped(width: int, out: int, kernel: int) -> list[Any]:
    return [nn.Conv2d(width, 2 * out, kernel, padding=kernel // 2), MaxFeatureMap()]


class Lcnn(Module):
    """Nine convolutions with max feature maps, four poolings, and two layers over what is left, shape (n, 2).

    Input: cepstra, shape (n, 1, n_coefficients, n_frames).
    """

    def __init__(self, *, n_coefficients: int, n_frames: int) -> None:
        super().__init__()
        self.maps = nn.Sequential(
            nn.BatchNorm2d(1),
            *_mapped(1, 32, 5),
            nn.MaxPool2d(2),
            *_mapped(32, 32, 1),
            nn.BatchNorm2d(32),
            *_mapped(32, 48, 3),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(48),
            *_mapped(48, 48, 1),
            nn.BatchNorm2d(48),
            *_mapped(48, 64, 3),
            nn.MaxPool2d(2),
            *_mapped(64, 64, 1),
            nn.BatchNorm2d(64),
            *_mapped(64, 32, 3),
            nn.BatchNorm2d(32),
            *_mapped(32, 32, 1),
            nn.BatchNorm2d(32),
            *_mapped(32, 32, 3),
            nn.MaxPool2d(2),
        )
        n_left = 32 * (n_coefficients // 16) * (n_frames // 16)
        self.dense = nn.Sequential(
            nn.Dropout(0.75), nn.Linear(n_left, 160), MaxFeatureMap(), nn.BatchNorm1d(80), nn.Linear(80, 2)
        )

    def forward(self, cepstra: Tensor) -> Tensor:
        return self.dense(self.maps(cepstra).flatten(1))


class _RawBlock(Module):
    """Two convolutions beside a path without them, pooled by three, each map scaled and moved by what it holds on average."""

    def __init__(self, width: int, out: int, *, first: bool) -> None:
        super().__init__()
        self.before = nn.Identity() if first else nn.Sequential(nn.BatchNorm1d(width), nn.LeakyReLU(0.3))
        self.inside = nn.Sequential(
            nn.Conv1d(width, out, 3, padding=1),
            nn.BatchNorm1d(out),
            nn.LeakyReLU(0.3),
            nn.Conv1d(out, out, 3, padding=1),
        )
        self.beside = nn.Identity() if width == out else nn.Conv1d(width, out, 1)
        self.attention = nn.Linear(out, out)

    def forward(self, maps: Tensor) -> Tensor:
        maps = F.max_pool1d(self.inside(self.before(maps)) + self.beside(maps), 3)
        weights = torch.sigmoid(self.attention(maps.mean(dim=2)))[:, :, None]
        return maps * weights + weights


class RawNet2(Module):
    """Fixed filters, six residual blocks with filter-wise scaling, three recurrent layers, and two dense ones, shape (n, 2).

    Input: samples, shape (n, n_samples).
    """

    def __init__(self, *, n_filters: int, width: int, recurrent_width: int) -> None:
        super().__init__()
        self.register_buffer("filters", torch.from_numpy(mel_sinc_filters(n_filters))[:, None], persistent=False)
        self.first = nn.BatchNorm1d(n_filters)
        widths = [n_filters, n_filters, n_filters, width, width, width, width]
        pairs = zip(widths, widths[1:], strict=False)
        self.blocks = nn.Sequential(*(_RawBlock(*pair, first=place == 0) for place, pair in enumerate(pairs)))
        self.last = nn.BatchNorm1d(width)
        self.recurrent = nn.GRU(width, recurrent_width, num_layers=3, batch_first=True)
        self.dense = nn.Sequential(nn.Linear(recurrent_width, recurrent_width), nn.Linear(recurrent_width, 2))

    def forward(self, samples: Tensor) -> Tensor:
        bands = F.max_pool1d(F.conv1d(samples[:, None], self.filters).abs(), 3)
        maps = F.selu(self.last(self.blocks(F.selu(self.first(bands)))))
        states, _ = self.recurrent(maps.transpose(1, 2))
        return self.dense(states[:, -1])
