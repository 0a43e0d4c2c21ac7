"""Two transcripts of one clip: where they differ too much, the answer is withheld."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

from earnest.audio import Stimulus
from earnest.defences._base import Defence, Gradient, defences
from earnest.defences._transcripts import heard as heard_by
from earnest.defences._transcripts import transcript_of, withheld
from earnest.errors import BadParameter
from earnest.metrics.transcription import character_error_rate
from earnest.models.access import Answer, rng_for
from earnest.models.guards import SUBJECT, Guards
from earnest.registry import parse_spec, registry


@defences.register("disagreement")
@dataclass(frozen=True, kw_only=True)
class Disagreement(Defence):
    """The model's transcript against that of another recogniser, or against its own of a transformed copy of the clip.

    An adversarial change is made for one network and one waveform: another ear, or the same one after a codec, hears
    something else. The distance is the character error rate between the two, normalised texts; above the threshold the
    answer is withheld. Two empty transcripts agree; one empty one differs wholly. `details` gain `disagreement`, the
    distance.

    An attack that has to fool both, or whose change survives the transformation, gets by; how many such clips there are
    depends on the attack, and natural noise makes false alarms: both belong into one run with the harmless twins.

    Parameters
    ----------
    ear : str
        Specification of another model or recogniser: `cascade/faster-whisper/tiny.en`. It is sent the clip.
    transform : str
        A defence that changes clips, whose copy the model itself hears again: `codec:format=mu_law` or `smoothing`, its
        parameters in quotes. Exactly one of the two is given; by default the codec.
    threshold : float
        Largest character error rate that passes.

    Notes
    -----
    [hussain2021-waveguard] compares transcripts before and after a transformation by their character error rate, and
    takes a threshold for each transformation from data. 0.5 here is ours, and no operating point that anybody measured:
    set it where false alarms on your own clean clips allow.
    """

    source: ClassVar[str] = "hussain2021-waveguard"
    gradient: ClassVar[Gradient] = "none"
    sends_clips: ClassVar[bool] = True

    ear: str = ""
    transform: str = ""
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if self.ear and self.transform:
            raise BadParameter(
                f"{self.name} compares with another ear or with a transformed copy, got both; leave one out"
            )
        if isinstance(self.threshold, bool) or not self.threshold >= 0:
            raise BadParameter(f"threshold of {self.name} must be at least 0, got {self.threshold!r}")
        if not self.ear:
            made = registry("defences").make(parse_spec(self._transform))
            if made.gradient == "none":
                raise BadParameter(
                    f"transform of {self.name} must be a defence that changes clips, got {self._transform!r}"
                )

    @property
    def _transform(self) -> str:
        return self.transform or "codec:format=mu_law"

    @cached_property
    def _changes(self) -> Any:
        return registry("defences").make(parse_spec(self._transform))

    @property
    def asks(self) -> tuple[str, ...]:
        """The other ear, or the model itself."""
        return (self.ear or SUBJECT,)

    def review(
        self, answer: Answer, *, stimulus: Stimulus | None = None, note: Any = None, guards: Guards | None = None
    ) -> Answer:
        """The answer, or a refusal.

        Raises
        ------
        ModelFailed
            If there is no second transcript.
        """
        if stimulus is None or guards is None or not stimulus.clips:
            return answer
        one = transcript_of(answer, stimulus=stimulus, guards=guards, by=self.name)
        other = heard_by(
            self.ear or SUBJECT, stimulus if self.ear else self._changed(stimulus), guards=guards, by=self.name
        )
        distance = distance_of(one, other)
        if distance > self.threshold:
            return withheld(answer, disagreement=round(distance, 4))
        return replace(answer, details={**answer.details, "disagreement": round(distance, 4)})

    def _changed(self, stimulus: Stimulus) -> Stimulus:
        """The stimulus with every clip transformed; what is drawn depends on the clip alone."""
        for role, clip in stimulus.clips.items():
            rng = rng_for(0, self.name, self._transform, clip.digest)
            stimulus = stimulus.with_clip(self._changes.apply(clip, rng=rng), role=role)
        return stimulus


def distance_of(one: str, other: str) -> float:
    """Character error rate of `other` against `one`, case and marks aside, from 0; 1 where one of them alone is empty.

    >>> distance_of("open the door", "open the door"), distance_of("", "open"), distance_of("open", "open it")
    (0.0, 1.0, 0.75)
    """
    one, other = (" ".join(re.findall(r"\w+", text.casefold())) for text in (one, other))
    if not one or not other:
        return float(bool(one) != bool(other))
    return character_error_rate(reference=one, hypothesis=other)
