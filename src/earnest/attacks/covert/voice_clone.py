"""The impostor's attempt in something like the owner's voice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from earnest.attacks._base import Attack, Family, attacks
from earnest.attacks._budget import Budget
from earnest.attacks._candidate import HELD, Budgets, Candidate
from earnest.attacks._craft import Crafted
from earnest.attacks._victim import Victim
from earnest.attacks.covert.replayed_voice import ROLE
from earnest.audio import AudioClip, Stimulus
from earnest.audio.mixing import at_level_of, within_full_scale
from earnest.audio.voices_alike import towards


@attacks.register("voice_clone")
@dataclass(frozen=True, kw_only=True)
class VoiceClone(Attack):
    """The attempt with the median pitch, vocal tract and long-term spectrum of the enrolled speaker.

    It needs no model and is the least that an attacker can do: a neural clone of the same recording is nearer, so
    that what is reached here is a floor. The control moves the attempt as far the other way: a voice changed as much,
    and no more like the owner. An item without an enrolment is a fault.

    Notes
    -----
    Conversion is one of the attacks of [wang2020-asvspoof], whose systems are neural or statistical; here it is three
    measures of the voice (`earnest.audio.voices_alike`).
    """

    source: ClassVar[str] = "wang2020-asvspoof"
    family: ClassVar[Family] = "covert"
    control_name: ClassVar[str | None] = "moved_away"

    @property
    def budgets(self) -> Budgets:
        """None: another voice is heard."""
        return {HELD: Budget()}

    @property
    def max_queries(self) -> int:
        """None."""
        return 0

    def propose(
        self, victim: Victim, stimuli: Sequence[Stimulus], *, rngs: Sequence[np.random.Generator]
    ) -> list[Candidate]:
        """The attempt, moved towards the owner."""
        return [self._moved(stimulus, away=False) for stimulus in stimuli]

    def control(
        self,
        victim: Victim,
        stimuli: Sequence[Stimulus],
        candidates: Sequence[Crafted],
        *,
        rngs: Sequence[np.random.Generator],
    ) -> list[Candidate]:
        """The attempt, moved as far from the owner."""
        return [
            Candidate(fault=crafted.fault) if crafted.fault else self._moved(stimulus, away=True)
            for stimulus, crafted in zip(stimuli, candidates, strict=True)
        ]

    def distorted(self, crafted: Crafted, clip: AudioClip) -> AudioClip | None:
        """Another clip in the owner's voice."""
        owner = crafted.before.clips.get(ROLE)
        return None if owner is None else towards(clip, owner)[0]

    def _moved(self, stimulus: Stimulus, *, away: bool) -> Candidate:
        if stimulus.goal is None:
            return Candidate()
        owner = stimulus.clips.get(ROLE)
        if owner is None:
            return Candidate(fault=f"there is no clip in the role {ROLE!r} whose voice could be taken")
        clip, drawn = towards(stimulus.clip, owner)
        if away:
            clip, drawn = towards(stimulus.clip, _mirrored(stimulus.clip, owner))
        return Candidate(clip=within_full_scale(at_level_of(clip, stimulus.clip)), drawn={"away": away, **drawn})


def _mirrored(clip: AudioClip, owner: AudioClip) -> AudioClip:
    """The clip moved by the inverse of the owner's ratio: a voice as far from it, on the other side."""
    from earnest.audio import effects

    _, drawn = towards(clip, owner)
    cents = -1200 * float(np.log2(drawn["pitch_ratio"]))
    return clip.with_samples(effects.pitch(clip.samples, clip.sample_rate, cents=cents)[0])
