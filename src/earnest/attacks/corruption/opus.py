"""Opus, the codec of calls in a browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from earnest.attacks._base import attacks
from earnest.attacks.corruption._coding import Coding


@attacks.register("opus")
@dataclass(frozen=True, kw_only=True)
class Opus(Coding):
    """Coded with Opus at 24, 16, 12, 8 or 6 kbit/s.

    Parameters
    ----------
    severity : int
        From 1, mild, to 5, severe: the settings above in their order.

    Notes
    -----
    Coding is among the corruptions of [shah2024-speech]; the settings are our own.
    """

    codec: ClassVar[str] = "opus"
    settings: ClassVar[tuple[Mapping[str, Any], ...]] = tuple(
        {"bit_rate": bit_rate} for bit_rate in (24_000, 16_000, 12_000, 8_000, 6_000)
    )
