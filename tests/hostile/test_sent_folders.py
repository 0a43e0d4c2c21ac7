"""A run folder is data: whatever it names, no code is run, no address called, no file outside it read or written."""

from __future__ import annotations

import json
import os
import re
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from sent_folders import copied, lines_of, put_lines

from earnest import registry, report
from earnest.audio import AudioClip
from earnest.engine import clip_path, merge, read_journal
from earnest.engine.judgements import Judgements
from earnest.engine.planned import planned_items, write_items
from earnest.errors import BadData
from earnest.plan import Plan
from earnest.runs.suite import judge_run, replay
from earnest.testing.loopback import Loopback

EVIL = """
import pathlib
pathlib.Path(__file__).with_name("ran").touch()
def answer(clip, prompt):
    return "gone"
"""


def with_plan(folder: Path, **changes: object) -> Path:
    """The folder under another plan."""
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    (folder / "plan.json").write_text(json.dumps({**plan, **changes}), encoding="utf-8")
    return folder


def an_item(folder: Path) -> str:
    return next(
        line["item"] for line in lines_of(folder) if line["task"] == "harmful_refusal" and "@" not in line["item"]
    )


# ---------------------------------------------------------------- whom it may have asked


def test_replay_runs_no_code_that_a_folder_names(sent, call, tmp_path, monkeypatch) -> None:
    (tmp_path / "evilmod.py").write_text(EVIL, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path])
    folder, item = with_plan(sent, model="python:evilmod:answer"), an_item(sent)
    done = call("replay", folder, item)
    assert done.returncode == 2 and "--model python:evilmod:answer" in done.stderr
    assert call("report", folder).returncode == 0
    assert call("show", folder).returncode == 0
    other = call("replay", folder, item, "--model", "scripted/echo")
    assert other.returncode == 2 and "asked again of the model of its run, 'python:evilmod:answer'" in other.stderr
    assert not (tmp_path / "ran").exists() and "evilmod" not in sys.modules
    assert call("replay", folder, item, "--model", "python:evilmod:answer").stdout.rstrip().endswith("now:    gone")
    assert (tmp_path / "ran").exists()  # the user typed it
    sys.modules.pop("evilmod")


def test_replay_sends_no_key_to_an_address_that_a_folder_names(sent, call, monkeypatch) -> None:
    monkeypatch.setenv("EARNEST_API_KEY", "a-key-of-mine")
    with Loopback() as server:
        folder = with_plan(sent, model=f"{server.url}#fake", judges=[f"{server.url}#judge"])
        for command in (("replay", folder, an_item(sent)), ("report", folder), ("show", folder), ("judge", folder)):
            call(*command)
        call("leaderboard", "build", folder, "--out", folder / "board")
        assert server.n_requests == 0
        assert call("replay", folder, an_item(sent), "--model", f"{server.url}#fake").returncode in (0, 1)
        assert server.n_requests == 1


@pytest.mark.parametrize(
    "model", ["earnest/elsewhere", "cascade/scripted/perfect+scripted/echo", "Earnest/reference", " scripted/echo"]
)
def test_what_only_looks_like_a_model_of_ours_is_not_asked(sent, model) -> None:
    with pytest.raises(ValueError, match="if you trust it, give --model"):
        replay(with_plan(sent, model=model), an_item(sent))


def test_our_own_models_are_asked_again_by_themselves(sent, call) -> None:
    assert call("replay", sent, an_item(sent)).returncode == 0


@pytest.mark.filterwarnings("always:the run names plug-ins")
def test_a_plug_in_that_a_folder_names_is_loaded_by_the_users_word_alone(sent, call, tmp_path, monkeypatch) -> None:
    (tmp_path / "elsewhere_tasks.py").write_text(EVIL, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    tasks = registry.registry("tasks")
    tasks.names()
    monkeypatch.setitem(tasks._entries, "foreign_task", EntryPoint("foreign_task", "elsewhere_tasks", "earnest.tasks"))
    plan = json.loads((sent / "plan.json").read_text(encoding="utf-8"))
    plan["tasks"][0]["name"] = "foreign_task"
    with_plan(sent, tasks=plan["tasks"])
    done = call("report", sent)
    assert done.returncode == 0
    assert "was read without them: foreign_task; if you trust the packages, give --plugin foreign_task" in done.stderr
    assert not (tmp_path / "ran").exists()
    assert "task 'foreign_task' was not loaded" in (sent / "report.json").read_text(encoding="utf-8")
    call("report", sent, "--plugin", "foreign-task")
    assert (tmp_path / "ran").exists()
    sys.modules.pop("elsewhere_tasks")
    assert (
        "no installed package registers a plug-in called 'absent'" in call("report", sent, "--plugin", "absent").stderr
    )


def test_defences_of_other_packages_wait_for_the_users_word(sent, monkeypatch) -> None:
    defences = registry.registry("defences")
    defences.names()
    monkeypatch.setitem(defences._entries, "foreign", EntryPoint("foreign", "elsewhere", "earnest.defences"))
    item = next(line["item"] for line in lines_of(sent) if line["defence"])
    journal = sent / "journal.jsonl"
    journal.write_text(re.sub(r'"defences":\["[^]]*"\]', '"defences":["foreign:x=1"]', journal.read_text()))
    with pytest.raises(ValueError, match="plug-ins of other packages: foreign; .* give --plugin foreign"):
        replay(sent, item)


# ---------------------------------------------------------------- what it may have read


OUTSIDE = [
    "../../private",
    "../" * 9 + "etc/passwd",
    "/etc/passwd",
    "a" * 63,
    "A" * 64,
    "a" * 64 + "/../x",
    "",
    "a" * 64 + "\n",
]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("where", ["clips", "answer_clip"])
def test_a_clip_is_a_name_of_64_digits_or_the_line_is_refused(sent, call, name, where) -> None:
    lines = lines_of(sent)
    lines[3] = {**lines[3], where: {"speech": name} if where == "clips" else name}
    put_lines(sent, lines)
    done = call("report", sent)
    assert done.returncode == 2
    assert "journal.jsonl cannot be read as a journal" in done.stderr and f"line 4: {where}" in done.stderr
    with pytest.raises(BadData, match="a clip must be named by 64 hex digits"):
        clip_path(sent, name)


def test_a_clip_that_is_a_link_to_elsewhere_is_neither_shown_nor_sent_nor_merged(sent, call, tmp_path) -> None:
    item = an_item(sent)
    private = tmp_path / "private.flac"
    first = next(iter(sorted((sent / "clips").iterdir())))
    first.rename(private)
    for path in (sent / "clips").iterdir():
        path.unlink()
    for name in {name for one in lines_of(sent) for name in one["clips"].values()}:
        (sent / "clips" / f"{name}.flac").symlink_to(private)
    page = report.write(sent).read_text(encoding="utf-8")
    assert "data:audio/flac" not in page and "data:audio/ogg" not in page
    with pytest.raises(BadData, match="must lie in its run folder, but is a link to .*private.flac"):
        replay(sent, item)
    shard = with_plan(sent, shard="1/1")
    with pytest.raises(BadData, match="must lie in its run folder"):
        merge([shard], tmp_path / "merged")


def test_links_within_a_folder_and_to_a_whole_folder_are_followed(finished, sent, tmp_path) -> None:
    (tmp_path / "latest").symlink_to(sent)
    name = next(iter(lines_of(sent)[3]["clips"].values()))
    path = sent / "clips" / f"{name}.flac"
    path.rename(sent / "kept.flac")
    path.symlink_to("../kept.flac")
    assert AudioClip.read(clip_path(tmp_path / "latest", name)).digest == name


@pytest.mark.parametrize(
    "name", ["plan.json", "journal.jsonl", "judgements.jsonl", "spend.json", "judges.json", "human_labels.csv"]
)
def test_no_file_is_read_through_a_link_to_elsewhere(sent, call, tmp_path, name) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a secret of mine\n", encoding="utf-8")
    (sent / name).unlink(missing_ok=True)
    (sent / name).symlink_to(secret)
    done = call("judge", sent, "--judge", "scripted/echo") if name == "spend.json" else call("report", sent)
    assert done.returncode == 2 and "must lie in its run folder, but is a link" in done.stderr
    assert "a secret of mine" not in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["plan.json", "journal.jsonl", "report.json", "judges.json"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "loop"])
def test_what_is_no_plain_file_is_refused_at_once(sent, call, name, kind) -> None:
    (sent / name).unlink(missing_ok=True)
    {"pipe": os.mkfifo, "folder": os.mkdir, "loop": lambda path: os.symlink(path, path)}[kind](sent / name)
    done = call("report", sent)
    assert done.returncode == (0 if name == "report.json" and kind != "folder" else 2)


# ---------------------------------------------------------------- what it may have written


def test_the_list_of_items_is_neither_read_nor_written_through_a_link(tmp_path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "run"
    folder.mkdir()
    outside.write_text('"secret/1"\n', encoding="utf-8")
    (folder / "items.jsonl.partial").symlink_to(outside)  # where a first draft of it might be written
    write_items(folder, ["a/1", "a/2"])
    assert planned_items(folder) == ["a/1", "a/2"] and outside.read_text(encoding="utf-8") == '"secret/1"\n'
    (folder / "items.jsonl").unlink()
    assert planned_items(folder) is None
    (folder / "items.jsonl").symlink_to(outside)
    for use in (lambda: planned_items(folder), lambda: write_items(folder, ["a/1"])):
        with pytest.raises(BadData, match="must lie in its run folder"):
            use()
    (folder / "items.jsonl").unlink()
    (folder / "items.jsonl").write_text('"a/1"\n7\n', encoding="utf-8")
    with pytest.raises(BadData, match="as a JSON string"):
        planned_items(folder)


def test_reports_replace_a_link_and_do_not_write_through_it(sent, call, tmp_path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("untouched\n", encoding="utf-8")
    for name in (
        "report.html",
        "report.json",
        "report.md",
        "junit.xml",
        "comparison.html",
        "comparison.json",
        ".report.html.partial",
    ):
        (sent / name).symlink_to(mine)
    assert call("report", sent, "--compare", sent).returncode == 0
    assert mine.read_text(encoding="utf-8") == "untouched\n"
    assert not (sent / "report.html").is_symlink()


@pytest.mark.parametrize(
    "opened", [Judgements, lambda folder: judge_run(folder, judge="scripted/always_comply", cache=False)]
)
def test_judging_appends_to_no_file_elsewhere(sent, tmp_path, opened) -> None:
    mine = tmp_path / "authorized_keys"
    mine.write_text("a key without a line's end", encoding="utf-8")
    (sent / "judgements.jsonl").symlink_to(mine)
    with pytest.raises(BadData, match="judgements.jsonl' must lie in its run folder"):
        opened(sent)
    assert mine.read_text(encoding="utf-8") == "a key without a line's end"


def test_saved_clips_stay_in_their_folder_whatever_their_roles(sent, tmp_path) -> None:
    lines = lines_of(sent)
    place = next(place for place, line in enumerate(lines) if line["item"] == an_item(sent))
    (name,) = lines[place]["clips"].values()
    lines[place] |= {"clips": {"../../../escaped": name}, "prompt_hash": ""}
    put_lines(sent, lines)
    (saved,) = replay(sent, lines[place]["item"], save=tmp_path / "a" / "b").saved
    assert Path(saved).parent == tmp_path / "a" / "b" and Path(saved).is_file()


# ---------------------------------------------------------------- what it may have said


SAID = "\x1b]0;owned\x07\x1b[2J\x9b31m \u202egnp.exe\u2066\r overwritten\nitems: 9999 scored"


def test_nothing_that_a_terminal_obeys_is_printed(sent, call) -> None:
    lines = lines_of(sent)
    lines[3] |= {
        "item": SAID,
        "answer": SAID,
        "verdict": {"score": 1.0, "label": SAID, "facts": {}},
        "status": "scored",
    }
    put_lines(sent, lines)
    with_plan(sent, model=SAID, data=SAID)
    for arguments in (
        ("show", sent, "--limit", "500"),
        ("report", sent),
        ("show", sent, "--limit", "500", "--json"),
        ("report", sent, "--json"),
    ):
        done = call(*arguments)
        assert done.returncode == 0
        assert not set("\x1b\x07\x9b\u202e\u2066\r") & set(done.stdout + done.stderr)
    assert "\nitems: 9999 scored" not in call("show", sent, "--limit", "500").stdout
    told = json.loads(call("show", sent, "--limit", "500", "--json").stdout)
    assert SAID in {line["item"].encode().decode() for line in told["items"]}
    refused = call("replay", sent, SAID)
    assert refused.returncode == 2 and "\x1b" not in refused.stderr


def test_a_page_shows_what_turns_the_direction_of_writing(sent, call) -> None:
    with_plan(sent, model="model\u202egnp.exe")
    lines = lines_of(sent)
    for line in lines:
        if line["verdict"] and line["verdict"]["score"] == 0:
            line["answer"] = "\u202eelttil"
    put_lines(sent, lines)
    page = report.write(sent).read_text(encoding="utf-8")
    before, _, after = page.partition('id="data">')
    assert "\u202e" not in before and "model\\u202egnp.exe" in before


def test_the_command_that_a_page_offers_is_quoted_for_a_shell(sent) -> None:
    lines = lines_of(sent)
    for line in lines:
        if line["verdict"] and line["verdict"]["score"] == 0:
            line["item"] += "'; touch owned; '"
    put_lines(sent, lines)
    with_plan(sent, model="http://localhost:1/v1#a;b")
    page = report.write(sent).read_text(encoding="utf-8")
    assert "&#39;&#34;&#39;&#34;&#39;; touch owned; " in page
    assert "--model &#39;http://localhost:1/v1#a;b&#39;" in page


# ---------------------------------------------------------------- how it may be broken


BROKEN = {
    "NaN": '{"item": "a", "duration_ms": NaN}',
    "infinity": '{"item": "a", "duration_ms": 1e999}',
    "huge": '{"item": "a", "truth": {"n": ' + "9" * 5000 + "}}",
    "large": '{"item": "a", "truth": {"n": ' + "9" * 30 + "}}",
    "deep": '{"item": ' + "[" * 10_000 + "]" * 10_000 + "}",
    "half a character": '{"item": "\\ud83d"}',
    "no JSON": "{",
    "no object": "[]",
    "a number": "7",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("name", ["plan.json", "journal.jsonl", "judgements.jsonl", "judges.json"])
def test_broken_json_is_told_with_its_file_and_line(sent, call, name, text) -> None:
    path = sent / name
    kept = path.read_text(encoding="utf-8") if path.exists() and name.endswith("jsonl") else ""
    path.write_text(kept + text + "\n", encoding="utf-8")
    done = call("report", sent)
    assert done.returncode == 2 and name in done.stderr
    if name.endswith("jsonl"):
        assert f"line {len(kept.splitlines()) + 1}: " in done.stderr
    assert len(done.stderr) < 2_000


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 30, "NaN"])
def test_a_number_that_no_float_holds_is_refused_wherever_a_line_has_it(sent, number) -> None:
    line = json.dumps({**lines_of(sent)[3], "truth": {"level": ["here"]}}).replace('"here"', number)
    (sent / "journal.jsonl").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(BadData, match=r"line 1: (a number is too large|expected value)"):
        read_journal(sent)


def test_a_file_of_nothing_but_faults_is_given_up_soon(sent, call) -> None:
    (sent / "journal.jsonl").write_text("x\n" * 200_000, encoding="utf-8")
    done = call("report", sent)
    assert "and 80 more" in done.stderr


def test_what_tasks_cannot_count_is_told_as_a_fault_of_the_folder(sent, call) -> None:
    lines = lines_of(sent)
    put_lines(sent, [{**line, "truth": {}} if line["task"] == "noisy_transcription" else line for line in lines])
    done = call("report", sent)
    assert done.returncode == 2 and "holds what cannot be counted, KeyError: " in done.stderr


def test_a_report_that_is_there_and_damaged_does_not_keep_a_new_one_from_being_made(sent, call) -> None:
    for held in ('{"note": NaN}', "[1]", '{"gates": [{}], "note": 7}', "\xff"):
        (sent / "report.json").write_bytes(held.encode("latin-1"))
        assert call("report", sent).returncode == 0


def test_a_run_goes_on_only_where_it_knows_what_was_spent(sent, call) -> None:
    (sent / "spend.json").write_text('{"spent_usd": -5}', encoding="utf-8")
    done = call("judge", sent, "--judge", "scripted/echo")
    assert done.returncode == 2 and 'must say {"spent_usd": <US dollars>}' in done.stderr


def test_a_merged_folder_is_as_strict(finished, tmp_path) -> None:
    shard = with_plan(copied(finished, tmp_path / "one"), shard="1/1")
    (shard / "clips" / "evil.flac").write_bytes(b"")
    with pytest.raises(BadData, match="a clip must be named by 64 hex digits, got 'evil'"):
        merge([shard], tmp_path / "out")


def test_plans_and_journals_that_we_write_are_read_back(finished) -> None:
    assert Plan.read(finished).model == "scripted/echo"
    assert [line.dumped() for line in read_journal(finished)] == [
        line.dumped() for line in sorted(read_journal(finished), key=lambda line: line.item)
    ]
