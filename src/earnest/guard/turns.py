"""Scores of a turn by its words, when it has ended; and the end of a turn.

Words come from the provider, from the guard's own recogniser, or from both. What they say is scored in the guard's own
transcript where there is one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from earnest.audio import AudioClip, Stimulus
from earnest.detectors.injection import CUES
from earnest.errors import BadParameter
from earnest.guard.listeners import Block
from earnest.guard.speech import SPEAKING
from earnest.metrics.transcription import word_error_rate
from earnest.models.access import Answer
from earnest.privacy.redaction.personal import personal_words

LONGEST_TURN_S = 30.0
LEAST_SPEECH_S = 0.2


@dataclass(frozen=True)
class Turn:
    """What was said in a turn, as far as somebody wrote it down."""

    provider: str | None = None
    own: str | None = None

    @property
    def words(self) -> str | None:
        return self.own if self.own is not None else self.provider


TurnScore = Callable[[Turn], float | None]


def prompt_injection(turn: Turn) -> float | None:
    """Number of kinds of cues that the words instruct the assistant in place of its user; None without words."""
    return None if turn.words is None else float(sum(bool(cue.search(turn.words)) for cue in CUES.values()))


def spoken_pii(turn: Turn) -> float | None:
    """Number of stretches of the words that are personal, in forms of speech or writing; None without words."""
    if turn.words is None:
        return None
    n_stretches, reached = 0, 0
    for one in personal_words(turn.words.split()):  # by their first word; those that overlap are one stretch
        n_stretches += one.first >= reached
        reached = max(reached, one.end)
    return float(n_stretches)


def transcript_disagreement(turn: Turn) -> float | None:
    """Word errors of the provider's transcript against the guard's own, per word of its own; None unless both have words."""
    if not turn.own or turn.provider is None:
        return None
    return float(word_error_rate(reference=turn.own, hypothesis=turn.provider))


def policy_words(words: Sequence[str]) -> TurnScore:
    """How many of the words or phrases are said; None without a transcript."""
    patterns = [re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE) for word in words]
    return lambda turn: None if turn.words is None else float(sum(bool(one.search(turn.words)) for one in patterns))


class TurnEnds:
    """Whether a turn ends with a block: speech for 0.2 s or more, and then none for `silence_s`. Keeps the turn's audio."""

    def __init__(self, *, size: int, sample_rate: int, silence_s: float) -> None:
        self._blocks_of = lambda seconds: max(1, round(seconds * sample_rate / size))
        self._pause, self._least = self._blocks_of(silence_s), self._blocks_of(LEAST_SPEECH_S)
        self._longest, self._lead = self._blocks_of(LONGEST_TURN_S), self._blocks_of(0.3)
        self._held: list[np.ndarray] = []
        self._n_speech = self._n_quiet = 0

    def hear(self, block: Block) -> np.ndarray | None:
        """The samples of the turn that ends here, from 0.3 s before its speech; its last 30 s where it is longer."""
        self._held.append(block.samples)
        if block.speech >= SPEAKING:
            self._n_speech, self._n_quiet = self._n_speech + 1, 0
        else:
            self._n_quiet += 1
        if not self._n_speech:
            del self._held[: -self._lead]
            return None
        del self._held[: -self._longest]
        if self._n_quiet < self._pause:
            return None
        held, enough = self._held, self._n_speech >= self._least
        self._held, self._n_speech = [], 0
        return np.concatenate(held) if enough else None


@lru_cache(8)
def recogniser(spec: str) -> Callable[[AudioClip], str]:
    """What writes down the words of a clip: `pocketsphinx`, `faster-whisper/tiny.en`, or any model that transcribes."""
    from earnest.models.loading import load_model
    from earnest.models.recognisers import load_recogniser

    model = load_recogniser(spec) or load_model(spec)

    def words(clip: AudioClip) -> str:
        reply = model.ask(
            [Stimulus(clips={"speech": clip}, prompt="Transcribe the recording. Answer with its words alone.")]
        )[0]
        if not isinstance(reply, Answer):
            raise BadParameter(f"{spec} gave no transcript: {reply}; check the model of `ear`")
        return reply.text

    return words
