"""The request on a carrier above hearing, as a microphone that is not quite linear records it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from earnest.attacks._base import Family, attacks
from earnest.attacks._presented import Presented
from earnest.audio import AudioClip
from earnest.audio.ultrasound import through_air, transmitted
from earnest.errors import BadParameter


@attacks.register("ultrasonic")
@dataclass(frozen=True, kw_only=True)
class Ultrasonic(Presented):
    """The recording sent on a near-ultrasonic carrier, and recorded by a simulated microphone that is not linear.

    What the model is asked is what the device records, at the level of the recording; `earnest.audio.ultrasound`
    tells the formulas. Loudspeaker, distance and the ear are not simulated, so that this says whether a model
    understands what such a device records, and not whether a given device records it.

    Parameters
    ----------
    carrier_hz : float
        16,000 to 80,000.
    depth : float
        Of modulation, above 0 to 1.
    inverted : bool
        Whether the microphone's square is undone beforehand, so that the speech comes back undistorted.
    noise_dbfs : float
        Of the microphone; what is recorded lies some 40 to 50 dB under full scale before its gain control.

    Notes
    -----
    After [ling2026-swhisper]: near-ultrasound, a model of the microphone inverted in advance, and the simulation y =
    a1 s + a2 s^2 with a low-pass. Its model of the microphone is measured and its payload is optimised to be short;
    here a1 is 1 and a2 0.01, and the payload is the recording.
    """

    source: ClassVar[str] = "ling2026-swhisper"
    family: ClassVar[Family] = "covert"

    carrier_hz: float = 22_000.0
    depth: float = 0.8
    inverted: bool = True
    noise_dbfs: float = -80.0

    def __post_init__(self) -> None:
        transmitted(np.ones(16, dtype=np.float32), 16_000, carrier_hz=self.carrier_hz, depth=self.depth)
        if not -120 <= self.noise_dbfs <= -20:
            raise BadParameter(
                f"noise_dbfs of ultrasonic must be from -120 to -20, got {self.noise_dbfs!r}; -80 is a quiet microphone"
            )

    def presented(self, clip: AudioClip, *, rng: np.random.Generator) -> tuple[AudioClip, Mapping[str, Any]]:
        """What the device records."""
        heard = through_air(
            clip.samples,
            clip.sample_rate,
            carrier_hz=self.carrier_hz,
            depth=self.depth,
            inverted=self.inverted,
            noise_dbfs=self.noise_dbfs,
            rng=rng,
        )
        return clip.with_samples(heard), {}
