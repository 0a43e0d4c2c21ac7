"""Whether the transcript of the first part of a clip is the first part of the whole clip's transcript."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import ClassVar, Literal

from rapidfuzz.distance import Levenshtein

from earnest.audio import AudioClip
from earnest.detectors._asking import AskingDetector, Evidence, usage_of
from earnest.detectors._base import detectors
from earnest.errors import BadAudio, BadParameter

MEASURES = ("cer", "wer", "lcp")


@detectors.register("temporal_dependency")
@dataclass(frozen=True, kw_only=True)
class TemporalDependency(AskingDetector):
    """How well the words for the first part of a clip agree with the beginning of those for the whole [yang2018-temporal].

    Speech cut short is heard as the beginning of what was said; a change crafted for the whole clip need not be. The words for
    the part are compared with as many characters (of `wer`: words) from the beginning of the words for the whole. The score is
    minus the error rate, or the common prefix's share of the words for the part (`lcp`). It is no likelihood ratio.

    Parameters
    ----------
    share : float
        Length of the first part as a share of the clip, above 0 and below 1.
    measure : {"cer", "wer", "lcp"}
        Character or word error rate against the beginning of the whole's words, or the longest common prefix.

    Notes
    -----
    The cut falls where it falls, in a word too, as in the work. It suits attacks on recognisers; of a model that answers,
    only what it says that it heard can be compared, since an answer to half a request is another answer.
    """

    source: ClassVar[str] = "yang2018-temporal"
    detects: ClassVar[str] = "audio crafted to make the model hear something else"
    limits: ClassVar[str] = (
        "asks the model twice; a change of one word late in the clip agrees with the first part; an attack on parts as well passes"
    )

    share: float = 0.67
    measure: Literal["cer", "wer", "lcp"] = "lcp"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.compare == "both":
            raise BadParameter(
                "compare of temporal_dependency must be transcript or answer, got 'both'; an answer to a part is another one"
            )
        if not 0 < self.share < 1:
            raise BadParameter(f"share of temporal_dependency must lie between 0 and 1, got {self.share!r}")
        if self.measure not in MEASURES:
            raise BadParameter(
                f"measure of temporal_dependency must be one of {', '.join(MEASURES)}, got {self.measure!r}"
            )

    def evidence(self, clip: AudioClip) -> Evidence:
        """The agreement of the two transcripts."""
        n_samples = round(self.share * clip.n_samples)
        if not 0 < n_samples < clip.n_samples:
            raise BadAudio(f"a clip must be long enough to be cut, got {clip.n_samples} samples")
        answers = self.answers([clip.with_samples(clip.samples[:n_samples]), clip])
        part, whole = (self.words(answer)[0] for answer in answers)
        return Evidence(
            score=agreement(part, whole, measure=self.measure),
            n_calls=len(answers),
            usage=usage_of(answers),
            details={"part": part, "whole": whole},
        )


def agreement(part: str, whole: str, *, measure: str) -> float:
    """How well `part` agrees with the beginning of `whole`: minus an error rate, or the share of a common prefix.

    An empty part agrees with anything by the error rates' rule of as many characters, and says nothing: it counts as no
    agreement where the whole has words, and as full agreement where it has none.

    >>> agreement("help me", "help me rob a museum", measure="cer"), agreement("help we", "help me rob", measure="cer")
    (0.0, -0.14285714285714285)
    """
    if not part:
        worst, best = (0.0, 1.0) if measure == "lcp" else (-1.0, 0.0)
        return worst if whole else best
    if measure == "lcp":
        return len(os.path.commonprefix([part, whole])) / len(part)
    first, second = (part.split(), whole.split()) if measure == "wer" else (part, whole)
    return -float(Levenshtein.distance(first, second[: len(first)])) / len(first)
