"""AMR, the codec of mobile telephony."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from earnest.attacks._base import attacks
from earnest.attacks.corruption._coding import Coding


@attacks.register("amr")
@dataclass(frozen=True, kw_only=True)
class Amr(Coding):
    """Coded with AMR (narrow band, 8 kHz) at 12.2, 7.95, 5.9, 5.15 or 4.75 kbit/s. It needs `earnest[codecs]`.

    Parameters
    ----------
    severity : int
        From 1, mild, to 5, severe: the settings above in their order.

    Notes
    -----
    Coding is among the corruptions of [shah2024-speech]; the settings are our own.
    """

    codec: ClassVar[str] = "amr_nb"
    settings: ClassVar[tuple[Mapping[str, Any], ...]] = tuple(
        {"bit_rate": bit_rate} for bit_rate in (12_200, 7_950, 5_900, 5_150, 4_750)
    )
