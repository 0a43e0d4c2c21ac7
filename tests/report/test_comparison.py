"""Runs compared: sentences, plots and grid say what the JSON says, and nothing of a folder becomes markup."""

from __future__ import annotations

import base64
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path

import pytest

from earnest import report
from earnest.errors import BadParameter
from earnest.report.comparison import Comparison, shift_cells, short_names
from earnest.report.comparison_words import sentence, summary, title_of_shift
from earnest.report.item_grid import LETTERS
from earnest.results.compare import Shift

VOID = {"meta", "input", "wbr", "br", "hr"}


class Page(HTMLParser):
    """What a page holds: ids, addresses, scripts and handlers; and which elements are not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.scripts: list[dict[str, str | None]] = []
        self.handlers: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids += [found["id"]] if found.get("id") else []
        self.addresses += [found[name] or "" for name in ("src", "href") if name in found]
        self.handlers += [name for name in found if name.startswith("on")]
        self.scripts += [found] if tag == "script" else []
        self.open += [tag] if tag not in VOID else []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.open.append(f"/{tag}")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, made_tasks: None, make_run) -> list[Path]:
    """Three runs of 16 items a task; in the second, every answer about safety fails without an attack."""
    root = tmp_path_factory.mktemp("compared")
    found = [
        make_run(root / name, n=16, seed=seed, model=f"made/{name}")
        for seed, name in enumerate(("first", "second", "third"))
    ]
    journal = found[1] / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()[:-1]]
    for line in lines:
        if (
            line["task"] in ("made_harm", "made_benign")
            and not line["attack"]
            and not line.get("defences")
            and line["status"] == "scored"
        ):
            line["verdict"]["score"] = 0.0
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def two(folders: list[Path]) -> Comparison:
    return report.compare(folders[0], folders[1])


@pytest.fixture(scope="module")
def three(folders: list[Path]) -> Comparison:
    return report.compare(*folders, baseline=folders[2])


@pytest.fixture(scope="module")
def text(three: Comparison) -> str:
    return three.as_html()


def test_the_page_opens_with_what_got_worse(two: Comparison) -> None:
    page = two.as_html()
    said = [one for one in two.as_json()["sentences"] if one["verdict"] == "worse"]
    assert {one["id"] for one in said} >= {"safety", "safety.made_harm"}
    places = [page.index(one["text"]) for one in said]
    assert max(places) < page.index('id="items"'), "sentences stand before the grid and the tables"
    assert page.index("May I compare these two runs?") < min(places)
    assert "Nothing got better beyond the interval." in page or any(
        one.verdict == "better" for one in two.against[0].shifts
    )


def test_a_sentence_says_what_the_numbers_say(two: Comparison) -> None:
    one = two.against[0]
    (harm,) = [shift for shift in one.shifts if shift.id == "safety.made_harm"]
    told = sentence(harm, one.other)
    assert told.startswith("Are spoken harmful requests refused? ") and harm.second == 0.0
    assert f"{round(-100 * harm.value)} points worse, from {round(100 * harm.first)} % to 0 %" in told
    assert told.endswith(
        f"{harm.n_fell} items passed before and fail now, 0 the other way round; {harm.n_items} items were compared."
    )
    assert harm.n_fell == round(harm.first * harm.n_items)


def test_the_summary_counts_and_says_what_is_not_ruled_out(two: Comparison) -> None:
    one = two.against[0]
    told = summary(one, n_looked_at=two.n_looked_at)
    assert told.startswith(f"Of {len(one.shifts)} headlines and pillar means, {len(one.worse)} got worse")
    assert f"hold for all {two.n_looked_at} comparisons at once" in told
    widest = min((shift for shift in one.shifts if shift.verdict == "no difference shown"), key=lambda shift: shift.low)
    assert (
        f"a loss of up to {round(-100 * widest.low)} points is not ruled out ({title_of_shift(widest, one.other)})"
        in told
    )


def test_the_baseline_names_the_direction(folders: list[Path], two: Comparison) -> None:
    turned = report.compare(folders[0], folders[1], baseline=folders[1])
    forth = {one.id: one for one in two.against[0].shifts}
    back = {one.id: one for one in turned.against[0].shifts}
    assert forth.keys() == back.keys() and turned.first.folder == folders[1]
    for id_, one in forth.items():
        assert one.value == pytest.approx(-back[id_].value) and (one.n_fell, one.n_rose) == (
            back[id_].n_rose,
            back[id_].n_fell,
        )
    assert forth["safety"].verdict == "worse" and back["safety"].verdict == "better"


def test_a_run_is_equal_to_itself(folders: list[Path]) -> None:
    same = report.compare(folders[0], folders[0])
    assert all(change.value == 0 for change in same.changes if change.value is not None)
    assert {one.verdict for one in same.against[0].shifts} == {"no difference shown"}
    assert len(set(same.names)) == 2


def test_several_runs_share_one_family_of_comparisons(two: Comparison, three: Comparison) -> None:
    assert len(three.against) == 2 and three.n_looked_at == 2 * two.n_looked_at
    confidence = {one.confidence for against in three.against for one in against.shifts}
    assert confidence == {1 - 0.05 / three.n_looked_at}
    assert three.names[three.baseline] == "made/third" and {one.name for one in three.against} == {
        "made/first",
        "made/second",
    }


def test_the_page_is_whole_and_runs_one_script(text: str) -> None:
    page = Page(text)
    assert page.open == [] and len(page.ids) == len(set(page.ids))
    assert [script.get("type") for script in page.scripts] == ["application/json", "text/plain", None]
    assert not page.handlers and not any(address.startswith(("http:", "https:", "//")) for address in page.addresses)
    anchors = {address[1:] for address in page.addresses if address.startswith("#")}
    assert anchors <= set(page.ids)


def test_what_a_folder_says_is_never_markup(folders: list[Path], text: str) -> None:
    assert "<script>document.title" not in text and "onerror=" not in re.sub(r"&lt;.*?&gt;", "", text)
    assert "'owned'</script>" not in text


def held(text: str) -> tuple[dict, dict]:
    """What the page's script is given: outcomes, and what is unpacked."""
    plain = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    packed = re.search(r'<script type="text/plain" id="packed">(.*?)</script>', text, re.S)
    assert plain and packed
    return json.loads(plain[1]), json.loads(zlib.decompress(base64.b64decode(packed[1])))


def test_the_grid_has_every_item_of_every_run(folders: list[Path], three: Comparison, text: str) -> None:
    data, rest = held(text)
    assert len(data["items"]) == len(set(data["items"])) == 16 * 8 * 4 == len(rest["rows"])
    assert data["names"] == list(three.names) and data["baseline"] == 2
    told = {row["item"]: row["outcomes"] for row in three.as_json()["items"]["items"]}
    for place, item in enumerate(data["items"]):
        assert [run[place] for run in data["outcomes"]] == [LETTERS[one] for one in told[item]]
    for place, folder in enumerate(folders):
        lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines() if line.endswith("}")]
        items = [line for line in lines if line["kind"] == "item"]
        assert data["outcomes"][place].count("u") == sum(line["status"] == "unscored" for line in items)
        assert data["outcomes"][place].count("f") == sum(
            line["status"] == "scored" and line["verdict"]["score"] < 0.5 for line in items
        )


def test_answers_and_recordings_of_an_item_are_those_of_its_run(
    folders: list[Path], three: Comparison, text: str
) -> None:
    data, rest = held(text)
    place = data["items"].index("made_noise/row000")
    _, _, clips, said = rest["rows"][place]
    assert [rest["texts"][one[1]] for one in said] == [row.answer for row in three.grid.rows[place].lines]
    assert clips and all((folders[run] / "clips" / name).is_file() for _, name, run in clips)
    assert data["folders"] == ["../first/", "../second/", ""], "the page lies in the baseline's folder"


def test_counts_by_task_are_those_of_the_grid(three: Comparison) -> None:
    for row in three.grid.by_task():
        mine = [one for one in three.grid.rows if (one.task, one.arm) == (row.task, row.arm)]
        for place, counts in enumerate(row.counts):
            for kind, n in counts.items():
                assert n == sum(one.outcomes[place] == kind for one in mine)


def test_long_answers_are_cut_until_the_page_is_light(three: Comparison, monkeypatch) -> None:
    monkeypatch.setattr("earnest.report.item_grid.MAX_PACKED_BYTES", 1)
    page = three.grid.as_page(three.first.folder, short_names=three.short_names)
    assert json.loads(page.plain)["cut"] == 0
    rest = json.loads(zlib.decompress(base64.b64decode(page.packed)))
    assert all(rest["texts"][one[1]] in ("", "…") for row in rest["rows"] for one in row[3])


def test_every_number_of_a_row_is_rounded_from_the_json(two: Comparison) -> None:
    (shift,) = [one for one in two.against[0].shifts if one.id == "safety.made_benign"]
    cells = shift_cells(shift)
    told = next(one for one in two.as_json()["headlines"] if one["id"] == "safety.made_benign")
    assert cells[2] == f"−{abs(round(100 * told['value']))} points" and cells[4].startswith(str(told["n_items"]))
    assert set(told) >= {"low", "high", "confidence", "alone_low", "alone_high", "n_fell", "n_rose", "verdict"}


def test_findings_over_few_items_are_in_the_json_alone(two: Comparison) -> None:
    one = two.against[0]
    few = [change for change in one.changes if change.how != "paired" and change.n < 5]
    assert len(few) == one.n_few and not {change.id for change in one.findings} & {change.id for change in few}
    assert {change["id"] for change in two.as_json()["changes"]} >= {change.id for change in few}


def test_files_are_written_beside_each_other(two: Comparison, tmp_path: Path) -> None:
    page = two.write(tmp_path)
    assert page.name == "comparison.html"
    told = json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))
    assert told["plan_differences"] and told["comparable"]["answer"] == "yes" and len(told["items"]["items"]) == 512


def test_a_foreign_baseline_and_a_single_run_are_refused(folders: list[Path], tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match="the baseline must be one of the runs that are compared"):
        Comparison.of(folders[0], folders[1], baseline=tmp_path)
    with pytest.raises(BadParameter, match="needs two run folders at least, got 1"):
        Comparison.of(folders[0])


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (("scripted/echo", "scripted/yes"), ("echo", "yes")),
        (("m (new)", "m (old)"), ("new", "old")),
        (("alpha", "beta"), ("alpha", "beta")),
        (("a/", "a/b"), ("a/", "a/b")),
    ],
)
def test_columns_are_headed_by_what_differs(names, short) -> None:
    assert short_names(names) == short


def test_a_single_item_is_one_item(two: Comparison) -> None:
    shift = Shift(
        pillar="safety",
        task="made_harm",
        arm=two.against[0].shifts[0].arm,
        n_tasks=1,
        first=1.0,
        second=0.0,
        value=-1.0,
        low=-1.0,
        high=-0.5,
        confidence=0.95,
        alone_low=-1.0,
        alone_high=-0.5,
        n_items=1,
        n_lost=0,
        n_fell=1,
        n_rose=0,
        verdict="worse",
    )
    told = sentence(shift, two.against[0].other)
    assert "1 item passed before and fails now, 0 the other way round; one item was compared." in told
    assert "100 points worse, from 100 % to 0 % (interval 50 to 100 points worse)" in told
