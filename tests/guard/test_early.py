"""Early decisions: two looks in a row, on what has been said so far and nothing later."""

from __future__ import annotations

import numpy as np
import pytest

from earnest.audio import AudioClip
from earnest.errors import BadParameter
from earnest.guard.early import decided_at, looks

CLIP = AudioClip(np.arange(1, 1001, dtype=np.float32) / 1000, 8000)
SHARES = (0.2, 0.4, 0.6, 0.8)


@pytest.mark.parametrize(
    ("answers", "share"),
    [([1, 1, 0, 0], 0.4), ([1, 0, 1, 1], 0.8), ([1, 0, 1, 0], None), ([0, 1, 1, 1], 0.6), ([0, 0, 0, 1], None)],
)
def test_two_looks_in_a_row_decide(answers: list[int], share: float | None) -> None:
    heard: list[int] = []

    def refuses(clip: AudioClip) -> bool:
        heard.append(clip.n_samples)
        return bool(answers[len(heard) - 1])

    assert decided_at(CLIP, refuses, SHARES) == share
    assert heard == [200, 400, 600, 800][: 4 if share is None else SHARES.index(share) + 1]


def test_a_look_hears_the_beginning_alone() -> None:
    (half,) = looks(CLIP, (0.5,))
    assert half.samples.tolist() == CLIP.samples[:500].tolist()
    with pytest.raises(BadParameter, match="rising shares above 0 and up to 1"):
        looks(CLIP, (0.7, 0.6))
