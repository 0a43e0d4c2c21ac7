"""A voice as a vector, learnt in seconds: statistics of cepstra over a mixture, discriminating directions, and a ratio.

Cepstra of 24 coefficients and their slopes are gathered over the Gaussians of a mixture; how far each mean of a clip lies
from the mixture's own, shrunk where little was heard (relevance adaptation), is one long vector. Principal directions,
then those that part speakers best (linear discriminant analysis), make it short, and it is scaled to one length. Two
vectors are compared by the log-likelihood ratio of a Gaussian model of speakers and of what varies within one
(probabilistic linear discriminant analysis).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from earnest.audio import AudioClip
from earnest.audio.cepstra import slopes
from earnest.audio.spectra import log_mel
from earnest.detectors._mixture import Mixture, fitted_mixture
from earnest.errors import BadAudio

Floats = NDArray[np.float64]

SAMPLE_RATE = 16_000
N_MELS, N_CEPSTRA = 40, 24
QUIET_DB = 30.0
RELEVANCE = 16.0
"""Frames of a Gaussian at which a clip's own mean counts as much as the mixture's."""
RIDGE = 0.05
"""Share of the mean variance within speakers that is added to each direction."""
MAX_FRAMES = 60_000


def voice_frames(clip: AudioClip) -> Floats:
    """Cepstra and slopes of the frames that are heard, shape (n_frames, 48).

    Raises
    ------
    BadAudio
        If it is silent.
    """
    if clip.peak == 0.0:
        raise BadAudio("a clip must hold a voice to be compared, got silence")
    from scipy import fft

    bands = log_mel(clip.resampled(SAMPLE_RATE).samples, SAMPLE_RATE, n_mels=N_MELS).astype(np.float64)
    loudness = logsumexp(bands, axis=1)
    heard = loudness > loudness.max() - QUIET_DB * np.log(10) / 10
    cepstra = fft.dct(bands[heard], norm="ortho", axis=1)[:, 1 : N_CEPSTRA + 1]
    return np.concatenate([cepstra, slopes(cepstra)], axis=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class VoiceSpace:
    """From frames to vectors, and from two vectors to a ratio.

    Parameters
    ----------
    mixture : Mixture
    centre : float64 array, shape (n_components * 48,)
    directions : float64 array, shape (n_components * 48, n_directions)
        Variance within speakers is 1 along each, and directions do not go together.
    between : float64 array, shape (n_directions,)
        Variance of speakers along each direction.
    """

    mixture: Mixture
    centre: Floats
    directions: Floats
    between: Floats

    def vector(self, frames: Floats) -> Floats:
        """The vector of a clip, of one length for all, shape (n_directions,)."""
        found = (_statistics(frames, self.mixture) - self.centre) @ self.directions
        return self._scaled(found)

    def joined(self, vectors: Sequence[Floats]) -> Floats:
        """One vector of several clips of one voice."""
        return self._scaled(np.mean(vectors, axis=0))

    def ratio(self, first: Floats, second: Floats) -> float:
        """Log-likelihood ratio of one speaker against two, direction by direction."""
        return float(self.ratios(first[None], second[None])[0, 0])

    def ratios(self, first: Floats, second: Floats) -> Floats:
        """The ratio of each of some vectors with each of others, shapes (n, n_directions) and (m, n_directions) to (n, m)."""
        whole = self.between + 1
        alone = whole**2 - self.between**2
        square = 0.5 * (1 / whole - whole / alone)
        constant = 0.5 * float(np.sum(2 * np.log(whole) - np.log(alone)))
        both = (first * (self.between / alone)) @ second.T
        return np.asarray((first**2 @ square)[:, None] + (second**2 @ square)[None] + both + constant)

    def _scaled(self, vector: Floats) -> Floats:
        wanted = np.sqrt(np.sum(self.between + 1))
        return vector * (wanted / max(float(np.linalg.norm(vector)), 1e-12))

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """What an artefact keeps."""
        parts = {f"mixture.{name}": getattr(self.mixture, name) for name in ("weights", "means", "variances")}
        parts |= {name: getattr(self, name) for name in ("centre", "directions", "between")}
        return {name: value.astype(np.float32) for name, value in parts.items()}

    @classmethod
    def of(cls, arrays: Mapping[str, Any]) -> VoiceSpace:
        """From what an artefact has kept."""
        kept = {name: np.asarray(value, dtype=np.float64) for name, value in arrays.items()}
        mixture = Mixture(**{name: kept[f"mixture.{name}"] for name in ("weights", "means", "variances")})
        return cls(mixture=mixture, **{name: kept[name] for name in ("centre", "directions", "between")})


def fitted_space(
    clips: Sequence[Floats], speakers: Sequence[str], *, n_components: int, n_principal: int, n_directions: int,
    rng: np.random.Generator,
) -> VoiceSpace:  # fmt: skip
    """The space of the frames of clips with their speakers; at least two speakers, and one with two clips."""
    frames = np.concatenate(list(clips))
    some = frames[np.sort(rng.choice(len(frames), min(MAX_FRAMES, len(frames)), replace=False))]
    mixture = fitted_mixture(some, n_components=n_components, n_steps=10, rng=rng)
    table = np.stack([_statistics(one, mixture) for one in clips])
    centre = table.mean(axis=0)
    principal = np.linalg.svd(table - centre, full_matrices=False)[2][: min(n_principal, len(clips) - 1)].T
    short = (table - centre) @ principal
    names, places, counts = np.unique(np.asarray(speakers), return_inverse=True, return_counts=True)
    means = np.stack([short[places == place].mean(axis=0) for place in range(len(names))])
    rest = short - means[places]
    within = rest.T @ rest / max(len(short) - len(names), 1)
    between = np.cov(means.T) - within * np.mean(1 / counts)  # what the means of few clips vary by is no speaker's
    within += RIDGE * np.trace(within) / len(within) * np.eye(len(within))
    from scipy import linalg

    variances, axes = linalg.eigh(between, within)
    best = np.argsort(variances)[::-1][:n_directions]
    return VoiceSpace(
        mixture=mixture,
        centre=centre,
        directions=principal @ axes[:, best],
        between=np.maximum(variances[best], 1e-3),
    )


def _statistics(frames: Floats, mixture: Mixture) -> Floats:
    """How far the means of the clip lie from the mixture's, in its standard deviations, shrunk; one long vector."""
    joint = mixture.log_joint(frames)
    share = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    n = share.sum(axis=0)
    moved = (share.T @ frames - n[:, None] * mixture.means) / np.sqrt(mixture.variances)
    return (moved / (n + RELEVANCE)[:, None] * np.sqrt(mixture.weights)[:, None]).ravel()
