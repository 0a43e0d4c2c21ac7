"""The audio that a model hears: one mono clip, as a value.

Conventions of the whole package: samples are float32 amplitudes with full scale at 1.0, shape (n_samples,); rates are
in Hz; 0 dBFS is an RMS of 1.0, so a sine at full scale has -3.01 dBFS. Amplitudes beyond 1.0 are legal in memory and
are clipped only where 16-bit audio is written.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from earnest.errors import BadAudio, BadParameter

MIN_SAMPLE_RATE = 1_000
MAX_SAMPLE_RATE = 384_000
MAX_DURATION_S = 3600.0
MAX_CHANNELS = 64
_BLOCK = 1 << 20


@dataclass(frozen=True, eq=False, repr=False)
class AudioClip:
    """One mono clip; it cannot change, and equal content makes equal clips.

    Parameters
    ----------
    samples : float32 array, shape (n_samples,)
        Amplitudes, finite, at least one; full scale is 1.0. Kept read-only, copied where someone else could write to it.
    sample_rate : int
        In Hz, 1,000 to 384,000.

    Raises
    ------
    BadAudio
        If the samples are empty, not finite, or of another form.
    BadParameter
        If the sample rate is out of its range.

    Examples
    --------
    >>> clip = AudioClip(np.zeros(16_000, dtype=np.float32), 16_000)
    >>> clip.duration_s, clip.level_dbfs
    (1.0, -inf)
    """

    samples: np.ndarray
    sample_rate: int
    uncompressed: ClassVar[bool] = False
    """Whether the samples are those of a file that holds them as 16-bit values, unchanged: such a clip is kept as it is."""
    _steps: ClassVar[np.ndarray | None] = None

    def __post_init__(self) -> None:
        check_samples(self.samples)
        object.__setattr__(self, "samples", _read_only(self.samples))
        object.__setattr__(self, "sample_rate", checked_rate(self.sample_rate))

    @classmethod
    def of_pcm16(cls, steps: np.ndarray, sample_rate: int, *, uncompressed: bool = False) -> AudioClip:
        """The clip that 16-bit samples hold, made floats when somebody wants floats: most clips are sent on as they came.

        Parameters
        ----------
        steps : int16 array, shape (n_samples,)
            At least one; 32768 would be full scale. Must not be written to afterwards.
        sample_rate : int
            In Hz.
        uncompressed : bool
            Whether they come from a file as they are here.
        """
        if steps.dtype != np.int16 or steps.ndim != 1 or not len(steps):
            raise BadAudio(
                f"steps must be an int16 array of shape (n_samples,) with at least one sample, got a {steps.dtype} array of "
                f"shape {steps.shape}; use AudioClip.from_channels"
            )
        clip = object.__new__(cls)
        clip.__dict__.update(sample_rate=checked_rate(sample_rate), _steps=steps, uncompressed=uncompressed)
        return clip

    def __getattr__(self, name: str) -> Any:
        if name != "samples" or self._steps is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        samples = _as_floats(self._steps)
        samples.flags.writeable = False
        self.__dict__["samples"] = samples
        return samples

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the sample rate and the float32 samples, little-endian.

        16-bit values are exact in float32, so a clip that is `quantised()` keeps its digest through a 16-bit WAV or
        FLAC file; any other clip takes the digest of its `quantised()` self there. -0.0 counts as 0.0.
        """
        digest = hashlib.sha256(f"{self.sample_rate}\n".encode())
        for start in range(0, self.n_samples, _BLOCK):  # an hour is not copied at once
            part = slice(start, start + _BLOCK)
            block = self.samples[part] + np.float32(0.0) if self._steps is None else _as_floats(self._steps[part])
            digest.update(block.astype("<f4", copy=False).data)
        return digest.hexdigest()

    @property
    def n_samples(self) -> int:
        """How many samples there are."""
        return len(self.samples if self._steps is None else self._steps)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sample_rate

    @cached_property
    def peak(self) -> float:
        """Largest absolute amplitude; 1.0 is full scale, silence gives 0.0."""
        return float(max(self.samples.max(), -self.samples.min()))

    @cached_property
    def level_dbfs(self) -> float:
        """RMS level in dBFS (an RMS of 1.0 is 0 dBFS); silence gives -inf."""
        from earnest.audio.levels import level_dbfs

        return level_dbfs(self.samples)

    def resampled(self, sample_rate: int) -> AudioClip:
        """The clip at another rate in Hz (soxr, high quality); the clip itself where the rate is the same."""
        sample_rate = checked_rate(sample_rate)
        if sample_rate == self.sample_rate:
            return self
        from earnest.audio.resampling import resampled

        return AudioClip(resampled(self.samples, self.sample_rate, to=sample_rate), sample_rate)

    def quantised(self) -> AudioClip:
        """The clip as 16-bit audio holds it: rounded to steps of 2^-15 and clipped to [-1, 1 - 2^-15]."""
        return self if self._steps is not None else AudioClip.of_pcm16(self.pcm16(), self.sample_rate)

    def with_samples(self, samples: np.ndarray) -> AudioClip:
        """A clip of the same rate with other samples, float32, shape (n_samples,)."""
        return AudioClip(samples, self.sample_rate)

    @classmethod
    def from_channels(cls, channels: np.ndarray, sample_rate: int) -> AudioClip:
        """The mean of all channels, as a clip.

        Parameters
        ----------
        channels : array, shape (n_channels, n_samples) or (n_samples,)
            Floating amplitudes of any precision, or signed 16- or 32-bit integers (full scale becomes 1.0).
        sample_rate : int
            In Hz.
        """
        array = np.asarray(channels)
        if array.ndim not in (1, 2) or (array.ndim == 2 and not 1 <= array.shape[0] <= MAX_CHANNELS):
            raise BadAudio(
                f"channels must have shape (n_channels, n_samples) with at most {MAX_CHANNELS} channels, "
                f"got shape {array.shape}; transpose an array of shape (n_samples, n_channels)"
            )
        if array.dtype not in (np.int16, np.int32) and array.dtype.kind != "f":
            raise BadAudio(
                f"channels must be floating or 16- or 32-bit integers, got {array.dtype}; "
                "convert with astype(np.float32), full scale at 1.0"
            )
        scale = 1.0 if array.dtype.kind == "f" else float(2 ** (8 * array.dtype.itemsize - 1))
        if array.ndim == 2 and len(array) == 1:
            array = array[0]  # the mean of one channel, without its cost
        mono = array if array.ndim == 1 else array.mean(axis=0, dtype=np.float64)
        return cls((mono / scale).astype(np.float32), sample_rate)

    @classmethod
    def read(
        cls,
        path: str | Path,
        *,
        max_duration_s: float = MAX_DURATION_S,
        start_s: float = 0.0,
        end_s: float | None = None,
        channel: int | None = None,
    ) -> AudioClip:
        """The clip in a file, mixed down to mono at the file's own rate.

        WAV, FLAC, Ogg, MP3 and what else libsndfile knows are read without extras, others (M4A, WebM, AMR) with
        `earnest[codecs]`. The content decides what a file is; a suffix that says otherwise brings a warning.

        Parameters
        ----------
        path : path
        max_duration_s : float
            Longer audio is refused before it is decoded.
        start_s, end_s : float
            The part that is taken, in s from the start of the file; None is the end of the file.
        channel : int or None
            The one channel that is taken, from 0; None mixes all.

        Raises
        ------
        BadAudio
            If the file is missing, empty, no audio, cut short, too long, or holds values that are not finite; if it ends before
            the part does, or has no such channel.
        MissingExtra
            If only `earnest[codecs]` can read it.
        """
        from earnest.audio.files import Part, read_audio

        part = Part(start_s=start_s, end_s=end_s, channel=channel)
        return named_clip(path, lambda: cls._of_file(*read_audio(path, max_duration_s=max_duration_s, part=part)))

    @classmethod
    def from_bytes(
        cls,
        data: bytes,
        *,
        max_duration_s: float = MAX_DURATION_S,
        start_s: float = 0.0,
        end_s: float | None = None,
        channel: int | None = None,
    ) -> AudioClip:
        """The clip in the bytes of an audio file; as `read`."""
        from earnest.audio.files import Part, decode_audio

        part = Part(start_s=start_s, end_s=end_s, channel=channel)
        return cls._of_file(*decode_audio(data, max_duration_s=max_duration_s, part=part))

    @classmethod
    def _of_file(cls, samples: np.ndarray, sample_rate: int) -> AudioClip:
        """The clip of samples as a file gave them: floats, or 16-bit values where it holds them as such."""
        if samples.dtype == np.int16:
            return cls.of_pcm16(samples, sample_rate, uncompressed=True)
        return cls(samples, sample_rate)

    def write(self, path: str | Path) -> None:
        """Write the clip as the suffix says: 16-bit `.wav` or `.flac`, or `.ogg` (Vorbis), `.opus`, `.mp3`.

        Amplitudes beyond full scale are clipped. The file appears whole or not at all.
        """
        from earnest.audio.files import write_audio

        write_audio(path, self.samples, self.sample_rate)

    def wav_bytes(self) -> bytes:
        """The clip as a 16-bit PCM WAV file in memory; amplitudes beyond full scale are clipped."""
        from earnest.audio.files import wav_bytes

        return wav_bytes(self.pcm16(), self.sample_rate)

    def flac_bytes(self) -> bytes:
        """The clip as a 16-bit FLAC file in memory; amplitudes beyond full scale are clipped."""
        from earnest.audio.files import encoded

        return encoded(self.pcm16(), self.sample_rate, kind="flac")

    def pcm16(self) -> np.ndarray:
        """The samples as 16-bit values: int16, shape (n_samples,), clipped to full scale; not to be written to."""
        if self._steps is not None:
            return self._steps
        from earnest.audio.levels import to_pcm16

        return to_pcm16(self.samples)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AudioClip):
            return NotImplemented
        if self.sample_rate != other.sample_rate:
            return False
        if self._steps is not None and other._steps is not None:
            return np.array_equal(self._steps, other._steps)
        return np.array_equal(self.samples, other.samples)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"AudioClip({self.duration_s:.3f} s at {self.sample_rate} Hz, {self.level_dbfs:.1f} dBFS)"

    def __reduce__(self) -> tuple[Any, ...]:  # an unpickled array would be writable
        return AudioClip, (np.asarray(self.samples), self.sample_rate)


def _as_floats(steps: np.ndarray) -> np.ndarray:
    """16-bit values as float32 amplitudes, exactly."""
    samples = steps.astype(np.float32)
    samples *= np.float32(2.0**-15)
    return samples


def checked_rate(sample_rate: Any) -> int:
    """The sample rate as an int in Hz, refused where it is not a whole number from 1,000 to 384,000."""
    whole = isinstance(sample_rate, (int, np.integer)) and not isinstance(sample_rate, bool)
    if isinstance(sample_rate, (float, np.floating)) and float(sample_rate).is_integer():
        whole = True
    if not whole or not MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE:
        raise BadParameter(
            f"sample_rate must be a whole number of Hz from {MIN_SAMPLE_RATE:,} to {MAX_SAMPLE_RATE:,}, "
            f"got {sample_rate!r}; give the rate in Hz, 16000 for 16 kHz"
        )
    return int(sample_rate)


def check_samples(samples: Any) -> None:
    """Refuse what is not a float32 array of shape (n_samples,), finite, with at least one sample."""
    check_form(samples)
    with np.errstate(over="ignore", invalid="ignore"):
        energy = float(np.dot(samples, samples))  # one quick pass; only where it fails is each sample looked at
    if not math.isfinite(energy) and not np.isfinite(samples).all():
        n_bad = int(np.count_nonzero(~np.isfinite(samples)))
        raise BadAudio(
            f"samples must be finite, got {n_bad} of {samples.size} that are NaN or infinite; mend the source"
        )


def check_form(samples: Any) -> None:
    """Refuse what is not a float32 array of shape (n_samples,) with at least one sample; values are not looked at."""
    expected = "samples must be a float32 array of shape (n_samples,)"
    if not isinstance(samples, np.ndarray):
        raise BadAudio(f"{expected}, got {type(samples).__name__}; convert with np.asarray(..., dtype=np.float32)")
    if samples.ndim != 1 or samples.dtype != np.float32:
        fix = "convert with samples.astype(np.float32)"
        if samples.ndim != 1 or samples.dtype.kind != "f":
            fix = (
                "mix down with AudioClip.from_channels" if samples.ndim > 1 else "convert with AudioClip.from_channels"
            )
        raise BadAudio(f"{expected}, got a {samples.dtype} array of shape {samples.shape}; {fix}")
    if samples.size == 0:
        raise BadAudio(f"{expected} with at least one sample, got none; leave the item out")


def _read_only(samples: np.ndarray) -> np.ndarray:
    """The array itself where nobody can write to it, else a read-only copy."""
    base: Any = samples
    while isinstance(base, np.ndarray) and not base.flags.writeable:
        base = base.base
    if (base is None or isinstance(base, bytes)) and samples.flags.c_contiguous:
        return samples
    copy = np.array(samples, dtype=np.float32, order="C")
    copy.flags.writeable = False
    return copy


def named_clip(path: str | Path, build: Callable[[], AudioClip]) -> AudioClip:
    """The clip that `build` makes; what it refuses names the file."""
    try:
        return build()
    except (BadAudio, BadParameter) as error:
        if str(path) in str(error):
            raise
        raise BadAudio(f"{str(path)!r} cannot be used: {error}") from error
