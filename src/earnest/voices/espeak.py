"""eSpeak NG: small, offline, over a hundred languages, robotic."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from earnest.voices import voices
from earnest.voices._base import Voice


@voices.register("espeak")
class Espeak(Voice):
    """A voice of eSpeak NG: a language with its accent, and a variant behind a plus, `en-gb-scotland+f3`.

    `espeak-ng --voices` lists languages, `--voices=variant` variants. The program is GPL-3 and is not shipped. Where it is
    missing, its library speaks, which `pip install espeakng-loader` brings with its voices.
    """

    engine: ClassVar[str] = "espeak"
    program: ClassVar[str] = "espeak-ng"
    default: ClassVar[str] = "en-us"
    package: ClassVar[str] = "espeak-ng"

    @classmethod
    def is_installed(cls) -> bool:
        """Whether the program is on the path, or the library is installed."""
        return shutil.which(cls.program) is not None or importlib.util.find_spec("espeakng_loader") is not None

    def command(self, text_file: Path, wav_file: Path) -> Sequence[str]:
        """As `Voice.command`; the program where it is there, else the library."""
        if shutil.which(self.program) is None:
            library = (sys.executable, "-m", "earnest.voices._espeak_library")
            return (*library, self.voice, str(text_file), str(wav_file))
        return (self.program, "-v", self.voice, "-f", str(text_file), "-w", str(wav_file))
