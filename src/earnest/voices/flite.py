"""Flite: four small voices of English."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from earnest.voices import voices
from earnest.voices._base import Voice


@voices.register("flite")
class Flite(Voice):
    """A voice of CMU Flite: `slt` (a woman), `rms`, `kal16` (men), `awb` (a Scottish man)."""

    engine: ClassVar[str] = "flite"
    program: ClassVar[str] = "flite"
    default: ClassVar[str] = "slt"
    package: ClassVar[str] = "flite"

    def command(self, text_file: Path, wav_file: Path) -> Sequence[str]:
        """As `Voice.command`."""
        return (self.program, "-voice", self.voice, "-f", str(text_file), "-o", str(wav_file))
