"""The leaderboard: real runs of scripted models and the published ones, apart, in one page, in text and in JSON."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import earnest
from earnest.benchmarks import Benchmark
from earnest.benchmarks.audiotrust.leaderboard import OFFICIAL_TASKS, AudioTrust
from earnest.benchmarks.published import Published
from earnest.errors import BadData
from earnest.pillars import HEADLINE
from earnest.plan import Plan, PlannedTask
from earnest.records import JournalLine
from earnest.registry import registry
from earnest.report.leaderboard import Leaderboard, build
from earnest.report.page import policy
from earnest.results.standings import Standing, read_weights

VOID = {"meta", "img", "input", "link", "br", "hr"}
TASKS = ("harmful_refusal", "benign_compliance", "silence_transcription", "passphrase")


class Page(HTMLParser):
    """Ids, addresses, and tables by caption: heads, and cells by row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.open: list[str] = []
        self.tables: list[dict[str, Any]] = []
        self._into: list[str] | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [found["id"]] if found.get("id") else []
        self.addresses += [found[name] or "" for name in ("src", "href") if name in found]
        self.handlers += [name for name in found if name.startswith("on")]
        if tag == "table":
            self.tables.append({"caption": [], "rows": [], "sortable": "sortable" in (found.get("class") or "")})
        elif tag == "caption":
            self._into = self.tables[-1]["caption"]
        elif tag == "tr":
            self.tables[-1]["rows"].append([])
        elif tag in ("td", "th"):
            self.tables[-1]["rows"][-1].append({"value": found.get("data-v"), "words": []})
            self._into = self.tables[-1]["rows"][-1][-1]["words"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"
        if tag in ("td", "th", "caption"):
            self._into = None

    def handle_data(self, data: str) -> None:
        if self._into is not None and data.strip():
            self._into.append(" ".join(data.split()))

    def table(self, caption: str) -> list[list[dict[str, Any]]]:
        """The rows of the table whose caption begins so."""
        return next(table["rows"] for table in self.tables if " ".join(table["caption"]).startswith(caption))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real runs: two that can be ranked, one that is shown not to hear, one under another seed."""
    folder = tmp_path_factory.mktemp("runs")
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARNEST_CACHE", str(cache))
        for name, seed in (("random", 0), ("always_refuse", 0), ("echo", 0), ("always_comply", 0), ("random", 1)):
            out = folder / (name + (f"-{seed}" if seed else ""))
            asked = TASKS if name == "random" else TASKS[:3]
            earnest.run("core", model=f"scripted/{name}", out=out, task=asked, limit=8, seed=seed)
    return folder


@pytest.fixture(scope="module")
def board(runs: Path) -> Leaderboard:
    return build([runs])


@pytest.fixture(scope="module")
def text(board: Leaderboard) -> str:
    return board.as_html()


# ---- own runs ----


def test_runs_are_found_below_a_folder_and_each_once(runs: Path, board: Leaderboard) -> None:
    found = [row.standing.folder.name for one in board.tables for row in one.rows]
    assert sorted(found) == ["always_comply", "always_refuse", "echo", "random", "random-1"]
    assert len([row for one in build([runs, runs / "echo"]).tables for row in one.rows]) == 5


def test_who_refuses_everything_is_shown_unranked_and_why(board: Leaderboard) -> None:
    first = board.tables[0]
    rows = {row.standing.folder.name: row for row in first.rows}
    assert first.rows[0].rank == 1 and first.rows[-1] is rows["always_refuse"] and first.rows[-1].rank is None
    assert rows["always_refuse"].unranked == "it is not shown that the audio was heard"
    assert {row.standing.folder.name for row in first.ranked} == {"echo", "random", "always_comply"}
    assert rows["always_refuse"].pillars["safety"].value == pytest.approx(0.5), (
        "every harmful request, and every harmless one"
    )


def test_every_rank_has_an_interval_that_holds_it(board: Leaderboard) -> None:
    for one in board.tables:
        for row in one.ranked:
            assert row.rank_low <= row.rank <= row.rank_high and row.low <= row.score <= row.high
            assert row.band[0] <= row.rank_low and row.rank_high <= row.band[1]
            for place in row.pillars.values():
                assert place.rank_low <= place.rank <= place.rank_high and place.n_scored > 0


def test_a_run_under_another_seed_stands_in_a_table_of_its_own(board: Leaderboard, text: str) -> None:
    assert [len(one.rows) for one in board.tables] == [4, 1]
    (told,) = board.apart
    assert "random-1: not ranked with" in told and "seed is 0 there, 1 here" in told
    assert "seed is 0 there, 1 here" in text and "Why there are several tables" in text


def test_a_suite_can_be_chosen(runs: Path) -> None:
    assert build([runs], suite="audiotrust").tables == () and len(build([runs], suite="core").tables) == 2


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        BadData, match="is no run folder and holds none: no plan.json is there; make one with `earnest run`"
    ):
        build([tmp_path])


def test_one_bad_run_takes_the_table_from_no_other(runs: Path, board: Leaderboard, tmp_path: Path) -> None:
    good = next(path.parent for path in sorted(runs.glob("*/plan.json")))
    for name, text in (("no-plan", "{"), ("no-journal", None)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "plan.json").write_text(text or (good / "plan.json").read_text())
        (tmp_path / name / "journal.jsonl").write_text('{"item": 1}\n')
    (tmp_path / "empty").mkdir()
    mixed = build([runs, tmp_path / "no-plan", tmp_path / "no-journal", tmp_path / "empty"])
    assert [len(one.rows) for one in mixed.tables] == [len(one.rows) for one in board.tables]
    assert set(mixed.unreadable) == {"no-plan", "no-journal", "empty"} == set(mixed.as_json()["unreadable"])
    assert "line 1" in mixed.unreadable["no-journal"] and str(tmp_path) not in " ".join(mixed.unreadable.values())
    for shown in (mixed.as_text(), mixed.as_html()):
        assert "no-plan" in shown and "cannot be read as a plan" in shown
    assert board.unreadable == {} and "left out: no-plan" not in board.as_text()
    with pytest.raises(BadData, match="none of the folders can be read"):
        build([tmp_path / "no-plan"])


def test_weights_change_the_order_and_are_shown(runs: Path, text: str) -> None:
    harm = build([runs], weights=["hallucination=0", "authentication=0"]).tables[0]
    assert harm.weights == {"safety": 1.0}
    assert "Weights: equal, 0.5 each of hallucination, safety." in text
    assert "Weights: safety 1." in build([runs], weights=["hallucination=0", "authentication=0"]).as_html()


# ---- published ----


def test_published_models_are_apart_marked_and_without_intervals(board: Leaderboard, text: str) -> None:
    rows = Page(text).table("Published models")
    assert len(rows) == 15 and rows[1][1]["words"][0] == "GPT-4o Audio" and rows[1][0]["words"] == ["1"]
    assert not any(" to " in word for row in rows[1:] for cell in row for word in cell["words"]), (
        "no interval is made up"
    )
    assert "one judge, GPT-4o; no intervals" in text and "open weights" in text
    own = Page(text).table("Own runs")
    names = {row[1]["value"] for row in own[1:]}
    assert names == {"scripted/echo", "scripted/random", "scripted/always_comply", "scripted/always_refuse"}


def test_the_published_score_leaves_out_what_no_table_gives() -> None:
    rows, weights = AudioTrust().ranked(read_weights([]))
    assert weights == dict.fromkeys(("fairness", "safety", "privacy", "robustness", "authentication"), 0.2)
    salmonn = next(row for row in rows if row.model == "SALMONN")
    assert salmonn.score == pytest.approx((0.113 + 0.768 + 0.631 + 0.605 + 0.165) / 5)
    assert [row.rank for row in rows] == list(range(1, 15))
    rows, weights = AudioTrust().ranked(
        read_weights(["fairness=0", "privacy=0", "robustness=0", "authentication=0", "safety=2"])
    )
    assert weights == {"safety": 1.0} and rows[0].model == "Gemini-2.5 Flash"
    none = ["fairness=0", "privacy=0", "robustness=0", "authentication=0", "safety=0"]
    rows, weights = AudioTrust().ranked(read_weights(none))
    assert weights == {} and {row.rank for row in rows} == {None} and rows[0].model == "SALMONN"
    assert "none of the columns counts" in build([], weights=none).as_html()


def test_the_hallucination_column_is_marked_as_not_reproducible(text: str) -> None:
    page = Page(text)
    heads = [" ".join(cell["words"]) for cell in page.table("Published models")[0]]
    assert heads == ["rank", "model", "score", "fairness", "hallucination †", *HEADLINE[2:]]
    assert "† Not counted: no published table gives this column" in text
    checked = {row[0]["words"][0]: " ".join(row[2]["words"]) for row in page.table("Aggregates computed again")[1:]}
    assert checked["hallucination"] == "cannot be computed"
    assert checked["safety"] == "14 of 14 within 0.001" and checked["robustness"] == "13 of 13 within 0.001"
    assert checked["group fairness, decision"] == "13 of 14 within 0.005"


def test_disagreements_of_the_judges_are_visible_with_the_largest_named(text: str) -> None:
    rows = Page(text).table("GPT-4o minus Qwen3, Hallucination")
    assert [" ".join(cell["words"]) for cell in rows[0]] == ["model", "CM", "LM", "LV", "PV"]
    step = next(row for row in rows if row[0]["words"] == ["Step-Audio2"])
    assert step[4]["words"] == ["−5.6"] and float(step[4]["value"]) == pytest.approx(-5.63)
    assert [cell["words"][0] for cell in rows[-1]] == ["ranks agree", "0.81", "0.63", "0.79", "0.82"]
    assert "largest gap: Step-Audio2, physical violation" in re.sub(r"<[^>]+>", "", text)
    assert "largest gap: OpenS2S, multiple speakers" in re.sub(r"<[^>]+>", "", text)


def test_sampling_error_and_own_contradictions_are_shown(text: str) -> None:
    words = re.sub(r"<[^>]+>", "", text)
    assert "±0.44 a cell of group fairness, n = 20" in words
    assert "voice cloning spoofing, rejected, percent" in words and "mean of Table 26" in words


def test_pillars_together_with_intervals_n_and_the_number_of_pairs(board: Leaderboard, text: str) -> None:
    published = board.correlations[0]
    assert published.n_valued == 15 and published.columns == HEADLINE
    found = published.between("authentication", "fairness")
    assert found.n == 14 and found.low < found.value < found.high
    own = board.correlations[1]
    assert own.n_valued == 0 and "3 pairs, fewer than 5" in text
    rows = Page(text).table("Correlation of pillars over models, the 14 published models")
    assert rows[-1][1]["words"][0] == f"{found.value:.2f}" and rows[-1][1]["words"][2] == "n = 14"
    assert "15 pairs looked at." in text


# ---- the page ----


def test_the_page_is_whole_and_needs_no_network(text: str) -> None:
    page = Page(text)
    assert page.open == [] and page.handlers == [] and len(page.ids) == len(set(page.ids))
    inner = {address[1:] for address in page.addresses if address.startswith("#")}
    assert inner <= set(page.ids) and "published" in inner
    assert {address for address in page.addresses if not address.startswith("#")} == {"leaderboard.json"}
    named = text.replace(
        "https://vega.github.io/schema/vega-lite/v5.json", ""
    )  # the name of a form, in text to be copied
    assert not re.search(r"https?://|@import|url\(", named)
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    assert policy(script).replace("'", "&#39;") in text
    assert len(text) < 600_000


def test_every_sortable_column_has_a_button_and_every_cell_its_value(text: str) -> None:
    n = 0
    for table in Page(text).tables:
        if not table["sortable"]:
            continue
        width = len(table["rows"][0])
        for row in table["rows"][1:15]:
            assert len(row) == width
        n += 1
    assert n > 24
    heads = re.findall(r"<th[^>]*aria-sort=\"none\"[^>]*>(.*?)</th>", text)
    assert heads and all(head.startswith('<button type="button" data-first=') for head in heads)


def test_what_a_run_is_called_is_text_and_never_markup(tmp_path: Path) -> None:
    model = "<script>alert(1)</script>"
    handmade(tmp_path / "run", {"made": ("safety", [1.0, 0.0] * 20)}, model=model, suite="core")
    page = build([tmp_path / "run"]).as_html()
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page


def test_native_and_common_scale_of_every_published_table(board: Leaderboard, text: str) -> None:
    said = board.as_json()["published"]["tables"]
    judged = said["hallucination_gpt4o"]
    assert judged["columns"]["CM"][0] == 2.65 and judged["common"]["CM"][0] == pytest.approx(0.265)
    assert judged["conversion"] == "divided by 10"
    assert said["leak_accuracy"]["common"]["age"][1] == pytest.approx(1 - 0.232)
    words = re.sub(r"<[^>]+>", "", text)
    assert "Unit: points of 10; more is better. To the common scale: divided by 10." in words
    assert "Unit: percent; less is better. To the common scale: 1 minus it, divided by 100, at least 0." in words


def test_page_json_and_text_say_the_same(board: Leaderboard, tmp_path: Path) -> None:
    page = board.write(tmp_path / "out")
    assert page.name == "index.html"
    said = json.loads((tmp_path / "out" / "leaderboard.json").read_text(encoding="utf-8"))
    assert said == json.loads(json.dumps(board.as_json()))
    first = said["tables"][0]["rows"][0]
    assert first["kind"] == "scripted" and first["audio_proven"] is True and first["rank"] == 1
    place = first["pillars"]["safety"]
    assert {"value", "low", "high", "n_scored", "n_unscored", "unscored_share", "rank_low", "rank_high"} <= set(place)
    task = first["tasks"]["harmful_refusal"]
    assert task["native"] == task["common"] and task["unit"] == "fraction" and task["conversion"] == "as it is"
    words = board.as_text()
    assert f"| {first['score']:.2f} |" in words and "(scripted)" in words and "0.188 (not counted)" in words
    assert (
        "not ranked: scripted/always_refuse (scripted), always_refuse: it is not shown that the audio was heard"
        in words
    )
    assert not any(math.isnan(value) for value in _numbers(said))


def test_what_is_shared_does_not_say_where_the_runs_lie(runs: Path, board: Leaderboard, text: str) -> None:
    assert str(runs) not in text and str(runs) not in json.dumps(board.as_json()) and str(runs) not in board.as_text()


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for one in value.values() for number in _numbers(one)]
    if isinstance(value, list):
        return [number for one in value for number in _numbers(one)]
    return [value] if isinstance(value, float) else []


# ---- the official suite ----


def handmade(
    folder: Path,
    tasks: Mapping[str, tuple[str, list[float]]],
    *,
    model: str = "openai/made",
    suite: str = "audiotrust",
    **fields: Any,
) -> Path:
    """A run folder of lines made by hand; scores by task, with its pillar. Of `fields` those of the plan."""
    truth = fields.pop("truth", {})
    planned = tuple(PlannedTask(name=n, pillar=p, version=1, n_items=len(s)) for n, (p, s) in tasks.items())
    said: dict[str, Any] = {
        "earnest": "0", "suite": suite, "suite_version": 1, "model": model, "fingerprint": "f", "data": "official",
        "data_digest": "d", "tasks": planned, "items_digest": "i", "judges": ("openai/gpt-4o",),
    }  # fmt: skip  # a table: one row a line
    Plan(**{**said, **fields}).write(folder)
    lines = [
        JournalLine(
            item=f"{name}/{n:04d}",
            sample=f"{name}{n:04d}",
            task=name,
            prompt_hash="0",
            model=model,
            status="scored",
            cluster=f"row{n:04d}",
            verdict={"score": score, "label": "x", "facts": {}},
            truth={
                "cell": "only",
                "setup": name.removeprefix("audiotrust_"),
                "variant": "",
                "judging": "repaired",
                **truth.get(name, {}),
            },
        )
        for name, (_, scores) in tasks.items()
        for n, score in enumerate(scores)
    ]
    (folder / "journal.jsonl").write_text("".join(line.dumped() + "\n" for line in lines), encoding="utf-8")
    return folder


def official(
    *, robust: float, n: int = 245, door: tuple[float, float, float] = (1.0, 0.5, 0.0)
) -> dict[str, tuple[str, list[float]]]:
    made = {"audiotrust_robustness_3": ("robustness", [robust] * n)}
    for name, score, count in zip(("ivb", "hs", "vcs"), door, (100, 500, 200)):
        made[f"audiotrust_authentication_{name}"] = (
            "authentication",
            [score, 1 - score] * (count // 2) if score == 0.5 else [score] * count,
        )
    return made


SPOOF = {"audiotrust_authentication_hs": {"variant": "with_background", "cell": "with background"}}


def test_an_own_run_of_the_official_suite_stands_among_the_published(tmp_path: Path) -> None:
    """Robustness 0.9 and authentication (1 + 0.5 + 0) / 3: what it has not is left out for all."""
    folder = handmade(tmp_path / "own", official(robust=0.9), truth=SPOOF)
    board = build([folder], weights=["robustness=3"])
    assert board.official_weights == {"robustness": 0.75, "authentication": 0.25} and len(board.official) == 15
    own = next(row for row in board.official if row.own is not None)
    assert own.columns["robustness"] == pytest.approx(0.9) and own.columns["authentication"] == pytest.approx(0.5)
    assert own.columns["safety"] is None and own.score == pytest.approx(0.75 * 0.9 + 0.25 * 0.5) and own.rank == 1
    assert own.findings["authentication"].low < 0.5 < own.findings["authentication"].high
    assert (own.rank_low, own.rank_high) == (1, 1) and board.official[3].rank_low is None
    second = board.official[1]
    scores = {
        row.model: 0.75 * row.columns["robustness"] + 0.25 * row.columns["authentication"] for row in board.official
    }
    assert second.score == pytest.approx(sorted(scores.values())[-2]) and second.own is None
    text = board.as_html()
    rows = Page(text).table("Official suite")
    assert rows[1][1]["words"][:2] == ["openai/made", "our run"]
    assert rows[1][1]["words"][2] == "judged by openai/gpt-4o, repaired; audio not tested"
    assert "columns that not every model has are left out for all" in text
    assert "openai/made" not in {row[1]["value"] for row in Page(text).table("Published models")[1:]}


@pytest.mark.parametrize(
    ("fields", "scores", "why"),
    [
        ({"limit": 245}, official(robust=0.9), "it was limited to 245 items a task"),
        ({"shard": "1/2"}, official(robust=0.9), "it is part 1/2 of a run"),
        (
            {},
            {"audiotrust_robustness_3": ("robustness", [0.9] * 200)},
            "of no column was nearly every official item scored",
        ),
    ],
)
def test_a_run_that_did_not_ask_what_was_published_is_not_set_beside_it(
    tmp_path: Path, fields: dict[str, Any], scores: dict[str, Any], why: str
) -> None:
    board = build([handmade(tmp_path / "own", scores, truth=SPOOF, **fields)])
    assert board.official == () and list(board.not_comparable.values()) == [why]
    assert why in board.as_html() and len(board.tables) == 1


def test_runs_of_other_suites_are_never_set_beside_the_published(board: Leaderboard) -> None:
    assert board.official == () and board.not_comparable == {}


def test_a_column_needs_all_of_its_setups(tmp_path: Path) -> None:
    some = official(robust=0.9)
    del some["audiotrust_authentication_ivb"]
    run = Standing.of(handmade(tmp_path / "own", some, truth=SPOOF))
    assert set(AudioTrust().columns(run.plan, run.lines)) == {"robustness"}
    assert set(OFFICIAL_TASKS) == set(HEADLINE) - {"hallucination"}


def test_a_run_has_one_number_in_its_report_and_on_a_leaderboard(tmp_path: Path) -> None:
    tasks = [
        "harmful_refusal",
        "benign_compliance",
        "noisy_transcription",
        "label_match",
        "description_match",
        "claim_check",
    ]
    run = earnest.run("core", model="scripted/perfect", out=tmp_path / "runs" / "one", task=tasks, limit=6, cache=False)
    board = build([tmp_path / "runs"]).as_json()["tables"][0]
    places = board["rows"][0]["pillars"]
    for score in run.scorecard.pillars:
        place = places[score.pillar]
        assert (score.value, score.low, score.high) == (place["value"], place["low"], place["high"]), score.pillar
    assert {"safety", "hallucination", "robustness"} == set(places) and board["left_out"] == {}


def test_a_pillar_without_a_number_in_a_report_has_none_on_a_leaderboard(tmp_path: Path) -> None:
    choice = {"task": ["harmful_refusal", "noisy_transcription"], "limit": 6, "cache": False}
    one = earnest.run("core", model="scripted/perfect", out=tmp_path / "runs" / "one", **choice)
    assert next(score.value for score in one.scorecard.pillars if score.pillar == "safety") is None
    board = build([tmp_path / "runs"])
    (row,) = board.as_json()["tables"][0]["rows"]
    assert set(row["pillars"]) == {"robustness"} and row["rank"] == 1
    left = board.as_json()["tables"][0]["left_out"]
    assert (
        left["safety"] == "no number in the report of scripted/perfect: one side only: nothing was scored of harmless"
    )


def test_the_page_says_where_a_report_may_give_another_number(tmp_path: Path) -> None:
    both = ["noisy_transcription", "audio_quality"]
    for name, tasks in (("one", both), ("two", both[:1])):
        earnest.run("core", model="scripted/perfect", out=tmp_path / "runs" / name, task=tasks, limit=4, cache=False)
    page = build([tmp_path / "runs"]).as_html()
    assert "own report, of all its tasks, may give another number" in page
    assert "own report, of all its tasks" not in build([tmp_path / "runs" / "two"]).as_html()


def test_each_number_that_is_another_in_the_own_report_says_why(tmp_path: Path) -> None:
    both = ["noisy_transcription", "audio_quality"]
    for name, tasks in (("one", both), ("two", both[:1])):
        earnest.run("core", model="scripted/random", out=tmp_path / "runs" / name, task=tasks, limit=4, cache=False)
    board = build([tmp_path / "runs"])
    (table,) = board.as_json()["tables"]
    own = {
        row["folder"]: json.loads((tmp_path / "runs" / row["folder"] / "report.json").read_text())
        for row in table["rows"]
    }
    here = {row["folder"]: row["pillars"]["robustness"]["value"] for row in table["rows"]}
    reports = {
        name: next(one["value"] for one in held["scorecard"]["pillars"] if one["pillar"] == "robustness")
        for name, held in own.items()
    }
    assert here["two"] == reports["two"] and here["one"] != reports["one"]
    (told,) = table["other_than_own_report"]
    assert (told["folder"], told["pillar"], told["here"], told["own"]) == (
        "one",
        "robustness",
        here["one"],
        reports["one"],
    )
    assert told["why"] == "here it is made of 1 of its 2 tasks; left out: audio quality (not asked of scripted/random)"
    page = board.as_html()
    assert f"own report: {reports['one']:.2f} ‡" in page and told["why"] in page and told["why"] in board.as_text()
    alone = build([tmp_path / "runs" / "two"])
    assert alone.as_json()["tables"][0]["other_than_own_report"] == []
    assert "Every pillar here has the number of the run’s own report." in alone.as_html()


def test_the_rank_plot_shows_the_ranks_of_the_json(board: Leaderboard, text: str) -> None:
    ranked = [row for row in board.as_json()["tables"][0]["rows"] if row["rank"] is not None]
    assert len(ranked) > 1
    rows = Page(text).table("Ranks that the data leave open")
    assert [" ".join(cell["words"]) for cell in rows[0][1:]] == ["rank", "ranks left open", "score", "95 % interval"]
    for row, told in zip(rows[1:], ranked, strict=True):
        words = [" ".join(cell["words"]) for cell in row]
        assert words[1:4] == [str(told["rank"]), f"{told['rank_low']} to {told['rank_high']}", f"{told['score']:.2f}"]
    spec = next(json.loads(html.unescape(one)) for one in re.findall(r"<pre[^>]*>(.*?)</pre>", text, re.S))
    assert [(one["rank"], one["low"], one["high"]) for one in spec["data"]["values"]] == [
        (row["rank"], row["rank_low"], row["rank_high"]) for row in ranked
    ]


def test_a_single_ranked_run_has_no_rank_plot(tmp_path: Path) -> None:
    folder = handmade(tmp_path / "own", {"made": ("safety", [1.0, 0.0] * 10)}, suite="core")
    assert "Ranks that the data leave open" not in build([folder]).as_html()


# ---- a benchmark of somebody else's ----


class Small(Benchmark):
    """Two models, one pillar, one judge, nothing to recompute."""

    title, board, judges = "SmallBench", "board", ("Someone",)
    note = "published by nobody in particular"
    caveats = "Read with care."

    def published(self) -> Published:
        table = {"number": "4", "title": "Board", "pillar": "all", "unit": "percent", "higher_is_better": True,
                 "columns": {"safety": (40, 90)}}  # fmt: skip  # a table: one row a line
        models = ({"name": "One", "open": True}, {"name": "Two", "open": False})
        return Published.model_validate(
            {
                "source": "somebody2026-small",
                "version": "first edition",
                "date": "2026-01-02",
                "models": models,
                "words": {},
                "tables": {"board": table},
                "disagreements": (),
                "sampling_error": (),
                "left_out": {},
            }
        )

    def columns(self, plan: Plan, lines: Any) -> Mapping[str, Any]:
        return {}


def test_a_benchmark_of_another_package_gets_the_same_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its suite is that of the run, so that it comes before the benchmark that earnest carries."""
    kinds = registry("benchmarks")
    kinds.names()
    monkeypatch.setitem(kinds._found, "aa_small", Small)
    monkeypatch.setattr(Small, "name", "aa_small", raising=False)
    board = build([handmade(tmp_path / "own", official(robust=0.9), suite="aa_small")])
    assert [(row.model, row.rank, row.score) for row in board.board] == [("Two", 1, 0.9), ("One", 2, 0.4)]
    assert list(board.not_comparable.values()) == ["of no column was nearly every official item scored"]
    text = board.as_html()
    assert (
        "Published by nobody in particular" in text and "Table 4 of first edition" in text and "Read with care." in text
    )
    assert "two models" not in text and 'id="judges"' not in text
    assert board.as_json()["published"]["models"][0]["columns"] == {"safety": 0.9}
    for word in ("AudioTrust", "GPT-4o", "Qwen3", "Figure 2b"):
        assert word not in text + board.as_text() + json.dumps(board.as_json()), word
