"""Edits of one sound that keep to the laws of acoustics, and edits that break them.

Every edit takes a *strike* (a sound with an onset and a decay, made once) and gives a clip of `LENGTH_S` seconds. The
two of a kind come from the same strike, the same room or echo and differ in what is possible alone: reversed in time,
so that all powers of the spectrum are equal, in the order of the same copies, or in how the same share of energy was
taken away. Edited or not is therefore no cue. All have one peak and one bed of noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip, effects
from earnest.audio.spectra import frames
from earnest.errors import BadAudio, BadParameter

Samples = NDArray[np.float32]
Edit = Callable[[Samples, int, np.random.Generator], Samples]

LENGTH_S = 2.4
LEAD_S = 0.4
"""From the beginning of a clip to the strike."""
STRIKE_S = 0.4
"""Longest strike; it dies away by 40 dB within its length, if it did not do so by itself."""
DECAY_DB = 40.0
FRAME_S = 0.005
ONSET_DB = 20.0
"""A strike begins where the level is this far under its peak."""
SPACING_S = 0.45
ECHO_STEP_DB = 9.0
"""From one echo to the next: a fall in the real world."""
CUT_DB = 9.0
"""How far the reverberation has fallen where it is cut off."""
NOISE_DB = 30.0
PEAK = 0.5


def strike(clip: AudioClip) -> Samples:
    """The loudest sound of a clip from its onset to the next one, dying away by its end; its peak is 1.

    Raises
    ------
    BadAudio
        If the clip is silent.
    """
    samples, frame = clip.samples, max(1, round(FRAME_S * clip.sample_rate))
    level = np.sqrt(np.mean(np.square(frames(samples, frame_length=frame, hop_length=frame), dtype=np.float64), axis=1))
    peak = int(np.argmax(level))
    if level[peak] == 0:
        raise BadAudio("a sound must be heard to be edited, got silence; leave the item out")
    quiet = level < level[peak] * 10 ** (-ONSET_DB / 20)
    before = np.flatnonzero(quiet[:peak])
    first = max(0, int(before[-1])) if before.size else 0
    last = min(_next_onset(level, quiet, peak), first + round(STRIKE_S / FRAME_S))
    part = samples[first * frame : max(first + 1, last) * frame]
    return _dying_away(part / np.float32(np.abs(part).max()))


def _next_onset(level: NDArray[np.float64], quiet: NDArray[np.bool_], peak: int) -> int:
    """The first frame after the peak that is loud again after a quiet one; the end where there is none."""
    after = np.flatnonzero(quiet[peak:])
    if not after.size:
        return len(level)
    again = np.flatnonzero(~quiet[peak + int(after[0]) :])
    return len(level) if not again.size else peak + int(after[0]) + int(again[0])


def _dying_away(samples: Samples) -> Samples:
    """The samples after a decay that takes away 40 dB over their length."""
    fall = np.linspace(0.0, -DECAY_DB / 20, len(samples))
    return (samples * 10.0**fall).astype(np.float32)


def _placed(samples: Samples, sample_rate: int, at_s: float = LEAD_S) -> Samples:
    """The samples in a clip of silence of the whole length."""
    whole = np.zeros(round(LENGTH_S * sample_rate), dtype=np.float32)
    start = round(at_s * sample_rate)
    part = samples[: len(whole) - start]
    whole[start : start + len(part)] = part
    return whole


def _in_room(samples: Samples, sample_rate: int, rng: np.random.Generator, rt60_s: float) -> Samples:
    wet, _ = effects.apply("room", samples, sample_rate, rng=rng, rt60_s=round(rt60_s, 3))
    return wet


def plain(samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
    """The strike as it was recorded."""
    return _placed(samples, sample_rate)


def decay(samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
    """The strike in a small room: onset, decay, a short tail."""
    return _in_room(_placed(samples, sample_rate), sample_rate, rng, rng.uniform(0.25, 0.4))


def reversed_decay(samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
    """The same played backwards: it swells before it is struck, and stops dead."""
    return decay(samples, sample_rate, rng)[::-1].copy()


def reverberation(samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
    """The strike in a large room: the tail follows it."""
    return _in_room(_placed(samples, sample_rate), sample_rate, rng, rng.uniform(0.8, 1.1))


def reversed_reverberation(samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
    """The strike runs forwards, but its reverberation comes before it."""
    return reverberation(samples[::-1].copy(), sample_rate, rng)[::-1].copy()


def _echoes(samples: Samples, sample_rate: int, gains_db: tuple[float, ...]) -> Samples:
    whole = np.zeros(round(LENGTH_S * sample_rate), dtype=np.float32)
    for number, gain_db in enumerate(gains_db):
        whole += _placed(samples * np.float32(10 ** (gain_db / 20)), sample_rate, LEAD_S + number * SPACING_S)
    return whole


def echo(samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
    """The strike and two echoes, each quieter than the one before."""
    return _echoes(samples, sample_rate, (0.0, -ECHO_STEP_DB, -2 * ECHO_STEP_DB))


def louder_echo(samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
    """The strike and two echoes, each louder than the one before."""
    return _echoes(samples, sample_rate, (-2 * ECHO_STEP_DB, -ECHO_STEP_DB, 0.0))


def cut_decay(samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
    """The strike in a large room whose reverberation stops from one moment to the next, while it is still loud."""
    wet = reverberation(samples, sample_rate, rng)
    wet[_cut_at(wet) :] = 0.0
    return wet


def damped_decay(samples: Samples, sample_rate: int, rng: np.random.Generator) -> Samples:
    """The strike in a room that swallows as much of the same reverberation, but steadily."""
    wet = reverberation(samples, sample_rate, rng)
    return _damped(wet, sample_rate, keep=float(np.sum(np.square(wet[: _cut_at(wet)], dtype=np.float64))))


def _cut_at(samples: Samples) -> int:
    """Where the energy still to come has fallen by `CUT_DB`."""
    left = np.cumsum(np.square(samples[::-1], dtype=np.float64))[::-1]
    return int(np.flatnonzero(left >= left[0] * 10 ** (-CUT_DB / 10))[-1]) + 1


def _damped(samples: Samples, sample_rate: int, *, keep: float) -> Samples:
    """The samples under an exponential decay from the strike on that keeps so much energy."""
    time_s = np.maximum(0.0, np.arange(len(samples)) / sample_rate - LEAD_S)
    low, high = 0.0, 1e4
    for _ in range(50):
        rate = (low + high) / 2
        kept = float(np.sum(np.square(samples * np.exp(-rate * time_s))))
        low, high = (rate, high) if kept > keep else (low, rate)
    return (samples * np.exp(-low * time_s)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A way to break the laws of acoustics, and the lawful edit beside it."""

    broken: Edit
    lawful: Edit
    law: str


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "reversed_decay": Kind(broken=reversed_decay, lawful=decay, law="nothing swells before it is struck"),
        "reversed_reverberation": Kind(
            broken=reversed_reverberation, lawful=reverberation, law="reverberation follows its sound"
        ),
        "louder_echo": Kind(broken=louder_echo, lawful=echo, law="an echo has less energy than its sound"),
        "cut_decay": Kind(broken=cut_decay, lawful=damped_decay, law="reverberation dies away steadily"),
    }
)


def edited(clip: AudioClip, edit: Edit, *, rng: np.random.Generator) -> AudioClip:
    """The clip's strike after an edit, over a bed of noise, 16 bits.

    Raises
    ------
    BadAudio
        If the clip is silent.
    """
    changed = edit(strike(clip), clip.sample_rate, rng)
    changed = changed * np.float32(PEAK / float(np.abs(changed).max()))
    try:
        noisy, _ = effects.apply("noise", changed, clip.sample_rate, rng=rng, snr_db=NOISE_DB, colour="pink")
    except BadParameter as error:
        raise BadAudio(f"the edited sound must be heard, got silence: {error}") from error
    return clip.with_samples(noisy).quantised()
