"""Runs as tables: tidy rows, one type a column, no cell that a spreadsheet would run, and a notebook's picture."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earnest.cli import main
from earnest.errors import BadParameter, MissingExtra
from earnest.records import JournalLine
from earnest.results.tidy import tidy_items
from earnest.runs.suite import Run, run_suite
from earnest.spreadsheets import csv_text, safe_cell

STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("tables") / "our run"
    return run_suite(  # type: ignore[return-value]
        "core",
        model="scripted/perfect",
        out=folder,
        task=["harmful_refusal", "noisy_transcription"],
        limit=4,
        attack="noise:snr_db=10",
        cache=False,
        name="Ours",
    )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def exported(*options: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["export", *options])
    return int(str(left.value.code))


# ---- cells


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("-5 degrees", "'-5 degrees"),
        ("@sum(a)", "'@sum(a)"),
        ("  =1", "'  =1"),
        ("\ufeff=1", "'\ufeff=1"),
        ("\t=1", "'\t'=1"),
        ("\uff1d1", "'\uff1d1"),
        ("yes;=cmd|' /C calc'!A0", "yes;'=cmd|' /C calc'!A0"),
        ("yes\n=1", "yes\n'=1"),
        ("a list:\n- one\n- two", "a list:\n- one\n- two"),
        ("three - two", "three - two"),
        ("", ""),
        (-0.5, -0.5),
        (None, None),
        (True, True),
    ],
)
def test_text_that_begins_as_a_formula_is_made_text(text: object, cell: object) -> None:
    assert safe_cell(text) == cell


@given(st.text() | st.from_regex(r"[\s;]*[=+@-].*"))
def test_no_cell_begins_as_a_formula_and_nothing_else_is_lost(text: str) -> None:
    written = csv_text([{"x": text, "y": 1}], columns=["x", "y"])
    _, (read, _) = csv.reader(io.StringIO(written, newline=""))
    assert not read.startswith(STARTS)
    assert read.replace("'", "") == text.replace("'", "").replace("\0", "\ufffd")


def test_a_lone_half_of_a_sign_does_not_stop_a_table() -> None:
    assert csv_text([{"=x": "a\ud800b"}], columns=["=x"]) == "'=x\r\na?b\r\n"


# ---- tables


def test_csv_holds_every_finding_and_every_item(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exported(str(run.folder), "--csv", "--out", str(tmp_path / "out")) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "out" / name) for name in ("findings.csv", "items.csv")]
    found = rows(tmp_path / "out" / "findings.csv")
    assert [row["id"] for row in found] == [finding.id for finding in run.findings]
    head = next(
        row for row in found if row["task"] == "noisy_transcription" and row["headline"] == "True" and row["attack"]
    )
    of = next(finding for finding in run.findings if finding.id == head["id"])
    assert (head["attack"], head["name"], head["model"], head["run"]) == (
        "noise:snr_db=10",
        "Ours",
        "scripted/perfect",
        "our run",
    )
    assert float(head["value"]) == of.value and float(head["low"]) == of.low and int(head["n_scored"]) == of.n_scored
    items = rows(tmp_path / "out" / "items.csv")
    assert [row["item"] for row in items] == [line.item for line in run.lines()]
    assert {row["kind"] for row in items} == {"item", "canary"}
    asked = next(row for row in items if row["task"] == "noisy_transcription")
    line = next(line for line in run.lines() if line.item == asked["item"])
    assert (asked["answer"], asked["pillar"], asked["truth_text"]) == (line.answer, "robustness", line.truth["text"])
    assert not [
        cell for row in [*found, *items] for cell in row.values() if cell.startswith(STARTS) and not _is_number(cell)
    ]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_parquet_holds_the_same_in_types(run: Run, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra parquet")
    assert exported(str(run.folder), "--parquet", "--csv", "--out", str(tmp_path)) == 0
    table = parquet.read_table(tmp_path / "findings.parquet")
    assert table.num_rows == len(run.findings) and str(table.schema.field("value").type) == "double"
    assert table.column("id").to_pylist() == [row["id"] for row in rows(tmp_path / "findings.csv")]
    assert parquet.read_table(tmp_path / "items.parquet").num_rows == len(run.lines())


def test_an_export_says_which_forms_there_are(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert exported(str(run.folder)) == 2
    assert "name a format: --csv, --parquet or --inspect" in capsys.readouterr().err


def test_a_column_has_one_type(run: Run) -> None:
    def line(number: int, **truth: object) -> JournalLine:
        return JournalLine(
            item=str(number),
            sample="s",
            task="t",
            prompt_hash="0",
            model="m",
            status="unscored",
            reason="timeout",
            truth=truth,
        )

    made = tidy_items(
        run.plan, [line(1, a=True, b=1, c=[1, 2], d="x"), line(2, a="yes", b=0.5, c=None, d="y"), line(3)], run="r"
    )
    assert [row["truth_a"] for row in made.rows] == ["true", "yes", None]
    assert [row["truth_b"] for row in made.rows] == [1.0, 0.5, None] and isinstance(made.rows[0]["truth_b"], float)
    assert [row["truth_c"] for row in made.rows] == ["[1, 2]", None, None]
    assert all(tuple(row) == made.columns for row in made.rows)


def test_a_frame_is_tidy(run: Run) -> None:
    pytest.importorskip("pandas", reason="needs the extra pandas")
    frame = run.frame()
    assert list(frame["id"]) == [finding.id for finding in run.findings]
    best = frame[frame.headline & frame.attack.isna()].set_index("task").value
    assert best["noisy_transcription"] == 1.0 and len(best) == 2
    items = run.frame("items")
    assert len(items) == len(run.lines()) and items[items.kind == "item"].score.mean() > 0.5
    with pytest.raises(BadParameter, match="of 'findings' or of 'items', got 'lines'"):
        run.frame("lines")  # type: ignore[arg-type]


def test_a_frame_without_pandas_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(MissingExtra, match=r'pip install "earnest\[pandas\]"'):
        run.frame()


# ---- the notebook's picture


class Reader(HTMLParser):
    """Which elements there are, where links lead, and whether each that was opened is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.tags, self.links = [], [], []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name == "href"]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_notebook_shows_bars_and_a_link(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run.folder.parent)
    page = run._repr_html_()
    read = Reader(page)
    assert not read.open and read.tags.count("svg") == len(run.scorecard.pillars) and "script" not in read.tags
    assert read.links == ["our%20run/report.html"]
    assert "<b>Ours on probe</b>" in page and "The audio was heard" in page
    monkeypatch.chdir("/")
    assert Reader(run._repr_html_()).links == [
        str((run.folder / "report.html").as_posix()).lstrip("/").replace(" ", "%20")
    ]


def test_what_a_notebook_shows_is_escaped(run: Run) -> None:
    from earnest.report.notebook import picture

    named = run.plan.model_copy(update={"name": "<script>alert(1)</script>"})
    assert "<script>" not in picture(run.folder, named, run.scorecard)


def test_json_of_a_run_still_says_what_was_not_run(run: Run) -> None:
    assert json.loads(json.dumps(run.as_json()))["not_run"] == run.not_run == {}
