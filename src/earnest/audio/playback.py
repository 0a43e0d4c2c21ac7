"""A clip played in a room and recorded again, and gradients back through it.

The direct sound stays where it was and the level is that of the clip, as `earnest.audio.effects.room` has it; what is
here beside that is the way back, which attacks that must survive a room need.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earnest.audio.clip import AudioClip
from earnest.audio.rooms import PreparedResponse, Shoebox, convolved, impulse_response, prepared


@dataclass(frozen=True)
class Playback:
    """The way from a loudspeaker to a microphone.

    Parameters
    ----------
    response : PreparedResponse
        Of the room.
    """

    response: PreparedResponse

    @classmethod
    def drawn(cls, *, rt60_s: tuple[float, float], sample_rate: int, rng: np.random.Generator) -> Playback:
        """A shoebox room of 3 to 10 by 3 to 8 by 2.5 to 4 m with a reverberation time between the two, uniformly."""
        room = Shoebox.drawn(rt60_s=float(rng.uniform(*rt60_s)), rng=rng)
        direct = round(room.direct_s * sample_rate)
        return cls(prepared(impulse_response(room, sample_rate), sample_rate, direct=direct))

    @classmethod
    def of(cls, response: AudioClip, *, sample_rate: int) -> Playback:
        """A measured room; its direct sound is the response's largest peak."""
        return cls(prepared(response.resampled(sample_rate).samples, sample_rate))

    def heard(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the microphone records, at the level of the samples; float32, of the same shape."""
        wet = convolved(samples, self.response)
        return wet * np.float32(_level(samples) / (_level(wet) or 1.0))

    def backward(self, gradient: NDArray[np.float32], *, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The gradient with respect to `samples`, given that with respect to `heard(samples)`; exact, the level included."""
        wet = convolved(samples, self.response)
        dry_level, wet_level = _level(samples), _level(wet)
        if not dry_level or not wet_level:
            return np.zeros_like(gradient)
        gain = dry_level / wet_level
        along = float(np.dot(gradient.astype(np.float64), wet))
        through = self._adjoint(gradient - np.float32(along / wet_level**2) * wet)
        return (np.float32(gain) * through + np.float32(along / (dry_level * wet_level)) * samples).astype(np.float32)

    def _adjoint(self, gradient: NDArray[np.float32]) -> NDArray[np.float32]:
        """That of the convolution: the same, with time running backwards."""
        return convolved(np.ascontiguousarray(gradient[::-1], dtype=np.float32), self.response)[::-1]

    def played(self, clip: AudioClip) -> AudioClip:
        """The clip as the microphone records it."""
        samples = self.heard(clip.samples)
        samples.flags.writeable = False  # spares the copy
        return clip.with_samples(samples)


def _level(samples: NDArray[np.float32]) -> float:
    wide = samples.astype(np.float64)
    return math.sqrt(float(np.dot(wide, wide)))
