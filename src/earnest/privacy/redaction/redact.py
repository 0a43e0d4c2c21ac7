"""A recording without what is personal in it: heard, found, placed in time, replaced, and heard again.

1. A recogniser that tells when it hears each word writes the words down, in pieces of at most 25 s.
2. The rules of `personal` find what is personal in them; `presidio` adds its own if it is asked to.
3. The words' times, with some time on both sides, are replaced (`sound`). So is sound in which no word was heard.
4. The result is heard again, by the same recogniser or another one. What is found there is replaced too, and heard
   again, at most `MOST_ROUNDS` times in all.

A recogniser that fails, or hears no words in sound, has not heard that there is nothing to redact: the whole recording
is replaced then, or left out, as the user chooses. Nothing leaves the machine, and no word is kept in the result.

What this cannot give: where nobody hears that something personal is said, nothing is replaced. The second hearing finds
what a recogniser can hear, and is no proof. The length of a replaced stretch, and the words around it, stay as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from earnest.audio import AudioClip
from earnest.errors import BadParameter, ModelFailed
from earnest.models.cascade import pieces_of
from earnest.models.recognisers import SAMPLE_RATE, HeardWord, Recogniser, load_recogniser
from earnest.privacy.redaction.personal import KINDS, PersonalWords, Span, check_kinds, personal_words
from earnest.privacy.redaction.sound import (
    FRAME_S,
    REPLACEMENTS,
    Replacement,
    active_frames,
    padded,
    replaced,
    sample_range,
)

PAD_BEFORE_S = 0.1
PAD_AFTER_S = 0.3
"""Added to a span: the times of words are this inexact, and their ends are told too early more often than too late."""
BRIDGE_S = 0.25
"""What remains between two spans is replaced too if it is shorter."""
UNHEARD_S = 0.8
"""Sound without a word is replaced if it is at least this long."""
LEAST_HEARD = 0.5
"""Share of the sound that must lie within words; else the recognition failed."""
LONGEST_WORD_S = 1.5
"""A word that is told to be longer covers sound that the recogniser did not write down; of a number, a second a digit."""
LEAST_SOUND_S = 0.3
MOST_ROUNDS = 3
STUCK_WORDS, STUCK_WORD_S, STUCK_S = 10, 0.04, 5.0
"""Ten words of less than 40 ms in a piece of at least 5 s: a recogniser that repeats itself, as Whisper does on digits."""

Finder = Callable[[Sequence[str]], Sequence[PersonalWords]]
OnFailure = Literal["replace", "leave_out"]
ON_FAILURE: tuple[OnFailure, ...] = ("replace", "leave_out")


@dataclass(frozen=True, kw_only=True)
class Redacted:
    """A recording after redaction, and what was done to it; no word of it.

    Parameters
    ----------
    clip : AudioClip or None
        None where the recording is left out.
    spans : tuple of Span
        What was replaced, with the time added on both sides; kinds, and `unheard` for sound without words.
    n_rounds : int
        How often the recording was heard.
    verified : bool
        Whether the last hearing found nothing more.
    failure : str
        Why the recogniser could not be relied on; empty where it could.
    """

    clip: AudioClip | None
    spans: tuple[Span, ...]
    n_rounds: int
    verified: bool
    failure: str = ""

    def as_json(self) -> dict[str, Any]:
        """All but the samples, as JSON values."""
        spans = [{**asdict(one), "start_s": round(one.start_s, 3), "end_s": round(one.end_s, 3)} for one in self.spans]
        replaced_s = round(sum(one.end_s - one.start_s for one in self.spans), 3)
        return {
            "spans": spans,
            "replaced_s": replaced_s,
            "n_rounds": self.n_rounds,
            "verified": self.verified,
            "left_out": self.clip is None,
            "failure": self.failure or None,
        }


class Redactor:
    """Redacts recordings, one after the other, with one recogniser.

    Parameters
    ----------
    recogniser : Recogniser or str
        What hears the words and tells their times: `faster-whisper/base`, `pocketsphinx`, ...
    verifier : Recogniser or str or None
        What hears the result; None takes the recogniser itself. Another one misses other things.
    kinds : collection of str
        What is looked for (`personal.KINDS`).
    replace : {"tone", "silence"}
    pad_before_s, pad_after_s : float
        Time that is replaced before and behind what is personal.
    on_failure : {"replace", "leave_out"}
        What becomes of a recording that could not be recognised: all of it is replaced, or there is no result.
    finders : sequence of callable
        What else finds personal words in a row of words, as `presidio.Presidio` does.

    Raises
    ------
    BadParameter
        If a parameter is out of its range.
    MissingExtra
        If the recogniser is not installed.
    """

    def __init__(
        self,
        recogniser: Recogniser | str = "faster-whisper/base",
        *,
        verifier: Recogniser | str | None = None,
        kinds: Collection[str] = KINDS,
        replace: Replacement = "tone",
        pad_before_s: float = PAD_BEFORE_S,
        pad_after_s: float = PAD_AFTER_S,
        on_failure: OnFailure = "replace",
        finders: Sequence[Finder] = (),
    ) -> None:
        check_kinds(kinds)
        if replace not in REPLACEMENTS:
            raise BadParameter(f"replace must be {' or '.join(map(repr, REPLACEMENTS))}, got {replace!r}; choose one")
        if on_failure not in ON_FAILURE:
            raise BadParameter(f"on_failure must be {' or '.join(map(repr, ON_FAILURE))}, got {on_failure!r}")
        if not (0 <= pad_before_s <= 5 and 0 <= pad_after_s <= 5):
            raise BadParameter(f"padding must be a time from 0 to 5 s, got {pad_before_s!r} and {pad_after_s!r}")
        self.recogniser = _loaded(recogniser)
        self.verifier = self.recogniser if verifier is None else _loaded(verifier)
        self.kinds, self.replace, self.on_failure = frozenset(kinds), replace, on_failure
        self._pad_before_s, self._pad_after_s, self._finders = pad_before_s, pad_after_s, tuple(finders)

    def redacted(self, clip: AudioClip) -> Redacted:
        """The recording without what is personal in it; of equal length and rate."""
        spans: tuple[Span, ...] = ()
        for n_round in range(1, MOST_ROUNDS + 1):
            found, failure = self._found(replaced(clip, spans, replace=self.replace), spans, first=n_round == 1)
            if failure:
                return self._failed(clip, failure, n_rounds=n_round)
            new = _outside(found, spans)
            spans = padded([*spans, *found], duration_s=clip.duration_s, bridge_s=BRIDGE_S)
            if n_round > 1 and not new:
                break
        return Redacted(
            clip=replaced(clip, spans, replace=self.replace), spans=spans, n_rounds=n_round, verified=not new
        )

    def _found(self, clip: AudioClip, known: Sequence[Span], *, first: bool) -> tuple[list[Span], str]:
        """What is personal in a recording, with its padding, and why it could not be found."""
        try:
            words = heard_words(self.recogniser if first else self.verifier, clip)
        except ModelFailed as error:
            return [], str(error)
        unheard, share = _unheard(clip, words, known)
        if share < LEAST_HEARD:
            return [], f"words were heard in {share:.0%} of the sound alone, and at least {LEAST_HEARD:.0%} is needed"
        texts = [word.text for word in words]
        found = [*personal_words(texts, kinds=self.kinds), *(one for find in self._finders for one in find(texts))]
        spans = [Span(words[one.first].start_s, words[one.end - 1].end_s, one.kind) for one in found]
        wider = [
            Span(one.start_s - self._pad_before_s, one.end_s + self._pad_after_s, one.kind)
            for one in spans
            if _outside([one], known)
        ]
        return [*padded(wider, duration_s=clip.duration_s), *unheard], ""

    def _failed(self, clip: AudioClip, failure: str, *, n_rounds: int) -> Redacted:
        whole = (Span(0.0, clip.duration_s, "unheard"),)
        made = replaced(clip, whole, replace=self.replace) if self.on_failure == "replace" else None
        return Redacted(clip=made, spans=whole, n_rounds=n_rounds, verified=False, failure=failure)


def heard_words(recogniser: Recogniser, clip: AudioClip) -> tuple[HeardWord, ...]:
    """The words of a recording of any length with their times in it, heard in pieces that are cut where it is quiet.

    Raises
    ------
    ModelFailed
        If the recogniser breaks, or tells times that are none.
    """
    words: list[HeardWord] = []
    begins = 0.0
    for piece in pieces_of(clip.resampled(SAMPLE_RATE)):
        words += [
            HeardWord(one.text, begins + one.start_s, begins + one.end_s)
            for one in _words_of(recogniser, piece, place=f"at {begins:.1f} s")
        ]
        begins += piece.duration_s
    return tuple(words)


def _words_of(recogniser: Recogniser, piece: AudioClip, *, place: str) -> list[HeardWord]:
    """The words of a piece; one in which the recogniser said the same for ever is heard again in two halves."""
    try:
        heard = recogniser.words(piece)
    except (RuntimeError, OSError) as error:
        raise ModelFailed(f"{recogniser.name} broke {place}: {error}", reason="model_error") from error
    if any(not 0 <= word.start_s <= word.end_s for word in heard):
        raise ModelFailed(f"{recogniser.name} told times that are none, {place}", reason="bad_response")
    if sum(word.end_s - word.start_s < STUCK_WORD_S for word in heard) < STUCK_WORDS or piece.duration_s < STUCK_S:
        return [HeardWord(one.text, one.start_s, min(one.end_s, piece.duration_s)) for one in heard]
    words, begins = [], 0.0
    for half in pieces_of(piece, longest_s=0.6 * piece.duration_s):
        part = _words_of(recogniser, half, place=place)
        words += [HeardWord(one.text, begins + one.start_s, begins + one.end_s) for one in part]
        begins += half.duration_s
    return words


def _loaded(recogniser: Recogniser | str) -> Recogniser:
    if isinstance(recogniser, Recogniser):
        return recogniser
    made = load_recogniser(recogniser)
    if made is None:
        raise BadParameter(
            f"a recogniser must be pocketsphinx, faster-whisper/<folder or size>, or one of your own from Python, got {recogniser!r}"
        )
    return made


def _outside(found: Sequence[Span], known: Sequence[Span]) -> list[Span]:
    """Those of which more than a tenth of a second is not in a known span."""
    return [one for one in found if one.end_s - one.start_s - _shared_s(one, known) > 0.1]


def _shared_s(one: Span, others: Sequence[Span]) -> float:
    return sum(max(0.0, min(one.end_s, other.end_s) - max(one.start_s, other.start_s)) for other in others)


def _unheard(clip: AudioClip, words: Sequence[HeardWord], known: Sequence[Span]) -> tuple[list[Span], float]:
    """Long stretches of sound outside words and outside what is replaced, and the share of the sound within words."""
    outside = np.ones(clip.n_samples, dtype=bool)
    for one in padded(known, duration_s=clip.duration_s, pad_s=FRAME_S):
        start, end = sample_range(one, clip)
        outside[start:end] = False
    sound = active_frames(clip.with_samples(clip.samples * outside))
    length = max(1, round(FRAME_S * clip.sample_rate))
    sounding = np.repeat(sound, length)[: clip.n_samples]
    n_sound = int(sounding.sum())
    if n_sound < LEAST_SOUND_S * clip.sample_rate:
        return [], 1.0
    for word in words:
        if word.end_s - word.start_s > max(LONGEST_WORD_S, sum(sign.isdigit() for sign in word.text)):
            continue
        start, end = sample_range(Span(word.start_s - PAD_BEFORE_S, word.end_s + PAD_AFTER_S, ""), clip)
        sounding[start:end] = False
    edges = np.flatnonzero(np.diff(np.concatenate([[0], sounding.astype(np.int8), [0]])))
    runs = [Span(a / clip.sample_rate, b / clip.sample_rate, "unheard") for a, b in zip(edges[::2], edges[1::2])]
    joined = padded(runs, duration_s=clip.duration_s, bridge_s=BRIDGE_S)
    return [one for one in joined if one.end_s - one.start_s >= UNHEARD_S], 1.0 - int(sounding.sum()) / n_sound
