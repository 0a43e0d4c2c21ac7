"""The catalogue's site: what it holds, how big it is, and how it behaves in a browser."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from earnest.catalogue import works
from earnest.catalogue.site import Site, write_site
from earnest.catalogue.work import Work

Evaluate = Callable[[str], Awaitable[Any]]
browser = pytest.mark.browser
KEY = "li2025-audiotrust"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Site:
    return write_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def page(site: Site) -> Path:
    return Path(site.folder) / "index.html"


def carried(page: Path) -> list[dict[str, Any]]:
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


def test_it_is_quick_to_build_and_small(tmp_path):
    begun = time.perf_counter()
    site = write_site(tmp_path)
    assert time.perf_counter() - begun < 60  # a net against runaways; the figure is a benchmark's
    assert site.gzipped_bytes < 1_000_000
    assert {path.name for path in tmp_path.iterdir()} == set(site.files)


def test_every_work_is_on_the_page_with_its_citations(page):
    data = {work["i"]: work for work in carried(page)}
    assert set(data) == set(works())
    assert data[KEY]["b"].startswith("@misc{li2025-audiotrust,") or data[KEY]["b"].startswith("@inproceedings{li2025")
    assert data[KEY]["cs"]["id"] == KEY and "ER  - " in data[KEY]["ri"]


def test_a_work_that_runs_here_shows_its_command(page):
    runnable = [work for work in carried(page) if work.get("r")]
    assert runnable and all(work["g"] and work["g"][0].startswith("earnest ") for work in runnable)


def test_the_page_asks_no_network_and_cannot_be_broken_out_of(tmp_path):
    evil = "</script><script>document.title='owned'</script>"
    bad = Work.model_validate({"id": "evil2025-work", "title": f"Title {evil}", "issued": 2025, "kind": "study", "note": evil})
    write_site(tmp_path, of={bad.id: bad})
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<script>document.title" not in text
    assert carried(tmp_path / "index.html")[0]["t"] == f"Title {evil}"
    assert "default-src &#39;none&#39;" in text and not re.search(r'<(?:link|img|iframe)\b|src="http', text)


def test_the_coverage_map_calls_for_work(page):
    text = page.read_text(encoding="utf-8")
    assert "call for work" in text and "untested" in text and "works on attacks" in text


FIND = "document.getElementById('words')"
TYPE = "(() => {{ const f = {0}; f.value = {1}; f.dispatchEvent(new Event('input', {{bubbles: true}})); f.dispatchEvent(new Event('change', {{bubbles: true}})); }})()"
TITLES = "[...document.querySelectorAll('#list b')].map((one) => one.textContent)"
COUNT = "document.getElementById('count').textContent"


@browser
def test_search_and_facets(in_browser, page):
    async def steps(evaluate: Evaluate) -> None:
        assert await evaluate(COUNT) == f"{len(works())} works, the newest first"
        await evaluate(TYPE.format(FIND, "'audiotrust'"))
        assert (await evaluate(TITLES))[0].startswith("AudioTrust: Benchmarking")
        await evaluate(TYPE.format(FIND, "'2505.16211'"))
        assert (await evaluate(TITLES))[0].startswith("AudioTrust")
        await evaluate(TYPE.format(FIND, "'zzzz'"))
        assert await evaluate(COUNT) == f"0 of {len(works())} works"
        await evaluate("document.getElementById('clear').click()")
        await evaluate(TYPE.format("document.getElementById('f-k')", "'benchmark'"))
        expected = sum("benchmark" in work.kind for work in works().values())
        assert await evaluate(COUNT) == f"{expected} of {len(works())} works"
        await asyncio.sleep(0.4)
        assert await evaluate("location.hash") == "#?k=benchmark"

    in_browser(page, steps)


@browser
def test_a_permalink_opens_its_work_and_escape_closes_it(in_browser, page):
    async def steps(evaluate: Evaluate) -> None:
        assert "AudioTrust" in await evaluate("document.getElementById('one').textContent")
        assert await evaluate("document.activeElement.id") == "one"
        assert "earnest run" in await evaluate("document.querySelector('pre.command').textContent")
        await evaluate("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}))")
        await asyncio.sleep(0.2)
        assert await evaluate("document.getElementById('one').hidden")

    in_browser(page, steps, at=f"#{KEY}")


@browser
def test_citations_are_copied(in_browser, page):
    async def steps(evaluate: Evaluate) -> None:
        for name, begins in (("BibTeX", "@"), ("CSL-JSON", "{"), ("RIS", "TY  - "), ("command", "earnest ")):
            await evaluate(f"document.querySelector('[data-copy=\"{name}\"]').click()")
            await asyncio.sleep(0.1)
            copied = await evaluate("window.earnestCopied || ''")
            assert copied.startswith(begins), (name, copied[:40])
            assert await evaluate("document.getElementById('said').textContent")

    in_browser(page, steps, at=f"#{KEY}")


@browser
def test_keys_lead_from_search_to_a_work(in_browser, page):
    async def steps(evaluate: Evaluate) -> None:
        press = "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{key: '{0}', bubbles: true, cancelable: true}}))"
        await evaluate(press.format("/"))
        assert await evaluate("document.activeElement.id") == "words"
        await evaluate(press.format("ArrowDown"))
        first = await evaluate("document.activeElement.dataset.key")
        await evaluate(press.format("ArrowDown"))
        assert first and await evaluate("document.activeElement.dataset.key") != first

    in_browser(page, steps)


@browser
def test_no_request_leaves_the_page(in_browser, page):
    async def steps(evaluate: Evaluate) -> None:
        await evaluate(TYPE.format(FIND, "'jailbreak'"))
        await asyncio.sleep(0.3)

    asked = in_browser(page, steps, at=f"#{KEY}")
    assert asked and all(address.startswith("file://") for address in asked)


@browser
@pytest.mark.parametrize("width", [380, 768])
def test_it_fits_a_phone(in_browser, page, width):
    async def steps(evaluate: Evaluate) -> None:
        assert await evaluate("document.documentElement.scrollWidth") <= width

    in_browser(page, steps, width=width, at=f"#{KEY}")


@browser
def test_five_thousand_works_are_searched_in_a_blink(in_browser, tmp_path):
    some = list(works().values())
    many = {}
    for number in range(5000):
        work = some[number % len(some)]
        many[f"syn{number}x{work.year}-work"] = work.model_copy(
            update={"id": f"syn{number}x{work.year}-work", "title": f"{work.title} Part {number}"}
        )
    write_site(tmp_path, of=many)

    async def steps(evaluate: Evaluate) -> None:
        took = await evaluate(
            "(() => { const words = ['audio', 'benchmark speech', 'jail', 'part 4999', 'qwen']; earnestFind('warm', {});"
            "const begun = performance.now(); words.forEach((one) => earnestFind(one, {})); return (performance.now() - begun) / 5; })()"
        )
        print(f"{took:.1f} ms a search over 5,000 works")  # noqa: T201
        assert took < 500  # a net against runaways; the figure is printed
        assert await evaluate("earnestFind('part 4999', {}).length") == 1

    in_browser(tmp_path / "index.html", steps)


@browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("at", ["", f"#{KEY}"])
def test_axe_finds_nothing(in_browser, page, scheme, at):
    spec = importlib.util.find_spec("axe_playwright_python")
    if spec is None or spec.origin is None:
        pytest.skip("axe-core is not installed; it comes with axe-playwright-python")
    script = next(Path(spec.origin).parent.rglob("axe*.js")).read_text(encoding="utf-8")

    async def steps(evaluate: Evaluate) -> None:
        await evaluate(script + "\n;0")
        found = await evaluate("axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations.map((v) => [v.id, v.impact, v.nodes.slice(0, 3).map((n) => n.html.slice(0, 120) + ' ' + n.failureSummary)]))")
        assert found == []

    in_browser(page, steps, scheme=scheme, at=at)
