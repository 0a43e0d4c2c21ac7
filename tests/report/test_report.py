"""The report of a made-up run: whole, escaped, without network, small enough, and read by machines."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from earnest import report
from earnest.audio import AudioClip
from earnest.errors import BadData, BadParameter
from earnest.records import JournalLine
from earnest.report import numbers, schemas, terminal
from earnest.report.gather import REFERENCE_NOTE, gather
from earnest.report.page import policy
from earnest.report.pictures import change_picture, png, spectrogram
from earnest.report.vega import SCHEMA
from earnest.runs.run import Run

VOID = {"meta", "img", "input", "link", "br", "hr"}


class Page(HTMLParser):
    """What a page holds: ids, addresses, scripts, text; and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.scripts: list[dict[str, str | None]] = []
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.open: list[str] = []
        self.labels = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self.ids += [found["id"]] if found.get("id") else []
        self.addresses += [found[name] or "" for name in ("src", "href") if name in found]
        self.handlers += [name for name in found if name.startswith("on")]
        self.labels += tag == "label"
        if tag == "script":
            self.scripts.append(found)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"


@pytest.fixture
def text(written: Path) -> str:
    return (written / "report.html").read_text(encoding="utf-8")


def test_the_page_is_whole_and_every_link_within_it_leads_somewhere(text: str) -> None:
    page = Page(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    inner = {address[1:] for address in page.addresses if address.startswith("#")}
    assert inner <= set(page.ids)
    assert {"glance", "worst", "pillars", "curves", "groups", "pairs", "items", "open", "methods"} <= set(page.ids)


def test_the_page_needs_no_network(text: str, written: Path) -> None:
    for address in Page(text).addresses:
        assert address.startswith(("#", "data:", "clips/", "journal.jsonl", "report.json")), address
    shown = re.sub(r"data:[^\"]*", "", text).replace(SCHEMA, "")  # what a specification is written in, to be copied
    assert not re.search(r"https?://|@import|url\(", shown)


def test_every_linked_clip_is_there_and_the_sound_inside_is_the_file_or_said_to_be_compressed(
    text: str, written: Path
) -> None:
    linked = {address for address in Page(text).addresses if address.startswith("clips/")}
    assert linked
    assert all((written / address).is_file() for address in linked)
    inside = re.findall(r'data-digest="([0-9a-f]{64})"[^>]*src="data:audio/flac;base64,([^"]+)"', text)
    assert inside and all(
        (written / "clips" / f"{digest}.flac").read_bytes() == base64.b64decode(sound) for digest, sound in inside
    )
    n_compressed = text.count('src="data:audio/mpeg;base64,')
    assert n_compressed >= 1 and text.count("MP3 in this page, exact in the linked file") >= n_compressed
    assert text.count("data:image/png;base64,") >= 8


def test_a_full_page_has_exact_sounds_and_every_condition_opened(run_folder: Path) -> None:
    short, full = report.write(run_folder).read_text(), report.write(run_folder, full=True).read_text()
    assert "data:audio/mpeg" not in full and full.count("data:audio/flac;base64,") > 8
    page = Page(full)
    assert page.open == [] and len(page.ids) == len(set(page.ids))
    assert '<details class="task" id="task-made_voices" open>' in full and 'id="task-made_voices" open>' not in short
    assert full.count("<tr") > short.count("<tr")


def test_what_a_model_said_is_text_and_never_markup(text: str) -> None:
    page = Page(text)
    assert "&lt;/script&gt;&lt;script&gt;document.title" in text
    assert "<script>document.title" not in text
    assert page.handlers == []
    assert [script.get("type") for script in page.scripts] == ["application/json", "text/plain", None]
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])
    packed = json.loads(zlib.decompress(base64.b64decode(re.search(r'id="packed">(.*?)</script>', text)[1])))
    assert any(
        "</script><script>document.title" in row[6] for row in [*data["rows"], *packed["rows"]]
    )  # unharmed, as data


def test_the_policy_allows_the_pages_own_script_alone(text: str) -> None:
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    assert policy(script).replace("'", "&#39;") in text
    assert "script-src 'sha256-" in policy(script)


def test_the_page_stays_small(text: str) -> None:
    assert len(text.encode()) < 10_000_000


def test_sound_beyond_the_budget_is_linked(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earnest.report.page.MEDIA_BYTES", 120_000)
    text = report.write(run_folder).read_text(encoding="utf-8")
    assert 0 < sum(map(len, re.findall(r'data:[^"]*;base64,[^"]*', text))) <= 120_000
    assert 'src="clips/' in text


def test_items_beyond_the_budget_are_counted(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earnest.report.items.MAX_BYTES", 10_000)
    text = report.write(run_folder).read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    assert data["leftOut"] + len(data["rows"]) == 8 * 4 * 12 and data["packed"] == 0
    assert all(row[3] is not None and row[3] < 0.5 for row in data["rows"])  # what failed is kept first


def test_what_went_worst_stands_in_the_page_and_the_rest_is_compressed(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def items() -> tuple[dict, dict]:
        text = report.write(run_folder).read_text(encoding="utf-8")
        packed = re.search(r'<script type="text/plain" id="packed">([A-Za-z0-9+/=]*)</script>', text)
        rest = json.loads(zlib.decompress(base64.b64decode(packed[1]))) if packed else {"rows": [], "prompts": []}
        return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1]), rest

    monkeypatch.setattr("earnest.report.items.PLAIN_BYTES", 10_000_000)
    whole, nothing = items()
    assert whole["packed"] == 0 and nothing["rows"] == []
    monkeypatch.setattr("earnest.report.items.PLAIN_BYTES", 20_000)
    plain, rest = items()
    assert plain["packed"] == len(rest["rows"]) and 20 < len(plain["rows"]) < 200
    assert plain["rows"] + rest["rows"] == whole["rows"] and plain["prompts"] + rest["prompts"] == whole["prompts"]
    assert max(row[7] for row in plain["rows"]) == len(plain["prompts"]) - 1  # no prompt that only packed items have


def test_the_page_says_what_is_open(text: str) -> None:
    assert "no row has a value in the column pair" in text
    assert "planned, and never asked" in text
    assert "earnest replay RUN" in text
    assert "the interval holds 0" in text or "widest gap" in text.lower()


def test_a_task_that_is_defended_and_not_attacked_shows_what_the_defence_costs_it(run_folder: Path) -> None:
    plan = json.loads((run_folder / "plan.json").read_text())
    for task in plan["tasks"]:
        task["unattacked"] = ["pgd:steps=40"] if task["name"] == "made_secret" else []
    (run_folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    lines = (run_folder / "journal.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    kept = [line for line in lines if not ('"task":"made_secret"' in line and '"attack":"pgd' in line)]
    (run_folder / "journal.jsonl").write_text("\n".join(kept) + "\n", encoding="utf-8")
    text = report.write(run_folder).read_text(encoding="utf-8")
    assert "What codec costs elsewhere" in text
    assert "Is a heard secret kept? Score" in text


def test_curves_are_named_by_the_task_or_by_what_is_true_of_its_items(run_folder: Path, monkeypatch) -> None:
    from earnest import registry

    assert "signal-to-noise ratio, dB" in report.write(run_folder).read_text(encoding="utf-8")
    monkeypatch.delattr(registry.registry("tasks").get("made_noise"), "level_name")
    assert ">snr, dB<" in report.write(run_folder).read_text(encoding="utf-8")


def test_what_was_not_heard_comes_first(tmp_path: Path, made_tasks: None, make_run) -> None:
    folder = make_run(tmp_path / "deaf", canaries="not_found", n=12)
    report.write(folder)
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert text.index("audio_unproven") < text.index('class="card-grid')
    assert "audio_unproven" in (folder / "report.md").read_text(encoding="utf-8")


def test_the_reference_model_is_named_as_what_it_is(tmp_path: Path, made_tasks: None, make_run) -> None:
    folder = make_run(tmp_path / "reference", model="earnest/reference", n=12)
    report.write(folder)
    for name in ("report.html", "report.md", "report.json"):
        assert REFERENCE_NOTE in (folder / name).read_text(encoding="utf-8")


def test_a_report_written_again_keeps_gates_and_note_and_is_the_same(run_folder: Path) -> None:
    first = report.write(run_folder, gates=["safety=0.5", "privacy=0.9"], note="a note").read_bytes()
    again = gather(run_folder)
    assert [gate.gate for gate in again.gates] == ["safety=0.5", "privacy=0.9"]
    assert again.note == "a note"
    assert report.write(run_folder).read_bytes() == first


def test_a_run_of_which_nothing_was_finished_has_a_report(run_folder: Path) -> None:
    (run_folder / "journal.jsonl").unlink()
    report.write(run_folder)
    Page((run_folder / "report.html").read_text(encoding="utf-8"))
    found = json.loads((run_folder / "report.json").read_text(encoding="utf-8"))
    assert all(pillar["value"] is None for pillar in found["scorecard"]["pillars"])


def test_missing_clips_leave_their_place_empty(run_folder: Path) -> None:
    for clip in (run_folder / "clips").iterdir():
        clip.unlink()
    Page(report.write(run_folder).read_text(encoding="utf-8"))


def test_a_folder_that_is_no_run_and_a_gate_that_names_nothing_are_refused(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadData, match="no run folder"):
        report.write(tmp_path)
    with pytest.raises(BadParameter, match="a gate names a pillar"):
        report.write(run_folder, gates=["speed=1"])
    assert not (run_folder / "report.html").exists()


# ---------------------------------------------------------------- for machines


def test_report_json_follows_its_schema(written: Path) -> None:
    found = json.loads((written / "report.json").read_text(encoding="utf-8"))
    Draft202012Validator(json.loads((schemas.FOLDER / "report.json").read_text())).validate(found)
    ids = [finding["id"] for finding in found["findings"]]
    assert len(ids) == len(set(ids))
    assert {id_ for pair in found["pairs"] for id_ in pair["findings"].values()} <= set(ids)
    assert found["not_run"] == {"pair_decision": "no row has a value in the column pair"}
    assert found["unscored"]["not_run"] == 8  # two planned items in each of four arms
    assert set(found["unscored"]) - {"not_run"} <= set(_reasons())


def _reasons() -> tuple[str, ...]:
    from typing import get_args

    from earnest.records import UnscoredReason

    return get_args(UnscoredReason)


def test_the_journal_follows_its_schema(written: Path) -> None:
    validator = Draft202012Validator(json.loads((schemas.FOLDER / "journal.json").read_text()))
    lines = (written / "journal.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    for line in lines[::97]:
        validator.validate(json.loads(line))


@pytest.mark.parametrize("kind", sorted(schemas.MODELS))
def test_the_published_schema_is_up_to_date(kind: str) -> None:
    published = schemas.FOLDER / f"{kind}.json"
    assert published.is_file()
    Draft202012Validator.check_schema(json.loads(published.read_text(encoding="utf-8")))
    assert published.read_text(encoding="utf-8") == schemas.text(kind), (
        "run: python -c 'from earnest.report import schemas; schemas.write()'"
    )


def test_junit_tells_failures_from_errors(written: Path) -> None:
    root = ElementTree.parse(written / "junit.xml").getroot()
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert cases["safety=0.5"].find("failure") is None and cases["safety=0.5"].find("error") is None
    assert cases["privacy=0.9"].find("failure") is not None
    assert cases["hallucination=0.1"].find("error") is not None  # 8 of 48 could not be scored
    assert cases["hallucination.made_silence.silence_left_empty"].find("error") is not None
    assert cases["safety.made_harm.refusal_rate"].find("error") is None
    for suite in root.iter("testsuite"):
        assert int(suite.get("tests", "0")) == len(suite.findall("testcase"))
        assert int(suite.get("errors", "0")) == len(suite.findall("testcase/error"))


def test_signs_that_xml_cannot_hold_are_replaced(run_folder: Path) -> None:
    plan = json.loads((run_folder / "plan.json").read_text())
    (run_folder / "plan.json").write_text(json.dumps({**plan, "model": "a\x00b|c"}), encoding="utf-8")
    report.write(run_folder)
    ElementTree.parse(run_folder / "junit.xml")
    assert "\\|c" in (run_folder / "report.md").read_text(encoding="utf-8")


# ---------------------------------------------------------------- parts


@pytest.mark.parametrize(
    ("value", "unit", "options", "said"),
    [
        (0.873, "fraction", {"width": 0.2}, "87 %"),
        (0.873, "fraction", {"width": 0.01}, "87.3 %"),
        (-0.052, "fraction", {"signed": True}, "−5 points"),
        (-0.001, "fraction", {"signed": True}, "0 points"),
        (12.345, "dB", {}, "12.3 dB"),
        (1234.5, "ms", {}, "1,234 ms"),
        (None, "dB", {}, "–"),
    ],
)
def test_numbers_carry_as_many_digits_as_they_are_worth(value, unit, options, said) -> None:
    assert numbers.shown(value, unit, **options) == said


def test_a_spectrogram_shows_a_tone_where_it_is() -> None:
    time = np.arange(16_000) / 16_000
    clip = AudioClip(np.sin(2 * np.pi * 2000 * time).astype(np.float32), 16_000)
    levels = spectrogram(clip, width=80, height=64)
    assert levels.shape == (64, 80)
    assert abs(int(np.argmax(levels[:, 40])) - 47) <= 1  # 2 of 8 kHz: a quarter from below
    assert not spectrogram(AudioClip(np.zeros(400, dtype=np.float32), 16_000)).any()


def test_a_change_is_shown_on_the_scale_of_the_clean_clip() -> None:
    time = np.arange(16_000) / 16_000
    clean = AudioClip((0.5 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32), 16_000)
    added = AudioClip((clean.samples + 0.05 * np.sin(2 * np.pi * 6000 * time)).astype(np.float32), 16_000)
    levels, about = change_picture(clean=clean, changed=added)
    assert about.startswith("what was added")
    height = levels.shape[0]
    row = int(np.argmax(levels[:, 200]))
    assert abs(row - round(height * (1 - 6000 / 8000))) <= 1  # at 6 of 8 kHz, and nothing at 1 kHz
    assert abs(int(levels[row, 200]) - 255 * (1 - 20 / 70)) < 6  # 20 dB below the loudest, of 70 dB
    assert not levels[round(height * 7 / 8) :, 200].any()
    longer = AudioClip(np.zeros(20_000, dtype=np.float32), 16_000)
    assert "stretched" in change_picture(clean=clean, changed=longer)[1]
    assert not change_picture(clean=clean, changed=clean)[0].any()


def test_a_picture_is_a_png_that_gives_its_levels_back() -> None:
    import struct
    import zlib

    levels = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    data = png(levels)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", data[16:24]) == (4, 3)
    body = data[data.index(b"IDAT") + 4 : data.index(b"IEND") - 8]
    rows = np.frombuffer(zlib.decompress(body), dtype=np.uint8).reshape(3, 5)
    assert np.array_equal(rows[:, 1:], levels // 8)  # 32 colours


def with_details(folder: Path, detail: str) -> list[JournalLine]:
    """The folder with a detail on every unscored line of `model_error`; its lines."""
    lines = [JournalLine.model_validate_json(text) for text in (folder / "journal.jsonl").read_text().splitlines()[:-1]]
    lines = [line.model_copy(update={"detail": detail}) if line.reason == "model_error" else line for line in lines]
    (folder / "journal.jsonl").write_text("".join(line.dumped() + "\n" for line in lines))
    return lines


def test_the_commonest_detail_stands_beside_its_reason_everywhere(run_folder: Path) -> None:
    lines = with_details(run_folder, "host <b>was</b> asleep")
    n = sum(line.reason == "model_error" and line.kind == "item" for line in lines)
    report.write(run_folder)
    said = json.loads((run_folder / "report.json").read_text())
    assert (
        said["unscored_details"]["model_error"] == "host <b>was</b> asleep" and said["unscored"]["model_error"] == n > 0
    )
    assert f"{n} model_error (host &lt;b>was&lt;/b> asleep)" in (run_folder / "report.md").read_text()
    assert "<q>host &lt;b&gt;was&lt;/b&gt; asleep</q>" in (run_folder / "report.html").read_text()
    told = [case.text or "" for case in ElementTree.parse(run_folder / "junit.xml").iter("system-out")]
    assert any("model_error (host <b>was</b> asleep)" in text for text in told)


def test_the_terminal_says_what_attack_and_defence_did_and_counts_as_the_report_does(run_folder: Path) -> None:
    with_details(run_folder, "asleep")
    report.write(run_folder)
    text = Run.open(run_folder).as_text()
    said = json.loads((run_folder / "report.json").read_text())
    n_unscored = sum(said["unscored"].values()) - said["unscored"].get("not_run", 0)
    assert f"{n_unscored:,} unscored" in text and "over 4 conditions; 8 canaries in addition" in text
    assert "unscored: " in text and "model_error (asleep)" in text
    assert "attacked by pgd:steps=40" in text and "defended by codec" in text
    rows = [line for line in text.splitlines() if line.startswith("  made harm")]
    gained = next(
        finding
        for finding in said["findings"]
        if finding["metric"] == "score_lost_to_attack" and finding["task"] == "made_harm"
    )
    (lost,) = [row for row in rows if "score lost to the attack" in row]
    assert f"{gained['n_scored']} items" in lost
    assert not any("the attack succeeds" in row for row in rows)  # five tasks are attacked, too many to tell all
    costs = {
        f["task"]: f
        for f in said["findings"]
        if f["metric"] == "defence_score_change" and f["threat_model"]["attack"] is None and f["low"] is not None
    }
    moved = [task for task, f in costs.items() if f["low"] > 0 or f["high"] < 0]
    assert f"no change of score is shown in {len(costs) - len(moved)} of {len(costs)} tasks" in text and len(costs) > 4
    assert text.count("cost: score: ") == len(moved)


def test_the_terminal_tells_all_of_a_few_attacked_tasks_and_the_defences_cost_where_it_is_shown(
    run_folder: Path,
) -> None:
    run = Run.open(run_folder)
    (first, *_) = {pair.task: pair for pair in run.results.pairs}
    few = [pair for pair in run.results.pairs if pair.task == first or pair.kind == "defence"]
    others = [pair for pair in few if pair.task != first and "defence_score_change" in pair.findings]
    place = few.index(others[0])
    worse = others[0].findings["defence_score_change"].model_copy(update={"value": -0.2, "low": -0.3, "high": -0.1})
    few[place] = replace(few[place], findings={**few[place].findings, "defence_score_change": worse})
    n_moved = sum(
        f.low > 0 or f.high < 0 for pair in [few[place], *others[1:]] for f in [pair.findings["defence_score_change"]]
    )
    text = terminal.as_text(run.plan, run.lines(), findings=run.findings, pairs=few, card=run.scorecard)
    told = [line for line in text.splitlines() if line.startswith(f"  {first.replace('_', ' ')} ")]
    assert any("the attack succeeds, on target:" in line for line in told) and any(
        "cost: score without an attack" in line for line in told
    )
    assert f"cost: score: -20 points (-30 to -10), {worse.n_scored} items" in text
    assert f"no change of score is shown in {len(others) - n_moved} of {len(others)} tasks" in text


def test_canaries_that_nobody_answered_are_an_error_with_the_reason(run_folder: Path) -> None:
    lines = with_details(run_folder, "asleep")
    refused = {"status": "unscored", "verdict": None, "answer": None, "reason": "http_4xx", "detail": "no such key"}
    lines = [line.model_copy(update=refused) if line.kind == "canary" else line for line in lines]
    (run_folder / "journal.jsonl").write_text("".join(line.dumped() + "\n" for line in lines))
    report.write(run_folder)
    (error,) = ElementTree.parse(run_folder / "junit.xml").findall(".//testsuite[@name='canaries']/testcase/error")
    assert error.get("message") == "no canary was answered: 8 http_4xx (no such key)"
    assert "8 http_4xx (no such key)" in (run_folder / "report.md").read_text()
    assert "8 http_4xx (no such key)" in (run_folder / "report.html").read_text()
