"""Short-time spectra there and back, and signals made of magnitudes alone.

Frames overlap by three quarters under Hann windows, so that the sum of the squared windows is the same at every sample
of a clip: what is taken apart and put together again is the clip, and a clip whose spectra are multiplied by real gains
is a linear map that is its own adjoint. A clip may have any length; it stands between silences of a frame each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earnest.audio.spectra import frames, hann

OVERLAP = 4
"""Frames that cover each sample."""

Samples = NDArray[np.floating[Any]]
Spectra = NDArray[np.complexfloating[Any, Any]]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """How a clip is cut into frames.

    Parameters
    ----------
    frame : int
        Samples in a frame, a multiple of four.
    """

    frame: int

    @classmethod
    def of(cls, frame_s: float, sample_rate: int) -> Grid:
        """Frames of about so many seconds, of 8 samples at least."""
        return cls(frame=OVERLAP * max(2, round(frame_s * sample_rate / OVERLAP)))

    @property
    def hop(self) -> int:
        """Samples from a frame to the next."""
        return self.frame // OVERLAP

    def spectra(self, samples: Samples) -> Spectra:
        """The spectrum of each frame, shape (n_frames, frame // 2 + 1), in the precision of the samples."""
        from scipy import fft

        padded = np.zeros(len(samples) + 2 * self.frame, dtype=samples.dtype)
        padded[self.frame : self.frame + len(samples)] = samples
        window = hann(self.frame).astype(samples.dtype)
        return fft.rfft(frames(padded, frame_length=self.frame, hop_length=self.hop) * window, axis=1)  # type: ignore[no-any-return]

    def samples(self, spectra: Spectra, n_samples: int) -> Samples:
        """The samples whose spectra are nearest to these, by least squares [griffin1984-signal, equation 6]."""
        from scipy import fft

        made = fft.irfft(spectra, self.frame, axis=1)
        window = hann(self.frame).astype(made.dtype)
        made *= window
        whole = np.zeros((len(made) + OVERLAP - 1, self.hop), dtype=made.dtype)
        for part in range(OVERLAP):
            whole[part : part + len(made)] += made[:, part * self.hop : (part + 1) * self.hop]
        joined = whole.reshape(-1)[self.frame : self.frame + n_samples]
        return joined / joined.dtype.type(np.dot(window, window) / self.hop)

    def weighted(self, samples: Samples, gains: NDArray[np.floating[Any]]) -> Samples:
        """The samples with their spectra multiplied by real gains; for fixed gains this map is its own adjoint."""
        spectra = self.spectra(samples)
        spectra *= gains.astype(samples.dtype)
        return self.samples(spectra, len(samples))


def griffin_lim(
    magnitudes: NDArray[np.floating[Any]], *, grid: Grid, n_samples: int, iterations: int
) -> tuple[Samples, Spectra]:
    """Samples of about these magnitudes, and the phases that the iteration came to [griffin1984-signal].

    Phases begin from zero, so that nothing is drawn. Where a spectrum has no phase, it gets 0.

    Returns
    -------
    samples : float array, shape (n_samples,)
    phases : complex array, of the shape of the magnitudes
        Of modulus 1.
    """
    phases: Spectra = np.ones(magnitudes.shape, dtype=np.result_type(magnitudes.dtype, np.complex64))
    for _ in range(iterations):
        again = grid.spectra(grid.samples(magnitudes * phases, n_samples))
        modulus = np.abs(again)
        heard = modulus > np.finfo(modulus.dtype).tiny * 16
        phases = np.where(heard, again / np.where(heard, modulus, 1), 1).astype(phases.dtype)
    return grid.samples(magnitudes * phases, n_samples), phases
