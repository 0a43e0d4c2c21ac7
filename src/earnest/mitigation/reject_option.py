"""Reject option: decisions that are uncertain go to the groups that fare worse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from earnest.errors import BadParameter
from earnest.mitigation._base import CLASSES, Floats, Ints, Mitigation, Rows, Rule, Scores, Stage, mitigation

TARGETS = ("selection_rate", "true_positive_rate")


@mitigation.register("reject_option")
@dataclass(frozen=True, kw_only=True)
class RejectOption(Mitigation):
    """Within a band around one half, deprived groups get the favourable decision and all others the unfavourable one.

    Parameters
    ----------
    target : {"selection_rate", "true_positive_rate"}
        The rate that is made equal: of favourable decisions, as in the work, or of those among rows whose label is
        favourable.

    Notes
    -----
    Reject option based classification of [kamiran2012-decision]. A row lies in the band if the probability of its
    likelier class is at most theta; of all theta that change a decision for a row of the calibration, the smallest is
    taken that leaves the least gap there. Deprived are groups whose rate is below that of all rows, of which the work
    has one. At a strength s the band is s times as wide.
    """

    source: ClassVar[str] = "kamiran2012-decision"
    stage: ClassVar[Stage] = "after"
    needs: ClassVar[tuple[str, ...]] = (CLASSES,)
    two_classes: ClassVar[bool] = True

    target: str = "selection_rate"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.target not in TARGETS:
            raise BadParameter(f"target of reject_option must be {' or '.join(TARGETS)}, got {self.target!r}")

    def rule(self, outputs: Any, rows: Rows) -> Rule:
        """Decisions with a band, fitted to scores of rows that were not trained on."""
        counted = np.ones(len(rows), dtype=bool) if self.target == TARGETS[0] else rows.labels == rows.positive
        scores = outputs.scores[:, rows.positive]
        deprived = deprived_groups(scores[counted] > 0.5, rows.groups[counted])
        half = band(scores[counted], rows.groups[counted], deprived) * self.strength

        def decided(given: Scores, of: Rows) -> Scores:
            own = given.scores[:, of.positive]
            inside = np.abs(own - 0.5) <= half if half > 0 else np.zeros(len(own), dtype=bool)
            out = given.decisions.copy()
            out[inside] = 0.0
            place = np.where(np.isin(of.groups, deprived), of.positive, 1 - of.positive)
            out[inside, place[inside]] = 1.0
            return Scores(scores=given.scores, decisions=out)

        return decided


def deprived_groups(favoured: np.ndarray, groups: Ints) -> Ints:
    """Groups with a lower rate of favourable decisions than all rows together."""
    return np.array([group for group in np.unique(groups) if favoured[groups == group].mean() < favoured.mean()])


def band(scores: Floats, groups: Ints, deprived: Ints) -> float:
    """Half the width of the band around 0.5 that leaves the least gap between the rates of groups; the smallest such."""
    best = (_gap(scores > 0.5, groups), 0.0)
    helped = np.isin(groups, deprived)
    for half in np.unique(np.abs(scores - 0.5)):
        gap = _gap(np.where(np.abs(scores - 0.5) <= half, helped, scores > 0.5), groups)
        if gap < best[0] - 1e-12:
            best = (gap, float(half))
    return best[1]


def _gap(favoured: np.ndarray, groups: Ints) -> float:
    return float(np.ptp([favoured[groups == group].mean() for group in np.unique(groups)]))
