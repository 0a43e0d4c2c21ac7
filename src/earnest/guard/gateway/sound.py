"""Audio as it stands in events: base64 of 16-bit PCM, or of G.711 at 8 kHz."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import numpy as np

from earnest.errors import BadAudio

BYTES = {"pcm16": 2, "mulaw": 1, "alaw": 1}
SILENT = {"pcm16": b"\x00", "mulaw": b"\xff", "alaw": b"\xd5"}


@dataclass(frozen=True, slots=True)
class Sound:
    """The audio of one event, still in base64."""

    payload: str
    encoding: str
    sample_rate: int

    @property
    def n_bytes(self) -> int:
        return len(self.payload) * 3 // 4 - self.payload[-2:].count("=")

    @property
    def duration_s(self) -> float:
        return self.n_bytes / BYTES[self.encoding] / self.sample_rate

    def silenced(self, spans: list[tuple[float, float]]) -> str:
        """The payload with silence in the spans, in seconds from its start."""
        data = bytearray(decoded(self.payload))
        width = BYTES[self.encoding]
        for start_s, end_s in spans:
            start = max(0, int(start_s * self.sample_rate)) * width
            end = min(len(data), int(np.ceil(end_s * self.sample_rate)) * width)
            if end > start:
                data[start:end] = SILENT[self.encoding] * (end - start)
        return base64.b64encode(data).decode()


def decoded(payload: str) -> bytes:
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadAudio("the event's audio is not base64; correct the sender") from error


def samples(data: bytes, encoding: str) -> np.ndarray:
    """Floats from -1 to 1 of whole samples."""
    if encoding == "pcm16":
        return np.frombuffer(data, "<i2").astype(np.float32) / 32768
    return _LEVELS[encoding][np.frombuffer(data, np.uint8)]


def _mulaw_levels() -> np.ndarray:
    """Level of every code by ITU-T G.711: sign, three bits of segment, four of step, all inverted."""
    codes = ~np.arange(256, dtype=np.uint8)
    steps = (((codes & 15).astype(np.int32) << 3) + 132 << ((codes >> 4) & 7)) - 132
    return (np.where(codes & 128, -steps, steps) / 32768).astype(np.float32)


def _alaw_levels() -> np.ndarray:
    codes = np.arange(256, dtype=np.uint8) ^ 0x55
    segment, step = ((codes >> 4) & 7).astype(np.int32), ((codes & 15).astype(np.int32) << 4) + 8
    steps = np.where(segment == 0, step, (step + 256) << np.maximum(segment - 1, 0))
    return (np.where(codes & 128, steps, -steps) / 32768).astype(np.float32)


_LEVELS = {"mulaw": _mulaw_levels(), "alaw": _alaw_levels()}
