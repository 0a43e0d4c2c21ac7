"""One item of a data set: an audio file, or a part of one, and what is known about it."""

from __future__ import annotations

import json
import math
import os
import reprlib
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from earnest.audio import speakers
from earnest.audio.clip import MAX_CHANNELS, MAX_DURATION_S, AudioClip, named_clip
from earnest.errors import BadAudio

MAX_AGE = 120
_YEARS = Field(ge=0, le=MAX_AGE)
_SECONDS = Field(ge=0, le=1e7, allow_inf_nan=False)
_NOWHERE = Path()
_SPELLING = {"gender": speakers.gender, "age_band": speakers.age_band, "accent": speakers.accent}


class Recording(Protocol):
    """A recording that is no file of its own: the bytes of one in a row of a table."""

    def file_bytes(self) -> bytes:
        """The bytes of an audio file.

        Raises
        ------
        BadAudio
            If there are none, or too many.
        """
        ...


class Entry(BaseModel):
    """One item of a data set: an audio file and what is known about it."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    path: str = Field(min_length=1, description="Audio file, relative to the manifest's folder.")
    id: str = Field(default="", description="Unique name of the item; the path where none is given.")
    text: str | None = Field(default=None, description="What is said.")
    speaker: str | None = Field(default=None, description="Who speaks, as a pseudonym.")
    gender: str | None = Field(
        default=None, description="In one spelling: male, female, ...; none where it is not known."
    )
    age: Annotated[int, _YEARS] | Annotated[float, _YEARS] | None = Field(default=None, description="In years.")
    age_band: str | None = Field(default=None, description="In one spelling: child, teenager, adult, twenties, ...")
    accent: str | None = None
    language: str | None = Field(default=None, description="BCP 47 tag, as in en or pt-BR.")
    label: str | None = Field(default=None, description="The true class.")
    role: str | None = Field(default=None, description="What the clip is for in a stimulus, as in speech or control.")
    pair: str | None = Field(default=None, description="Items with one value belong together.")
    licence: str | None = None
    consent: str | None = Field(default=None, description="How the speaker consented.")
    start_s: Annotated[float, _SECONDS] | None = Field(
        default=None, description="Where the item begins in the file, in s."
    )
    end_s: Annotated[float, _SECONDS] | None = Field(default=None, description="Where it ends in the file, in s.")
    channel: Annotated[int, Field(ge=0, lt=MAX_CHANNELS)] | None = Field(
        default=None, description="The one channel that is taken, from 0; all are mixed where none is given."
    )
    attributes: dict[str, str] = Field(default_factory=dict, description="Every other column.")

    _folder: Path = PrivateAttr(default_factory=lambda: _NOWHERE)  # a default would be copied deep for every row
    _recording: Recording | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _gather_attributes(cls, row: Any) -> Any:
        if not isinstance(row, dict):
            return row
        known = {key: value for key, value in row.items() if key in _FIELDS and value not in (None, "")}
        given = known.get("attributes", {})
        others = {key: value for key, value in row.items() if key not in _FIELDS}
        if isinstance(given, dict):
            merged = {**given, **others}
            known["attributes"] = {key: _as_text(value) for key, value in merged.items() if value not in (None, "")}
        known.setdefault("id", _named(known))
        _place_age(known)
        return known

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Entry:
        if self.end_s is not None and self.end_s <= (self.start_s or 0.0):
            raise ValueError(
                f"end_s must lie after start_s, got {self.end_s:g} after {self.start_s or 0.0:g}; mend the times"
            )
        return self

    @field_validator("role")
    @classmethod
    def _role_in_one_spelling(cls, value: str | None) -> str | None:
        return speakers.plain(value).replace(" ", "_") or None

    @field_validator("gender", "age_band", "accent")
    @classmethod
    def _in_one_spelling(cls, value: str | None, column: ValidationInfo) -> str | None:
        return _SPELLING[str(column.field_name)](value)

    @field_validator("age", mode="before")
    @classmethod
    def _number(cls, age: Any) -> Any:
        try:
            years = float(age)
        except (TypeError, ValueError, OverflowError):
            years = math.nan
        if not 0 <= years <= MAX_AGE:
            raise ValueError(
                f"age must be a number of years from 0 to {MAX_AGE}, got {shown(age)}; leave it empty if unknown"
            )
        return int(years) if years.is_integer() else years

    @cached_property
    def file(self) -> Path:
        """Where the audio lies; of a recording in a table, where it would lie as a file."""
        return self._folder / self.path

    @cached_property
    def is_file(self) -> bool:
        """Whether the recording is a file of its own, and no cell of a table."""
        return self._recording is None

    def file_bytes(self) -> bytes:
        """The recording's file as it is, whole."""
        return self._recording.file_bytes() if self._recording is not None else self.file.read_bytes()

    @property
    def needs_codecs(self) -> bool:
        """Whether the recording is audio that is read with `earnest[codecs]` alone."""
        from earnest.audio.files import needs_codecs

        try:
            return needs_codecs(self.file if self.is_file else self.file_bytes())
        except BadAudio:  # which is told where it is heard
            return False

    def clip(self, *, max_duration_s: float = MAX_DURATION_S) -> AudioClip:
        """The audio from `start_s` to `end_s`, decoded now; see `AudioClip.read` for what it refuses."""
        part = {
            "start_s": self.start_s or 0.0,
            "end_s": self.end_s,
            "channel": self.channel,
            "max_duration_s": max_duration_s,
        }
        if self._recording is None:
            return AudioClip.read(self.file, **part)
        return named_clip(self.path, lambda: AudioClip.from_bytes(self.file_bytes(), **part))

    @cached_property
    def length_s(self) -> float | None:
        """Length in seconds by the part that is taken, the column `duration_s` or the file's header; None where none tells."""
        from earnest.audio.files import header_duration_s

        if self.end_s is not None:
            return self.end_s - (self.start_s or 0.0)
        told = self.attributes.get("duration_s")
        try:
            claimed = math.nan if told is None else float(told)
        except ValueError:
            claimed = math.nan
        whole = (
            claimed
            if 0 <= claimed < math.inf
            else header_duration_s(os.path.join(self._folder, self.path))
            if self.is_file
            else None
        )
        return None if whole is None else max(0.0, whole - (self.start_s or 0.0))

    def value(self, column: str) -> str | int | float | None:
        """What the item has in `column`, known or other; None where the cell is empty."""
        return self.__dict__[column] if column in COLUMNS else self.attributes.get(column)


_FIELDS = frozenset(Entry.model_fields)
COLUMNS = _FIELDS - {"attributes"}
OPTIONAL_COLUMNS = tuple(name for name in Entry.model_fields if name not in ("path", "id", "attributes"))


def placed(entry: Entry, folder: Path, recording: Recording | None = None) -> Entry:
    """The entry itself, told where its audio lies."""
    entry._folder, entry._recording = folder, recording
    for known in ("file", "is_file", "length_s"):
        entry.__dict__.pop(known, None)  # of where it lay before
    return entry


def shown(value: Any) -> str:
    """A value for a message, cut where it is long."""
    return reprlib.repr(value)


def _named(row: dict[str, Any]) -> Any:
    """The path, and of a part of a file the part."""
    path, part = row.get("path", ""), [row.get(name) for name in ("start_s", "end_s", "channel")]
    return (
        path
        if part == [None] * 3
        else f"{path}#{'-'.join('' if value is None else str(value) for value in part)}".rstrip("-")
    )


def _place_age(row: dict[str, Any]) -> None:
    """Move an age that is a band of ages, as Common Voice has it, to its column; drop one that says it is not known."""
    age = row.get("age")
    if not isinstance(age, str):
        return
    if speakers.plain(age) in speakers.AGE_BANDS:
        row.setdefault("age_band", row.pop("age"))
    elif not speakers.is_known(age):
        del row["age"]


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
