"""Every reader of what others wrote, over thousands of damaged files: a value, or an error of ours that names the file."""

from __future__ import annotations

import copy
import json
import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sent_folders import copied, lines_of, put_lines

from earnest import report
from earnest.audio import Manifest
from earnest.engine.journal import read_journal
from earnest.engine.ledger_file import read_spent
from earnest.errors import EarnestError
from earnest.plan import Plan
from earnest.report.judges import read_hearing
from earnest.results.build import read_lines
from earnest.results.calibrated import kept_labels, read_labels
from earnest.results.judged import read_judgements
from earnest.runs.suite import Suite, resolve

FEW, MANY = 60, 10_000

odd_numbers = st.sampled_from([0, -1, 1, 2**63, -(2**70), 1e308, 5e-324, float("nan"), float("inf"), -0.0, 10**400])
odd_texts = st.sampled_from(
    ["", "\ud800", "\x00", "\x1b[31m\u202e", "../../x", "a" * 5000, "NaN", "@+:=,", "1/0", "é\u0301"]
)
leaves = st.one_of(st.none(), st.booleans(), odd_numbers, st.floats(), odd_texts, st.text(max_size=20))
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def places(value: Any, here: tuple = ()) -> list[tuple]:
    """The place of every part of a JSON value, the whole left out."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, part in inner for place in [(*here, key), *places(part, (*here, key))]]


def changed(whole: Any, draw: Callable) -> Any:
    """A copy with a part that is another one, or is missing."""
    whole = copy.deepcopy(whole)
    *before, last = draw(st.sampled_from(places(whole)))
    holder = whole
    for key in before:
        holder = holder[key]
    if draw(st.integers(0, 4)) == 0:
        del holder[last]
    else:
        holder[last] = draw(values)
    return whole


def dumped(value: Any) -> bytes:
    """Written as Python would write it, what JSON has no form for included."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def damaged(whole: Any, draw: Callable) -> bytes:
    """The text of a value with a part changed, or with some bytes changed, cut off or put in."""
    if draw(st.booleans()):
        return dumped(changed(whole, draw))
    data = bytearray(dumped(whole))
    at = draw(st.integers(0, len(data)))
    data[at : at + draw(st.sampled_from([0, 1, 7, 10_000]))] = draw(
        st.binary(max_size=5) | st.sampled_from([b"[" * 5000, b'"', b"\n"])
    )
    return bytes(data)


def readers(folder: Path) -> dict[str, tuple[str, Callable[[], Any]]]:
    """By name: the file, and what reads it."""
    lines = read_lines(folder)
    return {
        "plan": ("plan.json", lambda: Plan.read(folder)),
        "journal": ("journal.jsonl", lambda: read_journal(folder)),
        "lines": ("journal.jsonl", lambda: read_lines(folder)),
        "judgements": ("judgements.jsonl", lambda: read_judgements(folder)),
        "hearing": ("judges.json", lambda: read_hearing(folder)),
        "spent": ("spend.json", lambda: read_spent(folder)),
        "labels": (
            "human_labels.csv",
            lambda: (kept_labels(folder), read_labels(folder / "human_labels.csv", lines=lines)),
        ),
        "suite": ("suite.yaml", lambda: resolve(Suite.read(folder / "suite.yaml"))),
    }


def short_plan(folder: Path) -> dict[str, Any]:
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    return {**plan, "tasks": plan["tasks"][:2]}


def content_of(folder: Path, name: str) -> Any:
    """What such a file holds where nothing is wrong with it."""
    line = next(line for line in lines_of(folder) if line["task"] == "harmful_refusal")
    return {
        "plan": lambda: short_plan(folder),
        "judgements": lambda: {
            "item": line["item"],
            "subject": "s",
            "prompt_hash": "p",
            "answer_hash": "a",
            "judge": "j",
            "said": {"label": "refusal"},
            "verdict": {"score": 1.0, "label": "refusal", "facts": {}},
        },
        "hearing": lambda: {
            "j": {"fingerprint": "", "n_found": 1, "n_canaries": 2, "n_controls_found": 0, "n_controls": 4}
        },
        "spent": lambda: {"spent_usd": 1.5},
        "labels": lambda: [["item", "label"], [line["item"], "refusal"], [line["item"] + "x", "0.5"]],
        "suite": lambda: {
            "name": "s",
            "version": 1,
            "limit": 3,
            "tasks": ["harmful_refusal", {"name": "noisy_transcription", "parameters": {"a": 1}}],
        },
    }.get(name, lambda: line)()


def read_or_refused(read: Callable[[], Any]) -> None:
    """Reads; only an error of ours may be raised, short enough to be read."""
    try:
        read()
    except EarnestError as error:
        assert 10 < len(str(error)) < 20_000


def fuzz(folder: Path, name: str, *, n: int) -> None:
    file, read = readers(folder)[name]
    whole = content_of(folder, name)

    @settings(max_examples=n, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        written = damaged(whole, data.draw)
        if name == "labels" and data.draw(st.booleans()):
            written = b"item,label\n" + data.draw(st.binary(max_size=60))
        if name == "suite" and data.draw(st.booleans()):
            written = yaml.safe_dump(json.loads(json.dumps(whole))).encode() + data.draw(st.binary(max_size=30))
        (folder / file).write_bytes(written + (b"\n" if file.endswith("jsonl") else b""))
        read_or_refused(read)

    holds()


NAMES = ["plan", "journal", "lines", "judgements", "hearing", "spent", "labels", "suite"]


@pytest.mark.parametrize("name", NAMES)
def test_a_reader_gives_a_value_or_an_error_of_ours(sent: Path, name: str) -> None:
    fuzz(sent, name, n=FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_reader_gives_a_value_or_an_error_of_ours_ten_thousand_times(sent: Path, name: str) -> None:
    fuzz(sent, name, n=MANY)


LEAVES = [
    None,
    True,
    -1,
    2**62,
    1e308,
    0.5,
    "",
    "x",
    "../../x",
    "a" * 3000,
    [],
    {},
    [[]],
    {"a": {"b": [1, None]}},
    [None],
    {"": None},
]


def disturbed(value: Any, draw: random.Random) -> None:
    """One part of a JSON value, at any depth, becomes another or goes; its form may stay right."""
    *before, last = draw.choice(places(value))
    holder = value
    for key in before:
        holder = holder[key]
    if draw.random() < 0.2:
        del holder[last]
    else:
        holder[last] = copy.deepcopy(draw.choice(LEAVES))


def reported(finished: Path, folder: Path, *, seeds: range) -> int:
    """Reports of folders whose plan, or a task's lines, were disturbed; how many could be made."""
    lines, plan = lines_of(finished), json.loads((finished / "plan.json").read_text(encoding="utf-8"))
    n_made = 0
    for seed in seeds:
        draw = random.Random(seed)
        some, other = copy.deepcopy(lines), copy.deepcopy(plan)
        if draw.random() < 0.3:
            disturbed(other, draw)
        task, kept = draw.choice(some)["task"], draw.random()
        for line in some if draw.random() < 0.9 else ():
            if line["task"] == task:
                disturbed(line["truth"] or line, random.Random(kept))  # alike in all lines of the task
        (folder / "plan.json").write_text(json.dumps(other), encoding="utf-8")
        put_lines(folder, some)
        try:
            report.write(folder)
            n_made += 1
        except EarnestError:
            pass
    return n_made


@pytest.mark.parametrize("seeds", [range(8), pytest.param(range(8, 600), marks=pytest.mark.slow)], ids=["few", "many"])
def test_a_report_is_made_of_disturbed_lines_or_says_what_is_wrong(
    finished: Path, tmp_path: Path, seeds: range
) -> None:
    folder = copied(finished, tmp_path / "run")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert reported(finished, folder, seeds=seeds) > len(seeds) / 4


@pytest.mark.parametrize("case", ["jsonl_big_age", "jsonl_big_integer", "jsonl_deep"])
def test_manifests_that_ended_in_a_traceback_are_refused(tmp_path: Path, case: str) -> None:
    cell = {"jsonl_big_age": "1e999", "jsonl_big_integer": "9" * 5000, "jsonl_deep": "[" * 100_000}[case]
    (tmp_path / "metadata.jsonl").write_text('{"file": "a.wav", "age": ' + cell + "}\n", encoding="utf-8")
    read_or_refused(lambda: Manifest.read(tmp_path))
