"""eSpeak NG: small, offline, over a hundred languages, robotic."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from earnest.voices import voices
from earnest.voices._base import Voice


@voices.register("espeak")
class Espeak(Voice):
    """A voice of eSpeak NG: a language with its accent, and a variant behind a plus, `en-gb-scotland+f3`.

    `espeak-ng --voices` lists languages, `--voices=variant` variants. The program is GPL-3 and is not shipped.
    """

    engine: ClassVar[str] = "espeak"
    program: ClassVar[str] = "espeak-ng"
    default: ClassVar[str] = "en-us"
    package: ClassVar[str] = "espeak-ng"

    def command(self, text_file: Path, wav_file: Path) -> Sequence[str]:
        """As `Voice.command`."""
        return (self.program, "-v", self.voice, "-f", str(text_file), "-w", str(wav_file))
