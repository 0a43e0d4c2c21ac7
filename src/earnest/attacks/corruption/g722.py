"""G.722, the codec of wideband telephony."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from earnest.attacks._base import attacks
from earnest.attacks.corruption._coding import Coding


@attacks.register("g722")
@dataclass(frozen=True, kw_only=True)
class G722(Coding):
    """Coded with G.722 once, twice, 4, 8 or 16 times, from network to network; it has one bit rate.

    It needs `earnest[codecs]`.

    Parameters
    ----------
    severity : int
        From 1, mild, to 5, severe: the settings above in their order.

    Notes
    -----
    Coding is among the corruptions of [shah2024-speech]; the settings are our own.
    """

    codec: ClassVar[str] = "g722"
    settings: ClassVar[tuple[Mapping[str, Any], ...]] = tuple({"passes": passes} for passes in (1, 2, 4, 8, 16))
