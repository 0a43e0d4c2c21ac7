"""Speech activity by Silero's network: one shared session of onnxruntime, many streams a call.

The weights are `silero_vad_16k_op15.onnx` of the package silero-vad 6.2.3 (MIT, its licence lies beside them), the form
for 16 kHz alone that takes a batch. The package itself requires torch and torchaudio, and is not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from earnest.guard.listeners import Block
from earnest.models._onnx import onnx_session

SAMPLE_RATE = 16_000
CHUNK, CONTEXT, WIDTH = 512, 64, 128
SPEAKING = 0.5


class SpeechListener:
    """Probability of speech in each chunk of 32 ms; streams at other rates are resampled block by block."""

    def __init__(self, sample_rate: int) -> None:
        self._resampler = None
        if sample_rate != SAMPLE_RATE:
            import soxr

            self._resampler = soxr.ResampleStream(sample_rate, SAMPLE_RATE, 1, dtype="float32", quality="MQ")
        self._held = np.zeros(CONTEXT, np.float32)
        self.state = np.zeros((2, WIDTH), np.float32)
        self.probability = 0.0

    def feed(self, block: Block) -> bool:
        """Take the block's samples; whether a chunk is whole now."""
        samples = block.samples if self._resampler is None else self._resampler.resample_chunk(block.samples)
        self._held = np.concatenate([self._held, samples])
        return self.due

    @property
    def due(self) -> bool:
        return len(self._held) >= CONTEXT + CHUNK

    @property
    def chunk(self) -> np.ndarray:
        return self._held[: CONTEXT + CHUNK]

    def take(self, probability: float, state: np.ndarray) -> None:
        """The answer of the network for `chunk`."""
        self.probability, self.state, self._held = probability, state, self._held[CHUNK:]


def answer(listeners: Sequence[SpeechListener]) -> list[SpeechListener]:
    """Ask the network for every stream that has a whole chunk, in one call as long as streams have one; those that had."""
    had: dict[int, SpeechListener] = {}
    while due := [one for one in listeners if one.due]:
        output, states = _session().run(
            ["output", "stateN"],
            {
                "input": np.stack([one.chunk for one in due]),
                "state": np.stack([one.state for one in due], axis=1),
                "sr": _RATE,
            },
        )
        for place, one in enumerate(due):
            one.take(float(output[place, 0]), states[:, place])
            had[id(one)] = one
    return list(had.values())


_RATE = np.array(SAMPLE_RATE, np.int64)


@lru_cache(1)
def _session():  # type: ignore[no-untyped-def]
    return onnx_session(Path(str(files("earnest.guard"))) / "weights" / "silero_vad_16k.onnx", n_threads=1)
