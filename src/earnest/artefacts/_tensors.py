"""Arrays as bytes in the safetensors format, and back: numpy alone, and nothing in a file is ever run.

Eight bytes of a little-endian length, a JSON header of that length (name to dtype, shape and place), then the numbers,
little-endian, in the order of their places and without a gap. Files written here are read by the package `safetensors`
and the other way round. Reading believes no number in the header before it is checked against the bytes that are there.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earnest.errors import BadData, BadParameter
from earnest.run_folder import strict_json

Array = NDArray[Any]

DTYPES: Mapping[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"), "F32": np.dtype("<f4"), "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"), "I32": np.dtype("<i4"), "I16": np.dtype("<i2"), "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"), "U32": np.dtype("<u4"), "U16": np.dtype("<u2"), "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}  # fmt: skip  # a table: one row a line
"""What the format calls each type of number that is kept here."""

MAX_HEADER = 64 * 2**20
MAX_AXES = 32
"""Axes of an array, numpy's own limit of old."""
_METADATA = "__metadata__"
_LENGTH = struct.Struct("<Q")


def written_tensors(arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """The bytes of a file that holds the arrays by name, and texts by name.

    Equal arrays and texts give equal bytes.

    Raises
    ------
    BadParameter
        If an array is of a type of number that is not kept, or has the name of the texts.
    """
    names = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    header: dict[str, Any] = {_METADATA: dict(sorted(metadata.items()))}
    parts, place = [], 0
    for name in names:
        code, data = _coded(name, arrays[name])
        header[name] = {"dtype": code, "shape": list(arrays[name].shape), "data_offsets": [place, place + len(data)]}
        parts.append(data)
        place += len(data)
    head = json.dumps(header, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    head += b" " * (-len(head) % 8)
    return b"".join([_LENGTH.pack(len(head)), head, *parts])


def _coded(name: str, array: Array) -> tuple[str, bytes]:
    code = next((code for code, dtype in DTYPES.items() if dtype == array.dtype.newbyteorder("<")), None)
    if code is None or name == _METADATA:
        raise BadParameter(
            f"an array must hold numbers of one of {', '.join(str(d) for d in DTYPES.values())} and be named otherwise than "
            f"{_METADATA!r}, got {name!r} with {array.dtype}; convert or rename it"
        )
    return code, np.ascontiguousarray(array, dtype=DTYPES[code]).tobytes()


def read_tensors(data: bytes, *, called: str) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays by name, read-only, and the texts by name, of a file's bytes.

    Parameters
    ----------
    called : str
        What the file is called in messages.

    Raises
    ------
    BadData
        If the bytes are none of this format, with what is wrong.
    """
    if len(data) < _LENGTH.size:
        raise _bad(called, f"it has {len(data)} bytes, and the length of its header alone takes 8")
    (n_header,) = _LENGTH.unpack_from(data)
    begin = _LENGTH.size + n_header
    if n_header > MAX_HEADER or begin > len(data):
        raise _bad(called, f"its header claims {n_header:,} bytes, of {len(data):,} in all and at most {MAX_HEADER:,}")
    header = _header(data[_LENGTH.size : begin], called)
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _bad(called, f"{_METADATA} must hold texts by name")
    body = memoryview(data)[begin:]
    arrays: dict[str, Array] = {}
    place = 0
    for name, entry in sorted(header.items(), key=lambda pair: _start(pair[1])):
        arrays[name], place = _array(name, entry, body, place, called)
    if place != len(body):
        raise _bad(called, f"{len(body) - place:,} bytes belong to no array")
    return arrays, metadata


def _header(text: bytes, called: str) -> dict[str, Any]:
    try:
        header = strict_json(text)
    except ValueError as error:
        raise _bad(called, f"its header is no JSON ({str(error)[:100]})") from error
    if not isinstance(header, dict):
        raise _bad(called, "its header must be a JSON object")
    return header


def _start(entry: Any) -> int:
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    return offsets[0] if isinstance(offsets, list) and len(offsets) == 2 and type(offsets[0]) is int else -1


def _array(name: str, entry: Any, body: memoryview, place: int, called: str) -> tuple[Array, int]:
    """The array that begins at `place`, and where the next one begins."""
    shape = entry.get("shape") if isinstance(entry, dict) else None
    if (
        not isinstance(shape, list)
        or not all(type(n) is int and 0 <= n < 2**31 for n in shape)
        or len(shape) > MAX_AXES
    ):
        raise _bad(called, f"{name!r} must have a shape, got {str(entry)[:80]}")
    dtype = DTYPES.get(str(entry.get("dtype")))
    if dtype is None:
        raise _bad(called, f"{name!r} holds {str(entry.get('dtype'))[:20]!r}, and only {', '.join(DTYPES)} are read")
    size = math.prod(shape) * dtype.itemsize
    if entry.get("data_offsets") != [place, place + size] or place + size > len(body):
        raise _bad(
            called,
            f"{name!r} of shape {shape} must lie at bytes {place} to {place + size}, got {entry.get('data_offsets')}",
        )
    try:
        array = np.frombuffer(body[place : place + size], dtype=dtype).reshape(shape)
    except ValueError as error:  # no numbers, along axes that nothing could hold
        raise _bad(called, f"{name!r} cannot have the shape {shape}") from error
    if dtype.kind == "b" and size and int(array.view(np.uint8).max()) > 1:
        raise _bad(called, f"{name!r} must hold truth values, and holds others")
    array.flags.writeable = False
    return array, place + size


def _bad(called: str, why: str) -> BadData:
    return BadData(f"{called} must be a safetensors file, and {why}; restore it, or fit again")
