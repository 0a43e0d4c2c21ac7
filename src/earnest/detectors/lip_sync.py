"""Whether a mouth moves with the speech that is heard: for videos with sound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip
from earnest.audio.video import Box, Motion, read_motion
from earnest.detectors._base import Detector, detectors
from earnest.errors import BadAudio, BadParameter

Floats = NDArray[np.float64]

QUIET_DB = 30.0
"""What is further below the loud parts is silence, where it leads."""
LEAST_FRAMES = 25


@dataclass(frozen=True, kw_only=True)
class Sync:
    """How a mouth and a voice go together.

    Parameters
    ----------
    score : float
        The largest correlation within the tolerance less the largest outside, in [-2, 2].
    offset_frames : int
        At which the correlation is largest: above 0, the sound comes that many frames after the mouth.
    correlations : tuple of float
        By offset, from the lowest to the highest.
    trimmed_s : float
        Leading silence that was left out.
    """

    score: float
    offset_frames: int
    correlations: tuple[float, ...]
    trimmed_s: float


@detectors.register("lip_sync")
@dataclass(frozen=True, kw_only=True)
class LipSync(Detector):
    """Whether the motion of the mouth fits the loudness of the speech at the offset 0 better than at others [chung2016-outoftime].

    The motion energy inside a box around the mouth is correlated with the envelope of the sound and with how much that changes, at every offset up to
    `max_offset` frames. The score is the largest correlation within the tolerance less the largest outside. It is above 0
    where the sound fits the picture best as it stands. Leading silence is left out first: in published sets fakes begin with
    silence, which alone would tell them.

    The input is a video (`score_file`), not a clip.

    Parameters
    ----------
    mouth : str
        Box around the mouth, `x,y,width,height` in pixels, for the whole video.
    max_offset : int
        Frames; 15 are 0.6 s at 25 frames a second.
    tolerance : int
        Frames on either side of 0 that count as in step.

    Notes
    -----
    The search over offsets, and its reading as offset and confidence, are those of SyncNet [chung2016-outoftime]; its learnt
    embeddings are not here. Motion energy sees that a mouth moves, and not which sound it makes: a fake whose mouth opens in time passes.
    No face is looked for: the box is yours, and the face has to stay in it.
    """

    source: ClassVar[str] = "chung2016-outoftime"
    detects: ClassVar[str] = "a mouth that does not move with the speech"
    takes: ClassVar[Literal["audio", "video"]] = "video"
    limits: ClassVar[str] = (
        "sees motion and loudness alone: a fake whose mouth opens in time passes, and music, several speakers or a moving head are false alarms; "
        "tested on synthetic videos alone"
    )

    mouth: str = ""
    max_offset: int = 15
    tolerance: int = 1

    def __post_init__(self) -> None:
        if self.mouth:
            Box.of(self.mouth)
        if not (
            isinstance(self.max_offset, int)
            and isinstance(self.tolerance, int)
            and 0 <= self.tolerance < self.max_offset
        ):
            raise BadParameter(
                f"lip_sync takes max_offset above tolerance, both whole numbers of frames, got {self.max_offset!r} and {self.tolerance!r}"
            )

    @property
    def threshold(self) -> float:
        """0: no offset outside the tolerance fits better."""
        return 0.0

    def score(self, clip: AudioClip) -> float:
        """None: a clip has no mouth.

        Raises
        ------
        BadAudio
            Always.
        """
        raise BadAudio("lip_sync needs a video with sound, got audio alone; give a file to score_file")

    def score_file(self, path: str | Path) -> float:
        """The score of a video with sound."""
        return self.sync(path).score

    def sync(self, path: str | Path) -> Sync:
        """The correlations at all offsets of a video with sound.

        Raises
        ------
        BadParameter
            If no box is given, or it reaches out of the picture.
        BadAudio
            If the file is no video with sound, or too short.
        """
        if not self.mouth:
            raise BadParameter("lip_sync needs the box of the mouth, got none; give mouth=x,y,width,height in pixels")
        motion, clip = read_motion(path, Box.of(self.mouth), needed_by="detector 'lip_sync'")
        return synchrony(motion, clip, max_offset=self.max_offset, tolerance=self.tolerance)


def synchrony(motion: Motion, clip: AudioClip, *, max_offset: int, tolerance: int) -> Sync:
    """How motion and sound go together, leading silence left out.

    Raises
    ------
    BadAudio
        If there are too few frames, or nothing moves or sounds.
    """
    envelope = envelope_of(clip, motion.frame_rate, n_frames=motion.energy.size)
    first = leading_silence(envelope)
    energy, envelope = motion.energy[first:], envelope[first:]
    if energy.size < LEAST_FRAMES + 2 * max_offset:
        raise BadAudio(
            f"a video must have {LEAST_FRAMES + 2 * max_offset} frames after its leading silence, got {energy.size}; give a longer one, or "
            "lower max_offset"
        )
    changes = np.abs(np.diff(envelope, prepend=envelope[:1]))
    if not (energy.std() > 0 and envelope.std() > 0):
        raise BadAudio(
            "a video must have a mouth that moves and speech that is heard, got one that stands still; check the box"
        )
    offsets = range(-max_offset, max_offset + 1)
    found = np.array([(_correlation(energy, envelope, by) + _correlation(energy, changes, by)) / 2 for by in offsets])
    near = np.abs(np.arange(-max_offset, max_offset + 1)) <= tolerance
    return Sync(
        score=float(found[near].max() - found[~near].max()),
        offset_frames=int(found.argmax()) - max_offset,
        correlations=tuple(map(float, found)),
        trimmed_s=first / motion.frame_rate,
    )


def envelope_of(clip: AudioClip, frame_rate: float, *, n_frames: int) -> Floats:
    """Root mean square of the sound during each frame of the picture, shape (n_frames,); 0 after its end."""
    edges = np.round(np.arange(n_frames + 1) * clip.sample_rate / frame_rate).astype(np.int64)
    energy = np.concatenate([[0.0], np.cumsum(clip.samples.astype(np.float64) ** 2)])
    edges = np.minimum(edges, clip.n_samples)
    return np.sqrt(np.maximum(np.diff(energy[edges]), 0.0) / np.maximum(np.diff(edges), 1))


def leading_silence(envelope: Floats) -> int:
    """Frames before the first that is within 30 dB of the loud ones (their 95 % quantile).

    >>> leading_silence(np.array([0.0, 1e-4, 0.0, 0.5, 1.0, 0.0, 1.0]))
    3
    """
    loud = envelope >= np.quantile(envelope, 0.95) * 10 ** (-QUIET_DB / 20)
    return int(np.argmax(loud & (envelope > 0)))


def _correlation(energy: Floats, sound: Floats, offset: int) -> float:
    """Correlation of the motion with the sound `offset` frames later; 0 where one of them stands still."""
    first, second = (
        (energy[: energy.size - offset], sound[offset:]) if offset >= 0 else (energy[-offset:], sound[:offset])
    )
    first, second = first - first.mean(), second - second.mean()
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / norm if norm > 0 else 0.0
