"""The registry of metrics, apart from the modules that fill it."""

from __future__ import annotations

from earnest.registry import Registry

metrics = Registry("metrics")
