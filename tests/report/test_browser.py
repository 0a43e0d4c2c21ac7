"""The page in a browser: filters work, nothing overflows, nothing hostile runs, text can be read, sound is heard."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

Evaluate = Callable[[str], Awaitable[Any]]

FOUND = "document.getElementById('found').textContent"
CHOOSE = "(() => {{ const f = document.getElementById('{0}'); f.value = '{1}'; f.dispatchEvent(new Event('input', {{bubbles: true}})); }})()"


def test_items_are_filtered_paged_and_opened(in_browser, written: Path) -> None:
    async def steps(evaluate: Evaluate) -> None:
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


def test_nothing_hostile_runs_even_when_its_item_is_opened(in_browser, written: Path) -> None:
    async def steps(evaluate: Evaluate) -> None:
        await evaluate(CHOOSE.format("f-text", "document.title"))
        await evaluate("document.querySelectorAll('#list summary').forEach(one => one.click())")
        await asyncio.sleep(0.3)
        assert "owned" in await evaluate("document.querySelector('#list .body').textContent")
        assert await evaluate("document.title") == "openai/gpt-4o-audio on probe: earnest"
        assert await evaluate("document.querySelectorAll('img[src=\"x\"]').length") == 0

    in_browser(written / "report.html", steps)


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
