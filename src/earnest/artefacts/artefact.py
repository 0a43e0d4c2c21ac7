"""An artefact: what a fit gives, named by its content, saved and loaded without believing the file."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from earnest.artefacts._tensors import Array, read_tensors, written_tensors
from earnest.artefacts.naming import PARAMETER, found_by_sha, is_sha
from earnest.errors import BadData, BadParameter, StorageFailed
from earnest.registry import Spec, parse_spec
from earnest.run_folder import file_in, plain_json, strict_json, write_whole

SUFFIX = ".safetensors"
MAX_BYTES = 2**30
"""Largest file that is loaded: 1 GiB."""
FORMAT = "1"
_LONG_LIST = 16
_KEPT = 64


@dataclass(frozen=True, eq=False)
class Artefact:
    """What was fitted.

    Parameters
    ----------
    kind : str
        The registry of what fitted it: `detectors`, `attacks`, `defences`.
    spec : str
        Specification of what fitted it, without its artefact: `lfcc_gmm:n_components=16`.
    arrays : mapping of str to array
        Numbers by name, of any shape; kept read-only.
    about : mapping
        JSON values: data digest, digests of the rows seen, split, model fingerprint, seed, seconds, cost, version. No part of
        what names it.

    Raises
    ------
    BadParameter
        If a part is of another type than said here.
    """

    kind: str
    spec: str
    arrays: Mapping[str, Array]
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parse_spec(self.spec)
        if not self.kind or not isinstance(self.arrays, Mapping) or not isinstance(self.about, Mapping):
            raise BadParameter(
                f"an artefact must have a kind, a specification, arrays by name and facts by name, got {self.kind!r}, "
                f"{type(self.arrays).__name__} and {type(self.about).__name__}"
            )
        kept = {str(name): _read_only(array) for name, array in self.arrays.items()}
        object.__setattr__(self, "arrays", MappingProxyType(kept))
        object.__setattr__(self, "about", MappingProxyType(plain_json(self.about)))

    @property
    def name(self) -> str:
        """What fitted it, without parameters."""
        return parse_spec(self.spec).name

    @cached_property
    def sha(self) -> str:
        """SHA-256 (hex) over kind, specification and arrays: its name."""
        return hashlib.sha256(written_tensors(self.arrays, {"kind": self.kind, "spec": self.spec})).hexdigest()

    @property
    def brief(self) -> dict[str, Any]:
        """`about` as a plan records it: a long list as how many it holds and their SHA-256."""
        return {key: _brief(value) for key, value in self.about.items()}

    def with_about(self, **facts: Any) -> Artefact:
        """The same artefact with further facts about it."""
        return Artefact(self.kind, self.spec, self.arrays, {**self.about, **facts})

    def save(self, folder: str | Path) -> Path:
        """Write it into `folder` as `<sha>.safetensors`, and give the path.

        Raises
        ------
        StorageFailed
            If it cannot be written.
        """
        path = Path(folder) / f"{self.sha}{SUFFIX}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, self._bytes())
        except OSError as error:
            raise StorageFailed(f"the artefact must be written to {path}, got {error}; free some space") from error
        return path

    def _bytes(self) -> bytes:
        about = _dumped(self.about)
        texts = {"format": FORMAT, "kind": self.kind, "spec": self.spec, "sha": self.sha, "about": about}
        return written_tensors(self.arrays, {**texts, "about_sha": hashlib.sha256(about.encode()).hexdigest()})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Artefact) and self.sha == other.sha

    def __hash__(self) -> int:
        return hash(self.sha)

    def __repr__(self) -> str:
        return f"<Artefact {self.kind}/{self.spec} {self.sha[:12]}>"


def _read_only(array: Any) -> Array:
    """A copy that nobody else holds, unless nobody can change it."""
    held: Array = np.asarray(array)
    if held.flags.writeable or not held.flags.c_contiguous:
        held = held.copy()
        held.flags.writeable = False
    return held


def _dumped(about: Mapping[str, Any]) -> str:
    return json.dumps(dict(about), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _brief(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _brief(part) for key, part in value.items()}
    if not isinstance(value, list) or len(value) <= _LONG_LIST:
        return value
    return {"n": len(value), "sha256": hashlib.sha256(json.dumps(value).encode()).hexdigest()}


def load(reference: str | Path, *, max_bytes: int = MAX_BYTES) -> Artefact:
    """The artefact that a path or a SHA-256 names, checked against its own hash.

    Parameters
    ----------
    reference : str or path
        A file; a folder that holds one artefact; or a SHA-256, at least its first 12 digits, which is looked for in
        `store_folders()`.
    max_bytes : int
        A larger file is not read.

    Raises
    ------
    BadData
        If there is no such artefact, or the file is too large, a link out of its folder, or not what it says it is.
    """
    text = str(reference)
    if is_sha(text) and not Path(text).exists():
        found = _KNOWN.by_sha(text)
        return found if found is not None else _checked(_read(found_by_sha(text, SUFFIX), max_bytes), text)
    return _KNOWN.kept(_read(_file_of(Path(text)), max_bytes))


def used(reference: str | Path, *, by: str, kind: str, name: str) -> Artefact:
    """The artefact that a plug-in refers to, if it was fitted by that plug-in.

    Parameters
    ----------
    reference : str or path
        As `load` takes it; empty where none was given.
    by, kind, name : str
        Who asks, for the message; the registry and the name that must have fitted it.

    Raises
    ------
    BadParameter
        If none was given, or something else fitted it.
    BadData
        As `load`.
    """
    if not str(reference):
        raise BadParameter(
            f"{by} must be fitted first: `earnest fit {kind}/{name} --data FOLDER --out FITTED`, then artefact=FITTED"
        )
    artefact = load(reference)
    if (artefact.kind, artefact.name) != (kind, name):
        raise BadParameter(
            f"{by} takes what {kind}/{name} was fitted to, got an artefact of {artefact.kind}/{artefact.spec}; fit it anew"
        )
    return artefact


def check_parameters(artefact: Artefact, given: Spec, *, free: Collection[str] = ()) -> None:
    """Refuse parameters that were given and are others than those of the fit; those left out are the fit's.

    Parameters
    ----------
    given : Spec
        Of what uses the artefact, parameters at their default left out.
    free : collection of str
        Parameters of the use and not of the fit: a threshold, say.

    Raises
    ------
    BadParameter
        With every parameter that differs.
    """
    fitted = parse_spec(artefact.spec).parameters
    others = {key: value for key, value in given.parameters.items() if key != PARAMETER and key not in free}
    wrong = [
        f"{key} is {fitted.get(key, 'its default')} there, {value} here"
        for key, value in others.items()
        if fitted.get(key) != value
    ]
    if wrong:
        raise BadParameter(
            f"{given.name} must be used as it was fitted ({artefact.spec}): {'; '.join(wrong)}; leave them out, or fit anew"
        )


def _file_of(path: Path) -> Path:
    """The file that is meant by a path: itself, or the one artefact of a folder."""
    try:
        if not path.is_dir():
            return path
        inside = sorted(
            file.name for file in path.iterdir() if file.name.endswith(SUFFIX) and not file.name.startswith(".")
        )
    except (OSError, ValueError) as error:
        raise BadData(f"{str(path)[:120]!r} must be an artefact, got {error}; check the path") from error
    if len(inside) != 1:
        shown = ", ".join(inside[:3]) or "none"
        raise BadData(
            f"{path} must hold one artefact, got {len(inside)} ({shown}); name the file, or fit with --out {path}"
        )
    return path / inside[0]


def _read(path: Path, max_bytes: int) -> Artefact:
    """The artefact in a file, its hash checked; the bytes are read once, and what is checked is what is used."""
    data = _bytes_of(path, max_bytes)
    arrays, texts = read_tensors(data, called=str(path))
    about_text = texts.get("about", "")
    if texts.get("format") != FORMAT or not {"kind", "spec", "sha", "about", "about_sha"} <= texts.keys():
        raise BadData(
            f"{path} must be an artefact of earnest (format {FORMAT}), and holds other arrays; fit one with `earnest fit`"
        )
    try:
        about = strict_json(about_text)
        artefact = Artefact(texts["kind"], texts["spec"], arrays, about)
    except (TypeError, ValueError) as error:
        raise BadData(f"{path} cannot be read as an artefact: {str(error)[:200]}; restore it, or fit again") from error
    if artefact.sha != texts["sha"] or hashlib.sha256(about_text.encode()).hexdigest() != texts["about_sha"]:
        raise BadData(
            f"{path} was changed since it was fitted: it says that its SHA-256 is {texts['sha'][:64]!r}, and what it holds has "
            f"{artefact.sha}; restore it, or fit again"
        )
    return artefact


def _bytes_of(path: Path, max_bytes: int) -> bytes:
    inside = file_in(path.parent, path.name)
    try:
        with open(inside, "rb") as file:
            state = os.fstat(file.fileno())  # of what was opened, whatever lies there since
            if not stat.S_ISREG(state.st_mode) or state.st_size > max_bytes:
                raise BadData(
                    f"{path} must be a file of at most {max_bytes:,} bytes, got {state.st_size:,}; allow more with max_bytes"
                )
            return file.read(max_bytes + 1)
    except FileNotFoundError as error:
        raise BadData(f"{str(path)!r} must be an artefact, and is not there; fit one with `earnest fit`") from error
    except (OSError, ValueError) as error:
        raise BadData(f"{str(path)!r} must be readable, got {getattr(error, 'strerror', None) or error}") from error


def _checked(artefact: Artefact, sha: str) -> Artefact:
    if not artefact.sha.startswith(sha):
        raise BadData(f"the artefact {sha} was asked for, and its file holds {artefact.sha}; restore it, or fit again")
    return _KNOWN.kept(artefact)


class _Known:
    """Artefacts that this process has loaded, by SHA-256: a file that is swapped afterwards changes nothing."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, Artefact] = OrderedDict()
        self._lock = threading.Lock()

    def kept(self, artefact: Artefact) -> Artefact:
        with self._lock:
            self._held[artefact.sha] = artefact
            self._held.move_to_end(artefact.sha)
            while len(self._held) > _KEPT:
                self._held.popitem(last=False)
        return artefact

    def by_sha(self, sha: str) -> Artefact | None:
        with self._lock:
            return next((one for name, one in self._held.items() if name.startswith(sha)), None)


_KNOWN = _Known()
