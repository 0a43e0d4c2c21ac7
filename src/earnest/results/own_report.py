"""Where a leaderboard's number is another than in a run's own report, and why.

A table is made of the tasks that all of its runs were asked, a report of all tasks of its run. So a pillar may have another number
here, or none; each such case is told with the tasks that make the difference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from earnest.results.combining import SAME
from earnest.results.scorecard import PillarScore, scorecard
from earnest.results.standings import PillarPlace, Standing, StandingsTable


@dataclass(frozen=True, kw_only=True)
class Differs:
    """A pillar whose number in a table is not that of the run's own report.

    Parameters
    ----------
    folder, model : str
        The run.
    pillar : str
    here, own : float or None
        The table's value and the report's; None where it has none.
    why : str
        A clause: `here it is made of 2 of its 3 tasks; left out: note keeping (not asked of b)`.
    """

    folder: str
    model: str
    pillar: str
    here: float | None
    own: float | None
    why: str


def own_pillars(standing: Standing) -> dict[str, PillarScore]:
    """The pillars of a run's own report, by name."""
    heads = [head.finding for head in standing.headlines.values()]
    return {score.pillar: score for score in scorecard(standing.plan, heads, standing.lines).pillars}


def differing(table: StandingsTable) -> list[Differs]:
    """Every pillar of every run of a table whose number is another in the run's own report."""
    found = []
    for row in table.rows:
        run = row.standing
        for pillar, score in own_pillars(run).items():
            place = row.pillars.get(pillar)
            here = None if place is None else place.value
            if not _equal(here, score.value):
                why = _why(table, run, pillar, place=place, own=score)
                found.append(
                    Differs(folder=run.name, model=run.shown_model, pillar=pillar, here=here, own=score.value, why=why)
                )
    return found


def _equal(here: float | None, own: float | None) -> bool:
    if here is None or own is None:
        return here is own
    return math.isclose(here, own, rel_tol=0, abs_tol=SAME)


def _why(table: StandingsTable, run: Standing, pillar: str, *, place: PillarPlace | None, own: PillarScore) -> str:
    ran = [name for name, head in run.headlines.items() if head.finding.pillar == pillar]
    kept = [name for name in ran if name in table.tasks.get(pillar, ())]
    gone = [name for name in ran if name not in kept]
    if place is None or place.value is None:
        reasons = _reasons(table, gone)
        whole = table.left_out.get(pillar, "it has no number here")
        return (
            f"it has no number here, since of this pillar {whole}"
            if not reasons
            else f"it has no number here; {reasons}"
        )
    if own.value is None:
        return f"its own report gives none: {own.no_value or 'nothing was scored'}"
    return f"here it is made of {len(kept)} of its {len(ran)} tasks; {_reasons(table, gone)}"


def _reasons(table: StandingsTable, gone: Sequence[str]) -> str:
    told = [f"{name.replace('_', ' ')} ({table.left_out[name]})" for name in gone if name in table.left_out]
    return f"left out: {', '.join(told)}" if told else ""


__all__ = ["Differs", "differing", "own_pillars"]
