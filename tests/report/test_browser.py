"""The page in a browser: filters work, nothing overflows, nothing hostile runs, text can be read, sound is heard."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from earnest import report
from earnest.report.leaderboard import build
from earnest.report.numbers import interval, shown

pytestmark = pytest.mark.browser

Evaluate = Callable[[str], Awaitable[Any]]

FOUND = "document.getElementById('found').textContent"
CHOOSE = "(() => {{ const f = document.getElementById('{0}'); f.value = '{1}'; f.dispatchEvent(new Event('input', {{bubbles: true}})); }})()"


async def unpacked(evaluate: Evaluate) -> None:
    """Wait until the page has all its items."""
    for _ in range(300):
        if "unpacked" not in await evaluate(FOUND):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the items of the page were not unpacked")


def test_items_are_filtered_paged_and_opened(in_browser, written: Path) -> None:
    async def steps(evaluate: Evaluate) -> None:
        await unpacked(evaluate)
        assert (await evaluate(FOUND)).startswith("1,536 of 1,536 items")
        assert await evaluate("document.querySelectorAll('#list li').length") == 25
        await evaluate(CHOOSE.format("f-pillar", "safety"))
        assert (await evaluate(FOUND)).startswith("384 of 1,536")
        await evaluate(CHOOSE.format("f-status", "unscored"))
        assert (await evaluate(FOUND)).startswith("8 of 1,536")
        await evaluate("document.getElementById('filters').reset()")
        await asyncio.sleep(0.2)
        await evaluate(CHOOSE.format("f-text", "SUBSCRIBE to the channel"))
        assert 0 < int((await evaluate(FOUND)).split()[0].replace(",", "")) < 200
        await evaluate("document.getElementById('next').click()")
        assert (await evaluate("document.getElementById('page').textContent")).startswith("page 2")
        await evaluate("document.querySelector('#list summary').click()")
        await asyncio.sleep(0.2)
        opened = await evaluate("document.querySelector('#list details[open] .body').textContent")
        assert "earnest replay RUN" in opened and "subscribe" in opened

    in_browser(written / "report.html", steps)


def test_packed_items_are_there_when_the_page_is_drawn(in_browser, run_folder: Path, monkeypatch) -> None:
    monkeypatch.setattr("earnest.report.items.PLAIN_BYTES", 5_000)

    async def steps(evaluate: Evaluate) -> None:
        await unpacked(evaluate)
        assert (await evaluate(FOUND)).startswith("384 of 384 items, the worst first")
        labels = await evaluate("document.querySelectorAll('#f-label option').length")
        assert (
            labels
            == await evaluate("new Set([...document.querySelectorAll('#f-label option')].map(one => one.value)).size")
            > 2
        )
        await evaluate(CHOOSE.format("f-status", "held"))
        n_held = int((await evaluate(FOUND)).split()[0])
        assert n_held > 25 and (await evaluate("document.getElementById('page').textContent")).startswith("page 1 of")
        await evaluate("document.getElementById('next').click()")
        await evaluate("document.querySelector('#list summary').click()")
        await asyncio.sleep(0.3)
        opened = await evaluate("document.querySelector('#list details[open] .body').textContent")
        assert "Prompt" in opened and "undefined" not in opened

    in_browser(report.write(run_folder), steps)


def test_nothing_hostile_runs_even_when_its_item_is_opened(in_browser, written: Path) -> None:
    async def steps(evaluate: Evaluate) -> None:
        await unpacked(evaluate)
        await evaluate(CHOOSE.format("f-text", "document.title"))
        await evaluate("document.querySelectorAll('#list summary').forEach(one => one.click())")
        await asyncio.sleep(0.3)
        assert "owned" in await evaluate("document.querySelector('#list .body').textContent")
        assert await evaluate("document.title") == "openai/gpt-4o-audio on probe: earnest"
        assert await evaluate("document.querySelectorAll('img[src=\"x\"]').length") == 0

    in_browser(written / "report.html", steps)


def test_what_is_copied_from_a_page_is_one_argument_and_says_what_it_holds(in_browser, run_folder: Path) -> None:
    """An item's name may be made to run a command, and text may be made to run backwards."""
    journal = run_folder / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()[:-1]]
    lines[0] |= {"item": "a'; touch owned; '", "answer": "\u202eelttil \x1b[31m", "status": "scored", "reason": None}
    lines[0]["verdict"] = {"score": 0.0, "label": "wrong", "facts": {}}
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")

    async def steps(evaluate: Evaluate) -> None:
        await unpacked(evaluate)
        await evaluate(CHOOSE.format("f-text", "touch owned"))
        await evaluate("document.querySelector('#list summary').click()")
        await asyncio.sleep(0.3)
        command = await evaluate("document.querySelector('#list .body code').textContent")
        assert shlex.split(command)[2:] == ["RUN", "a'; touch owned; '", "--model", "openai/gpt-4o-audio"]
        opened = await evaluate("document.querySelector('#list .body').textContent")
        assert "\\u202eelttil \\u001b[31m" in opened and "\u202e" not in opened

    in_browser(report.write(run_folder), steps)


@pytest.mark.parametrize("width", [380, 768])
def test_nothing_overflows(in_browser, written: Path, width: int) -> None:
    async def steps(evaluate: Evaluate) -> None:
        await evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        await asyncio.sleep(0.3)
        assert await evaluate("document.documentElement.scrollWidth") <= width

    in_browser(written / "report.html", steps, width=width)


CONTRAST = """(() => {
  const parse = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return n.length === 3 ? [...n, 1] : n; };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [255, 255, 255, 1];
  };
  const bad = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((one) => one.nodeType === 3 && one.textContent.trim());
    const box = node.getBoundingClientRect();
    if (!own || !box.width || node.closest(".hidden, .spectrogram, svg, script, option")) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5 && !node.disabled) bad.push(`${node.tagName}.${node.className} ${ratio.toFixed(2)} ${node.textContent.slice(0, 30)}`);
  }
  return [...new Set(bad)];
})()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(in_browser, written: Path, scheme: str) -> None:
    async def steps(evaluate: Evaluate) -> None:
        await evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        await asyncio.sleep(0.3)
        assert await evaluate(CONTRAST) == []

    in_browser(written / "report.html", steps, scheme=scheme)


def test_sound_inside_and_beside_the_page_can_be_played(in_browser, written: Path) -> None:
    heard = """(async () => {
      const loads = (source) => new Promise((done) => {
        const audio = document.createElement("audio");
        audio.onloadedmetadata = () => done(audio.duration);
        audio.onerror = () => done(String(audio.error && audio.error.message));
        audio.src = source;
        audio.load();
      });
      const first = document.querySelector("audio[data-digest]");
      return [await loads(first.src), await loads("clips/" + first.dataset.digest + ".flac")];
    })()"""

    async def steps(evaluate: Evaluate) -> None:
        assert await evaluate(heard) == [2, 2]

    in_browser(written / "report.html", steps)


def test_every_field_has_a_label_and_every_picture_a_text(in_browser, written: Path) -> None:
    async def steps(evaluate: Evaluate) -> None:
        bare = "[...document.querySelectorAll('input, select')].filter(one => !one.labels.length).length"
        assert await evaluate(bare) == 0
        assert await evaluate("[...document.images].filter(one => !one.alt).length") == 0
        assert await evaluate("document.querySelectorAll('audio:not([aria-label])').length") == 0
        assert await evaluate("document.querySelectorAll('h1').length") == 1

    in_browser(written / "report.html", steps)


# ---- what a reader asks, and how the page is used ----

AXE = "axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations.map((v) => [v.id, v.impact, v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + ' ' + n.failureSummary)]))"
TEXT = "document.querySelector({0!r}).textContent.replace(/\\s+/g, ' ').trim()"


def of_task(found: dict[str, Any], metric: str) -> list[dict[str, Any]]:
    return [
        f
        for f in found["findings"]
        if f["metric"] == metric and not f["threat_model"]["defences"] and f["low"] is not None
    ]


def test_five_questions_are_answered_on_the_card_or_one_click_away(in_browser, written: Path) -> None:
    found = json.loads((written / "report.json").read_text(encoding="utf-8"))
    worst = min((p for p in found["scorecard"]["pillars"] if p["on_scorecard"]), key=lambda p: p["value"])
    beyond = max(of_task(found, "attack_success_over_control"), key=lambda f: f["low"])
    gap = max(
        (f for f in of_task(found, "word_accuracy_gap") if not f["threat_model"]["attack"]), key=lambda f: f["low"]
    )

    async def steps(evaluate: Evaluate) -> None:
        async def text(selector: str) -> str:
            return await evaluate(TEXT.format(selector))

        value = shown(worst["value"], "fraction", width=worst["high"] - worst["low"])
        assert (
            f"Weakest pillar: {worst['pillar']}, {value} ({interval(worst['low'], worst['high'], 'fraction')})"
            in await text("#glance .summary")
        )
        told = await text("#glance .card-attack p")
        assert (
            interval(beyond["low"], beyond["high"], "fraction", signed=True) in told
            and beyond["task"].replace("_", " ") in told
        )
        served = await text("#served-worst")
        assert (
            gap["group"].split("=")[-1].capitalize() in served
            and interval(gap["low"], gap["high"], "fraction", signed=True) in served
        )
        ((name, why),) = found["not_run"].items()
        assert name.replace("_", " ") in await text("#not-tested")
        await evaluate("document.querySelector('#not-tested a[href=\"#open\"]').click()")
        await evaluate("document.querySelector('#not-run summary').click()")
        assert why in await text("#not-run")
        assert found["plan_digest"][:16] in await text("#comparable") and "--compare OTHER" in await text("#comparable")

    in_browser(written / "report.html", steps)


def test_a_link_opens_what_it_leads_to_whatever_that_is_folded_into(in_browser, written: Path) -> None:
    async def steps(evaluate: Evaluate) -> None:
        folded = "[...document.querySelectorAll('main details')].filter((one) => one.open).length"
        assert await evaluate(folded) == 0, "all below the figures is folded"
        await evaluate(
            "document.querySelector('#figure-all_tasks a[href=\"#task-made_noise\"]').dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))"
        )
        await asyncio.sleep(0.3)
        assert await evaluate(
            "document.getElementById('task-made_noise').open && document.getElementById('pillar-robustness').open"
        )
        assert 0 <= await evaluate("document.getElementById('task-made_noise').getBoundingClientRect().top") < 900
        await evaluate("document.getElementById('pillar-robustness').open = false")
        await evaluate(
            "document.querySelector('#figure-all_tasks a[href=\"#task-made_noise\"]').dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))"
        )
        await asyncio.sleep(0.3)
        assert await evaluate("document.getElementById('pillar-robustness').open"), "a second time too"

    in_browser(written / "report.html", steps)


def test_the_navigation_has_the_pillars_scores_and_says_where_the_reader_is(in_browser, written: Path) -> None:
    found = json.loads((written / "report.json").read_text(encoding="utf-8"))

    async def steps(evaluate: Evaluate) -> None:
        rows = await evaluate("[...document.querySelectorAll('nav .scores a')].map((one) => one.textContent.trim())")
        for pillar, row in zip(found["scorecard"]["pillars"], rows, strict=True):
            width = pillar["high"] - pillar["low"]
            assert row == f"{pillar['pillar'].capitalize()} {shown(pillar['value'], 'fraction', width=width)}"
        assert await evaluate("getComputedStyle(document.getElementById('nav')).position") == "sticky"
        await evaluate("document.getElementById('groups').scrollIntoView({behavior: 'instant'})")
        await asyncio.sleep(0.4)
        assert await evaluate("document.querySelector('nav [aria-current]').getAttribute('href')") == "#groups"
        assert await evaluate("document.getElementById('nav').getBoundingClientRect().top") == 0

    in_browser(written / "report.html", steps)


def test_on_a_phone_the_navigation_is_folded_and_its_links_fold_it_again(in_browser, written: Path) -> None:
    async def steps(evaluate: Evaluate) -> None:
        menu = "document.querySelector('#nav details')"
        assert not await evaluate(f"{menu}.open")
        await evaluate(f"{menu}.querySelector('summary').click()")
        assert await evaluate(f"{menu}.open")
        await evaluate(f"{menu}.querySelector('a[href=\"#worst\"]').click()")
        assert not await evaluate(f"{menu}.open")
        assert (
            await evaluate("getComputedStyle(document.querySelector('#figure-all_tasks .on-wide')).display") == "none"
        )

    in_browser(written / "report.html", steps, width=390)


def test_a_term_shows_its_definition_to_the_mouse_and_to_the_keyboard(in_browser, written: Path) -> None:
    async def steps(evaluate: Evaluate) -> None:
        term = "document.querySelector('#glance .term[href=\"#term-chance-level\"]')"
        assert await evaluate("document.getElementById('tip').hidden")
        await evaluate(
            f"{term}.dispatchEvent(new FocusEvent('focusin', {{bubbles: true}}))"
        )  # a window without focus sends none
        told = await evaluate("document.getElementById('tip').textContent")
        assert told == await evaluate("document.getElementById('term-chance-level').textContent") and "guessing" in told
        assert not await evaluate("document.getElementById('tip').hidden")
        await evaluate("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
        assert await evaluate("document.getElementById('tip').hidden")
        await evaluate(f"{term}.dispatchEvent(new MouseEvent('mouseover', {{bubbles: true}}))")
        assert not await evaluate("document.getElementById('tip').hidden")
        missing = "[...document.querySelectorAll('.term')].filter((one) => !document.getElementById(one.getAttribute('aria-describedby')))"
        assert await evaluate(f"{missing}.length") == 0

    in_browser(written / "report.html", steps)


def test_the_player_has_its_lanes_on_one_axis_with_their_answers(in_browser, written: Path) -> None:
    async def steps(evaluate: Evaluate) -> None:
        lanes = "document.querySelectorAll('.player')[0].querySelectorAll('.lane')"
        names = await evaluate(f"[...{lanes}].map((one) => one.querySelector('h4').textContent)")
        assert names == ["Clean", "Attacked", "Through the defence"]
        assert await evaluate(
            f"[...{lanes}].every((one) => one.querySelector('audio') && one.querySelector('.said').textContent.trim())"
        )
        assert "The attack reached its goal (" in await evaluate(f"{lanes}[1].querySelector('.outcome').textContent")
        assert await evaluate(f"{lanes}[1].querySelectorAll('.change img').length") == 1
        lefts = await evaluate(
            f"[...{lanes}].map((one) => Math.round(one.querySelector('.lane-sound').getBoundingClientRect().left))"
        )
        assert len(set(lefts)) == 1
        ended = await evaluate("document.querySelector('.player').textContent")
        n, reached = (int(part) for part in re.search(r"Of (\d+) attempts, (\d+) reached its goal", ended).groups())
        assert 0 < reached <= n
        shares = "[...document.querySelectorAll('audio[data-shares]')].every((one) => one.src.startsWith('data:') || one.src.endsWith('.flac'))"
        assert await evaluate(shares)

    in_browser(written / "report.html", steps)


def test_all_can_be_reached_from_the_keyboard(in_browser, written: Path) -> None:
    async def steps(evaluate: Evaluate) -> None:
        out = "[...document.querySelectorAll('a[href], summary, button, audio, select, input')].filter((one) => one.tabIndex < 0).length"
        assert await evaluate(out) == 0
        assert await evaluate("document.querySelector('.skip').getAttribute('href')") == "#glance"
        await evaluate("document.querySelector('#pillar-safety > summary').focus()")
        assert await evaluate("document.activeElement.parentElement.id") == "pillar-safety"

    in_browser(written / "report.html", steps)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(in_browser, written: Path, scheme: str) -> None:
    spec = importlib.util.find_spec("axe_playwright_python")
    if spec is None or spec.origin is None:
        pytest.skip("axe-core is not installed; it comes with axe-playwright-python")
    script = next(Path(spec.origin).parent.rglob("axe*.js")).read_text(encoding="utf-8")

    async def steps(evaluate: Evaluate) -> None:
        await unpacked(evaluate)
        await evaluate(script + "\n;0")
        assert await evaluate(AXE) == []
        await evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
        await asyncio.sleep(0.5)
        assert await evaluate(AXE) == []

    in_browser(written / "report.html", steps, scheme=scheme)


# ---- the leaderboard ----


@pytest.fixture(scope="module")
def leaderboard(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build([written]).write(tmp_path_factory.mktemp("leaderboard"))


NAMES = "[...document.querySelectorAll('#published table.board tbody th')].map((one) => one.dataset.v)"
HEAD = "document.querySelectorAll('#published table.board thead button')[{0}]"
ORDER = "document.querySelectorAll('#published table.board thead th')[{0}].getAttribute('aria-sort')"


def test_a_table_is_sorted_by_its_heads_from_the_keyboard(in_browser, leaderboard: Path) -> None:
    async def steps(evaluate: Evaluate) -> None:
        assert (await evaluate(NAMES))[0] == "GPT-4o Audio" and await evaluate(ORDER.format(5)) == "none"
        await evaluate(f"{HEAD.format(5)}.focus()")
        assert await evaluate(f"document.activeElement === {HEAD.format(5)}")
        await evaluate("document.activeElement.click()")
        assert (await evaluate(NAMES))[0] == "Gemini-2.5 Flash", "safety, the best first"
        assert await evaluate(ORDER.format(5)) == "descending"
        await evaluate("document.activeElement.click()")
        assert (await evaluate(NAMES))[0] == "OpenS2S" and await evaluate(ORDER.format(5)) == "ascending"
        await evaluate(f"{HEAD.format(1)}.click()")
        assert (await evaluate(NAMES))[0] == "Gemini-1.5 Pro" and await evaluate(ORDER.format(5)) == "none"

    in_browser(leaderboard, steps)


def test_gaps_sort_by_size_and_what_is_missing_comes_last(in_browser, leaderboard: Path) -> None:
    rows = "[...document.querySelector('{0}').tBodies[0].rows].map((row) => row.cells[0].dataset.v)"

    async def steps(evaluate: Evaluate) -> None:
        await evaluate("document.querySelectorAll('#judges table')[0].querySelectorAll('thead button')[2].click()")
        names = await evaluate(rows.format("#judges table"))
        assert names[:2] == ["Gemini-2.5 Pro", "Ultravox"], "+3.7 before -3.3"
        assert await evaluate("document.querySelectorAll('#judges table')[0].tFoot.rows.length") == 2
        clarity = (
            "[...document.querySelectorAll('#tables details')].find((one) => one.textContent.includes('Table 22'))"
        )
        for _ in range(2):
            await evaluate(f"{clarity}.querySelectorAll('thead button')[1].click()")
            names = await evaluate(
                f"[...{clarity}.querySelector('table').tBodies[0].rows].map((row) => row.cells[0].dataset.v)"
            )
            assert names[-1] == "Step-Audio2"

    in_browser(leaderboard, steps)


def test_on_a_phone_a_list_sorts_the_cards(in_browser, leaderboard: Path) -> None:
    async def steps(evaluate: Evaluate) -> None:
        select = "document.querySelector('#published .sortby select')"
        assert await evaluate(f"getComputedStyle({select}.parentElement).display") == "flex"
        await evaluate(f"{select}.selectedIndex = 6; {select}.dispatchEvent(new Event('change'))")
        assert (await evaluate(NAMES))[0] == "GPT-4o mini Audio", "privacy, the best first"

    in_browser(leaderboard, steps, width=390)


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_overflows_on_the_leaderboard(in_browser, leaderboard: Path, width: int) -> None:
    async def steps(evaluate: Evaluate) -> None:
        await evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        await asyncio.sleep(0.3)
        assert await evaluate("document.documentElement.scrollWidth") <= width

    in_browser(leaderboard, steps, width=width)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_of_the_leaderboard_can_be_read(in_browser, leaderboard: Path, scheme: str) -> None:
    async def steps(evaluate: Evaluate) -> None:
        await evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        await asyncio.sleep(0.3)
        assert await evaluate(CONTRAST) == []

    in_browser(leaderboard, steps, scheme=scheme)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_leaderboard(in_browser, leaderboard: Path, scheme: str) -> None:
    spec = importlib.util.find_spec("axe_playwright_python")
    if spec is None or spec.origin is None:
        pytest.skip("axe-core is not installed; it comes with axe-playwright-python")
    script = next(Path(spec.origin).parent.rglob("axe*.js")).read_text(encoding="utf-8")

    async def steps(evaluate: Evaluate) -> None:
        await evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        await evaluate(script + "\n;0")
        found = await evaluate(
            "axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations.map((v) => [v.id, v.impact, v.nodes.slice(0, 3).map((n) => n.html.slice(0, 120) + ' ' + n.failureSummary)]))"
        )
        assert found == []

    in_browser(leaderboard, steps, scheme=scheme)
