"""Which container an audio file is, by its first bytes, and whether the file holds all that its container declares.

Decoders read a file that was cut as if it were whole: they stop where it ends. So what a container says of its own length
is compared with the bytes that are there, before anything is decoded: chunks of WAV, RF64, W64, AIFF, AU and CAF, pages of
Ogg, frames of MP3, AAC, AC-3 and AMR, elements of Matroska and WebM, boxes of MP4, the header of ASF. A file that was
written to a pipe declares no length; it cannot be told from one that was cut between two of its parts, and is read.

`declared` gives "" for a whole file, else what is missing. Sizes are in bytes.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import BinaryIO

MAX_PARTS = 20_000
"""Chunks, boxes or elements of a file on one level; more are refused, since parsers walk them one by one."""

_FARTHEST = 2**62
_UNKNOWN = 0x7FFF0000  # a WAV that was streamed carries 0 or a huge size
_W64_TAIL = bytes.fromhex("2e91cf11a5d628db04c10000")
_W64_DATA = bytes.fromhex("64617461f3acd3118cd100c04f8edb8a")
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_TAIL_TAGS = (b"TAG", b"APETAGEX", b"LYRICS", b"ID3")


def container_of(handle: BinaryIO) -> str:
    """Name of the container by the first bytes; empty where they are of none that is read."""
    head = _at(handle, 0, 64)
    if head[:3] == b"ID3":
        start = _after_id3(handle)
        return "aac" if _is_adts(_at(handle, start, 2)) else "mp3"
    for name, mark in _MARKS:
        if head.startswith(mark):
            return _refined(name, head)
    if head[4:8] == b"ftyp" or head[4:8] in (b"moov", b"wide", b"mdat"):
        return "mov"
    if _is_adts(head[:2]):
        return "aac"
    return "mp3" if _frame_of_mp3(head[:4]) else ""


_MARKS = (
    ("wav", b"RIFF"), ("rf64", b"RF64"), ("rf64", b"BW64"), ("w64", b"riff" + _W64_TAIL), ("aiff", b"FORM"), ("au", b".snd"),
    ("caf", b"caff"), ("flac", b"fLaC"), ("ogg", b"OggS"), ("nist", b"NIST_1A"), ("matroska", b"\x1aE\xdf\xa3"),
    ("amr", b"#!AMR"), ("asf", _ASF_HEADER), ("ac3", b"\x0bw"),
)  # fmt: skip  # a table: one row a line


def _refined(name: str, head: bytes) -> str:
    """The name, or empty where the rest of the mark is another's: an AVI is a RIFF too."""
    if name == "ac3" and len(head) > 5 and head[5] >> 3 > 10:
        return "eac3"
    wanted = {"wav": (b"WAVE",), "rf64": (b"WAVE",), "aiff": (b"AIFF", b"AIFC")}.get(name)
    return name if wanted is None or head[8:12] in wanted else ""


def declared(handle: BinaryIO, container: str) -> str:
    """What the file lacks of what its container declares, in words; empty where nothing is missing."""
    size = handle.seek(0, os.SEEK_END)
    check = _CHECKS.get(container)
    return check(handle, size) if check else ""


@dataclass(frozen=True, kw_only=True)
class PlainAudio:
    """Where in a file 16-bit samples of one channel lie, little-endian, as they are.

    Parameters
    ----------
    start, n_samples : int
        The byte of the first, and how many there are.
    sample_rate : int
        In Hz, as the file says.
    """

    start: int
    n_samples: int
    sample_rate: int


_HEAD = 4096  # bytes before the audio; a header that is longer is read by a decoder
_PASSED_OVER = (b"LIST", b"JUNK", b"bext", b"fact")


def plain_pcm16(handle: BinaryIO, size: int) -> PlainAudio | None:
    """Where the audio of a WAV file lies that needs no decoder; None of any other file, and of one that is in doubt.

    It has one channel of 16-bit PCM, says so without contradiction, and ends with its audio; before it there may be
    descriptions, which are passed over.
    """
    return _plain_by_head(_at(handle, 0, _HEAD), size)


def _plain_by_head(head: bytes, size: int) -> PlainAudio | None:
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    start, sample_rate = 12, 0
    while start + 8 <= len(head):
        mark, length = struct.unpack_from("<4sI", head, start)
        start += 8
        if mark == b"data":
            whole = sample_rate and length % 2 == 0 and start + length == size
            return PlainAudio(start=start, n_samples=length // 2, sample_rate=sample_rate) if whole else None
        if mark == b"fmt " and length == 16 and not sample_rate and start + 16 <= len(head):
            coding, n_channels, sample_rate, per_second, step, n_bits = struct.unpack_from("<HHIIHH", head, start)
            if (coding, n_channels, per_second, step, n_bits) != (1, 1, 2 * sample_rate, 2, 16):
                return None
        elif mark not in _PASSED_OVER:
            return None
        start += length + length % 2
    return None


def length_in_header(handle: BinaryIO) -> float | None:
    """Length in seconds where a header tells it at a glance: of a plain WAV file and of FLAC; None of any other file."""
    head = _at(handle, 0, _HEAD)
    if head[:8] == b"fLaC\0\0\0\x22" and len(head) >= 26:
        fields = int.from_bytes(head[18:26], "big")  # 20 bits of rate, 3 of channels, 5 of width, 36 of length
        sample_rate, n_samples = fields >> 44, fields & (1 << 36) - 1
        return n_samples / sample_rate if sample_rate and n_samples else None
    plain = _plain_by_head(head, handle.seek(0, os.SEEK_END)) if head[:4] == b"RIFF" else None
    return plain.n_samples / plain.sample_rate if plain is not None else None


def _at(handle: BinaryIO, place: int, n_bytes: int) -> bytes:
    """Bytes of the file from a place on; none where it ends before, or where a size that lies has led."""
    if place >= _FARTHEST:
        return b""
    handle.seek(place)
    return handle.read(n_bytes)


def _short(have: int, wanted: int) -> str:
    return f"{have} of {wanted} bytes" if have < wanted else ""


def _too_many(what: str) -> str:
    return f"more than {MAX_PARTS} {what}"


def _chunks(handle: BinaryIO, size: int, *, form: str, start: int, data: bytes, unknown: Callable[[int], bool]) -> str:
    """Walk chunks of a mark and a size up to that of the audio, which must lie in the file."""
    step = struct.calcsize(form)
    for _ in range(MAX_PARTS):
        head = _at(handle, start, step)
        if len(head) < step:
            return ""  # no chunk of audio: the decoder says so
        mark, length = struct.unpack(form, head)
        if mark == data:
            return "" if unknown(length) else _short(size - start - step, length)
        if length < 0:
            return ""
        start += step + length + length % 2
    return _too_many("chunks")


def _wav(handle: BinaryIO, size: int) -> str:
    return _chunks(handle, size, form="<4sI", start=12, data=b"data", unknown=lambda length: length >= _UNKNOWN)


def _aiff(handle: BinaryIO, size: int) -> str:
    return _chunks(handle, size, form=">4sI", start=12, data=b"SSND", unknown=lambda length: length >= _UNKNOWN)


def _caf(handle: BinaryIO, size: int) -> str:
    start, step = 8, 12
    for _ in range(MAX_PARTS):
        head = _at(handle, start, step)
        if len(head) < step:
            return ""
        mark, length = struct.unpack(">4sq", head)
        if mark == b"data" or length < 0:
            return "" if length < 0 else _short(size - start - step, length)
        start += step + length
    return _too_many("chunks")


def _rf64(handle: BinaryIO, size: int) -> str:
    """The size of the audio stands in the chunk `ds64`, which comes first."""
    head = _at(handle, 12, 8 + 16)
    if head[:4] != b"ds64" or len(head) < 24:
        return ""
    wanted = struct.unpack("<Q", head[16:24])[0]
    start = 12
    for _ in range(MAX_PARTS):
        mark = _at(handle, start, 8)
        if len(mark) < 8:
            return ""
        length = struct.unpack("<I", mark[4:])[0]
        if mark[:4] == b"data":
            return _short(size - start - 8, wanted if length == 0xFFFFFFFF else length)
        start += 8 + length + length % 2
    return _too_many("chunks")


def _w64(handle: BinaryIO, size: int) -> str:
    start = 40
    for _ in range(MAX_PARTS):
        head = _at(handle, start, 24)
        if len(head) < 24:
            return ""
        length = struct.unpack("<Q", head[16:])[0]  # with its own head
        if head[:16] == _W64_DATA:
            return _short(size - start, length)
        if length < 24:
            return ""
        start += length + -length % 8
    return _too_many("chunks")


def _au(handle: BinaryIO, size: int) -> str:
    head = _at(handle, 4, 8)
    if len(head) < 8:
        return ""
    start, length = struct.unpack(">II", head)
    return "" if length >= _UNKNOWN else _short(size - start, length)


def _nist(handle: BinaryIO, size: int) -> str:
    """The header is text: its size, then fields with their type."""
    text = _at(handle, 0, 4096).decode("latin-1")
    fields = {words[0]: words[2] for line in text.splitlines() if len(words := line.split()) == 3 and words[1] == "-i"}
    try:
        start, names = int(text.splitlines()[1]), ("sample_count", "channel_count", "sample_n_bytes")
        n_samples, n_channels, n_bytes = (int(fields[name]) for name in names)
    except (IndexError, KeyError, ValueError):
        return ""
    return "" if "shorten" in text else _short(size - start, n_samples * n_channels * n_bytes)


def _ogg(handle: BinaryIO, size: int) -> str:
    """Pages follow each other without a gap, numbered by stream, and the last of a stream carries its mark."""
    start, serial, numbers, ended = 0, -1, dict[int, int](), set[int]()
    for _ in range(10 * MAX_PARTS):
        if start >= size:
            break
        head = _at(handle, start, 27)
        if head[:4] != b"OggS":
            return "" if serial in ended else "what follows its pages is no page"
        if len(head) < 27:
            return "its last page ends in its header"
        flags, serial, number, n_parts = head[5], *struct.unpack("<II", head[14:22]), head[26]
        if number != numbers.get(serial, -1) + 1 and serial in numbers:
            return f"page {numbers[serial] + 1} of a stream is missing"
        numbers[serial] = number
        ended |= {serial} if flags & 4 else set()
        start += 27 + n_parts + sum(_at(handle, start + 27, n_parts))
    else:
        return _too_many("pages")
    if start > size:
        return f"its last page lacks {start - size} bytes"
    return "" if serial in ended else "its last page is not marked as the last"


def _after_id3(handle: BinaryIO) -> int:
    """Where the tags at the start end."""
    start = 0
    while (head := _at(handle, start, 10))[:3] == b"ID3" and len(head) == 10:
        length = sum((part & 0x7F) << shift for part, shift in zip(head[6:10], (21, 14, 7, 0)))
        start += 10 + length + (10 if head[5] & 0x10 else 0)
    return start


_MP3_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_KBPS = {
    (3, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rates in kbit/s by version (3: MPEG-1, 2: MPEG-2 and 2.5) and layer (3: I, 2: II, 1: III, as the header codes them)."""


def _frame_of_mp3(head: bytes) -> int:
    """Length of the frame whose header this is; 0 where it is none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    rate, speed = head[2] >> 2 & 3, head[2] >> 4
    if version == 1 or layer == 0 or rate == 3 or speed in (0, 15):
        return 0
    kbps = _KBPS[(3, layer) if version == 3 else (2, 3 if layer == 3 else 2)][speed - 1]
    padding = head[2] >> 1 & 1
    if layer == 3:
        return (12_000 * kbps // _MP3_RATES[version][rate] + padding) * 4
    return (144_000 if version == 3 or layer == 2 else 72_000) * kbps // _MP3_RATES[version][rate] + padding


def _mp3(handle: BinaryIO, size: int) -> str:
    """Frames follow each other, the last is whole, and there are as many as the first of them counts."""
    content = _at(handle, 0, size)
    start = _after_id3(handle)
    wanted, n_frames = _counted_frames(content[start : start + 256]), 0
    while start + 4 <= size:
        length = _frame_of_mp3(content[start : start + 4])
        if not length:
            if content.startswith(_TAIL_TAGS, start) or not content[start:].strip(b"\0"):
                break
            return f"what stands at byte {start} is no frame"
        if start + length > size:
            return f"its last frame has {size - start} of {length} bytes"
        start, n_frames = start + length, n_frames + 1
    return f"{n_frames - 1} of {wanted} frames" if wanted is not None and n_frames - 1 < wanted else ""


def _counted_frames(first: bytes) -> int | None:
    """The number of frames that the first, which holds no audio, counts; None where it counts none."""
    for mark in (b"Xing", b"Info"):
        place = first.find(mark)
        if place >= 0 and len(first) >= place + 12 and first[place + 7] & 1:
            return int(struct.unpack(">I", first[place + 8 : place + 12])[0])
    place = first.find(b"VBRI")
    return (
        int(struct.unpack(">I", first[place + 14 : place + 18])[0]) if place >= 0 and len(first) >= place + 18 else None
    )


def _is_adts(head: bytes) -> bool:
    return len(head) >= 2 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0


def _frame_of_aac(head: bytes) -> int:
    return (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5 if len(head) >= 6 and _is_adts(head) else 0


_AC3_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
_AC3_RATES = (48_000, 44_100, 32_000)


def _frame_of_ac3(head: bytes) -> int:
    if len(head) < 6 or head[:2] != b"\x0bw":
        return 0
    if head[5] >> 3 > 10:  # E-AC-3 writes the length itself
        return 2 * ((head[2] & 7) << 8 | head[3]) + 2
    rate, code = head[4] >> 6, head[4] & 63
    if rate == 3 or code >> 1 >= len(_AC3_KBPS):
        return 0
    words = _AC3_KBPS[code >> 1] * 96_000 // _AC3_RATES[rate]
    return 2 * (words + (code & 1 if rate == 1 else 0))


def _frames(length_of: Callable[[bytes], int], n_head: int) -> Callable[[BinaryIO, int], str]:
    """A check that frames of which each tells its length end where the file does."""

    def check(handle: BinaryIO, size: int) -> str:
        start = _after_id3(handle)
        content = _at(handle, 0, size)
        while start < size:
            length = length_of(content[start : start + n_head])
            if start + length > size:
                return f"its last frame has {size - start} of {length} bytes"
            if not length:
                if size - start < n_head:
                    return "its last frame ends in its header"
                return "" if content.startswith(_TAIL_TAGS, start) else f"what stands at byte {start} is no frame"
            start += length
        return ""

    return check


_AMR_BYTES = (13, 14, 16, 18, 20, 21, 27, 32, 6, 1, 1, 1, 1, 1, 1, 1)
_AMR_WIDE_BYTES = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 1, 1, 1, 1, 1, 1)


def _amr(handle: BinaryIO, size: int) -> str:
    content = _at(handle, 0, size)
    wide = content.startswith(b"#!AMR-WB")
    start, lengths = content.find(b"\n", 0, 32) + 1, _AMR_WIDE_BYTES if wide else _AMR_BYTES
    while start < size:
        start += lengths[content[start] >> 3 & 15]
    return f"its last frame lacks {start - size} bytes" if start > size else ""


def _boxes(handle: BinaryIO, size: int) -> str:
    """MP4: every box on the first level lies in the file, and there is one that says what the others hold."""
    start, marks = 0, set[bytes]()
    for _ in range(MAX_PARTS):
        head = _at(handle, start, 16)
        if len(head) < 8:
            return "its last box ends in its header" if head else "" if b"moov" in marks else "its index is missing"
        length, mark = struct.unpack(">I4s", head[:8])
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:])[0]
        marks.add(mark)
        if length == 0:  # to the end of the file
            return "" if b"moov" in marks else "its index is missing"
        if length < 8:
            return f"what stands at byte {start} is no box"
        if start + length > size:
            return f"its box {mark.decode('latin-1')!r} has {size - start} of {length} bytes"
        start += length
    return _too_many("boxes")


_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
_MASTERS = (_SEGMENT, _CLUSTER)


def _matroska(handle: BinaryIO, size: int) -> str:
    """Every element lies in the file; a size that is not known, as in a live recording, ends where the next one begins."""
    start = 0
    for _ in range(20 * MAX_PARTS):
        if start >= size:
            return ""
        element, length, n_head = _element(_at(handle, start, 12))
        if not n_head:
            return (
                "its last element ends in its header"
                if size - start < 12
                else f"what stands at byte {start} is no element"
            )
        if length is not None and start + n_head + length > size:
            return f"an element has {size - start - n_head} of {length} bytes"
        start += n_head + (0 if element in _MASTERS or length is None else length)
    return _too_many("elements")


def _element(head: bytes) -> tuple[int, int | None, int]:
    """Id, length (None: not known) and the number of bytes that tell both; 0 of them where this is no element."""
    n_id = 9 - head[0].bit_length() if head and head[0] else 9
    if n_id > 4 or len(head) <= n_id or not head[n_id]:
        return 0, None, 0
    n_length = 9 - head[n_id].bit_length()
    if len(head) < n_id + n_length:
        return 0, None, 0
    value = int.from_bytes(head[n_id : n_id + n_length], "big") & (1 << 7 * n_length) - 1
    known = value != (1 << 7 * n_length) - 1
    return int.from_bytes(head[:n_id], "big"), value if known else None, n_id + n_length


def _asf(handle: BinaryIO, size: int) -> str:
    head = _at(handle, 0, 65_536)
    place = head.find(_ASF_FILE)
    if place < 0 or len(head) < place + 92:
        return ""
    wanted, flags = (
        struct.unpack("<Q", head[place + 40 : place + 48])[0],
        struct.unpack("<I", head[place + 88 : place + 92])[0],
    )
    return "" if flags & 1 else _short(size, wanted)  # the flag of a broadcast, whose size is not known


_CHECKS: Mapping[str, Callable[[BinaryIO, int], str]] = MappingProxyType(
    {
        "wav": _wav, "rf64": _rf64, "w64": _w64, "aiff": _aiff, "au": _au, "caf": _caf, "nist": _nist, "ogg": _ogg, "mp3": _mp3,
        "aac": _frames(_frame_of_aac, 6), "ac3": _frames(_frame_of_ac3, 6), "eac3": _frames(_frame_of_ac3, 6), "amr": _amr,
        "mov": _boxes, "matroska": _matroska, "asf": _asf,
    }
)  # fmt: skip  # a table: one row a line
