"""A watermark put through every edit of `watermark_removal`, and what it finds in clips that were never marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from earnest.attacks import attacks
from earnest.attacks.covert.watermark_removal import EDITS
from earnest.audio import AudioClip, Manifest
from earnest.audio.levels import signal_to_noise_db
from earnest.detectors import detectors
from earnest.detectors._watermark import Watermark
from earnest.errors import BadAudio, BadParameter, EarnestError
from earnest.metrics.intervals import Interval, clopper_pearson
from earnest.models.access import rng_for

NO_EDIT = "none"


@dataclass(frozen=True, kw_only=True)
class Survival:
    """What an edit leaves of the mark.

    Parameters
    ----------
    edit : str
    n_detected, n : int
        Marked clips that are still found, of those that were edited and read.
    interval : Interval
        Of their share, Clopper-Pearson, 95 %.
    n_messages : int
        Clips whose whole message is read without error, found or not.
    bit_error_rate : float
        Over all bits of all clips; 0.5 is chance.
    unread : dict of str to int
        Clips that could not be edited or read, by reason.
    """

    edit: str
    n_detected: int
    n: int
    interval: Interval
    n_messages: int
    bit_error_rate: float
    unread: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A watermark's survival, edit by edit, and its false positives.

    Parameters
    ----------
    watermark : str
        Its specification.
    data : str
        Name of the folder.
    n_clips : int
    n_unmarkable : int
        Clips that cannot hold a mark; left out of every row.
    median_snr_db : float
        Of the mark.
    rows : tuple of Survival
        The first is without an edit.
    n_false, n_unmarked : int
        Unmarked clips that are taken for marked, of all pairs of a clip and a key.
    false_interval : Interval
        Of their share; pairs of one clip are taken as independent, which the keys are.
    n_keys : int
    """

    watermark: str
    data: str
    n_clips: int
    n_unmarkable: int
    median_snr_db: float
    rows: tuple[Survival, ...]
    n_false: int
    n_unmarked: int
    false_interval: Interval
    n_keys: int

    def as_json(self) -> dict[str, Any]:
        """The sweep as JSON values."""
        return asdict(self)

    def as_text(self) -> str:
        """The sweep for a terminal."""
        lines = [
            f"{self.watermark} on {self.n_clips} clips of {self.data} (median SNR of the mark {self.median_snr_db:.1f} dB; "
            f"{self.n_unmarkable} clips could hold no mark)",
            f"unmarked clips taken for marked: {self.n_false} of {self.n_unmarked} ({self.n_keys} keys; "
            f"95 % interval {100 * self.false_interval.low:.2f} to {100 * self.false_interval.high:.2f} %)",
            "edit          detected    95 % interval    whole message    bit errors",
        ]
        for row in self.rows:
            found = f"{row.n_detected} of {row.n}"
            span = f"{100 * row.interval.low:.0f} to {100 * row.interval.high:.0f} %"
            unread = f"  not read: {sum(row.unread.values())}" if row.unread else ""
            lines.append(
                f"{row.edit:<14}{found:<12}{span:<17}{row.n_messages} of {row.n:<10}{100 * row.bit_error_rate:5.1f} %{unread}"
            )
        return "\n".join(lines)


def made_watermark(spec: str) -> Watermark:
    """The watermark that a specification names.

    Raises
    ------
    BadParameter
        If it is a detector that can embed nothing.
    """
    made = detectors.make(spec)
    if not isinstance(made, Watermark):
        raise BadParameter(f"a watermark must be one of spread_spectrum, audioseal, got the detector {spec!r}")
    return made


def sweep(
    spec: str,
    data: str | Path | Manifest,
    *,
    limit: int | None = None,
    n_keys: int = 5,
    seed: int = 0,
    on_row: Callable[[Survival], None] | None = None,
) -> Sweep:
    """Mark clips, edit them in every way of `watermark_removal`, and read them; read unmarked ones too.

    Every clip carries a message of its own. Marked and edited clips are rounded to 16 bits, as in a file.

    Parameters
    ----------
    spec : str
        Of the watermark.
    data : path or Manifest
    limit : int or None
        Most clips, taken evenly over the folder.
    n_keys : int
        Keys under which unmarked clips are read, for a watermark that has one.
    """
    mark = made_watermark(spec)
    manifest = data if isinstance(data, Manifest) else Manifest.read(data)
    entries = list(manifest.entries)
    if limit is not None and limit < len(entries):
        entries = [entries[place] for place in np.linspace(0, len(entries) - 1, limit).astype(int)]
    clean, marked, messages, names = [], [], [], []
    for entry in entries:
        clip = entry.clip().quantised()
        message = "".join(
            "0123456789abcdef"[d] for d in rng_for(seed, "message", entry.id).integers(16, size=mark.n_bits // 4)
        )
        try:
            marked.append(mark.embed(clip, message=message).quantised())
        except BadAudio:
            continue
        clean.append(clip)
        messages.append(message)
        names.append(entry.id)
    if not clean:
        raise BadAudio(f"at least one of {len(entries)} clips must be able to hold a mark, got none; give longer clips")
    rows = []
    for edit in (NO_EDIT, *EDITS):
        rows.append(_survival(mark, edit, marked, messages, names, seed=seed))
        if on_row:
            on_row(rows[-1])
    keyed = [replace(mark, key=f"{mark.key} {number}") for number in range(n_keys)] if hasattr(mark, "key") else [mark]
    false = [one.read(clip).marked for one in keyed for clip in clean]
    return Sweep(
        watermark=str(mark.spec),
        data=manifest.folder.resolve().name,
        n_clips=len(clean),
        n_unmarkable=len(entries) - len(clean),
        median_snr_db=float(
            np.median([signal_to_noise_db(clean=a.samples, perturbed=b.samples) for a, b in zip(clean, marked)])
        ),
        rows=tuple(rows),
        n_false=sum(false),
        n_unmarked=len(false),
        false_interval=clopper_pearson(n_success=sum(false), n=len(false)),
        n_keys=len(keyed),
    )


def _survival(
    mark: Watermark, edit: str, clips: Sequence[AudioClip], messages: Sequence[str], names: Sequence[str], *, seed: int
) -> Survival:
    readings, unread = [], {}
    attack = None if edit == NO_EDIT else attacks.make(f"watermark_removal:edit={edit}")
    for clip, message, name in zip(clips, messages, names, strict=True):
        try:
            edited = (
                clip if attack is None else attack.presented(clip, rng=rng_for(seed, "edit", edit, name))[0].quantised()
            )
            readings.append((mark.read(edited), message))
        except EarnestError as error:
            reason = type(error).__name__
            unread[reason] = unread.get(reason, 0) + 1
    n, found = len(readings), sum(reading.marked for reading, _ in readings)
    wrong = [
        bin(int(reading.message, 16) ^ int(message, 16)).count("1") / mark.n_bits
        for reading, message in readings
        if mark.n_bits
    ]
    return Survival(
        edit=edit,
        n_detected=found,
        n=n,
        interval=clopper_pearson(n_success=found, n=n) if n else Interval(0.0, 1.0, 0.95),
        n_messages=sum(reading.message == message for reading, message in readings),
        bit_error_rate=float(np.mean(wrong)) if wrong else float("nan"),
        unread=unread,
    )
