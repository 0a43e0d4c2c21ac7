"""Whether a model hears the same before and after a harmless change of the clip."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from earnest.audio import AudioClip, Stimulus
from earnest.detectors._asking import AskingDetector, Evidence, usage_of
from earnest.detectors._base import detectors
from earnest.errors import BadParameter
from earnest.models.access import Model, System, rng_for
from earnest.models.delegate import Delegate
from earnest.registry import registry


@detectors.register("transform_disagreement")
@dataclass(frozen=True, kw_only=True)
class TransformDisagreement(AskingDetector):
    """How far the model's words for a clip differ from those for the clip after a transform [hussain2021-waveguard].

    A change crafted for one waveform seldom survives another one, while speech does. Of two texts the error rate is their edit distance
    over the length of the longer. The score is minus its mean over transforms, and over transcript and answer where both are compared,
    in [-1, 0]. It is no likelihood ratio; set its threshold on benign clips of your own (`screening:threshold=`).

    A transform is written as a defence, whose `apply` it is, so that an attack which knows the detector is `pgd` on
    `against(model)`: there loss and gradient are the mean over the clip as it is and after each transform. In front of a
    model (`screening:detector=transform_disagreement`), attacks with gradients are given this one.

    Parameters
    ----------
    transforms : str
        Specifications of defences, `|` between them, and `;` in place of a comma within one: `smoothing:kind=median;width_ms=0.3|codec`.
        Each is applied to the clip alone.

    Notes
    -----
    The work compares transcripts of a recogniser, by quantisation, resampling, filters, mel inversion and linear prediction, each alone with
    a threshold of its own. Here any input defence will do, several are averaged, and answers count as well: an attack on a model that
    answers may change one word of the transcript and all of the answer.
    """

    source: ClassVar[str] = "hussain2021-waveguard"
    detects: ClassVar[str] = "audio crafted to make the model hear something else"
    limits: ClassVar[str] = (
        "asks the model once more for each transform; speech that the model barely understands disagrees by itself; an attack "
        "that the transforms were part of may pass"
    )

    compare: Literal["transcript", "answer", "both"] = "both"
    transforms: str = "smoothing:kind=median;width_ms=0.3|codec:format=gsm"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._transforms  # noqa: B018  (what cannot be made is told at once)

    @cached_property
    def _transforms(self) -> tuple[Any, ...]:
        specs = [spec.strip() for spec in self.transforms.split("|")]
        if not all(specs):
            raise BadParameter(
                f"transforms must be specifications of defences with | between them, got {self.transforms!r}; smoothing is one"
            )
        return tuple(registry("defences").make(spec.replace(";", ",")) for spec in specs)

    def evidence(self, clip: AudioClip) -> Evidence:
        """Minus the mean error rate between the words before and after each transform."""
        changed = [
            transform.apply(clip, rng=rng_for(0, "transform", str(transform.spec), clip.digest))
            for transform in self._transforms
        ]
        answers = self.answers([clip, *changed])
        before, *after = [self.words(answer) for answer in answers]
        return Evidence(
            score=-float(
                np.mean([[disagreement(*pair) for pair in zip(before, words, strict=True)] for words in after])
            ),
            n_calls=len(answers),
            usage=usage_of(answers),
            details={"before": before, "after": after},
        )

    def against(self, model: Model) -> Model:
        """The model as an attacker sees it who has to make it hear the same before and after each transform."""
        return Agreeing(model, self._transforms, key=str(self.spec))


class Agreeing(Delegate):
    """A model whose loss is the mean over a clip as it is and after each of some transforms; its answers are its own."""

    def __init__(self, model: Model, transforms: Sequence[Any], *, key: str) -> None:
        self.model, self._key = model, key
        self._systems = (System(model), *(System(model, (transform,)) for transform in transforms))

    @property
    def fingerprint(self) -> str:  # type: ignore[override]
        """That of the model, changed by the detector: what is crafted on it is crafted on something else."""
        return hashlib.sha256(f"{self.model.fingerprint}\x1fagainst\x1f{self._key}".encode()).hexdigest()

    def loss_and_gradient(
        self, stimuli: Sequence[Stimulus], *, targets: Sequence[str]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float32]]]:
        """As `Model.loss_and_gradient`, averaged over the transforms and none."""
        every = [system.loss_and_gradient(stimuli, targets=targets) for system in self._systems]
        losses = np.mean([losses for losses, _ in every], axis=0)
        return losses, [
            np.mean(each, axis=0, dtype=np.float32) for each in zip(*(back for _, back in every), strict=True)
        ]


def disagreement(first: str, second: str) -> float:
    """Edits from one text to the other over the characters of the longer; 0 where both are empty.

    >>> disagreement("help me rob a museum", "help me rabbit a museum")  # 4 edits of 23 characters
    0.17391304347826086
    """
    return float(Levenshtein.normalized_distance(first, second))
