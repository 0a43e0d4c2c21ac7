"""What detectors by a network share: clips at one rate, windows of one length, and weights that a user gives."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from earnest import registry
from earnest.audio import AudioClip
from earnest.errors import BadAudio, BadData, BadParameter

Samples = NDArray[np.float32]


def heard(clip: AudioClip, sample_rate: int) -> Samples:
    """The clip's samples at a rate.

    Raises
    ------
    BadAudio
        If it is silent.
    """
    if clip.peak == 0.0:
        raise BadAudio("a clip must hold sound to be scored as bona fide or spoofed, got silence")
    return clip.resampled(sample_rate).samples


def fixed(samples: Samples, n_samples: int) -> Samples:
    """The first `n_samples`; a shorter clip is repeated until it fills them, as in the baselines of ASVspoof."""
    return np.resize(samples, n_samples) if len(samples) < n_samples else samples[:n_samples]


def windows(samples: Samples, n_samples: int, *, every: bool) -> list[Samples]:
    """The first window, or as many as the clip needs, the last of them ending where it ends."""
    if not every or len(samples) <= n_samples:
        return [fixed(samples, n_samples)]
    n_windows = -(-len(samples) // n_samples)
    starts = [min(place * n_samples, len(samples) - n_samples) for place in range(n_windows)]
    return [samples[start : start + n_samples] for start in starts]


def state_of(path: Path, *, needed_by: str) -> Mapping[str, Any]:
    """The tensors by name in a checkpoint: a PyTorch state dictionary or safetensors; nothing in it is executed.

    Raises
    ------
    BadParameter
        If there is no such file.
    BadData
        If it holds no tensors by name.
    MissingExtra
        If torch is not installed.
    """
    torch = registry.extra("torch", needed_by=needed_by)
    if not path.is_file():
        raise BadParameter(f"weights of {needed_by} must be a file, got {str(path)!r}, which is none; check the path")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, SafetensorError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise BadData(
            f"{path} must hold tensors by name (a PyTorch state dictionary, or safetensors), got "
            f"{type(error).__name__}: {str(error).splitlines()[0][:160] if str(error) else ''}; give the authors' checkpoint"
        ) from error
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise BadData(f"{path} must hold tensors by name, got {type(state).__name__}; give a state dictionary")
    return state


def load_strictly(network: Any, state: Mapping[str, Any], *, path: Path, needed_by: str) -> None:
    """Put the checkpoint into the network, with no key missing, left over or of another shape.

    Raises
    ------
    BadData
        If the checkpoint is one of another network; all differences.
    """
    own = network.state_dict()
    faults = [f"{name} is missing" for name in sorted(own.keys() - state.keys())]
    faults += [f"{name} belongs to no part of the network" for name in sorted(state.keys() - own.keys())]
    faults += [
        f"{name} must have the shape {tuple(own[name].shape)}, got {tuple(state[name].shape)}"
        for name in sorted(own.keys() & state.keys())
        if own[name].shape != state[name].shape
    ]
    if faults:
        raise BadData(f"{path} is no checkpoint of {needed_by}; give the one that its authors publish", faults)
    network.load_state_dict(state, strict=True)
