"""`earnest papers` as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from earnest.catalogue import works
from earnest.cli import main


@dataclass(frozen=True)
class Done:
    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture
def call(capsys) -> Callable[..., Done]:
    """Runs `earnest papers` in this process, by the way that leaves with its exit code."""

    def called(*arguments: object) -> Done:
        with pytest.raises(SystemExit) as left:
            main(["papers", *map(str, arguments)])
        said = capsys.readouterr()
        return Done(int(left.value.code or 0), said.out, said.err)

    return called


@pytest.fixture
def told(call) -> Callable[..., Any]:
    """What `--json` prints."""

    def read(*arguments: object) -> Any:
        done = call(*arguments, "--json")
        assert done.exit_code in (0, 1), done.stderr
        return json.loads(done.stdout)

    return read


def test_search_finds_and_says_when_it_does_not(call, told):
    done = call("search", "audiotrust")
    assert done.exit_code == 0 and done.stdout.startswith("li2025-audiotrust")
    assert call("search", "zzzzz").exit_code == 1
    found = told("search", "jailbreak", "--pillar", "safety", "--limit", "3")
    assert found["n"] > 10 and len(found["works"]) == 3


def test_list_counts_and_narrows(told):
    assert told("list")["n"] == len(works())
    assert told("list", "--runnable")["n"] == sum(bool(work.runs_in_earnest) for work in works().values())
    assert all("benchmark" in work["kind"] for work in told("list", "--kind", "benchmark", "--year", "2025")["works"])


def test_show_takes_a_key_or_an_id_and_shows_commands(call, told):
    done = call("show", "2505.16211")
    assert "AudioTrust" in done.stdout and "$ earnest run" in done.stdout and "claims" in done.stdout
    assert told("show", "li2025-audiotrust")["commands"]
    assert call("show", "nobody2020-nothing").exit_code != 0


def test_coverage_and_lint(call, told):
    assert "works on attacks for every one on a defence" in call("coverage").stdout
    assert told("coverage")["imbalance"] > 0.5
    done = call("lint")
    assert (done.exit_code, done.stdout.strip()) == (0, "no fault")


def test_lint_of_a_folder_with_a_fault_is_exit_1(told, tmp_path: Path):
    (tmp_path / "2025").mkdir()
    (tmp_path / "2025" / "a2025-b.yaml").write_text("id: a2025-b\ntitle: [\n", encoding="utf-8")
    found = told("lint", "--works", tmp_path)
    assert found["n"] == 1 and found["faults"][0]["file"] == "2025/a2025-b.yaml" and found["faults"][0]["line"] > 0


@pytest.mark.parametrize(
    ("form", "begins"),
    [("--bibtex", "@"), ("--csl", "["), ("--ris", "TY  - "), ("--csv", "id,title"), ("--markdown", "# ")],
)
def test_export_in_every_form(call, form, begins, tmp_path: Path):
    assert call("export", "li2025-audiotrust", form).stdout.startswith(begins)
    out = tmp_path / "out"
    done = call("export", form, "--trust", "--out", out)
    assert done.exit_code == 0 and out.read_text(encoding="utf-8").startswith(begins)


def test_export_needs_a_form(call):
    done = call("export")
    assert done.exit_code == 2 and "--bibtex, --csl, --ris, --csv or --markdown" in done.stderr


def test_add_writes_a_file_and_says_what_is_next(call, tmp_path: Path):
    done = call("add", "2511.19999", "--title", "A Title of Ears", "--date", "2025-11-30", "--works", tmp_path)
    assert done.exit_code == 0 and "earnest papers lint" in done.stderr
    (file,) = tmp_path.rglob("*.yaml")
    assert call("lint", "--works", tmp_path).exit_code == 0 and file.parent.name == "2025"


def test_a_list_of_others_is_read_and_what_is_new_is_told(call, told, tmp_path: Path):
    (tmp_path / "list.md").write_text(
        "- **2025/05/22** | [**AudioTrust, Otherwise Titled**](https://arxiv.org/abs/2505.16211v2)\n"
        "- **2025/05/22** | [**Never Heard Of**](https://arxiv.org/abs/2505.99999)\n",
        encoding="utf-8",
    )
    done = call("import-awesome", tmp_path)
    assert "new  2025-05-22  Never Heard Of  https://arxiv.org/abs/2505.99999" in done.stdout
    assert "2 entries, 1 of them of works in the catalogue, 1 new" in done.stdout
    found = told("import-awesome", tmp_path, "--table", tmp_path / "t.csv")
    assert [match["how"] for match in found["matches"]] == ["id", "none"]
    assert "li2025-audiotrust,listed" in (tmp_path / "t.csv").read_text(encoding="utf-8")


def test_the_site_is_written(told, tmp_path: Path):
    found = told("site", "--out", tmp_path / "site")
    assert found["n_works"] == len(works()) and (tmp_path / "site" / "index.html").is_file()
