"""The published tables: whole, as printed, and recomputed as far as they can be."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from earnest import catalogue
from earnest.benchmarks.audiotrust.published import JUDGES, gaps_of_judges, published, recomputed, twenty_cells
from earnest.benchmarks.published import Published, Recomputed
from earnest.errors import UnknownName
from earnest.metrics.audiotrust import mean_abs
from earnest.pillars import HEADLINE

DATA = published()
FOUND = {one.name: one for one in recomputed()}


def values(key: str, column: str) -> np.ndarray:
    return np.array([math.nan if value is None else value for value in DATA.table(key).columns[column]])


def of(key: str, column: str, model: str) -> float | None:
    return DATA.table(key).columns[column][DATA.names.index(model)]


# ---- the data ----


def test_fourteen_models_and_every_table_are_there() -> None:
    assert len(DATA.models) == 14 and sum(model.open for model in DATA.models) == 9
    assert DATA.names[0] == "SALMONN" and DATA.names[-1] == "Gemini-2.5 Pro"
    numbers = {table.number for table in DATA.tables.values()}
    assert numbers >= {
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "7-8",
        "9-10",
        "12",
        "14",
        "15-16",
        "18",
        "19",
        "22",
        "23",
        "26-27",
    }
    assert tuple(DATA.table("leaderboard").columns) == HEADLINE
    assert catalogue.load(DATA.source).ids.arxiv == "2505.16211" and DATA.version == "arXiv 2505.16211v4"
    for key in ("hallucination", "safety", "privacy", "robustness", "authentication"):
        assert DATA.table(f"{key}_gpt4o").judge == JUDGES[0] and DATA.table(f"{key}_qwen3").judge == JUDGES[1]
    with pytest.raises(UnknownName, match="no published table is called 'table_2'; there are leaderboard"):
        DATA.table("table_2")


def test_cells_stand_where_the_paper_has_them() -> None:
    assert of("decision", "admission Wealthy", "Gemini-1.5 Pro") == -0.9
    assert of("stereotype", "education Calm", "GPT-4o mini Audio") == 0.95
    assert of("hallucination_qwen3", "PV", "Step-Audio2") == 8.39
    assert of("safety_gpt4o", "financial", "OpenS2S") == 67.8 and of("safety_qwen3", "financial", "OpenS2S") == 87.4
    assert of("privacy_gpt4o", "direct aware", "Qwen2-Audio") == 23.67
    assert of("robustness_qwen3", "MS", "GPT-4o Audio") == 9.88
    assert of("authentication_parts", "VCS door", "OpenS2S") == 100
    assert of("safety_voices", "illegal female sad", "SALMONN") == 64.8
    assert of("privacy_attributes", "phone password aware", "MiniCPM-o 2.6") == 4
    assert of("leak_accuracy", "phone number", "Gemini-2.5 Pro") is None
    assert of("clarity", "NI", "GPT-4o Audio") == 2.85 and of("clarity", "NI", "Step-Audio2") is None
    assert of("word_error_rate", "BC", "Ultravox") == 71.47
    assert of("authentication_gpt4o", "VCS", "SALMONN") is None
    assert of("entailment", "CM implied", "Gemini-2.5 Pro") is None


def test_the_sign_of_a_printed_zero_is_kept() -> None:
    cell = of("decision", "recruit Female", "Qwen2-Audio")
    assert cell == 0 and math.copysign(1, cell) == -1
    cells = np.concatenate(
        [values(key, name) for key in ("decision", "stereotype") for name in DATA.table(key).columns]
    )
    assert cells.size == 588 and (cells == 0).sum() == 251
    assert cells.max() == 1.2 and cells.min() == -0.9, "one cell is printed outside its range"


def test_a_column_comes_on_the_common_scale_with_the_conversion_stated() -> None:
    judged = DATA.table("hallucination_gpt4o")
    assert judged.common("CM")[0] == pytest.approx(0.265) and judged.conversion == "divided by 10"
    errors = DATA.table("word_error_rate")
    assert errors.common("AR")[:2] == pytest.approx((0.0, 0.5142)), "a rate above 1 is worth 0, and no less"
    assert errors.conversion == "1 minus it, divided by 100, at least 0" and errors.cited == "Table 23"
    assert DATA.table("decision").cited == "Tables 7-8" and DATA.table("leaderboard").cited == "Figure 2b"
    assert DATA.table("clarity").common("AR")[DATA.names.index("Step-Audio2")] is None


def test_a_broken_file_is_told_of() -> None:
    dumped = DATA.model_dump()
    dumped["tables"]["clarity"]["columns"]["AR"] = (1.0, 2.0)
    with pytest.raises(ValidationError, match="table 'clarity' must have one number for each of 14 models in AR"):
        Published.model_validate(dumped)
    dumped = DATA.model_dump()
    dumped["disagreements"][0]["model"] = "Ultravox 2"
    with pytest.raises(ValidationError, match="disagreements name models that are not listed: Ultravox 2"):
        Published.model_validate(dumped)


def test_the_file_stands_alone() -> None:
    assert Published.model_validate(yaml.safe_load(yaml.safe_dump(DATA.model_dump(mode="json")))) == DATA


# ---- aggregates ----


@pytest.mark.source(
    "tasks/audiotrust_fairness_decision", of="li2025-audiotrust", at="arXiv 2505.16211v4, tables of decisions"
)
def test_decision_headlines_follow_from_their_cells_but_for_step_fun() -> None:
    decision = FOUND["group fairness, decision"]
    assert decision.n_within == 13 and decision.n == 14 and decision.tolerance == 0.005
    outside = [name for name, within in zip(DATA.names, decision.within()) if not within]
    assert outside == ["Step-Fun"]
    place = DATA.names.index("Step-Fun")
    assert decision.computed[place] == pytest.approx(0.571, abs=0.0005) and decision.published[place] == 0.505


@pytest.mark.source(
    "tasks/audiotrust_fairness_stereotype", of="li2025-audiotrust", at="arXiv 2505.16211v4, tables of stereotypes"
)
def test_stereotype_headlines_follow_from_their_cells() -> None:
    assert FOUND["group fairness, stereotype"].n_within == 14


def test_table_1_differs_from_the_cells_where_the_data_say_so() -> None:
    for column in ("decision", "stereotype"):
        cells = DATA.table(column).columns
        means = [mean_abs([cells[name][place] for name in cells]) for place in range(14)]
        off = {
            name
            for name, mean, headline in zip(DATA.names, means, DATA.table("fairness").columns[column])
            if abs(mean - headline) > 0.005
        }
        told = {one.model for one in DATA.disagreements if one.what == f"{column} headline"}
        assert off <= told and off, column


@pytest.mark.source(
    "tasks/audiotrust_safety_*", of="li2025-audiotrust", at="arXiv 2505.16211v4, Table 1 and those of its cells"
)
@pytest.mark.source(
    "tasks/audiotrust_privacy_*", of="li2025-audiotrust", at="arXiv 2505.16211v4, Table 1 and those of its cells"
)
@pytest.mark.source(
    "tasks/audiotrust_robustness_*", of="li2025-audiotrust", at="arXiv 2505.16211v4, Table 1 and those of its cells"
)
@pytest.mark.source(
    "tasks/audiotrust_authentication_*", of="li2025-audiotrust", at="arXiv 2505.16211v4, Table 1 and those of its cells"
)
@pytest.mark.parametrize(
    ("name", "n", "largest"),
    [
        ("fairness", 14, 0.005),
        ("safety", 14, 0.0005),
        ("privacy", 14, 0.0025),
        ("robustness", 13, 0.00084),
        ("authentication", 14, 0.00034),
    ],
)
def test_a_column_of_the_leaderboard_is_reproduced(name: str, n: int, largest: float) -> None:
    column = FOUND[name]
    assert column.n_within == column.n == n
    assert column.published == DATA.table("leaderboard").columns[name]
    assert column.largest == pytest.approx(largest, abs=1e-5)


def test_what_is_not_in_a_table_is_not_reproduced_either() -> None:
    place = DATA.names.index("Step-Audio2")
    assert FOUND["robustness"].gaps[place] is None and FOUND["robustness"].within()[place] is None
    assert FOUND["robustness"].published[place] == 0.685


def test_privacy_needs_the_setting_twice() -> None:
    cells = twenty_cells({"age plain": 1, "age aware": 2, "setting plain": 3, "setting aware": 4})
    assert cells == [1, 2, 3, 4, 3, 4]
    once = [
        sum(row.values()) / len(row) / 100 - column
        for row, column in zip(DATA.rows("privacy_attributes"), DATA.table("leaderboard").columns["privacy"])
    ]
    assert sum(abs(gap) <= 0.003 for gap in once) == 3, "with the setting once, 11 models are not reproduced"


def test_no_table_gives_the_hallucination_column() -> None:
    column = np.array(DATA.table("leaderboard").columns["hallucination"])
    assert FOUND["hallucination"].tolerance is None and FOUND["hallucination"].n_within == 0
    for key, table in DATA.tables.items():
        if table.pillar != "hallucination":
            continue
        rows = {name: np.array(table.common(name), dtype=float) for name in table.columns}
        rows["mean"] = np.mean(list(rows.values()), axis=0)
        rows |= {f"1 minus {name}": 1 - row for name, row in rows.items()}
        for name, row in rows.items():
            assert (np.abs(row - column) < 0.005).sum() <= 3, f"{key} {name}"
    assert "cannot be reproduced" in DATA.table("leaderboard").note


def test_printed_averages_of_columns_are_those_of_the_columns() -> None:
    n = 0
    for key, table in DATA.tables.items():
        for name, printed in table.averages.items():
            digits = 0.05 if table.number in ("18", "19") else 0.005 if table.unit != "fraction" else 0.0005
            slack = 0.025 if table.number == "18" else 0.002  # 67.07 is printed as 67.0
            assert np.nanmean(values(key, name)) == pytest.approx(printed, abs=digits + slack), (key, name)
            n += 1
    assert n == 2 + 8 + 8 + 12 + 18 + 9
    clarity = DATA.table("clarity")
    for row, printed in zip(DATA.rows("clarity"), clarity.model_averages):
        assert printed is None or sum(row.values()) / 6 == pytest.approx(printed, abs=0.0055)


def test_parts_and_wholes_agree_where_they_should() -> None:
    for kind in ("plain", "aware"):
        direct = [name for name in DATA.table("privacy_attributes").columns if name.endswith(kind)][:6]
        gap = np.mean([values("privacy_attributes", name) for name in direct], axis=0) - values(
            "privacy_gpt4o", f"direct {kind}"
        )
        assert np.abs(gap).max() < 0.16
    shares = [values("entailment", f"PV {name}") for name in ("implied", "neutral", "contradictory")]
    assert np.nanmax(np.abs(np.sum(shares, axis=0) - 100)) < 0.11


def test_disagreements_are_what_the_tables_hold() -> None:
    told = {(one.what, one.model): tuple(one.values.values()) for one in DATA.disagreements}
    for (what, model), (first, second) in told.items():
        assert first != second
        if what.endswith("headline"):
            kind = what.split()[0]
            assert of("fairness", kind, model) == first
            if model != "Step-Fun":
                assert DATA.table(kind).model_averages[DATA.names.index(model)] == second
    parts = [of("authentication_parts", name, "Qwen2.5-Omni") for name in ("VCS assistant", "VCS door")]
    assert told["voice cloning spoofing, rejected, percent", "Qwen2.5-Omni"] == (12.5, sum(parts) / 2)
    for short, what in (("CM", "content mismatch"), ("LM", "label mismatch")):
        mean = np.mean(
            [
                of("hallucination_parts", n, "Kimi-Audio")
                for n in DATA.table("hallucination_parts").columns
                if n.startswith(short)
            ]
        )
        first, second = told[f"{what}, points of 10", "Kimi-Audio"]
        assert first == of("hallucination_gpt4o", short, "Kimi-Audio") and second == pytest.approx(mean, abs=0.005)
    for domain, what, model in (("illegal", "illegal guidance", "Kimi-Audio"), ("medical", "medical", "OpenS2S")):
        mean = np.mean(
            [of("safety_voices", n, model) for n in DATA.table("safety_voices").columns if n.startswith(domain)]
        )
        first, second = told[f"{what}, defence success rate, percent", model]
        assert first == of("safety_gpt4o", domain, model) and second == pytest.approx(mean, abs=0.05)


def test_the_picture_turns_fairness_around() -> None:
    paper, picture = DATA.table("leaderboard").columns, DATA.table("readme").columns
    assert np.add(paper["fairness"], picture["fairness"]) == pytest.approx(np.ones(14))
    best = int(np.argmax(picture["authentication"]))
    assert DATA.names[best] == "SALMONN" and paper["authentication"][best] == min(paper["authentication"])


def test_sampling_errors_are_those_of_a_rate_of_one_half() -> None:
    for one in DATA.sampling_error:
        half = 1.96 * math.sqrt(0.25 / one.n) * (2 if "fairness" in one.what else 1)
        assert one.half_width == pytest.approx(half, abs=0.003), one.what


def test_a_model_outside_the_tolerance_is_counted_as_such() -> None:
    made = Recomputed(
        name="x",
        cited="Table 0",
        how="",
        tolerance=0.1,
        published=(0.5, 0.5, None, 0.2),
        computed=(0.6, 0.7, 0.1, None),
    )
    assert made.within() == (True, False, None, None) and made.n_within == 1 and made.n == 2
    assert made.largest == pytest.approx(0.2) and replace(made, tolerance=None).n_within == 0


# ---- judges ----

GAPS = gaps_of_judges()


def pooled(table: str) -> np.ndarray:
    return np.abs(np.concatenate([one.gaps for one in GAPS if one.table == table]).astype(float))


@pytest.mark.parametrize(
    ("table", "mean", "largest", "above"),
    [("hallucination", 1.07, 5.63, 0.375), ("safety", 7.0, 31.4, None), ("robustness", 1.09, 6.59, 0.44)],
)
def test_how_far_the_judges_lie_apart(table: str, mean: float, largest: float, above: float | None) -> None:
    sizes = pooled(table)
    assert sizes.mean() == pytest.approx(mean, abs=0.03) and sizes.max() == pytest.approx(largest)
    assert above is None or (sizes > 1).mean() == pytest.approx(above, abs=0.005)


def test_judges_agree_more_on_clear_refusals() -> None:
    assert pooled("privacy").max() < 3 and pooled("authentication").max() == 5


def test_whether_the_judges_rank_models_alike() -> None:
    found = {(one.table, one.column): one.rank_correlation for one in GAPS}
    expected = {
        "hallucination": {"CM": 0.81, "LM": 0.63, "LV": 0.79, "PV": 0.82},
        "safety": {"enterprise": 0.48, "financial": 0.32, "medical": 0.71, "illegal": 0.73},
        "robustness": {"AR": 0.71, "AQV": 0.84, "BC": 0.85, "ES": 0.53, "MS": 0.01, "NI": 0.85},
    }
    for table, columns in expected.items():
        for column, value in columns.items():
            assert found[table, column] == pytest.approx(value, abs=0.0055), (table, column)


def test_the_largest_gap_names_its_model_and_its_sign() -> None:
    gap = next(one for one in GAPS if (one.table, one.column) == ("hallucination", "PV"))
    assert gap.largest_model == "Step-Audio2" and gap.largest_gap == pytest.approx(5.63)
    assert gap.gaps[DATA.names.index("Step-Audio2")] == pytest.approx(-5.63), "GPT-4o minus Qwen3"
    cloning = [one for one in GAPS if one.column == "VCS"]
    assert not cloning, "no model judged voice cloning"
