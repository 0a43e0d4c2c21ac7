"""Reading and writing audio files: libsndfile for what it knows, PyAV (`earnest[codecs]`) for the rest.

The content decides what a file is. Channels come back as float32, shape (n_channels, n_samples), full scale at 1.0,
at the file's own rate. Lossless files are written with 16 bits, in the same rounding wherever earnest rounds.
"""

from __future__ import annotations

import io
import math
import os
import secrets
import struct
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from earnest import registry
from earnest.audio import containers
from earnest.audio.clip import MAX_CHANNELS, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE
from earnest.audio.levels import PCM16_SCALE, to_pcm16
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
    ".aifc": {"AIFF"},
    ".au": {"AU"},
    ".snd": {"AU"},
    ".w64": {"W64"},
    ".rf64": {"RF64", "WAV"},
    ".sph": {"NIST"},
    ".caf": {"CAF"},
}
"""Suffixes read without extras, and the container that each promises."""

CODEC_SUFFIXES = (
    ".m4a",
    ".mp4",
    ".aac",
    ".webm",
    ".mka",
    ".mkv",
    ".amr",
    ".wma",
    ".spx",
    ".ac3",
    ".eac3",
    ".3gp",
    ".mov",
)
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

_BY_LIBSNDFILE = frozenset({"wav", "rf64", "w64", "aiff", "au", "caf", "flac", "ogg", "nist", "mp3"})
_DEMUXERS = ("wav", "aiff", "caf", "ogg", "mp3", "aac", "ac3", "eac3", "amr", "asf", "mov", "matroska")
"""What PyAV may take a file for, each recognised by its first bytes: FFmpeg's own guess opens sockets for a text."""

_MP3_SLACK = 4 * 1152
_UNKNOWN_LENGTH = 2**62
_PART_SLACK_S = 0.1
_VALUES_PER_S = 2 * 48_000
_LONGEST_S = 3600.0
_MAX_FRAMES_BYTES = 512 * 2**20
_PYAV_SLACK_S, _PYAV_SLACK = 0.25, 0.01
"""How much shorter than its container says a whole file may be: encoders' delay and padding count as they like."""

_BLOCK = 65_536  # libsndfile's Vorbis writer keeps a block on the stack


@dataclass(frozen=True, kw_only=True)
class Part:
    """The part of a file that is taken.

    Parameters
    ----------
    start_s : float
        From the start of the file, in s.
    end_s : float or None
        None is the end of the file; an end of up to 0.1 s behind that of the file is a rounded one.
    channel : int or None
        From 0; None mixes all channels.
    """

    start_s: float = 0.0
    end_s: float | None = None
    channel: int | None = None


@dataclass(frozen=True, kw_only=True)
class _Request:
    """What is read of which file, and the budget for it."""

    name: str
    max_duration_s: float
    part: Part

    def n_samples(self, n_in_file: float, sample_rate: int) -> tuple[int, int]:
        """First sample of the part, and the one after its last, where the file has so many."""
        start = round(self.part.start_s * sample_rate)
        end = n_in_file if self.part.end_s is None else round(self.part.end_s * sample_rate)
        if start >= n_in_file or end > n_in_file + _PART_SLACK_S * sample_rate:
            raise BadAudio(
                f"{self.name} must hold the part from {self.part.start_s:g} s to {self.part.end_s or math.inf:g} s, got a file of "
                f"{n_in_file / sample_rate:.3f} s; mend its start_s and end_s, or fetch the file again"
            )
        return start, int(min(end, n_in_file))

    def check_budget(self, n_samples: float, sample_rate: int, n_channels: int) -> None:
        """Refuse what is too long, or whose rate, channels and duration together take too much memory."""
        if not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
            raise BadAudio(
                f"{self.name} must have a sample rate from {MIN_SAMPLE_RATE:,} to {MAX_SAMPLE_RATE:,} Hz, got "
                f"{sample_rate:,} Hz; convert it to WAV at 16000 Hz"
            )
        if not 1 <= n_channels <= MAX_CHANNELS:
            raise BadAudio(f"{self.name} must have from 1 to {MAX_CHANNELS} channels, got {n_channels}; mix it down")
        duration_s = n_samples / sample_rate
        if duration_s > self.max_duration_s:
            raise BadAudio(
                f"{self.name} must last at most {self.max_duration_s:g} s, got {duration_s:.1f} s; cut it, or raise max_duration_s"
            )
        most = _VALUES_PER_S * max(self.max_duration_s, _LONGEST_S)
        if n_samples * max(2, n_channels) > most:  # mono is counted as stereo: what is kept is one channel of floats
            raise BadAudio(
                f"{self.name} must hold at most {most:,.0f} values (an hour of stereo at 48 kHz), got {sample_rate:,} Hz x "
                f"{n_channels} channels x {duration_s:.1f} s; cut it, or convert it to mono at 16000 Hz"
            )

    def mixed(self, channels: np.ndarray) -> np.ndarray:
        """The wanted channel of samples of shape (n_channels, n_samples), or the mean of all; float32."""
        if self.part.channel is not None:
            if self.part.channel >= len(channels):
                raise BadAudio(
                    f"{self.name} must have a channel {self.part.channel}, counted from 0, got {len(channels)}; mend the column channel"
                )
            return channels[self.part.channel]
        return channels[0] if len(channels) == 1 else channels.mean(axis=0, dtype=np.float64).astype(np.float32)


def read_audio(path: str | Path, *, max_duration_s: float, part: Part = Part()) -> tuple[np.ndarray, int]:  # noqa: B008
    """Samples of shape (n_samples,), mixed down, and sample rate in Hz of the file at `path`.

    The samples are float32; int16 where the file holds just these, as `containers.plain_pcm16` says. Nothing else of such a file
    (names and comments in other chunks, say) goes along.
    """
    path = path if isinstance(path, Path) else Path(path)
    name = repr(str(path))
    try:
        if not path.is_file():
            what = "a folder" if path.is_dir() else "nothing"
            raise BadAudio(f"an audio file must be at {name}, got {what} there; check the path")
        with path.open("rb") as handle:
            samples, sample_rate, container = _decoded(
                handle, _Request(name=name, max_duration_s=max_duration_s, part=part)
            )
    except OSError as error:
        if fault := machine_failed(error):
            raise fault from error
        raise BadAudio(f"{name} must be readable, got {error.strerror or error}; check its permissions") from error
    promised = SUFFIXES.get(path.suffix.lower())
    if promised and container not in promised:
        # up through read_audio, the closure and named_clip to the caller of AudioClip.read
        warnings.warn(
            f"{name} holds {container}, not what its suffix says; it was read as {container}: rename it", stacklevel=5
        )
    return samples, sample_rate


def decode_audio(data: bytes, *, max_duration_s: float, part: Part = Part()) -> tuple[np.ndarray, int]:  # noqa: B008
    """As `read_audio`, of an audio file's bytes."""
    request = _Request(name=f"{len(data)} bytes of audio", max_duration_s=max_duration_s, part=part)
    samples, sample_rate, _ = _decoded(io.BytesIO(data), request)
    return samples, sample_rate


def suffix_of(data: bytes) -> str:
    """The suffix that fits an audio file's bytes; `.wav` where they are of no container that is known."""
    named = {
        "matroska": ".mka",
        "mov": ".m4a",
        "asf": ".wma",
        "rf64": ".wav",
        "nist": ".wav",
        "eac3": ".ac3",
        "": ".wav",
    }
    container = containers.container_of(io.BytesIO(data))
    return named.get(container, f".{container}")


@lru_cache(maxsize=1 << 20)
def header_duration_s(path: Path | str) -> float | None:
    """Length in seconds of an audio file, as its header says; None where it cannot be told without decoding.

    Raises
    ------
    MachineFailed
        If this machine ran out of files or memory.
    """
    try:
        with open(path, "rb", buffering=0) as handle:
            length = containers.length_in_header(handle)
        if length is not None:
            return length
        import soundfile

        return float(soundfile.info(path).duration)
    except (OSError, RuntimeError) as error:
        if fault := machine_failed(error):
            raise fault from error
        return None


def needs_codecs(audio: Path | bytes) -> bool:
    """Whether a file, or its bytes, is audio that is read with `earnest[codecs]` alone; False where there is none to read."""
    try:
        if isinstance(audio, Path) and not audio.is_file():  # a pipe would be waited for
            return False
        with io.BytesIO(audio) if isinstance(audio, bytes) else audio.open("rb") as handle:
            container = containers.container_of(handle)
    except OSError as error:
        if fault := machine_failed(error):
            raise fault from error
        return False
    return bool(container) and container not in _BY_LIBSNDFILE


def _decoded(handle: BinaryIO, request: _Request) -> tuple[np.ndarray, int, str]:
    """Samples, sample rate and container of a file; the samples cannot be written to."""
    container = containers.container_of(handle)
    size = handle.seek(0, os.SEEK_END)
    if not size:
        raise BadAudio(f"{request.name} must hold audio, got an empty file; fetch it again or leave it out")
    if not container:
        raise _no_audio(request.name, "bytes of no format that is known")
    if container not in _BY_LIBSNDFILE:
        registry.extra("av", needed_by=f"reading {request.name}")
    plain = _plain_pcm16(handle, size, request) if container == "wav" else None
    if plain is not None:
        return *plain, "WAV"
    if container in ("mp3", "aac", "ac3", "eac3", "amr") and size > _MAX_FRAMES_BYTES:
        raise BadAudio(f"{request.name} must have at most {_MAX_FRAMES_BYTES // 2**20} MB, got {size // 2**20}; cut it")
    lacking = containers.declared(handle, container)
    if lacking:
        raise _cut_short(request.name, lacking)
    handle.seek(0)
    samples, sample_rate, kind = _by_libsndfile(handle, container, request)
    if not len(samples):
        raise BadAudio(f"{request.name} must hold at least one sample, got none; fetch it again or leave it out")
    samples.flags.writeable = False
    return samples, sample_rate, kind


def _plain_pcm16(handle: BinaryIO, size: int, request: _Request) -> tuple[np.ndarray, int] | None:
    """The wanted samples, int16, of a file that holds nothing else, and its rate; None of any other file."""
    place = containers.plain_pcm16(handle, size)
    if place is None or not place.n_samples or request.part.channel not in (None, 0):
        return None
    request.check_budget(0, place.sample_rate, 1)
    start, end = request.n_samples(place.n_samples, place.sample_rate)
    request.check_budget(end - start, place.sample_rate, 1)
    handle.seek(place.start + 2 * start)
    data = handle.read(2 * (end - start))
    if (
        len(data) < 2 * (end - start) or end <= start
    ):  # it is being written to, or the part is none: told where others are read
        return None
    return np.frombuffer(data, dtype="<i2").astype(np.int16, copy=False), place.sample_rate


class _SeeksInside:
    """A file for libsndfile, which seeks before its start or behind its end where a header lies; it stays inside."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle, self._size = handle, handle.seek(0, os.SEEK_END)
        self.read, self.tell = handle.read, handle.tell
        handle.seek(0)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._handle.tell(), os.SEEK_END: self._size}[whence]
        return self._handle.seek(min(max(0, base + offset), self._size))


def _no_audio(name: str, reason: str) -> BadAudio:
    return BadAudio(
        f"{name} must hold audio (WAV, FLAC, Ogg, MP3, AIFF, ...), got something else ({reason.strip()}); "
        'convert it to WAV, or install more codecs with: pip install "earnest[codecs]"'
    )


def _by_libsndfile(handle: BinaryIO, container: str, request: _Request) -> tuple[np.ndarray, int, str]:
    """The file by libsndfile, or by PyAV where libsndfile does not know its container or coding."""
    import soundfile

    if container not in _BY_LIBSNDFILE:
        return _by_pyav(handle, container, request)
    try:
        file = soundfile.SoundFile(_SeeksInside(handle))
    except soundfile.LibsndfileError as error:
        if container not in _DEMUXERS or not registry.has_extra("av"):
            raise _no_audio(request.name, str(error)) from error
        handle.seek(0)
        return _by_pyav(handle, container, request)
    with file:
        try:
            return _read_by_libsndfile(file, request), file.samplerate, file.format
        except soundfile.LibsndfileError as error:
            raise _cut_short(request.name, str(error)) from error


def _read_by_libsndfile(file: Any, request: _Request) -> np.ndarray:
    sample_rate, n_in_file = file.samplerate, file.frames
    request.check_budget(0, sample_rate, file.channels)
    if n_in_file > _UNKNOWN_LENGTH:  # a FLAC that was streamed
        return _read_to_the_end(file, request)
    if n_in_file == 0:
        return np.empty(0, np.float32)
    start, end = request.n_samples(n_in_file, sample_rate)
    request.check_budget(end - start, sample_rate, file.channels)
    samples, n_read = np.empty(end - start, np.float32), 0
    if start:
        file.seek(start)
    while n_read < len(samples):
        block = file.read(min(_BLOCK, len(samples) - n_read), dtype="float32", always_2d=True).T
        if not block.shape[1]:
            break
        samples[n_read : n_read + block.shape[1]] = request.mixed(block)
        n_read += block.shape[1]
    # the length of an MP3 is only known to within a few frames
    if n_read < len(samples) - (_MP3_SLACK if file.format == "MP3" else 0):
        raise _cut_short(request.name, f"{n_read} of {len(samples)} samples")
    return samples if n_read == len(samples) else samples[:n_read].copy()


def _read_to_the_end(file: Any, request: _Request) -> np.ndarray:
    blocks: list[np.ndarray] = []
    n_read = 0
    while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
        blocks.append(request.mixed(block.T))
        n_read += len(block)
        request.check_budget(n_read, file.samplerate, file.channels)
    return _part_of(blocks, file.samplerate, request)


def _part_of(blocks: list[np.ndarray], sample_rate: int, request: _Request) -> np.ndarray:
    """The wanted part of a file that was read whole."""
    samples = np.concatenate(blocks) if blocks else np.empty(0, np.float32)
    if request.part == Part() or not len(samples):
        return samples
    start, end = request.n_samples(len(samples), sample_rate)
    return samples[start:end].copy()


def _by_pyav(handle: BinaryIO, container: str, request: _Request) -> tuple[np.ndarray, int, str]:
    """The file by PyAV, as the container that its first bytes say, and nothing opened beside it."""
    av = registry.extra("av", needed_by=f"reading {request.name}")
    try:
        with av.open(
            handle, format=container, io_open=refuse, container_options={"protocol_whitelist": "none"}
        ) as opened:
            stream = next(iter(opened.streams.audio), None)
            if stream is None or stream.codec_context is None:
                raise BadAudio(
                    f"{request.name} must hold an audio stream that can be decoded, got none; check the file"
                )
            sample_rate, expected_s = stream.rate or 0, _expected_s(opened, stream, av)
            request.check_budget((expected_s or 0.0) * sample_rate, sample_rate, stream.channels or 1)
            blocks = _blocks_by_pyav(av, opened, stream, request)
    except (av.error.FFmpegError, ValueError, ArithmeticError, LookupError) as error:
        if isinstance(error, BadAudio):
            raise
        raise BadAudio(
            f"{request.name} must hold whole audio that can be decoded, got {getattr(error, 'strerror', None) or error}; "
            "check the file, or convert it to WAV"
        ) from error
    read_s = sum(map(len, blocks)) / sample_rate
    if expected_s is not None and read_s < expected_s - max(_PYAV_SLACK_S, _PYAV_SLACK * expected_s):
        raise _cut_short(request.name, f"{read_s:.3f} of {expected_s:.3f} s")
    return _part_of(blocks, sample_rate, request), sample_rate, container


def _blocks_by_pyav(av: Any, opened: Any, stream: Any, request: _Request) -> list[np.ndarray]:
    """Decoded audio, mixed down; a file that changes its rate or channels on the way is refused."""
    blocks: list[np.ndarray] = []
    n_read, form = 0, (stream.rate, stream.channels)
    to_float = av.AudioResampler(format="fltp")
    for frame in _with_flush(opened.decode(stream)):
        for block in to_float.resample(frame):
            channels = block.to_ndarray()
            if (block.sample_rate, len(channels)) != form:
                raise BadAudio(
                    f"{request.name} must keep its rate and channels, got {form[0]} Hz and {form[1]} channels, then "
                    f"{block.sample_rate} Hz and {len(channels)}; fetch it again, or convert it to WAV"
                )
            n_read += channels.shape[1]
            request.check_budget(n_read, stream.rate, len(channels))
            blocks.append(request.mixed(channels))
    return blocks


def refuse(url: str, flags: int, options: Any) -> Any:
    """Open nothing: a file that names another one is read without it."""
    raise PermissionError(f"a file must hold its own audio, got one that names {url!r}")


def _expected_s(opened: Any, stream: Any, av: Any) -> float | None:
    """The duration that the stream declares, else the file, in s; None where neither does. Elementary streams guess it."""
    if opened.format.name in ("aac", "ac3", "eac3", "amr", "mp3"):
        return None
    if stream.duration is not None and stream.time_base:
        return float(stream.duration * stream.time_base)
    return opened.duration / av.time_base if opened.duration else None


def _with_flush(frames: Any) -> Any:
    yield from frames
    yield None


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
    samples : float32 or int16 array, shape (n_samples,)
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
        return wav_bytes(_steps_of(samples), sample_rate)
    import soundfile

    container, coding = KINDS[kind]
    # libsndfile scales floats by 32767 but reads them back by 32768, so lossless files get integers
    content = _steps_of(samples) if coding == "PCM_16" else np.clip(_floats_of(samples), -1.0, 1.0)
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


def _steps_of(samples: np.ndarray) -> np.ndarray:
    """Amplitudes, or 16-bit values already, as int16."""
    return samples if samples.dtype == np.int16 else to_pcm16(samples)


def _floats_of(samples: np.ndarray) -> np.ndarray:
    """Amplitudes, or 16-bit values, as float32."""
    return samples.astype(np.float32) / PCM16_SCALE if samples.dtype == np.int16 else samples


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
