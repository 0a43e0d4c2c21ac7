"""The reference model's network in torch: conformer-like encoder, projector, small decoder.

Shapes: ``n`` clips, ``frames`` of 10 ms, ``states`` of 40 ms after the encoder, ``slots`` of 80 ms for the decoder. Padding never reaches a result: convolutions see zeros where a clip
has ended, and attention never looks there, so a clip gives the same text alone and in a batch (up to rounding). `onnx_route` runs the same arithmetic from graphs that the export
script writes from these module names; renaming one here means exporting anew.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

try:
    import torch
    from torch import Tensor, nn
    from torch.nn import functional as F
except ImportError:  # without the extra this module can be imported but not used; torch_route says what to install
    Module = object
else:
    Module = nn.Module

FORBIDDEN = -1e9


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of the network."""

    n_tokens: int
    n_mels: int = 64
    width: int = 192
    n_heads: int = 4
    n_encoder_blocks: int = 5
    encoder_inner: int = 576
    n_decoder_blocks: int = 3
    decoder_inner: int = 768
    kernel: int = 11
    max_text: int = 96
    max_prefix: int = 64
    n_characters: int = 29

    def as_dict(self) -> dict[str, int]:
        """The sizes as plain numbers, for the manifest."""
        return asdict(self)


def positions(n: int, width: int, device: torch.device | None = None) -> Tensor:
    """Sinusoidal positions, shape (n, width)."""
    angle = torch.arange(n, device=device)[:, None] * torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10000.0) / width))
    return torch.cat([angle.sin(), angle.cos()], dim=1)


class Attention(Module):
    """Multi-head self-attention with an additive mask."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        n, length, width = x.shape
        q, k, v = self.qkv(x).view(n, length, 3, self.n_heads, width // self.n_heads).permute(2, 0, 3, 1, 4)
        mixed = torch.softmax(q @ k.transpose(2, 3) * (width // self.n_heads) ** -0.5 + mask.to(q.dtype), dim=-1).to(v.dtype) @ v
        return self.out(mixed.transpose(1, 2).reshape(n, length, width))


class Inner(Module):
    """Two-layer perceptron."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, inner)
        self.down = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.relu(self.up(x)))


class EncoderBlock(Module):
    """Attention, depthwise convolution, perceptron, each on a normalised residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm_attention, self.norm_conv, self.norm_inner = (nn.LayerNorm(shape.width) for _ in range(3))
        self.attention = Attention(shape.width, shape.n_heads)
        self.depthwise = nn.Conv1d(shape.width, shape.width, shape.kernel, padding=shape.kernel // 2, groups=shape.width)
        self.pointwise = nn.Linear(shape.width, shape.width)
        self.inner = Inner(shape.width, shape.encoder_inner)

    def forward(self, x: Tensor, mask: Tensor, valid: Tensor, drop: float) -> Tensor:
        x = x + F.dropout(self.attention(self.norm_attention(x), mask), drop, self.training)
        local = self.depthwise((self.norm_conv(x) * valid).transpose(1, 2)).transpose(1, 2)
        x = x + F.dropout(self.pointwise(F.relu(local)), drop, self.training)
        return x + F.dropout(self.inner(self.norm_inner(x)), drop, self.training)


class DecoderBlock(Module):
    """Attention and perceptron, each on a normalised residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm_attention, self.norm_inner = (nn.LayerNorm(shape.width) for _ in range(2))
        self.attention = Attention(shape.width, shape.n_heads)
        self.inner = Inner(shape.width, shape.decoder_inner)

    def forward(self, x: Tensor, mask: Tensor, drop: float) -> Tensor:
        x = x + F.dropout(self.attention(self.norm_attention(x), mask), drop, self.training)
        return x + F.dropout(self.inner(self.norm_inner(x)), drop, self.training)


class Network(Module):
    """Encoder, projector and decoder."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.conv1 = nn.Conv1d(shape.n_mels, 128, 5, stride=2, padding=2)
        self.conv2 = nn.Conv1d(128, width, 5, stride=2, padding=2)
        self.encoder = nn.ModuleList(EncoderBlock(shape) for _ in range(shape.n_encoder_blocks))
        self.encoder_norm = nn.LayerNorm(width)
        self.characters = nn.Linear(width, shape.n_characters)
        self.projector1 = nn.Linear(2 * width, 2 * width)
        self.projector2 = nn.Linear(2 * width, width)
        self.tokens = nn.Embedding(shape.n_tokens, width)
        self.text_position = nn.Embedding(shape.max_text, width)
        self.prefix_position = nn.Embedding(shape.max_prefix, width)
        self.decoder = nn.ModuleList(DecoderBlock(shape) for _ in range(shape.n_decoder_blocks))
        self.decoder_norm = nn.LayerNorm(width)
        for table in (self.tokens, self.text_position, self.prefix_position):
            nn.init.normal_(table.weight, std=0.05)

    def encode(self, features: Tensor, n_frames: Tensor, *, drop: float = 0.0) -> tuple[Tensor, Tensor]:
        """Encoder states.

        Parameters
        ----------
        features : float32 tensor, shape (n, frames, n_mels)
            Zero beyond each clip's ``n_frames``.
        n_frames : int64 tensor, shape (n,)

        Returns
        -------
        states : float32 tensor, shape (n, states, width)
        n_states : int64 tensor, shape (n,)
            ceil(n_frames / 4).
        """
        half, quarter = (n_frames + 1) // 2, (n_frames + 3) // 4
        x = F.relu(self.conv1(features.transpose(1, 2)))
        x = x * (torch.arange(x.shape[2], device=x.device) < half[:, None])[:, None]
        x = F.relu(self.conv2(x)).transpose(1, 2)
        here = torch.arange(x.shape[1], device=x.device) < quarter[:, None]
        mask = torch.where(here, 0.0, FORBIDDEN)[:, None, None]
        valid = here[:, :, None].to(x.dtype)
        x = x + positions(x.shape[1], x.shape[2], x.device)
        for block in self.encoder:
            x = block(x, mask, valid, drop)
        return self.encoder_norm(x) * valid, quarter

    def slots(self, states: Tensor, n_states: Tensor) -> tuple[Tensor, Tensor]:
        """Projected pairs of states, shape (n, slots, width), and how many each clip has."""
        if states.shape[1] % 2:
            states = F.pad(states, (0, 0, 0, 1))
        pairs = states.reshape(states.shape[0], -1, 2 * states.shape[2])
        return self.projector2(F.relu(self.projector1(pairs))), (n_states + 1) // 2

    def decode(self, slots: Tensor, n_slots: Tensor, prefix: Tensor, n_prefix: Tensor, text: Tensor, *, drop: float = 0.0) -> Tensor:
        """Logits after each text token.

        Parameters
        ----------
        slots : float32 tensor, shape (n, slots, width)
        n_slots, n_prefix : int64 tensor, shape (n,)
        prefix : int64 tensor, shape (n, prefix)
            Instruction and argument tokens; they and the slots see each other both ways.
        text : int64 tensor, shape (n, text)
            Begins with ``<answer>``.

        Returns
        -------
        float32 tensor, shape (n, text, n_tokens)
        """
        n, s, p, t = text.shape[0], slots.shape[1], prefix.shape[1], text.shape[1]
        device = text.device
        ahead = torch.cat([torch.arange(s, device=device) < n_slots[:, None], torch.arange(p, device=device) < n_prefix[:, None]], dim=1)
        allowed = torch.zeros(n, s + p + t, s + p + t, dtype=torch.bool, device=device)
        allowed[:, :, : s + p] = ahead[:, None]
        allowed[:, s + p :, s + p :] = torch.ones(t, t, dtype=torch.bool, device=device).tril()
        mask = torch.where(allowed, 0.0, FORBIDDEN)[:, None]
        prefixed = self.tokens(prefix) + self.prefix_position.weight[:p]
        x = torch.cat([slots, prefixed, self.tokens(text) + self.text_position.weight[:t]], dim=1)
        for block in self.decoder:
            x = block(x, mask, drop)
        return self.decoder_norm(x[:, s + p :]) @ self.tokens.weight.T

    def forward(self, features: Tensor, n_frames: Tensor, prefix: Tensor, n_prefix: Tensor, text: Tensor, *, drop: float = 0.0) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Token logits, encoder states and their numbers (both None for written requests without a clip)."""
        if features.shape[1] == 0:
            empty = torch.zeros(text.shape[0], 0, self.shape.width)
            return self.decode(empty, torch.zeros(text.shape[0], dtype=torch.long), prefix, n_prefix, text, drop=drop), None, None
        states, n_states = self.encode(features, n_frames, drop=drop)
        slots, n_slots = self.slots(states, n_states)
        return self.decode(slots, n_slots, prefix, n_prefix, text, drop=drop), states, n_states
