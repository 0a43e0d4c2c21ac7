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
    n_encoder_blocks: int = 6
    encoder_inner: int = 576
    kernel: int = 11
    voice_block: int = 2
    voice_width: int = 64
    decoder_width: int = 224
    decoder_heads: int = 4
    n_decoder_blocks: int = 4
    decoder_inner: int = 896
    max_text: int = 96
    max_prefix: int = 128
    n_characters: int = 36
    causal: bool = False

    def as_dict(self) -> dict[str, int]:
        """The sizes as plain numbers, for the manifest."""
        return asdict(self)


def positions(n: int, width: int, device: torch.device | None = None) -> Tensor:
    """Sinusoidal positions, shape (n, width)."""
    angle = torch.arange(n, device=device)[:, None] * torch.exp(
        torch.arange(0, width, 2, device=device) * (-math.log(10000.0) / width)
    )
    return torch.cat([angle.sin(), angle.cos()], dim=1)


class Attention(Module):
    """Multi-head self-attention with an additive mask."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.weights = nn.Identity()  # where hooks see what is attended to

    def parts(self, x: Tensor) -> Tensor:
        """Queries, keys and values, shape (3, n, heads, length, width of a head)."""
        n, length, width = x.shape
        return self.qkv(x).view(n, length, 3, self.n_heads, width // self.n_heads).permute(2, 0, 3, 1, 4)

    def forward(self, x: Tensor, mask: Tensor, before: Tensor | None = None) -> Tensor:
        n, length, width = x.shape
        q, k, v = self.parts(x)
        if before is not None:  # keys and values of what stands before, the same for every row
            k, v = (torch.cat([old.expand(n, -1, -1, -1), new], dim=2) for old, new in zip(before, (k, v), strict=True))
        likely = torch.softmax(q @ k.transpose(2, 3) * (width // self.n_heads) ** -0.5 + mask.to(q.dtype), dim=-1)
        mixed = self.weights(likely).to(v.dtype) @ v
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
    """Attention, depthwise convolution, perceptron, each on a normalised residual.

    In a causal block the convolution sees the past alone; of attention the mask decides.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm_attention, self.norm_conv, self.norm_inner = (nn.LayerNorm(shape.width) for _ in range(3))
        self.attention = Attention(shape.width, shape.n_heads)
        self.ahead = (shape.kernel - 1, 0) if shape.causal else (shape.kernel // 2, shape.kernel // 2)
        self.depthwise = nn.Conv1d(shape.width, shape.width, shape.kernel, groups=shape.width)
        self.pointwise = nn.Linear(shape.width, shape.width)
        self.inner = Inner(shape.width, shape.encoder_inner)

    def forward(self, x: Tensor, mask: Tensor, valid: Tensor, drop: float) -> Tensor:
        x = x + F.dropout(self.attention(self.norm_attention(x), mask), drop, self.training)
        local = self.depthwise(F.pad((self.norm_conv(x) * valid).transpose(1, 2), self.ahead)).transpose(1, 2)
        x = x + F.dropout(self.pointwise(F.relu(local)), drop, self.training)
        return x + F.dropout(self.inner(self.norm_inner(x)), drop, self.training)


class DecoderBlock(Module):
    """Attention and perceptron, each on a normalised residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm_attention, self.norm_inner = (nn.LayerNorm(shape.decoder_width) for _ in range(2))
        self.attention = Attention(shape.decoder_width, shape.decoder_heads)
        self.inner = Inner(shape.decoder_width, shape.decoder_inner)

    def forward(self, x: Tensor, mask: Tensor, drop: float, before: Tensor | None = None) -> Tensor:
        x = x + F.dropout(self.attention(self.norm_attention(x), mask, before), drop, self.training)
        return x + F.dropout(self.inner(self.norm_inner(x)), drop, self.training)


@dataclass(frozen=True)
class Heard:
    """What the encoder made of clips.

    Attributes
    ----------
    states : float32 tensor, shape (n, states, width)
        Every 40 ms; zero beyond each clip's end.
    n_states : int64 tensor, shape (n,)
    voice : float32 tensor, shape (n, voice_width)
        How the speaker sounds, whatever is said: of unit length, so that a product of two is their likeness.
    """

    states: Tensor
    n_states: Tensor
    voice: Tensor


class Network(Module):
    """Encoder, projector and decoder.

    Before the text the decoder sees, both ways: a slot for the voice, a slot that tells how like the voice of the one who spoke first it is, slots of 80 ms of what is said, and the
    tokens of the prefix (system prompt, earlier turns, instruction).
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width, own = shape.width, shape.decoder_width
        self.conv1 = nn.Conv1d(shape.n_mels, 128, 5, stride=2)
        self.conv2 = nn.Conv1d(128, width, 5, stride=2)
        self.encoder = nn.ModuleList(EncoderBlock(shape) for _ in range(shape.n_encoder_blocks))
        self.encoder_norm = nn.LayerNorm(width)
        self.characters = nn.Linear(width, shape.n_characters)
        self.voice = nn.Linear(2 * width, shape.voice_width)
        self.voice_slot = nn.Linear(shape.voice_width, own)
        self.likeness1 = nn.Linear(2, 32)
        self.likeness2 = nn.Linear(32, own)
        self.projector1 = nn.Linear(2 * width, 2 * width)
        self.projector2 = nn.Linear(2 * width, own)
        self.tokens = nn.Embedding(shape.n_tokens, own)
        self.text_position = nn.Embedding(shape.max_text, own)
        self.prefix_position = nn.Embedding(shape.max_prefix, own)
        self.decoder = nn.ModuleList(DecoderBlock(shape) for _ in range(shape.n_decoder_blocks))
        self.decoder_norm = nn.LayerNorm(own)
        self.next_token = nn.Linear(own, shape.n_tokens)
        for table in (self.tokens, self.text_position, self.prefix_position):
            nn.init.normal_(table.weight, std=0.05)

    def encode(self, features: Tensor, n_frames: Tensor, *, drop: float = 0.0) -> Heard:
        """What is heard in clips.

        Parameters
        ----------
        features : float32 tensor, shape (n, frames, n_mels)
            Zero beyond each clip's ``n_frames``.
        n_frames : int64 tensor, shape (n,)
        """
        half, quarter = (n_frames + 1) // 2, (n_frames + 3) // 4
        around = (4, 0) if self.shape.causal else (2, 2)
        x = F.relu(self.conv1(F.pad(features.transpose(1, 2), around)))
        x = x * (torch.arange(x.shape[2], device=x.device) < half[:, None])[:, None]
        x = F.relu(self.conv2(F.pad(x, around))).transpose(1, 2)
        here = torch.arange(x.shape[1], device=x.device) < quarter[:, None]
        mask = torch.where(here, 0.0, FORBIDDEN)[:, None, None]
        if self.shape.causal:
            past = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril()
            mask = mask + torch.where(past, 0.0, FORBIDDEN)
        valid = here[:, :, None].to(x.dtype)
        x = x + positions(x.shape[1], x.shape[2], x.device)
        for k, block in enumerate(self.encoder):
            x = block(x, mask, valid, drop)
            if k == self.shape.voice_block:
                voice = self._voice(x, valid, quarter)
        return Heard(self.encoder_norm(x) * valid, quarter, voice)

    def _voice(self, x: Tensor, valid: Tensor, n_states: Tensor) -> Tensor:
        """Mean and spread over time, projected."""
        n = n_states[:, None].to(x.dtype)
        mean = (x * valid).sum(1) / n
        spread = (((x - mean[:, None]) * valid).square().sum(1) / n + 1e-6).sqrt()
        return F.normalize(self.voice(torch.cat([mean, spread], dim=1)), dim=1)

    def slots(self, heard: Heard) -> tuple[Tensor, Tensor]:
        """Projected pairs of states, shape (n, slots, decoder_width), and how many each clip has."""
        states = F.pad(heard.states, (0, 0, 0, heard.states.shape[1] % 2))
        pairs = states.reshape(states.shape[0], states.shape[1] // 2, 2 * states.shape[2])
        return self.projector2(F.relu(self.projector1(pairs))), (heard.n_states + 1) // 2

    def likeness_slot(self, likeness: Tensor, is_known: Tensor) -> Tensor:
        """The slot that tells how like the first speaker's voice this one is, shape (n, 1, decoder_width).

        Parameters
        ----------
        likeness : float32 tensor, shape (n,)
            Product of two voices, -1 to 1.
        is_known : float32 tensor, shape (n,)
            0 where nobody spoke before.
        """
        return self.likeness2(F.relu(self.likeness1(torch.stack([likeness * is_known, is_known], dim=1))))[:, None]

    def ahead(
        self,
        slots: Tensor,
        n_slots: Tensor,
        voice: Tensor,
        likeness: Tensor,
        known: Tensor,
        prefix: Tensor,
        n_prefix: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """What the decoder sees before the text, and which of its places count.

        Parameters
        ----------
        slots : float32 tensor, shape (n, slots, decoder_width)
        n_slots, n_prefix : int64 tensor, shape (n,)
            A row without slots is a written request; it has no voice either.
        voice : float32 tensor, shape (n, voice_width)
        likeness, known : float32 tensor, shape (n,)
        prefix : int64 tensor, shape (n, prefix)

        Returns
        -------
        x : float32 tensor, shape (n, 2 + slots + prefix, decoder_width)
        counts : bool tensor, shape (n, 2 + slots + prefix)
        """
        n, p = prefix.shape
        place = torch.arange(p, device=prefix.device).expand(n, p)
        prefixed = self.tokens(prefix) + self.prefix_position(place)
        x = torch.cat([self.voice_slot(voice)[:, None], self.likeness_slot(likeness, known), slots, prefixed], dim=1)
        heard = (n_slots > 0)[:, None]
        counts = torch.cat(
            [
                heard,
                torch.ones_like(heard),
                torch.arange(slots.shape[1], device=x.device) < n_slots[:, None],
                place < n_prefix[:, None],
            ],
            dim=1,
        )
        return x, counts

    def decode(self, ahead: Tensor, counts: Tensor, text: Tensor, *, drop: float = 0.0) -> Tensor:
        """Logits after each text token.

        Parameters
        ----------
        ahead : float32 tensor, shape (n, ahead, decoder_width)
        counts : bool tensor, shape (n, ahead)
            Both of `ahead`.
        text : int64 tensor, shape (n, text)
            Begins with ``<answer>``.

        Returns
        -------
        float32 tensor, shape (n, text, n_tokens)
        """
        n, t = text.shape
        a = ahead.shape[1]
        place = torch.arange(t, device=text.device).expand(n, t)
        before = counts[:, None, :].expand(n, a + t, a)
        backward = torch.ones(t, t, dtype=torch.bool, device=text.device).tril()
        inside = torch.cat([torch.zeros(a, t, dtype=torch.bool, device=text.device), backward]).expand(n, a + t, t)
        mask = torch.where(torch.cat([before, inside], dim=2), 0.0, FORBIDDEN)[:, None]
        x = torch.cat([ahead, self.tokens(text) + self.text_position(place)], dim=1)
        for block in self.decoder:
            x = block(x, mask, drop)
        return self.next_token(self.decoder_norm(x[:, a:]))

    def remembered(self, ahead: Tensor, counts: Tensor) -> list[Tensor]:
        """Keys and values of what stands before a text, by block: it does not see the text, and is the same for every one.

        Parameters
        ----------
        ahead : float32 tensor, shape (1, ahead, decoder_width)
        counts : bool tensor, shape (1, ahead)
            Both of `ahead`.
        """
        x, out = ahead, []
        mask = torch.where(counts, 0.0, FORBIDDEN)[:, None, None]
        for block in self.decoder:
            out.append(block.attention.parts(block.norm_attention(x))[1:])
            x = block(x, mask, 0.0)
        return out

    def decode_after(self, memory: list[Tensor], counts: Tensor, text: Tensor) -> Tensor:
        """As `decode`, of many texts behind one clip, of which `remembered` holds what does not change."""
        n, t = text.shape
        backward = torch.ones(t, t, dtype=torch.bool, device=text.device).tril()
        mask = torch.where(torch.cat([counts.expand(t, -1), backward], dim=1), 0.0, FORBIDDEN)
        x = self.tokens(text) + self.text_position(torch.arange(t, device=text.device))
        for block, before in zip(self.decoder, memory, strict=True):
            x = block(x, mask, 0.0, before)
        return self.next_token(self.decoder_norm(x))

    def forward(
        self,
        features: Tensor,
        n_frames: Tensor,
        prefix: Tensor,
        n_prefix: Tensor,
        text: Tensor,
        *,
        likeness: Tensor | None = None,
        known: Tensor | None = None,
        drop: float = 0.0,
    ) -> tuple[Tensor, Heard | None]:
        """Token logits and what was heard (None for written requests, which have no frames)."""
        n = text.shape[0]
        likeness = features.new_zeros(n) if likeness is None else likeness
        known = features.new_zeros(n) if known is None else known
        if features.shape[1] == 0:
            heard, slots, n_slots = None, features.new_zeros(n, 0, self.shape.decoder_width), torch.zeros_like(n_prefix)
            voice = features.new_zeros(n, self.shape.voice_width)
        else:
            heard = self.encode(features, n_frames, drop=drop)
            slots, n_slots = self.slots(heard)
            voice = heard.voice
        return self.decode(
            *self.ahead(slots, n_slots, voice, likeness, known, prefix, n_prefix), text, drop=drop
        ), heard
