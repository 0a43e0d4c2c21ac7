"""Base of the detectors that read what a clip says: cues in its transcript, by rules over words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from earnest.audio import AudioClip
from earnest.detectors._asking import AskingDetector, Evidence, usage_of
from earnest.detectors._second_voice import pitch_jumps
from earnest.errors import BadParameter

Cues = Mapping[str, re.Pattern[str]]


def cues(**patterns: str) -> dict[str, re.Pattern[str]]:
    """Regular expressions by name, between word boundaries, in any case."""
    return {name: re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE) for name, pattern in patterns.items()}


@dataclass(frozen=True, kw_only=True)
class CueDetector(AskingDetector):
    """Base: the score is minus the number of kinds of cues in the words, less `waveform` times the clip's pitch jumps.

    Parameters
    ----------
    waveform : float
        Weight of the share of pitch jumps (`earnest.detectors._second_voice`), a weak clue to a second voice; 0 leaves the score to
        the words, and the share still stands in the details.
    """

    cues: ClassVar[Cues]

    waveform: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.compare == "both":
            raise BadParameter(
                f"compare of detector {self.name!r} must be transcript or answer, got 'both'; one text is read"
            )
        if not 0 <= self.waveform <= 100:
            raise BadParameter(f"waveform of detector {self.name!r} must be from 0 to 100, got {self.waveform!r}")

    @property
    def threshold(self) -> float:
        """Minus a half: a single kind of cue is enough."""
        return -0.5

    def evidence(self, clip: AudioClip) -> Evidence:
        """The cues in the words that the model heard."""
        jumps = pitch_jumps(clip)
        answers = self.answers([clip])
        text = self.words(answers[0])[0]
        named = self.found_in(text)
        return Evidence(
            score=-len(named) - self.waveform * jumps,
            n_calls=1,
            usage=usage_of(answers),
            details={"text": text, "cues": named, "pitch_jumps": jumps},
        )

    def found_in(self, text: str) -> list[str]:
        """Names of the kinds of cues that a text has."""
        return [name for name, pattern in self.cues.items() if pattern.search(text)]
