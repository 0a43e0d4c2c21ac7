"""Reading the reference model's weights: one safetensors file of 16-bit floats, its vocabulary and its manifest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from earnest.errors import BadData, BadParameter
from earnest.models.reference.vocabulary import Vocabulary

SHIPPED = Path(__file__).with_name("weights")
WEIGHTS = "reference.safetensors"
GRAPHS = ("encoder.onnx", "decoder.onnx")
FILES = (WEIGHTS, *GRAPHS, "vocabulary.txt", "manifest.json")
MAX_BYTES = 512 * 2**20
"""Of a file of weights: they are held as 32-bit floats, twice while they are read."""

MAX_SECONDS = 12.0
MAX_TEXT = 95


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """All tensors of a safetensors file, as float32 arrays.

    Raises
    ------
    BadData
        If the file is none, is cut, holds what numpy has no numbers for, or is larger than `MAX_BYTES`.
    """
    if path.stat().st_size > MAX_BYTES:
        raise BadData(
            f"{path} must have at most {MAX_BYTES // 2**20} MB, got {path.stat().st_size // 2**20}; take a smaller checkpoint"
        )
    try:
        return {name: array.astype(np.float32) for name, array in load_file(path).items()}
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise BadData(f"{path} must be a whole safetensors file of numbers, got {error}; fetch it again") from error


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
    def files(self) -> tuple[Path, ...]:
        """Everything that is loaded: weights, graphs, vocabulary and manifest."""
        return tuple(self.folder / name for name in FILES)

    @property
    def shape(self) -> dict[str, int]:
        """Sizes of the network."""
        return self.manifest["shape"]

    @property
    def causal(self) -> bool:
        """Whether the encoder hears the past alone, at a running level."""
        return bool(self.shape.get("causal", False))

    def calibrated(self, name: str, evidence: float) -> float:
        """Log odds from the evidence for an answer, by the line that was fitted on held-out clips; 0 is even."""
        slope, offset = self.manifest.get("calibration", {}).get(name, (1.0, 0.0))
        return float(slope * evidence + offset)

    @classmethod
    def open(cls, folder: Path | None = None) -> Checkpoint:
        """The checkpoint in a folder; None means the shipped one."""
        folder = Path(folder) if folder is not None else SHIPPED
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            raise BadParameter(
                f"{folder} must hold the files of a reference model, but {', '.join(missing)} is missing; reinstall earnest or export with scripts/train_reference"
            )
        try:
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            manifest["shape"].items()
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BadData(
                f"{folder / 'manifest.json'} must be JSON with the sizes of the network under shape, got {error!r}; export it again"
            ) from error
        return cls(folder=folder, vocabulary=Vocabulary.read(folder / "vocabulary.txt"), manifest=manifest)


def checked_clip(clip: np.ndarray, *, name: str = "clip") -> np.ndarray:
    """The clip as a float32 array.

    Raises
    ------
    BadParameter
        If it is not one-dimensional, not of floats or not finite.
    """
    clip = np.asarray(clip)
    if clip.ndim != 1 or clip.dtype.kind != "f":
        raise BadParameter(
            f"{name} must be a float32 array of shape (n_samples,), got a {clip.dtype} array of shape {clip.shape}; "
            "mix down to mono floats at 16 kHz"
        )
    if not np.isfinite(clip).all():
        n_bad = int((~np.isfinite(clip)).sum())
        raise BadParameter(f"{name} must be finite, got {n_bad} samples that are not; look where they come from")
    return clip.astype(np.float32, copy=False)
