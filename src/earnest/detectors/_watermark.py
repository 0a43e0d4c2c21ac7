"""What every watermark is: a detector that can also put in what it looks for."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import ClassVar

from earnest.audio import AudioClip
from earnest.detectors._base import Detector
from earnest.errors import BadParameter


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a watermark detector finds in a clip.

    Parameters
    ----------
    statistic : float
        Higher means more likely marked.
    marked : bool
        Whether the statistic is above the detector's threshold.
    message : str
        The bits that are read, as hexadecimal digits, whether there is a mark or not; empty where the mark carries none.
    """

    statistic: float
    marked: bool
    message: str


@dataclass(frozen=True, kw_only=True)
class Watermark(Detector):
    """Base of the watermarks; a subclass implements `embed` and `read`.

    The score is minus the statistic: a low score tells of the mark, as of any other thing that a detector detects.
    """

    detects: ClassVar[str] = "a watermark"

    @property
    @abc.abstractmethod
    def n_bits(self) -> int:
        """Length of the message in bits; 0 where there is none."""

    @abc.abstractmethod
    def embed(self, clip: AudioClip, *, message: str = "") -> AudioClip:
        """The clip with the mark, of its own length and sample rate.

        Parameters
        ----------
        message : str
            Hexadecimal digits, four bits each; empty is all bits 0.

        Raises
        ------
        BadParameter
            If the message has another length.
        BadAudio
            If the clip can hold no mark.
        """

    @abc.abstractmethod
    def read(self, clip: AudioClip) -> Reading:
        """The statistic and the message."""

    def score(self, clip: AudioClip) -> float:
        """Minus the statistic."""
        return -self.read(clip).statistic


def bits_of(message: str, *, n_bits: int, name: str) -> list[int]:
    """The bits of hexadecimal digits, the highest first; all 0 of an empty message.

    >>> bits_of("a", n_bits=4, name="spread_spectrum")
    [1, 0, 1, 0]

    Raises
    ------
    BadParameter
        If there are more or fewer than `n_bits`, or other signs.
    """
    digits = message.strip().lower() or "0" * (n_bits // 4)
    if len(digits) * 4 != n_bits or any(digit not in "0123456789abcdef" for digit in digits):
        raise BadParameter(
            f"the message of {name!r} must be {n_bits // 4} hexadecimal digits ({n_bits} bits), got {message!r}; beef is one of 16 bits"
        )
    return [int(digit, 16) >> shift & 1 for digit in digits for shift in (3, 2, 1, 0)]


def message_of(bits: list[int]) -> str:
    """The hexadecimal digits of bits.

    >>> message_of([1, 0, 1, 0])
    'a'
    """
    return "".join(f"{int(''.join(map(str, bits[at : at + 4])), 2):x}" for at in range(0, len(bits), 4))
