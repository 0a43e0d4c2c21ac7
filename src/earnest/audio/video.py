"""Moving pictures with sound: the motion inside a box of the picture, and the recording beside it.

A video is another person's file like any other (`earnest.audio.files`): its container is recognised by its first bytes and told to
FFmpeg, which opens nothing else, and lengths and sizes have limits. No picture is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earnest import registry
from earnest.audio.clip import AudioClip
from earnest.audio.containers import container_of
from earnest.audio.files import refuse
from earnest.errors import BadAudio, BadParameter

CONTAINERS = ("mov", "matroska")
VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm"})
MAX_PIXELS = 4096 * 2304
MAX_FRAMES = 100_000
MAX_SHIFT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Box:
    """A box of a picture, in pixels.

    Parameters
    ----------
    x, y : int
        Its left upper corner.
    width, height : int
    """

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def of(cls, text: str) -> Box:
        """The box written as `x,y,width,height`.

        Raises
        ------
        BadParameter
            If the text has another form.
        """
        try:
            x, y, width, height = (int(part) for part in text.split(","))
        except ValueError as error:
            raise BadParameter(
                f"a box must be written as x,y,width,height in pixels, got {text!r}; 120,200,80,60"
            ) from error
        if min(x, y) < 0 or min(width, height) < 2:
            raise BadParameter(f"a box must lie inside the picture and be 2 pixels wide and high, got {text!r}")
        return cls(x=x, y=y, width=width, height=height)


@dataclass(frozen=True, kw_only=True)
class Motion:
    """How much moves inside a box.

    Parameters
    ----------
    energy : float64 array, shape (n_frames,)
        Mean absolute difference of the luma of a frame from the one before, as a share of full scale; the first is 0.
    frame_rate : float
        Frames a second.
    """

    energy: NDArray[np.float64]
    frame_rate: float


def read_motion(path: str | Path, box: Box, *, needed_by: str) -> tuple[Motion, AudioClip]:
    """The motion inside a box of a video, and its sound from when the picture begins.

    Raises
    ------
    MissingExtra
        If PyAV is not installed.
    BadAudio
        If the file holds no sound or no moving picture, or is none.
    BadParameter
        If the box reaches out of the picture.
    """
    av = registry.extra("av", needed_by=needed_by)
    path = Path(path)
    try:
        with path.open("rb") as handle:
            container = container_of(handle)
            handle.seek(0)
            if container not in CONTAINERS:
                raise BadAudio(
                    f"{path.name} must be a video (MP4, MOV, MKV or WebM), got {container or 'something else'}; convert it"
                )
            with av.open(
                handle, format=container, io_open=refuse, container_options={"protocol_whitelist": "none"}
            ) as opened:
                if not opened.streams.audio:
                    raise BadAudio(
                        f"{path.name} must be a video with sound, got one without an audio stream; nothing can be compared"
                    )
                if not opened.streams.video:
                    raise BadAudio(
                        f"{path.name} must be a video with sound, got sound alone; give the file with its pictures"
                    )
                later_s = _start_s(opened.streams.audio[0]) - _start_s(opened.streams.video[0])
                motion = _motion(opened, opened.streams.video[0], box, path.name)
    except (av.error.FFmpegError, ValueError, ArithmeticError, LookupError) as error:
        if isinstance(error, BadAudio | BadParameter):
            raise
        raise BadAudio(
            f"{path.name} must hold a whole video that can be decoded, got {error}; convert it to MP4"
        ) from error
    except OSError as error:
        raise BadAudio(
            f"{path} must be a video that can be read, got {error.strerror or error}; check the path"
        ) from error
    return motion, _shifted(AudioClip.read(path), later_s)


def _start_s(stream: Any) -> float:
    return float((stream.start_time or 0) * (stream.time_base or 0))


def _shifted(clip: AudioClip, later_s: float) -> AudioClip:
    """The clip from when the picture begins: silence where it begins later, cut where it begins earlier."""
    n_samples = round(later_s * clip.sample_rate)
    if not abs(later_s) < MAX_SHIFT_S or -n_samples >= clip.n_samples:
        raise BadAudio(
            f"sound and picture of a video must begin within {MAX_SHIFT_S:g} s, got {later_s:.1f} s; cut it anew"
        )
    samples = clip.samples[-n_samples:] if n_samples < 0 else np.pad(clip.samples, (n_samples, 0))
    return clip.with_samples(np.ascontiguousarray(samples))


def _motion(opened: Any, stream: Any, box: Box, name: str) -> Motion:
    rate = float(stream.average_rate or 0)
    if not 1 <= rate <= 240:
        raise BadAudio(f"{name} must have 1 to 240 frames a second, got {rate:g}; convert it")
    if stream.width * stream.height > MAX_PIXELS:
        raise BadAudio(
            f"{name} must have at most {MAX_PIXELS} pixels, got {stream.width} by {stream.height}; make it smaller"
        )
    if box.x + box.width > stream.width or box.y + box.height > stream.height:
        raise BadParameter(
            f"the box {box.x},{box.y},{box.width},{box.height} must lie inside the picture of {stream.width} by {stream.height} pixels of {name}"
        )
    energy: list[float] = []
    before: NDArray[np.float32] | None = None
    for frame in opened.decode(stream):
        if len(energy) == MAX_FRAMES:
            raise BadAudio(f"{name} must have at most {MAX_FRAMES} frames, got more; cut it")
        luma = frame.to_ndarray(format="gray")[box.y : box.y + box.height, box.x : box.x + box.width].astype(np.float32)
        energy.append(0.0 if before is None else float(np.abs(luma - before).mean()) / 255)
        before = luma
    return Motion(energy=np.array(energy), frame_rate=rate)
