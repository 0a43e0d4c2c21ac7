"""MP3, the codec of stored recordings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from earnest.attacks._base import attacks
from earnest.attacks.corruption._coding import Coding


@attacks.register("mp3")
@dataclass(frozen=True, kw_only=True)
class Mp3(Coding):
    """Coded as MP3 at 64, 32, 24, 16 or 8 kbit/s.

    Parameters
    ----------
    severity : int
        From 1, mild, to 5, severe: the settings above in their order.

    Notes
    -----
    Coding is among the corruptions of [shah2024-speech]; the settings are our own.
    """

    codec: ClassVar[str] = "mp3"
    settings: ClassVar[tuple[Mapping[str, Any], ...]] = tuple(
        {"bit_rate": bit_rate} for bit_rate in (64_000, 32_000, 24_000, 16_000, 8_000)
    )
