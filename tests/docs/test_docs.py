"""The README and the docs say what is true: commands exist, examples run, links lead somewhere, the pages build.

Fenced blocks are marked behind their language: `python run` is executed, any block with `file=NAME` is written first. The
blocks of a page share one process and one empty folder, and run as after `pip install .`, without torch. Shell commands
are read against the command line's own options and not run.
"""

import doctest
import html
import importlib
import json
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import yaml

import earnest
from earnest import registry
from earnest.cli import COMMANDS, cli
from earnest.errors import UnknownName
from earnest.models import models
from earnest.pillars import PILLARS
from earnest.runs.suite import suite_names

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
WRITTEN = [page for page in PAGES if page.name != "refusal_judge.md"]
FENCE = re.compile(r"^(?P<ticks>```+)(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=ticks)[ ]*$", re.M | re.S)
SHELL = {"bash", "sh", "console"}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    language: str
    marks: tuple[str, ...]
    body: str

    @property
    def file(self) -> str | None:
        """The name that the block is written under, if any."""
        return next((mark.removeprefix("file=") for mark in self.marks if mark.startswith("file=")), None)


def blocks(page):
    found = []
    for match in FENCE.finditer(page.read_text(encoding="utf-8")):
        language, *marks = match["info"].split() or [""]
        found.append(Block(page.name, language, tuple(marks), match["body"]))
    return found


def write_files(page, folder):
    """Write the blocks of a page that are files."""
    for block in blocks(page):
        if block.file:
            (folder / block.file).write_text(block.body, encoding="utf-8")


def prose(page):
    """The page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def commands(page):
    """Every line of a shell block, and every inline span, that begins with one of our commands and leaves nothing out."""
    lines = [
        line.strip()
        for block in blocks(page)
        if block.language in SHELL
        for line in block.body.replace("\\\n", " ").splitlines()
    ]
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(page))]
    whole = [text for text in [*lines, *spans] if not re.search(r"\.\.\.|<[a-z]", text)]
    return [text for text in whole if re.match(r"(earnest (?!-)|earnest -|\./scripts/)", text)]


def test_the_pages_are_there():
    names = {page.name for page in PAGES}
    assert {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "tutorial.md", "ci.md", "data.md"} <= names
    assert {"attacks_and_defences.md", "reading_a_report.md", "extending.md", "inspect.md", "limits.md"} <= names
    assert sum(len(commands(page)) for page in PAGES) > 40


# ---- commands ----


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page, tmp_path, monkeypatch):
    write_files(page, tmp_path)
    monkeypatch.chdir(tmp_path)
    for text in commands(page):
        words = shlex.split(text, comments=True)
        if words[0] == "earnest":
            check_command(words[1:], text)
        else:
            script = ROOT / words[0]
            assert script.is_file() and os.access(script, os.X_OK), f"{page.name}: there is no {words[0]}"
            said = script.read_text(encoding="utf-8")
            assert all(word in said for word in words[1:] if word.startswith("--")), f"{page.name}: {text}"


def check_command(words, text):
    command, context, left = cli, click.Context(cli, info_name="earnest"), list(words)
    while isinstance(command, click.Group) and left and not left[0].startswith("-"):
        name = left.pop(0)
        found = command.get_command(context, name)
        assert found is not None, f"{text!r}: there is no command {name!r}"
        command, context = found, click.Context(found, info_name=name, parent=context)
    if isinstance(command, click.Group):
        assert set(left) <= {"--help", "-h", "--version"}, f"{text!r} names no command"
        return
    if not left:
        return  # named in passing
    try:
        given = command.make_context(command.name, left, parent=context, resilient_parsing="--help" in left).params
    except click.UsageError as error:
        pytest.fail(f"{text!r}: {error.format_message()}")
    check_names(given, text)


def check_names(given, text):
    """That what a command names is registered: attacks, defences, tasks, pillars, models, suites."""
    for key, kind in (("attacks", "attacks"), ("defences", "defences")):
        specs = given.get(key) or ()
        for spec in (specs,) if isinstance(specs, str) else specs:
            registry.registry(kind).make(spec)
    pillars, tasks = set(PILLARS), set(registry.names("tasks"))
    assert set(given.get("pillars") or ()) <= pillars, text
    assert set(given.get("tasks") or ()) <= tasks, text
    for gate in given.get("gates") or ():
        parts = gate.rpartition("=")[0].split(".")
        assert parts[0] in pillars and (len(parts) == 1 or parts[1] in tasks), f"{text!r}: the gate {gate!r}"
    for spec in [given.get("model"), *(given.get("judges") or ())]:
        if spec and not spec.startswith("http") and not spec.isupper():
            provider = re.split("[/:]", spec)[0]
            assert provider in models.names(), f"{text!r}: no model is called {spec!r}"
    suite = given.get("suite")
    assert suite is None or suite in suite_names() or suite.endswith(".yaml") or suite == "SUITE", text


def test_the_check_of_commands_sees_what_is_wrong():
    check_command(shlex.split("run core --model earnest/reference --out runs/x --attack pgd:steps=3"), "right")
    for wrong in ("runs core", "run core --model earnest/reference --fail-over safety=1", "data look folder"):
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            check_command(shlex.split(wrong), wrong)
    with pytest.raises(UnknownName):
        check_command(shlex.split("run core --model earnest/reference --attack pdg"), "wrong")


def test_every_command_is_written_about():
    told = {words[1] for page in PAGES for words in map(shlex.split, commands(page)) if words[0] == "earnest"}
    assert set(COMMANDS) <= told, f"nothing is said of {set(COMMANDS) - told}"


def test_every_option_of_run_is_written_about():
    said = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    options = {name for option in cli.get_command(None, "run").params for name in option.opts if name.startswith("--")}
    assert not {option for option in options if option not in said}


def test_every_registered_name_is_written_about():
    said = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    for kind in ("tasks", "attacks", "defences"):
        assert not [name for name in registry.names(kind) if f"`{name}`" not in said], kind


# ---- examples ----

PLAIN = """
import sys
from importlib.machinery import PathFinder
there = PathFinder.find_spec
PathFinder.find_spec = lambda name, *more: None if name.split(".")[0] == "torch" else there(name, *more)
"""
"""Hides torch, which the install that the README begins with does not bring."""
RUNNER = """
from pathlib import Path
sys.path.insert(0, ".")
for number, (name, code) in enumerate(eval(Path("blocks.txt").read_text(encoding="utf-8"))):
    exec(compile(code, f"{name}, block {number + 1}", "exec"), globals())
"""


def has_code(page):
    return any("run" in block.marks for block in blocks(page))


@pytest.mark.parametrize("page", [page for page in PAGES if has_code(page)], ids=lambda page: page.name)
def test_python_examples_run(page, tmp_path):
    write_files(page, tmp_path)
    code = [(page.name, block.body) for block in blocks(page) if block.language == "python" and "run" in block.marks]
    (tmp_path / "blocks.txt").write_text(repr(code), encoding="utf-8")
    ran_in_own_process(RUNNER, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_other_blocks_are_well_formed(page):
    for block in blocks(page):
        if block.language == "python":
            compile(block.body, page.name, "exec")
        if block.language in {"yaml", "yml"}:
            assert yaml.safe_load(block.body), page.name
        if block.language == "json":
            json.loads(block.body)


def test_the_notebook_runs_and_carries_no_output(tmp_path):
    notebook = json.loads((ROOT / "examples" / "notebook.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert notebook["nbformat"] == 4 and all(not cell["outputs"] and cell["execution_count"] is None for cell in cells)
    lines = [line for cell in cells for line in cell["source"] if line.strip()]
    assert len(lines) <= 12
    ran_in_own_process("\n".join("".join(cell["source"]) for cell in cells), tmp_path)


def ran_in_own_process(code, folder):
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", PLAIN + code],
        cwd=folder,
        env={**os.environ, "EARNEST_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout


def modules_of(*packages):
    for name in packages:
        package = importlib.import_module(name)
        yield package.__name__
        for module in pkgutil.iter_modules(getattr(package, "__path__", []), prefix=f"{name}."):
            yield module.name


@pytest.mark.parametrize(
    "name", sorted(modules_of("earnest.metrics", "earnest.audio", "earnest.registry", "earnest.catalogue"))
)
def test_docstring_examples_run(name):
    outcome = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert outcome.failed == 0


# ---- links ----


def anchors(page):
    """Anchors of a page: its headings as GitHub and MyST write them, and the targets set by hand."""
    text = prose(page)
    heads = re.findall(r"^#{1,3} (.+)$", text, re.M)
    slugs = {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}
    return slugs | set(re.findall(r"^\(([\w-]+)\)=$", text, re.M))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page):
    for target in re.findall(r"!?\[[^\]]*\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            assert target.startswith("https://"), f"{page.name}: {target}"
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name} links to {target}, which is not there"
        assert file.is_relative_to(ROOT), f"{page.name} links out of the repository: {target}"
        assert not anchor or anchor in anchors(file), f"{page.name} links to {target}, which has no such heading"


def test_pictures_are_there_and_small():
    shown = re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert shown
    for words, path in shown:
        assert len(words) > 20, "a picture is described in words"
        content = (ROOT / path).read_bytes()
        assert content.startswith(b"\x89PNG") and len(content) < 300_000


def test_every_page_is_in_the_table_of_contents():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    listed = {line.strip() for block in blocks(ROOT / "docs" / "index.md") for line in block.body.splitlines()}
    for page in (ROOT / "docs").glob("*.md"):
        assert page.stem == "index" or page.stem in listed, f"{page.name} is not in the table of contents"
    assert "toctree" in index


def test_nothing_is_promised_as_there_that_is_not():
    said = "\n".join(page.read_text(encoding="utf-8") for page in WRITTEN)
    for word in ("coming soon", "state-of-the-art", "cutting-edge", "seamless", "revolution", "TODO", "TBD"):
        assert word.lower() not in said.lower(), word


def test_the_changelog_tells_of_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {earnest.__version__}" in text and "### Scores" in text


@pytest.mark.slow
def test_the_docs_build_without_a_warning(tmp_path):
    pytest.importorskip("sphinx", reason="needs the extra docs")
    pytest.importorskip("myst_parser", reason="needs the extra docs")
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert built.returncode == 0, built.stderr[-3000:]
    page = html.unescape((tmp_path / "tutorial.html").read_text(encoding="utf-8"))
    assert "earnest run core" in re.sub(r"<[^>]+>", "", page)
