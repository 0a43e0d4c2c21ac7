"""Lip-speech synchrony on small videos made here: a mouth that opens with the voice, one that is late, one that does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from earnest.audio import AudioClip
from earnest.audio.video import Box, Motion, _shifted
from earnest.detectors import detectors
from earnest.detectors.lip_sync import envelope_of, leading_silence, synchrony
from earnest.errors import BadAudio, BadParameter

av = pytest.importorskip("av")

RATE, FRAME_RATE = 16_000, 25
MOUTH = "24,36,24,24"


def loudness(n_frames: int, *, seed: int, silent: int = 0) -> np.ndarray:
    """How loud each frame is: syllables at random, after some silent frames."""
    rng = np.random.default_rng(seed)
    steps = np.repeat(rng.choice([0.05, 0.4, 1.0], n_frames // 3 + 1), 3)[:n_frames]
    steps[:silent] = 0
    return steps


def write_video(path: Path, *, opened: np.ndarray | None, heard: np.ndarray | None) -> Path:
    """A grey face of 72 by 72 pixels whose mouth is as high as `opened` says, with noise as loud as `heard`."""
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=FRAME_RATE) if opened is not None else None
        sound = container.add_stream("pcm_s16le", rate=RATE) if heard is not None else None
        if sound is not None:
            sound.layout = "mono"
        if picture is not None and opened is not None:
            picture.width, picture.height, picture.pix_fmt = 72, 72, "yuv420p"
            picture.bit_rate = 2_000_000
            for amount in opened:
                frame = np.full((72, 72, 3), 180, np.uint8)
                half = round(1 + 9 * amount)
                frame[48 - half : 48 + half, 26:46] = 20
                container.mux(picture.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(picture.encode())
        if sound is not None and heard is not None:
            samples = np.repeat(heard, RATE // FRAME_RATE) * 0.2
            samples = samples * np.random.default_rng(1).standard_normal(samples.size)
            steps = (32767 * np.clip(samples, -1, 1)).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(steps[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, 0
            container.mux(sound.encode(frame))
            container.mux(sound.encode())
    return path


def test_a_mouth_in_step_and_one_that_is_late(tmp_path: Path) -> None:
    """The late mouth follows the sound by 8 frames, which the search finds within the one frame that motion takes."""
    heard = loudness(150, seed=3)
    detector = detectors.make(f"lip_sync:mouth={MOUTH}")
    together = detector.sync(write_video(tmp_path / "together.mkv", opened=heard, heard=heard))
    late = detector.sync(write_video(tmp_path / "late.mkv", opened=np.roll(heard, 8), heard=heard))
    early = detector.sync(write_video(tmp_path / "early.mkv", opened=np.roll(heard, -6), heard=heard))
    assert abs(together.offset_frames) <= 1 and together.score > 0.2
    assert abs(late.offset_frames + 8) <= 1 and late.score < -0.2
    assert abs(early.offset_frames - 6) <= 1 and early.score < -0.2
    other = write_video(tmp_path / "other.mkv", opened=loudness(150, seed=4), heard=heard)
    assert detector.score_file(other) < together.score - 0.2


def test_sound_is_read_from_when_the_picture_begins() -> None:
    clip = AudioClip(np.arange(1, 6, dtype=np.float32) / 8, 1000)
    assert _shifted(clip, 0.002).samples.tolist() == [0, 0, 0.125, 0.25, 0.375, 0.5, 0.625]
    assert _shifted(clip, -0.003).samples.tolist() == [0.5, 0.625]
    with pytest.raises(BadAudio, match="must begin within 60 s"):
        _shifted(clip, 61.0)


def test_leading_silence_is_left_out_before_anything_is_compared(tmp_path: Path) -> None:
    """With two seconds of silence and a closed mouth in front, which would agree at any offset, the score stays what it is."""
    heard = loudness(200, seed=5, silent=50)
    detector = detectors.make(f"lip_sync:mouth={MOUTH}")
    found = detector.sync(write_video(tmp_path / "silent.mkv", opened=np.roll(heard, 9), heard=heard))
    assert found.trimmed_s == pytest.approx(2.0, abs=0.13) and found.score < -0.1


def test_the_correlation_by_hand() -> None:
    """Motion that equals the sound's change two frames later: 1 with the changes at offset 2."""
    rng = np.random.default_rng(0)
    steps = rng.random(80)
    clip = AudioClip(np.repeat(steps, 640).astype(np.float32), RATE)
    changes = np.abs(np.diff(steps, prepend=steps[:1]))
    motion = Motion(energy=np.roll(changes, -2), frame_rate=25.0)
    found = synchrony(motion, clip, max_offset=4, tolerance=1)
    with_envelope = np.corrcoef(changes[2:], steps[2:])[0, 1]
    assert found.offset_frames == 2 and found.correlations[6] == pytest.approx((1 + with_envelope) / 2, abs=1e-6)
    assert envelope_of(clip, 25.0, n_frames=82) == pytest.approx([*steps, 0, 0], abs=1e-6)
    assert leading_silence(np.array([0.0, 0.001, 0.9, 1.0])) == 2


def test_files_that_cannot_be_compared(tmp_path: Path) -> None:
    heard = loudness(100, seed=6)
    detector = detectors.make(f"lip_sync:mouth={MOUTH}")
    with pytest.raises(BadAudio, match="got one without an audio stream"):
        detector.score_file(write_video(tmp_path / "mute.mkv", opened=heard, heard=None))
    with pytest.raises(BadAudio, match="got sound alone"):
        detector.score_file(write_video(tmp_path / "blind.mkv", opened=None, heard=heard))
    with pytest.raises(BadAudio, match="must have 55 frames after its leading silence, got 40"):
        detector.score_file(write_video(tmp_path / "short.mkv", opened=heard[:40], heard=heard[:40]))
    with pytest.raises(BadAudio, match="got one that stands still"):
        detector.score_file(write_video(tmp_path / "still.mkv", opened=np.full(100, 0.5), heard=np.zeros(100)))
    whole = write_video(tmp_path / "whole.mkv", opened=heard, heard=heard)
    with pytest.raises(BadParameter, match="must lie inside the picture of 72 by 72"):
        detectors.make("lip_sync:mouth=60,60,24,24").score_file(whole)
    with pytest.raises(BadParameter, match="needs the box of the mouth"):
        detectors.make("lip_sync").score_file(whole)
    with pytest.raises(BadAudio, match="needs a video with sound, got audio alone"):
        detector.score(AudioClip(np.zeros(1600, np.float32), RATE))
    AudioClip(np.zeros(1600, np.float32), RATE).write(tmp_path / "clip.wav")
    with pytest.raises(BadAudio, match="must be a video"):
        detector.score_file(tmp_path / "clip.wav")
    with pytest.raises(BadAudio, match="must be a video that can be read"):
        detector.score_file(tmp_path / "none.mp4")
    with pytest.raises(BadParameter, match="x,y,width,height"):
        Box.of("1,2,3")
    with pytest.raises(BadParameter, match="max_offset above tolerance"):
        detectors.make("lip_sync:max_offset=1,tolerance=1")
