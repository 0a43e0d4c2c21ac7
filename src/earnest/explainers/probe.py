"""Linear probes by layer: what a label of the clip can be read from, and what a probe would read from anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earnest.audio import Entry
from earnest.errors import BadParameter
from earnest.explainers._base import Asked, explainers
from earnest.explainers._inside import (
    Beside,
    InnerExplainer,
    Inside,
    Row,
    as_stimuli,
    labelled,
    ridge_weights,
    states_of,
    value_of,
)
from earnest.metrics.intervals import wilson
from earnest.models.access import rng_for

FOLDS = 5


@explainers.register("probe")
@dataclass(frozen=True, kw_only=True)
class Probe(InnerExplainer):
    """How well a linear classifier reads a label from the states of each block, and how selective it is ([hewitt2019-control]).

    The classifier is ridge regression on the labels (one number a class), its strength the mean variance of the states; it
    is tested on clips that it was not fitted to, in five folds in which clips of one `pair` or text stay together. The
    control task keeps the clips and gives each *type* of clip a label at random, with the frequencies of the true ones: what
    a probe learns of it is its own memory. Selectivity is accuracy less that of the control; a layer that a probe reads
    well without being selective shows the probe, not the model. Types are the values of the column `type`, which must come
    back in the test folds for the control to be learnt at all.

    Parameters
    ----------
    label : str
        A column of the data: `label` (harmful or benign), `gender`, `accent`, ...
    type : str
        A column whose values the control labels go by.
    n_rows : int
        At most so many clips, at least 20.
    n_controls : int
        Draws of the control's labels.
    """

    source = "hewitt2019-control"
    needs = "activations"
    label: str = "label"
    type: str = "speaker"
    n_rows: int = 200
    n_controls: int = 10

    def __post_init__(self) -> None:
        if self.n_rows < 20 or self.n_controls < 1:
            raise BadParameter(
                f"n_rows must be at least 20 and n_controls at least 1, got {self.n_rows!r} and {self.n_controls!r}"
            )

    def look(self, asked: Asked, beside: Beside, *, seed: int = 0) -> Inside:
        """What is found inside the model about this decision."""
        model = asked.system.inner
        sites = [site for site in model.sites if site.partition(".")[0] in ("encoder", "projector", "decoder")]
        if not sites:
            asked.need("activations", of=self.name)
        others = [row for row in beside.rows if row.clip().digest != asked.clip.digest]
        if self.label == "label":
            others = [row for row in others if row.label in ("harmful", "benign")]
        rows, classes = labelled(others, self.label, by=self.name)
        rng = rng_for(seed, "probe", self.label)
        if len(rows) > self.n_rows:
            chosen = np.sort(rng.choice(len(rows), self.n_rows, replace=False))
            rows, classes = [rows[k] for k in chosen], classes[chosen]
        names = sorted({value_of(row, self.label) for row in rows})
        stimuli = as_stimuli(rows, prompt=asked.stimulus.prompt)
        asked.count(1 + len(stimuli))
        states = {**states_of(model, stimuli, sites)}
        own = states_of(model, [asked.stimulus], sites)
        fold = folds(groups_of(rows), rng=rng)
        types = [value_of(row, self.type) or row.id for row in rows]
        controls = [control_labels(types, classes, rng=rng) for _ in range(self.n_controls)]
        found = []
        for site in sites:
            right = correct(states[site], classes, fold)
            wrong = np.array([correct(states[site], own_labels, fold).mean() for own_labels in controls])
            within = wilson(n_success=int(right.sum()), n=right.size)
            low, high = np.quantile(wrong, [0.025, 0.975])
            says = names[int(scores(states[site], classes, own[site]).argmax())]
            found.append(
                Row(
                    where=site,
                    value=float(right.mean()),
                    low=float(within.low),
                    high=float(within.high),
                    control=float(wrong.mean()),
                    control_low=float(low),
                    control_high=float(high),
                    n=right.size,
                    note=f"selectivity {right.mean() - wrong.mean():.2f}; of this clip it reads {says!r}",
                )
            )
        most = float(np.bincount(classes).max() / classes.size)
        best = max(found, key=lambda row: row.value - (row.control or 0.0))
        beats = best.low is not None and best.low > max(most, best.control_high or 0.0)
        return Inside(
            unit=f"accuracy for {self.label!r} on clips that the probe was not fitted to; the commonest value {most:.2f}",
            control=f"the same probe on random labels by {self.type!r}: mean, and the middle 95 % of {self.n_controls}",
            rows=tuple(found),
            sentence=(
                f"{self.label!r} is read best at {best.where}: {best.value:.2f} [{best.low:.2f}, {best.high:.2f}] of "
                f"{best.n} clips, random labels {best.control:.2f}."
            ),
            beats_random=bool(beats),
        )


def groups_of(rows: Sequence[Entry]) -> list[str]:
    """What may not be in two folds: a clip and its twin, by either's id or a name of both, or clips of one text."""
    ids = {row.id for row in rows}
    return [
        "\x1f".join(sorted([row.id, row.pair])) if row.pair in ids else (row.pair or row.text or row.id) for row in rows
    ]


def folds(groups: Sequence[str], *, rng: np.random.Generator) -> NDArray[np.int64]:
    """The fold of each row, whole groups together."""
    names = sorted(set(groups))
    places = dict(zip(rng.permutation(names).tolist(), (k % FOLDS for k in range(len(names))), strict=True))
    return np.array([places[group] for group in groups])


def control_labels(types: Sequence[str], classes: NDArray[np.int64], *, rng: np.random.Generator) -> NDArray[np.int64]:
    """A label for each type, drawn with the frequencies of the classes."""
    drawn = {kind: int(rng.choice(classes)) for kind in sorted(set(types))}
    return np.array([drawn[kind] for kind in types])


def correct(states: NDArray[np.float64], classes: NDArray[np.int64], fold: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each row is read right by a probe that was fitted to the other folds."""
    right = np.zeros(classes.size, bool)
    for k in np.unique(fold):
        tests = fold == k
        if not tests.all():
            right[tests] = scores(states[~tests], classes[~tests], states[tests]).argmax(axis=1) == classes[tests]
    return right


def scores(states: NDArray[np.float64], classes: NDArray[np.int64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ridge regression on the classes, applied to other states; shape (n_others, n_classes)."""
    centre, spread = states.mean(axis=0), states.std(axis=0) + 1e-6 * max(float(states.std()), 1e-12)
    x, y = (states - centre) / spread, np.eye(int(classes.max()) + 1)[classes]
    weights = ridge_weights(x, y - y.mean(axis=0), strength=float(len(x)))
    return np.asarray(((others - centre) / spread) @ weights + y.mean(axis=0))
