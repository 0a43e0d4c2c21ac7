"""What a voice is, and how one is found."""

from __future__ import annotations

import abc
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from earnest.audio import AudioClip
from earnest.errors import BadAudio, BadParameter, MissingExtra, UnknownName, did_you_mean

ANY = "any"
"""In place of a voice: the first engine of `PREFERRED` that is installed, with its own default voice."""

PREFERRED = ("espeak", "flite", "festival")

TIMEOUT_S = 60.0
MOST_CHARACTERS = 5_000
"""More than five minutes of speech: a text that long is a mistake."""


class Voice(abc.ABC):
    """An engine with a voice of its own.

    A text gives the same clip every time, in any order and in any process: results that rest on it can be repeated.

    Parameters
    ----------
    voice : str
        What the engine calls it; empty: its default.
    """

    engine: ClassVar[str]
    """Its registered name."""
    program: ClassVar[str]
    """What must be on the path."""
    default: ClassVar[str]
    package: ClassVar[str]
    """What brings the program, as a package of Debian."""

    def __init__(self, voice: str = "") -> None:
        self.voice = voice or self.default
        if not self.voice.replace("+", "").replace("-", "").replace("_", "").isalnum():
            raise BadParameter(f"a voice of {self.engine} is letters, digits, + - and _, got {self.voice!r}")

    @property
    def spec(self) -> str:
        """As it is written: `espeak/en-us+f2`."""
        return f"{self.engine}/{self.voice}"

    @classmethod
    def is_installed(cls) -> bool:
        """Whether its program is on the path."""
        return shutil.which(cls.program) is not None

    def with_voice(self, voice: str) -> Voice:
        """Another voice of the same engine."""
        return type(self)(voice)

    def speak(self, text: str) -> AudioClip:
        """The text as speech, at the engine's own rate, 16-bit.

        Parameters
        ----------
        text : str
            Words; at most 5,000 characters.

        Raises
        ------
        BadParameter
            If there are no words, or too many.
        MissingExtra
            If the engine is not installed.
        BadAudio
            If the engine fails, or has no such voice.
        """
        if not any(sign.isalnum() for sign in text) or len(text) > MOST_CHARACTERS:
            raise BadParameter(
                f"a text to be spoken must have words and at most {MOST_CHARACTERS:,} characters, got {text[:40]!r} of {len(text)}"
            )
        if not self.is_installed():
            raise missing(self.engine, needs=self.program, package=self.package)
        return _spoken(type(self), self.voice, " ".join(text.split()))

    @abc.abstractmethod
    def command(self, text_file: Path, wav_file: Path) -> Sequence[str]:
        """The program and its arguments that turn one file into the other."""


def missing(engine: str, *, needs: str, package: str) -> MissingExtra:
    """The error that says what to install for an engine."""
    return MissingExtra(
        f"the voice {engine!r} needs the program {needs!r} on the path; install it, on Debian with: apt install {package} "
        f"(engines that earnest knows: {', '.join(PREFERRED)})"
    )


@lru_cache(maxsize=512)
def _spoken(kind: type[Voice], voice: str, text: str) -> AudioClip:
    """Each text in a process of its own: engines that stay remember what they said, and say the next text otherwise."""
    speaker = kind(voice)
    with tempfile.TemporaryDirectory(prefix="earnest-voice-") as folder:
        text_file, wav_file = Path(folder, "text.txt"), Path(folder, "speech.wav")
        text_file.write_text(text + "\n", encoding="utf-8")
        try:
            done = subprocess.run(
                list(speaker.command(text_file, wav_file)),
                capture_output=True,
                timeout=TIMEOUT_S,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BadAudio(f"{speaker.spec} could not speak: {error}") from error
        told = done.stderr.decode(errors="replace").strip()[:200]
        if done.returncode or not wav_file.exists():
            raise BadAudio(
                f"{speaker.spec} could not speak: {told or f'exit code {done.returncode}'}; `earnest list voices` shows engines"
            )
        return AudioClip.read(wav_file).quantised()


def load_voice(spec: str = ANY) -> Voice:
    """The voice that is written `<engine>/<voice>`, `<engine>`, or `any`.

    Raises
    ------
    UnknownName
        If there is no such engine.
    MissingExtra
        If it is not installed; for `any`, if none is.
    """
    from earnest.voices import voices

    if spec == ANY:
        found = installed()
        if not found:
            raise MissingExtra(
                "speech is to be made, and no engine for it is installed; install one, on Debian with: apt install espeak-ng, or: pip install espeakng-loader "
                f"(engines that earnest knows: {', '.join(PREFERRED)})"
            )
        return voices.get(found[0])("")  # type: ignore[no-any-return]
    engine, _, rest = spec.partition("/")
    try:
        make = voices.get(engine)
    except UnknownName as error:
        hint = did_you_mean(engine, voices.names()) or ";"
        raise UnknownName(
            f"no speech engine is called {engine!r}{hint} a voice is written <engine>/<voice>, as espeak/en-us+f2"
        ) from error
    speaker: Voice = make(rest)
    if not speaker.is_installed():
        raise missing(speaker.engine, needs=speaker.program, package=speaker.package)
    return speaker


def installed() -> list[str]:
    """Engines that can speak here, the preferred ones first."""
    from earnest.voices import voices

    names = voices.names()
    order = [*(name for name in PREFERRED if name in names), *(name for name in names if name not in PREFERRED)]
    return [name for name in order if getattr(voices.get(name), "is_installed", lambda: True)()]
