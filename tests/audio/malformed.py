"""Malformed audio files and manifests, made by a generator with a seed: cut, overwritten, spliced, or lying about their size.

A file that is only cut must never be read as if it were whole; any other may be read or refused, but never end in another
error than earnest's own.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import soundfile

from earnest import registry

RATE = 16_000
NATIVE = {
    "wav": ("WAV", "PCM_16"), "float.wav": ("WAV", "FLOAT"), "gsm.wav": ("WAV", "GSM610"), "rf64.wav": ("RF64", "PCM_16"),
    "w64": ("W64", "PCM_16"), "aiff": ("AIFF", "PCM_16"), "au": ("AU", "PCM_16"), "caf": ("CAF", "PCM_16"), "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS"), "mp3": ("MP3", "MPEG_LAYER_III"), "nist.wav": ("NIST", "PCM_16"),
}  # fmt: skip  # a table: one row a line
"""Written by libsndfile: the name's ending, container and coding."""

CODED = {
    "m4a": ("ipod", "aac", 48_000), "mp4": ("mp4", "aac", 48_000), "mov": ("mov", "pcm_s16le", 48_000), "3gp": ("3gp", "aac", 48_000),
    "flac.mkv": ("matroska", "flac", 48_000), "mka": ("matroska", "aac", 48_000), "webm": ("webm", "libopus", 48_000),
    "ac3": ("ac3", "ac3", 48_000), "eac3": ("eac3", "eac3", 48_000), "aac": ("adts", "aac", 48_000), "wma": ("asf", "wmav2", 48_000),
    "flac.ogg": ("ogg", "flac", 48_000), "amr": ("amr", "libopencore_amrnb", 8_000),
}  # fmt: skip  # a table: one row a line
"""Written by PyAV, where it is installed: the name's ending, container, coding and rate in Hz."""


@dataclass(frozen=True, kw_only=True)
class Malformed:
    """A file with what was done to it; `cut`: it is a whole file's beginning and nothing more."""

    name: str
    data: bytes
    cut: bool


def whole_files(seconds: float = 1.0) -> dict[str, bytes]:
    """A good file of each container and coding that this machine can write."""
    rng = np.random.default_rng(1)
    samples = (0.3 * rng.standard_normal(round(RATE * seconds))).clip(-0.9, 0.9).astype(np.float32)
    found = {}
    for ending, (container, coding) in NATIVE.items():
        file = io.BytesIO()
        soundfile.write(file, samples, RATE, format=container, subtype=coding)
        found[ending] = file.getvalue()
    if registry.has_extra("av"):
        found |= {ending: written_by_pyav(samples, *how) for ending, how in CODED.items()}
    return found


def written_by_pyav(samples: np.ndarray, container: str, coding: str, sample_rate: int) -> bytes:
    """The samples at another rate in a container that libsndfile does not write."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(coding, rate=sample_rate, layout="mono")
        stream.codec_context.bit_rate = 12_200 if coding == "libopencore_amrnb" else 96_000
        stream.codec_context.open()
        frame = av.AudioFrame.from_ndarray((samples[None] * 32767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate = RATE
        fitting = av.AudioResampler(
            format=stream.codec_context.format,
            layout="mono",
            rate=sample_rate,
            frame_size=stream.codec_context.frame_size or 1024,
        )
        place = 0
        for part in [*fitting.resample(frame), *fitting.resample(None)]:
            part.pts, place = place, place + part.samples
            for packet in stream.encode(part):
                out.mux(packet)
        for packet in stream.encode(None):
            out.mux(packet)
    return file.getvalue()


def _cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(12, len(data) - 1))]


def _cut_at_the_end(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: -int(rng.integers(2, 200))]


def _overwritten(data: bytes, rng: np.random.Generator) -> bytes:
    content = bytearray(data)
    for place in rng.integers(0, len(data), 8):
        content[place] = int(rng.integers(0, 256))
    return bytes(content)


def _head_overwritten(data: bytes, rng: np.random.Generator) -> bytes:
    content = bytearray(data)
    for place in rng.integers(4, 120, 4):
        content[place] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF]))
    return bytes(content)


def _zeroed(data: bytes, rng: np.random.Generator) -> bytes:
    start = int(rng.integers(0, len(data) - 50))
    return data[:start] + bytes(50) + data[start + 50 :]


def _spliced(data: bytes, rng: np.random.Generator) -> bytes:
    start, end = sorted(int(place) for place in rng.integers(0, len(data), 2))
    return data[:end] + data[start:]


def _noise_behind(data: bytes, rng: np.random.Generator) -> bytes:
    return data[:64] + rng.bytes(5000)


CHANGES: tuple[tuple[Callable[[bytes, np.random.Generator], bytes], bool], ...] = (
    (_cut, True), (_cut, True), (_cut_at_the_end, True), (_overwritten, False), (_head_overwritten, False), (_zeroed, False),
    (_spliced, False), (_noise_behind, False),
)  # fmt: skip  # a table: one row a line


def malformed_files(n: int, seed: int) -> Iterator[Malformed]:
    """The named ones, then changes of good files in turn."""
    yield from named_files()
    whole = list(whole_files().items())
    for number in range(n - len(list(named_files()))):
        rng = np.random.default_rng([seed, number])
        ending, data = whole[number % len(whole)]
        change, cut = CHANGES[number // len(whole) % len(CHANGES)]
        yield Malformed(name=f"{number:03d}{change.__name__}.{ending}", data=change(data, rng), cut=cut)


def named_files() -> Iterator[Malformed]:
    """Files that public reports name: texts that open sockets, chunks without end, rates and channels beyond memory."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    files = {
        "sdp.wav": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 239.1.2.3\nt=0 0\nm=audio 8998 RTP/AVP 0\n",
        "playlist.mp3": b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/a.ts\n",
        "concat.mp4": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "dash.m4a": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>http://127.0.0.1:9/</BaseURL></MPD>',
        "empty.wav": b"",
        "one.wav": b"R",
        "chunks.wav": b"RIFF\xff\xff\xff\x7fWAVE" + form + struct.pack("<4sI", b"junk", 0) * 2_000_000,
        "rate.flac": big_flac(rate=655_350, channels=8, seconds=290),
        "hours.flac": big_flac(rate=48_000, channels=8, seconds=3599),
        "boxes.m4a": struct.pack(">I4s4s", 12, b"ftyp", b"M4A ") + struct.pack(">I4s", 8, b"free") * 500_000,
        "elements.mkv": b"\x1aE\xdf\xa3\x80"
        + b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"
        + b"\xec\x80" * 1_000_000,
        "pages.ogg": b"".join(
            struct.pack("<4sBBQIIIB", b"OggS", 0, 2 if n == 0 else 0, 0, 1, n, 0, 0) for n in range(300_000)
        ),
    }
    for name, data in files.items():
        yield Malformed(name=name, data=data, cut=False)


def big_flac(*, rate: int, channels: int, seconds: int) -> bytes:
    """A small FLAC that promises much: the header of one of silence, its rate, channels and length overwritten."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros((44_100, channels), np.int16), 44_100, format="FLAC")
    data = bytearray(file.getvalue())
    packed = rate << 44 | (channels - 1) << 41 | 15 << 36 | rate * seconds
    data[18:26] = packed.to_bytes(8, "big")
    return bytes(data)


MANIFEST_LINES = (
    "path,text,speaker,age",
    "a.wav,go home,s1,33",
    'b.wav,"one, two",s2,',
    "a.wav;x;y;z",
    "c.wav,no,,old",
)
HOSTILE = (
    "[" * 100_000, '{"path":"a.wav","x":' + "[" * 50_000, '{"path":"a.wav","age":' + "9" * 5000 + "}", '{"path":"a.wav","x":"\\ud800"}',
    '{"path":"a.wav","path":"b.wav"}', '{"path":["a.wav"]}', '{"path":null}', "null", '{"path":"a.wav","start_s":1e999}',
    '{"path":"a.wav","start_s":"NaN","end_s":-1}', '{"path":"a.wav","offset":true,"duration":{}}', '{"path":"' + "x" * 5000 + '"}',
    '{"path":"a.wav","attributes":[1]}', '{"path":"\\u0000"}', '{"audio_filepath":{"file":3}}', '{"sources":[],"sampling_rate":0}',
    '{"supervisions":[3]}', '{"recording_id":"r","start":"x","duration":[]}', '"x', "\x00\x00", '{"path":"a.wav","channel":9e9}',
)  # fmt: skip  # a table: one row a line
MANIFEST_NAMES = (
    "metadata.csv", "manifest.jsonl", "metadata.jsonl", "metadata.tsv", "train.csv", "manifest.json", "wav.scp", "cuts.jsonl",
    "x.trans.txt", "protocol.txt", "trials.txt", "segments", "recordings.jsonl.gz", "speaker-info.txt", "validated.tsv",
)  # fmt: skip  # a table: one row a line


def malformed_manifest(number: int, seed: int) -> dict[str, bytes]:
    """Files of text beside `a.wav` and `b.wav`: lines of manifests and hostile ones, mixed, in some encoding, some cut."""
    rng = np.random.default_rng([seed, number])
    name = MANIFEST_NAMES[number % len(MANIFEST_NAMES)]
    lines = [
        str(rng.choice(MANIFEST_LINES)) if rng.random() < 0.5 else HOSTILE[int(rng.integers(len(HOSTILE)))]
        for _ in range(6)
    ]
    header = MANIFEST_LINES[0] if rng.random() < 0.7 else lines[0]
    text = "\n".join([header if name.endswith(("csv", "tsv")) else lines[0], *lines])
    encoding = str(rng.choice(["utf-8", "utf-16", "utf-16-le", "cp1252", "utf-32"]))
    data = text.encode(encoding, errors="replace")
    if rng.random() < 0.3:
        data = data[: int(rng.integers(1, max(2, len(data))))]
    if rng.random() < 0.2:
        data = _overwritten(data + bytes(200), rng)
    files = {name: data}
    if name == "segments":
        files["wav.scp"] = b"r a.wav\n"
    return files
