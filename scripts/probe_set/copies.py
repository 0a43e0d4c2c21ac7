"""Copies of a speaker: the phrase in a voice that a machine made to be theirs, and a recording of them played again."""

from __future__ import annotations

import numpy as np

from earnest.audio import effects
from earnest.audio.levels import active_speech_level_dbfs
from reference import neural, speak

from . import conditions

SAMPLE_RATE = 16000
BLEND = 0.35
"""Share of the most similar speaker in the style of a neural clone. By `likeness` (cosine; eight voices, another text) a voice is 0.82 like itself (0.78 to 0.88), its clone 0.79 (0.76 to 0.84), and
another voice 0.53 (0.43 to 0.67, 5 to 95 %); with half of the other speaker it would be 0.76 (0.69 to 0.81)."""
ENGINE = {"kokoro_blend": "kokoro", "hibari": "hibari", "hts": "festival", "world": "world"}
"""What synthesises a clone, by method."""
SEEN = {"hts": "no", "hibari": "yes"}
"""Whether the model heard what synthesises a clone, where that is no matter of its owner."""
LOUDSPEAKER_HZ = (180.0, 6500.0)


def cloned(text: str, owner: str, method: str, seed: int, *, right: np.ndarray) -> np.ndarray:
    """A phrase in a voice made to be its owner's.

    Parameters
    ----------
    text, owner : str
    method : {"kokoro_blend", "hibari", "hts", "world"}
        Kokoro with a style that is a third another's, about as fast as the owner; a small network taught by Kokoro's `af_heart` alone; festival's statistical model of the woman whom flite's slt is made of; the
        vocoder WORLD on the owner's own recording.
    seed : int
    right : float32 array
        The owner's own recording.
    """
    if method == "world":
        return neural.world(right)
    if method == "hibari":
        return speak.say(text, "hibari/heart", seed)
    if method == "hts":
        return speak.say(text, "festival/slt_hts", seed)
    rng = np.random.default_rng([seed, 11])
    rate, wanted = rng.uniform(0.9, 1.15), len(right) * rng.uniform(0.94, 1.06)
    for _ in range(2):  # the second time at the rate at which it takes about as long as the owner
        made = neural.kokoro(text + ".", owner.removeprefix("kokoro/"), speed=float(rate), copy=BLEND)
        rate *= len(conditions.body(made)) / wanted
    return made


def replayed(samples: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, dict[str, float]]:
    """The clip, its noise floor with it, played by a small loudspeaker in a furnished room and recorded there; what was drawn.

    The loudspeaker passes 180 to 6500 Hz and is driven to where it saturates; the room is a shoebox by image sources with an RT60 of 0.25 to 0.5 s.
    """
    rt60_s, drive_db = round(float(rng.uniform(0.25, 0.5)), 2), round(float(rng.uniform(0, 8)), 1)
    narrow, _ = effects.band_limit(samples, SAMPLE_RATE, low_hz=LOUDSPEAKER_HZ[0], high_hz=LOUDSPEAKER_HZ[1], rng=rng)
    rms = 10 ** (active_speech_level_dbfs(narrow, SAMPLE_RATE) / 20)
    scale = 10 ** (drive_db / 20) / (6 * rms)
    driven = (np.tanh(narrow * scale) / scale).astype(np.float32)
    wet, _ = effects.room(driven, SAMPLE_RATE, rt60_s=rt60_s, rng=rng)
    return wet.astype(np.float32), {"rt60_s": rt60_s, "drive_db": drive_db}
