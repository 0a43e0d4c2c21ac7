"""The plots of a comparison: pillars before and after, and the change of every headline with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from earnest.report.comparison_words import title_of_shift, turned
from earnest.report.estimates import AS_IT_IS, OTHER_RUN, Estimate, Figure, PlotRow
from earnest.report.gather import Report
from earnest.report.plots import NARROW_PX, WIDE_PX, interval_plot, slope_plot
from earnest.report.sections import arm_words
from earnest.results.compare import Shift

VERDICTS = {"better": "better", "worse": "worse", "no difference shown": "same"}

MAX_SLOPES = 12
"""More lines than this cover one another."""


@dataclass(frozen=True, kw_only=True)
class ComparedPlots:
    """The plots of one run against the baseline, for a desktop and for a phone; `slopes` is None where no pair is left."""

    changes: Figure
    changes_narrow: Figure
    slopes: Figure | None


def compared_plots(
    shifts: Sequence[Shift], *, other: Report, names: tuple[str, str], suffix: str = ""
) -> ComparedPlots | None:
    """The plots of what changed; None where nothing has a value.

    Parameters
    ----------
    shifts : sequence of Shift
    other : Report
        Whose task titles are used.
    names : (str, str)
        The baseline's name and the other run's.
    suffix : str
        Put behind the names of the figures, which are unique in a page.
    """
    known = [one for one in shifts if one.value is not None]
    if not known:
        return None
    rows = [_row(one, other, suffix) for one in _ordered(known)]
    options = {
        "name": f"changes{suffix}",
        "title": f"Change of every headline, {names[1]} less {names[0]}",
        "signed": True,
    }
    axis = f"worse ← {names[1]} less {names[0]} → better"
    return ComparedPlots(
        changes=interval_plot(rows, axis_name=axis, width=WIDE_PX, **options),  # type: ignore[arg-type]
        changes_narrow=interval_plot(rows, axis_name="worse ← → better", width=NARROW_PX, **options),  # type: ignore[arg-type]
        slopes=_slopes(known, other, names, suffix),
    )


def _ordered(shifts: Sequence[Shift]) -> list[Shift]:
    """Arm by arm, and within an arm the greatest loss first."""
    arms = list(dict.fromkeys(one.arm for one in shifts))
    return sorted(shifts, key=lambda one: (arms.index(one.arm), one.value))


def _row(shift: Shift, other: Report, suffix: str) -> PlotRow:
    mark = Estimate(
        value=shift.value,
        low=shift.low,
        high=shift.high,
        n=shift.n_items,
        verdict=VERDICTS.get(shift.verdict, "same"),
        about=f"{shift.verdict}. {turned(shift)}",
        id=shift.id,
    )
    label = title_of_shift(shift, other).removesuffix(f" ({arm_words(shift.arm)})")
    return PlotRow(
        label=label,
        marks=(mark,),
        heading=arm_words(shift.arm).capitalize(),
        href=_href(shift, suffix),
        strong=shift.task is None,
    )


def _href(shift: Shift, suffix: str) -> str:
    """Where the row of a change stands in the tables of the page."""
    return f"#row{suffix}-{shift.id}".replace(" ", "_")


def _slopes(shifts: Sequence[Shift], other: Report, names: tuple[str, str], suffix: str) -> Figure | None:
    """Pillars before and after in the clean arm; the only task of a pillar stands for it."""
    clean = [one for one in shifts if not one.arm.suffix]
    means = {one.pillar for one in clean if one.task is None}
    shown = [one for one in clean if one.task is None or one.pillar not in means][:MAX_SLOPES]
    rows = [
        PlotRow(
            label=one.pillar.capitalize(),
            marks=tuple(
                Estimate(
                    value=value,
                    n=one.n_items,
                    series=place,
                    verdict=VERDICTS.get(one.verdict, "same"),
                    about=turned(one),
                )
                for place, value in ((AS_IT_IS, one.first), (OTHER_RUN, one.second))
            ),
            href=_href(one, suffix),
        )
        for one in shown
        if one.first is not None and one.second is not None
    ]
    if not rows:
        return None
    return slope_plot(
        rows, name=f"pillars{suffix}", title=f"Pillars, {names[0]} and {names[1]}", sides=("baseline", "other run")
    )
