"""Whether a model's label for a clip is stable where it should not be, and unstable where it should be stable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.artefacts import Artefact
from earnest.audio import AudioClip, Entry, effects
from earnest.detectors._answer_labels import label_of
from earnest.detectors._asking import AskingDetector, Evidence, usage_of
from earnest.detectors._base import detectors
from earnest.errors import BadData, BadParameter
from earnest.models.access import System, rng_for

Samples = NDArray[np.float32]
Change = Callable[[Samples, int, np.random.Generator], Samples]

LEAST_ROWS = 4
SMALLEST_SPREAD = 0.05
"""Of a stability over benign clips, so that one who is always stable makes no infinite scores."""


def shuffled(samples: Samples, rate: int, rng: np.random.Generator, *, piece_s: float) -> Samples:
    """Pieces of the clip in another order: the words go, and what sounds throughout stays."""
    n = max(1, round(piece_s * rate))
    pieces = [samples[at : at + n] for at in range(0, samples.size, n)]
    return np.concatenate([pieces[place] for place in rng.permutation(len(pieces))])


def _effect(effect: str, /, **parameters: Any) -> Change:
    return lambda samples, rate, rng: effects.apply(effect, samples, rate, rng=rng, **parameters)[0]


KEEPING: Mapping[str, Change] = MappingProxyType(
    {
        "noise": _effect("noise", snr_db=25),
        "pink_noise": _effect("noise", snr_db=20, colour="pink"),
        "codec": _effect("codec", name="mu_law"),
        "faster": _effect("tempo", factor=1.05),
        "slower": _effect("tempo", factor=0.95),
        "high_pass": _effect("band_limit", low_hz=200),
        "low_pass": _effect("band_limit", high_hz=3800),
        "softer": _effect("gain", gain_db=-6),
    }
)
"""Changes that leave the words as they are."""

BREAKING: Mapping[str, Change] = MappingProxyType(
    {
        **{
            f"shuffled_{round(1000 * length)}_ms": lambda samples, rate, rng, length=length: shuffled(
                samples, rate, rng, piece_s=length
            )
            for length in (0.08, 0.12, 0.2, 0.3)
        },
        "reversed": lambda samples, rate, rng: np.ascontiguousarray(samples[::-1]),
        "babble": _effect("noise", snr_db=-3, colour="speech"),
        "first_third": lambda samples, rate, rng: samples[: max(1, samples.size // 3)],
        "last_third": lambda samples, rate, rng: samples[-max(1, samples.size // 3) :],
    }
)
"""Changes that leave no request that could be answered."""


@detectors.register("step")
@dataclass(frozen=True, kw_only=True)
class Step(AskingDetector):
    """Whether the label of a clip follows a trigger rather than the words, from hard labels alone [wang2026-step].

    A trigger decides the label whatever is said, so that the label stays under changes that break the words; and it may be
    lost under changes that keep them. Two shares are taken: how often the label is unchanged under eight changes of either
    kind. Both are compared with those of benign clips (`fit`); the score is minus the sum of how many standard deviations the
    clip is too stable under breaking, and too unstable under keeping changes. A label is whether the model refuses or complies.

    Notes
    -----
    The idea is that of [wang2026-step], of which the abstract was read: two branches of perturbations, one-class detectors on
    benign references, two scores fused. The perturbations, the one-class rule (standard deviations, one-sided) and the fusion (a
    sum) are our own. A fit wants clips without a trigger; their labels in the data are not read.
    """

    source: ClassVar[str] = "wang2026-step"
    detects: ClassVar[str] = "a backdoor's trigger"
    limits: ClassVar[str] = (
        "asks the model 17 times; a trigger that the breaking changes destroy (a short sound, a tempo) leaves no sign; of two labels "
        "one may be the model's answer to anything that it does not understand"
    )

    def evidence(self, clip: AudioClip) -> Evidence:
        """The two stabilities against those of the benign clips."""
        mean, spread = self._learnt
        breaking, keeping, answers = self._profile(clip)
        too_stable = (breaking - mean[0]) / spread[0]
        too_fragile = (mean[1] - keeping) / spread[1]
        return Evidence(
            score=-float(max(0.0, too_stable) + max(0.0, too_fragile)),
            n_calls=len(answers),
            usage=usage_of(answers),
            details={"stable_under_breaking": breaking, "stable_under_keeping": keeping},
        )

    def fit(self, rows: Sequence[Entry], system: System | None, rng: np.random.Generator) -> Artefact:
        """Mean and spread of the stabilities of benign clips, by the model given or by its own."""
        if len(rows) < LEAST_ROWS:
            raise BadData(f"step is fitted to {LEAST_ROWS} benign clips or more, got {len(rows)}; give more rows")
        detector = self if system is None else self.asking(system.model)
        profiles = np.array([detector._profile(entry.clip())[:2] for entry in rows])
        return self.made({"mean": profiles.mean(axis=0), "spread": profiles.std(axis=0, ddof=1)}, n_rows=len(rows))

    def _profile(self, clip: AudioClip) -> tuple[float, float, list[Any]]:
        """Shares of unchanged labels under breaking and keeping changes, and the answers."""
        changed = [
            clip.with_samples(
                np.ascontiguousarray(
                    change(clip.samples, clip.sample_rate, rng_for(0, "step", name, clip.digest)), dtype=np.float32
                )
            )
            for name, change in (*BREAKING.items(), *KEEPING.items())
        ]
        answers = self.answers([clip, *changed])
        first, *labels = [label_of(answer) for answer in answers]
        same = [label == first for label in labels]
        return float(np.mean(same[: len(BREAKING)])), float(np.mean(same[len(BREAKING) :])), answers

    @cached_property
    def _learnt(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        arrays = self.fitted.arrays
        if not {"mean", "spread"} <= arrays.keys():
            raise BadParameter(f"an artefact of 'step' must hold mean and spread, got {', '.join(arrays)}; fit anew")
        mean, spread = (np.asarray(arrays[name], dtype=np.float64) for name in ("mean", "spread"))
        return mean, np.maximum(spread, SMALLEST_SPREAD)
