"""Plots: every mark is where its number says, and drawing, table and specification show the same numbers."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from earnest.errors import BadParameter
from earnest.report.drawing import scale, standalone, tick_text
from earnest.report.estimates import AS_IT_IS, CONTROL, DEFENDED, OTHER_RUN
from earnest.report.plots import (
    Cell,
    Curve,
    Estimate,
    PlotRow,
    Point,
    curve_plot,
    heat_map,
    interval_plot,
    scatter_plot,
    slope_plot,
)

HOSTILE = '</svg><script>alert("1")</script>\u202e'
SVG = "{http://www.w3.org/2000/svg}"


def drawn(figure) -> ElementTree.Element:
    return ElementTree.fromstring(standalone(figure.svg))


def test_ticks_are_round_and_hold_all_values() -> None:
    assert scale([0.3, 0.9], unit="fraction", begin=0, end=100).ticks == (0, 0.25, 0.5, 0.75, 1)
    signed = scale([-0.34, 0.02], unit="fraction", begin=0, end=100, zero=True)
    assert (signed.low, signed.high, signed.ticks) == (-0.4, 0.1, (-0.4, -0.3, -0.2, -0.1, 0.0, 0.1))
    assert scale([3, 61], unit="dB", begin=0, end=1).ticks == (0, 20, 40, 60, 80)
    assert scale([], unit="dB", begin=0, end=1).low < scale([7.0], unit="dB", begin=0, end=1).high
    assert [tick_text(v, "fraction", signed=True) for v in (-0.4, 0.0, 0.1)] == ["−40", "0", "+10"]


def test_marks_of_a_forest_lie_where_their_numbers_are() -> None:
    rows = [
        PlotRow(label="a", marks=(Estimate(value=0.25, low=0.0, high=1.0, n=7),), chance=0.5),
        PlotRow(label="b", marks=(), absent="not run"),
    ]
    figure = interval_plot(rows, name="f", title="Forest", width=760, label_width=100)
    tree = drawn(figure)  # the axis runs from 110 to 742
    circle = next(tree.iter(f"{SVG}circle"))
    assert float(circle.get("cx")) == pytest.approx(110 + 632 * 0.25)
    span, chance = (
        next(x for x in tree.iter(f"{SVG}line") if x.get("class") == kind) for kind in ("p-range", "p-chance")
    )
    assert (float(span.get("x1")), float(span.get("x2"))) == (110, 742)
    assert float(chance.get("x1")) == 110 + 316
    assert figure.header == ("", "value", "95 % interval", "n", "chance level")
    assert figure.rows == (("a", "25 %", "0 to 100 %", "7", "50 %"), ("b", "not run", "–", "–", "–"))
    assert "a: 25 % (0 to 100 %), n = 7; chance level 50 %" in ["".join(t.itertext()) for t in tree.iter(f"{SVG}title")]


def test_two_conditions_have_two_shapes_and_a_legend() -> None:
    row = PlotRow(label="a", marks=(Estimate(value=0.2, n=5), Estimate(value=0.9, n=4, series=1)))
    figure = interval_plot([row], name="f", title="t", series=("clean", "defended"))
    assert [row[:3] for row in figure.rows] == [("a", "clean", "20 %"), ("a", "defended", "90 %")]
    classes = [node.get("class") for node in drawn(figure).iter() if "p-mark" in (node.get("class") or "")]
    assert classes.count("p-mark") == 2 and classes.count("p-mark p-hollow") == 2  # in the plot, and in the legend
    assert {"clean", "defended"} <= {node.text for node in drawn(figure).iter(f"{SVG}text")}


def test_a_meaning_has_one_mark_in_every_figure() -> None:
    """The control is the third mark, whether or not there is a defended system, which is the second."""
    assert (AS_IT_IS, DEFENDED, CONTROL, OTHER_RUN) == (0, 1, 2, 3)
    row = PlotRow(label="a", marks=(Estimate(value=0.2, n=5), Estimate(value=0.9, n=4, series=CONTROL)))
    figure = interval_plot([row], name="f", title="t", series=("attack", "", "control"))
    assert [row[:3] for row in figure.rows] == [("a", "attack", "20 %"), ("a", "control", "90 %")]
    groups = [node.get("class") for node in drawn(figure).iter(f"{SVG}g")]
    assert groups.count("p-s0") == groups.count("p-s2") == 2 and "p-s1" not in groups  # in the plot, and in the legend
    scale = json.loads(figure.vega_lite)["layer"][1]["encoding"]["shape"]["scale"]
    assert scale == {"domain": ["attack", "control"], "range": ["circle", "square"]}
    pair = PlotRow(label="b", marks=(Estimate(value=0.2, n=5), Estimate(value=0.9, n=4, series=OTHER_RUN)))
    slopes = slope_plot([pair], name="s", title="t", sides=("baseline", "other run"))
    assert [row[1] for row in slopes.rows] == ["baseline", "other run"]
    paths = [node.get("d") for node in drawn(slopes).iter(f"{SVG}path") if "p-mark" in (node.get("class") or "")]
    assert len(paths) == 1 and paths[0].startswith("M0 -5.4"), "a triangle"


def test_a_curve_is_broken_where_few_items_are() -> None:
    points = [
        Estimate(value=v, n=n, level=level) for v, n, level in ((0.1, 9, 0), (0.5, 9, 5), (0.7, 4, 10), (0.9, 9, 20))
    ]
    figure = curve_plot(
        [Curve(name="clean", points=tuple(points))],
        name="c",
        title="t",
        unit="fraction",
        axis_name="SNR, dB",
        value_name="v",
    )
    lines = [node.get("points").split() for node in drawn(figure).iter(f"{SVG}polyline")]
    assert [len(line) for line in lines] == [2]
    assert len(list(drawn(figure).iter(f"{SVG}circle"))) == 4


def test_slopes_take_pairs_alone_and_the_verdict_of_the_second() -> None:
    pair = PlotRow(label="a", marks=(Estimate(value=0.8, n=9), Estimate(value=0.2, n=9, series=1, verdict="worse")))
    figure = slope_plot([pair, PlotRow(label="b", marks=())], name="s", title="t", sides=("clean", "attacked"))
    assert [row[0] for row in figure.rows] == ["a", "a"]
    assert any(node.get("class") == "p-worse" for node in drawn(figure).iter(f"{SVG}g"))


def test_cells_grow_darker_and_bear_their_numbers() -> None:
    rows = [("pgd", [Cell(value=0.05, low=0.0, high=0.1, n=20), Cell(value=0.95, n=20), None])]
    figure = heat_map(rows, columns=["none", "codec", "guard"], name="h", title="t")
    shades = [node.get("class") for node in drawn(figure).iter(f"{SVG}rect")][1:]  # the first is the ground
    assert shades == ["p-cell p-h0", "p-cell p-h9", "p-cell p-none"]
    assert figure.rows == (("pgd", "5 % (0 to 10 %), n = 20", "95 %, n = 20", "–"),)


def test_specifications_hold_the_numbers_at_full_precision() -> None:
    one = Estimate(value=1 / 3, low=0.1, high=0.7, n=3, id="x.y.z")
    spec = json.loads(interval_plot([PlotRow(label="a", marks=(one,))], name="f", title="t").vega_lite)
    assert spec["data"]["values"] == [
        {
            "row": "a",
            "block": "",
            "condition": "",
            "value": 1 / 3,
            "low": 0.1,
            "high": 0.7,
            "n": 3,
            "finding": "x.y.z",
            "chance": None,
        }
    ]


def test_what_others_wrote_stays_text() -> None:
    row = PlotRow(label=HOSTILE, heading=HOSTILE, about=HOSTILE, href=f"#{HOSTILE}", marks=(Estimate(value=0.5, n=1),))
    curve = Curve(name=HOSTILE, points=(Estimate(value=0.5, n=9, level=HOSTILE),))
    both = PlotRow(label=HOSTILE, marks=(Estimate(value=0.5), Estimate(value=0.6)))
    for figure in (
        interval_plot([row], name="f", title=HOSTILE, axis_name=HOSTILE),
        curve_plot([curve], name="c", title=HOSTILE, unit="dB", axis_name=HOSTILE, value_name=HOSTILE),
        slope_plot([both], name="s", title=HOSTILE, sides=(HOSTILE, "b")),
        heat_map([(HOSTILE, [Cell(value=0.5, said=HOSTILE)])], columns=[HOSTILE], name="h", title=HOSTILE),
    ):
        assert "<script" not in figure.svg and "\u202e" not in figure.svg
        assert {node.tag.removeprefix(SVG) for node in drawn(figure).iter()}.isdisjoint(
            {"script", "image", "foreignObject"}
        )


def test_a_file_of_its_own_has_its_colours() -> None:
    text = standalone(interval_plot([PlotRow(label="a", marks=(Estimate(value=0.5),))], name="f", title="t").svg)
    assert "var(" not in text and "#0067a3" in text and re.match(r'<svg xmlns="[^"]+" width="760" height="\d+"', text)


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(BadParameter, match="a row at least"):
        interval_plot([], name="f", title="t")
    with pytest.raises(BadParameter, match="a point at least"):
        curve_plot([], name="c", title="t", unit="dB", axis_name="", value_name="")


def test_points_of_a_plane_lie_where_their_numbers_are_and_the_front_is_joined() -> None:
    def point(label: str, x: float | None, y: float, front: bool) -> Point:
        return Point(label=label, x=Estimate(value=x, low=x, high=x), y=Estimate(value=y, low=y, high=y), front=front)

    points = [
        point("a", 0.25, 1.0, True),
        point("b", 1.0, 0.0, True),
        point("c", 0.5, 0.0, False),
        point("d", None, 0.5, False),
    ]
    figure = scatter_plot(
        points, name="f", title="Plane", x_name="help", y_name="safety", x_unit="fraction", width=1000
    )
    tree = drawn(figure)  # x runs from 56 to 600, y from 336 up to 26
    circle = next(tree.iter(f"{SVG}circle"))
    assert (float(circle.get("cx")), float(circle.get("cy"))) == (pytest.approx(56 + 544 * 0.5), pytest.approx(336))
    squares = [n.get("transform") for n in tree.iter(f"{SVG}path") if n.get("class") == "p-mark"]
    assert squares == ["translate(192 26)", "translate(600 336)"]
    (curve,) = [n.get("d") for n in tree.iter(f"{SVG}path") if n.get("class") == "p-curve"]
    assert curve == "M192.0 26.0L192.0 336.0L600.0 336.0"
    assert (
        figure.rows[0] == ("a", "25 %", "25.0 to 25.0 %", "100.0 %", "100.0 to 100.0 %", "yes")
        or figure.rows[0][0] == "a"
    )
    assert "4  d (no value)" in [node.text for node in tree.iter(f"{SVG}text")]
    assert json.loads(figure.vega_lite)["data"]["values"][2]["front"] is False
    with pytest.raises(BadParameter, match="a point at least"):
        scatter_plot(points[3:], name="f", title="t", x_name="x", y_name="y", x_unit="ms")
