"""The embedded probe set: a few hundred short clips in the form of any user's folder.

All speech is made by speech synthesisers, all sounds by rule; nobody's voice is in it. See `metadata.csv` beside the
clips for texts, voices and roles.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from earnest.audio import Manifest

FOLDER = Path(__file__).parent
NAME = "probe"
"""What a plan calls it."""


@cache
def probe_manifest() -> Manifest:
    """The embedded probe set.

    Raises
    ------
    BadData
        If the package was installed without it.
    """
    return Manifest.read(FOLDER)
