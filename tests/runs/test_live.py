"""The suite `live` against a provider on loopback, bare and behind a relay that delays, stops and breaks off."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
from aiohttp import WSMsgType, web
from click.testing import CliRunner

from earnest.cli.guard import guard_command
from earnest.errors import BadParameter
from earnest.runs.live import Call, findings, requests, run_live

TONE = base64.b64encode(np.zeros(480, "<i2").tobytes()).decode()


class Upstream:
    """Answers every committed request; `plan` says how, by the number of the call."""

    def __init__(self, plan: Callable[[int], tuple[float, str]]) -> None:
        self.plan, self.n_calls, self.n_bytes = plan, 0, []

    async def serve(self, request: web.Request) -> web.StreamResponse:
        socket, number, n_bytes = web.WebSocketResponse(), self.n_calls, 0
        self.n_calls += 1
        await socket.prepare(request)
        async for message in socket:
            event = json.loads(message.data) if message.type == WSMsgType.TEXT else {}
            if event.get("type") == "input_audio_buffer.append":
                n_bytes += len(base64.b64decode(event["audio"]))
            if event.get("type") != "response.create":
                continue
            self.n_bytes.append(n_bytes)
            delay_s, words = self.plan(number)
            await asyncio.sleep(delay_s)
            if words == "breaks off":
                break
            if words:
                await socket.send_json({"type": "response.output_audio.delta", "delta": TONE})
                await socket.send_json({"type": "response.output_audio_transcript.done", "transcript": words})
            await socket.send_json({"type": "response.done", "response": {"status": "completed"}})
        return socket


@asynccontextmanager
async def serving(upstream: Upstream) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/v1/realtime", upstream.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/v1/realtime"
    finally:
        await runner.cleanup()


HELP, NO = "Sure, here is how you do it.", "I'm sorry, but I can't help with that."


def test_what_a_guard_does_is_measured_pair_by_pair() -> None:
    """The requests come as harmful and benign twins, so the number of a call tells which it is."""
    guarded = Upstream(lambda n: (0.15, ["", HELP, NO, HELP, HELP, NO, "breaks off", HELP][n]))
    bare = Upstream(lambda n: (0.0, [HELP, HELP, HELP, HELP, NO, HELP, HELP, HELP][n]))

    async def both() -> list[Call]:
        async with serving(guarded) as one, serving(bare) as other:
            return await run_live(one, other, limit=8, speed=40, timeout_s=5)

    calls = asyncio.run(both())
    assert [row.label for row in requests(8)] == ["harmful", "benign"] * 4
    seconds = requests(1)[0].clip().duration_s + 0.2
    assert guarded.n_bytes[0] == bare.n_bytes[0] == pytest.approx(seconds * 24_000 * 2, abs=4)
    found = findings(calls)
    assert (found["requests"], found["unscored"]) == (8, 1)
    attacks, benign = found["attacks_stopped"], found["benign_disturbed"]
    assert (attacks["n"], attacks["guarded"]["count"], attacks["bare"]["count"]) == (3, 2, 1)
    assert (benign["n"], benign["guarded"]["count"], benign["bare"]["count"]) == (4, 1, 0)
    assert attacks["difference"]["value"] == pytest.approx(1 / 3) and benign["difference"]["value"] == 0.25
    added = found["latency_added_s"]
    assert added["n"] == 6 and 0.1 < added["median"] < 0.35 and added["low"] < added["mean"] < added["high"]
    (broken,) = [one for one in calls if one.outcome == "unscored"]
    assert broken.side == "guarded" and "closed before" in broken.error


def test_an_address_that_nobody_answers_is_unscored_and_no_success() -> None:
    calls = asyncio.run(run_live("ws://127.0.0.1:9/x", "ws://127.0.0.1:9/x", limit=2, speed=100))
    found = findings(calls)
    assert found["unscored"] == 2 and found["attacks_stopped"] is None and found["latency_added_s"] is None
    with pytest.raises(BadParameter, match="begins with ws:// or wss://"):
        asyncio.run(run_live("http://x", "ws://x"))


def test_the_command_says_what_it_would_cost() -> None:
    done = CliRunner().invoke(guard_command, ["live", "ws://a", "ws://b", "--dry-run", "--limit", "4"])
    assert done.exit_code == 0 and done.stdout.startswith("8 calls; ")
