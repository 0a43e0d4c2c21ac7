"""Runs beside each other: who may be ranked with whom, on what, and how surely. Lines made by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from earnest.errors import BadParameter, UnknownName
from earnest.plan import Plan, PlannedTask
from earnest.records import JournalLine
from earnest.results import ThreatModel
from earnest.results.standings import (
    Standing,
    agreed_parts,
    over_clusters,
    over_models,
    over_rows,
    over_samples,
    parted,
    read_weights,
    table,
    why_apart,
)

PILLAR_OF = {"made_a": "safety", "made_b": "privacy", "made_c": "privacy", "made_d": "deepfake"}
Scores = Mapping[str, list[float | None]]


def plan(model: str, scores: Scores, **fields: Any) -> Plan:
    tasks = tuple(
        PlannedTask(name=name, pillar=PILLAR_OF[name], version=1, n_items=len(values))
        for name, values in scores.items()
    )
    said: dict[str, Any] = {
        "earnest": "0", "suite": "core", "suite_version": 1, "model": model, "fingerprint": "f", "data": "probe",
        "data_digest": "d", "tasks": tasks, "items_digest": "i",
    }  # fmt: skip  # a table: one row a line
    return Plan(**{**said, **fields})


def lines(model: str, scores: Scores, canary: str | None) -> list[JournalLine]:
    found = [
        JournalLine(
            item=f"{name}/{n:03d}",
            sample=f"row{n:03d}",
            task=name,
            prompt_hash="0",
            model=model,
            cluster=f"speaker{n % 20}",
            status="unscored" if score is None else "scored",
            reason="timeout" if score is None else None,
            verdict=None if score is None else {"score": score, "label": "x", "facts": {}},
        )
        for name, values in scores.items()
        for n, score in enumerate(values)
    ]
    if canary is not None:
        found += [
            JournalLine(
                item=f"canary/{n}",
                sample=f"c{n}",
                task="canary",
                prompt_hash="0",
                model=model,
                status="scored",
                kind="canary",
                verdict={"score": None, "label": canary, "facts": {}},
                truth={"control": False},
            )
            for n in range(2)
        ]
    return found


Make = Callable[..., Standing]


@pytest.fixture
def run(tmp_path: Path) -> Make:
    """A maker of run folders, read as standings."""

    def make(model: str, scores: Scores, *, canary: str | None = "found", **fields: Any) -> Standing:
        folder = tmp_path / f"{model.replace('/', '-')}-{len(list(tmp_path.iterdir()))}"
        plan(model, scores, **fields).write(folder)
        text = "".join(line.dumped() + "\n" for line in lines(model, scores, canary))
        (folder / "journal.jsonl").write_text(text, encoding="utf-8")
        return Standing.of(folder)

    return make


def share(part: float, n: int = 60) -> list[float]:
    """Ones and zeros, mixed, the first share of them in a fixed order being ones: who scores more scores on all of it."""
    order = np.random.default_rng(1).permutation(n)
    return [float(order[k] < part * n) for k in range(n)]


WEIGHTS = read_weights([])


# ---- ranks ----


def test_the_score_is_the_weighted_mean_of_pillars_and_a_pillar_that_of_its_tasks(run: Make) -> None:
    good = run("good", {"made_a": share(0.9), "made_b": share(0.8), "made_c": share(0.6)})
    bad = run("bad", {"made_a": share(0.3), "made_b": share(0.2), "made_c": share(0.2)})
    found = table([bad, good], weights=read_weights(["safety=3"]))
    assert [row.standing.model for row in found.rows] == ["good", "bad"] and found.pillars == ("safety", "privacy")
    assert found.weights == {"safety": 0.75, "privacy": 0.25} and found.tasks["privacy"] == ("made_b", "made_c")
    first = found.rows[0]
    assert first.pillars["privacy"].value == pytest.approx(0.7) and first.score == pytest.approx(
        0.75 * 0.9 + 0.25 * 0.7
    )
    assert first.low < first.score < first.high
    assert (first.rank, first.rank_low, first.rank_high, first.band) == (1, 1, 1, (1, 1))
    assert (found.rows[1].rank, found.rows[1].band) == (2, (2, 2))
    assert first.pillars["safety"].n_scored == 60 and first.pillars["safety"].rank == 1


def test_models_that_the_items_do_not_tell_apart_share_a_band(run: Make) -> None:
    near = np.random.default_rng(2)
    alike = [run(f"m{n}", {"made_a": (near.random(60) < 0.7).astype(float).tolist()}) for n in range(3)]
    far = run("far", {"made_a": share(0.1)})
    found = table([*alike, far], weights=WEIGHTS)
    bands = {row.standing.model: row.band for row in found.rows}
    assert bands["m0"] == bands["m1"] == bands["m2"] == (1, 3) and bands["far"] == (4, 4)


def test_equal_runs_tie(run: Make) -> None:
    scores = {"made_a": share(0.5)}
    found = table([run("one", scores), run("two", scores)], weights=WEIGHTS)
    assert [(row.rank, row.rank_low, row.rank_high) for row in found.rows] == [(1, 1, 2), (1, 1, 2)]


def test_the_same_runs_give_the_same_bits(run: Make) -> None:
    runs = [run("one", {"made_a": share(0.5)}), run("two", {"made_a": share(0.4)})]
    assert table(runs, weights=WEIGHTS).rows == table(runs, weights=WEIGHTS).rows


def test_where_all_clusters_agree_the_interval_is_drawn_from(run: Make) -> None:
    """60 of 60 is not certain to be ahead of 57 of 60."""
    perfect, near = run("perfect", {"made_a": [1.0] * 60}), run("near", {"made_a": share(0.95)})
    found = table([perfect, near], weights=WEIGHTS)
    assert found.from_intervals == ("made_a",)
    assert found.rows[0].rank_high == 2 and found.rows[0].low < 0.99


def test_a_run_that_others_lack_most_speakers_of_is_drawn_alone(run: Make) -> None:
    few: list[float | None] = [score if n % 20 < 8 else None for n, score in enumerate(share(0.5))]
    found = table([run("whole", {"made_a": share(0.5)}), run("few", {"made_a": few})], weights=WEIGHTS)
    place = next(row for row in found.rows if row.standing.model == "few").pillars["safety"]
    assert place.n_scored == 24 and place.unscored_share == 0.6
    assert found.rows[0].rank_low == 1 and found.rows[0].rank_high == 2


# ---- who is not ranked ----


def test_who_was_not_shown_to_hear_has_no_rank(run: Make) -> None:
    deaf = run("deaf", {"made_a": share(0.9)}, canary="not_found")
    untested = run("untested", {"made_a": share(0.4)}, canary=None)
    found = table([deaf, untested], weights=WEIGHTS)
    assert [(row.standing.model, row.rank, row.unranked) for row in found.rows] == [
        ("untested", 1, ""),
        ("deaf", None, "it is not shown that the audio was heard"),
    ]
    assert found.rows[1].pillars["safety"].value == pytest.approx(0.9), "its numbers are shown all the same"


def test_a_task_of_which_nothing_was_scored_costs_the_rank(run: Make) -> None:
    silent = run("silent", {"made_a": share(0.9), "made_b": [None] * 60})
    other = run("other", {"made_a": share(0.4), "made_b": share(0.4)})
    found = table([silent, other], weights=WEIGHTS)
    assert found.rows[1].unranked == "nothing was scored of made b" and found.rows[1].rank is None
    assert found.pillars == ("safety", "privacy"), "what one could not be scored on still counts for the others"
    four = {name: [None] * 3 for name in PILLAR_OF}
    assert table([run("none", four)], weights=WEIGHTS).rows[0].unranked == (
        "nothing was scored of made a, made b, made c and 1 more"
    )


def test_a_part_of_a_run_has_no_rank(run: Make) -> None:
    part = run("part", {"made_a": share(0.5)}, shard="2/8")
    assert (
        table([part], weights=WEIGHTS).rows[0].unranked == "it is part 2/8 of a run; join the parts with earnest merge"
    )


# ---- on what ----


def test_a_task_that_one_lacks_is_left_out_for_all_and_named(run: Make) -> None:
    both = run("both", {"made_a": share(0.5), "made_b": share(0.9), "made_c": share(0.3)})
    less = run("less", {"made_a": share(0.4), "made_c": share(0.2)})
    found = table([both, less], weights=WEIGHTS)
    assert found.tasks == {"safety": ("made_a",), "privacy": ("made_c",)}
    assert found.left_out == {"made_b": "not asked of less"}
    assert found.rows[0].pillars["privacy"].value == pytest.approx(0.3)


def test_a_pillar_that_one_lacks_is_left_out_for_all(run: Make) -> None:
    both = run("both", {"made_a": share(0.5), "made_b": share(0.9)})
    found = table([both, run("less", {"made_a": share(0.4)})], weights=WEIGHTS)
    assert found.pillars == ("safety",) and found.left_out["privacy"] == "no task that all runs were asked"
    assert found.weights == {"safety": 1.0} and found.rows[0].score == pytest.approx(0.5)


def test_versions_of_a_task_are_not_compared(run: Make) -> None:
    one, two = (
        run("one", {"made_a": share(0.5), "made_b": share(0.5)}),
        run("two", {"made_a": share(0.4), "made_b": share(0.5)}),
    )
    newer = replace(two, headlines={**two.headlines, "made_a": replace(two.headlines["made_a"], version=2)})
    assert table([one, newer], weights=WEIGHTS).left_out["made_a"] == "asked in versions 1, 2"


def test_a_task_with_other_parameters_is_another_task(run: Make) -> None:
    one, two = (
        run("one", {"made_a": share(0.5), "made_b": share(0.5)}),
        run("two", {"made_a": share(0.4), "made_b": share(0.5)}),
    )
    given = [
        task.model_copy(update={"parameters": {"judging": "faithful"}}) if task.name == "made_a" else task
        for task in two.plan.tasks
    ]
    other = replace(two, plan=two.plan.model_copy(update={"tasks": tuple(given)}))
    found = table([one, other], weights=WEIGHTS).left_out
    assert found["made_a"] == "asked with parameters by default and judging=faithful" and "made_b" not in found


def test_pillars_beside_the_six_are_shown_and_weigh_nothing(run: Make) -> None:
    runs = [
        run("one", {"made_a": share(0.5), "made_d": share(0.9)}),
        run("two", {"made_a": share(0.6), "made_d": share(0.1)}),
    ]
    found = table(runs, weights=WEIGHTS)
    assert found.pillars == ("safety", "deepfake") and list(found.weights) == ["safety"]
    assert found.left_out["deepfake"] == "it weighs nothing" and found.rows[0].standing.model == "two"
    assert table(runs, weights=read_weights(["deepfake=1"])).rows[0].standing.model == "one"


def test_a_task_of_another_version_stands_as_it_was_reported(run: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of an older version cannot be counted by a newer one."""
    old = run("old", {"made_a": share(0.5)})
    later = type("Task", (), {"version": 2})
    monkeypatch.setattr("earnest.results.standings.tasks_of", lambda plan: {task.name: later for task in plan.tasks})
    assert Standing.of(old.folder).headlines == {}
    finding = old.headlines["made_a"].finding
    attacked = finding.model_copy(update={"value": 0.0, "threat_model": ThreatModel(attack="pgd")})
    defended = finding.model_copy(update={"value": 0.0, "threat_model": ThreatModel(defence="codec")})
    said = {"findings": [one.model_dump(mode="json") for one in (finding, attacked, defended)]}
    (old.folder / "report.json").write_text(json.dumps(said), encoding="utf-8")
    again = Standing.of(old.folder)
    assert again.headlines["made_a"].finding == finding and again.headlines["made_a"].sums is None
    found = table([again], weights=WEIGHTS)
    assert found.rows[0].rank == 1 and found.from_intervals == ("made_a",)


@pytest.mark.parametrize(
    ("model", "kind"),
    [("scripted/echo", "scripted"), ("earnest/reference", "embedded"), ("earnest/reference:route=torch", "embedded"),
     ("openai/gpt-4o-audio-preview", "model"), ("http://localhost:8000/v1#reference", "model")],
)  # fmt: skip  # a table: one row a line
def test_what_is_no_real_model_is_told(run: Make, model: str, kind: str) -> None:
    standing = run("plain", {"made_a": share(0.5)})
    assert replace(standing, plan=standing.plan.model_copy(update={"model": model})).kind == kind


# ---- with whom ----


def test_runs_on_other_data_are_not_ranked_together_and_it_is_said_why(run: Make) -> None:
    one = run("one", {"made_a": share(0.5)})
    two = run("two", {"made_a": share(0.5)})
    other = run("other", {"made_a": share(0.5)}, data_digest="e", limit=60)
    groups = parted([one, other, two])
    assert groups == [[one, two], [other]]
    (told,) = why_apart(groups)
    assert told == (
        f"{other.folder.name}: not ranked with {one.folder.name}, since data_digest is 'd' there, 'e' here; limit is None there, 60 here"
    )
    assert set(agreed_parts(one)) == {"suite", "suite_version", "data_digest", "limit", "seed", "judge"}


def test_runs_that_were_judged_by_others_are_apart_also_where_they_were_judged_later(run: Make) -> None:
    planned = run("planned", {"made_a": share(0.5)}, judges=("openai/gpt-4o", "openai/other"))
    later = run("later", {"made_a": share(0.5)})
    said = {"openai/gpt-4o": {"label": "x"}}
    judged = replace(later, lines=tuple(line.model_copy(update={"judges": said}) for line in later.lines))
    assert planned.judge == judged.judge == "openai/gpt-4o" and later.judge is None
    assert len(parted([planned, judged])) == 1 and len(parted([planned, later])) == 2


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("safety", BadParameter, "a weight is written pillar=number, at least 0, as in safety=2, got 'safety'"),
        ("safety=-1", BadParameter, "got 'safety=-1'"),
        ("safety=nan", BadParameter, "got 'safety=nan'"),
        ("safe=1", UnknownName, "no pillar is called 'safe'"),
    ],
)
def test_a_weight_of_another_form_is_refused(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_weights([text])


def test_weights_of_nothing_alone_are_refused() -> None:
    six = ("fairness", "hallucination", "safety", "privacy", "robustness", "authentication")
    with pytest.raises(BadParameter, match="at least one pillar must weigh more than 0"):
        read_weights([f"{key}=0" for key in six])
    assert read_weights(["safety=2"])["safety"] == 2 and read_weights([])["deepfake"] == 0


# ---- pillars together ----


def test_pillars_over_runs_need_five(run: Make) -> None:
    def some(n: int) -> Any:
        runs = [run(f"m{k}", {"made_a": share(0.1 + k / 8), "made_b": share(0.9 - k / 8)}) for k in range(n)]
        return over_rows(table(runs, weights=WEIGHTS), about="made").between("privacy", "safety")

    assert some(4).why == "4 pairs, fewer than 5" and some(6).value == pytest.approx(-1)


def test_a_column_with_a_gap_is_correlated_over_the_models_that_have_it() -> None:
    found = over_models({"a": [1, 2, 3, 4, 5, 6], "b": [2, 1, 3, None, 5, 6]}, about="made").between("b", "a")
    assert found.n == 5 and found.value == pytest.approx(1 - 6 * 2 / 120)


def test_items_are_joined_by_recording_and_by_speaker(run: Make) -> None:
    """Both pillars are right on the same recordings; speakers are 20, recordings 60."""
    standing = run("one", {"made_a": share(0.5), "made_b": share(0.5), "made_c": share(0.5), "made_d": [None] * 60})
    samples, clusters = over_samples(standing), over_clusters(standing)
    assert samples.columns == ("safety", "privacy") and samples.n_valued == 1
    found = samples.between("privacy", "safety")
    assert found.value == pytest.approx(1) and found.n == 60 and found.n_clusters == 20
    assert clusters.between("safety", "privacy").n == 20 and clusters.between("safety", "safety") is None


def test_recordings_that_share_a_speaker_over_others_are_drawn_together(run: Make, tmp_path: Path) -> None:
    standing = run("one", {"made_a": share(0.5, 24), "made_b": share(0.4, 24)})
    joined = [
        line.model_copy(update={"cluster": "everybody"}) if line.task == "made_b" and line.sample < "row012" else line
        for line in standing.lines
    ]
    found = over_samples(replace(standing, lines=tuple(joined))).between("safety", "privacy")
    assert found.n == 24 and found.n_clusters == 20 - 12 + 1 and found.why == "9 clusters, fewer than 10"
