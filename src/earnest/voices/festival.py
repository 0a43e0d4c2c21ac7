"""Festival: the voices that are installed with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from earnest.voices import voices
from earnest.voices._base import Voice


@voices.register("festival")
class Festival(Voice):
    """A voice of Festival by the name of its function without `voice_`: `cmu_us_slt_arctic_hts`, `kal_diphone`."""

    engine: ClassVar[str] = "festival"
    program: ClassVar[str] = "text2wave"
    default: ClassVar[str] = "cmu_us_slt_arctic_hts"
    package: ClassVar[str] = "festival festvox-us-slt-hts"

    def command(self, text_file: Path, wav_file: Path) -> Sequence[str]:
        """As `Voice.command`; a voice is letters, digits and underscores here, so nothing else can be evaluated."""
        return (self.program, "-eval", f"(voice_{self.voice})", "-o", str(wav_file), str(text_file))
