"""Whether a model answers without audio, found out by asking it the same with and without a recording.

An endpoint that wants audio rarely says so: it answers a written request with an error like any other. Where the same
words are refused alone and answered beside a short tone, it is the missing audio that was refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import numpy as np

from earnest.audio import AudioClip, Stimulus
from earnest.errors import ModelFailed
from earnest.models.access import Answer

PROMPT = "Answer with the word yes."
_REFUSED = ("http_4xx", "text_refused")


async def takes_text_alone(ask: Callable[[Stimulus], Awaitable[Answer]]) -> bool | None:
    """Whether a model answers a harmless prompt without audio; None where calls fail for another reason.

    Parameters
    ----------
    ask : async callable (Stimulus) -> Answer
        Raises `ModelFailed` where there is none. Called once or twice.
    """
    try:
        await ask(Stimulus(clips={}, prompt=PROMPT))
        return True
    except ModelFailed as error:
        if error.reason not in _REFUSED:
            return None
    try:
        await ask(Stimulus(clips={"speech": _tone()}, prompt=PROMPT))
        return False
    except ModelFailed:
        return None


def _tone() -> AudioClip:
    time_s = np.arange(8_000) / 16_000
    return AudioClip((0.2 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32), 16_000)
