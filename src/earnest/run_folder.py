"""Files of a run folder, read and written as data that somebody else may have made.

A run folder is sent around: what it names is never followed out of it. A file is read where it is a plain one whose
real place is inside the folder; a clip is a name of 64 hex digits and nothing else. Files are written under a name of
their own beside their place and then put there, so that a link that lies in the folder is replaced and not written
through. JSON is read strictly: no NaN or infinity, no number that no float or 64-bit integer holds, no broken Unicode,
no nesting without end. Whatever is wrong is `BadData` with the file and, where it has lines, the line.
"""

from __future__ import annotations

import itertools
import math
import os
import re
import stat
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from earnest.errors import BadData, EarnestError
from earnest.text import valid_text

if TYPE_CHECKING:
    from pydantic import BaseModel

    Line = TypeVar("Line", bound=BaseModel)

CLIPS = "clips"
CLIP_NAME = "^[0-9a-f]{64}$"
"""What a clip is called: the SHA-256 of its samples."""

CLIP_SUFFIXES = (".flac", ".wav")
"""What a clip's file may be: coded, or as it came where it came uncompressed. Versions before 0.3 kept FLAC alone."""

MAX_DEPTH = 100
"""Of what is written within lists and objects within each other."""

MAX_FAULTS = 100
"""Lines that cannot be read, after which a file is given up."""

_LONG_NUMBER = re.compile(rb"[0-9]{19}|[0-9][eE]\+?[0-9]{2,}(?:[,\]}\s]|$)")
"""What JSON that holds a number too large has; 2^63 has 19 digits. A digest, which ends in a quote, seldom has it."""

_MAX_INTEGER = 2**63
_COUNTER = itertools.count()


def file_in(folder: Path | str, name: str) -> Path:
    """Where a file of a run folder lies, whether or not it is there.

    Raises
    ------
    BadData
        If it is a link that leads out of the folder, is no plain file, or cannot be looked for.
    """
    path = Path(folder) / name
    try:
        real, root = path.resolve(), Path(folder).resolve()
        plain = not real.exists() or stat.S_ISREG(real.stat().st_mode)
    except (OSError, ValueError, RuntimeError) as error:  # a loop of links, a name too long, a zero byte
        raise BadData(
            f"{str(path)[:120]!r} must be a file, and cannot be looked for: {getattr(error, 'strerror', None) or error}"
        ) from error
    if not real.is_relative_to(root):
        raise BadData(
            f"{str(path)!r} must lie in its run folder, but is a link to {str(real)!r}; a run folder is read as data, and "
            "nothing outside it: put a copy of the file in its place if you trust it"
        )
    if not plain:
        raise BadData(f"{str(path)!r} must be a plain file, and is none; remove it")
    return path


def clip_file(folder: Path | str, name: str) -> Path:
    """Where the clip called `name` lies in a run folder, with whichever suffix; where it would lie as FLAC if it is not there.

    Raises
    ------
    BadData
        If that is no name of a clip, or a link leads out of the folder.
    """
    if re.fullmatch(CLIP_NAME, name) is None:
        raise BadData(f"a clip must be named by 64 hex digits, got {name!r}; a run folder names its own clips only")
    for suffix in CLIP_SUFFIXES:
        if os.path.lexists(os.path.join(folder, CLIPS, name + suffix)):
            return file_in(folder, f"{CLIPS}/{name}{suffix}")
    return file_in(folder, f"{CLIPS}/{name}{CLIP_SUFFIXES[0]}")


def clip_names(folder: Path | str) -> dict[str, str]:
    """The clips that lie in a run folder: their names and suffixes, as FLAC where there are both."""
    kept: dict[str, str] = {}
    try:
        with os.scandir(os.path.join(folder, CLIPS)) as entries:
            for entry in entries:
                name, suffix = os.path.splitext(entry.name)
                fits = suffix in CLIP_SUFFIXES and re.fullmatch(CLIP_NAME, name) is not None
                if fits and kept.get(name) != CLIP_SUFFIXES[0] and entry.is_file():
                    kept[name] = suffix
    except FileNotFoundError:
        return {}
    return kept


def read_text(path: Path) -> str:
    """The text of a file, in UTF-8 with or without a byte order mark.

    Raises
    ------
    BadData
        If it cannot be read; `FileNotFoundError` where it is not there.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        raise BadData(f"{str(path)!r} must be text in UTF-8, got {_line_of(error)}; write it as UTF-8") from error
    except (OSError, ValueError) as error:
        raise BadData(f"{str(path)!r} must be readable, got {getattr(error, 'strerror', None) or error}") from error


def _line_of(error: UnicodeDecodeError) -> str:
    number = error.object[: error.start].count(b"\n") + 1
    return f"byte 0x{error.object[error.start]:02x} in line {number}"


def strict_json(data: bytes | str) -> Any:
    """The value that JSON holds.

    Raises
    ------
    ValueError
        If it is no JSON, or holds what earnest writes in no file: NaN, infinity, a number too large, half a character.
    """
    from pydantic_core import from_json

    data = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    value = from_json(data, allow_inf_nan=False)
    if _LONG_NUMBER.search(data):
        _check_numbers(value)
    return value


def _check_numbers(value: Any) -> None:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        too_large = abs(value) >= _MAX_INTEGER if isinstance(value, int) else not math.isfinite(value)
        if too_large:
            raise ValueError("a number is too large for a float or a 64-bit integer")
        return
    for part in value:
        if isinstance(part, dict | list | int | float):
            _check_numbers(part)


def plain_json(value: Any, *, depth: int = 0) -> Any:
    """The value as `strict_json` reads it back: what JSON cannot hold is None (not finite), or written as text."""
    kind = type(value)
    if kind is str:  # what most values are; a line has fifty
        return value if value.isascii() else valid_text(value)
    if value is None or kind is bool:
        return value
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, int):
        return int(value) if abs(value) < _MAX_INTEGER else f"{value:#x}"[:100]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if depth >= MAX_DEPTH:
        return valid_text(f"<{kind.__name__}, nested too deep>")
    if kind is dict:  # leaves are looked at here: a call for each would be most of what a line costs
        return {
            key if type(key) is str and key.isascii() else valid_text(str(key)): part
            if part is None or part is True or part is False or (type(part) is str and part.isascii())
            else plain_json(part, depth=depth + 1)
            for key, part in value.items()
        }
    if isinstance(value, Mapping):
        return {valid_text(str(key)): plain_json(part, depth=depth + 1) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_json(part, depth=depth + 1) for part in value]
    return (
        plain_json(value.item()) if hasattr(value, "item") and not hasattr(value, "__len__") else valid_text(str(value))
    )


def read_json(path: Path) -> Any:
    """The value in a JSON file.

    Raises
    ------
    BadData
        If it cannot be read; `FileNotFoundError` where it is not there.
    """
    try:
        return strict_json(read_text(path))
    except BadData:
        raise
    except ValueError as error:
        raise BadData(f"{str(path)!r} cannot be read as JSON: {error}; restore it, or delete it") from error


def read_form(path: Path, form: type[Line], *, called: str) -> Line:
    """What a JSON file holds of the form of a pydantic model.

    Raises
    ------
    BadData
        If it cannot be read; `FileNotFoundError` where it is not there.
    """
    try:
        return form.model_validate(strict_json(read_text(path)))
    except BadData:
        raise
    except ValueError as error:
        raise BadData(f"{path} cannot be read as {called}", faults_of(error)) from error


def read_appended(
    path: Path, form: type[Line], *, advice: str, context: Mapping[str, Any] | None = None
) -> Iterator[Line]:
    """The lines of a file that is appended to, one by one; empty ones and a torn last one are left out.

    `context` is what the form needs to know to read lines of earlier versions.

    Raises
    ------
    BadData
        After the last line, if any could not be read (or after a hundred such): every fault, and `advice`.
    """
    faults: list[str] = []
    try:
        with path.open("rb") as lines:
            for number, data in enumerate(lines, start=1):
                if not data.endswith(b"\n") or len(faults) >= MAX_FAULTS:
                    break  # torn: the writer was stopped, or is at it
                if data.isspace():
                    continue
                try:
                    line = form.model_validate(strict_json(data), context=context)
                except ValueError as error:
                    faults.append(f"line {number}: {faults_of(error)[0]}")
                    continue
                yield line
    except OSError as error:
        raise BadData(f"{str(path)!r} must be readable, got {error.strerror or error}") from error
    if faults:
        raise BadData(f"{path} cannot be read {advice}", faults)


def faults_of(error: ValueError) -> list[str]:
    """What is wrong, each fault with its place, of pydantic's error or any other."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return [" ".join(str(error).split())[:300]]
    told = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}".removeprefix(": ") for fault in errors()]
    return [" ".join(fault.split())[:300] for fault in told]


@contextmanager
def taken_as_data(folder: Path | str) -> Iterator[None]:
    """Turns what a run folder's content makes go wrong within into `BadData`.

    Lines have a form that is checked when they are read. What tasks put into them (`truth`, `facts`) is known to the
    tasks alone, and may be of another version of one, or of nobody's.
    """
    try:
        yield
    except EarnestError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        place, said = traceback.extract_tb(error.__traceback__)[-1], " ".join(str(error).split())[:200]
        raise BadData(
            f"{folder} holds what cannot be counted, {type(error).__name__}: {said} "
            f"({Path(place.filename).name}, line {place.lineno}); read it with the version of earnest that wrote it, or "
            "restore it"
        ) from error


def write_whole(path: Path | str, data: bytes) -> None:
    """Write a file that appears whole or not at all; a link in its place is replaced, never followed.

    Raises
    ------
    OSError
        If it could not be written; what was there before still is.
    """
    folder, name = os.path.split(path)
    partial = os.path.join(folder, f".{name[:100]}.{os.getpid()}.{threading.get_ident()}.{next(_COUNTER)}.partial")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        file = os.open(partial, flags, 0o666)
    except FileExistsError:  # left by a process of the same number that was killed
        os.unlink(partial)
        file = os.open(partial, flags, 0o666)
    try:
        with open(file, "wb", buffering=0) as opened:
            written = 0
            while written < len(data):
                written += opened.write(data[written:] if written else data)
        os.replace(partial, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(partial)
        raise
