"""What defences inside a model share: spoken requests of two labels to learn from, and edits that are in force.

A defence inside a model is calibrated from two lists of clips, `harmful` and `benign` rows of the data, and holds edits
of activations (`earnest.models.edits`). They are in force while the model is asked behind the defence, for its answers,
scores and gradients alike, so that an attacker who knows the defence attacks the model with it.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from earnest.artefacts import Artefact, used
from earnest.audio import Entry, Stimulus
from earnest.defences._base import Defence, Gradient
from earnest.errors import BadParameter
from earnest.models.access import Model, System
from earnest.models.edits import Edit
from earnest.registry import Spec

PROMPT = "Listen to the speaker and answer in one sentence."
"""What a model is asked about the clips that a defence learns from, where nobody says."""


@dataclass(frozen=True, kw_only=True)
class Inside(Defence):
    """Base of the defences that edit activations; a subclass implements `edits` and `fit`.

    Parameters
    ----------
    artefact : str
        What it was fitted to: path or SHA-256.
    """

    gradient: ClassVar[Gradient] = "none"
    """`apply` leaves the clip as it is; gradients pass through the edits, inside the model."""
    of_use: ClassVar[tuple[str, ...]] = ()
    """Parameters that a fit does not depend on, so that one fit serves several values."""

    artefact: str = ""

    @abc.abstractmethod
    def edits(self, learnt: Mapping[str, NDArray[Any]], model: Model) -> list[Edit]:
        """The edits, from the arrays of the fit."""

    def around(self, model: Model) -> Model:
        """The model with the edits in force whenever it is asked."""
        learnt = used(self.artefact, by=f"defence {self.name!r}", kind="defences", name=self.name).arrays
        edits = self.edits(learnt, model)
        return model.within(lambda: model.hooked(edits), key=str(self.spec))

    def made(self, arrays: Mapping[str, NDArray[Any]], **about: Any) -> Artefact:
        """The artefact of a fit, its numbers in 32 bits."""
        kept = {name: np.asarray(values, dtype=np.float32) for name, values in arrays.items()}
        beside = {"artefact", *self.of_use}
        parameters = {name: value for name, value in self.spec.parameters.items() if name not in beside}
        return Artefact("defences", str(Spec(self.name, parameters)), kept, about)


@dataclass(frozen=True, kw_only=True)
class InForce(Defence):
    """Edits as a defence, for a system that is asked while something is fitted."""

    source: ClassVar[str] = "earnest2026-toolkit"
    gradient: ClassVar[Gradient] = "none"

    edits: tuple[Edit, ...] = field(compare=False)
    key: str

    @property
    def spec(self) -> Spec:
        """A name of its own for these edits."""
        return Spec("edits", {"key": self.key})

    def around(self, model: Model) -> Model:
        """The model with the edits in force."""
        return model.within(lambda: model.hooked(self.edits), key=self.key)


def requests(
    rows: Sequence[Entry], *, prompt: str, by: str, least: int = 2
) -> tuple[list[Stimulus], NDArray[np.bool_]]:
    """Spoken requests among rows as stimuli, and which of them are harmful.

    Raises
    ------
    BadParameter
        If fewer than `least` are labelled `harmful`, or fewer than `least` `benign`.
    """
    labelled = [entry for entry in rows if entry.label in ("harmful", "benign")]
    harmful = np.array([entry.label == "harmful" for entry in labelled], dtype=bool)
    if min(harmful.sum(), (~harmful).sum()) < least:
        raise BadParameter(
            f"{by} needs at least {least} rows with the label 'harmful' and {least} with 'benign', got "
            f"{int(harmful.sum())} and {int((~harmful).sum())}; give data with the column label, or another split"
        )
    return [Stimulus(clips={"speech": entry.clip()}, prompt=prompt) for entry in labelled], harmful


def inner(system: System | None, *, by: str) -> Model:
    """The model of a system, whose activations a fit reads.

    Raises
    ------
    BadParameter
        If there is none, or it names no sites.
    """
    if system is None:
        raise BadParameter(f"{by} needs a model to learn from; give --model")
    if not system.model.sites:
        raise BadParameter(
            f"{by} needs a model whose activations can be read, got {system.model.name!r}, which names no sites; "
            "take a local model (earnest/reference, transformers/<folder>)"
        )
    return system.model


def blocks_of(model: Model, part: str) -> list[str]:
    """The sites of a model's blocks in `encoder`, `decoder`, `mlp.encoder` or `mlp.decoder`, in their order.

    Raises
    ------
    BadParameter
        If it has none.
    """
    sites = [site for site in model.sites if site.startswith(f"{part}.")]
    if not sites:
        raise BadParameter(f"{model.name!r} has no sites {part}.<k>; its sites are {', '.join(model.sites)}")
    return sites
