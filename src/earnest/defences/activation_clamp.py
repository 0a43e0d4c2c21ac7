"""Activations are kept within the range that ordinary requests have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from earnest.artefacts import Artefact
from earnest.audio import Entry
from earnest.defences._base import defences
from earnest.defences._inside import PROMPT, Inside, blocks_of, inner, requests
from earnest.errors import BadParameter
from earnest.models.access import Model, System
from earnest.models.edits import Edit


@defences.register("activation_clamp")
@dataclass(frozen=True, kw_only=True)
class ActivationClamp(Inside):
    """Each number of a block's state is clamped to its range over the calibration clips, at every position.

    An attack that works through activations which no ordinary request has is cut back; one that stays within the range passes.
    The range is that between the `outside` quantile and the `1 - outside` quantile over all positions of all clips of both
    labels, widened by `margin` times its width on either side.

    Parameters
    ----------
    part : {"encoder", "decoder"}
        The audio encoder or the language model.
    outside : float
        Share of activations of ordinary requests below the range, and above it, in [0, 0.5).
    margin : float
        At least 0.
    prompt : str
        What the model is asked while it is fitted.

    Notes
    -----
    A rule of ours, to compare published defences with.
    """

    source: ClassVar[str] = "earnest2026-toolkit"
    of_use: ClassVar[tuple[str, ...]] = ("margin",)

    part: Literal["encoder", "decoder"] = "encoder"
    outside: float = 0.001
    margin: float = 0.0
    prompt: str = PROMPT

    def __post_init__(self) -> None:
        if self.part not in ("encoder", "decoder"):
            raise BadParameter(f"part of activation_clamp must be 'encoder' or 'decoder', got {self.part!r}")
        if not 0 <= self.outside < 0.5 or not 0 <= self.margin < np.inf:
            raise BadParameter(
                f"outside of activation_clamp must lie in [0, 0.5) and margin must be at least 0, got {self.outside!r} and "
                f"{self.margin!r}"
            )

    def edits(self, learnt: Mapping[str, NDArray[Any]], model: Model) -> list[Edit]:
        """One at each block."""
        edits = []
        for site in blocks_of(model, self.part):
            low, high = (learnt[f"{site}.{end}"].astype(np.float64) for end in ("low", "high"))
            wider = self.margin * (high - low)
            edits.append(Edit.clamp(site=site, at="all", low=low - wider, high=high + wider))
        return edits

    def fit(self, rows: Sequence[Entry], system: System | None, rng: np.random.Generator) -> Artefact:
        """The range of each number at each block."""
        model = inner(system, by="defence 'activation_clamp'")
        asked, _ = requests(rows, prompt=self.prompt, by="defence 'activation_clamp'", least=1)
        sites = blocks_of(model, self.part)
        read = model.activations(asked, sites=sites, at="all")
        arrays = {}
        for site in sites:
            states = np.concatenate([one[site] for one in read])
            arrays[f"{site}.low"], arrays[f"{site}.high"] = np.quantile(
                states, [self.outside, 1 - self.outside], axis=0
            )
        return self.made(arrays)
