"""Early decisions on a request that is still being spoken: a model is asked about what there is of it so far.

A look gives the model everything from the beginning of the request up to now, and its answer either refuses or not. A
single look is easily wrong about half a sentence, so a decision takes two looks in a row that both refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from earnest.audio import AudioClip
from earnest.errors import BadParameter

AGREEING = 2


def looks(clip: AudioClip, shares: Sequence[float]) -> list[AudioClip]:
    """The beginning of the clip up to each share of its length.

    Raises
    ------
    BadParameter
        Unless the shares rise and lie above 0 and at most at 1.
    """
    if not shares or not all(0 < one <= 1 for one in shares) or list(shares) != sorted(set(shares)):
        raise BadParameter(
            f"looks are taken at rising shares above 0 and up to 1, got {list(shares)}; give (0.6, 0.7), say"
        )
    return [clip.with_samples(clip.samples[: max(1, round(share * clip.n_samples))]) for share in shares]


def decided_at(clip: AudioClip, refuses: Callable[[AudioClip], bool], shares: Sequence[float]) -> float | None:
    """The share of the clip at which `AGREEING` looks in a row refuse; None where none do. Later looks are not taken."""
    run = 0
    for share, heard in zip(shares, looks(clip, shares), strict=True):
        run = run + 1 if refuses(heard) else 0
        if run == AGREEING:
            return share
    return None
