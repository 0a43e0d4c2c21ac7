"""When each word of a known text is said, from log-probabilities of characters by frame: forced alignment, numpy alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from earnest.models.reference.vocabulary import CHARACTERS

BLANK, SPACE = 0, 1
"""Characters of no letter; those of `CHARACTERS` come behind them."""


def characters_of(words: Sequence[str]) -> list[int]:
    """The characters of words with spaces between; letters that the alphabet lacks are left out."""
    spelt = [[CHARACTERS.index(letter) + 2 for letter in word.lower() if letter in CHARACTERS] for word in words]
    return [place for k, word in enumerate(spelt) for place in ([SPACE] if k else []) + word]


def word_frames(log_probs: NDArray[np.floating], words: Sequence[str]) -> list[tuple[int, int]]:
    """The frames of each word, from and up to, on the most likely path (connectionist temporal classification).

    Parameters
    ----------
    log_probs : float array, shape (n_frames, n_characters)
        Natural logarithms, the blank first, then the space.
    words : sequence of str

    Returns
    -------
    list of pair of int
        Empty where there are not enough frames for the text, or a word has no letter of the alphabet.
    """
    labels = characters_of(words)
    owner = [k for k, word in enumerate(words) for _ in range(sum(letter in CHARACTERS for letter in word.lower()))]
    if not labels or set(owner) != set(range(len(words))):
        return []
    path = _path(np.asarray(log_probs, dtype=np.float64), labels)
    letters = iter(owner)
    word_of = [-1 if label == SPACE else next(letters) for label in labels]
    frames: list[list[int]] = [[] for _ in words]
    for frame, state in enumerate(path):
        if state % 2 and word_of[state // 2] >= 0:
            frames[word_of[state // 2]].append(frame)
    return [(min(own), max(own) + 1) for own in frames] if all(frames) else []


def _path(log_probs: NDArray[np.float64], labels: list[int]) -> list[int]:
    """The state of each frame: 2k + 1 is label k, even ones are the blanks around; empty where there is no path."""
    extended = np.full(2 * len(labels) + 1, BLANK)
    extended[1::2] = labels
    skips = np.zeros(extended.size, bool)
    skips[3::2] = extended[3::2] != extended[1:-2:2]
    best = np.full(extended.size, -np.inf)
    best[:2] = log_probs[0, extended[:2]]
    back = []
    for row in log_probs[1:]:
        one = np.concatenate([[-np.inf], best[:-1]])
        two = np.where(skips, np.concatenate([[-np.inf, -np.inf], best[:-2]]), -np.inf)
        came = np.stack([best, one, two])
        step = came.argmax(axis=0)
        back.append(step)
        best = came[step, np.arange(extended.size)] + row[extended]
    state = int(extended.size - 1 if best[-1] >= best[-2] else extended.size - 2)
    if not np.isfinite(best[state]):
        return []
    path = [state]
    for step in reversed(back):
        state -= int(step[state])
        path.append(state)
    return path[::-1]
