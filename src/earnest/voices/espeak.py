"""eSpeak NG: small, offline, over a hundred languages, robotic."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from earnest.audio import AudioClip
from earnest.errors import BadAudio, BadParameter, MissingExtra
from earnest.voices import voices
from earnest.voices._base import TIMEOUT_S, Voice

QUIET = 0.002
"""Amplitude up to which a word's end is a pause."""


@dataclass(frozen=True)
class SpokenWord:
    """A word of a text, and when it is said.

    Parameters
    ----------
    text : str
        As it stands in the text, without blanks around it.
    start_s, end_s : float
        In the recording; it ends where the next word or a pause begins.
    first : int
        Its first character in the text, counted from 0.
    """

    text: str
    start_s: float
    end_s: float
    first: int


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

    def speak_with_times(self, text: str) -> tuple[AudioClip, tuple[SpokenWord, ...]]:
        """The text as speech, and when each of its words is said, by the synthesiser's own account.

        Raises
        ------
        MissingExtra
            If `espeakng-loader` is not installed: the program does not tell the times.
        BadParameter
            If the text has a character that is not ASCII: the library counts characters otherwise then.
        BadAudio
            If the library fails, or has no such voice.
        """
        if not text.isascii():
            raise BadParameter(f"a text whose words are timed must be plain ASCII, got {text[:40]!r}; write it so")
        if importlib.util.find_spec("espeakng_loader") is None:
            raise MissingExtra(
                "times of spoken words need espeakng-loader; install it with: pip install espeakng-loader"
            )
        with tempfile.TemporaryDirectory(prefix="earnest-voice-") as folder:
            text_file, wav_file, times_file = (Path(folder, name) for name in ("text.txt", "speech.wav", "times.json"))
            text_file.write_text(text, encoding="utf-8")
            library = (sys.executable, "-m", "earnest.voices._espeak_library", self.voice)
            files = (str(text_file), str(wav_file), str(times_file))
            done = subprocess.run(
                [*library, *files], capture_output=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL, check=False
            )
            if done.returncode or not wav_file.exists():
                raise BadAudio(f"{self.spec} could not speak: {done.stderr.decode(errors='replace').strip()[:200]}")
            clip = AudioClip.read(wav_file).quantised()
            times = json.loads(times_file.read_text(encoding="utf-8"))
        return clip, _words(text, times, clip)


def _words(text: str, times: Sequence[tuple[int, int, int]], clip: AudioClip) -> tuple[SpokenWord, ...]:
    """Words with their times; the library may cut one word in several ("4111"), which are separate words here."""
    words = []
    for place, (first, length, sample) in enumerate(times):
        if not length:
            continue
        following = [later for _, _, later in times[place + 1 :]]
        end = following[0] if following else clip.n_samples
        heard = np.flatnonzero(np.abs(clip.samples[sample:end]) > QUIET)
        end = sample + int(heard[-1]) + 1 if len(heard) else end  # the pause of a comma is no part of the word
        start_s, end_s = sample / clip.sample_rate, end / clip.sample_rate
        words.append(SpokenWord(text[first : first + length], start_s, end_s, first))
    return tuple(words)
