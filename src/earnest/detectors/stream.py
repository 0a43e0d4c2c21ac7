"""A stream over a whole clip, so that it is measured like any detector."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from earnest.audio import AudioClip
from earnest.detectors._base import Detector, detectors
from earnest.errors import BadParameter
from earnest.registry import parse_spec, registry


@detectors.register("stream")
@dataclass(frozen=True, kw_only=True)
class StreamDetector(Detector):
    """What a stream gives for a whole clip: the summary of its windows.

    Parameters
    ----------
    of : str
        Specification of the stream.
    seed : int
        Of what the stream draws, together with the clip.
    """

    source: ClassVar[str] = "page1954-inspection"
    limits: ClassVar[str] = "one number for a whole clip; how soon a stream decides is not measured by it"

    of: str = "changes"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.artefact:
            raise BadParameter(
                "detector 'stream' has nothing fitted of its own; give the artefact to the stream: of=NAME:artefact=..."
            )
        self._stream  # noqa: B018  (what cannot be made is told at once)

    @cached_property
    def _stream(self) -> Any:
        return registry("streams").make(parse_spec(self.of))

    def score(self, clip: AudioClip) -> float:
        """The stream's summary of the clip's windows."""
        return float(self._stream.summary(self._stream.heard(clip, seed=self.seed, name=clip.digest)))
