"""Writes the set: clips, manifest, log of the admission, card."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from earnest.audio import AudioClip

from .studio import Row


def clip(row: Row) -> AudioClip:
    return AudioClip(row.samples.astype(np.float32), 16_000).quantised()


def n_bytes(rows: Sequence[Row]) -> int:
    """Bytes of the clips as FLAC."""
    return sum(len(clip(row).flac_bytes()) for row in rows)
