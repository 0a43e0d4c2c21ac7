"""earnest finds out whether an audio language model deserves trust, and helps to make it deserve it.

    import earnest
    run = earnest.run("core", model="earnest/reference", out="runs/first")
    run.findings

Everything here loads when it is asked for: `import earnest` imports no numpy and no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from earnest.audio import AudioClip, Manifest, Stimulus
    from earnest.models import load_model
    from earnest.results import Finding
    from earnest.runs.suite import Run
    from earnest.runs.suite import judge_run as judge
    from earnest.runs.suite import run_suite as run

__version__ = "0.3.0"

_LATE = {
    "AudioClip": ("earnest.audio", "AudioClip"),
    "Finding": ("earnest.results", "Finding"),
    "Manifest": ("earnest.audio", "Manifest"),
    "Run": ("earnest.runs.suite", "Run"),
    "Stimulus": ("earnest.audio", "Stimulus"),
    "judge": ("earnest.runs.suite", "judge_run"),
    "load_model": ("earnest.models", "load_model"),
    "run": ("earnest.runs.suite", "run_suite"),
}

__all__ = [
    "AudioClip",
    "Finding",
    "Manifest",
    "Run",
    "Stimulus",
    "__version__",
    "judge",
    "load_model",
    "registry",
    "run",
]


def __getattr__(name: str) -> Any:
    if name in _LATE:
        module, attribute = _LATE[name]
        value = getattr(importlib.import_module(module), attribute)
        globals()[name] = value
        return value
    if name in {"audio", "metrics", "models", "attacks", "defences", "registry", "errors", "pillars", "results"}:
        return importlib.import_module(f"earnest.{name}")
    raise AttributeError(f"module 'earnest' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *globals()])
