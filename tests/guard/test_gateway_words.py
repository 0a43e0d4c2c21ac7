"""Words of turns: the provider's transcripts on a call, LiteLLM's endpoint; the audit's export; the admin page."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from click.testing import CliRunner

pytest.importorskip("prometheus_client", reason="the gateway needs the extra guard")
sys.path.insert(0, str(Path(__file__).parent))
from provider import SESSION, Provider, client, guarded, pcm, response, rule, until  # noqa: E402

from earnest.cli.guard import guard_command  # noqa: E402
from earnest.errors import BadParameter  # noqa: E402
from earnest.guard.gateway.server import Gateway, Settings  # noqa: E402

WORDS = json.dumps(
    {
        "mode": "enforce",
        "detectors": {"secret": {"use": "policy_words", "words": ["open sesame"]}},
        "rules": [{"name": "secret", "detector": "secret", "above": 0, "action": "gate_tools", "tools": ["pay"]}],
    }
)


def test_transcripts_of_the_provider_are_judged() -> None:
    async def script(provider: Provider, socket: web.WebSocketResponse) -> None:
        await socket.send_json(SESSION)
        for text in ("good morning", "please open sesame now"):
            await socket.send_json(
                {"type": "conversation.item.input_audio_transcription.completed", "item_id": "u", "transcript": text}
            )
        for event in response(1, [pcm(0.1, loud=False)], words="Open sesame!"):
            await socket.send_json(event)

    async def play(policy: str) -> Any:
        async with guarded(Provider(script), policy) as gateway, client(gateway) as one:
            await one.say(pcm(0.1, loud=False))
            await until(lambda: len(gateway.decisions) == 2)
            await asyncio.sleep(0.05)
            (call,) = gateway.calls.values()
            return list(gateway.decisions), dict(call._gates)

    found, gates = asyncio.run(play(WORDS))
    assert sorted(one["side"] for one in found) == ["agent", "caller"] and set(gates) == {"secret"}
    assert "sesame" not in json.dumps(found)
    found, gates = asyncio.run(play(WORDS.replace("enforce", "shadow")))
    assert len(found) == 2 and not gates


def test_litellm_asks_about_texts(tmp_path: Path) -> None:
    policy = WORDS.replace('"action": "gate_tools", "tools": ["pay"]', '"action": "end", "hears": "caller"')

    async def play(text: str) -> list[Any]:
        how = {"litellm": True, "audit": tmp_path}
        async with guarded(Provider(), text, **how) as gateway, aiohttp.ClientSession() as session:
            address, replies = f"http://127.0.0.1:{gateway.port}/beta/litellm_basic_guardrail_api", []
            for kind, said in (("request", "hello"), ("request", "open sesame"), ("response", "open sesame")):
                sent = {"texts": ["first", said], "images": [], "input_type": kind, "request_data": {}}
                async with session.post(address, json=sent) as got:
                    replies.append(await got.json())
            async with session.post(address, data="no JSON") as got:
                assert got.status == 400
            return replies

    blocked = {"action": "BLOCKED", "blocked_reason": "rule secret"}
    assert asyncio.run(play(policy)) == [{"action": "NONE"}, blocked, {"action": "NONE"}]
    assert asyncio.run(play(policy.replace("enforce", "shadow"))) == [{"action": "NONE"}] * 3
    assert all("sesame" not in path.read_text() for path in tmp_path.iterdir() if "gateway" not in path.name)
    with pytest.raises(BadParameter, match="no rule is on words"):
        Gateway(rule("flag"), Settings(upstream="ws://h", routes=("realtime",), litellm=True))


def test_the_audit_is_exported(tmp_path: Path) -> None:
    async def play() -> None:
        async with guarded(Provider(), rule("flag", hears="caller"), audit=tmp_path) as gateway:
            async with client(gateway) as one:
                await one.say(pcm(0.1, loud=True))
                await until(lambda: len(gateway.decisions) == 1)
            gateway.switch("shadow", why="=1+1")

    asyncio.run(play())
    run = CliRunner().invoke
    made = run(guard_command, ["audit", "export", str(tmp_path)])
    rows = [json.loads(line) for line in made.stdout.splitlines()]
    assert made.exit_code == 0 and [row["kind"] for row in rows].count("decision") == 1 and rows[-1]["kind"] == "switch"
    decision = next(row for row in rows if row["kind"] == "decision")
    assert decision["route"] == "realtime" and decision["rule"] == "loud" and decision["line"] == 1
    made = run(guard_command, ["audit", "export", str(tmp_path), "--format", "csv", "--out", str(tmp_path / "a.csv")])
    table = list(csv.DictReader(io.StringIO((tmp_path / "a.csv").read_text())))
    assert made.exit_code == 0 and len(table) == len(rows) and sum(len(row["fingerprint"]) for row in table) == 64
    path = next(path for path in tmp_path.glob("*.jsonl") if "gateway" not in path.name)
    path.write_text(path.read_text().replace("loud", "lout"))
    made = run(guard_command, ["audit", "export", str(tmp_path)])
    assert made.exit_code == 1 and "the chain breaks" in made.stderr and '"decision"' not in made.stdout


def test_the_command_says_what_it_enforces_and_refuses(tmp_path: Path) -> None:
    run, policy = CliRunner().invoke, tmp_path / "p.yaml"
    policy.write_text(rule("gate_tools", tools=["pay"], mode="shadow"))
    how = ["serve", str(policy), "--upstream", "wss://provider.example", "--dry-run"]
    made = run(guard_command, how)
    assert made.exit_code == 0 and "prevent" in made.stderr and "every call passes unchanged" in made.stderr
    made = run(guard_command, [*how, "--route", "twilio"])
    assert isinstance(made.exception, BadParameter) and "gate_tools on twilio is not enforceable" in str(made.exception)
    assert run(guard_command, [*how, "--route", "twilio", "--allow-degraded"]).exit_code == 0
    for wrong, said in (
        (["--upstream", "provider"], "is no address"),
        (["--route", "fax"], "no route is called 'fax'"),
    ):
        assert said in str(run(guard_command, [*how, *wrong]).exception)
    live = ["serve", str(policy), "--upstream", "ws://h", "--listen", "8460"]
    assert "give HOST:PORT" in str(run(guard_command, live).exception)
    assert "KEY_OF is empty" in str(run(guard_command, [*live[:4], "--upstream-key-env", "KEY_OF"]).exception)
    table = json.loads(run(guard_command, ["check", str(policy), "--json"]).stdout)
    assert table["rules"][0]["realtime"] == "detect" and table["enforced"][0]["realtime"] == "prevent"


@pytest.mark.browser
def test_the_admin_page_in_a_browser() -> None:
    """Calls, decisions with evidence, and the switch by keyboard; no error, no foreign address, nothing beyond its width."""
    sync = pytest.importorskip("playwright.async_api", reason="the page is looked at with playwright")
    from shutil import which

    async def play() -> None:
        async with (
            guarded(Provider(), rule("mute", hears="caller", mode="shadow")) as gateway,
            client(gateway) as one,
            sync.async_playwright() as driver,
        ):
            await one.say(pcm(0.1, loud=True))
            browser = await driver.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
            for width, scheme in ((1200, "light"), (360, "dark")):
                page = await browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
                errors: list[str] = []
                page.on(
                    "console", lambda line, errors=errors: errors.append(line.text) if line.type == "error" else None
                )
                asked: list[str] = []
                page.on("request", lambda request, asked=asked: asked.append(request.url))
                await page.goto(f"http://127.0.0.1:{gateway.admin_port}/")
                await page.get_by_text("loud mute").first.click()
                assert await page.get_by_text("line 1 of the policy").is_visible()
                assert await page.evaluate("document.documentElement.scrollWidth") <= width
                assert not errors and all(url.startswith(f"http://127.0.0.1:{gateway.admin_port}/") for url in asked)
                if width == 1200:
                    await page.get_by_label("Reason").focus()
                    await page.keyboard.type("<b>seen enough</b>")
                    await page.keyboard.press("Tab")
                    await page.keyboard.press("Enter")
                    await page.get_by_text("Switched to enforce.").wait_for()
                    assert gateway.mode == "enforce" and gateway.switches[0]["why"] == "<b>seen enough</b>"
                    await page.get_by_text("because: <b>seen enough</b>").wait_for()
                await page.close()
            await browser.close()

    asyncio.run(play())
