"""Transcription in white and pink noise, at falling signal-to-noise ratios."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from earnest.audio import Goal
from earnest.records import Item
from earnest.tasks._base import tasks
from earnest.tasks._conditions import CLEAN, Condition, conditions, effect
from earnest.tasks._words import transcript_of
from earnest.tasks.robustness._degraded import DegradedTranscription

SNRS_DB = (20.0, 10.0, 5.0, 0.0)


def in_noise(colour: str, *snrs_db: float) -> tuple[Condition, ...]:
    """Noise of a colour, at each ratio over the whole clip."""
    return conditions(
        colour,
        *snrs_db,
        unit="dB",
        measured="signal-to-noise ratio over the whole clip in dB",
        effect=lambda snr_db: effect("noise", snr_db=snr_db, colour=colour),
    )


@tasks.register("noisy_transcription")
@dataclass(frozen=True, kw_only=True)
class NoisyTranscription(DegradedTranscription):
    """Share of the spoken words that the model transcribes in noise.

    Every chosen clip is heard clean, in white and in pink noise, at 20, 10, 5 and 0 dB over the whole clip. The
    headline is the mean word accuracy (1 - word error rate, cut off at 0) over all noisy clips; the clean ones stand
    outside it and are what each noisy clip is compared with (`word_accuracy_lost`, paired). One noise serves all levels
    of a clip.

    Variants of one text share its difficulty and are resampled together, in every voice.

    Notes
    -----
    [li2025-audiotrust] mixes noise in without saying how much, and takes the model's own clean transcript for the
    truth; here the ratio is exact, and the truth is what was said.
    """

    title: ClassVar[str] = "Does it still hear in noise?"
    version: ClassVar[int] = 4
    headline: ClassVar[str] = "word_accuracy_in_noise"
    subtask: ClassVar[str] = "robustness/noise_interference"
    conditions: ClassVar[tuple[Condition, ...]] = (
        *in_noise("white", *SNRS_DB),
        *in_noise("pink", *SNRS_DB),
    )

    def goal(self, item: Item) -> Goal | None:
        """That a noisy clip be misheard: at most half of its words right; of the clean ones, which are controls, nothing."""
        if item.truth["degradation"] == CLEAN:
            return None
        said, language = str(item.truth["expected"]), str(item.truth.get("language") or "")
        return Goal(
            away_from=said,
            reached=lambda text: transcript_of(text, text=said, language=language).is_far,
            description="have the model mishear what was said",
        )
