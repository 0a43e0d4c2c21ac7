"""A universal additive change: one quiet noise for every clip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.attacks._base import attacks
from earnest.attacks._budget import Budget, energy
from earnest.attacks._universal import UniversalAttack, requested
from earnest.audio import AudioClip, Entry, Stimulus
from earnest.errors import BadParameter
from earnest.models.access import System


@attacks.register("universal_additive")
@dataclass(frozen=True, kw_only=True)
class UniversalAdditive(UniversalAttack):
    """One noise, repeated and added to every clip, that makes the model comply with harmful requests.

    It is fitted on rows labelled `harmful` whose `action` is known, so that the answer to each begins as a complying one.

    Parameters
    ----------
    artefact : str
        What it was fitted to: path or SHA-256.
    length_s, epsilon : float
        1 s, repeated or cut to the length of a clip, and 0.01 of full scale; with `snr_db` the bound on its shape alone.
    snr_db : float or None
        SNR that it has on every clip, louder on loud clips; None adds it as it is.
    prompt : str
        What the model is asked while it is fitted.
    steps, batch : int
        Steps of the fit, and rows of each: not those of the work.
    learning_rate : float
        Of Adam at the first step, as a share of `epsilon`; it falls to a tenth: not that of the work.

    Notes
    -----
    Departs from [neekhara2019-universal] in seeking compliance where the work raises the error of a recogniser, in Adam on batches
    for one clip after the other, and in repeating a second for a change as long as the longest clip.
    """

    source: ClassVar[str] = "neekhara2019-universal"
    other_words: ClassVar[bool] = True
    added: ClassVar[bool] = True

    length_s: float = 1.0
    epsilon: float = 0.01
    snr_db: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.snr_db is not None and not -20 <= self.snr_db <= 60:
            raise BadParameter(
                f"snr_db of {self.name} must be from -20 to 60, got {self.snr_db!r}; leave it out for none"
            )

    @property
    def budget(self) -> Budget:
        """`snr_db` where it is given, else `epsilon`."""
        return Budget(epsilon=self.epsilon) if self.snr_db is None else Budget(snr_db=self.snr_db)

    def gain(self, clip: AudioClip, segment: NDArray[np.float32]) -> float:
        """By which it has its SNR on a clip; silence stays as it is."""
        if self.snr_db is None:
            return 1.0
        length = energy(np.resize(segment, clip.n_samples))
        return math.sqrt(energy(clip.samples) / length / 10 ** (self.snr_db / 10)) if length else 0.0

    def aims(self, rows: Sequence[Entry], system: System, stimuli: Sequence[Stimulus]) -> list[str | None]:
        """How a complying answer to each harmful row begins."""
        return [requested(entry) for entry in rows]
