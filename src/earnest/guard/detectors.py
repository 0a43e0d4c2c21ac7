"""The included detectors: tier, budget, what they need, and how one is made for a stream.

=====  =====================  ====================================  =======================
tier   runs                   detectors                             budget
=====  =====================  ====================================  =======================
T0     every 20 ms            level ... loop                        0.1 ms of processor
T1     every 32 ms, batched   speech                                0.1 ms of processor
T2     windows, by suspicion  those of `earnest.detectors`          40 ms, or the policy's
T3     end of a turn          words                                 5 ms; 150 ms with a model
T4     on every event         attempts, cost, tools, responses      0.1 ms
=====  =====================  ====================================  =======================
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

Tier = Literal["T0", "T1", "T2", "T3", "T4"]
BUDGET_MS: Mapping[str, float] = {"T0": 0.1, "T1": 0.1, "T2": 40.0, "T3": 150.0, "T4": 0.1}
"""What a score may take on the processor, by tier, where the policy gives no other budget."""
STALL_MS = 20.0
"""A score of T0, T1 or T4 is dropped above this: a single reading of a busy machine's clock says little about 0.1 ms."""
EVERY_S: Mapping[str, float] = {"T0": 0.02, "T1": 0.032}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What is known of an included detector.

    Parameters
    ----------
    tier : str
    score : str
        What it gives, and in which unit.
    limits : str
        What it cannot do.
    options : tuple of str
        Keys under `detectors` of a policy that it takes beside `use` and `budget_ms`.
    needs : tuple of str
        Those of them without which it cannot be made.
    window_s : float
        Length of what one score is made on.
    """

    tier: Tier
    score: str
    limits: str
    options: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    window_s: float = 0.0


_WINDOW = ("window_s", "hop_s", "rising_hop_s", "speech_share")
KINDS: Mapping[str, Kind] = {
    "level": Kind(
        tier="T0", score="RMS level in dBFS, at least -120", limits="no weighting by loudness", window_s=0.02
    ),
    "clipping": Kind(
        tier="T0",
        score="share of samples at 0.999 or more of full scale",
        limits="clipping before a gain below full scale is missed",
        window_s=0.02,
    ),
    "near_ultrasonic": Kind(
        tier="T0",
        score="share of the energy from 16 kHz up",
        limits="not scored at 32 kHz sample rate or less; what a microphone has demodulated already is missed",
        window_s=0.02,
    ),
    "out_of_band": Kind(
        tier="T0",
        score="share of the energy below 75 Hz or above 8 kHz; 0 below -50 dBFS",
        limits="hum, rumble and sibilants count too, so it needs a time of half a second or more",
        window_s=0.02,
    ),
    "silence": Kind(
        tier="T0",
        score="seconds since the last block above -50 dBFS",
        limits="noise above -50 dBFS is no silence",
        window_s=0.02,
    ),
    "dtmf": Kind(
        tier="T0",
        score="1 for a pure, even pair of keypad tones; 0 below -50 dBFS",
        limits="tones under loud speech are missed",
        window_s=0.02,
    ),
    "loop": Kind(
        tier="T0",
        score="likeness to what was heard 1 to 60 s earlier, 0 for chance level and 1 for equal, over some 1.5 s",
        limits="knows this stream alone and no earlier call; held tones and music loop too; a changed tempo is missed",
        window_s=1.5,
    ),
    "overlap": Kind(
        tier="T0",
        score="the lower of both sides' levels in dBFS",
        limits="needs the other side of the call; echo of the agent in the caller's line counts as speech",
        window_s=0.02,
    ),
    "speech": Kind(
        tier="T1",
        score="probability of speech, by Silero's network",
        limits="singing and television speak too",
        window_s=0.032,
    ),
    "speaker_change": Kind(
        tier="T2",
        score="likeness of the voice to that of the first three windows: the score of the detector `speaker`",
        limits="knows the microphone as well as the voice; a copied voice passes",
        options=("speaker", *_WINDOW),
        needs=("speaker",),
        window_s=3.0,
    ),
    "spoken_pii": Kind(
        tier="T3",
        score="stretches that are personal: numbers, cards, e-mail and postal addresses, dates, names, as spoken or written",
        limits="rules over English words; any number of four digits counts; as good as the transcript",
    ),
    "prompt_injection": Kind(
        tier="T3",
        score="kinds of cues that the words instruct the assistant in place of its user, 0 to 6",
        limits="rules over English words; as good as the transcript",
    ),
    "policy_words": Kind(
        tier="T3",
        score="how many of the listed words or phrases are said",
        limits="exact words; as good as the transcript",
        options=("words",),
        needs=("words",),
    ),
    "transcript_disagreement": Kind(
        tier="T3",
        score="word errors of the provider's transcript against the guard's own, per word of its own",
        limits="needs `ear` and a provider that transcribes; a rough ear disagrees often",
    ),
    "attempts": Kind(
        tier="T4", score="decisions to flag or stronger so far, by other rules", limits="counts one session"
    ),
    "cost": Kind(
        tier="T4", score="what the session has cost so far, as its host reports it", limits="as good as the report"
    ),
    "response_time": Kind(
        tier="T4",
        score="median of the last seven pauses in s between the agent's end and the caller's start",
        limits="not scored before three pauses; needs the other side, or a host that reports them",
    ),
    "response_spread": Kind(
        tier="T4",
        score="standard deviation of the last seven pauses, as a share of their mean",
        limits="not scored before three pauses; needs the other side, or a host that reports them",
    ),
    "tool_asked": Kind(
        tier="T4",
        score="1 where a listed tool is called",
        limits="needs a host that reports calls of tools",
        options=("tools",),
        needs=("tools",),
    ),
}
OFFLINE = "detector/"
"""Before the specification of one of `earnest.detectors`, under `use`."""
OFFLINE_KIND = Kind(
    tier="T2",
    score="the score of the detector, higher for bona fide",
    limits="see its own card",
    options=_WINDOW,
    window_s=4.0,
)


def kind_of(use: str) -> Kind | None:
    """What is known of the detector under `use`; None where there is none."""
    return OFFLINE_KIND if use.startswith(OFFLINE) else KINDS.get(use)


def card(use: str) -> dict[str, Any]:
    """Everything known of a detector before it is relied on; what nobody tested is named as such.

    The measured part is written by `benchmarks/guard_detection.py`.
    """
    kind = kind_of(use)
    assert kind is not None
    found = dict(json.loads((files("earnest.guard") / "measured.json").read_text(encoding="utf-8")).get(use, {}))
    tested = found.pop("tested", ())
    return {
        "detector": use,
        "tier": kind.tier,
        "score": kind.score,
        "window_s": kind.window_s or None,
        "budget_ms": BUDGET_MS[kind.tier],
        "limits": kind.limits,
        "conditions": found.pop("conditions", {}),
        "false_alarms_per_call": found.pop("false_alarms_per_call", "not tested"),
        "seconds_to_decision": found.pop("seconds_to_decision", "not tested"),
        "not_tested": [
            name
            for name in ("telephone", "noise", "packet loss", "languages other than English", "real attackers")
            if name not in tested
        ],
        **found,
    }
