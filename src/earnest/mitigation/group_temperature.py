"""Temperature by group: scores that mean the same in every group, decisions unchanged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from earnest.errors import BadData
from earnest.mitigation._base import CLASSES, Floats, Ints, Mitigation, Rows, Rule, Scores, Stage, mitigation

FARTHEST = 20.0
"""A temperature lies between one over this and this."""
FLOOR = 1e-12


@mitigation.register("group_temperature")
@dataclass(frozen=True, kw_only=True)
class GroupTemperature(Mitigation):
    """The logits of each group are divided by a temperature that makes the likelihood of its labels greatest.

    Notes
    -----
    [guo2017-calibration], group by group. No decision changes, so that the gap it is about is that of the log loss. At a
    strength s the temperature is its s-th power.
    """

    source: ClassVar[str] = "guo2017-calibration"
    stage: ClassVar[Stage] = "after"
    needs: ClassVar[tuple[str, ...]] = (CLASSES,)
    measure: ClassVar[str] = "log_loss"

    def rule(self, outputs: Any, rows: Rows) -> Rule:
        """Other scores, fitted to those of rows that were not trained on."""
        own = {
            int(group): temperature(outputs.scores[rows.groups == group], rows.labels[rows.groups == group])
            ** self.strength
            for group in np.unique(rows.groups)
        }

        def rescaled(given: Scores, of: Rows) -> Scores:
            missing = sorted(set(of.groups.tolist()) - own.keys())
            if missing:
                raise BadData(f"no row of {of.names[missing[0]]} was calibrated on, so that it has no temperature")
            each = np.array([own[int(group)] for group in of.groups])
            if (each == 1).all():
                return given
            return Scores(scores=cooled(given.scores, each), decisions=given.decisions)

        return rescaled


def temperature(scores: Floats, labels: Ints) -> float:
    """The temperature that makes the mean log loss of labels least, between 1/20 and 20.

    Parameters
    ----------
    scores : float64 array, shape (n_rows, n_classes)
        Probabilities.
    """
    from scipy.optimize import minimize_scalar

    place = np.arange(len(labels))

    def loss(log_t: float) -> float:
        scaled = cooled(scores, np.full(len(labels), np.exp(log_t)))
        return float(-np.log(np.maximum(scaled[place, labels], FLOOR)).mean())

    found = minimize_scalar(loss, bounds=(-np.log(FARTHEST), np.log(FARTHEST)), method="bounded")
    return float(np.exp(found.x))


def cooled(scores: Floats, temperatures: Floats) -> Floats:
    """Probabilities whose logits were divided by each row's temperature."""
    logits = np.log(np.maximum(scores, FLOOR)) / temperatures[:, None]
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)
