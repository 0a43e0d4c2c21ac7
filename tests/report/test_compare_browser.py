"""The comparison in a browser: the grid is filtered, walked by keyboard, opened and heard; dark, on a phone and in print."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from earnest import report
from earnest.report.comparison import Comparison

pytestmark = pytest.mark.browser

Evaluate = Callable[[str], Awaitable[Any]]

FOUND = "document.getElementById('found').textContent"
ROWS = "[...document.querySelectorAll('#cells tbody tr:not(.opened)')].map((row) => row.cells[0].title.replace(/^[^:]*: /, ''))"
CHOOSE = "(() => {{ const f = document.getElementById('{0}'); f.value = '{1}'; f.dispatchEvent(new Event('input', {{bubbles: true}})); }})()"
KEY = "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{key: '{0}', bubbles: true, cancelable: true}}))"
PLACE = "[document.activeElement.parentElement.getAttribute('aria-rowindex'), document.activeElement.cellIndex]"


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory, made_tasks: None, make_run) -> Comparison:
    root = tmp_path_factory.mktemp("compared")
    runs = [
        make_run(root / name, n=16, seed=seed, model=f"made/{name}")
        for seed, name in enumerate(("first", "second", "third"))
    ]
    return report.compare(*runs)


@pytest.fixture(scope="module")
def page(comparison: Comparison) -> Path:
    return comparison.write(comparison.first.folder)


async def unpacked(evaluate: Evaluate) -> None:
    for _ in range(300):
        if "unpacked" not in await evaluate(FOUND):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the answers of the page were not unpacked")


def of(found: str) -> int:
    return int(found.split()[0].replace(",", ""))


def test_the_grid_is_filtered_by_outcome_and_text(in_browser, comparison: Comparison, page: Path) -> None:
    rows = comparison.grid.rows

    def n(keep: Callable[[tuple], bool]) -> int:
        return sum(keep(row.outcomes) for row in rows)

    async def steps(evaluate: Evaluate) -> None:
        await unpacked(evaluate)
        assert await evaluate(FOUND) == "512 of 512 items"
        await evaluate(CHOOSE.format("g-show", 1))
        assert of(await evaluate(FOUND)) == n(lambda kinds: "pass" in kinds and "fail" in kinds)
        await evaluate(CHOOSE.format("g-show", 6))
        assert of(await evaluate(FOUND)) == n(lambda kinds: kinds[:2] == ("pass", "fail")), (
            "passed in the baseline, failed in the second"
        )
        await evaluate(CHOOSE.format("g-show", 0))
        choose = "(() => { const f = document.querySelectorAll('#cells thead select')[2]; f.value = 'u'; f.dispatchEvent(new Event('input', {bubbles: true})); })()"
        await evaluate(choose)
        assert of(await evaluate(FOUND)) == n(lambda kinds: kinds[2] == "unscored")
        await evaluate("document.querySelector('#filters button').click()")
        await asyncio.sleep(0.2)
        assert await evaluate(FOUND) == "512 of 512 items"
        await evaluate(CHOOSE.format("g-text", "SUBSCRIBE to"))
        assert 0 < of(await evaluate(FOUND)) < 200
        await evaluate(CHOOSE.format("g-text", ""))
        await evaluate(CHOOSE.format("g-order", "fails"))
        first = (await evaluate(ROWS))[0]
        most = max(row.outcomes.count("fail") for row in rows)
        assert next(row for row in rows if row.item == first).outcomes.count("fail") == most

    in_browser(page, steps)


def test_the_grid_is_walked_and_opened_from_the_keyboard(in_browser, comparison: Comparison, page: Path) -> None:
    async def steps(evaluate: Evaluate) -> None:
        await unpacked(evaluate)
        await evaluate("document.querySelector('#cells tbody [tabindex=\"0\"]').focus()")
        assert await evaluate(PLACE) == ["2", 0]
        for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowRight"):
            await evaluate(KEY.format(key))
        assert await evaluate(PLACE) == ["4", 2]
        await evaluate(KEY.format("End"))
        assert await evaluate(PLACE) == ["4", 3]
        await evaluate(KEY.format("PageDown"))
        assert await evaluate(PLACE) == ["27", 3] and "page 2 of 21" in await evaluate(
            "document.getElementById('page').textContent"
        )
        await evaluate(KEY.format("ArrowUp"))
        assert await evaluate(PLACE) == ["26", 3], "up from the first row leads to the page before"
        await evaluate(KEY.format("Enter"))
        opened = await evaluate("document.querySelector('#cells .opened').textContent")
        item = (await evaluate(ROWS))[24]
        row = next(row for row in comparison.grid.rows if row.item == item)
        assert all((line.answer or line.detail) in opened for line in row.lines) and row.example.prompt in opened
        assert await evaluate("document.querySelector('#cells tbody th[aria-expanded=\"true\"]') !== null")
        await evaluate(KEY.format("Escape"))
        assert await evaluate("document.querySelector('#cells .opened')") is None
        assert await evaluate(PLACE) == ["26", 3], "the focus stays where it was"

    in_browser(page, steps)


def test_recordings_of_every_run_are_found_from_the_page(in_browser, page: Path) -> None:
    loads = """(async () => {
      const found = [];
      for (const audio of document.querySelectorAll("#cells .opened audio")) found.push(await new Promise((done) => {
        audio.onloadedmetadata = () => done(audio.duration);
        audio.onerror = () => done("failed " + audio.src);
        audio.load();
      }));
      return found;
    })()"""

    async def steps(evaluate: Evaluate) -> None:
        await unpacked(evaluate)
        await evaluate(CHOOSE.format("g-arm", 1))
        await evaluate("document.querySelector('#cells tbody td').click()")
        assert await evaluate(loads) and set(await evaluate(loads)) == {2}

    in_browser(page, steps)


def test_the_map_leads_to_the_item(in_browser, page: Path) -> None:
    async def steps(evaluate: Evaluate) -> None:
        await unpacked(evaluate)
        label = await evaluate("document.getElementById('map').getAttribute('aria-label')")
        assert label.startswith("Map of the items shown. first: ") and "unscored" in label
        await evaluate(
            "(() => { const m = document.getElementById('map'), b = m.getBoundingClientRect(); m.dispatchEvent(new MouseEvent('click', {bubbles: true, clientX: b.right - 2, clientY: b.top + 4})); })()"
        )
        assert "page 21 of 21" in await evaluate("document.getElementById('page').textContent")

    in_browser(page, steps)


def test_may_i_compare_these_two_runs_is_answered_as_the_json_answers(in_browser, page: Path) -> None:
    told = json.loads((page.parent / "comparison.json").read_text(encoding="utf-8"))["comparisons"]

    async def steps(evaluate: Evaluate) -> None:
        boxes = await evaluate("[...document.querySelectorAll('.may p')].map((one) => one.textContent)")
        assert len(boxes) == 2
        for box, one in zip(boxes, told, strict=True):
            answer = one["comparable"]
            assert (
                box == f"May I compare these two runs? {answer['answer'].capitalize()}. {' '.join(answer['reasons'])}"
            )

    in_browser(page, steps)


def test_nothing_hostile_runs_when_its_item_is_opened(in_browser, page: Path) -> None:
    async def steps(evaluate: Evaluate) -> None:
        await unpacked(evaluate)
        await evaluate(CHOOSE.format("g-text", "document.title"))
        await evaluate("document.querySelector('#cells tbody td').click()")
        await asyncio.sleep(0.2)
        assert "owned" in await evaluate("document.querySelector('#cells .opened').textContent")
        assert await evaluate("document.title") == "2 runs against made/first: earnest"
        assert await evaluate("document.querySelectorAll('img').length") == 0

    asked = in_browser(page, steps)
    assert all(address.startswith(("file:", "data:")) for address in asked)


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_overflows(in_browser, page: Path, width: int) -> None:
    async def steps(evaluate: Evaluate) -> None:
        await unpacked(evaluate)
        await evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        await evaluate("document.querySelector('#cells tbody td').click()")
        await asyncio.sleep(0.3)
        assert await evaluate("document.documentElement.scrollWidth") <= width

    in_browser(page, steps, width=width)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(in_browser, page: Path, scheme: str) -> None:
    spec = importlib.util.find_spec("axe_playwright_python")
    if spec is None or spec.origin is None:
        pytest.skip("axe-core is not installed; it comes with axe-playwright-python")
    script = next(Path(spec.origin).parent.rglob("axe*.js")).read_text(encoding="utf-8")

    async def steps(evaluate: Evaluate) -> None:
        await unpacked(evaluate)
        await evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        await evaluate("document.querySelector('#cells tbody td').click()")
        await evaluate(script + "\n;0")
        found = await evaluate(
            "axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations.map((v) => [v.id, v.impact, v.nodes.slice(0, 3).map((n) => n.html.slice(0, 120) + ' ' + n.failureSummary)]))"
        )
        assert found == []

    in_browser(page, steps, scheme=scheme)


def test_print_shows_sentences_and_tables_and_no_filters(in_browser, page: Path) -> None:
    rules = """(() => {
      const print = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]).filter((rule) => rule.media?.mediaText === "print");
      return print.flatMap((rule) => [...rule.cssRules]).filter((rule) => rule.style.display === "none").map((rule) => rule.selectorText).join(", ");
    })()"""

    async def steps(evaluate: Evaluate) -> None:
        hidden = await evaluate(rules)
        for selector in (".filters", "#pages", "nav"):
            assert selector in hidden
        assert ".told" not in hidden and ".bytask" not in hidden and ".may" not in hidden

    in_browser(page, steps)
