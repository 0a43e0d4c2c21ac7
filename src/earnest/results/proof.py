"""Whether a run shows that the audio reached the model, and what a reply without an answer means then.

Canaries come first: clips with code words that only the clip carries, and silence and babble as their controls. Where they
are found, the audio was *heard*. Where they are not, it may be that the words were *misheard*, or that the endpoint *refused*
the audio, or that nothing arrived; these are told apart:

- by sound: what was written of every canary (to either question, and by a cascade's recogniser) is compared with all code
  words by how they sound; if it is closer to its own than chance assignments of words to clips would have it, words were
  misheard, and the audio arrives;
- by all other answers of the run: if answers are closer to what was said in their own clip than to what was said in
  others, with an interval that excludes 0, the audio arrives. Clips whose words stand in the prompt are left out, and so
  are words of an answer that stand in its prompt.

How often a model that hears nothing passes is kept low on each of these ways. One that guesses code words and finds one
canary in ten finds half of the probe set's twelve in 1 of 1,800 runs; with fewer canaries more of them must be found, so
that it is never more than 1 of 100 (`MOST_CHANCE`). The comparison by sound has that level too, and the interval of the
answers leaves 1 of 40 above.

Where the audio arrives, a reply that answers nothing (`earnest.records.NO_ANSWER`) is an answer, and wrong. Where that is
not shown, it may be that nothing was heard, and the item is unscored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from earnest.metrics.heard import code_words_found, sound_likeness, word_likeness, words_besides, words_held
from earnest.metrics.intervals import mean_interval
from earnest.records import NO_ANSWER, Arm, JournalLine

Arrival = Literal["heard", "misheard", "unproven", "refused", "not_tested"]

MIN_HEARD = 0.5
"""A canary is a clip with words that the prompt does not hold; the audio counts as heard where at least this share of
canaries is found, and this much more than of controls, which lack the words."""

GUESSED = 0.1
"""Share of canaries that a model without ears may find: those who name the commonest nouns, likely code words, the prompt or
the carrier sentences find fewer (`tests/tasks/test_canaries.py`)."""
MOST_CHANCE = 0.01
"""The audio counts as heard where a guesser would find as many in at most this share of runs, and words count as misheard
where at most this share of chance assignments of words to clips fits as well."""
MIN_MISHEARD = 4
"""Fewest canaries by which that can be told."""

MIN_TEXTS = 5
"""Fewest different texts on which answers are compared with what was said."""
MOST_LINES = 400
N_OTHERS = 5
N_PERMUTATIONS = 5000
REFUSED = frozenset({"audio_format", "audio_refused", "content_filter", "field_refused", "http_4xx", "quota"})
"""Reasons of an endpoint that did not take a call; a refusal is not deafness."""


@dataclass(frozen=True, kw_only=True)
class AudioProof:
    """What a run shows of whether the audio reached the model.

    Parameters
    ----------
    proven : bool or None
        Whether the audio arrives; None where it was not tested.
    arrival : {"heard", "misheard", "unproven", "refused", "not_tested"}
    n_found, n_canaries, n_controls_found, n_controls, n_unscored : int
        Code words found and asked for, controls in which one was "found", calls that gave nothing to score.
    chance : float or None
        Share of chance assignments of code words to clips that sound as close; None where it was not looked at.
    closer, closer_low, closer_high : float or None
        By how much answers are closer to what was said in their own clip than to what was said in others, as a share of
        words, with a 95 % interval over texts; None where it was not looked at.
    n_texts : int
        Texts that this rests on.
    """

    proven: bool | None
    n_found: int
    n_canaries: int
    n_controls_found: int
    n_controls: int
    n_unscored: int
    arrival: Arrival = "not_tested"
    chance: float | None = None
    closer: float | None = None
    closer_low: float | None = None
    closer_high: float | None = None
    n_texts: int = 0

    @property
    def words(self) -> str:
        """The proof in a sentence or two."""
        found = (
            f"{self.n_found} of {self.n_canaries} canaries were found, "
            f"and {self.n_controls_found} of {self.n_controls} controls without the word"
            + (f"; {self.n_unscored} could not be scored." if self.n_unscored else ".")
        )
        if self.arrival == "not_tested":
            asked = "none could be scored" if self.n_unscored else "none was asked"
            return f"Whether the audio was heard was not tested: of the canaries, {asked}."
        if self.arrival == "refused":
            return (
                "The endpoint refused the audio of every canary: it was not asked to hear, and is not shown to be deaf."
            )
        heads = {
            "heard": "The audio was heard",
            "misheard": "The audio arrives, but words are misheard",
            "unproven": "It is not shown that the audio was heard",
        }
        return " ".join([f"{heads[self.arrival]}: {found}", *self._evidence])

    @property
    def _evidence(self) -> list[str]:
        told = []
        if self.chance is not None:
            close = "closer" if self.arrival == "misheard" and self.chance <= MOST_CHANCE else "no closer"
            told.append(
                f"What was written of them sounds {close} to their own code words than to the others "
                f"(chance assignments do as well in {self.chance:.1%} of draws)."
            )
        if self.closer is not None:
            told.append(
                f"Answers share {self.closer:+.2f} more of their words with what was said in their own clip than with "
                f"what was said in others ({self.closer_low:+.2f} to {self.closer_high:+.2f}, {self.n_texts} texts)."
            )
        return told


def audio_proof(lines: Sequence[JournalLine]) -> AudioProof:
    """What `lines` show; lines of attacked or defended arms are not looked at."""
    plain = [line for line in lines if line.arm == Arm()]
    canaries = [line for line in plain if line.kind == "canary"]
    asked = [line for line in canaries if not line.truth.get("again")]
    scored = [line for line in asked if line.status == "scored"]
    controls = [line for line in scored if line.truth.get("control")]
    real = [line for line in scored if not line.truth.get("control")]
    n_found, n_controls_found = (sum(line.label == "found" for line in side) for side in (real, controls))
    counts = {
        "n_found": n_found,
        "n_canaries": len(real),
        "n_controls_found": n_controls_found,
        "n_controls": len(controls),
        "n_unscored": len(asked) - len(scored),
    }
    if real:
        share, control_share = n_found / len(real), n_controls_found / len(controls) if controls else 0.0
        if (
            share >= MIN_HEARD
            and share - control_share >= MIN_HEARD
            and chance_of_guessing(n_found, len(real)) < MOST_CHANCE + 1e-9
        ):
            return AudioProof(proven=True, arrival="heard", **counts)
    elif canaries and all(line.reason in REFUSED for line in canaries if not line.truth.get("control")):
        return AudioProof(proven=None, arrival="refused", **counts)
    if not canaries:
        return AudioProof(proven=None, **counts)
    chance = _chance_of_words(canaries)
    closer = _closer(plain)
    evidence = {"closer": closer.value, "closer_low": closer.low, "closer_high": closer.high, "n_texts": closer.n_texts}
    misheard = (chance is not None and chance <= MOST_CHANCE) or (closer.low is not None and closer.low > 0)
    if not real and not misheard:
        return AudioProof(proven=None, **counts)
    return AudioProof(
        proven=misheard, arrival="misheard" if misheard else "unproven", chance=chance, **counts, **evidence
    )


def chance_of_guessing(n_found: int, n_canaries: int) -> float:
    """How often one who finds each canary with probability `GUESSED` finds so many or more.

    >>> round(1 / chance_of_guessing(6, 12))
    1848
    """
    return sum(
        math.comb(n_canaries, n) * GUESSED**n * (1 - GUESSED) ** (n_canaries - n)
        for n in range(n_found, n_canaries + 1)
    )


def as_proven(lines: Sequence[JournalLine]) -> list[JournalLine]:
    """The lines as they count: without a proof that the audio arrives, replies without an answer are unscored.

    Doing it twice changes nothing more.
    """
    if not any(line.label == NO_ANSWER for line in lines) or audio_proof(lines).proven:
        return list(lines)
    return [_taken_back(line) if line.label == NO_ANSWER else line for line in lines]


def reason_unproven(why: str) -> str:
    """Why a reply without an answer is unscored where it is not shown that the audio arrives."""
    return "did_not_hear" if why == "not_heard" else "empty_answer"


def _taken_back(line: JournalLine) -> JournalLine:
    why = line.verdict["facts"].get("why", "") if line.verdict else ""
    reason = reason_unproven(why)
    detail = f"no answer ({why or 'empty'}), and it is not shown that the audio arrives"
    return line.model_copy(update={"status": "unscored", "reason": reason, "detail": detail, "verdict": None})


# ---------------------------------------------------------------- swapped answers


def swapped(lines: Sequence[JournalLine]) -> list[tuple[str, str]]:
    """Canaries that were answered with the code words of another one, as pairs of their items; empty where it may be chance.

    Only the clip holds its code words, so that they are its own mark in the answer. A server that gives answers to the
    wrong requests gives several of them away; one pair alone, or many with the words of one and the same canary, may have
    other causes. Canaries of a single word are not looked for: a guess may name it.
    """
    canaries = [line for line in lines if line.kind == "canary" and not line.truth.get("control") and line.answer]
    owner = {str(line.truth.get("expected", "")): line.item for line in canaries if not line.truth.get("again")}
    pairs = [
        (line.item, item)
        for line in canaries
        for words, item in owner.items()
        if len(words.split()) > 1
        and words != line.truth.get("expected")
        and _holds(line, words)
        and not _holds_own(line)
    ]
    return pairs if len({item for _, item in pairs}) > 1 else []


def _holds(line: JournalLine, code_words: str) -> bool:
    words = code_words.split()
    return 2 * code_words_found(answer=line.said, code_words=words) > len(words)


def _holds_own(line: JournalLine) -> bool:
    words = str(line.truth.get("expected", "")).split()
    return code_words_found(answer=line.said, code_words=words) > 0


# ---------------------------------------------------------------- misheard code words


def _written(line: JournalLine) -> list[str]:
    """What was written of a clip: the answer, and what a recogniser heard."""
    return [text for text in (line.answer or "", *(line.heard or {}).values()) if text.strip()]


def _chance_of_words(canaries: Sequence[JournalLine]) -> float | None:
    """Share of chance assignments of code words to clips that sound at least as close as the true one."""
    written: dict[str, list[str]] = {}
    for line in canaries:
        if not line.truth.get("control"):
            written.setdefault(str(line.truth.get("expected", "")), []).extend(_written(line))
    words = [word for word, texts in written.items() if word and texts]
    if len(words) < MIN_MISHEARD:
        return None
    likeness = np.array([[_sounds_like(word, written[own]) for word in words] for own in words])
    likeness -= likeness.mean(axis=1, keepdims=True)  # a long answer is like every word
    rng = np.random.default_rng(0)
    places = np.argsort(rng.random((N_PERMUTATIONS, len(words))), axis=1)
    drawn = likeness[np.arange(len(words)), places].mean(axis=1)
    return float((1 + np.count_nonzero(drawn >= np.trace(likeness) / len(words) - 1e-12)) / (1 + N_PERMUTATIONS))


def _sounds_like(code_words: str, texts: Sequence[str]) -> float:
    """How like the code words of a canary what was written sounds, word by word."""
    return float(np.mean([max(sound_likeness(text, word) for text in texts) for word in code_words.split()]))


# ---------------------------------------------------------------- answers beside what was said


@dataclass(frozen=True)
class _Closer:
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n_texts: int = 0


def _closer(lines: Sequence[JournalLine]) -> _Closer:
    """How much closer answers are to the words of their own clip than to those of others, text by text."""
    said = [(line, str(line.truth.get("text") or "")) for line in lines if line.kind == "item"]
    told = [(line, text) for line, text in said if text and line.clips and _written(line) and not _given(line, text)]
    told = [told[place] for place in np.linspace(0, len(told) - 1, min(len(told), MOST_LINES)).astype(int)]
    texts = list(dict.fromkeys(text for _, text in told))
    if len(texts) < MIN_TEXTS:
        return _Closer()
    gains: dict[str, list[float]] = {}
    for line, text in told:
        own = _likeness(line, text)
        gains.setdefault(text, []).append(
            own - float(np.mean([_likeness(line, other) for other in _others(text, texts)]))
        )
    means: NDArray[np.float64] = np.array([np.mean(values) for values in gains.values()])
    if np.ptp(means) < 1e-12:
        return _Closer(float(means.mean()), float(means.mean()), float(means.mean()), len(texts))
    interval = mean_interval(means)
    return _Closer(float(means.mean()), interval.low, interval.high, len(texts))


def _likeness(line: JournalLine, text: str) -> float:
    return max(word_likeness(words, text) for words in _own_words(line))


def _own_words(line: JournalLine) -> list[str]:
    """What was written of a clip; of the answer only the words that the prompt has not, since who repeats a prompt made
    for a clip is closer to it than chance without hearing a sound."""
    return [words_besides(line.answer or "", line.prompt), *(line.heard or {}).values()]


def _others(text: str, texts: Sequence[str]) -> list[str]:
    """A few other texts, those that follow in the run."""
    place = texts.index(text)
    return [texts[(place + step) % len(texts)] for step in range(1, 1 + min(N_OTHERS, len(texts) - 1))]


def _given(line: JournalLine, text: str) -> bool:
    """Whether the words of the clip stand in the prompt, so that an answer may hold them without being heard."""
    return words_held(line.prompt, text) > 0.5
