"""Where `run_suite` was until version 0.3: its names are those of `earnest.runs.suite`, which is loaded when one is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(import_module("earnest.runs.suite"), name)
