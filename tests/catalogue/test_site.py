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

import earnest
from earnest.catalogue import works
from earnest.catalogue.coverage import coverage
from earnest.catalogue.exporting import bibtex, csl_item, ris
from earnest.catalogue.site import TEMPLATES, Site, write_site
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
    assert site.page_bytes < 1_200_000
    assert site.gzipped_bytes < 400_000
    assert {path.name for path in tmp_path.iterdir()} == set(site.files)


def test_every_work_is_on_the_page_and_in_the_files_beside_it(site, page):
    data = {work["i"]: work for work in carried(page)}
    assert set(data) == set(works())
    assert {
        work["id"] for work in json.loads((Path(site.folder) / "works.csl.json").read_text(encoding="utf-8"))
    } == set(works())


def test_the_page_wears_the_colours_and_the_frame_of_the_reports(page):
    sheet = (Path(earnest.__file__).parent / "report" / "templates" / "style.css").read_text(encoding="utf-8")
    shared = sheet.partition("\n\n")[0]
    assert all(rule in shared for rule in (":root {", "prefers-color-scheme: dark", ".skip {", "nav a {", ".mark {"))
    for name in ("index.html", "map.html"):
        assert shared in (page.parent / name).read_text(encoding="utf-8")
    own = (TEMPLATES / "site.css").read_text(encoding="utf-8")
    assert ":root" not in own and not re.search(r"#[0-9a-f]{6}\b", own)  # no colour of its own


def test_the_coverage_picture_stands_on_the_first_screen_and_shows_the_counts_of_the_table(page):
    text = page.read_text(encoding="utf-8")
    assert text.index('<svg class="coverage"') < text.index("<main>")
    covered = coverage(works(), attacks=[], defences=[])
    safety = next(cell for cell in covered.cells if (cell.pillar, cell.kind) == ("safety", "attack"))
    told = f"safety, attack: {len(safety.works)} works, {len(safety.runnable)} run here"
    assert told in text and f'<a href="#?p=safety&amp;k=attack">{len(safety.works)}</a>' in text


def test_what_is_new_is_told_with_its_feed(site, page):
    text = page.read_text(encoding="utf-8")
    days = sorted({work.entered for work in works().values() if work.entered}, reverse=True)
    n = sum(work.entered == days[0] for work in works().values())
    assert f"{n} works since {days[0]}" in text and 'href="feed.atom"' in text
    assert "feed.atom" in site.files and "map.html" in site.files


def test_a_work_that_runs_here_shows_its_command(page):
    runnable = [work for work in carried(page) if work.get("r")]
    assert runnable and all(work["g"] and work["g"][0].startswith("earnest ") for work in runnable)


def test_the_page_asks_no_network_and_cannot_be_broken_out_of(tmp_path):
    evil = "</script><script>document.title='owned'</script>"
    bad = Work.model_validate(
        {"id": "evil2025-work", "title": f"Title {evil}", "issued": 2025, "kind": "study", "note": evil}
    )
    write_site(tmp_path, of={bad.id: bad})
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<script>document.title" not in text
    assert carried(tmp_path / "index.html")[0]["t"] == f"Title {evil}"
    assert "default-src &#39;none&#39;" in text and not re.search(r'<(?:img|iframe)\b|src="http', text)
    assert re.findall(r"<link [^>]*>", text) == [
        '<link rel="alternate" type="application/atom+xml" title="New works" href="feed.atom">'
    ]


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
def test_citations_made_in_the_page_are_those_of_the_exports(in_browser, page):
    async def steps(evaluate: Evaluate) -> None:
        made = await evaluate(
            "JSON.parse(document.getElementById('data').textContent).map((w) => [w.i, earnestCite.bibtex(w), earnestCite.ris(w), earnestCite.csl(w)])"
        )
        assert len(made) == len(works())
        for key, bib, res, item in made:
            work = works()[key]
            assert (bib, res, item) == (bibtex([work]), ris([work]), csl_item(work))

    in_browser(page, steps)


@browser
def test_a_short_name_comes_first_and_a_day_narrows(in_browser, page):
    async def steps(evaluate: Evaluate) -> None:
        for name, key in (
            ("HIN", "lin2025-hidden"),
            ("certified defense", "cohen2019-certified"),
            ("STEP", "wang2026-step"),
        ):
            assert await evaluate(f"earnestFind({name!r}, {{}})[0].i") == key
        last = max(work.entered for work in works().values() if work.entered)
        n = sum(work.entered == last for work in works().values())
        assert await evaluate(f"earnestFind('', {{n: '{last}'}}).length") == n

    in_browser(page, steps)


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
@pytest.mark.parametrize("name", ["index.html", "map.html"])
def test_it_fits_a_phone(in_browser, page, width, name):
    async def steps(evaluate: Evaluate) -> None:
        assert await evaluate("document.documentElement.scrollWidth") <= width

    in_browser(page.parent / name, steps, width=width, at=f"#{KEY}")


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
@pytest.mark.parametrize("at", ["index.html", f"index.html#{KEY}", "map.html"])
def test_axe_finds_nothing(in_browser, page, scheme, at):
    spec = importlib.util.find_spec("axe_playwright_python")
    if spec is None or spec.origin is None:
        pytest.skip("axe-core is not installed; it comes with axe-playwright-python")
    script = next(Path(spec.origin).parent.rglob("axe*.js")).read_text(encoding="utf-8")

    async def steps(evaluate: Evaluate) -> None:
        await evaluate(script + "\n;0")
        found = await evaluate(
            "axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations.map((v) => [v.id, v.impact, v.nodes.slice(0, 3).map((n) => n.html.slice(0, 120) + ' ' + n.failureSummary)]))"
        )
        assert found == []

    name, mark, key = at.partition("#")
    in_browser(page.parent / name, steps, scheme=scheme, at=mark + key)
