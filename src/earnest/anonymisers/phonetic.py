"""What was said, spoken again by a synthetic voice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.anonymisers._base import Anonymiser, Drawn, anonymisers, at_level_of
from earnest.audio import AudioClip, Entry, Stimulus
from earnest.audio.stretching import stretched
from earnest.errors import BadAudio, BadParameter
from earnest.models.access import Answer
from earnest.models.recognisers import Recogniser, load_recogniser
from earnest.voices import load_voice

FRAME_S = 0.010
QUIET_DB = 35.0
"""A frame so far below the loudest of its clip is no speech."""

MOST_KEPT = 64

VOICES = "espeak/en-us+m1;espeak/en-us+m3;espeak/en-us+m5;espeak/en-us+m7;espeak/en-us+f1;espeak/en-us+f2;espeak/en-us+f3;espeak/en-us+f5"


@anonymisers.register("phonetic")
@dataclass(frozen=True, kw_only=True)
class PhoneticResynthesis(Anonymiser):
    """The words that a recogniser hears, spoken again in the same places by a synthetic voice.

    Nothing of the recording is kept but what was said and when: the recording is cut at its pauses, each stretch is
    recognised, spoken by a voice that was drawn, and brought to the length that it had. This is the simplest of the
    systems that pass through a phonetic transcript [meyer2022-phonetic]; theirs recognises phones and keeps the speaker's
    intonation and a drawn embedding, here words are recognised, the synthesiser's own rules pronounce them, and
    intonation is lost. What the recogniser mishears is said wrongly, so the price is its word error rate. Word choice and
    the length of pauses stay.

    A recording in which no words are recognised fails; it is never passed as it is.

    Parameters
    ----------
    recogniser : str
        See `earnest list models`: `pocketsphinx` (`earnest[asr-small]`, English, rough), `faster-whisper/<size>`, ...;
        `column` takes the words of the column `text`, where somebody has written them down.
    voices : str
        Voices to draw from, with semicolons between; `earnest list voices` shows engines.
    pause_s : float
        A silence of at least this length is kept where it is, above 0.
    """

    source: ClassVar[str] = "meyer2022-phonetic"

    recogniser: str = "pocketsphinx"
    voices: str = VOICES
    pause_s: float = 0.4

    def __post_init__(self) -> None:
        if not self._voice_names:
            raise BadParameter(f"voices of phonetic must name one at least, got {self.voices!r}")
        if not self.pause_s > 0:
            raise BadParameter(f"pause_s of phonetic must be above 0, got {self.pause_s!r}")

    @cached_property
    def _voice_names(self) -> list[str]:
        return [name.strip() for name in self.voices.split(";") if name.strip()]

    @cached_property
    def _listener(self) -> Recogniser:
        made = load_recogniser(self.recogniser)
        if made is None:
            raise BadParameter(
                f"recogniser of phonetic must be pocketsphinx, faster-whisper/..., moonshine/... or column, got {self.recogniser!r}"
            )
        return made

    def draw(self, rng: np.random.Generator) -> Drawn:
        """One of the voices."""
        return {"voice": self._voice_names[int(rng.integers(len(self._voice_names)))]}

    def apply(self, entry: Entry, clip: AudioClip, drawn: Drawn) -> AudioClip:
        """The clip spoken again."""
        parts = stretches(clip, pause_s=self.pause_s)
        if self.recogniser == "column":
            if not entry.text:
                raise BadAudio(
                    f"{entry.id!r} has no text in its column; fill it, or name a recogniser in place of column"
                )
            parts, texts = [(parts[0][0], parts[-1][1])], [entry.text]
        else:
            texts = [self._heard(clip.with_samples(clip.samples[begin:end])) for begin, end in parts]
        if not any(texts):
            raise BadAudio(f"{self.recogniser} recognised no words in {entry.id!r}; name a better recogniser")
        voice = load_voice(drawn["voice"])
        made = np.zeros(clip.n_samples, dtype=np.float32)
        for (begin, end), text in zip(parts, texts, strict=True):
            if text:
                made[begin:end] = _fitted(voice.speak(text).resampled(clip.sample_rate), end - begin)
        return at_level_of(clip, made)

    @cached_property
    def _heard_before(self) -> dict[AudioClip, str]:
        return {}

    def _heard(self, clip: AudioClip) -> str:
        """The words of a clip; those of the last few are kept, for other voices of the same recording."""
        if clip not in self._heard_before:
            if len(self._heard_before) >= MOST_KEPT:
                self._heard_before.clear()
            self._heard_before[clip] = self._recognised(clip)
        return self._heard_before[clip]

    def _recognised(self, clip: AudioClip) -> str:
        (reply,) = self._listener.ask([Stimulus(clips={"speech": clip}, prompt="Transcribe.")])
        if not isinstance(reply, Answer):
            raise BadAudio(f"{self.recogniser} failed: {reply}; try again, or name another recogniser")
        return reply.text if any(sign.isalnum() for sign in reply.text) else ""


def stretches(clip: AudioClip, *, pause_s: float) -> list[tuple[int, int]]:
    """Begin and end in samples of what is spoken between pauses, at least one stretch.

    Examples
    --------
    >>> sound, silence = 0.1 * np.ones(1600), np.zeros(8000)
    >>> clip = AudioClip(np.concatenate([sound, silence, sound]).astype(np.float32), 16_000)
    >>> stretches(clip, pause_s=0.4), stretches(clip, pause_s=0.6)
    ([(0, 1600), (9600, 11200)], [(0, 11200)])
    """
    length = max(1, round(FRAME_S * clip.sample_rate))
    whole = np.zeros(-(-clip.n_samples // length) * length)
    whole[: clip.n_samples] = clip.samples
    level = np.square(whole).reshape(-1, length).mean(axis=1)
    heard = np.flatnonzero(level > level.max() * 10 ** (-QUIET_DB / 10))
    if not len(heard):
        return [(0, clip.n_samples)]
    gaps = np.flatnonzero(np.diff(heard) - 1 >= pause_s / FRAME_S)
    begins = np.concatenate([heard[:1], heard[gaps + 1]])
    ends = np.concatenate([heard[gaps], heard[-1:]]) + 1
    return [(int(a) * length, min(int(b) * length, clip.n_samples)) for a, b in zip(begins, ends, strict=True)]


def _fitted(clip: AudioClip, n_samples: int) -> NDArray[np.float32]:
    """The spoken part of a clip at the length that is wanted, its pitch kept."""
    begin, end = (lambda parts: (parts[0][0], parts[-1][1]))(stretches(clip, pause_s=clip.duration_s))
    spoken = clip.samples[begin:end]
    made = stretched(spoken, clip.sample_rate, factor=len(spoken) / n_samples)[:n_samples]
    return np.pad(made, (0, n_samples - len(made)))
