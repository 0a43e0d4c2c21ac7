"""What explainers share that look inside a model: a table of what was found where, beside what chance gives there.

A row is a place in the model, a site and a position as `earnest.models.edits` names them. No row is believed by itself:
each has a control, and `Inside.beats_random` says whether what is found is more than that.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earnest.audio import Entry, Stimulus
from earnest.errors import AccessDenied, BadParameter
from earnest.explainers._base import Asked, Method
from earnest.models.access import Model
from earnest.models.edits import Edit

PROMPT = "Listen to the speaker and answer in one sentence."
"""What a model is asked about clips that a method learns from, where nobody says."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was found at one place.

    Parameters
    ----------
    where : str
        Site and position, or what else a row is of.
    value : float
    low, high : float or None
        Interval of 95 %; None where one observation has none.
    control, control_low, control_high : float or None
        What chance gives at the same place.
    n : int
        Observations.
    note : str
    """

    where: str
    value: float
    low: float | None = None
    high: float | None = None
    control: float | None = None
    control_low: float | None = None
    control_high: float | None = None
    n: int = 1
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Inside:
    """What a method finds inside a model.

    Parameters
    ----------
    unit : str
        What the values of rows are.
    control : str
        What the control of a row is.
    rows : tuple of Row
    sentence : str
    beats_random : bool
    """

    unit: str
    control: str
    rows: tuple[Row, ...]
    sentence: str
    beats_random: bool


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What is at hand beside the item.

    Parameters
    ----------
    rows : tuple of Entry
        Labelled recordings to learn from and to compare with.
    twin : Stimulus or None
        The item with what decides changed, and little else: of a harmful request the harmless one.
    """

    rows: tuple[Entry, ...] = ()
    twin: Stimulus | None = None


@dataclass(frozen=True, kw_only=True)
class InnerExplainer(Method):
    """Base of the explainers that look inside a model."""

    @abc.abstractmethod
    def look(self, asked: Asked, beside: Beside, *, seed: int = 0) -> Inside:
        """What is found inside the model about this decision.

        Raises
        ------
        AccessDenied
            If the model's activations are out of reach.
        BadParameter
            If what is beside the item is not enough.
        """


def blocks_of(model: Model, part: str, *, by: str) -> list[str]:
    """The sites of a model's blocks in `encoder`, `decoder`, `mlp.decoder` or `heads.decoder`, in their order.

    Raises
    ------
    AccessDenied
        If it has none.
    """
    sites = [site for site in model.sites if site.startswith(f"{part}.")]
    if not sites:
        named = ", ".join(model.sites) or "none"
        raise AccessDenied(
            f"{by} needs a model with sites {part}.<k>, and those of {model.name!r} are: {named}; take a local model "
            "(earnest/reference, transformers/<folder>)"
        )
    return sites


def states_of(
    model: Model, stimuli: Sequence[Stimulus], sites: Sequence[str], *, at: Any = None
) -> dict[str, NDArray[np.float64]]:
    """The states of stimuli at each site, shape (n_stimuli, width)."""
    read = model.activations(stimuli, sites=sites, at=at)
    return {site: np.stack([one[site] for one in read]).astype(np.float64) for site in sites}


def gradients_at(
    model: Model, stimuli: Sequence[Stimulus], targets: Sequence[str], *, sites: Sequence[str], at: Any
) -> dict[str, NDArray[np.float64]]:
    """The gradient of the mean log-probability of each target's tokens to the state at each site, shape (n_stimuli, width).

    Where a site has several positions the gradient to a change of all of them alike, their sum.
    """
    found: dict[str, list[NDArray[np.float64]]] = {site: [] for site in sites}
    for stimulus, target in zip(stimuli, targets, strict=True):
        kept: dict[str, list[Any]] = {site: [] for site in sites}
        edits = [Edit(site=site, at=at, change=_watching(kept[site]), differentiable=True) for site in sites]
        with model.hooked(edits) as watched:
            watched.loss_and_gradient([stimulus], targets=[target])
        for site, gradients in kept.items():
            if not gradients:
                raise BadParameter(f"no gradient reaches {site!r} at {at!r} of {model.name!r}; take another site")
            rows = [gradient.detach().double().cpu().numpy().sum(axis=0) for gradient in gradients]
            found[site].append(-np.sum(rows, axis=0))
    return {site: np.stack(rows) for site, rows in found.items()}


def _watching(kept: list[Any]) -> Any:
    """A change that changes nothing and keeps the gradients that come back to what it sees."""

    def watch(rows: Any) -> Any:
        if rows.requires_grad:
            rows.register_hook(kept.append)
        return rows

    return watch


def labelled(rows: Sequence[Entry], label: str, *, by: str, least: int = 4) -> tuple[list[Entry], NDArray[np.int64]]:
    """The rows that have a value of the column, and the number of each's value in their sorted order.

    Raises
    ------
    BadParameter
        If fewer than two values have `least` rows; those that have fewer are left out.
    """
    values = [(row, value_of(row, label)) for row in rows]
    counts: dict[str, int] = {}
    for _, value in values:
        if value:
            counts[value] = counts.get(value, 0) + 1
    kept = sorted(value for value, count in counts.items() if count >= least)
    if len(kept) < 2:
        seen = ", ".join(f"{value} {count}" for value, count in sorted(counts.items())) or "none"
        raise BadParameter(
            f"{by} needs rows of at least two values of the column {label!r}, {least} of each, got: {seen}; name another "
            "column or give other data"
        )
    chosen = [(row, kept.index(value)) for row, value in values if value in kept]
    return [row for row, _ in chosen], np.array([place for _, place in chosen])


def value_of(row: Entry, column: str) -> str:
    """What a row has in a column; empty where that is nothing."""
    return str(getattr(row, column, None) or row.attributes.get(column) or "")


def as_stimuli(rows: Sequence[Entry], *, prompt: str = PROMPT) -> list[Stimulus]:
    """What a model is asked about the rows."""
    return [Stimulus(clips={"speech": row.clip()}, prompt=prompt) for row in rows]


def ridge_weights(
    x: NDArray[np.float64], y: NDArray[np.float64], *, strength: float | None = None
) -> NDArray[np.float64]:
    """Weights of ridge regression of y on x, both centred, by the kernel, since rows are fewer than columns.

    Parameters
    ----------
    x : float64 array, shape (n_rows, width)
    y : float64 array, shape (n_rows,) or (n_rows, n_targets)
    strength : float or None
        Added to the kernel's diagonal; None takes the mean variance of x for each row.
    """
    ridge = float(np.mean(x**2)) * len(x) + 1e-12 if strength is None else strength
    return np.asarray(x.T @ np.linalg.solve(x @ x.T + ridge * np.eye(len(x)), y))
