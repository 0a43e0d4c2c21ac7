"""What tests of privacy share: the folder of real recordings."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from small_data import real_data  # noqa: E402

__all__ = ["real_data"]
