"""The logit lens and the tuned lens: what the answer's first token would be if the decoder stopped at each block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earnest.errors import BadParameter
from earnest.explainers._base import Asked, explainers
from earnest.explainers._inside import (
    Beside,
    InnerExplainer,
    Inside,
    Row,
    as_stimuli,
    blocks_of,
    ridge_weights,
    states_of,
)
from earnest.metrics.intervals import mean_interval
from earnest.models.access import rng_for

HELD_OUT = 0.3
"""Share of the rows on which lenses are compared, and not tuned."""


@explainers.register("logit_lens")
@dataclass(frozen=True, kw_only=True)
class LogitLens(InnerExplainer):
    """The probability of the answer's first token, read from the state of each block by the model's own last layers.

    With `tuned` an affine map of each block's states comes first, which was fitted to other clips so that it gives the state
    that the model ends with ([belrose2023-tuned]). They fit it for the least Kullback-Leibler divergence from the last
    layer's distribution by gradient descent; here it is the least squared distance to the last state, with a ridge towards
    the identity as strong as the mean variance of the states, since a few dozen clips must do. The divergence of either
    lens from what the model ends with is measured on clips that no map was fitted to. The control is a lens of
    states in which each number was taken from another clip at random: what a block's usual numbers give without the clip.

    Parameters
    ----------
    tuned : bool
    n_rows : int
        Other clips that are read, at least 10.
    """

    source = "belrose2023-tuned"
    needs = "activations"
    tuned: bool = False
    n_rows: int = 60

    def __post_init__(self) -> None:
        if self.n_rows < 10:
            raise BadParameter(f"n_rows must be at least 10, got {self.n_rows!r}; give more")

    def look(self, asked: Asked, beside: Beside, *, seed: int = 0) -> Inside:
        """What is found inside the model about this decision."""
        model = asked.system.inner
        sites = blocks_of(model, "decoder", by=self.name)
        others = [row for row in beside.rows if row.clip().digest != asked.clip.digest][: self.n_rows]
        if len(others) < 10:
            raise BadParameter(f"{self.name} is measured on at least 10 other clips, got {len(others)}; give more data")
        rng = rng_for(seed, "lens", asked.clip.digest)
        stimuli = as_stimuli(others, prompt=asked.stimulus.prompt)
        asked.count(1 + len(stimuli))
        states = states_of(model, stimuli, sites, at="sep")
        own = states_of(model, [asked.stimulus], sites, at="sep")
        ends = log_softmax(model.lens(states[sites[-1]], site=sites[-1]))
        token = model.first_token(asked.answer)
        n_fitted = max(1, round(len(others) * (1 - HELD_OUT)))
        order = rng.permutation(len(others))
        learns, tests = order[:n_fitted], order[n_fitted:]
        rows, where_first = [], ""
        for site in sites:
            read_as, moved = site, (lambda rows: rows)
            if self.tuned and site != sites[-1]:
                read_as, moved = sites[-1], translator(states[site][learns], states[sites[-1]][learns])
            read = log_softmax(model.lens(moved(own[site]), site=read_as))[0]
            apart = divergence(ends[tests], log_softmax(model.lens(moved(states[site][tests]), site=read_as)))
            within = mean_interval(apart)
            mixed = np.stack([rng.permutation(column) for column in states[site].T], axis=1)
            by_chance = np.exp(log_softmax(model.lens(moved(mixed), site=read_as))[:, token])
            low, high = np.quantile(by_chance, [0.025, 0.975])
            best = [int(place) for place in np.argsort(-read)[:3]]
            where_first = where_first or (site if best[0] == token else "")
            rows.append(
                Row(
                    where=f"{site}, sep",
                    value=float(np.exp(read[token])),
                    control=float(by_chance.mean()),
                    control_low=float(low),
                    control_high=float(high),
                    note=(
                        f"most likely {', '.join(repr(text) for text in model.token_texts(best))}; divergence on other clips "
                        f"{apart.mean():.2f} [{max(0.0, within.low):.2f}, {within.high:.2f}] nats, n = {len(tests)}"
                    ),
                )
            )
        (text,) = model.token_texts([token])
        beats = any(row.control_high is not None and row.value > row.control_high for row in rows[:-1])
        first = (
            f"is the most likely one from {where_first} on"
            if where_first
            else "is the most likely one at no block, so that it was not decided by its state alone"
        )
        return Inside(
            unit=f"probability of the answer's first token, {text!r}",
            control="numbers of other clips in random order: mean, and the middle 95 %",
            rows=tuple(rows),
            sentence=f"By the {'tuned' if self.tuned else 'logit'} lens the token {text!r} {first}.",
            beats_random=beats,
        )


def translator(states: NDArray[np.float64], ends: NDArray[np.float64]) -> Callable[[Any], NDArray[np.float64]]:
    """The affine map from states to those that the model ends with."""
    centre, steps = states.mean(axis=0), ends - states
    x, shift = states - centre, steps.mean(axis=0)
    weights = ridge_weights(x, steps - shift)
    return lambda rows: np.asarray(rows + shift + (rows - centre) @ weights)


def log_softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Log-probabilities over the last axis."""
    shifted = np.asarray(logits, dtype=np.float64) - np.max(logits, axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def divergence(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kullback-Leibler divergence of log-probabilities from others, row by row, in nats."""
    return np.asarray((np.exp(one) * (one - other)).sum(axis=-1))
