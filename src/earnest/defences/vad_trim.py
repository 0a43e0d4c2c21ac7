"""Silence before and after speech cut off, and long pauses too: what hides there does not reach the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip
from earnest.audio.spectra import frames
from earnest.defences._base import Defence, Gradient, defences
from earnest.errors import BadAudio, BadParameter

FRAME_S = 0.02
LOUD_PERCENTILE = 95


@defences.register("vad_trim")
@dataclass(frozen=True, kw_only=True)
class VadTrim(Defence):
    """The clip from its first active frame to its last, with some margin; its pauses cut out too, if wanted.

    A frame of 20 ms is active where its level is at most `range_db` under that of the loud frames (the 95th percentile) and
    above `floor_dbfs`. The clip gets shorter. Which samples are kept does not change under small changes of the clip, so
    the gradient is exact: that of the samples kept, 0 elsewhere.

    Parameters
    ----------
    range_db : float
        0 to 120; 120 keeps whatever lies above the floor.
    floor_dbfs : float
        -200 to 0.
    margin_ms : float
        Kept around what is active, 0 to 5000.
    pauses : bool
        Whether pauses inside are cut out as well, but for the margins.

    Raises
    ------
    BadAudio
        If no frame is active, as in silence: there is nothing to send. The item is counted as unscored.

    Notes
    -----
    [lin2025-hidden] reports that a neural detector of voice activity undoes a backdoor whose trigger is noise and not one
    of speed. This one goes by level alone: it keeps noise that is as loud as speech.
    """

    source: ClassVar[str] = "lin2025-hidden"
    gradient: ClassVar[Gradient] = "exact"

    range_db: float = 30.0
    floor_dbfs: float = -70.0
    margin_ms: float = 100.0
    pauses: bool = False

    def __post_init__(self) -> None:
        for name, low, high in (("range_db", 0, 120), ("floor_dbfs", -200, 0), ("margin_ms", 0, 5000)):
            if not low <= getattr(self, name) <= high:
                raise BadParameter(f"{name} of vad_trim must lie from {low} to {high}, got {getattr(self, name)!r}")

    def apply(self, clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
        """The part of the clip that speaks."""
        kept = self.kept(clip)
        return clip if kept.all() else clip.with_samples(clip.samples[kept])

    def backward(
        self, gradient: NDArray[np.float32], *, clip: AudioClip, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """The gradient in its place, 0 where the clip was cut."""
        back = np.zeros(clip.n_samples, dtype=np.float32)
        back[self.kept(clip)] = gradient
        return back

    def kept(self, clip: AudioClip) -> NDArray[np.bool_]:
        """Which samples are kept.

        Raises
        ------
        BadAudio
            If none is.
        """
        length = max(1, round(FRAME_S * clip.sample_rate))
        n_frames = -(-clip.n_samples // length)
        padded = np.zeros(n_frames * length, dtype=np.float32)
        padded[: clip.n_samples] = clip.samples
        powers = np.square(frames(padded, frame_length=length, hop_length=length), dtype=np.float64).sum(axis=1)
        powers /= np.minimum(length, clip.n_samples - length * np.arange(n_frames))  # the last one may be short
        least = float(np.percentile(powers, LOUD_PERCENTILE)) * 10 ** (-self.range_db / 10)
        active = (powers >= least) & (powers > 10 ** (self.floor_dbfs / 10))
        if not active.any():
            raise BadAudio(
                f"vad_trim must find speech above {self.floor_dbfs:g} dBFS, got a clip of {clip.duration_s:.3g} s at "
                f"{clip.level_dbfs:.3g} dBFS, of which it would leave nothing; leave the item out, or lower floor_dbfs"
            )
        places = np.flatnonzero(active)
        if not self.pauses:
            active[places[0] : places[-1] + 1] = True
        margin = round(self.margin_ms * 1e-3 * clip.sample_rate)
        kept = np.repeat(active, length)
        if margin:
            edges = np.flatnonzero(np.diff(kept, prepend=False, append=False))
            for begin, end in zip(edges[::2], edges[1::2]):
                kept[max(0, begin - margin) : end + margin] = True
        return kept[: clip.n_samples]
