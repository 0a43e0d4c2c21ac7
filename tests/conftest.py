"""What several parts share: a browser that a page is opened in, and a suite that is soon run."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, settings

from earnest.registry import _FILES, Registry
from earnest.runs.suite import Suite

settings.register_profile("earnest", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("earnest")  # how long an example takes says what else the machine is doing


@pytest.fixture(scope="module", autouse=True)
def _plugin_files_of_a_module() -> Iterator[None]:
    """What a test file has loaded with `load_file` is gone behind it: every plan names the plug-ins of its process."""
    before = set(_FILES)
    yield
    for stem in set(_FILES) - before:
        del _FILES[stem], sys.modules[stem]
        for kind in Registry._all.values():
            for name in [name for name, plugin in kind._found.items() if getattr(plugin, "__module__", "") == stem]:
                del kind._found[name]


BROWSER = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)

Evaluate = Callable[[str], Awaitable[Any]]


async def _in_browser(
    page: Path, steps: Callable[[Evaluate], Awaitable[None]], *, width: int, scheme: str, at: str
) -> list[str]:
    """Open `page` and hand `steps` what evaluates an expression in it, over the browser's debugging protocol.

    Gives every address that was asked for.
    """
    asked: list[str] = []
    assert BROWSER is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = await asyncio.create_subprocess_exec(
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--no-first-run",
            f"--user-data-dir={profile}",
            "--remote-debugging-port=0",
            "about:blank",
            stderr=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            host = await asyncio.wait_for(_debugger(browser), timeout=60)
            async with aiohttp.ClientSession() as session:
                await _steps(session, host, page, steps, asked, width=width, scheme=scheme, at=at)
        finally:
            if browser.returncode is None:
                browser.terminate()
            await browser.communicate()
    return asked


async def _debugger(browser: asyncio.subprocess.Process) -> str:
    assert browser.stderr is not None
    async for line in browser.stderr:
        if found := re.search(rb"ws://([^/]+)/", line):
            return found[1].decode()
    raise AssertionError("the browser ended before it could be asked")


async def _steps(
    session: aiohttp.ClientSession,
    host: str,
    page: Path,
    steps: Callable,
    asked: list[str],
    *,
    width: int,
    scheme: str,
    at: str,
) -> None:
    async with session.get(f"http://{host}/json") as answer:
        tab = next(entry for entry in await answer.json() if entry["type"] == "page")
    async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
        number = 0

        async def command(method: str, **options: Any) -> dict[str, Any]:
            nonlocal number
            number += 1
            await socket.send_json({"id": number, "method": method, "params": options})
            while (said := await socket.receive_json()).get("id") != number:
                if said.get("method") == "Network.requestWillBeSent":
                    asked.append(said["params"]["request"]["url"])
            return said["result"]

        async def evaluate(expression: str) -> Any:
            said = await command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
            assert "exceptionDetails" not in said, said
            return said["result"].get("value")

        await command(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500
        )
        await command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        await command("Page.enable")
        await command("Network.enable")
        await command("Page.navigate", url=page.as_uri() + at)
        for _ in range(200):
            if await evaluate("document.readyState === 'complete' && location.href !== 'about:blank'"):
                break
            await asyncio.sleep(0.1)
        await steps(evaluate)


@pytest.fixture(scope="session")
def in_browser() -> Callable[..., list[str]]:
    """Opens a page (path, steps; width, scheme, at: what is put behind its address) and gives the addresses asked for."""

    def opened(page: Path, steps: Callable, *, width: int = 1280, scheme: str = "light", at: str = "") -> list[str]:
        if BROWSER is None:
            pytest.skip("needs chromium or google-chrome")
        return asyncio.run(_in_browser(page, steps, width=width, scheme=scheme, at=at))

    return opened


@pytest.fixture(scope="session")
def core() -> Suite:
    """The suite `core` with one adversarial clip in place of twenty, and few steps, since forty cost a second."""
    few = {"parameters": {"max_rows": 1, "attacks": ["pgd:steps=2", "pgd:epsilon=0.001,steps=2"]}}
    whole = Suite.read("core")
    named = [entry.model_copy(update=few if entry.name == "adversarial_transcription" else {}) for entry in whole.tasks]
    return whole.model_copy(update={"tasks": tuple(named)})
