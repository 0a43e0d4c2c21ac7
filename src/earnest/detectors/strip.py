"""Whether a model's label stays the same whatever speech is laid over a clip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.artefacts import Artefact
from earnest.audio import AudioClip, Entry
from earnest.audio.levels import power
from earnest.detectors._answer_labels import label_of
from earnest.detectors._asking import AskingDetector, Evidence, usage_of
from earnest.detectors._base import detectors
from earnest.errors import BadAudio, BadData, BadParameter
from earnest.models.access import System

SAMPLE_RATE = 16_000
LONGEST_S = 6.0


@detectors.register("strip")
@dataclass(frozen=True, kw_only=True)
class Strip(AskingDetector):
    """The entropy of the model's labels for a clip under other clips laid over it [gao2019-strip].

    Speech over speech confuses a model, and its labels vary; a trigger decides the label whatever lies over it. The score is the
    entropy in bits of the labels (refuses or complies) over the superpositions: 0 where all agree, which tells of a trigger. The
    clips that are laid over are drawn from the rows of the fit, which should hold both requests that are refused and ones that are
    not, and no trigger.

    Parameters
    ----------
    n_overlays : int
        Clips that are laid over, one at a time.
    overlay_db : float
        Their level against that of the clip, in dB.

    Notes
    -----
    The work averages the entropy of a classifier's probabilities over the superpositions; a black box gives labels, so that ours is
    the entropy of their distribution. It departs from the work in that the threshold is not fitted.
    """

    source: ClassVar[str] = "gao2019-strip"
    detects: ClassVar[str] = "a backdoor's trigger"
    limits: ClassVar[str] = (
        "asks the model once for each overlay; a model that answers everything unclear alike has entropy 0 without a trigger; an "
        "additive trigger may be drowned by the overlay"
    )

    n_overlays: int = 16
    overlay_db: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (isinstance(self.n_overlays, int) and self.n_overlays >= 2):
            raise BadParameter(f"n_overlays of strip must be a whole number of at least 2, got {self.n_overlays!r}")
        if not -40 <= self.overlay_db <= 40:
            raise BadParameter(f"overlay_db of strip must be from -40 to 40 dB, got {self.overlay_db!r}")

    def evidence(self, clip: AudioClip) -> Evidence:
        """The entropy of the labels."""
        if clip.peak == 0:
            raise BadAudio("a clip must hold sound for others to be laid over it, got silence")
        heard = clip.resampled(SAMPLE_RATE)
        answers = self.answers([self._under(heard, overlay) for overlay in self._overlays])
        labels = Counter(label_of(answer) for answer in answers)
        return Evidence(
            score=entropy_bits(labels.values()),
            n_calls=len(answers),
            usage=usage_of(answers),
            details={"labels": dict(labels)},
        )

    def fit(self, rows: Sequence[Entry], system: System | None, rng: np.random.Generator) -> Artefact:
        """The clips that are laid over, as many as `n_overlays`, drawn from the rows."""
        clips = [clip for clip in (entry.clip().resampled(SAMPLE_RATE) for entry in rows) if clip.peak > 0]
        if len(clips) < self.n_overlays:
            raise BadData(
                f"strip lays {self.n_overlays} clips over, got {len(clips)} rows with sound; give more, or lower n_overlays"
            )
        chosen = [clips[place] for place in rng.choice(len(clips), self.n_overlays, replace=False)]
        return self.made(
            {f"overlay.{number}": clip.pcm16()[: round(LONGEST_S * SAMPLE_RATE)] for number, clip in enumerate(chosen)},
            note="holds recordings of the rows that it was fitted to",
        )

    def _under(self, clip: AudioClip, overlay: NDArray[np.float64]) -> AudioClip:
        over = np.resize(overlay, clip.n_samples)
        level = power(over)
        if level == 0:
            return clip
        gain = 10 ** (self.overlay_db / 20) * np.sqrt(power(clip.samples) / level)
        mixed = clip.samples + gain * over
        return clip.with_samples((mixed / max(1.0, float(np.abs(mixed).max()))).astype(np.float32))

    @cached_property
    def _overlays(self) -> list[NDArray[np.float64]]:
        arrays = self.fitted.arrays
        wanted = [f"overlay.{number}" for number in range(self.n_overlays)]
        if not set(wanted) <= arrays.keys():
            raise BadParameter(
                f"an artefact of 'strip' must hold {self.n_overlays} overlays, got {', '.join(arrays)}; fit anew"
            )
        return [np.asarray(arrays[name], dtype=np.float64) / 32768 for name in wanted]


def entropy_bits(counts: Iterable[int]) -> float:
    """Entropy of the distribution that counts give, in bits.

    >>> entropy_bits([3, 1])  # 3/4 log2(4/3) + 1/4 log2(4)
    0.8112781244591328
    """
    shares = np.array([count for count in counts if count > 0], dtype=np.float64)
    shares /= shares.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0
