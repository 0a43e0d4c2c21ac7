"""WAV files that need no decoder: what is read of them, what of them goes on, and which files are left to a decoder."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile

from earnest.audio import AudioClip
from earnest.audio.containers import plain_pcm16
from earnest.audio.files import encoded
from earnest.errors import BadAudio

STEPS = np.array([-32768, -1, 0, 1, 2, 32767, -12345], dtype="<i2")
INFO = b"LIST" + struct.pack("<I", 4 + 8 + 10) + b"INFOIART" + struct.pack("<I", 10) + b"Jane Roe\0\0"


def chunk(mark: bytes, data: bytes) -> bytes:
    return mark + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def form(
    *,
    coding: int = 1,
    n_channels: int = 1,
    rate: int = 16_000,
    step: int = 2,
    n_bits: int = 16,
    per_second: int | None = None,
) -> bytes:
    return chunk(
        b"fmt ",
        struct.pack(
            "<HHIIHH", coding, n_channels, rate, rate * step if per_second is None else per_second, step, n_bits
        ),
    )


def wav(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


DATA = chunk(b"data", STEPS.tobytes())
PLAIN = {
    "nothing beside": wav(form(), DATA),
    "who recorded it": wav(form(), INFO, DATA),
    "an odd chunk": wav(chunk(b"JUNK", b"abc"), form(), DATA),
    "a description first": wav(chunk(b"bext", b"Jane Roe" * 80), form(), chunk(b"fact", struct.pack("<I", 7)), DATA),
}
IN_DOUBT = {
    "a chunk behind": wav(form(), DATA, INFO),
    "an unknown chunk": wav(form(), chunk(b"cue ", struct.pack("<I", 0)), DATA),
    "two channels": wav(form(n_channels=2, step=4), chunk(b"data", STEPS[:6].tobytes())),
    "eight bits": wav(form(step=1, n_bits=8), chunk(b"data", b"\x80\x90\xa0\xb0")),
    "another rate in bytes": wav(form(per_second=7), DATA),
    "a long header": wav(form(), chunk(b"LIST", b"INFO" + b"\0" * 8000), DATA),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_file_gives_what_libsndfile_reads(name: str) -> None:
    clip = AudioClip.from_bytes(PLAIN[name])
    samples, rate = soundfile.read(io.BytesIO(PLAIN[name]), dtype="float32")
    assert clip.uncompressed and clip.sample_rate == rate and clip.samples.tobytes() == samples.tobytes()
    assert (clip.n_samples, clip.duration_s) == (7, 7 / 16_000)


@pytest.mark.parametrize("name", IN_DOUBT)
def test_a_file_in_doubt_is_left_to_a_decoder(name: str) -> None:
    clip = AudioClip.from_bytes(IN_DOUBT[name])
    samples, _ = soundfile.read(io.BytesIO(IN_DOUBT[name]), dtype="float32", always_2d=True)
    assert not clip.uncompressed and np.array_equal(clip.samples, samples.mean(axis=1))


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_sent_is_what_the_file_holds_and_nothing_else(name: str) -> None:
    clip = AudioClip.from_bytes(PLAIN[name])
    assert clip.wav_bytes() == PLAIN["nothing beside"] and b"Jane" not in clip.wav_bytes()
    assert encoded(clip.pcm16(), clip.sample_rate, kind="flac") == clip.flac_bytes()


def test_a_clip_is_the_same_whether_its_samples_came_as_floats_or_as_steps() -> None:
    clip = AudioClip.from_bytes(PLAIN["nothing beside"])
    floats = AudioClip((STEPS / 32768).astype(np.float32), 16_000)
    assert clip == floats and floats == clip and clip.digest == floats.digest and hash(clip) == hash(floats)
    assert clip.quantised() is clip and floats.quantised() == clip and not floats.quantised().uncompressed
    assert not clip.samples.flags.writeable and clip.samples is clip.samples
    assert clip != AudioClip.of_pcm16(STEPS[::-1].astype(np.int16), 16_000)
    assert clip != AudioClip.of_pcm16(STEPS.astype(np.int16), 8_000)
    assert not clip.with_samples(clip.samples * np.float32(0.5)).uncompressed


def test_a_part_of_a_plain_file_is_read_alone() -> None:
    part = AudioClip.from_bytes(PLAIN["who recorded it"], start_s=2 / 16_000, end_s=5 / 16_000, channel=0)
    assert part.uncompressed and part.pcm16().tolist() == [0, 1, 2]
    with pytest.raises(BadAudio, match="must have a channel 1, counted from 0, got 1"):
        AudioClip.from_bytes(PLAIN["nothing beside"], channel=1)
    with pytest.raises(BadAudio, match="must hold the part from 1 s"):
        AudioClip.from_bytes(PLAIN["nothing beside"], start_s=1.0)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (wav(form(), DATA)[:-3], "cut short"),
        (wav(form(rate=500), DATA), "sample rate from 1,000"),
        (wav(form(), chunk(b"data", b"")), "at least one sample"),
    ],
)
def test_a_bad_file_is_refused_as_ever(data: bytes, match: str) -> None:
    with pytest.raises(BadAudio, match=match):
        AudioClip.from_bytes(data)


def test_a_long_file_is_refused_before_it_is_read() -> None:
    class Unread(io.BytesIO):
        n_most = 0

        def read(self, n: int | None = -1) -> bytes:  # type: ignore[override]
            data = super().read(n)
            self.n_most = max(self.n_most, len(data))
            return data

    from earnest.audio.files import Part, _decoded, _Request

    handle = Unread(wav(form(), chunk(b"data", bytes(2 * 160_000))))
    with pytest.raises(BadAudio, match="must last at most 5 s, got 10.0 s"):
        _decoded(handle, _Request(name="'a.wav'", max_duration_s=5.0, part=Part()))
    assert handle.n_most <= 4096


def test_steps_must_be_16_bit_values() -> None:
    with pytest.raises(BadAudio, match=r"steps must be an int16 array .* got a float32 array of shape \(3,\)"):
        AudioClip.of_pcm16(np.zeros(3, np.float32), 16_000)
    with pytest.raises(BadAudio, match=r"of shape \(0,\)"):
        AudioClip.of_pcm16(np.zeros(0, np.int16), 16_000)


@pytest.mark.parametrize("seed", range(20))
def test_a_disturbed_header_gives_what_libsndfile_reads_or_an_error_of_ours(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(40):
        data = bytearray(PLAIN[list(PLAIN)[rng.integers(len(PLAIN))]])
        for place in rng.integers(0, min(len(data), 120), rng.integers(1, 4)):
            data[place] = rng.integers(256)
        if plain_pcm16(io.BytesIO(data), len(data)) is None:
            continue
        try:
            clip = AudioClip.from_bytes(bytes(data))
        except BadAudio:
            continue
        samples, rate = soundfile.read(io.BytesIO(data), dtype="float32")
        assert rate == clip.sample_rate and samples.tobytes() == clip.samples.tobytes()
