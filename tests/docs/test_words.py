"""One way of saying things: words that we do not use stand in no page, template, help text or message.

`words.yaml` is the list, with what to write instead. `words_to_edit.yaml` says how often a place that is still to be edited has them;
these numbers may only fall, and a place that is not listed has none. Run as a script, this file prints the numbers as they are.
docs/style.md says why, with examples.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import yaml

from earnest.cli import COMMANDS, cli
from earnest.report.glossary import groups

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
FENCE = re.compile(r"^(```+)[^\n]*\n.*?^\1[ ]*$", re.M | re.S)
ERRORS = re.compile(
    r"^(Bad|Unknown|Missing|Model|Storage|Machine|Run)\w*$|^(UsageError|ClickException|BadOptionUsage|warn)$"
)


@dataclass(frozen=True)
class Word:
    """A word that is not used, and what is used instead."""

    word: str
    instead: str
    why: str

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.word, re.I)


def words() -> list[Word]:
    return [Word(**one) for one in yaml.safe_load((HERE / "words.yaml").read_text(encoding="utf-8"))]


def allowed() -> dict[str, int]:
    return yaml.safe_load((HERE / "words_to_edit.yaml").read_text(encoding="utf-8"))


def prose(text: str) -> str:
    """A page without its fenced blocks and code spans, which name what the code is called; lines of a paragraph joined."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", re.sub(r"`[^`\n]*`", "", FENCE.sub("", text)))


def template_text(text: str) -> str:
    """A template without its tags and statements; what stands in attributes that are read aloud stays."""
    told = re.findall(r'(?:aria-label|title|alt)="([^"]*)"', text)
    bare = re.sub(r"{%.*?%}|{{.*?}}|{#.*?#}|<[^>]*>", " ", text, flags=re.S)
    return " ".join([bare, *told])


def help_texts() -> Iterator[tuple[str, str]]:
    """Name and help of every command, with that of its options."""
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        yield from _help(name, command)


def _help(name: str, command: click.Command) -> Iterator[tuple[str, str]]:
    parts = [command.help or "", command.short_help or "", command.epilog or ""]
    parts += [getattr(param, "help", None) or "" for param in command.params]
    yield name, "\n".join(parts)
    for inner, one in getattr(command, "commands", {}).items():
        yield from _help(f"{name} {inner}", one)


def messages(path: Path) -> str:
    """What the errors and warnings of a module say: the literal parts of their first arguments."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if ERRORS.match(name):
            found.append(
                "".join(
                    part.value
                    for part in ast.walk(node.args[0])
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                )
            )
    return "\n".join(found)


@functools.cache
def places() -> Mapping[str, str]:
    """The text of every place that is looked at, by its name."""
    found = {str(path.relative_to(ROOT)): prose(path.read_text(encoding="utf-8")) for path in pages()}
    for path in sorted((ROOT / "src" / "earnest" / "report" / "templates").glob("*.j2")):
        found[str(path.relative_to(ROOT))] = template_text(path.read_text(encoding="utf-8"))
    found |= {f"help of {name}": text for name, text in help_texts()}
    for path in sorted((ROOT / "src" / "earnest").rglob("*.py")):
        if told := messages(path):
            found[f"messages of {path.relative_to(ROOT)}"] = told
    return found


def pages() -> list[Path]:
    """The pages that are read; what was changed in the past is not edited, and the style page quotes what it warns of."""
    skipped = {"CHANGELOG.md", "style.md"}
    return sorted(path for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")] if path.name not in skipped)


def hits(text: str) -> list[str]:
    """Every use of a word that is not used, with what to write instead."""
    return [
        f"{found[0]!r}: write {word.instead} ({word.why})" for word in words() for found in word.pattern.finditer(text)
    ]


def found_words() -> dict[str, list[str]]:
    """Every use of such a word by place; messages of all modules together, since modules move."""
    found: dict[str, list[str]] = {}
    for name, text in places().items():
        if some := hits(text):
            module = f"{name.removeprefix('messages of ')}: " if name.startswith("messages of ") else ""
            found.setdefault("messages" if module else name, []).extend(module + one for one in some)
    return found


def test_no_place_has_a_word_that_we_do_not_use() -> None:
    more, known = [], allowed()
    for name, some in found_words().items():
        if len(some) > known.get(name, 0):
            more += [f"{name}: {len(some)}, at most {known.get(name, 0)}", *(f"    {one}" for one in some)]
    assert not more, "docs/style.md says what to write:\n" + "\n".join(more)


def test_what_is_still_to_be_edited_is_there_and_has_something_to_edit() -> None:
    for name, n in allowed().items():
        assert (name in places() or name == "messages") and n > 0, f"take {name!r} off words_to_edit.yaml"


def test_the_terms_of_the_glossary_are_defined_in_words_that_we_use() -> None:
    for terms in groups().values():
        for term in terms:
            assert hits(term.means) == [], term.term


def test_what_to_write_instead_is_itself_used() -> None:
    for word in words():
        assert word.instead and word.why and not word.pattern.search(word.instead), word.word


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("The runs stand beside each other.", 1),
        ("`beside` is a name of the code.", 0),
        ("It goes on where\nit stopped, and people's labels correct it.", 2),
        ("```bash\necho beside the point\n```\nText.", 0),
        ("Two models are told apart; they can be distinguished.", 1),
        ("A basic word.", 0),
    ],
)
def test_words_are_found_in_prose_and_not_in_code(text: str, n: int) -> None:
    assert len(hits(prose(text))) == n


def test_messages_are_found_in_the_code(tmp_path: Path) -> None:
    path = tmp_path / "some.py"
    path.write_text('raise BadData(f"{name} has more signs than {n}")\nlog("people\'s labels")\n', encoding="utf-8")
    assert messages(path) == " has more signs than " and len(hits(messages(path))) == 1


def test_templates_are_read_without_their_statements() -> None:
    text = '{% if beside the %}<b title="people’s labels">x {{ beside.the }}</b>'
    assert [one.split(":")[0] for one in hits(template_text(text))] == ["'people’s labels'"]


if __name__ == "__main__":
    print("\n".join(f"{name}: {len(some)}" for name, some in found_words().items()))  # noqa: T201
