"""What audio language models hear, from the waveform, in torch and differentiable.

Each function repeats the feature extractor that a family of models was trained with, so that answers and gradients go
one and the same way. Waveforms are float tensors of shape (n_samples,) at 16 kHz with full scale at 1.0; features keep
the dtype and device of the waveform. torch is imported when a function is called.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

SAMPLE_RATE = 16_000
HOP = 160  # 10 ms, in every family


@dataclass(frozen=True, kw_only=True)
class Heard:
    """One clip as a model takes it.

    Parameters
    ----------
    features : tensor, shape (n_windows, n_mels, n_frames) or (1, n_frames, n_features)
    mask : tensor or None
        Which frames (for Granite: which audio tokens) are not padding.
    n_tokens : int
        How many places the clip takes in the prompt.
    longest_chunk : int
        Frames of its longest chunk, where a network pads every chunk of a batch to the longest; else 0.
    """

    features: torch.Tensor
    mask: torch.Tensor | None
    n_tokens: int
    longest_chunk: int = 0


def log_mel(waveform: torch.Tensor, *, n_mels: int) -> torch.Tensor:
    """Whisper's log-mel spectrogram, shape (n_mels, n_samples // 160); the waveform comes padded.

    Frames of 25 ms with a Hann window, Slaney's mel scale up to 8 kHz, log10, a range of 8 below the maximum, shifted
    and scaled by (x + 4) / 4.
    """
    import torch

    spectrum = torch.stft(waveform, 400, HOP, window=_hann(waveform), return_complex=True)[:, :-1]
    mel = _slaney(n_mels, waveform).T @ _power(spectrum)
    logarithm = mel.clamp(min=1e-10).log10()
    return (torch.maximum(logarithm, logarithm.max() - 8.0) + 4.0) / 4.0


def one_window(waveform: torch.Tensor, config: Any) -> Heard:
    """A clip in a single window (30 s as trained), padded with silence: Qwen2-Audio."""
    import torch

    n_frames = 2 * config.max_source_positions
    padded = torch.nn.functional.pad(waveform, (0, n_frames * HOP - len(waveform)))
    mask = torch.arange(n_frames, device=waveform.device) < _n_frames(len(waveform))
    features = log_mel(padded, n_mels=config.num_mel_bins)
    return Heard(features=features[None], mask=mask[None].long(), n_tokens=_halved_twice(_n_frames(len(waveform))))


def many_windows(waveform: torch.Tensor, config: Any) -> Heard:
    """A clip cut into windows (30 s as trained), each heard by itself: Audio Flamingo 3."""
    import torch

    parts = [one_window(part, config) for part in waveform.split(2 * config.max_source_positions * HOP)]
    masks = torch.cat([part.mask for part in parts if part.mask is not None])
    features = torch.cat([part.features for part in parts])
    return Heard(features=features, mask=masks, n_tokens=sum(part.n_tokens for part in parts))


def cut_windows(waveform: torch.Tensor, config: Any) -> Heard:
    """One spectrogram of the clip, padded to whole windows and then cut into them: Voxtral."""
    import torch

    n_samples = 2 * config.max_source_positions * HOP
    n_windows = -(-len(waveform) // n_samples)
    padded = torch.nn.functional.pad(waveform, (0, n_windows * n_samples - len(waveform)))
    features = log_mel(padded, n_mels=config.num_mel_bins)
    windows = features.reshape(len(features), n_windows, -1).transpose(0, 1)
    n_tokens = n_windows * config.max_source_positions * config.hidden_size // config.intermediate_size
    return Heard(features=windows, mask=None, n_tokens=n_tokens)


def whole_clip(waveform: torch.Tensor, config: Any) -> Heard:
    """The frames of the clip and no more: Qwen2.5-Omni."""
    features = _unpadded(waveform, config)
    return Heard(features=features, mask=_all(features), n_tokens=_halved_twice(features.shape[-1]))


def whole_clip_of_chunks(waveform: torch.Tensor, config: Any) -> Heard:
    """The frames of the clip and no more, counted in chunks of `2 * n_window` frames: Qwen3-Omni."""
    features = _unpadded(waveform, config)
    chunk = 2 * config.n_window
    whole, rest = divmod(features.shape[-1], chunk)
    for _ in range(3):
        rest = (rest - 1) // 2 + 1
    return Heard(
        features=features,
        mask=_all(features),
        n_tokens=13 * whole + rest,
        longest_chunk=min(features.shape[-1], chunk),
    )


def stacked_log_mel(waveform: torch.Tensor, config: Any) -> Heard:
    """Log-mel frames on the HTK scale, stacked by two: Granite Speech.

    As torchaudio's `MelSpectrogram(n_fft=512, win_length=400, hop_length=160, n_mels=80)` followed by log10, a range
    of 8 below the maximum, x / 4 + 1.
    """
    import torch

    encoder, n_mels = config.encoder_config, config.encoder_config.input_dim // 2
    window = torch.nn.functional.pad(_hann(waveform), (56, 56))  # 400 samples in the middle of 512
    spectrum = torch.stft(waveform, 512, HOP, window=window, pad_mode="reflect", return_complex=True)
    mel = _bank(257, n_mels, 0.0, 8000.0, None, "htk", False, waveform).T @ _power(spectrum)
    logarithm = mel.T.clamp(min=1e-10).log10()
    scaled = torch.maximum(logarithm, logarithm.amax() - 8.0) / 4 + 1
    stacked = scaled[: len(scaled) // 2 * 2].reshape(1, -1, encoder.input_dim)
    n_blocks = -(-stacked.shape[1] // config.window_size)
    n_tokens = n_blocks * (config.window_size // config.downsample_rate)
    return Heard(features=stacked, mask=stacked.new_ones((1, n_tokens), dtype=torch.bool), n_tokens=n_tokens)


def kaldi_filter_bank(waveform: torch.Tensor, config: Any) -> Heard:
    """Log filter-bank energies with pre-emphasis, frames of 25 ms without padding: Phi-4-multimodal."""
    import torch

    frames = waveform.unfold(-1, 400, HOP)
    before = torch.cat([frames[:, :1], frames[:, :-1]], dim=1)  # the first sample of a frame follows itself
    emphasised = (frames - 0.97 * before) * 32768
    window = torch.hamming_window(400, periodic=False, dtype=torch.float64, device=waveform.device)
    spectrum = torch.fft.rfft(window * emphasised, n=512, dim=-1).to(torch.complex64)
    energy = _power(spectrum) @ _bank(257, config.input_size, 0.0, 7690.0, None, "kaldi", True, waveform)
    features = energy.clamp(min=1.0).log()
    n_tokens = -(-len(features) // config.time_reduction)
    return Heard(features=features[None].to(waveform.dtype), mask=None, n_tokens=-(-n_tokens // config.downsample_rate))


def _unpadded(waveform: torch.Tensor, config: Any) -> torch.Tensor:
    """Log-mel frames of a clip that is followed by silence, shape (1, n_mels, ceil(n_samples / 160))."""
    import torch

    n_frames = _n_frames(len(waveform))
    padded = torch.nn.functional.pad(waveform, (0, (n_frames + 4) * HOP - len(waveform)))
    return log_mel(padded, n_mels=config.num_mel_bins)[None, :, :n_frames]


def _n_frames(n_samples: int) -> int:
    return -(-n_samples // HOP)


def _halved_twice(n_frames: int) -> int:
    """Audio tokens of `n_frames`, after a convolution and a pooling that each halve."""
    return max(0, ((n_frames - 1) // 2 - 1) // 2 + 1)


def _all(features: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.ones((1, features.shape[-1]), dtype=torch.long, device=features.device)


def _power(spectrum: torch.Tensor) -> torch.Tensor:
    return spectrum.real.square() + spectrum.imag.square()  # no root, whose slope is infinite at silence


def _hann(like: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.hann_window(400, dtype=like.dtype, device=like.device)


def _slaney(n_mels: int, like: torch.Tensor) -> torch.Tensor:
    return _bank(201, n_mels, 0.0, 8000.0, "slaney", "slaney", False, like)


def _bank(
    n_bins: int,
    n_mels: int,
    low_hz: float,
    high_hz: float,
    norm: str | None,
    scale: str,
    in_mel: bool,
    like: torch.Tensor,
) -> torch.Tensor:
    import torch

    return torch.from_numpy(_filters(n_bins, n_mels, low_hz, high_hz, norm, scale, in_mel)).to(like.device, like.dtype)


@functools.cache
def _filters(
    n_bins: int, n_mels: int, low_hz: float, high_hz: float, norm: str | None, scale: str, in_mel: bool
) -> np.ndarray:
    from transformers.audio_utils import mel_filter_bank

    return mel_filter_bank(
        num_frequency_bins=n_bins,
        num_mel_filters=n_mels,
        min_frequency=low_hz,
        max_frequency=high_hz,
        sampling_rate=SAMPLE_RATE,
        norm=norm,
        mel_scale=scale,
        triangularize_in_mel_space=in_mel,
    ).astype(np.float32)
