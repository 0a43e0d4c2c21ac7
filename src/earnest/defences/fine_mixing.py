"""Fine-mixing: a suspect model's weights mixed at random with those of a clean one, and trained on a few clean rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from earnest.defences._base import defences
from earnest.defences._training import Lesson, TrainedDefence, check_counts, fine_tuned, some
from earnest.errors import BadParameter
from earnest.models import load_model
from earnest.models.learner import put_weights

if TYPE_CHECKING:
    from earnest.models.learner import Learner, Weights


@defences.register("fine_mixing")
@dataclass(frozen=True, kw_only=True)
class FineMixing(TrainedDefence):
    """Each weight is kept with the probability `keep`, else taken from a clean model; a little training mends the rest.

    w = (1 - m) w_clean + m w_suspect, with an m of 0 or 1 drawn for every single weight.

    Parameters
    ----------
    clean : str
        A model of the very same architecture that is trusted: the one that the suspect was made from.
    keep : float in [0, 1]
        Share of the suspect's weights that stay; 0 is the clean model, trained on.
    n_rows : int
        Rows of the fit that are trained on afterwards, drawn; the work takes few.
    steps, batch_size : int
        Of that training.
    learning_rate : float

    Notes
    -----
    The two steps of [zhang2022-finemixing], without its purification of word embeddings, which is against triggers in
    words. The clean weights are what the defence lives on: where the suspect model was tuned from the clean one by
    nobody but the attacker, as the siblings of the embedded model are, the clean one alone would do as well.
    """

    source: ClassVar[str] = "zhang2022-finemixing"

    clean: str = "earnest/reference"
    keep: float = 0.3
    n_rows: int = 64
    steps: int = 40
    batch_size: int = 16
    learning_rate: float = 1e-4

    def __post_init__(self) -> None:
        check_counts(self, n_rows=2, steps=0, batch_size=1, learning_rate=0.0)
        if not 0 <= self.keep <= 1:
            raise BadParameter(f"keep of fine_mixing must be a share in [0, 1], got {self.keep!r}")

    def trained(self, learner: Learner, lessons: Sequence[Lesson], rng: np.random.Generator) -> Mapping[str, Any]:
        """The weights after mixing and training."""
        suspect, clean = learner.weights(), load_model(self.clean).learner().weights()
        put_weights(learner.module, mixed(clean=clean, suspect=suspect, keep=self.keep, rng=rng), name=self.name)
        return fine_tuned(learner, some(lessons, self.n_rows, rng), self, before=suspect, rng=rng)


def mixed(*, clean: Weights, suspect: Weights, keep: float, rng: np.random.Generator) -> dict[str, Any]:
    """The suspect's weights where a draw says so, with the probability `keep` for each, else the clean ones.

    Raises
    ------
    BadParameter
        If the two are not of one architecture.
    """
    others = sorted(
        key for key in clean.keys() | suspect.keys() if np.shape(clean.get(key)) != np.shape(suspect.get(key))
    )
    if others:
        raise BadParameter(
            f"weights can be mixed of two models of one architecture, and {len(others)} of theirs differ "
            f"({', '.join(others[:3])}); give as clean= the model that the suspect one was made from"
        )
    return {
        key: np.where(rng.random(np.shape(array)) < keep, array, clean[key]).astype(np.float32)
        for key, array in suspect.items()
    }
