"""Spoken answers: recordings in base64, whole or in the pieces of a stream.

Whole ones are files. Streams carry raw samples (16 bits, little-endian, one channel, 24 kHz), as OpenAI, the gateways
before it and Qwen's own API send them, whether `pcm16` or `wav` was asked for; or one file cut in pieces; or, from
vLLM-Omni, a small file in each piece.
"""

from __future__ import annotations

import base64
import binascii
import itertools
from collections.abc import Sequence

import numpy as np

from earnest.audio import AudioClip
from earnest.errors import BadAudio, ModelFailed

RAW_RATE = 24_000
"""Rate of raw samples in Hz; no reply says it."""

_FILES = (b"RIFF", b"OggS", b"fLaC", b"ID3")
"""What files with a recording begin with, of those that endpoints stream."""


def spoken_clip(data: str | Sequence[str]) -> AudioClip | None:
    """The recording in base64: a file, or a stream's pieces; None where a stream carried no sample.

    Raises
    ------
    ModelFailed
        `bad_response`, if it cannot be read.
    """
    try:
        return AudioClip.from_bytes(base64.b64decode(data)) if isinstance(data, str) else _streamed(data)
    except (BadAudio, binascii.Error) as error:
        raise ModelFailed(
            f"the spoken answer must be a WAV file, or raw samples in a stream: {error}",
            reason="bad_response",
            retryable=True,
        ) from error


def _streamed(pieces: Sequence[str]) -> AudioClip | None:
    data = _decoded(pieces)
    first = data[0] if data else b""
    if first.startswith(_FILES):
        return _of_files(data)
    raw = b"".join(data)
    if len(raw) % 2:
        raise BadAudio(f"raw samples of 16 bits must be an even number of bytes, got {len(raw)}; ask again")
    samples = np.frombuffer(raw, dtype="<i2").astype(np.float32) / 32_768
    return AudioClip(samples, RAW_RATE) if samples.size else None


def _decoded(pieces: Sequence[str]) -> list[bytes]:
    """The bytes of each piece; one that was cut where its base64 cannot be is put before the next."""
    data, left = [], ""
    for piece in pieces:
        left += piece
        if len(left) % 4 == 0:
            data.append(base64.b64decode(left))
            left = ""
    if left:
        data.append(base64.b64decode(left))  # raises: it is no whole base64
    return [one for one in data if one]


def _of_files(data: Sequence[bytes]) -> AudioClip:
    """The recording in one file that was cut in pieces, or in files that follow each other."""
    starts = [place for place, one in enumerate(data) if one.startswith(data[0][:4])]
    files = [b"".join(data[begin:end]) for begin, end in itertools.pairwise([*starts, len(data)])]
    clips = [AudioClip.from_bytes(file) for file in files]
    if len({clip.sample_rate for clip in clips}) > 1:
        raise BadAudio(
            f"pieces must have one rate, got {', '.join(sorted({f'{clip.sample_rate} Hz' for clip in clips}))}; ask again"
        )
    return (
        clips[0]
        if len(clips) == 1
        else AudioClip(np.concatenate([clip.samples for clip in clips]), clips[0].sample_rate)
    )
