"""An audio model's own likelihood of two answers as a score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from earnest.artefacts import Artefact
from earnest.audio import AudioClip, Entry, Stimulus
from earnest.detectors._base import detectors
from earnest.detectors._calibrated import Calibrated, Held
from earnest.detectors._labels import bona_fide_and_spoof
from earnest.errors import AccessDenied, BadAudio, BadParameter
from earnest.models import load_model
from earnest.models.access import Model, System

PROMPT = "Was this recording spoken by a person, or made or replayed by a machine? Answer with one word, real or fake."


@detectors.register("likelihood")
@dataclass(frozen=True, kw_only=True)
class LikelihoodDetector(Calibrated):
    """Whether speech is bona fide, by how likely an audio model thinks either answer [verispoof2026-likelihood].

    The raw score is the log-probability of the answer for bona fide speech less that of the answer for spoofed speech, as
    whole answers to one question, in nats. So a model that always says the same word may still rank recordings. Any
    model with the access `scores` can be asked. `earnest fit` turns the difference into a log-likelihood ratio, which
    takes the model's leaning to one word out of it.

    The work was known from notes alone; the question and the two words are ours, and no weights were tuned to them.

    Parameters
    ----------
    model : str
        The model that is asked: `earnest/reference`, or a checkpoint on this machine.
    prompt : str
        The question.
    bona_fide, spoof : str
        The two answers.
    """

    source: ClassVar[str] = "verispoof2026-likelihood"
    limits: ClassVar[str] = "knows what its model knows; a model that was not tuned to this question may be at chance"

    model: str = ""
    prompt: str = PROMPT
    bona_fide: str = "real"
    spoof: str = "fake"

    def __post_init__(self) -> None:
        if not self.bona_fide.strip() or not self.spoof.strip() or self.bona_fide == self.spoof:
            raise BadParameter(
                f"bona_fide and spoof of detector 'likelihood' must be two answers, got {self.bona_fide!r} and {self.spoof!r}"
            )

    @property
    def ready(self) -> bool:
        return bool(self.model)

    @property
    def identity(self) -> str:
        return str(self._model.fingerprint)

    def check(self) -> None:
        self._model  # noqa: B018  (a model without scores is told at once)
        if self.artefact:
            self.fitted  # noqa: B018

    def raw(self, clip: AudioClip) -> float:
        """How much likelier the answer for bona fide speech is, in nats."""
        if clip.peak == 0.0:
            raise BadAudio("a clip must hold sound to be scored as bona fide or spoofed, got silence")
        stimulus = Stimulus(clips={"speech": clip}, prompt=self.prompt)
        real, fake = self._model.score([stimulus, stimulus], [self.bona_fide, self.spoof])
        return float(real - fake)

    def fit(self, rows: Sequence[Entry], system: System | None, rng: np.random.Generator) -> Artefact:
        """The calibration of the model's likelihoods on these rows; the model stays as it is."""
        sides = bona_fide_and_spoof(rows)
        return self.calibrated_artefact(
            [Held(rows=[*sides[0], *sides[1]], raw=self.raw)],
            {},
            rng=rng,
            how="all rows of the split; the model has learnt from none of them here",
        )

    @cached_property
    def _model(self) -> Model:
        if not self.model:
            raise BadParameter("detector 'likelihood' needs a model to ask: likelihood:model=earnest/reference, say")
        model = load_model(self.model)
        if "scores" not in model.access:
            raise AccessDenied(
                f"detector 'likelihood' needs scores of given answers, but {self.model!r} grants "
                f"{', '.join(sorted(model.access))} only; choose a model that runs here"
            )
        return model
