"""How an attacked clip sounds, and what another ear makes of it: measures beyond those that every trial has.

Each needs something that is installed: STOI and PESQ the extra `quality`, DNSMOS its own, word error a recogniser that is
given and is not the model that was attacked. What is asked for and is not there is an error, never left out in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from earnest import registry
from earnest.audio import AudioClip, Stimulus
from earnest.errors import BadParameter, ModelFailed
from earnest.metrics.transcription import word_error_rate
from earnest.models.access import Answer, Model

Measured = Literal["stoi", "pesq", "dnsmos"]
PESQ_RATE = 16_000
"""Wide-band PESQ is defined at this rate alone."""


def quality(
    *,
    clean: AudioClip,
    perturbed: AudioClip,
    measures: Sequence[Measured] = (),
    recogniser: Model | None = None,
    text: str | None = None,
) -> dict[str, float]:
    """What the measures say of a changed clip, by name.

    Parameters
    ----------
    clean, perturbed : AudioClip
        STOI and PESQ compare them, at one length.
    measures : sequence of {"stoi", "pesq", "dnsmos"}
        `stoi`, intelligibility from 0 to 1; `pesq`, wide band, a mean opinion from 1 to 4.6; `dnsmos`, the predicted overall
        opinion from 1 to 5 of the perturbed clip alone, and `dnsmos_clean` of the other.
    recogniser : Model or None
        Another ear than the attacked model's; gives `word_error_rate` of the perturbed clip and `word_error_rate_clean`.
    text : str or None
        What is said; None takes what the recogniser hears in the clean clip, whose own rate is then 0.

    Returns
    -------
    dict of str to float
        More is better, but of word error rates.

    Raises
    ------
    BadParameter
        If there is no such measure, or the lengths differ where they must not.
    MissingExtra
        If what a measure needs is not installed.
    ModelFailed
        If the recogniser gives no answer, or hears nothing to compare with.
    """
    unknown = sorted(set(measures) - set(get_args(Measured)))
    if unknown:
        raise BadParameter(
            f"measures must be among {', '.join(get_args(Measured))}, got {', '.join(unknown)}; leave them out"
        )
    found: dict[str, float] = {}
    if {"stoi", "pesq"} & set(measures) and clean.n_samples != perturbed.n_samples:
        raise BadParameter(
            f"stoi and pesq compare clips of one length, got {clean.n_samples} and {perturbed.n_samples} samples; leave them out"
        )
    if "stoi" in measures:
        stoi = registry.extra("pystoi", needed_by="the measure 'stoi'")
        found["stoi"] = float(stoi.stoi(clean.samples, perturbed.samples, clean.sample_rate, extended=False))
    if "pesq" in measures:
        pesq = registry.extra("pesq", needed_by="the measure 'pesq'")
        reference, degraded = (clip.resampled(PESQ_RATE).samples for clip in (clean, perturbed))
        found["pesq"] = float(pesq.pesq(PESQ_RATE, reference, degraded, "wb"))
    if "dnsmos" in measures:
        from earnest.models.dnsmos import Dnsmos

        networks = Dnsmos()
        found |= {"dnsmos": networks.opinion(perturbed).overall, "dnsmos_clean": networks.opinion(clean).overall}
    return found if recogniser is None else found | _word_errors(recogniser, clean, perturbed, text)


def _word_errors(recogniser: Model, clean: AudioClip, perturbed: AudioClip, text: str | None) -> dict[str, float]:
    replies = recogniser.ask(
        [Stimulus(clips={"speech": clip}, prompt="Transcribe the speech.") for clip in (clean, perturbed)]
    )
    for reply in replies:
        if not isinstance(reply, Answer):
            raise ModelFailed(
                f"the recogniser {recogniser.name!r} gave no answer; measure without it, or mend it",
                reason="model_error",
            )
    before, after = (reply.said for reply in replies if isinstance(reply, Answer))
    reference = before if text is None else text
    if not reference.strip():
        raise ModelFailed(
            f"{recogniser.name!r} hears no word in the clean clip, so that there is nothing to compare with; give its text",
            reason="empty_answer",
        )
    return {
        "word_error_rate": word_error_rate(reference=reference, hypothesis=after),
        "word_error_rate_clean": word_error_rate(reference=reference, hypothesis=before),
    }
