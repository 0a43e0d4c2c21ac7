"""Reading and writing: every kind, and every way in which a file can be bad."""

import struct

import numpy as np
import pytest
import soundfile

from earnest import registry
from earnest.audio import AudioClip, files
from earnest.errors import BadAudio, BadParameter, MissingExtra, StorageFailed


def tone(sample_rate: int = 16000, duration_s: float = 0.5) -> AudioClip:
    time_s = np.arange(round(sample_rate * duration_s)) / sample_rate
    return AudioClip((0.4 * np.sin(2 * np.pi * 300 * time_s)).astype(np.float32), sample_rate).quantised()


@pytest.mark.parametrize("kind", ["wav", "flac"])
@pytest.mark.parametrize("sample_rate", [1000, 8000, 44100, 96000, 192000])
def test_lossless_files_give_back_the_clip(tmp_path, kind, sample_rate):
    clip = tone(sample_rate)
    clip.write(tmp_path / f"a.{kind}")
    assert AudioClip.read(tmp_path / f"a.{kind}") == clip
    assert [file.name for file in tmp_path.iterdir()] == [f"a.{kind}"]


@pytest.mark.parametrize("kind", ["ogg", "opus", "mp3"])
def test_lossy_files_give_back_what_sounds_alike(tmp_path, kind):
    clip = tone()
    clip.write(tmp_path / f"a.{kind}")
    back = AudioClip.read(tmp_path / f"a.{kind}").resampled(16000)
    assert back.duration_s == pytest.approx(clip.duration_s, abs=0.1)
    assert np.argmax(np.abs(np.fft.rfft(back.samples, 16000))) == pytest.approx(300, abs=2)


def test_our_wav_is_what_libsndfile_reads(tmp_path):
    clip = tone()
    (tmp_path / "a.wav").write_bytes(clip.wav_bytes())
    info = soundfile.info(tmp_path / "a.wav")
    assert (info.format, info.subtype, info.channels, info.samplerate, info.frames) == ("WAV", "PCM_16", 1, 16000, 8000)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "GSM610"])
def test_wav_of_any_coding_is_read(tmp_path, subtype):
    clip = tone(8000)
    soundfile.write(tmp_path / "a.wav", clip.samples, 8000, subtype=subtype)
    back = AudioClip.read(tmp_path / "a.wav")
    assert back.sample_rate == 8000
    assert np.abs(back.samples[: clip.n_samples] - clip.samples).max() < 0.2


def test_stereo_is_mixed_down(tmp_path):
    stereo = np.stack([np.full(100, 1000), np.full(100, 3000)], axis=1).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", stereo, 8000)
    np.testing.assert_array_equal(AudioClip.read(tmp_path / "a.wav").samples, np.full(100, 2000 / 32768, np.float32))


def test_path_may_be_text(tmp_path):
    tone().write(str(tmp_path / "ü ñ.wav"))
    assert AudioClip.read(str(tmp_path / "ü ñ.wav")) == tone()


def test_wrong_suffix_is_told_and_the_content_read(tmp_path):
    (tmp_path / "a.wav").write_bytes(tone().flac_bytes())
    with pytest.warns(UserWarning, match="a.wav' holds FLAC, .* rename it") as told:
        clip = AudioClip.read(tmp_path / "a.wav")
    assert clip == tone()
    assert told[0].filename == __file__


def test_too_long_is_refused_before_decoding(tmp_path):
    clip = AudioClip(np.zeros(1000 * 3601, np.float32), 1000)
    clip.write(tmp_path / "hour.flac")
    with pytest.raises(
        BadAudio, match=r"hour.flac' must last at most 3600 s, got 3601.0 s; cut it, or raise max_duration_s"
    ):
        AudioClip.read(tmp_path / "hour.flac")
    assert AudioClip.read(tmp_path / "hour.flac", max_duration_s=4000) == clip
    with pytest.raises(BadAudio, match="at most 0.1 s, got 0.5 s"):
        AudioClip.from_bytes(tone().wav_bytes(), max_duration_s=0.1)


def cut(data: bytes, share: float = 0.6) -> bytes:
    return data[: int(len(data) * share)]


def float_wav(values: list[float]) -> bytes:
    data = struct.pack(f"<{len(values)}f", *values)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, 1, 8000, 32000, 4, 32)
    return (
        struct.pack("<4sI4s", b"RIFF", 36 + len(data), b"WAVE") + form + struct.pack("<4sI", b"data", len(data)) + data
    )


def noisy_flac() -> bytes:
    noise = np.random.default_rng(0).uniform(-1, 1, 100_000).astype(np.float32)
    return AudioClip(noise, 16000).flac_bytes()


BAD_FILES = {
    "empty": (b"", "got an empty file"),
    "text": (b"This is not audio at all, but a letter to a friend." * 20, "must hold"),
    "zeros": (bytes(5000), "must hold"),
    "html": (b"<!DOCTYPE html><html><body>404</body></html>" * 10, "must hold"),
    "wav cut short": (cut(tone().wav_bytes()), "cut short"),
    "wav header alone": (tone().wav_bytes()[:44], "cut short"),
    "half a wav header": (tone().wav_bytes()[:20], "must hold"),
    "flac cut short": (cut(noisy_flac()), "cut short"),
    "wav without samples": (float_wav([]), "at least one sample"),
    "NaN": (float_wav([0.0, float("nan"), 0.5]), "finite"),
    "infinity": (float_wav([0.0, float("inf"), 0.5]), "finite"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_files_are_refused_by_name(tmp_path, kind):
    data, told = BAD_FILES[kind]
    (tmp_path / "bad.wav").write_bytes(data)
    with pytest.raises(BadAudio, match=told) as error:
        AudioClip.read(tmp_path / "bad.wav")
    assert "bad.wav" in str(error.value)
    with pytest.raises(BadAudio, match=told):
        AudioClip.from_bytes(data)


def test_missing_files_and_folders_are_told(tmp_path):
    with pytest.raises(BadAudio, match="got nothing there; check the path"):
        AudioClip.read(tmp_path / "none.wav")
    with pytest.raises(BadAudio, match="got a folder there"):
        AudioClip.read(tmp_path)


def test_a_streamed_wav_of_unknown_length_is_whole(tmp_path):
    data = bytearray(tone().wav_bytes())
    data[40:44] = struct.pack("<I", 0xFFFFFFFF)
    (tmp_path / "a.wav").write_bytes(data)
    assert AudioClip.read(tmp_path / "a.wav") == tone()


def test_wav_with_other_chunks_is_whole(tmp_path):
    data = tone().wav_bytes()
    extra = b"LIST" + struct.pack("<I", 5) + b"hello\0"  # odd chunks are padded
    (tmp_path / "a.wav").write_bytes(data[:12] + extra + data[12:])
    assert AudioClip.read(tmp_path / "a.wav") == tone()


M4A_HEAD = b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00M4A mp42isom\x00\x00\x00\x00" + bytes(200)


def test_other_codecs_name_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    (tmp_path / "a.m4a").write_bytes(M4A_HEAD)
    with pytest.raises(MissingExtra, match=r'a.m4a\' needs av; install it with: pip install "earnest\[codecs\]"'):
        AudioClip.read(tmp_path / "a.m4a")


@pytest.mark.skipif(not registry.has_extra("av"), reason="needs the codecs extra")
def test_other_codecs_are_read_with_the_extra(tmp_path):
    import av

    clip = tone(16000, 1.0)
    with av.open(str(tmp_path / "a.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray((clip.samples[None] * 32767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate = 16000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    back = AudioClip.read(tmp_path / "a.m4a")
    assert back.sample_rate == 16000
    assert back.duration_s == pytest.approx(1.0, abs=0.15)
    with pytest.raises(BadAudio, match="at most 0.5 s"):
        AudioClip.read(tmp_path / "a.m4a", max_duration_s=0.5)
    (tmp_path / "b.m4a").write_bytes(M4A_HEAD)
    with pytest.raises(
        BadAudio, match="b.m4a' must be a whole audio file, got one that is cut short .its index is missing."
    ):
        AudioClip.read(tmp_path / "b.m4a")


def test_writing_says_what_it_cannot_do(tmp_path):
    with pytest.raises(BadParameter, match="suffix must be one of .wav, .flac, .ogg, .opus, .mp3, got '.xyz'"):
        tone().write(tmp_path / "a.xyz")
    with pytest.raises(BadParameter, match="opus must be able to hold the sample rate, got 44100 Hz"):
        tone(44100).write(tmp_path / "a.opus")
    with pytest.raises(StorageFailed, match="must be writable, got No such file or directory; make the folder"):
        tone().write(tmp_path / "none" / "a.wav")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    tone().write(tmp_path / "a.wav")
    monkeypatch.setattr(files.os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(StorageFailed, match="No space left"):
        tone(8000).write(tmp_path / "a.wav")
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == ["a.wav"]
    assert AudioClip.read(tmp_path / "a.wav") == tone()


def test_amplitudes_beyond_full_scale_are_clipped_in_files():
    clip = AudioClip(np.array([1.5, -1.5, 1.0], np.float32), 8000)
    np.testing.assert_array_equal(
        AudioClip.from_bytes(clip.wav_bytes()).samples, np.float32([1 - 2**-15, -1, 1 - 2**-15])
    )
