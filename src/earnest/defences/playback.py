"""What stands between an attacker's loudspeaker and the model's microphone: a room. No defence, but what attacks must survive."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip
from earnest.audio.playback import Playback as Way
from earnest.defences._base import Defence, Gradient, defences
from earnest.errors import BadData, BadParameter


@defences.register("playback")
@dataclass(frozen=True, kw_only=True)
class Playback(Defence):
    """The clip played in a room that is drawn for each question, and recorded again at its own level.

    Nobody defends by it: it stands where defences do because that is where it is, before the model, and so shows of any
    attack what is left of it over the air. An attack that is crafted against it is given its exact gradient, room by room
    (`pgd:eot=8`); with `transfer=true` it is crafted without any room and played in one.

    Parameters
    ----------
    rt60_low_s, rt60_high_s : float
        Reverberation times between which the rooms' are drawn; 0.05 to 10.
    responses : str
        Folder of measured impulse responses (.wav, .flac) of which one is drawn instead; empty: rooms are simulated.

    Notes
    -----
    As in [qin2019-imperceptible], which simulates rooms by the image method too. There the result is set to full scale, here
    to the level of the clip; ours have a late tail, and keep the direct sound in its place.
    """

    source: ClassVar[str] = "qin2019-imperceptible"

    rt60_low_s: float = 0.15
    rt60_high_s: float = 0.5
    responses: str = ""

    def __post_init__(self) -> None:
        if not 0.05 <= self.rt60_low_s <= self.rt60_high_s <= 10:
            raise BadParameter(
                f"rt60_low_s and rt60_high_s of playback must be 0.05 to 10 s and in order, got {self.rt60_low_s!r} and {self.rt60_high_s!r}"
            )

    @property
    def gradient(self) -> Gradient:
        """Exact."""
        return "exact"

    @property
    def random(self) -> bool:
        """A room is drawn for each question."""
        return True

    def apply(self, clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
        """The clip as it is recorded in the room."""
        return self._way(clip, rng).played(clip)

    def backward(
        self, gradient: NDArray[np.float32], *, clip: AudioClip, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """The gradient through the same room."""
        return self._way(clip, rng).backward(gradient, samples=clip.samples)

    def _way(self, clip: AudioClip, rng: np.random.Generator) -> Way:
        if not self.responses:
            return Way.drawn(rt60_s=(self.rt60_low_s, self.rt60_high_s), sample_rate=clip.sample_rate, rng=rng)
        measured = self._measured[int(rng.integers(len(self._measured)))]
        return Way.of(measured, sample_rate=clip.sample_rate)

    @cached_property
    def _measured(self) -> tuple[AudioClip, ...]:
        folder = Path(self.responses)
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".wav", ".flac"))
        if not files:
            raise BadData(
                f"playback needs a folder with impulse responses, and {str(folder)!r} holds no .wav or .flac; leave responses out"
            )
        return tuple(AudioClip.read(path) for path in files)
