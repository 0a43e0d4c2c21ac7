"""Clips as a page shows them: a spectrogram as a small PNG, the sound itself inside the page or beside it."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip
from earnest.audio.files import encoded
from earnest.errors import EarnestError
from earnest.run_folder import clip_file

WIDTH, HEIGHT = 440, 88
"""Size of a spectrogram in pixels: time by frequency."""

SMALL_WIDTH, SMALL_HEIGHT = 300, 64
"""Of one among many."""

N_COLOURS = 32
"""Steps of a spectrogram's colours; more are not seen, and cost a third of its bytes."""

RANGE_DB = 70.0
"""What lies more than this below the loudest point is shown as silence."""

MAX_FLAC_BYTES = 500_000
"""A larger clip goes into the page as MP3, and the page says so; the exact file stays in the run folder."""

_MP3_RATES = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)
"""MP3 plays in every browser, and libsndfile gives the same bytes each time: its Ogg streams bear a random number."""

_COLOURS = ((8, 10, 28), (45, 24, 92), (122, 35, 112), (196, 60, 84), (242, 120, 52), (252, 200, 88), (255, 252, 214))


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A clip on the page.

    Parameters
    ----------
    digest : str
        SHA-256 of the clip; it lies at `clips/<digest><suffix>`.
    suffix : str
        `.flac`, or `.wav` of a clip that came uncompressed.
    role : str
    duration_s, top_khz : float
        Right and upper end of the spectrogram; it begins at 0 s and 0 kHz.
    image : str
        The spectrogram as a data URI.
    sound : str
        The sound as a data URI; empty where the page's budget was spent.
    note : str
        What was changed for the page.
    """

    digest: str
    suffix: str
    role: str
    duration_s: float
    top_khz: float
    image: str
    sound: str
    note: str = ""


class Budget:
    """How many bytes of sound and picture a page may still hold."""

    def __init__(self, n_bytes: int) -> None:
        self.left = n_bytes

    def take(self, data: str) -> str:
        """`data` where it still fits, else nothing."""
        if len(data) > self.left:
            return ""
        self.left -= len(data)
        return data


def picture(
    folder: Path, digest: str, *, role: str, budget: Budget, most_bytes: int = MAX_FLAC_BYTES, small: bool = False
) -> Picture | None:
    """The clip of a run folder with this digest; None where it is missing or cannot be read.

    A file of more than `most_bytes` is held as MP3, a quarter of the bytes, and the page says so.
    """
    try:
        path = clip_file(folder, digest)
        clip = AudioClip.read(path)
    except EarnestError:
        return None
    width, height = (SMALL_WIDTH, SMALL_HEIGHT) if small else (WIDTH, HEIGHT)
    image = budget.take(data_uri(png(spectrogram(clip, width=width, height=height)), "image/png"))
    sound, note = _sound(clip, path, most_bytes=most_bytes)
    sound = budget.take(sound)
    return Picture(
        digest=digest,
        suffix=path.suffix,
        role=role,
        duration_s=clip.duration_s,
        top_khz=clip.sample_rate / 2000,
        image=image,
        sound=sound,
        note=note if sound else "",
    )


def data_uri(data: bytes, kind: str) -> str:
    """The bytes as a URI that needs no network."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def spectrogram(
    clip: AudioClip, *, width: int = WIDTH, height: int = HEIGHT, loudest: float | None = None
) -> NDArray[np.uint8]:
    """Level of a clip over time and frequency, 0 being `RANGE_DB` below its loudest point or lower, 255 the loudest.

    `loudest` is another clip's loudest point, as a power, where this one is to be shown on its scale.

    Returns
    -------
    uint8 array, shape (height, width)
        The top row is half the sample rate, the bottom row 0 Hz; silence gives zeros.
    """
    bands = _bands(clip, width=width, height=height)
    top = float(bands.max()) if loudest is None else loudest
    if top <= 0:
        return np.zeros((height, width), dtype=np.uint8)
    level = 10 * np.log10(np.maximum(bands / top, 1e-12)) / RANGE_DB + 1
    return np.flipud((np.clip(level, 0, 1) * 255).astype(np.uint8).T)


def _bands(clip: AudioClip, *, width: int, height: int) -> NDArray[np.float32]:
    """Power over time and frequency, float32 of shape (width, height), frequency rising."""
    n_fft = 1 << max(7, round(float(np.log2(clip.sample_rate * 0.032))))
    samples = np.pad(np.asarray(clip.samples, dtype=np.float32), n_fft // 2)
    starts = np.linspace(0, max(0, samples.size - n_fft), num=width).astype(np.int64)
    frames = np.lib.stride_tricks.sliding_window_view(samples, n_fft)[np.minimum(starts, samples.size - n_fft)]
    power = np.abs(np.fft.rfft(frames * np.hanning(n_fft).astype(np.float32), axis=1)) ** 2
    edges = np.linspace(0, power.shape[1], num=height + 1).astype(np.int64)
    return np.maximum.reduceat(power, np.minimum(edges[:-1], power.shape[1] - 1), axis=1)


def _loudest(clip: AudioClip) -> float:
    return float(_bands(clip, width=WIDTH, height=HEIGHT).max())


def change_picture(*, clean: AudioClip, changed: AudioClip) -> tuple[NDArray[np.uint8], str]:
    """What was changed from one clip to the other, on the axes of `spectrogram`, and what the picture shows in words.

    Where both have one length, it is the spectrum of their difference, on the scale of the clean clip: 255 is as loud as the
    loudest point of that. Else no sample of one belongs to a sample of the other, and it is the difference of the two
    pictures, stretched to one length.

    Returns
    -------
    uint8 array, shape (height, width)
    str
    """
    if clean.samples.size == changed.samples.size and clean.sample_rate == changed.sample_rate:
        rest = AudioClip((changed.samples - clean.samples).astype(np.float32), clean.sample_rate)
        return spectrogram(rest, loudest=_loudest(clean)), "what was added, on the scale of the clean clip"
    before, after = (spectrogram(clip).astype(np.int16) for clip in (clean, changed))
    return np.abs(after - before).astype(np.uint8), "difference of the two pictures, stretched to one length"


def png(levels: NDArray[np.uint8]) -> bytes:
    """Levels, uint8 of shape (height, width), as a PNG with a palette of 32 colours, dark to light."""
    height, width = levels.shape
    rows = np.zeros((height, width + 1), dtype=np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = levels // (256 // N_COLOURS)
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", head), (b"PLTE", _palette()), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _palette() -> bytes:
    anchors = np.linspace(0, N_COLOURS - 1, num=len(_COLOURS))
    channels = [np.interp(np.arange(N_COLOURS), anchors, channel) for channel in zip(*_COLOURS, strict=True)]
    return np.round(np.stack(channels, axis=1)).astype(np.uint8).tobytes()


def _sound(clip: AudioClip, path: Path, *, most_bytes: int) -> tuple[str, str]:
    """The clip as a data URI, and what was changed; above `most_bytes` it is compressed."""
    data = clip.flac_bytes() if path.suffix == ".wav" else path.read_bytes()  # a page need not be larger for it
    if len(data) <= most_bytes:
        return data_uri(data, "audio/flac"), ""
    sample_rate = next((rate for rate in _MP3_RATES if rate <= clip.sample_rate), 8_000)
    small = encoded(clip.resampled(sample_rate).samples, sample_rate, kind="mp3")
    return data_uri(small, "audio/mpeg"), "MP3 in this page, exact in the linked file"
