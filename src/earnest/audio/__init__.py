"""Audio as values: clips, stimuli, manifests, effects.

The names below load when they are asked for, so that importing the package stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from earnest.audio.clip import AudioClip
from earnest.audio.stimulus import Goal, Stimulus, Turn, Twin

if TYPE_CHECKING:
    from earnest.audio.manifest import Entry, Manifest

__all__ = ["AudioClip", "Entry", "Goal", "Manifest", "Stimulus", "Turn", "Twin"]

_LATE = {"Entry": "earnest.audio.manifest", "Manifest": "earnest.audio.manifest"}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(_LATE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
