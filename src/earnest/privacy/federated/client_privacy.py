"""Client-level differential privacy of a federated run: clipped updates, and noise that the clients add themselves.

Each client clips its update to one norm and adds its share of Gaussian noise, so that the sum of all shares has standard
deviation `noise_multiplier` * `clip_norm`, as federated speech recognition did [pelikan2023-federated]. Who sees the sum alone
(through the secure sum) faces the stated epsilon. Who sees one update faces its share, which is smaller by the root of
the number of clients: `alone_epsilon` states that one too. All clients take part in every round: nothing is gained by
sampling.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earnest.errors import BadParameter
from earnest.privacy.accounting import epsilon_of

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ClientPrivacy:
    """How updates are clipped and blurred.

    Parameters
    ----------
    clip_norm : float
        Largest length of an update over all parameters.
    noise_multiplier : float
        Standard deviation of the noise in the sum, in units of `clip_norm`; 0 clips alone.
    n_clients : int
        How many share the noise.
    """

    clip_norm: float
    noise_multiplier: float
    n_clients: int

    def __post_init__(self) -> None:
        if not (self.clip_norm > 0 and math.isfinite(self.clip_norm) and 0 <= self.noise_multiplier < math.inf):
            raise BadParameter(
                f"clip_norm must be positive and noise_multiplier at least 0, got {self.clip_norm!r} and {self.noise_multiplier!r}"
            )
        if self.n_clients < 1:
            raise BadParameter(f"n_clients must be at least 1, got {self.n_clients!r}; count those of a round")

    @property
    def share(self) -> float:
        """Standard deviation of the noise of one client, in every coordinate."""
        return self.noise_multiplier * self.clip_norm / math.sqrt(self.n_clients)

    def protected(self, update: Floats, *, rng: np.random.Generator) -> Floats:
        """The update, not longer than `clip_norm`, with this client's share of the noise."""
        length = float(np.linalg.norm(update))
        clipped = update * min(1.0, self.clip_norm / length) if length > 0 else update
        return clipped + rng.normal(0.0, self.share, update.shape) if self.share else clipped.copy()

    def epsilon(self, *, n_rounds: int, delta: float) -> float:
        """Epsilon of one client's participation for those who see the sums of all rounds; infinite without noise."""
        return self._epsilon(self.noise_multiplier, n_rounds=n_rounds, delta=delta)

    def alone_epsilon(self, *, n_rounds: int, delta: float) -> float:
        """The same for those who see the client's own updates, each with its share of the noise."""
        return self._epsilon(self.noise_multiplier / math.sqrt(self.n_clients), n_rounds=n_rounds, delta=delta)

    @staticmethod
    def _epsilon(noise: float, *, n_rounds: int, delta: float) -> float:
        if not noise:
            return math.inf
        return float(epsilon_of(noise_multiplier=noise, sampling_rate=1.0, n_steps=n_rounds, delta=delta).high)
