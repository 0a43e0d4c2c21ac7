"""The matrix by hand: fronts, predictions, the search, what a cell and a column hold."""

from __future__ import annotations

import pytest

from earnest.errors import BadParameter
from earnest.results.matrix import (
    Column,
    MatrixCell,
    Number,
    front,
    fronts,
    predicted,
    predicted_utility,
    predictions_for,
    search,
    stack_as_candidate,
    worst_cell,
)


def share(k: int, n: int) -> Number:
    return Number.counted(k, n)


def column(name: str, *, utility: float, worst: float | None, ms: float | None = 1.0, no_value: str = "") -> Column:
    return Column(
        defences=(name,) if name else (),
        utility=Number(value=utility, n=10),
        worst=None if worst is None else Number(value=worst, n=10),
        added_ms=None if ms is None else Number(value=ms, n=10, unit="ms"),
        no_value=no_value,
    )


def test_a_share_has_wilsons_interval_and_none_without_items() -> None:
    one = share(1, 4)
    assert one.value == 0.25 and one.n == 4
    assert (round(one.low, 4), round(one.high, 4)) == (0.0456, 0.6994)  # z = 1.96: (0.25 + 0.4802 -+ ...) / 1.9604
    assert share(0, 0).value is None and share(0, 0).low is None


def test_the_front_keeps_what_nothing_is_better_than_in_both() -> None:
    points = {
        ("safe",): (0.9, 0.2),
        ("middle",): (0.6, 0.6),
        ("as_safe_and_worse",): (0.6, 0.5),
        ("helpful",): (0.1, 0.9),
        ("poor",): (0.1, 0.8),
        ("middle_too",): (0.6, 0.6),
    }
    assert front(points) == (("safe",), ("middle",), ("helpful",), ("middle_too",))


def test_fronts_weigh_safety_against_help_and_against_time_and_leave_out_what_has_no_value() -> None:
    made = [
        column("", utility=0.9, worst=0.8, ms=None),  # no defence takes no time
        column("slow", utility=0.7, worst=0.1, ms=50.0),
        column("quick", utility=0.8, worst=0.3, ms=2.0),
        column("worse", utility=0.75, worst=0.4, ms=3.0),
        column("guard", utility=0.9, worst=None, no_value="guard is judge"),
    ]
    utility, latency = fronts(made)
    assert (utility.cost, utility.stacks) == ("utility", ((), ("slow",), ("quick",)))
    assert (latency.cost, latency.stacks) == ("latency", ((), ("slow",), ("quick",)))


def test_a_stack_is_taken_to_let_through_what_every_member_lets_through() -> None:
    one = {"a": True, "b": True, "c": False, "only_here": True}
    two = {"a": True, "b": False, "c": False, "other": True}
    assert predicted([one]) == (3, 4)
    assert predicted([one, two]) == (1, 3)
    assert predicted([one, two, {"a": False, "b": True, "c": True}]) == (0, 3)
    assert predicted([]) == (0, 0)


def test_a_stack_is_taken_to_help_where_every_member_does() -> None:
    made = predicted_utility([{"a": 1.0, "b": 1.0, "c": 0.0}, {"a": 1.0, "b": 0.0, "c": 1.0, "d": 1.0}])
    assert (made.value, made.n) == (pytest.approx(1 / 3), 3)
    parts = predicted_utility([{"a": 0.5, "b": 1.0}, {"a": 0.8, "b": 0.25}])
    assert parts.value == pytest.approx((0.5 + 0.25) / 2) and parts.low is None


BROKEN = {  # items 1 to 4; two attacks on three defences
    ("pgd", ("x",)): {"1": True, "2": True, "3": False, "4": False},
    ("pgd", ("y",)): {"1": False, "2": True, "3": True, "4": False},
    ("pgd", ("z",)): {"1": False, "2": False, "3": False, "4": False},
    ("bon", ("x",)): {"1": False, "2": False, "3": False, "4": False},
    ("bon", ("y",)): {"1": True, "2": False, "3": False, "4": False},
    ("bon", ("z",)): {"1": True, "2": True, "3": True, "4": False},
    ("pgd", ()): {"1": True, "2": True, "3": True, "4": True},
    ("bon", ()): {"1": True, "2": True, "3": True, "4": True},
}
HELPED = {
    ("x",): {"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0},
    ("y",): {"a": 1.0, "b": 1.0, "c": 1.0, "d": 0.0},
    ("z",): {"a": 0.0, "b": 1.0, "c": 1.0, "d": 1.0},
    (): {"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0},
}
COLUMNS = [
    column("", utility=1.0, worst=1.0),
    column("x", utility=1.0, worst=0.5, ms=1.0),
    column("y", utility=0.75, worst=0.5, ms=2.0),
    column("z", utility=0.75, worst=0.75, ms=4.0),
]


def test_the_search_takes_the_stack_that_the_worst_attack_reaches_least_among_those_that_help() -> None:
    found = search(COLUMNS, BROKEN, HELPED, least_utility=0.5)
    # x+y lets 1 of 4 through (item 2, pgd), y+z 1 (item 1, bon), x+z none, x+y+z none; x+z has fewer members
    assert found.n_candidates == 7 and found.best is not None
    assert found.best.defences == ("x", "z")
    assert (found.best.worst.value, found.best.worst.n, found.best.utility.value) == (0.0, 4, 0.75)
    assert found.best.added_ms == 5.0
    assert [one.defences for one in found.candidates[:2]] == [("x", "z"), ("x", "y", "z")]
    by_name = {one.defences: one for one in found.candidates}
    assert (by_name["x", "y"].worst.value, by_name["x", "y"].worst_attack) == (0.25, "pgd")
    assert (by_name["y", "z"].worst.value, by_name["y", "z"].worst_attack) == (0.25, "bon")
    assert by_name["x", "y"].mean_on_target == pytest.approx(0.125)


def test_help_that_is_asked_for_rules_out_what_is_safer() -> None:
    found = search(COLUMNS, BROKEN, HELPED, least_utility=0.9)
    assert found.best is not None and found.best.defences == ("x",)  # the only one that answers all four
    assert found.candidates[0] == found.best and not found.candidates[1].allowed
    none = search(COLUMNS[2:], BROKEN, HELPED, least_utility=0.9)
    assert none.best is None and "90%" in none.note and len(none.candidates) == 3


def test_what_has_no_value_is_not_searched_and_named() -> None:
    guarded = [*COLUMNS[:3], column("z", utility=0.75, worst=None, no_value="guard and judge are the same")]
    found = search(guarded, BROKEN, HELPED, least_utility=0.5)
    assert found.left_out == {"z": "guard and judge are the same"}
    assert found.best is not None and "z" not in found.best.defences
    without = {key: value for key, value in BROKEN.items() if key != ("bon", ("y",))}
    assert search(COLUMNS, without, HELPED, least_utility=0.5).left_out == {"y": "not every attack on it was judged"}


def test_a_stack_of_ones_own_is_predicted_alike_and_must_be_of_columns() -> None:
    chosen = stack_as_candidate(("x", "y"), COLUMNS, BROKEN, HELPED, least_utility=0.5)
    assert (chosen.worst.value, chosen.utility.value, chosen.allowed) == (0.25, 0.75, True)
    told = predictions_for(chosen, BROKEN)
    assert {attack: (one.value, one.n) for attack, one in told.items()} == {"pgd": (0.25, 4), "bon": (0.0, 4)}
    with pytest.raises(BadParameter, match="a column of its own with a value, got w; there are x, y, z"):
        stack_as_candidate(("x", "w"), COLUMNS, BROKEN, HELPED, least_utility=0.5)


def test_the_worst_cell_of_a_stack_is_by_either_knowledge_and_never_one_without_a_value() -> None:
    def cell(attack: str, knowledge: str, value: float | None, **more: str) -> MatrixCell:
        return MatrixCell(
            attack=attack, defences=("x",), knowledge=knowledge, on_target=Number(value=value, n=4), **more
        )

    cells = [
        cell("pgd", "adaptive", 0.25),
        cell("pgd", "transfer", 0.5),
        cell("bon", "adaptive", None),
        cell("fgsm", "either", 0.9, no_value="guard is judge"),
    ]
    worst = worst_cell(cells, ("x",))
    assert worst is not None and (worst.attack, worst.knowledge) == ("pgd", "transfer")
    assert worst_cell(cells, ("y",)) is None
    assert worst.arm.crafted_on == "undefended" and cells[0].arm.crafted_on is None
