"""How much the pages of a parquet file unpack to, by what each states of itself, read before anything is unpacked.

The summary at a file's end may state other sizes than its pages have, and a reader allocates what the pages state. Their
headers are structures in Thrift's compact form, of which this reads as much as they use.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

MAX_PAGE_BYTES = 256 * 2**20
MAX_PAGE_VALUES = 2**26
"""Values of one page, and of all pages of a group of rows where a row is a list: repeated ones take no room in the file, but
each takes its width in memory."""

_MAX_HEADER = 2**20
_MOST_DEEP = 8
_UNPACKED, _PACKED = 2, 3
_FORMS = (5, 7, 8)  # of a page of data, of a dictionary, and of data in the second form; the first field counts values


def page_fault(file: Path, metadata: Any) -> str:
    """What of a file's pages is beyond the budget, in words; empty where nothing is.

    Raises
    ------
    ValueError
        If a page cannot be read.
    """
    with file.open("rb") as handle:
        for group in range(metadata.num_row_groups):
            for column in range(metadata.num_columns):
                is_list = metadata.schema.column(column).max_repetition_level > 0
                if fault := _fault_of_chunk(handle, metadata.row_group(group).column(column), is_list=is_list):
                    return fault
    return ""


def _fault_of_chunk(handle: BinaryIO, chunk: Any, *, is_list: bool) -> str:
    place = (
        chunk.dictionary_page_offset
        if chunk.has_dictionary_page and chunk.dictionary_page_offset
        else chunk.data_page_offset
    )
    end, n_before = place + chunk.total_compressed_size, 0
    while place < end:
        handle.seek(place)
        header, n_bytes = _Compact(handle.read(min(_MAX_HEADER, end - place))).structure()
        unpacked, packed = header.get(_UNPACKED), header.get(_PACKED)
        n_values = max((header[form].get(1, 0) for form in _FORMS if isinstance(header.get(form), dict)), default=0)
        if not isinstance(unpacked, int) or not isinstance(packed, int) or unpacked < 0 or packed < 0:
            raise ValueError(f"what stands at byte {place} is no page")
        if unpacked > MAX_PAGE_BYTES or n_before + n_values > MAX_PAGE_VALUES:
            return f"{unpacked:,} bytes and {n_before + n_values:,} values in the column {chunk.path_in_schema!r}"
        place, n_before = place + n_bytes + packed, n_before + n_values if is_list else 0
    return ""


class _Compact:
    """Reads a structure in Thrift's compact form: numbers of fields to integers, flags and structures; all else is passed over."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def structure(self) -> tuple[dict[int, Any], int]:
        """The structure, and the number of its bytes."""
        try:
            return self._fields(depth=0), self._place
        except IndexError:
            raise ValueError("a page ends in its header") from None

    def _fields(self, depth: int) -> dict[int, Any]:
        if depth > _MOST_DEEP:
            raise ValueError("the header of a page is nested too deep")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._signed()
            fields[number] = self._value(head & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2):  # a flag stands in its head
            return kind == 1
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._signed()
        if kind == 7:
            return self._skip(8)
        if kind == 8:
            return self._skip(self._unsigned())
        if kind in (9, 10):
            return self._list(depth)
        if kind == 12:
            return self._fields(depth + 1)
        raise ValueError("the header of a page holds what pages do not")

    def _list(self, depth: int) -> None:
        head = self._byte()
        n_items = head >> 4 if head >> 4 < 15 else self._unsigned()
        for _ in range(n_items):
            self._value(3 if head & 15 in (1, 2) else head & 15, depth + 1)  # flags in a list take a byte each

    def _skip(self, n_bytes: int) -> None:
        self._place += n_bytes
        if self._place > len(self._data):
            raise IndexError

    def _byte(self) -> int:
        self._place += 1
        return self._data[self._place - 1]

    def _unsigned(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("the header of a page holds a number without end")

    def _signed(self) -> int:
        value = self._unsigned()
        return value >> 1 ^ -(value & 1)
