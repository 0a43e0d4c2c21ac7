"""Detectors as subjects: `detector/<name>[:key=value,...]`, asked like a model and answering with a number.

The answer has no words; its `value` is the detector's score, higher meaning more likely bona fide. What the detector was
fitted to is loaded once and named by its SHA-256, so that the name tells what was asked.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import earnest
from earnest.artefacts import load, pinned
from earnest.audio import Stimulus
from earnest.errors import BadAudio, BadParameter, ModelFailed
from earnest.models import models
from earnest.models.access import Answer, Failure, Model, Reply, Sampling
from earnest.registry import parse_spec, registry


class DetectorModel(Model):
    """A detector as the engine asks it.

    Parameters
    ----------
    detector : Detector
    name : str
        Its specification as a model.
    artefacts : tuple of str
        SHA-256 of what it was fitted to.
    """

    batch_size = 8
    gives: Literal["words", "value", "comparison"] = "value"
    takes_text_alone = False

    def __init__(self, detector: Any, *, name: str, artefacts: tuple[str, ...] = ()) -> None:
        self.detector, self.name, self.artefacts = detector, name, artefacts
        self.gives = "comparison" if hasattr(detector, "verify") and not detector.enrolled else "value"
        self.note = (
            "" if detector.calibrated else "scores of this detector are not calibrated: they rank, and 0 means nothing"
        )
        self.fingerprint = _fingerprint(detector, artefacts)
        if (asked := getattr(detector, "asked", None)) is not None:  # a model that the detector asks, and where that is
            self.fingerprint = hashlib.sha256(
                f"{self.fingerprint}\x1f{asked.name}\x1f{asked.fingerprint}".encode()
            ).hexdigest()
            self.destination, self.free = asked.destination, asked.free

    def ask(self, stimuli: Sequence[Stimulus], *, sampling: Sampling = Sampling()) -> list[Reply]:  # noqa: B008
        """An answer without words for each, its `value` the detector's score."""
        return [self._reply(stimulus) for stimulus in stimuli]

    def _reply(self, stimulus: Stimulus) -> Reply:
        begun = time.perf_counter()
        try:
            score, evidence = self._score(stimulus)
            ms = 1e3 * (time.perf_counter() - begun)
            details = {"calibrated": self.detector.calibrated}
            if evidence is not None:
                details |= {"n_calls": evidence.n_calls, **evidence.details}
            return Answer(
                text="", value=score, duration_ms=ms, details=details, usage={} if evidence is None else evidence.usage
            )
        except BadAudio as error:
            return Failure(reason="bad_audio", detail=str(error))
        except ModelFailed as error:
            return Failure.of(error)

    def _score(self, stimulus: Stimulus) -> tuple[float, Any]:
        """Of a verifier, its last clip against those before it; of any other, the whole, and what it was told where it asks."""
        if self.gives == "comparison":
            *enrolled, attempt = stimulus.clips.values()
            return float(self.detector.verify(enrolled, attempt)), None
        clip = stimulus.joined() if len(stimulus.clips) > 1 else stimulus.clip
        evidence = self.detector.evidence(clip) if hasattr(self.detector, "evidence") else None
        return float(self.detector.score(clip) if evidence is None else evidence.score), evidence


def _fingerprint(detector: Any, artefacts: tuple[str, ...]) -> str:
    """Changes with the detector's own file, the version of earnest and what it was fitted to."""
    path = getattr(sys.modules.get(type(detector).__module__), "__file__", None)
    source = Path(path).read_bytes() if path and Path(path).is_file() else b""
    return hashlib.sha256(
        b"\n".join([earnest.__version__.encode(), *map(str.encode, artefacts), *_identity(detector), source])
    ).hexdigest()[:32]


def _identity(detector: Any) -> list[bytes]:
    identity = getattr(detector, "identity", "")
    return [identity.encode()] if identity else []


@models.register("detector")
def detector(rest: str, **options: Any) -> Model:
    """The detector that a specification names, as a model.

    Raises
    ------
    BadParameter
        If options are given, or it has to be fitted first.
    UnknownName, BadData
        If there is no such detector, or its artefact cannot be used.
    """
    if options:
        raise BadParameter(
            f"a detector takes its parameters in its specification, got the options {', '.join(options)}; write detector/{rest}:k=v"
        )
    spec, artefact = pinned(parse_spec(rest), load)
    made = registry("detectors").make(spec)
    made.check()  # what is lacking is told before the run, and not by its first item
    return DetectorModel(made, name=f"detector/{spec}", artefacts=(artefact.sha,) if artefact else ())
