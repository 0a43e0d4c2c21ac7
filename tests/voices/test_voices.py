"""Voices: whoever is installed speaks, always alike; who is not says what to install."""

import sys
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from earnest.audio import AudioClip
from earnest.errors import BadAudio, BadParameter, MissingExtra, UnknownName
from earnest.voices import Voice, installed, load_voice, voices
from earnest.voices.espeak import Espeak

PROGRAM = """
import struct, sys, wave
text = open(sys.argv[1], encoding="utf-8").read().split()
with wave.open(sys.argv[2], "wb") as file:
    file.setnchannels(1); file.setsampwidth(2); file.setframerate(8000)
    file.writeframes(b"".join(struct.pack("<h", 100 * len(word)) * 800 for word in text))
"""


class Counting(Voice):
    """A tenth of a second for each word, as loud as it is long."""

    engine: ClassVar[str] = "counting"
    program: ClassVar[str] = sys.executable
    default: ClassVar[str] = "plain"
    package: ClassVar[str] = "nothing"

    def command(self, text_file: Path, wav_file: Path):
        """This interpreter."""
        script = PROGRAM if self.voice != "broken" else "import sys; sys.exit('I am hoarse')"
        return (self.program, "-c", script, str(text_file), str(wav_file))


class Missing(Counting):
    """Of a program that nobody has."""

    engine: ClassVar[str] = "missing"
    program: ClassVar[str] = "no-such-program-of-any-kind"


def test_a_text_becomes_a_clip_of_16_bits():
    clip = Counting().speak("one\n  three")
    assert (clip.sample_rate, clip.n_samples) == (8000, 1600) and clip == clip.quantised()
    np.testing.assert_allclose(clip.samples[[0, 1599]] * 32768, [300, 500])


def test_who_fails_is_told_with_the_engines_own_words():
    with pytest.raises(BadAudio, match="counting/broken could not speak: I am hoarse"):
        Counting("broken").speak("one")


@pytest.mark.parametrize("text", ["", " ... ", "word " * 2000])
def test_a_text_must_have_words_and_an_end(text):
    with pytest.raises(BadParameter, match="a text to be spoken must have words and at most 5,000"):
        Counting().speak(text)


@pytest.mark.parametrize("voice", ["en-us; rm", "a/b", "(x)", "--flag x"])
def test_a_voice_is_a_name_and_nothing_to_be_run(voice):
    with pytest.raises(BadParameter, match="is letters, digits"):
        Counting(voice)


def test_what_is_missing_is_told_with_the_way_to_get_it(monkeypatch):
    with pytest.raises(
        MissingExtra, match="'missing' needs the program 'no-such-program-of-any-kind'.*apt install nothing"
    ):
        Missing().speak("one")
    monkeypatch.setattr("shutil.which", lambda program: None)
    monkeypatch.setattr("earnest.voices.espeak.Espeak.is_installed", classmethod(lambda kind: False))
    assert installed() == []
    with pytest.raises(
        MissingExtra, match="no engine for it is installed; install one, on Debian with: apt install espeak-ng"
    ):
        load_voice()
    with pytest.raises(MissingExtra, match="'espeak' needs the program 'espeak-ng'"):
        load_voice("espeak/en-gb")


def test_engines_are_named_and_found_by_name():
    assert {"espeak", "flite", "festival"} <= set(voices.names())
    with pytest.raises(UnknownName, match="no speech engine is called 'espeek'; did you mean 'espeak'"):
        load_voice("espeek/en")


@pytest.mark.skipif(not Espeak.is_installed(), reason="neither espeak-ng nor espeakng_loader is installed")
def test_espeak_speaks_the_same_every_time_and_each_voice_its_own():
    voice = load_voice("espeak/en-us+f2")
    first = voice.speak("turn on the kitchen light")
    assert isinstance(first, AudioClip) and 0.8 < first.duration_s < 3 and first.level_dbfs > -40
    voice.speak("something else in between")
    from earnest.voices import _base

    _base._spoken.cache_clear()
    assert voice.speak("turn on  the kitchen light") == first
    assert load_voice("espeak").speak("turn on the kitchen light") != first
    with pytest.raises(BadAudio, match="espeak/nolanguage could not speak"):
        load_voice("espeak/nolanguage").speak("one")
