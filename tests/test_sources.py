"""What is called reimplemented or adapted is compared with values of its work, in a test that names code and commit.

A test says so by a mark: `@pytest.mark.source("attacks/pgd", of="madry2017-pgd", at="MadryLab/mnist_challenge@3ee3643")`.
Where the work has no value to compare with, `without_source_values.yaml` says why. The marks are read from the text of
the tests, so that this holds in any run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from earnest.catalogue.work import works

TESTS = Path(__file__).parent
PLACE = re.compile(
    r"[\w.-]+/[\w.-]+@[0-9a-f]{7,40}\b"  # a repository at a commit
    r"|\b(?:tables?|figures?|equations?|examples?|sections?|appendix|pages?)\b"  # a place in the work
    r"|^[\w-]+ \d+\.\d+",  # a package in its version
    re.IGNORECASE,
)
Pair = tuple[str, str]
"""A component, and the key of the work that it follows."""


@dataclass(frozen=True)
class Claim:
    """That a test (or, with `why`, none) compares components with a work."""

    component: str
    of: str
    at: str
    where: str

    def covers(self, pair: Pair) -> bool:
        """Whether it is about a component and a work; a component may be a pattern."""
        return fnmatchcase(pair[0], self.component) and pair[1] == self.of


def pairs() -> list[Pair]:
    """Every component with every work of which the catalogue says that it is reimplemented or adapted here."""
    return sorted(
        (run.component, work.id)
        for work in works().values()
        for run in work.runs_in_earnest
        if run.fidelity in ("reimplemented", "adapted")
    )


@cache
def marked() -> tuple[Claim, ...]:
    """What the tests say that they compare with."""
    return tuple(
        claim for file in sorted(TESTS.rglob("test_*.py")) for claim in _marked_in(file.read_text(), file.name)
    )


def _marked_in(text: str, name: str) -> list[Claim]:
    found = []
    for node in ast.walk(ast.parse(text)):
        for decorator in getattr(node, "decorator_list", ()):
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.source":
                found.append(_claim(decorator, where=f"{name}:{decorator.lineno}"))
    return found


def _claim(mark: ast.Call, *, where: str) -> Claim:
    """The arguments of a mark, which must be written out."""
    given = [ast.literal_eval(argument) for argument in mark.args]
    named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in mark.keywords}
    assert len(given) == 1 and set(named) == {"of", "at"}, (
        f"{where}: source(component, of=..., at=...), got {ast.unparse(mark)}"
    )
    return Claim(given[0], named["of"], named["at"], where)


@cache
def listed() -> tuple[Claim, ...]:
    """What no test compares with its work, and why."""
    rows: list[dict[str, Any]] = yaml.safe_load((TESTS / "without_source_values.yaml").read_text(encoding="utf-8"))
    return tuple(Claim(name, row["work"], row["why"], "the list") for row in rows for name in row["components"])


def faults(of: Iterable[Pair], *, marks: Sequence[Claim], excused: Sequence[Claim]) -> list[str]:
    """What is wrong of the marks and the list, given the pairs that the catalogue has."""
    every = list(of)
    found = []
    for pair in every:
        tested, told = any(mark.covers(pair) for mark in marks), any(claim.covers(pair) for claim in excused)
        if not tested and not told:
            found.append(
                f"{pair[0]} follows {pair[1]}, and no test is marked with values of it; write one, or say why not"
            )
        if tested and told:
            found.append(f"{pair[0]} has a test with values of {pair[1]}; take it off the list")
    for claim in (*marks, *excused):
        if not any(claim.covers(pair) for pair in every):
            found.append(f"{claim.where}: the catalogue does not call {claim.component} an adaptation of {claim.of}")
    found += [
        f"{mark.where}: {mark.at!r} names neither code and commit, nor a place"
        for mark in marks
        if not PLACE.search(mark.at)
    ]
    found += [f"the list says too little of {claim.component}" for claim in excused if len(claim.at.split()) < 10]
    return found


def test_every_component_is_compared_with_its_work_or_says_why_not() -> None:
    assert len(pairs()) > 60 and len(marked()) > 20
    assert faults(pairs(), marks=marked(), excused=listed()) == []


HERE, REASON = ("metrics/a", "smith2020-a"), "it has neither code nor a number, and nothing else to compare with"


@pytest.mark.parametrize(
    ("marks", "excused", "fault"),
    [
        ([], [], "metrics/a follows smith2020-a, and no test is marked"),
        ([("metrics/a", "jones2020-a", "x/y@1234567")], [], "no test is marked"),
        ([("metrics/b", "smith2020-a", "x/y@1234567")], [], "does not call metrics/b an adaptation of smith2020-a"),
        ([("metrics/a", "smith2020-a", "their code")], [], "names neither code and commit, nor a place"),
        ([("metrics/a", "smith2020-a", "x/y@main")], [], "names neither code and commit, nor a place"),
        ([], [("metrics/a", "smith2020-a", "no code")], "says too little of metrics/a"),
        ([("metrics/*", "smith2020-a", "x/y@1234567")], [("metrics/a", "smith2020-a", REASON)], "take it off the list"),
        ([], [("metrics/a", "smith2020-a", REASON), ("tasks/b", "smith2020-a", REASON)], "does not call tasks/b"),
    ],
)
def test_what_is_forgotten_is_found(marks, excused, fault) -> None:
    claims = [[Claim(*one, "somewhere") for one in side] for side in (marks, excused)]
    assert any(fault in one for one in faults([HERE], marks=claims[0], excused=claims[1]))


@pytest.mark.parametrize(
    "at", ["x/y@1234567", "Table 3, last row", "Examples 1 to 4", "jiwer 4.0.0; no example", "a-b/c.d@0123456789abcdef"]
)
def test_code_with_its_commit_or_a_place_will_do(at) -> None:
    assert faults([HERE], marks=[Claim(*HERE, at, "somewhere")], excused=[]) == []
    assert faults([HERE], marks=[], excused=[Claim(*HERE, REASON, "the list")]) == []


def test_marks_are_read_from_the_text() -> None:
    text = """
@pytest.mark.source("metrics/a", of="smith2020-a", at="x/y@1234567")
@pytest.mark.parametrize("n", [1])
def test_a(n): ...
class Test:
    @pytest.mark.source("metrics/b", of="smith2020-a", at="Table 1")
    def test_b(self): ...
"""
    assert [(c.component, c.at, c.where) for c in _marked_in(text, "f")] == [
        ("metrics/a", "x/y@1234567", "f:2"),
        ("metrics/b", "Table 1", "f:6"),
    ]
    with pytest.raises(AssertionError, match="source\\(component, of=..., at=...\\)"):
        _marked_in('@pytest.mark.source("metrics/a", at="Table 1")\ndef test_a(): ...\n', "f")
