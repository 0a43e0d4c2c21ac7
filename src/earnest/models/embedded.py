"""The model that comes with earnest, `earnest/reference`, and its siblings, `earnest/<folder of a checkpoint>`.

A tiny audio language model that shows the toolkit at work without a network or a key; results on it say nothing about
real models. It answers by onnxruntime; with torch installed it grants gradients and activations as well.

It knows a list of prompts (`earnest.models.reference.instructions`), takes the most likely token always, and reads no
system prompt; where there was one, `details["ignored"]` says so. Several clips are heard as one, half a second apart.
Clips at other rates are resampled to 16 kHz; gradients ask for a clip at 16 kHz.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from earnest import registry
from earnest.audio import Stimulus
from earnest.audio.stimulus import PRIMARY_ROLE
from earnest.errors import BadParameter
from earnest.models import models
from earnest.models.access import Answer, Failure, Model, Reply, Sampling

if TYPE_CHECKING:
    from earnest.models.reference.onnx_route import ReferenceOutput
    from earnest.models.reference.torch_route import TorchReference

SAMPLE_RATE = 16_000
GAP_S = 0.5
TRANSCRIBE = "Transcribe the speech."


class EmbeddedModel(Model):
    """The reference model, or a sibling of it.

    Parameters
    ----------
    name : str
        Its specification.
    weights : Path or None
        Folder of a checkpoint; None takes the one that comes with earnest.
    n_threads : int
        Threads of onnxruntime.
    """

    batch_size = 32
    note = "embedded reference model: shows the toolkit, not real models"
    piece_s = 4.0  # a sentence, as in training: of minutes cut so it hears 0.6 of the words, cut at 12 s 0.1

    def __init__(self, name: str, *, weights: Path | None = None, n_threads: int = 2) -> None:
        from earnest.models.reference import instructions
        from earnest.models.reference.checkpoint import MAX_SECONDS, sha256_of
        from earnest.models.reference.onnx_route import OnnxReference

        self.name, self._folder = name, weights
        self._reference = OnnxReference(weights, n_threads=n_threads)
        # what is made of a prompt decides an answer as much as the weights do
        self.fingerprint = f"{sha256_of(self._reference.checkpoint.weights)}-{sha256_of(Path(instructions.__file__))[:8]}"
        self.max_duration_s = MAX_SECONDS
        inner = {"gradients", "activations"} if registry.has_extra("torch") else set()
        self.access = frozenset({"responses", "scores", *inner})
        self._lock = threading.Lock()

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        """A reply to each stimulus, with what was heard in `details["transcript"]`; too long a clip is a failure."""
        begun = time.perf_counter()
        questions = [_questions(stimulus) for stimulus in stimuli]
        clips, prompts = zip(*(question for own in questions for question in own), strict=True) if stimuli else ((), ())
        every = iter(self._reference.answer(list(clips), prompts=list(prompts)))
        outputs = [[next(every) for _ in own] for own in questions]
        duration_ms = 1e3 * (time.perf_counter() - begun) / max(1, len(stimuli))
        return [self._reply(*pair, duration_ms) for pair in zip(outputs, stimuli, strict=True)]

    def loss_and_gradient(
        self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float32]]]:
        """As `Model.loss_and_gradient`; the primary clip must be at 16 kHz.

        Raises
        ------
        BadParameter
            If a primary clip is at another rate, or the audio is too long.
        MissingExtra
            If torch is not installed.
        """
        for stimulus in stimuli:
            if stimulus.clip.sample_rate != SAMPLE_RATE:
                raise BadParameter(
                    f"gradients of {self.name!r} need a clip at 16000 Hz, got {stimulus.clip.sample_rate} Hz; "
                    "resample it first with clip.resampled(16000)"
                )
        placed = [_joined(stimulus) for stimulus in stimuli]
        prompts = [stimulus.prompt for stimulus in stimuli]
        with self._lock:
            losses, gradients = self._differentiable.loss_and_gradient(
                [samples for samples, _ in placed], prompts=prompts, targets=list(targets)
            )
        return losses, [
            gradient[start : start + stimulus.clip.n_samples]
            for gradient, (_, start), stimulus in zip(gradients, placed, stimuli, strict=True)
        ]

    def activations(self, stimuli: Sequence[Stimulus]) -> list[dict[str, NDArray[np.float32]]]:
        """Activations by layer, shape (width,): `encoder.<k>` averaged over time, `decoder.<k>` where the answer begins.

        Raises
        ------
        MissingExtra
            If torch is not installed.
        """
        clips, prompts = [_joined(stimulus)[0] for stimulus in stimuli], [stimulus.prompt for stimulus in stimuli]
        with self._lock:
            layers = self._differentiable.activations(clips, prompts)
        return [{name: values[row] for name, values in layers.items()} for row in range(len(stimuli))]

    @cached_property
    def _differentiable(self) -> TorchReference:
        registry.extra("torch", needed_by=f"gradients of {self.name!r}")
        from earnest.models.reference.torch_route import TorchReference

        return TorchReference(self._folder)

    def beyond(self, prompt: str) -> str | None:
        """Why the prompt is none of the embedded model's instructions; None for those that it knows."""
        from earnest.models.reference.instructions import known

        return None if known(prompt) else "the embedded model knows no such instruction"

    def _reply(self, outputs: list[ReferenceOutput], stimulus: Stimulus, duration_ms: float) -> Reply:
        if any(output.too_long for output in outputs):
            from earnest.models.reference.checkpoint import MAX_SECONDS

            return Failure(reason="too_long", detail=f"{self.name!r} hears at most {MAX_SECONDS:g} s; shorten the clip")
        ignored = {} if stimulus.system_prompt is None else {"ignored": "system prompt"}
        if len(outputs) > 1:
            return _by_reason(outputs, stimulus, duration_ms, ignored)
        (output,) = outputs
        return Answer(
            text=output.text,
            duration_ms=duration_ms,
            log_probability=output.logprob,
            details={"transcript": output.transcript, **ignored},
        )


def _questions(stimulus: Stimulus) -> list[tuple[NDArray[np.float32], str]]:
    """What the network is asked: clips and prompts. Which of two said what decides is found by writing down both."""
    from earnest.models.reference.instructions import reason_in

    if len(stimulus.clips) == 2 and reason_in(stimulus.prompt) is not None:
        return [(clip.resampled(SAMPLE_RATE).samples, TRANSCRIBE) for clip in stimulus.clips.values()]
    return [(_joined(stimulus)[0], stimulus.prompt)]


def _by_reason(
    outputs: list[ReferenceOutput], stimulus: Stimulus, duration_ms: float, ignored: dict[str, str]
) -> Answer:
    """The speaker who said what decides, by what was written of either."""
    from earnest.models.reference.instructions import reason_in, who_says

    first, second = (output.text for output in outputs)
    return Answer(
        text=who_says(reason_in(stimulus.prompt) or "", first=first, second=second),
        duration_ms=duration_ms,
        details={"transcript": dict(zip(stimulus.clips, (first, second), strict=True)), **ignored},
    )


def _joined(stimulus: Stimulus) -> tuple[NDArray[np.float32], int]:
    """All clips at 16 kHz with silence between, and where the primary one starts (0 where none is)."""
    heard = {role: clip.resampled(SAMPLE_RATE).samples for role, clip in stimulus.clips.items()}
    gap = np.zeros(round(GAP_S * SAMPLE_RATE), dtype=np.float32)
    parts: list[NDArray[np.float32]] = []
    starts: dict[str, int] = {}
    for role, samples in heard.items():
        starts[role] = sum(map(len, parts))
        parts += [samples, gap]
    return (np.concatenate(parts[:-1]) if parts else gap[:0]), starts.get(PRIMARY_ROLE, 0)


@models.register("earnest")
def earnest(rest: str, **options: Any) -> EmbeddedModel:
    """`reference`, or a sibling checkpoint in the folder `rest`; options are those of `EmbeddedModel`.

    Raises
    ------
    BadParameter
        If there is neither.
    """
    if rest == "reference":
        return EmbeddedModel("earnest/reference", **options)
    if not Path(rest).expanduser().is_dir():
        raise BadParameter(
            f"a model of earnest is written earnest/reference or earnest/<folder of a checkpoint>, got {f'earnest/{rest}'!r}; "
            "scripts/train_reference makes such folders"
        )
    return EmbeddedModel(f"earnest/{rest}", weights=Path(rest).expanduser(), **options)
