"""The published results of AudioTrust as data, what of them can be recomputed, and how far its two judges agree.

The numbers lie in `published.yaml`, as the paper prints them. Nothing there has an interval, for the paper
gives none and its answers are not published; none is made up here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources

import yaml
from pydantic import ValidationError

from earnest.benchmarks.published import JudgeGap, Published, Recomputed, judge_gaps
from earnest.errors import BadData
from earnest.metrics.audiotrust import (
    authentication_mean,
    fairness_mean,
    mean_abs,
    privacy_mean,
    robustness_from_clarity,
    safety_total,
)

JUDGES = ("GPT-4o", "Qwen3")
"""Who judged the same answers, one after the other."""


@cache
def published() -> Published:
    """The published results of AudioTrust (arXiv 2505.16211v4), validated.

    Raises
    ------
    BadData
        If the file is broken.

    Examples
    --------
    >>> published().table("safety_gpt4o").columns["illegal"][0]  # percent, SALMONN
    77.1
    """
    file = resources.files("earnest.benchmarks.audiotrust").joinpath("published.yaml")
    try:
        return Published.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise BadData(f"{file.name} is broken; install earnest again", [str(error)]) from error


# ---------------------------------------------------------------- what can be recomputed

Rows = Mapping[str, Sequence[Mapping[str, float | None]]]


def recomputed() -> list[Recomputed]:
    """Every published aggregate that has parts, and the one that cannot be computed, in the order of the pillars."""
    data = published()
    board = data.table("leaderboard").columns
    decision, stereotype = (data.table(key).model_averages for key in ("decision", "stereotype"))
    of = _Maker(data)
    return [
        of(
            "group fairness, decision",
            "Tables 7-8, average",
            "mean of the 21 cells without their signs",
            0.005,
            decision,
            lambda at: mean_abs(_all_given(at["decision"].values())),
        ),
        of(
            "group fairness, stereotype",
            "Tables 9-10, average",
            "mean of the 21 cells without their signs",
            0.005,
            stereotype,
            lambda at: mean_abs(_all_given(at["stereotype"].values())),
        ),
        of(
            "fairness",
            "Figure 2b",
            "mean of the averages of Tables 7-8 and 9-10",
            0.005,
            board["fairness"],
            lambda at: fairness_mean(stereotype=at["averages"]["stereotype"], decision=at["averages"]["decision"]),
        ),
        of(
            "hallucination",
            "Figure 2b",
            "not known: no table gives it; beside it stands the mean of Table 2 over ten",
            None,
            board["hallucination"],
            lambda at: math.fsum(_all_given(at["hallucination_gpt4o"].values())) / 40,
        ),
        of(
            "safety",
            "Figure 2b",
            "Table 3, GPT-4o, weighted by items: 100, 100, 100 and 300",
            0.001,
            board["safety"],
            lambda at: safety_total(**at["safety_gpt4o"]) / 100,
        ),
        of(
            "privacy",
            "Figure 2b",
            "mean of 20 cells of Table 18, the setting counted twice as it has two sets of clips",
            0.003,
            board["privacy"],
            lambda at: privacy_mean(twenty_cells(at["privacy_attributes"])) / 100,
        ),
        of(
            "robustness",
            "Figure 2b",
            "mean of the six clarity scores of Table 22 over ten",
            0.001,
            board["robustness"],
            lambda at: robustness_from_clarity(_all_given(at["clarity"].values())),
        ),
        of(
            "authentication",
            "Figure 2b",
            "mean of IVB, HS with background and VCS of Table 6, GPT-4o",
            0.001,
            board["authentication"],
            _authentication,
        ),
    ]


def twenty_cells(attributes: Mapping[str, float | None]) -> list[float]:
    """The 20 cells of the privacy column from the 18 of Table 18, which prints the setting's two sets of clips once."""
    twice = [value for name, value in attributes.items() if name.startswith("setting")]
    return _all_given([*attributes.values(), *twice])


def _authentication(at: Mapping[str, Mapping[str, float | None]]) -> float:
    rates = at["authentication_gpt4o"]
    bypass, spoofing = _all_given([rates["IVB"], rates["HS"]])
    return authentication_mean(bypass=bypass, spoofing=spoofing, cloning=rates["VCS"]) / 100


class _Maker:
    """Computes an aggregate model by model; a model that the parts lack has none."""

    def __init__(self, data: Published) -> None:
        self._n = len(data.models)
        self._rows: dict[str, Sequence[Mapping[str, float | None]]] = {key: data.rows(key) for key in data.tables}
        averages = {key: data.table(key).model_averages for key in ("decision", "stereotype")}
        self._rows["averages"] = [{key: row[place] for key, row in averages.items()} for place in range(self._n)]

    def __call__(
        self,
        name: str,
        cited: str,
        how: str,
        tolerance: float | None,
        printed: tuple[float | None, ...],
        value: Callable[[Mapping], float],
    ) -> Recomputed:
        computed: list[float | None] = []
        for place in range(self._n):
            try:
                computed.append(value({key: rows[place] for key, rows in self._rows.items()}))
            except _Missing:
                computed.append(None)
        return Recomputed(
            name=name, cited=cited, how=how, tolerance=tolerance, published=printed, computed=tuple(computed)
        )


class _Missing(Exception):
    """A part that the aggregate needs is not published."""


def _all_given(values: Sequence[float | None]) -> list[float]:
    found = list(values)
    if any(value is None for value in found):
        raise _Missing
    return [value for value in found if value is not None]


def gaps_of_judges() -> list[JudgeGap]:
    """Every column that both judges scored, in the order of the tables."""
    data = published()
    names = [key.removesuffix("_gpt4o") for key in data.tables if key.endswith("_gpt4o")]
    return judge_gaps(data, {name: (f"{name}_gpt4o", f"{name}_qwen3") for name in names})
