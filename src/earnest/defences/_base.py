"""What every defence is.

A defence may change the clip before the model hears it (`apply`), the answer before the user gets it (`review`), or
both. A defence before the model also passes gradients back, so that it can be attacked adaptively: exactly where it has
a derivative, else by a stand-in, and it says which. Figures that were taken against an attacker who does not know the
defence are transfer figures, and the report names them so.

A defence never learns which attack it faces. What it costs (utility, over-refusal, milliseconds) is measured in the
run that shows its gain, by the arms of the plan.
"""

from __future__ import annotations

import abc
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from earnest.audio import AudioClip
from earnest.models.access import Answer
from earnest.registry import Registry

defences = Registry("defences")


class Defence(abc.ABC):
    """Base of the defences; subclasses are frozen keyword-only dataclasses under `@defences.register(name)`."""

    name: ClassVar[str] = ""
    source: ClassVar[str]
    """Catalogue key of the work it comes from."""
    gradient: ClassVar[Literal["exact", "stand_in", "none"]]
    """Whether `backward` is the derivative of `apply`, a stand-in for it, or `apply` changes nothing."""

    def apply(self, clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
        """The clip that the model hears instead; by default the same."""
        return clip

    def backward(self, gradient: NDArray[np.float32], *, clip: AudioClip) -> NDArray[np.float32]:
        """The gradient with respect to `clip`, given that with respect to `apply(clip)`.

        By default the same: exact for a defence that leaves the clip alone, and the straight-through stand-in of
        [athalye2018-obfuscated] for one that does not and has no derivative.

        Parameters
        ----------
        gradient : float32 array, shape (n_samples_applied,)
        clip : AudioClip
            What `apply` was given.

        Returns
        -------
        float32 array, shape (n_samples,)
            Of the shape of `clip.samples`.
        """
        return gradient

    def review(self, answer: Answer) -> Answer:
        """The answer that leaves the system instead; by default the same."""
        return answer
