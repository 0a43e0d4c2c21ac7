"""Steering towards refusal, less what would move harmless requests too (SARSteer)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from earnest.artefacts import Artefact
from earnest.audio import Entry, Stimulus
from earnest.defences._base import defences
from earnest.defences._inside import PROMPT, Inside, blocks_of, inner, requests
from earnest.errors import BadParameter
from earnest.models.access import Model, System
from earnest.models.edits import Edit

SUFFIX = " I cannot assist with that."


@defences.register("refusal_steering")
@dataclass(frozen=True, kw_only=True)
class RefusalSteering(Inside):
    """At every layer of the decoder, `strength` times a direction of refusal is added where the answer is decided.

    Of harmful requests the direction at a layer is the mean difference that refusal makes there (`contrast`). What of it
    lies in the space of harmless requests, the first `k` principal directions of their states, is taken away. Unconditional
    steering moves every request; with `gated` only a state is moved whose component along the direction is above that of
    all but `false_positive_rate` of harmless requests, on rows that the direction was not learnt on.

    Parameters
    ----------
    strength : float
        How much of the direction is added, in its own length: the alpha of the work.
    contrast : {"suffix", "labels"}
        "suffix": the state with the sentence of `suffix` behind the prompt, less the state without it, as in the work.
        "labels": the mean state of harmful requests less that of harmless ones, for a model that reads no such sentence
        (earnest/reference knows its own prompts alone).
    k : int
        Principal directions of harmless states that are left alone; 0 leaves none alone.
    safe_share : float
        How much of what lies there is taken away, in [0, 1]: the lambda of the work.
    gated : bool
        Whether only states that look harmful are moved.
    false_positive_rate : float
        Share of harmless requests that a gate lets be moved at a layer.
    suffix, prompt : str
        What is put behind the prompt, and the prompt while it is fitted.

    Notes
    -----
    Follows [lin2025-sarsteer] and its code (linweiii/SARSteer@5d9aafe): centred singular vectors, raw length of the
    direction, alpha 0.1 at every layer, at the position that decides the next token. The strength depends on the length
    of the states; the share of the direction that is left (`length_left` of the fit, by layer) is kept with it. The gate
    and `contrast="labels"` are ours, the second being the difference in means of [arditi2024-refusal].
    """

    source: ClassVar[str] = "lin2025-sarsteer"
    of_use: ClassVar[tuple[str, ...]] = ("strength", "gated", "false_positive_rate")

    strength: float = 0.1
    contrast: Literal["suffix", "labels"] = "suffix"
    k: int = 10
    safe_share: float = 1.0
    gated: bool = False
    false_positive_rate: float = 0.05
    suffix: str = SUFFIX
    prompt: str = PROMPT

    def __post_init__(self) -> None:
        if self.contrast not in ("suffix", "labels"):
            raise BadParameter(f"contrast of refusal_steering must be 'suffix' or 'labels', got {self.contrast!r}")
        if self.k < 0 or not 0 <= self.safe_share <= 1:
            raise BadParameter(
                f"k of refusal_steering must be at least 0 and safe_share in [0, 1], got {self.k!r} and {self.safe_share!r}"
            )
        if not np.isfinite(self.strength) or not 0 < self.false_positive_rate < 1:
            raise BadParameter(
                "strength of refusal_steering must be finite and false_positive_rate between 0 and 1, got "
                f"{self.strength!r} and {self.false_positive_rate!r}"
            )

    def edits(self, learnt: Mapping[str, NDArray[Any]], model: Model) -> list[Edit]:
        """One at each layer of the decoder."""
        edits = []
        for site in blocks_of(model, "decoder"):
            direction = learnt[f"{site}.direction"]
            if not self.gated:
                edits.append(Edit.add(site=site, at="generated", vector=direction, scale=self.strength))
                continue
            unit = direction / max(float(np.linalg.norm(direction)), 1e-12)
            threshold = float(np.quantile(learnt[f"{site}.harmless"], 1 - self.false_positive_rate))
            change = partial(moved, unit=unit, threshold=threshold, step=self.strength * direction)
            edits.append(Edit(site=site, at="generated", change=change, key=f"{self.spec} {site}", differentiable=True))
        return edits

    def fit(self, rows: Sequence[Entry], system: System | None, rng: np.random.Generator) -> Artefact:
        """The direction at each layer, from half of the rows, and how far along it the harmless ones of the rest lie."""
        model = inner(system, by="defence 'refusal_steering'")
        asked, harmful = requests(rows, prompt=self.prompt, by="defence 'refusal_steering'", least=4)
        sites = blocks_of(model, "decoder")
        states = self._states(model, asked, sites)
        learns = _halves(harmful, rng)
        there = {site: states[site][learns & harmful] for site in sites}
        if self.contrast == "suffix":
            pressed = [
                replace(each, prompt=each.prompt + self.suffix) for each, h in zip(asked, harmful, strict=True) if h
            ]
            with_suffix = self._states(model, pressed, sites)
            refused = {site: with_suffix[site][learns[harmful]] for site in sites}
        else:
            refused, there = there, {site: states[site][learns & ~harmful] for site in sites}
        arrays: dict[str, NDArray[Any]] = {}
        left = []
        for site in sites:
            step = (refused[site].mean(axis=0) - there[site].mean(axis=0)).astype(np.float64)
            if not np.linalg.norm(step) > 1e-9:
                raise BadParameter(
                    f"the states of {model.name!r} at {site} are the same with and without refusal, so there is no direction; "
                    'this model does not read the suffix: fit with contrast="labels"'
                )
            safe = states[site][learns & ~harmful]
            direction = step - self.safe_share * in_space(step, safe, k=self.k)
            left.append(float(np.linalg.norm(direction) / np.linalg.norm(step)))
            unit = direction / max(float(np.linalg.norm(direction)), 1e-12)
            arrays[f"{site}.direction"] = direction
            arrays[f"{site}.harmless"] = states[site][~learns & ~harmful] @ unit
        return self.made(arrays, length_left=dict(zip(sites, left, strict=True)))

    @staticmethod
    def _states(model: Model, stimuli: Sequence[Stimulus], sites: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        read = model.activations(stimuli, sites=sites, at="sep")
        return {site: np.stack([one[site] for one in read]).astype(np.float64) for site in sites}


def in_space(vector: NDArray[Any], states: NDArray[Any], *, k: int) -> NDArray[np.float64]:
    """The part of a vector in the first `k` principal directions of states, shape (width,).

    Parameters
    ----------
    vector : array, shape (width,)
    states : array, shape (n_states, width)
        Their mean is taken off first. Of n states there are at most n - 1 directions.
    """
    centred = np.asarray(states, dtype=np.float64) - np.mean(states, axis=0)
    _, strengths, directions = np.linalg.svd(centred, full_matrices=False)
    basis = directions[: min(k, int((strengths > 1e-9 * max(strengths[0], 1e-300)).sum()))]
    return np.asarray((np.asarray(vector, dtype=np.float64) @ basis.T) @ basis)


def moved(states: Any, *, unit: NDArray[Any], threshold: float, step: NDArray[Any]) -> Any:
    """States whose component along `unit` is above the threshold, moved by `step`; arrays and tensors alike."""
    like = (lambda values: values.astype(states.dtype)) if isinstance(states, np.ndarray) else states.new_tensor
    above = states @ like(np.asarray(unit)) > threshold
    return states + above[..., None] * like(np.asarray(step))


def _halves(harmful: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which rows are learnt from: half of either label, drawn."""
    learns = np.zeros(harmful.size, dtype=bool)
    for side in (np.flatnonzero(harmful), np.flatnonzero(~harmful)):
        learns[rng.permutation(side)[: (side.size + 1) // 2]] = True
    return learns
