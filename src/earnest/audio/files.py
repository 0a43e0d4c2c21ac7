"""Reading and writing audio files: libsndfile for what it knows, PyAV (`earnest[codecs]`) for the rest.

The content decides what a file is. Channels come back as float32, shape (n_channels, n_samples), full scale at 1.0,
at the file's own rate. Lossless files are written with 16 bits, in the same rounding wherever earnest rounds.
"""

from __future__ import annotations

import io
import os
import secrets
import struct
import warnings
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from earnest import registry
from earnest.audio.levels import to_pcm16
from earnest.errors import BadAudio, BadParameter, StorageFailed, machine_failed

SUFFIXES = {
    ".wav": {"WAV", "WAVEX", "RF64", "W64", "NIST"},
    ".flac": {"FLAC", "OGG"},
    ".ogg": {"OGG"},
    ".oga": {"OGG"},
    ".opus": {"OGG"},
    ".mp3": {"MP3"},
    ".aiff": {"AIFF"},
    ".aif": {"AIFF"},
    ".au": {"AU"},
    ".caf": {"CAF"},
}
"""Suffixes read without extras, and the container that each promises."""

CODEC_SUFFIXES = (".m4a", ".mp4", ".aac", ".webm", ".mka", ".mkv", ".amr", ".wma", ".spx", ".ac3", ".3gp", ".mov")
"""Suffixes read with `earnest[codecs]`."""

AUDIO_SUFFIXES = (*SUFFIXES, *CODEC_SUFFIXES)
"""Every suffix that makes a file in a folder count as audio."""

KINDS = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
"""What can be written: the suffix, libsndfile's container and its coding."""

_NATIVE = (b"RIFF", b"RF64", b"fLaC", b"OggS", b"FORM", b"ID3")  # libsndfile reads these, if anything does
_MARKS = (b"RIFF", b"OggS", b"\x1aE\xdf\xa3", b"#!AMR", b"\x30\x26\xb2\x75", b"ID3", b"\xff\xf1", b"\xff\xf9", b"\x0bw")
_UNKNOWN_SIZE = 0x7FFF0000  # a WAV that was streamed carries 0 or a huge size
_MP3_SLACK = 4 * 1152
_BLOCK = 65_536  # libsndfile's Vorbis writer keeps a block on the stack


def read_audio(path: str | Path, *, max_duration_s: float) -> tuple[np.ndarray, int]:
    """Channels, float32 of shape (n_channels, n_samples), and sample rate in Hz of the file at `path`."""
    path = Path(path)
    name = repr(str(path))
    if not path.is_file():
        what = "a folder" if path.is_dir() else "nothing"
        raise BadAudio(f"an audio file must be at {name}, got {what} there; check the path")
    try:
        with path.open("rb") as handle:
            channels, sample_rate, container = _decoded(handle, name, max_duration_s)
    except OSError as error:
        if fault := machine_failed(error):
            raise fault from error
        raise BadAudio(f"{name} must be readable, got {error.strerror or error}; check its permissions") from error
    promised = SUFFIXES.get(path.suffix.lower())
    if promised and container not in promised:
        # up through read_audio, the closure and _named to the caller of AudioClip.read
        warnings.warn(
            f"{name} holds {container}, not what its suffix says; it was read as {container}: rename it", stacklevel=5
        )
    return channels, sample_rate


def decode_audio(data: bytes, *, max_duration_s: float) -> tuple[np.ndarray, int]:
    """Channels, float32 of shape (n_channels, n_samples), and sample rate in Hz of an audio file's bytes."""
    channels, sample_rate, _ = _decoded(io.BytesIO(data), f"{len(data)} bytes of audio", max_duration_s)
    return channels, sample_rate


def _decoded(handle: BinaryIO, name: str, max_duration_s: float) -> tuple[np.ndarray, int, str]:
    import soundfile

    size = handle.seek(0, os.SEEK_END)
    handle.seek(0)
    head = handle.read(64)
    if not head:
        raise BadAudio(f"{name} must hold audio, got an empty file; fetch it again or leave it out")
    _check_wav_is_whole(handle, name, size)
    handle.seek(0)
    try:
        file = soundfile.SoundFile(handle)
    except soundfile.LibsndfileError as error:
        handle.seek(0)
        return _decoded_by_pyav(handle, name, head, str(error), max_duration_s)
    with file:
        n_samples, sample_rate, container = file.frames, file.samplerate, file.format
        _check_duration(n_samples / sample_rate, name, max_duration_s)
        try:
            channels = file.read(n_samples, dtype="float32", always_2d=True).T
        except soundfile.LibsndfileError as error:
            raise _cut_short(name, str(error)) from error
    # the length of an MP3 is only known to within a few frames
    if channels.shape[1] < n_samples - (_MP3_SLACK if container == "MP3" else 0):
        raise _cut_short(name, f"{channels.shape[1]} of {n_samples} samples")
    if channels.shape[1] == 0:
        raise BadAudio(f"{name} must hold at least one sample, got none; fetch it again or leave it out")
    return channels, sample_rate, container


def _check_wav_is_whole(handle: BinaryIO, name: str, size: int) -> None:
    """Refuse a WAV whose data chunk promises more than the file holds; libsndfile would read on as if it were whole."""
    handle.seek(0)
    head = handle.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return
    start = 12
    while start + 8 <= size:
        handle.seek(start)
        mark, length = struct.unpack("<4sI", handle.read(8))
        if mark == b"data":
            if start + 8 + length > size and length < _UNKNOWN_SIZE:
                raise _cut_short(name, f"{size - start - 8} of {length} bytes")
            return
        start += 8 + length + length % 2


def _decoded_by_pyav(
    handle: BinaryIO, name: str, head: bytes, reason: str, max_duration_s: float
) -> tuple[np.ndarray, int, str]:
    if not _for_pyav(head) and not registry.has_extra("av"):
        raise BadAudio(
            f"{name} must hold audio (WAV, FLAC, Ogg, MP3, AIFF, ...), got something else ({reason.strip()}); "
            'convert it to WAV, or install more codecs with: pip install "earnest[codecs]"'
        )
    av = registry.extra("av", needed_by=f"reading {name}")
    blocks: list[np.ndarray] = []
    n_samples = 0
    try:
        with av.open(handle) as container:
            if not container.streams.audio:
                raise BadAudio(f"{name} must hold an audio stream, got none; check the file")
            if container.duration:
                _check_duration(container.duration / av.time_base, name, max_duration_s)
            stream = container.streams.audio[0]
            to_float = av.AudioResampler(format="fltp")
            for frame in _with_flush(container.decode(stream)):
                for block in to_float.resample(frame):
                    blocks.append(block.to_ndarray())
                    n_samples += blocks[-1].shape[1]
                    _check_duration(n_samples / stream.rate, name, max_duration_s)
            sample_rate, kind = stream.rate, container.format.name
    except av.error.FFmpegError as error:
        raise BadAudio(
            f"{name} must hold whole audio that can be decoded, got {error.strerror or error}; "
            "check the file, or convert it to WAV"
        ) from error
    if n_samples == 0:
        raise BadAudio(f"{name} must hold at least one sample, got none; fetch it again or leave it out")
    return np.concatenate(blocks, axis=1), sample_rate, kind


def _for_pyav(head: bytes) -> bool:
    """Whether a file that begins like this is audio of a kind that only PyAV reads."""
    return (head.startswith(_MARKS) or head[4:8] == b"ftyp") and not head.startswith(_NATIVE)


def needs_codecs(path: Path) -> bool:
    """Whether the file is audio that is read with `earnest[codecs]` alone, by its first bytes; False where there is none."""
    if not path.is_file():
        return False
    with path.open("rb") as handle:
        return _for_pyav(handle.read(64))


def _with_flush(frames: Any) -> Any:
    yield from frames
    yield None


def _check_duration(duration_s: float, name: str, max_duration_s: float) -> None:
    if duration_s > max_duration_s:
        raise BadAudio(
            f"{name} must last at most {max_duration_s:g} s, got {duration_s:.1f} s; cut it, or raise max_duration_s"
        )


def _cut_short(name: str, got: str) -> BadAudio:
    return BadAudio(f"{name} must be a whole audio file, got one that is cut short ({got}); fetch it again")


def wav_bytes(pcm: np.ndarray, sample_rate: int) -> bytes:
    """A mono 16-bit PCM WAV file of the int16 samples."""
    data = pcm.astype("<i2", copy=False).tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16)
    return (
        struct.pack("<4sI4s", b"RIFF", 36 + len(data), b"WAVE") + form + struct.pack("<4sI", b"data", len(data)) + data
    )


def encoded(samples: np.ndarray, sample_rate: int, *, kind: str, compression_level: float | None = None) -> bytes:
    """The samples as an audio file in memory.

    Parameters
    ----------
    samples : float32 array, shape (n_samples,)
        Amplitudes beyond full scale are clipped.
    sample_rate : int
        In Hz.
    kind : str
        One of `KINDS`.
    compression_level : float in [0, 1] or None
        libsndfile's, for lossy kinds: 0 is the best quality; None takes its default.

    Raises
    ------
    BadParameter
        If the kind is unknown or does not take the sample rate.
    """
    if kind not in KINDS:
        raise BadParameter(f"audio is written as {', '.join(KINDS)}, got {kind!r}; choose one of these")
    if kind == "wav":
        return wav_bytes(to_pcm16(samples), sample_rate)
    import soundfile

    container, coding = KINDS[kind]
    # libsndfile scales floats by 32767 but reads them back by 32768, so lossless files get integers
    content = to_pcm16(samples) if coding == "PCM_16" else np.clip(samples, -1.0, 1.0)
    options: dict[str, Any] = {} if compression_level is None else {"compression_level": compression_level}
    if compression_level is not None and kind == "mp3":
        options["bitrate_mode"] = "CONSTANT"
    file_bytes = io.BytesIO()
    try:
        with soundfile.SoundFile(
            file_bytes, "w", sample_rate, channels=1, format=container, subtype=coding, **options
        ) as file:
            for start in range(0, len(content), _BLOCK):
                file.write(content[start : start + _BLOCK])
    except soundfile.LibsndfileError as error:
        raise BadParameter(
            f"{kind} must be able to hold the sample rate, got {sample_rate} Hz ({error}); "
            "resample first with clip.resampled(16000), or write .flac"
        ) from error
    return file_bytes.getvalue()


def write_audio(path: str | Path, samples: np.ndarray, sample_rate: int) -> None:
    """Write the samples to `path` as its suffix says; the file appears whole or not at all."""
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise BadParameter(
            f"the suffix must be one of {', '.join('.' + kind for kind in KINDS)}, got {path.suffix!r} in {str(path)!r}; "
            "choose one of these"
        )
    data = encoded(samples, sample_rate, kind=kind)
    try:
        _write_whole(path, data)
    except OSError as error:
        raise StorageFailed(
            f"{str(path)!r} must be writable, got {error.strerror or error}; make the folder, or free some space"
        ) from error


def _write_whole(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as handle:
            handle.write(data)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
