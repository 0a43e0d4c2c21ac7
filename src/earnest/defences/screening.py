"""A detector in front of a model: what scores at or below its threshold does not reach it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from earnest.audio import Stimulus
from earnest.defences._base import Defence, Gradient, defences
from earnest.errors import BadAudio, BadParameter
from earnest.models.access import Blocked, Model, Passed, Screened
from earnest.registry import Spec, parse_spec, registry


@defences.register("screening")
@dataclass(frozen=True, kw_only=True)
class Screening(Defence):
    """Blocks clips that a detector takes for spoofed: every clip of the user must score above the threshold.

    A calibrated detector brings its threshold, 0, where both sides are equally likely; any other needs one. Clips in which
    the detector finds nothing to go by (silence) are blocked too, since who can send them unseen gets round it. An attack that is to pass
    it has to change what the detector hears. Most detectors give attackers no gradient, so that figures against white-box attacks
    are those of one who does not know the detector; one that has a method `against(model)` (`transform_disagreement`) does.

    Parameters
    ----------
    detector : str
        Its specification, or its name where `artefact` is given here: `lfcc_gmm`.
    artefact : str
        What the detector was fitted to: path or SHA-256.
    threshold : float or None
        Clips that score above it pass; None takes the detector's own.
    """

    source: ClassVar[str] = "kinnunen2020-tdcf"
    gradient: ClassVar[Gradient] = "none"

    detector: str = "lfcc_gmm"
    artefact: str = field(default="")
    threshold: float | None = None

    def __post_init__(self) -> None:
        registry("detectors").make(self._spec)

    @property
    def _spec(self) -> Spec:
        spec = parse_spec(self.detector)
        return Spec(spec.name, {**spec.parameters, **({"artefact": self.artefact} if self.artefact else {})})

    @cached_property
    def _detector(self) -> tuple[Any, float]:
        made = registry("detectors").make(self._spec)
        made.check()  # what is lacking is told here, and not by the first clip
        threshold = made.threshold if self.threshold is None else self.threshold
        if threshold is None:
            raise BadParameter(
                f"detector {self.detector!r} is not calibrated and has no threshold of its own; give threshold="
            )
        return made, float(threshold)

    def around(self, model: Model) -> Model:
        """The model, with the detector's own gradient if it has one; whether the detector is ready is checked here as well."""
        detector, _ = self._detector
        against = getattr(detector, "against", None)
        return model if against is None else against(model)

    def screen(self, stimulus: Stimulus) -> Screened:
        detector, threshold = self._detector
        scores = {}
        for role, clip in stimulus.clips.items():
            try:
                scores[role] = float(detector.score(clip))
            except BadAudio as error:
                return Blocked(f"{self.detector} cannot tell of the clip {role!r}: {error}")
            if not scores[role] > threshold:
                return Blocked(
                    f"{self.detector} gives the clip {role!r} {scores[role]:.3g}, at most {threshold:.3g}: {detector.detects}"
                )
        return Passed({"scores": scores})
