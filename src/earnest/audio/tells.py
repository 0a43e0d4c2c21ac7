"""What a recording tells of itself before anybody hears it: clipped, faint, silent, cancelled by its own mixing, mislabelled.

None of these makes a recording unusable; each makes a wrong answer likelier, and is easily mended before a run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from earnest.audio.clip import AudioClip
from earnest.audio.entry import Entry
from earnest.audio.levels import level_dbfs
from earnest.errors import BadAudio, machine_failed

CLIPPED_SHARE = 0.01
"""Share of samples at full scale above which a recording counts as clipped."""

FAINT_DBFS = -60.0
SHORT_S = 0.1
CANCELLED_DB = 15.0
"""How far below one channel the mix of all lies where channels are in antiphase."""

_FULL_SCALE = 32_766 / 32_768
_CLAIMED_RATE = ("sample_rate", "sampling_rate", "samplerate", "sample_rate_hz")
_CLAIMED_S = ("duration_s", "duration")
_DURATION_SLACK_S, _DURATION_SLACK = 0.1, 0.01
_UNITS: Mapping[str, float] = MappingProxyType({"": 1.0, "hz": 1.0, "khz": 1000.0, "k": 1000.0})


def tells(entry: Entry, clip: AudioClip) -> list[str]:
    """What is doubtful about a recording, in words; `clip` is what `entry.clip()` gave."""
    return [told for told in (_level(entry, clip), _clipping(clip), _length(clip), *_claims(entry, clip)) if told]


def _level(entry: Entry, clip: AudioClip) -> str:
    single = _one_channel_dbfs(entry)
    if single is not None and single > FAINT_DBFS and clip.level_dbfs < single - CANCELLED_DB:
        return (
            f"its channels are in antiphase: one has {single:.0f} dBFS, all mixed have {clip.level_dbfs:.0f}; "
            "take one of them (column channel), or turn one over"
        )
    if clip.peak == 0.0:
        return "it is silent: every sample is zero"
    if clip.level_dbfs < FAINT_DBFS:
        return f"its level is {clip.level_dbfs:.0f} dBFS, below {FAINT_DBFS:.0f}; record it anew, or raise the level"
    return ""


def _one_channel_dbfs(entry: Entry) -> float | None:
    """Level of the first channel where all were mixed; None where there is one alone."""
    if entry.channel is not None or not _may_have_channels(entry):
        return None
    try:
        entry.model_copy(update={"channel": 1}).clip()
        return level_dbfs(entry.model_copy(update={"channel": 0}).clip().samples)
    except BadAudio:
        return None


def _may_have_channels(entry: Entry) -> bool:
    """Whether a header says more than one channel, or cannot be asked."""
    import soundfile

    if not entry.is_file:
        return True
    try:
        return bool(soundfile.info(entry.file).channels > 1)
    except (OSError, RuntimeError) as error:
        if fault := machine_failed(error):
            raise fault from error
        return True


def _clipping(clip: AudioClip) -> str:
    if clip.peak < _FULL_SCALE:
        return ""
    share = (
        float(np.count_nonzero(clip.samples >= _FULL_SCALE) + np.count_nonzero(clip.samples <= -_FULL_SCALE))
        / clip.n_samples
    )
    return (
        f"it is clipped: {share:.1%} of its samples are at full scale; record it with less gain"
        if share > CLIPPED_SHARE
        else ""
    )


def _length(clip: AudioClip) -> str:
    return f"it lasts {clip.duration_s:.3f} s, less than {SHORT_S:g} s" if clip.duration_s < SHORT_S else ""


def _claims(entry: Entry, clip: AudioClip) -> list[str]:
    """What the manifest says of rate and length, where the file says otherwise."""
    told = []
    for column in _CLAIMED_RATE:
        claimed = _hertz(entry.attributes.get(column, ""))
        if claimed is not None and claimed != clip.sample_rate:
            told.append(f"its column {column} says {claimed:g} Hz, its file {clip.sample_rate} Hz")
    for column in _CLAIMED_S:
        claimed = _number(entry.attributes.get(column, ""))
        if claimed is not None and abs(claimed - clip.duration_s) > max(
            _DURATION_SLACK_S, _DURATION_SLACK * clip.duration_s
        ):
            told.append(f"its column {column} says {claimed:g} s, its file {clip.duration_s:.3f} s")
    return told


def _hertz(text: str) -> float | None:
    number = text.strip().lower().rstrip("hkz ")
    value = _number(number)
    return None if value is None else value * _UNITS.get(text.strip().lower()[len(number) :].strip(), 1.0)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
