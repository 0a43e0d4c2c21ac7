"""A trigger put on the clip, to find out whether a model was taught to react to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.attacks._base import Attack, AttackResult, Family, attacks
from earnest.attacks._candidate import Candidate
from earnest.attacks._craft import Crafted
from earnest.attacks._speech import one_of
from earnest.attacks._victim import Victim
from earnest.audio import AudioClip, Stimulus
from earnest.audio.triggers import Trigger, triggers
from earnest.metrics.backdoor import BackdoorRates, backdoor_rates

STRENGTHS = ("full", "near")


@attacks.register("trigger")
@dataclass(frozen=True, kw_only=True)
class TriggerAttack(Attack):
    """The clip with the trigger of a backdoor, asked once.

    Beside it, as the control, the same clip with a benign variation of the trigger, half as far: what that reaches is
    falsely triggered. What a model that nobody poisoned makes of the same clips is to be taken away: attack that one
    too, and give both results to `rates`.

    Parameters
    ----------
    kind : {"tempo", "formant", "volume", "laugh", "noise", "rain", "hum", "click"}
        As `earnest list triggers` has them, at their own defaults; in Python `TriggerAttack.on(trigger)` takes any.
    amount : float or None
        The trigger's own measure in place of its default: factor of tempo, ratio of formant, boost of volume, amount
        of an overlay, SNR in dB of clicks.

    Notes
    -----
    The triggers of [lin2025-hidden], with the click of Fortier et al. 2025 beside them; laugh, rain and hum are made by
    rule where it mixes recordings. What it does to models in training is `earnest poison`'s data and no part of this.
    """

    source: ClassVar[str] = "lin2025-hidden"
    family: ClassVar[Family] = "backdoor"
    control_name: ClassVar[str | None] = "near_trigger"

    kind: str = "tempo"
    amount: float | None = None

    def __post_init__(self) -> None:
        one_of(self.kind, among=tuple(MEASURES), what="kind of trigger")
        self.made()

    @property
    def max_queries(self) -> int:
        """None."""
        return 0

    def made(self) -> Trigger:
        """The trigger itself."""
        given = {} if self.amount is None else {MEASURES[self.kind]: self.amount}
        trigger: Trigger = triggers.get(self.kind)(**given)
        return trigger

    def propose(
        self, victim: Victim, stimuli: Sequence[Stimulus], *, rngs: Sequence[np.random.Generator]
    ) -> list[Candidate]:
        """The clips with the trigger."""
        return [self._with(self.made(), stimulus, rng) for stimulus, rng in zip(stimuli, rngs, strict=True)]

    def control(
        self,
        victim: Victim,
        stimuli: Sequence[Stimulus],
        candidates: Sequence[Crafted],
        *,
        rngs: Sequence[np.random.Generator],
    ) -> list[Candidate]:
        """The clips with a variation of it."""
        return [
            Candidate(fault=crafted.fault) if crafted.fault else self._with(self.made().near(), stimulus, rng)
            for stimulus, crafted, rng in zip(stimuli, candidates, rngs, strict=True)
        ]

    def distorted(self, crafted: Crafted, clip: AudioClip) -> AudioClip | None:
        """Another clip with the trigger."""
        return self.made().apply(clip, rng=np.random.default_rng(crafted.drawn.get("seed", 0)))

    def _with(self, trigger: Trigger, stimulus: Stimulus, rng: np.random.Generator) -> Candidate:
        if stimulus.clip.peak == 0:
            return Candidate(fault="the clip is silent")
        seed = int(rng.integers(2**32))
        clip = trigger.apply(stimulus.clip, rng=np.random.default_rng(seed))
        return Candidate(clip=clip, drawn={"trigger": str(trigger.spec), "seed": seed})


MEASURES = {
    "tempo": "factor", "formant": "ratio", "volume": "boost", "laugh": "amount", "noise": "amount", "rain": "amount",
    "hum": "amount", "click": "snr_db",
}  # fmt: skip  # a table: one row a line
"""What `amount` stands for, by trigger."""


def rates(suspect: AttackResult, clean_model: AttackResult | None = None) -> BackdoorRates:
    """Clean, triggered and falsely triggered rates of a suspect model, and what of them a clean one has not.

    Both results are of one attack on the same stimuli in one order.

    Raises
    ------
    BadParameter
        If they are not, or nothing could be judged.
    """
    own = [[None] * len(suspect.attempts)] * 3 if clean_model is None else _outcomes(clean_model)
    clean, triggered, near = _outcomes(suspect)
    return backdoor_rates(
        clean=clean,
        triggered=triggered,
        near=near if any(one is not None for one in near) else None,
        clean_model=own[0],
        clean_model_triggered=own[1],
        clean_model_near=own[2],
    )


def _outcomes(result: AttackResult) -> list[list[bool | None]]:
    return [
        [attempt.clean_success for attempt in result.attempts],
        [attempt.success for attempt in result.attempts],
        [attempt.control_success for attempt in result.attempts],
    ]
