"""Speech on a carrier that nobody hears, and what a microphone makes of it.

Speech m(t) is put on a carrier above hearing by its amplitude. A microphone and its amplifier are not quite linear:
what comes out is a1 s + a2 s^2. The square of a modulated carrier holds the speech itself, low in frequency, and the
low-pass filter before the converter takes the carrier away: the device records words that no listener heard. Plain
amplitude modulation, s = (1 + d m) cos, leaves a2 (d m + d^2 m^2 / 2): the speech with a distortion of its own
square. A transmitter that knows this sends the square root, s = sqrt(1 + d m) cos, of which the square is the speech
exactly (up to the carrier).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from earnest.audio.levels import power
from earnest.audio.resampling import fitted, resampled
from earnest.errors import BadParameter

RATE_HZ = 192_000
"""At which air and microphone are simulated."""

LEAD_S = 0.02
"""Of carrier alone before and after the speech, over which it rises and falls: one that is switched on clicks."""

LOWEST_HZ = 20.0
"""Below this the microphone passes nothing."""

Samples = NDArray[np.float32]


def transmitted(
    samples: Samples, sample_rate: int, *, carrier_hz: float, depth: float = 0.8, inverted: bool = True
) -> Samples:
    """What is played: the speech on its carrier, at 192 kHz, peak 1.

    The carrier rises for 20 ms before the speech, and falls for 20 ms after it.

    Parameters
    ----------
    samples : float32 array, shape (n_samples,)
        Not silent; brought to a peak of 1 before it is modulated.
    sample_rate : int
        In Hz.
    carrier_hz : float
        16,000 to 80,000: what follows must lie under half of 192 kHz.
    depth : float
        Of modulation, above 0 to 1.
    inverted : bool
        Whether the square root is sent, so that the microphone's square gives the speech back undistorted.
    """
    if not 16_000 <= carrier_hz <= 80_000:
        raise BadParameter(
            f"carrier_hz must be from 16000 to 80000, got {carrier_hz!r}; 25000 is above anybody's hearing"
        )
    if not 0 < depth <= 1:
        raise BadParameter(f"depth must be above 0 to 1, got {depth!r}; 0.8 is the usual one")
    lead = round(LEAD_S * RATE_HZ)
    upsampled = np.pad(resampled(samples, sample_rate, to=RATE_HZ).astype(np.float64), lead)
    peak = np.abs(upsampled).max()
    if peak == 0:
        raise BadParameter("samples must hold some sound to be put on a carrier, got silence; leave the item out")
    envelope = 1 + depth * upsampled / peak
    carrier = np.cos(2 * math.pi * carrier_hz * np.arange(len(upsampled)) / RATE_HZ)
    rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(lead) / lead)
    carrier[:lead] *= rise
    carrier[-lead:] *= rise[::-1]
    sent = (np.sqrt(np.maximum(envelope, 0)) if inverted else envelope) * carrier
    return (sent / np.abs(sent).max()).astype(np.float32)


def recorded(
    sent: Samples,
    *,
    sample_rate: int,
    linear: float = 1.0,
    square: float = 0.01,
    noise_dbfs: float = -80.0,
    rng: np.random.Generator | None = None,
) -> Samples:
    """What a microphone makes of it, at `sample_rate`; not brought to any level.

    Parameters
    ----------
    sent : float32 array, shape (n_samples,)
        At 192 kHz.
    sample_rate : int
        Of the recording, in Hz.
    linear, square : float
        a1 and a2 of the microphone.
    noise_dbfs : float
        RMS level of its own white noise; -inf adds none.
    rng : Generator or None
        Only needed for the noise.
    """
    wide = sent.astype(np.float64)
    low = resampled((linear * wide + square * wide**2).astype(np.float32), RATE_HZ, to=sample_rate)
    frequency = np.fft.rfftfreq(len(low), 1 / sample_rate)
    kept = np.fft.irfft(np.fft.rfft(low) * (frequency >= LOWEST_HZ), len(low)).astype(np.float32)
    if noise_dbfs > -math.inf:
        if rng is None:
            raise BadParameter(
                "a microphone's noise must be drawn, got no rng; pass rng=numpy.random.default_rng(seed)"
            )
        kept += (10 ** (noise_dbfs / 20) * rng.standard_normal(len(kept))).astype(np.float32)
    return kept


def through_air(
    samples: Samples,
    sample_rate: int,
    *,
    carrier_hz: float,
    depth: float = 0.8,
    inverted: bool = True,
    noise_dbfs: float = -80.0,
    rng: np.random.Generator,
) -> Samples:
    """What a device records of samples sent on a carrier, brought back to their own level by its gain control."""
    sent = transmitted(samples, sample_rate, carrier_hz=carrier_hz, depth=depth, inverted=inverted)
    whole = recorded(sent, sample_rate=sample_rate, noise_dbfs=noise_dbfs, rng=rng)
    heard = fitted(whole[round(LEAD_S * sample_rate) :], len(samples))
    return heard * np.float32(math.sqrt(power(samples) / power(heard)))
