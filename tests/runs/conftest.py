"""The small manifest of `tests/small_data.py`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from small_data import data, folder, make_folder, real_data  # noqa: E402

__all__ = ["data", "folder", "make_folder", "real_data"]
