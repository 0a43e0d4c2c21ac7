"""How artefacts are referred to: in specifications, and by where they lie."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from earnest.errors import BadData
from earnest.registry import Spec

if TYPE_CHECKING:
    from earnest.artefacts.artefact import Artefact

PARAMETER = "artefact"
"""The parameter by which every specification refers to one."""
_SHA = re.compile(r"[0-9a-f]{12,64}")


def is_sha(text: str) -> bool:
    """Whether a reference is written as a SHA-256, or as the beginning of one."""
    return _SHA.fullmatch(text) is not None


def store_folders() -> list[Path]:
    """Where an artefact is looked for by its SHA-256: the folders in `EARNEST_ARTEFACTS`, then what was fitted here.

    What `earnest fit` makes is kept under `EARNEST_CACHE`, or `~/.cache/earnest`, too.
    """
    given = [Path(part) for part in os.environ.get("EARNEST_ARTEFACTS", "").split(os.pathsep) if part]
    cache = os.environ.get("EARNEST_CACHE")
    return [*given, (Path(cache) if cache else Path.home() / ".cache" / "earnest") / "artefacts"]


def found_by_sha(sha: str, suffix: str) -> Path:
    """The file of the artefact whose SHA-256 begins so.

    Raises
    ------
    BadData
        If there is none, or several.
    """
    paths = {path.name: path for folder in reversed(store_folders()) for path in folder.glob(f"{sha}*{suffix}")}
    if len(paths) != 1:
        where = ", ".join(map(str, store_folders()))
        raise BadData(
            f"one artefact must have a SHA-256 that begins with {sha}, got {len(paths)} in {where}; name its file, or put "
            "its folder into EARNEST_ARTEFACTS"
        )
    return next(iter(paths.values()))


def references(spec: Spec) -> str | None:
    """What a specification refers to as its artefact; None where to none."""
    value = spec.parameters.get(PARAMETER)
    return None if value in (None, "") else str(value)


def pinned(spec: Spec, loaded: Callable[[str], Artefact]) -> tuple[Spec, Artefact | None]:
    """The specification with its artefact named by SHA-256, and that artefact; as it is where it refers to none.

    What is made of the result uses what was loaded here, in this process and, if it is there, in any other.
    """
    reference = references(spec)
    if reference is None:
        return spec, None
    artefact = loaded(reference)
    return Spec(spec.name, {**spec.parameters, PARAMETER: artefact.sha}), artefact
