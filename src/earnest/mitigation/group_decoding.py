"""Decoding by group: a recogniser drops or makes up words in one group; its blank is weighed for each group by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from earnest.errors import BadData
from earnest.mitigation._base import WORDS, Frames, Mitigation, Rows, Rule, Stage, mitigation

BIASES = tuple(np.linspace(-4, 4, 17).tolist())
"""What is tried as an addition to the log-probability of the blank."""


@mitigation.register("group_decoding")
@dataclass(frozen=True, kw_only=True)
class GroupDecoding(Mitigation):
    """A number is added to the blank's log-probability before greedy decoding, chosen for each group by its word errors.

    Notes
    -----
    The idea of [hardt2016-equality], a decision rule by group after training, for CTC: the blank is to a recogniser what
    the threshold is to a classifier, since it trades words left out against words made up. It lowers the errors of each
    group by themselves and equals nothing by force. Of biases that are equally good the smallest is taken. At a strength
    s the number is s times as large.
    """

    source: ClassVar[str] = "hardt2016-equality"
    stage: ClassVar[Stage] = "after"
    needs: ClassVar[tuple[str, ...]] = (WORDS,)

    def rule(self, outputs: Any, rows: Rows) -> Rule:
        """Other log-probabilities, fitted to those of rows that were not trained on."""
        own = {int(group): self.strength * best_bias(outputs, rows, int(group)) for group in np.unique(rows.groups)}

        def decoded(given: Frames, of: Rows) -> Frames:
            missing = sorted(set(of.groups.tolist()) - own.keys())
            if missing:
                raise BadData(f"no row of {of.names[missing[0]]} was calibrated on, so that its decoding is unknown")
            return Frames(
                log_probabilities=tuple(
                    biased(each, own[int(group)])
                    for each, group in zip(given.log_probabilities, of.groups, strict=True)
                ),
                read=given.read,
            )

        return decoded


def biased(log_probabilities: np.ndarray, bias: float) -> np.ndarray:
    """Log-probabilities with a number added to those of token 0."""
    if not bias:
        return log_probabilities
    out = log_probabilities.copy()
    out[:, 0] += bias
    return out


def best_bias(outputs: Frames, rows: Rows, group: int) -> float:
    """The bias at which the group's rows have the fewest word errors; the smallest of those."""
    from earnest.metrics.transcription import edit_counts

    places = np.flatnonzero(rows.groups == group)
    reference = [rows.texts[k] for k in places]

    def errors(bias: float) -> int:
        frames = Frames(
            log_probabilities=tuple(biased(outputs.log_probabilities[k], bias) for k in places), read=outputs.read
        )
        return edit_counts(reference=reference, hypothesis=frames.texts()).edits

    return min(BIASES, key=lambda bias: (errors(bias), abs(bias), bias))
