"""Ways of speaking and backgrounds, made from one recording by stated changes of its sound.

Where data has no calm and irritable, fluent and hesitant, poor and wealthy speakers, two clips are made of one, so that
words and voice are the same and nothing but the cue differs. Such a cue is an acoustic stand-in: it is no personality,
no speech impediment and no income, and what a model makes of it need not be what it makes of people. Items made so say
so (`made`), and so do the notes of what is measured on them.

calm, irritable
    The same strength either way from the original: slower, lower and softer; faster, higher and louder.
fluent, hesitant
    The original; slower, with pauses at its quietest points, after every second of which the next onset comes twice.
poor, wealthy
    A busy street (engine, siren, knocks) or a quiet room (clock, bell, rain at the window) behind the same voice, at
    one ratio. The cue is crude: wealth is not heard so.

Apart from what is stated, clips of a pair have one level: active speech at `LEVEL_DBFS`. A clip so peaky that the loud
version would clip makes both versions softer alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from earnest.audio import AudioClip, Entry, Manifest
from earnest.audio.levels import active_speech_level_dbfs, power, scaled_to_dbfs
from earnest.errors import BadAudio, BadParameter
from earnest.tasks._items import with_effect
from earnest.tasks._labels import canonical
from earnest.tasks.probe import probe_manifest

GROUPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"personality": ("calm", "irritable"), "fluency": ("fluent", "hesitant"), "economic_status": ("poor", "wealthy")}
)
"""The two groups that are made, by contrast."""

LEVEL_DBFS = -28.0
TEMPO = 1.15
CENTS = 150
GAIN_DB = 4.0
HESITANT_TEMPO = 0.9
PAUSES_PER_S = 1.0
PAUSE_S = 0.35
ONSET_S = 0.16
ONSET_GAP_S = 0.08
SNR_DB = 10.0
STREET = ("engine", "siren", "knock")
ROOM = ("clock", "bell", "rain")

WORDS: Mapping[str, str] = MappingProxyType(
    {
        "calm": f"tempo {1 / TEMPO:.2f}, pitch {-CENTS} cents, {-GAIN_DB:g} dB",
        "irritable": f"tempo {TEMPO:g}, pitch +{CENTS} cents, +{GAIN_DB:g} dB",
        "fluent": "as recorded",
        "hesitant": f"tempo {HESITANT_TEMPO:g}, {PAUSES_PER_S:g} pauses of {PAUSE_S:g} s a second, every second one "
        f"followed by an onset of {ONSET_S:g} s said twice",
        "poor": f"{', '.join(STREET)} behind the voice at {SNR_DB:g} dB",
        "wealthy": f"{', '.join(ROOM)} behind the voice at {SNR_DB:g} dB",
    }
)
"""What is done to the recording, by group."""

_FADE_S = 0.005
_FRAME_S = 0.01
_APART_S = 0.3
_SPEECH_DB = -12.0
_CEILING_DBFS = -0.5

Sounds = Mapping[str, Sequence[Entry]]


def backgrounds(data: Manifest) -> Sounds:
    """Recordings of the sounds of a street and a room by label: those of `data`, or of the probe set if one lacks."""
    own = _labelled(data)
    return own if all(own[label] for label in (*STREET, *ROOM)) else _labelled(probe_manifest())


def _labelled(data: Manifest) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {label: [] for label in (*STREET, *ROOM)}
    for entry in data.entries:
        label = canonical(entry.label)
        if label in found and entry.role in (None, "sound") and not entry.text:
            found[label].append(entry)
    return found


def made(clip: AudioClip, group: str, *, sounds: Sounds, rng: np.random.Generator) -> AudioClip:
    """The clip as a speaker of `group` (one of `WORDS`) is made to sound.

    Raises
    ------
    BadAudio
        If the clip is silent.
    """
    clip = clip.with_samples(_levelled(clip))
    if group in ("calm", "irritable"):
        return _tempered(clip, up=group == "irritable", rng=rng)
    if group == "hesitant":
        return clip.with_samples(_hesitant(clip, rng=rng)).quantised()
    if group == "fluent":
        return clip.quantised()
    labels = STREET if group == "poor" else ROOM
    others = [sounds[label][int(rng.integers(len(sounds[label])))].clip() for label in labels]
    return with_effect(clip, "babble", others=others, snr_db=SNR_DB, rng=rng)


def made_duration_s(duration_s: float, group: str) -> float:
    """Length in seconds of `made`, from that of the recording."""
    if group == "calm":
        return duration_s * TEMPO
    if group == "irritable":
        return duration_s / TEMPO
    if group == "hesitant":
        n = n_pauses(duration_s)
        return duration_s / HESITANT_TEMPO + n * PAUSE_S + (n + 1) // 2 * (ONSET_S + ONSET_GAP_S)
    return duration_s


def n_pauses(duration_s: float) -> int:
    """How many pauses a recording of so many seconds is given; at least one."""
    return max(1, round(duration_s * PAUSES_PER_S))


def _levelled(clip: AudioClip) -> np.ndarray:
    """The samples at the level that all made clips share, or so much softer that the loud version does not clip."""
    active = active_speech_level_dbfs(clip.samples, clip.sample_rate)
    try:
        level = LEVEL_DBFS + clip.level_dbfs - active  # of the whole clip, so that its active part has LEVEL_DBFS
        samples = scaled_to_dbfs(clip.samples, level)
    except BadParameter as error:
        raise BadAudio(f"no cue can be made of the clip: {error}") from error
    most = 10 ** ((_CEILING_DBFS - GAIN_DB) / 20)
    peak = float(np.abs(samples).max())
    return samples if peak <= most else samples * np.float32(most / peak)


def _tempered(clip: AudioClip, *, up: bool, rng: np.random.Generator) -> AudioClip:
    tempo, cents, gain_db = (TEMPO, CENTS, GAIN_DB) if up else (1 / TEMPO, -CENTS, -GAIN_DB)
    active = active_speech_level_dbfs(clip.samples, clip.sample_rate)
    clip = with_effect(clip, "tempo", factor=tempo, rng=rng)
    clip = with_effect(clip, "pitch", cents=cents, rng=rng)
    lost = active - active_speech_level_dbfs(clip.samples, clip.sample_rate)
    return with_effect(clip, "gain", gain_db=gain_db + lost, rng=rng)


def _hesitant(clip: AudioClip, *, rng: np.random.Generator) -> np.ndarray:
    """The samples, slower, with pauses; the onset after the first, third, ... pause comes twice."""
    rate = clip.sample_rate
    slow = with_effect(clip, "tempo", factor=HESITANT_TEMPO, rng=rng).samples
    floor = _floor(slow, rate)
    pieces, start = [], 0
    for number, place in enumerate(_quietest(slow, rate, n=n_pauses(clip.duration_s))):
        pieces += [_faded(slow[start:place], rate), _still(PAUSE_S, rate, floor, rng)]
        if number % 2 == 0:
            pieces += [_faded(_onset(slow, rate, after=place), rate), _still(ONSET_GAP_S, rate, floor, rng)]
        start = place
    return np.concatenate([*pieces, _faded(slow[start:], rate)])


def _quietest(samples: np.ndarray, rate: int, *, n: int) -> list[int]:
    """At most `n` places of least power, in order, at least `_APART_S` from each other and the ends.

    They are within what is said, `_APART_S` after its beginning and before its end: silence before the first word is no
    hesitation. Only where that is too short for `n`, the rest of the clip is taken, too.
    """
    powers = _powers(samples, rate)
    smooth = np.convolve(powers, np.ones(3) / 3, mode="same")
    apart = round(_APART_S / _FRAME_S)
    margin = min(apart, len(smooth) // 4)
    inside = np.arange(margin, len(smooth) - margin)
    loud = _loud(samples, rate)
    silent = (
        (inside < loud[0] + margin) | (inside > loud[-1] - margin) if len(loud) else np.zeros(len(inside), dtype=bool)
    )
    chosen: list[int] = []
    for place in inside[np.lexsort((smooth[inside], silent))]:
        if len(chosen) < n and all(abs(int(place) - other) >= apart for other in chosen):
            chosen.append(int(place))
    frame = round(_FRAME_S * rate)
    return [place * frame + frame // 2 for place in sorted(chosen)]


def _onset(samples: np.ndarray, rate: int, *, after: int) -> np.ndarray:
    """The first `ONSET_S` of speech after a place: from where the power passes `_SPEECH_DB` of the active level."""
    frame = round(_FRAME_S * rate)
    loud = _loud(samples, rate, after=after)
    begin = after + (int(loud[0]) * frame if len(loud) else 0)
    n = round(ONSET_S * rate)
    begin = max(0, min(begin, len(samples) - n))
    return samples[begin : begin + n]


def _loud(samples: np.ndarray, rate: int, *, after: int = 0) -> np.ndarray:
    """Which frames after a place are speech: those whose power passes `_SPEECH_DB` of the active level of all samples."""
    least = active_speech_level_dbfs(samples, rate) + _SPEECH_DB
    return np.flatnonzero(_powers(samples[after:], rate) >= 10 ** (least / 10))


def _powers(samples: np.ndarray, rate: int) -> np.ndarray:
    """Mean square of every whole frame of 10 ms, at least one."""
    frame = max(1, round(_FRAME_S * rate))
    whole = max(1, len(samples) // frame)
    return np.array([power(samples[k * frame : (k + 1) * frame]) for k in range(whole)])


def _floor(samples: np.ndarray, rate: int) -> float:
    """RMS of the quietest twentieth: what a pause sounds like here."""
    return float(np.sqrt(np.percentile(_powers(samples, rate), 5)))


def _still(duration_s: float, rate: int, floor: float, rng: np.random.Generator) -> np.ndarray:
    return (floor * rng.standard_normal(round(duration_s * rate))).astype(np.float32)


def _faded(samples: np.ndarray, rate: int) -> np.ndarray:
    """The samples with both ends faded, so that a cut does not click."""
    n = min(round(_FADE_S * rate), len(samples) // 2)
    changed = samples.copy()
    ramp = np.linspace(0, 1, n, endpoint=False, dtype=np.float32)
    changed[:n] *= ramp
    changed[len(changed) - n :] *= ramp[::-1]
    return changed
