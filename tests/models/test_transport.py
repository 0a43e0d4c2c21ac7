"""How requests travel: waits that are asked for, bodies that are capped, limits that hold, proxies, certificates, streams."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys
import time
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from earnest.audio import Stimulus
from earnest.errors import BadParameter, ModelFailed
from earnest.models import _transport, load_model
from earnest.models._events import completion_of
from earnest.models._transport import proxy_for, retry_after_s, trusted
from earnest.models.timing import OwnTime
from earnest.testing.habits import streamed, wants_audio, wants_stream
from earnest.testing.loopback import Loopback

HI = Stimulus(clips={}, prompt="Hi")


def answer_or_error(model, *, limit_s=None):
    async def one():
        try:
            async with OwnTime(limit_s):
                return await model.ask_one(HI)
        except ModelFailed as error:
            return error
        finally:
            await model.aclose()

    return asyncio.run(one())


# ---------------------------------------------------------------- waits

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
THEN = NOW + timedelta(seconds=90)


@pytest.mark.parametrize(
    "headers, wait_s",
    [
        ({"Retry-After": "2"}, 2),
        ({"Retry-After": " 2.5 "}, 2.5),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "-7"}, 0),
        ({"Retry-After": format_datetime(THEN, usegmt=True)}, 90),  # Sun, 01 Mar 2026 12:01:30 GMT
        ({"Retry-After": THEN.strftime("%A, %d-%b-%y %H:%M:%S GMT")}, 90),  # RFC 850
        ({"Retry-After": THEN.strftime("%a %b %e %H:%M:%S %Y")}, 90),  # C's asctime
        ({"Retry-After": "Sun, 01 Mar 2026 12:01:30 -0000"}, 90),
        ({"Retry-After": "Sun, 01 Mar 2026 13:01:30 +0100"}, 90),
        ({"Retry-After": "Thu, 01 Jan 2026 00:00:00 -0000"}, 0),
        ({"retry-after-ms": "350"}, 0.35),
        ({"retry-after-ms": "350", "Retry-After": "2"}, 0.35),  # the finer one
        ({"x-ms-retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "soon", "Retry-After": "2"}, 2),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "1e999"}, None),
        ({"Retry-After": "9" * 400}, None),
        ({"Retry-After": "1_0"}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "Sun, 99 Foo 2026 12:01:30 GMT"}, None),
        ({"Retry-After": "Sun, 01 Mar 99999999999 12:01:30 GMT"}, None),
        ({}, None),
    ],
)
def test_a_wait_in_every_legal_form_and_in_no_other(headers, wait_s) -> None:
    found = retry_after_s({**headers, "Date": format_datetime(NOW, usegmt=True)})
    assert found == (None if wait_s is None else pytest.approx(wait_s))


def test_a_date_counts_from_now_where_the_response_has_none() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 20 < retry_after_s({"Retry-After": later}) <= 30


# ---------------------------------------------------------------- bodies


def test_a_bomb_is_given_up_before_it_takes_memory() -> None:
    """100 KB unpack to 100 MB; a process of its own tells what it took at most."""
    code = (
        "import resource, sys\nsys.path.insert(0, sys.argv[1])\n"
        "from earnest.audio import Stimulus\nfrom earnest.models import load_model\n"
        "from earnest.testing.loopback import Loopback\nfrom aiohttp import web\nimport zlib\n"
        "def most():  # of this program alone; getrusage counts the process that it was forked from\n"
        "    try: return int([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM:')][0])\n"
        "    except OSError: return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "packer = zlib.compressobj(9, wbits=31)\n"
        "bomb = b''.join([packer.compress(b'{\"a\": \"'), *(packer.compress(b'a' * 2**20) for _ in range(100)), packer.flush()])\n"
        "async def send(server, request, asked): return web.Response(body=bomb, headers={'Content-Encoding': 'gzip'})\n"
        "with Loopback(habits=[send]) as server:\n"
        "    model = load_model(server.url + '#m')\n"
        "    before = most()\n"
        "    replies = model.ask([Stimulus(clips={}, prompt='Hi')] * 3)\n"
        "    print(len(bomb), replies[0].reason, (most() - before) / 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, "."], capture_output=True, text=True, check=True)
    n_packed, reason, more_mib = done.stdout.split()
    assert int(n_packed) < 200_000 and reason == "bad_response" and float(more_mib) < 90


@pytest.mark.parametrize(
    "encoding, packed", [("gzip", gzip.compress), ("deflate", zlib.compress), ("x-gzip", gzip.compress)]
)
def test_packed_bodies_are_read(encoding, packed) -> None:
    async def send(server, request, asked):
        body = packed(json.dumps(server.completion(asked)).encode())
        return web.Response(body=body, headers={"Content-Encoding": encoding})

    async def raw(server, request, asked):
        packer = zlib.compressobj(wbits=-15)
        body = packer.compress(json.dumps(server.completion(asked)).encode()) + packer.flush()
        return web.Response(body=body, headers={"Content-Encoding": "deflate"})

    for habit in (send, raw):
        with Loopback(answer=lambda heard: "yes " * 50_000, habits=[habit]) as server:
            assert answer_or_error(load_model(f"{server.url}#m")).text.startswith("yes yes")


def test_of_a_long_error_the_beginning_is_read() -> None:
    async def send(server, request, asked):
        return web.Response(status=400, body=b"wrong: " + b"a" * (3 * 2**20))

    with Loopback(habits=[send]) as server:
        error = answer_or_error(load_model(f"{server.url}#m"))
    assert error.reason == "http_4xx" and "wrong: aaa" in str(error) and len(str(error)) < 800


def test_a_body_that_is_too_long_is_given_up_where_it_passes_the_cap(monkeypatch) -> None:
    monkeypatch.setattr(_transport, "MAX_REPLY_BYTES", 2**20)
    for n, reason in ((2**20 - 500, None), (2**20 + 500, "bad_response")):
        with Loopback(answer=lambda heard, n=n: "a" * n) as server:
            found = answer_or_error(load_model(f"{server.url}#m"))
        assert getattr(found, "reason", None) == reason
        assert reason is None or "at most 1 MiB" in str(found)  # and not that its cut JSON is none


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize("status", [200, 500])
def test_a_drip_does_not_outlast_the_limit(status) -> None:
    async def drip(server, request, asked):
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)

    with Loopback(habits=[drip]) as server:
        begun = time.monotonic()
        error = answer_or_error(load_model(f"{server.url}#m", timeout_s=0.2))
        assert error.reason == "timeout" and "--timeout" in str(error) and time.monotonic() - begun < 10


def test_the_limit_of_the_engine_holds_where_the_model_has_none() -> None:
    """A model's own 120 s would cut off a reply that --timeout 300 allows."""
    seen = []

    async def slow(server, request, asked):
        await asyncio.sleep(0.3)
        return None

    with Loopback(habits=[slow]) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr("earnest.models._remote.TIMEOUT_S", 0.05)
        model = load_model(f"{server.url}#m")
        seen = [answer_or_error(model, limit_s=5), answer_or_error(model, limit_s=None)]
    assert seen[0].text and seen[1].reason == "timeout"


# ---------------------------------------------------------------- proxies and certificates


@pytest.fixture
def no_proxies(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


def test_proxies_of_the_environment(no_proxies) -> None:
    assert proxy_for("https://api.example/v1") is None
    no_proxies.setenv("ALL_PROXY", "http://all.example:1")
    assert proxy_for("https://api.example/v1") == proxy_for("http://api.example/v1") == "http://all.example:1"
    no_proxies.setenv("HTTPS_PROXY", "proxy.example:3128")
    assert proxy_for("https://api.example/v1") == "http://proxy.example:3128"
    assert proxy_for("http://api.example/v1") == "http://all.example:1"
    no_proxies.setenv("NO_PROXY", "api.example")
    assert proxy_for("https://api.example/v1") is None
    assert proxy_for("http://127.0.0.1:8000/v1") is None


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks4"])
def test_socks_is_said_clearly_before_anything_is_asked(no_proxies, scheme) -> None:
    no_proxies.setenv("ALL_PROXY", f"{scheme}://user:pass@proxy.example:1080")
    with pytest.raises(
        BadParameter, match=f"ALL_PROXY must name an HTTP proxy, got one that begins with {scheme}://.*no SOCKS"
    ) as caught:
        load_model("https://api.example/v1#m")
    assert "pass" not in str(caught.value) and "NO_PROXY=api.example" in str(caught.value)
    load_model("http://127.0.0.1:8000/v1#m")  # no proxy is asked for this machine


def test_a_request_goes_through_the_proxy(no_proxies) -> None:
    seen = []

    async def proxy(request):
        seen.append(str(request.url))
        return web.json_response({"choices": [{"message": {"content": "through"}}]})

    async def main():
        runner = web.ServerRunner(web.Server(proxy))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        no_proxies.setenv("HTTP_PROXY", f"http://127.0.0.1:{runner.addresses[0][1]}")
        model = load_model("http://api.invalid/v1#m")
        try:
            return await model.ask_one(HI)
        finally:
            await model.aclose()
            await runner.cleanup()

    assert asyncio.run(main()).text == "through"
    assert seen == ["http://api.invalid/v1/chat/completions"]


def test_certificates_that_the_environment_names_are_trusted(no_proxies, tmp_path) -> None:
    for variable in _transport.CERTIFICATES:
        no_proxies.delenv(variable, raising=False)
    assert trusted("https://api.example/v1") is None
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    more = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)]
    try:
        subprocess.run([*command, *more], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs openssl")
    untrusted, answered = asyncio.run(_over_tls(key, cert, no_proxies))
    assert untrusted.reason == "connection" and "REQUESTS_CA_BUNDLE" in str(untrusted) and not untrusted.retryable
    assert answered.text == "safe"
    no_proxies.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nowhere.pem"))
    with pytest.raises(BadParameter, match="REQUESTS_CA_BUNDLE must name a file or folder"):
        load_model("https://localhost:1/v1#m")
    load_model("http://localhost:1/v1#m")


async def _over_tls(key, cert, environment):
    import ssl

    async def handle(request):
        return web.json_response({"choices": [{"message": {"content": "safe"}}]})

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    runner = web.ServerRunner(web.Server(handle))
    await runner.setup()
    site = web.TCPSite(runner, "localhost", 0, ssl_context=context)
    await site.start()
    replies = []
    for path in (None, cert):
        if path is not None:
            environment.setenv("REQUESTS_CA_BUNDLE", str(path))
        model = load_model(f"https://localhost:{runner.addresses[0][1]}/v1#m")
        try:
            replies.append(await model.ask_one(HI))
        except ModelFailed as error:
            replies.append(error)
        finally:
            await model.aclose()
    await runner.cleanup()
    return replies


@pytest.mark.parametrize(
    "url", ["https://[user:pw@h/v1#m", "https://h:99999/v1#m", "https://h:x/v1#m", "https:///v1#m"]
)
def test_addresses_that_cannot_be_read_are_refused(url) -> None:
    with pytest.raises(BadParameter, match="a base address must look like") as caught:
        load_model(url)
    assert "pw" not in str(caught.value)


def test_a_query_in_an_address_is_told_where_it_belongs() -> None:
    with pytest.raises(BadParameter, match="--model-option query.NAME=VALUE"):
        load_model("https://h/v1?api-version=2024#m")


# ---------------------------------------------------------------- streams


def events(*given, end=True) -> bytes:
    texts = [json.dumps(one) if isinstance(one, dict) else one for one in given]
    return "".join(f"data: {text}\n\n" for text in [*texts, *(["[DONE]"] if end else [])]).encode()


def piece(finish=None, **delta):
    return {"model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def test_a_stream_makes_the_completion_that_it_is_of() -> None:
    other = {"choices": [{"index": 1, "delta": {"content": "not this"}}]}
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    data = events(
        piece(role="assistant", content=""),
        piece(reasoning_content="Hm. "),
        piece(content="ye"),
        other,
        piece(content="s"),
        piece(finish="stop"),
        usage,
    )
    whole = completion_of(data, host="h")
    (choice,) = whole["choices"]
    assert choice["message"] == {"role": "assistant", "content": "yes", "reasoning_content": "Hm. "}
    assert (choice["finish_reason"], whole["model"], whole["usage"]["prompt_tokens"]) == ("stop", "m-1", 3)


@pytest.mark.parametrize("written", [lambda data: data.replace(b"\n", b"\r\n"), lambda data: b": hello\n\nevent: x\nid: 3\nretry: 5\n" + data,
                                     lambda data: data.replace(b"data: ", b"data:"), lambda data: b"\xef\xbb\xbf".join([b"", data]) and data])  # fmt: skip  # a table: one row a line
def test_events_are_read_however_they_are_written(written) -> None:
    data = written(events(piece(content="yes"), piece(finish="stop")))
    assert completion_of(data, host="h")["choices"][0]["message"]["content"] == "yes"


def test_parts_of_several_kinds_stay_parts() -> None:
    data = events(piece(content=[{"type": "thinking", "thinking": "Hm."}]), piece(content="yes"), piece(finish="stop"))
    content = completion_of(data, host="h")["choices"][0]["message"]["content"]
    assert content == [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "yes"}]


@pytest.mark.parametrize(
    "data, outcome",
    [
        (events(piece(content="ye"), end=False), "connection"),
        (events(piece(content="yes"), piece(finish="stop"), end=False), None),  # some send no [DONE]
        (b"data: {\n\n", "value"),
        (b"data: [1]\n\n", "value"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "value"),
    ],
)
def test_half_a_stream_is_no_answer(data, outcome) -> None:
    if outcome is None:
        assert completion_of(data, host="h")["choices"]
        return
    with pytest.raises((ModelFailed, ValueError, RecursionError)) as caught:
        completion_of(data, host="h")
    assert getattr(caught.value, "reason", "value") == outcome


def test_an_error_within_a_stream_is_the_reply() -> None:
    data = events(piece(content="ye"), {"error": {"code": 502, "message": "broke"}})
    assert completion_of(data, host="h")["error"]["message"] == "broke"


def test_a_stream_is_asked_for_with_its_usage() -> None:
    with Loopback(answer=lambda heard: "one two", habits=[wants_stream()]) as server:
        answer = answer_or_error(load_model(f"{server.url}#m", stream=True))
        assert server.requests[0]["stream_options"] == {"include_usage": True}
    assert (answer.text, answer.usage["output_tokens"], answer.details["finish_reason"]) == ("one two", 2, "stop")
    with Loopback(answer=lambda heard: "one two", habits=[streamed]) as server:  # one that streams whatever is asked
        assert answer_or_error(load_model(f"{server.url}#m")).text == "one two"


# ---------------------------------------------------------------- how audio is sent


@pytest.mark.parametrize("form", ["base64", "data_uri", "audio_url"])
def test_a_clip_arrives_in_every_form(form, clip) -> None:
    with Loopback(habits=[wants_audio(form, message="no")]) as server:
        (answer,) = load_model(f"{server.url}#m", audio=form).ask([Stimulus(clips={"speech": clip}, prompt="?")])
    assert f"{clip.n_samples} samples {clip.digest[:8]}" in answer.text


def test_a_clip_is_sent_in_another_format_and_rate(clip) -> None:
    heard = []
    with Loopback(answer=lambda call: heard.append(call.clips[0]) or "ok") as server:
        for options in (
            {"audio_format": "flac"},
            {"sample_rate": 8_000},
            {"audio_format": "mp3", "sample_rate": 16_000},
        ):
            load_model(f"{server.url}#m", **options).ask([Stimulus(clips={"speech": clip}, prompt="?")])
    assert heard[0] == clip and heard[1].sample_rate == 8_000 and heard[2].sample_rate == 16_000
    plain, packed = (load_model("http://h/v1#m", audio_format=kind) for kind in ("wav", "mp3"))
    assert plain.fingerprint == load_model("http://h/v1#m").fingerprint != packed.fingerprint
