"""Thresholds by group: after training, each group gets the threshold, or the draw between two, that makes rates equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from earnest import registry
from earnest.errors import BadData, BadParameter
from earnest.mitigation._base import CLASSES, Floats, Mitigation, Rows, Rule, Scores, Stage, mitigation

CONSTRAINTS = (
    "equalized_odds", "demographic_parity", "true_positive_rate_parity", "false_positive_rate_parity",
    "true_negative_rate_parity", "false_negative_rate_parity",
)  # fmt: skip  # a table: one row a line


@mitigation.register("group_thresholds")
@dataclass(frozen=True, kw_only=True)
class GroupThresholds(Mitigation):
    """Of all thresholds by group, and draws between two, those with equal rates that are right most often.

    Parameters
    ----------
    constraint : str
        What is to be equal, as fairlearn names it: `equalized_odds`, `demographic_parity`, or parity of the rate of true
        or false positives or negatives.

    Notes
    -----
    [hardt2016-equality], by fairlearn's `ThresholdOptimizer`. It needs to know the group of everybody who is decided on,
    and draws some decisions at random: rates count each decision by its probability. At a strength s a decision is that
    of the plain threshold with probability 1 - s.
    """

    source: ClassVar[str] = "hardt2016-equality"
    stage: ClassVar[Stage] = "after"
    needs: ClassVar[tuple[str, ...]] = (CLASSES,)
    two_classes: ClassVar[bool] = True

    constraint: str = "equalized_odds"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.constraint not in CONSTRAINTS:
            raise BadParameter(
                f"constraint of group_thresholds must be one of {', '.join(CONSTRAINTS)}, got {self.constraint!r}"
            )

    def rule(self, outputs: Any, rows: Rows) -> Rule:
        """Decisions by group, fitted to scores of rows that were not trained on.

        Raises
        ------
        BadData
            If a group has one label only.
        MissingExtra
            If fairlearn is not installed.
        """
        drawn = fitted_thresholds(outputs.scores[:, rows.positive], rows, self.constraint)
        strength = self.strength

        def decided(given: Scores, of: Rows) -> Scores:
            chance = drawn(given.scores[:, of.positive], of.groups)
            fair = np.empty_like(given.decisions)
            fair[:, of.positive], fair[:, 1 - of.positive] = chance, 1 - chance
            return Scores(scores=given.scores, decisions=(1 - strength) * given.decisions + strength * fair)

        return decided


def fitted_thresholds(scores: Floats, rows: Rows, constraint: str) -> Callable[[Floats, np.ndarray], Floats]:
    """From scores and groups to the probability of a favourable decision, by fairlearn's optimiser."""
    registry.extra("fairlearn", needed_by="mitigation 'group_thresholds'")
    from fairlearn.postprocessing import ThresholdOptimizer
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Given(ClassifierMixin, BaseEstimator):
        """The first column as the score."""

        classes_ = np.array([0, 1])

        def fit(self, x: Any, y: Any) -> Given:
            return self

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict_proba(self, x: Any) -> Floats:
            column = np.asarray(x, dtype=np.float64)[:, 0]
            return np.column_stack([1 - column, column])

        def predict(self, x: Any) -> Floats:
            return (self.predict_proba(x)[:, 1] > 0.5).astype(int)

    good = (rows.labels == rows.positive).astype(int)
    for group in np.unique(rows.groups):
        if len(set(good[rows.groups == group].tolist())) < 2:
            raise BadData(
                f"thresholds of a group are chosen by rows of both labels, and the {np.sum(rows.groups == group)} rows of "
                f"{rows.names[group]} that are calibrated on have one; give more rows, or fewer folds"
            )
    optimiser = ThresholdOptimizer(
        estimator=Given(),
        constraints=constraint,
        objective="accuracy_score",
        prefit=True,
        predict_method="predict_proba",
    )
    optimiser.fit(scores[:, None], good, sensitive_features=rows.groups)
    between = optimiser.interpolated_thresholder_.interpolation_dict

    def chance(new: Floats, groups: np.ndarray) -> Floats:
        out = np.empty(len(new))
        for group in np.unique(groups):
            if group not in between:
                raise BadData(
                    f"no row of {rows.names[group]} was calibrated on, so that it has no threshold; give more rows"
                )
            one, own = between[group], new[groups == group]
            drawn = one.p0 * one.operation0(own) + one.p1 * one.operation1(own)
            if "p_ignore" in one:
                drawn = one.p_ignore * one.prediction_constant + (1 - one.p_ignore) * drawn
            out[groups == group] = drawn
        return out

    return chance
