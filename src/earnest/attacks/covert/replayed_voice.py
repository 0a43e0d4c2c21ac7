"""The owner's own recording, played from a loudspeaker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from earnest.attacks._base import Attack, Family, attacks
from earnest.attacks._budget import Budget
from earnest.attacks._candidate import HELD, Budgets, Candidate
from earnest.attacks._craft import Crafted
from earnest.attacks._victim import Victim
from earnest.audio import AudioClip, Stimulus, effects
from earnest.audio.mixing import at_level_of, within_full_scale
from earnest.errors import BadParameter

ROLE = "enrolment"


@attacks.register("replayed_voice")
@dataclass(frozen=True, kw_only=True)
class ReplayedVoice(Attack):
    """In place of the attempt, a recording of the enrolled speaker played from a loudspeaker in a room.

    The attacker has got hold of the recording that was enrolled: the worst case. It is played over a small
    loudspeaker (150 to 6,000 Hz, a little saturated), in a room, into a microphone. The control plays the impostor's
    own attempt over the same way. An item without an enrolment (any task but those that compare two voices) is a
    fault.

    Parameters
    ----------
    rt60_s : float
        Reverberation time of the room, 0 to 2 s.

    Notes
    -----
    Replay is one of the attacks of [wang2020-asvspoof], which records it; here it is simulated.
    """

    source: ClassVar[str] = "wang2020-asvspoof"
    family: ClassVar[Family] = "covert"
    control_name: ClassVar[str | None] = "own_voice_replayed"

    rt60_s: float = 0.3

    def __post_init__(self) -> None:
        if self.rt60_s != 0 and not 0.05 <= self.rt60_s <= 2:
            raise BadParameter(
                f"rt60_s of replayed_voice must be 0 or from 0.05 to 2, got {self.rt60_s!r}; 0.3 is a furnished room"
            )

    @property
    def budgets(self) -> Budgets:
        """None: another recording is played."""
        return {HELD: Budget()}

    @property
    def max_queries(self) -> int:
        """None."""
        return 0

    def propose(
        self, victim: Victim, stimuli: Sequence[Stimulus], *, rngs: Sequence[np.random.Generator]
    ) -> list[Candidate]:
        """The enrolment, replayed."""
        return [self._played(stimulus, rng, own=False) for stimulus, rng in zip(stimuli, rngs, strict=True)]

    def control(
        self,
        victim: Victim,
        stimuli: Sequence[Stimulus],
        candidates: Sequence[Crafted],
        *,
        rngs: Sequence[np.random.Generator],
    ) -> list[Candidate]:
        """The attempt itself, replayed."""
        return [
            Candidate(fault=crafted.fault) if crafted.fault else self._played(stimulus, rng, own=True)
            for stimulus, crafted, rng in zip(stimuli, candidates, rngs, strict=True)
        ]

    def distorted(self, crafted: Crafted, clip: AudioClip) -> AudioClip | None:
        """Another clip over the same loudspeaker, in a room of its own."""
        return over_loudspeaker(clip, rt60_s=self.rt60_s, rng=np.random.default_rng(crafted.drawn.get("seed", 0)))[0]

    def _played(self, stimulus: Stimulus, rng: np.random.Generator, *, own: bool) -> Candidate:
        if stimulus.goal is None:
            return Candidate()
        if ROLE not in stimulus.clips:
            return Candidate(fault=f"there is no clip in the role {ROLE!r} to be replayed")
        seed = int(rng.integers(2**32))
        source = stimulus.clip if own else stimulus.clips[ROLE].resampled(stimulus.clip.sample_rate)
        clip, drawn = over_loudspeaker(source, rt60_s=self.rt60_s, rng=np.random.default_rng(seed))
        return Candidate(
            clip=within_full_scale(at_level_of(clip, stimulus.clip)), drawn={"seed": seed, "own": own, **drawn}
        )


def over_loudspeaker(
    clip: AudioClip, *, rt60_s: float, rng: np.random.Generator
) -> tuple[AudioClip, Mapping[str, Any]]:
    """The clip from a small loudspeaker in a room, recorded again."""
    samples, _ = effects.microphone(
        clip.samples, clip.sample_rate, low_hz=150, high_hz=6000, drive_db=-3, noise_dbfs=-70, rng=rng
    )
    samples, drawn = effects.room(samples, clip.sample_rate, rt60_s=rt60_s, rng=rng)
    return clip.with_samples(samples), {key: drawn[key] for key in ("rt60_s", "size_m") if key in drawn}
