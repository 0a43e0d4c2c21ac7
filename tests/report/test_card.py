"""The card answers a reader's questions, and every number in it is that of report.json; figures equal their data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from statistics import fmean
from typing import Any
from xml.etree import ElementTree

import pytest

from earnest import report
from earnest.arms import Arm
from earnest.cli import main
from earnest.errors import MissingExtra
from earnest.plan import PlannedArm
from earnest.report.attack_plots import attack_results, heat_maps
from earnest.report.card import card
from earnest.report.card_picture import card_picture
from earnest.report.degradation_plots import degradation_plots
from earnest.report.drawing import standalone
from earnest.report.figure_files import all_figures
from earnest.report.gather import Report, gather
from earnest.report.group_plots import group_plots, worst_gap
from earnest.report.numbers import interval, shown
from earnest.report.task_forest import task_forest


@pytest.fixture(scope="module", name="gathered")
def _gathered(written: Path) -> Report:
    return gather(written)


@pytest.fixture(scope="module")
def found(written: Path) -> dict[str, Any]:
    return json.loads((written / "report.json").read_text(encoding="utf-8"))


def finding(found: dict[str, Any], id_: str) -> dict[str, Any]:
    return next(one for one in found["findings"] if one["id"] == id_)


def test_the_pillars_of_the_card_are_those_of_the_scorecard(gathered: Report, found: dict[str, Any]) -> None:
    made = card(gathered, attack_results(gathered))
    scores = {one["pillar"]: one for one in found["scorecard"]["pillars"] if one["on_scorecard"]}
    assert [one.score.pillar for one in made.pillars] == list(scores)
    values = {one["finding"]: one for one in json.loads(made.figure.vega_lite)["data"]["values"]}
    for pillar, score in scores.items():
        drawn = values[pillar]
        assert (drawn["value"], drawn["low"], drawn["high"], drawn["n"]) == (
            score["value"],
            score["low"],
            score["high"],
            score["n_scored"],
        )
        heads = [
            f for f in found["findings"] if f["task"] in score["tasks"] and f["headline"] and f["id"].count("@") == 0
        ]
        chances = [f["baseline"] for f in heads if f["baseline"] is not None]
        assert drawn["chance"] == (fmean(chances) if chances else None)
    worst = min(scores.values(), key=lambda one: one["value"])
    told = f"Weakest pillar: {worst['pillar']}, {shown(worst['value'], 'fraction', width=worst['high'] - worst['low'])} ({interval(worst['low'], worst['high'], 'fraction')})"
    assert made.summary.replace("\u00a0", " ").startswith(told)


def test_what_the_attack_reaches_is_the_difference_that_is_best_established(
    gathered: Report, found: dict[str, Any]
) -> None:
    made = card(gathered, attack_results(gathered))
    beyond = [
        f
        for f in found["findings"]
        if f["metric"] == "attack_success_over_control" and not f["threat_model"]["defences"]
    ]
    best = max(beyond, key=lambda f: f["low"])
    assert best["task"].replace("_", " ") in made.attack
    assert interval(best["low"], best["high"], "fraction", signed=True) in made.attack
    n_shown = sum(f["low"] > 0 for f in beyond)
    assert f"established in {n_shown} of {len(beyond)} attacked tasks" in made.attack


def test_marks_of_the_forest_are_the_headlines_clean_and_defended(gathered: Report, found: dict[str, Any]) -> None:
    figure = task_forest(gathered)
    drawn = {
        one["finding"]: (one["value"], one["low"], one["high"], one["n"], one["chance"])
        for one in json.loads(figure.vega_lite)["data"]["values"]
    }
    heads = [
        f for f in found["findings"] if f["headline"] and not f["threat_model"]["attack"] and f["value"] is not None
    ]
    assert {id_: numbers[:4] for id_, numbers in drawn.items()} == {
        f["id"]: (f["value"], f["low"], f["high"], f["n_scored"]) for f in heads
    }
    assert drawn["robustness.made_noise.digits_right"][4] == 0.1
    links = {
        node.get("href")
        for node in ElementTree.fromstring(standalone(figure.svg)).iter("{http://www.w3.org/2000/svg}a")
    }
    assert "#task-made_noise" in links
    near = [row[0] for row in task_forest(gathered, by_distance=True).rows if row[1] == "clean"]
    chanced = {
        f["task"].replace("_", " "): (f["value"] - f["baseline"]) / (1 - f["baseline"])
        for f in heads
        if f["baseline"] is not None and "@" not in f["id"]
    }
    assert (
        near[: len(chanced)] == sorted(chanced, key=chanced.get) and len(near) > len(chanced) == 3
    )  # those without a chance level follow


def test_degradations_are_drawn_once_with_their_unit_and_both_conditions(
    gathered: Report, found: dict[str, Any]
) -> None:
    plots = degradation_plots(gathered)
    assert [one.kind for one in plots] == ["white noise", "babble", "reverberation"]
    ids = {f["id"]: f["value"] for f in found["findings"]}
    for one in plots:
        values = json.loads(one.figure.vega_lite)["data"]["values"]
        assert {value["condition"] for value in values} == {"clean", "defended by codec"}
        assert all(ids[value["finding"]] == value["value"] for value in values)
        assert one.figure.header[0] == "signal-to-noise ratio, dB"


def test_the_worst_gap_is_named_with_its_corrected_interval(gathered: Report, found: dict[str, Any]) -> None:
    gap = worst_gap(gathered)
    clean = [f for f in found["findings"] if f["metric"] == "word_accuracy_gap" and "@" not in f["id"] and f["value"]]
    widest = max(clean, key=lambda f: f["low"])
    assert gap.finding.id == widest["id"] and (gap.better, gap.worse) == tuple(
        one.partition("=")[2] for one in widest["group"].split(" vs ")
    )
    assert (
        interval(widest["low"], widest["high"], "fraction", signed=True) in gap.sentence
        and "simultaneous over" in widest["interval"]
    )
    attributes = {one.attribute: one for one in group_plots(gathered)}
    assert list(attributes) == ["gender", "accent"]
    assert [row[0] for row in attributes["accent"].figure.rows][-1].lower() == "scottish"  # the best first


def test_numbers_over_fewer_than_five_items_are_in_the_json_alone(tmp_path: Path, made_tasks: None, make_run) -> None:
    folder = make_run(tmp_path / "few", n=10)
    text = report.write(folder, full=True).read_text(encoding="utf-8")
    few = [
        f
        for f in json.loads((folder / "report.json").read_text())["findings"]
        if 0 < f["n_scored"] < 5 and not f["headline"] and f["group"] and f["level"] is None
    ]
    assert few
    tables = re.search(r'<section id="pillars".*?</section>', text, re.DOTALL)[0]
    assert not [f["id"] for f in few if f'id="{f["id"].replace(" ", "_")}"' in unescape(tables)]
    assert "over fewer than five items each" in tables


def test_what_was_not_run_is_never_red(written: Path) -> None:
    text = (written / "report.html").read_text(encoding="utf-8")
    assert "pair decision" in re.search(r'id="not-tested">(.*?)</p>', text)[1]
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    for rule in re.findall(r"\.notrun[^{]*\{[^}]*\}|\.none[^{]*\{[^}]*\}|\.missing[^{]*\{[^}]*\}", style):
        assert "--bad" not in rule, rule


def test_several_attacks_are_a_heat_map(gathered: Report) -> None:
    assert heat_maps(gathered) == []  # one attack, one defence
    plan = gathered.plan.model_copy(update={"arms": (*gathered.plan.arms, PlannedArm.of(Arm(defences=("other",))))})
    several = replace(gathered, results=replace(gathered.results, plan=plan))
    (first, *_) = heat_maps(several)
    assert first.figure.header == ("", "no defence", "codec", "other") and first.figure.rows[0][-1] == "–"
    successes = (f for f in gathered.findings if f.metric == "attack_success_rate" and not f.threat_model.defences)
    success = next(f for f in successes if f.task == first.task)
    assert json.loads(first.figure.vega_lite)["data"]["values"][0]["value"] == success.value


# ---------------------------------------------------------------- files


@pytest.fixture
def no_extra() -> Iterator[None]:
    import builtins

    true_import = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name.partition(".")[0] in ("altair", "vl_convert"):
            raise ImportError(name)
        return true_import(name, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("importlib.import_module", lambda name, package=None: without(name))
        yield


def test_without_the_extra_the_error_names_it(run_folder: Path, no_extra: None) -> None:
    with pytest.raises(MissingExtra, match=r'needs vl_convert; install it with: pip install "earnest\[figures\]"'):
        report.write_pictures(run_folder, card=True)
    assert not (run_folder / "card.png").exists()


def test_the_card_is_one_drawing_that_holds_what_the_page_says(gathered: Report) -> None:
    results = attack_results(gathered)
    made = card(gathered, results)
    tree = ElementTree.fromstring(standalone(card_picture(gathered, made, results)))
    told = " ".join("".join(node.itertext()) for node in tree.iter("{http://www.w3.org/2000/svg}text")).replace(
        "\u00a0", " "
    )
    assert all(f"{one.title}, {one.value}" in told for one in made.pillars)
    assert (
        "openai/gpt-4o-audio on probe" in told
        and "Not run: pair decision" in told
        and "The attack and its control" in told
    )
    assert {node.get("class") for node in tree.iter("{http://www.w3.org/2000/svg}g")} >= {"p-s0", "p-s1", "p-s2"}


def test_card_and_figures_are_written_as_files(run_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("vl_convert", reason="the extra `figures` is not installed")
    pytest.importorskip("altair", reason="the extra `figures` is not installed")
    with pytest.raises(SystemExit) as ended:
        main(["report", str(run_folder), "--card", "--figures", str(tmp_path / "figures")])
    assert ended.value.code in (0, None)
    png = (run_folder / "card.png").read_bytes()
    assert png.startswith(b"\x89PNG") and int.from_bytes(png[16:20]) == 2400 and int.from_bytes(png[20:24]) == 1350
    names = {path.name.partition(".")[0] for path in (tmp_path / "figures").iterdir()}
    assert len(names) == len(all_figures(gather(run_folder)))
    for name in names:
        assert (tmp_path / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        ElementTree.parse(tmp_path / "figures" / f"{name}.svg")
        assert json.loads((tmp_path / "figures" / f"{name}.vl.json").read_text())["$schema"].endswith(
            "vega-lite/v5.json"
        )
