"""What every defence is.

A defence has five doors, and overrides those that it uses: it may keep a stimulus from the model (`screen`), change the
clip before the model hears it (`apply`) or the prompts that go with it (`instruct`), reach into the model itself
(`around`), and change the answer before the user gets it (`review`). A defence that changes clips also passes gradients
back, so that it can be attacked adaptively: exactly where it has a derivative, else by a stand-in, and it says which.
Figures that were taken against an attacker who does not know the defence are transfer figures, and the report names
them so.

A defence never learns which attack it faces. What it costs (utility, over-refusal, milliseconds, and the calls, tokens
and money of the models that it asks) is measured in the run that shows its gain, by the arms of the plan. Where a model
that it asks gives no answer, the item fails with it: such a call is neither a pass nor a block.

Conventions: a defence that draws takes all its randomness from the generator it is given, so that `backward`, given one
in the same state, can draw the same again. Two draws of a random defence are two defences; an attack that wants the
mean over them (expectation over transformations) asks for several.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from earnest.artefacts import Artefact
from earnest.audio import AudioClip, Entry, Stimulus
from earnest.errors import BadParameter
from earnest.models.access import Answer, Model, Passed, Screened, System
from earnest.models.guards import Guards
from earnest.registry import Registry, Spec

defences = Registry("defences")

Gradient = Literal["exact", "stand_in", "none"]


@dataclass(frozen=True, kw_only=True)
class Defence(abc.ABC):
    """Base of the defences; subclasses are frozen keyword-only dataclasses under `@defences.register(name)`.

    A subclass states `source` and `gradient`, and overrides the doors that it uses.
    """

    name: ClassVar[str] = ""
    source: ClassVar[str]
    """Catalogue key of the work it comes from."""
    reader: ClassVar[str] = ""
    """Name and version of the reader by which it decides about answers, where judges may decide by the same."""
    sends_clips: ClassVar[bool] = False
    """Whether the models that it asks are sent recordings, and not words alone."""

    @property
    @abc.abstractmethod
    def gradient(self) -> Gradient:
        """Whether `backward` is the derivative of `apply`, a stand-in for it, or `apply` changes nothing ("none")."""

    @property
    def asks(self) -> tuple[str, ...]:
        """Specifications of the models that it asks, an empty one being the system's own; by default nobody.

        A defence that asks takes a parameter `guards` in `screen` or `review` and asks through it (`earnest.models.guards`).
        """
        return ()

    @property
    def random(self) -> bool:
        """Whether `apply` draws; by default not."""
        return False

    @property
    def spec(self) -> Spec:
        """Name and parameters, those with their default value left out."""
        return Spec.of(self)

    def apply(self, clip: AudioClip, *, rng: np.random.Generator) -> AudioClip:
        """The clip that the model hears instead; by default the same.

        Best of the same rate and length and aligned with `clip`; otherwise `backward` has to be overridden.
        """
        return clip

    def backward(
        self, gradient: NDArray[np.float32], *, clip: AudioClip, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """The gradient with respect to `clip`, given that with respect to `apply(clip, rng=rng)`.

        By default the same: exact for a defence that leaves the clip alone or adds what does not depend on it, and the
        straight-through stand-in of [athalye2018-obfuscated] for one that does neither.

        Parameters
        ----------
        gradient : float32 array, shape (n_samples_applied,)
        clip : AudioClip
            What `apply` was given.
        rng : numpy.random.Generator
            In the state in which `apply` was given it.

        Returns
        -------
        float32 array, shape (n_samples,)
            Of the shape of `clip.samples`.

        Raises
        ------
        BadParameter
            If the lengths differ, so that there is no straight-through gradient.
        """
        if gradient.shape != clip.samples.shape:
            raise BadParameter(
                f"defence {self.name!r} turned {clip.n_samples} samples into {gradient.size}, which has no "
                "straight-through gradient; override `backward`"
            )
        return gradient

    @property
    def reads_transcript(self) -> bool:
        """Whether it decides by what the model writes down of the clip, so that an attack has to drive that too."""
        return False

    def lets_by(self, target: str, *, guards: Guards) -> bool:
        """Whether it would let by a model that writes down and says what a search drives it to (`Target.transcript`).

        Asked by attacks that know the defence, before their first step, where `reads_transcript` says so.
        """
        return True

    def instruct(self, stimulus: Stimulus) -> Stimulus:
        """The stimulus with the prompts that the model gets instead; by default the same. Its clips stay."""
        return stimulus

    def fit(self, rows: Sequence[Entry], system: System | None, rng: np.random.Generator) -> Artefact | None:
        """What the defence learns beforehand from rows of data, as an artefact; by default there is nothing to fit."""
        return None

    def screen(self, stimulus: Stimulus) -> Screened:
        """`Passed(note)` or `Blocked(reason)`; by default everything passes.

        What is blocked spares the model's call. The user is told a refusal, and is scored by it: right where a refusal is
        right. `note` is given to this defence's own `review`.

        Parameters
        ----------
        stimulus : Stimulus
            As the defences before this one passed it on.
        """
        return Passed()

    def around(self, model: Model) -> Model:
        """The model with what the defence does inside it; by default the same.

        Whatever is set up in the network must be off whenever this model is not being asked, and after an exception: ask
        through `model.within(...)`, which enters a context for each call. The model given is shared with those who are
        asked without the defence.
        """
        return model

    def review(self, answer: Answer, *, stimulus: Stimulus | None = None, note: Any = None) -> Answer:
        """The answer that leaves the system instead; by default the same.

        May also be written as `review(self, answer)`.

        Parameters
        ----------
        answer : Answer
        stimulus : Stimulus or None
            What the user sent, before any defence.
        note : object
            What this defence's `screen` noted.
        """
        return answer
