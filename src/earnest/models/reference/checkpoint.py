"""Reading the reference model's weights: one safetensors file of 16-bit floats, its vocabulary and its manifest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from earnest.errors import BadParameter
from earnest.models.reference.vocabulary import Vocabulary

SHIPPED = Path(__file__).with_name("weights")
WEIGHTS = "reference.safetensors"
GRAPHS = ("encoder.onnx", "decoder.onnx")
MAX_SECONDS = 12.0
MAX_TEXT = 95


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """All tensors of a safetensors file, as float32 arrays."""
    return {name: array.astype(np.float32) for name, array in load_file(path).items()}


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A folder with weights, vocabulary and manifest."""

    folder: Path
    vocabulary: Vocabulary
    manifest: dict

    @property
    def weights(self) -> Path:
        """The safetensors file."""
        return self.folder / WEIGHTS

    @property
    def shape(self) -> dict[str, int]:
        """Sizes of the network."""
        return self.manifest["shape"]

    @classmethod
    def open(cls, folder: Path | None = None) -> Checkpoint:
        """The checkpoint in a folder; None means the shipped one."""
        folder = Path(folder) if folder is not None else SHIPPED
        missing = [name for name in (WEIGHTS, *GRAPHS, "vocabulary.txt", "manifest.json") if not (folder / name).is_file()]
        if missing:
            raise BadParameter(f"{folder} must hold the files of a reference model, but {', '.join(missing)} is missing; reinstall earnest or export with scripts/train_reference")
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        return cls(folder=folder, vocabulary=Vocabulary.read(folder / "vocabulary.txt"), manifest=manifest)


def checked_clips(clips, prompts) -> list[np.ndarray]:  # noqa: ANN001
    """The clips as float32 arrays.

    Raises
    ------
    BadParameter
        If a clip is not one-dimensional, not of floats or not finite, or the numbers of clips and prompts differ.
    """
    clips = list(clips)
    if len(clips) != len(prompts) or isinstance(prompts, str):
        raise BadParameter(f"prompts must be a sequence with one prompt a clip, got {len(prompts)} for {len(clips)} clips; repeat the prompt")
    out = []
    for i, clip in enumerate(clips):
        clip = np.asarray(clip)
        if clip.ndim != 1 or clip.dtype.kind != "f":
            raise BadParameter(f"clip {i} must be a float32 array of shape (n_samples,), got a {clip.dtype} array of shape {clip.shape}; mix down to mono floats at 16 kHz")
        if not np.isfinite(clip).all():
            raise BadParameter(f"clip {i} must be finite, got {int((~np.isfinite(clip)).sum())} samples that are not; look where they come from")
        out.append(clip.astype(np.float32, copy=False))
    return out
