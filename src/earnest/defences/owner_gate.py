"""Who is not the enrolled speaker is not served: a verifier compares each clip with an enrolment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip, Stimulus, cepstra
from earnest.defences._base import Defence, Gradient, defences
from earnest.errors import BadAudio, BadParameter
from earnest.models.access import Blocked, Model, Passed, Screened
from earnest.registry import parse_spec, registry

ENROLMENT = ("enrolment", "enrolled")
"""Roles of a clip that is an enrolment and no attempt."""


@defences.register("owner_gate")
@dataclass(frozen=True, kw_only=True)
class OwnerGate(Defence):
    """Every clip of the user must sound like the enrolled voice, or the model does not get it.

    The enrolment is a file, or the clip of the role `enrolment` that comes with the question. A verifier gives two clips a
    likelihood that one person speaks, higher meaning more alike; at or below the threshold the question is blocked, which
    is told as a refusal and scored as one. A clip in which the verifier finds nothing to go by is blocked, and so is a
    question without an enrolment. A question without audio has no voice and is blocked.

    It says nothing of what is asked, and a copy of the owner's voice may pass: put a detector of spoofed speech before it
    (`screening+owner_gate`). An attack that is to pass has to move the verifier, whose gradient is not given to attackers,
    so that figures against white-box attacks are those of one who does not know it.

    Parameters
    ----------
    verifier : str
        Specification of a detector that verifies speakers, `speaker:artefact=...`; empty takes the cepstral likeness below, a
        floor and no recogniser of speakers. With parameters it is written in quotes.
    enrolment : str
        A sound file; empty takes the clip of the question's role.
    threshold : float or None
        Pairs that score above it pass; None takes the verifier's own.

    Notes
    -----
    To act for the owner's voice alone is the second tier of [wang2026-voxprivacy]; the gate in front of the model is ours.
    The built-in likeness is the cosine of mean and spread over speech frames of linear-frequency cepstra without the first,
    which hold the channel as much as the voice.
    """

    source: ClassVar[str] = "wang2026-voxprivacy"
    gradient: ClassVar[Gradient] = "none"

    verifier: str = ""
    enrolment: str = ""
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.threshold is not None and (isinstance(self.threshold, bool) or not math.isfinite(self.threshold)):
            raise BadParameter(f"threshold of {self.name} must be a finite number, got {self.threshold!r}")

    @cached_property
    def _verifier(self) -> Any:
        made = registry("detectors").make(parse_spec(self.verifier)) if self.verifier else CepstralLikeness()
        if not callable(getattr(made, "verify", None)):
            raise BadParameter(
                f"verifier of {self.name} must compare clips with `verify(enrolled, clip)`, and "
                f"{self.verifier!r} does not; name a detector for speaker verification"
            )
        return made

    @cached_property
    def _least(self) -> float:
        threshold = self.threshold if self.threshold is not None else getattr(self._verifier, "threshold", None)
        if threshold is None:
            raise BadParameter(f"{self.verifier!r} has no threshold of its own; give threshold= to {self.name}")
        return float(threshold)

    @cached_property
    def _enrolled(self) -> AudioClip:
        return AudioClip.read(Path(self.enrolment))

    def around(self, model: Model) -> Model:
        """The model as it is; verifier, threshold and enrolment are found out here, before anything is asked."""
        _ = self._verifier, self._least
        if self.enrolment:
            _ = self._enrolled
        return model

    def screen(self, stimulus: Stimulus) -> Screened:
        """Blocked unless every attempt sounds like the enrolment."""
        role = next((role for role in ENROLMENT if role in stimulus.clips), None)
        enrolled = self._enrolled if self.enrolment else stimulus.clips.get(role) if role else None
        attempts = {name: clip for name, clip in stimulus.clips.items() if name not in ENROLMENT}
        if enrolled is None:
            return Blocked(
                "nobody is enrolled: the question has no clip of the role 'enrolment', and no file was given"
            )
        if not attempts:
            return Blocked("the question has no voice that could be compared with the enrolled one")
        scores = {}
        for name, clip in attempts.items():
            try:
                scores[name] = float(self._verifier.verify([enrolled], clip))
            except BadAudio as error:
                return Blocked(f"the voice of the clip {name!r} cannot be compared: {error}")
            if not scores[name] > self._least:
                return Blocked(f"the voice of the clip {name!r} scores {scores[name]:.3g}, at most {self._least:.3g}")
        return Passed({"likeness": scores})


class CepstralLikeness:
    """Cosine of the mean and the spread of cepstra over the louder half of a clip's frames."""

    threshold: float | None = None

    def verify(self, enrolled: Sequence[AudioClip], clip: AudioClip) -> float:
        """The mean over the enrolled clips, in [-1, 1], higher meaning more alike; no threshold fits every channel.

        Raises
        ------
        BadAudio
            If a clip is silent or shorter than 0.2 s.
        """
        attempt = self._vector(clip)
        owned = [self._vector(one) for one in enrolled]
        return float(np.mean([one @ attempt / (np.linalg.norm(one) * np.linalg.norm(attempt)) for one in owned]))

    @staticmethod
    def _vector(clip: AudioClip) -> NDArray[np.float64]:
        clip = clip.resampled(16_000)
        if clip.duration_s < 0.2 or not np.any(clip.samples):
            raise BadAudio(f"a voice needs at least 0.2 s that are not silent, got {clip.duration_s:.2f} s")
        power = cepstra.frame_power(clip.samples, clip.sample_rate)
        static = cepstra.linear_cepstra(clip.samples, clip.sample_rate)[:, 1:20]
        loud = static[power >= np.median(power)]
        return np.concatenate([loud.mean(axis=0), loud.std(axis=0)])
