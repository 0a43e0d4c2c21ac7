import asyncio
import base64
import struct
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest
from aiohttp import web

from earnest.audio import AudioClip, Stimulus
from earnest.errors import AudioRefused, BadParameter, MissingKey, ModelFailed, TextRefused
from earnest.models import Answer, Failure, Sampling, load_model
from earnest.models.http import ChatModel, probe


class Guarded(dict):
    """A truth that nobody but a scripted model may read."""

    def __getitem__(self, key):
        raise AssertionError("truth was read")

    get = keys = values = items = __iter__ = __len__ = __bool__ = __getitem__


def chat(content="hello", finish="stop", **message):
    return {
        "id": "c1",
        "model": "m-2026-01-01",
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
        ],
        "usage": {
            "prompt_tokens": 20,
            "completion_tokens": 5,
            "prompt_tokens_details": {"audio_tokens": 13, "cached_tokens": 0},
            "completion_tokens_details": {"audio_tokens": 2},
        },
    }


def broken(content, error, finish="error"):
    """A reply of status 200 whose provider failed; a gateway put that into the choice."""
    reply = chat(content, finish=finish)
    reply["choices"][0] |= {"error": error} if error else {}
    return reply


def stimulus_of(*clips, **options):
    options.setdefault("prompt", "What is said?")
    return Stimulus(clips={f"c{place}": clip for place, clip in enumerate(clips)}, truth=Guarded(), **options)


def answered(model, stimulus, **sampling):
    async def one():
        try:
            return await model.ask_one(stimulus, sampling=Sampling(**sampling))
        finally:
            await model.aclose()

    return asyncio.run(one())


def failed(server, reply, clip, **options):
    server.replies = [reply]
    model = load_model(f"{server.url}/v1#m", **options)
    with pytest.raises(ModelFailed) as caught:
        answered(model, stimulus_of(clip))
    return caught.value


def test_request_carries_clips_in_order_then_the_prompt(server, clip, other_clip):
    server.replies = [chat()]
    model = load_model(f"{server.url}/v1#Qwen/Qwen2-Audio")
    stimulus = stimulus_of(clip, other_clip, prompt='Which "one"?\n', system_prompt="Be brief — ü.")
    answer = answered(model, stimulus, temperature=0.5, max_tokens=7, seed=3)
    (request,) = server.requests
    system, user = request.body.pop("messages")
    assert request.path == "/v1/chat/completions"
    assert request.body == {"model": "Qwen/Qwen2-Audio", "max_tokens": 7, "temperature": 0.5, "seed": 3}
    assert system == {"role": "system", "content": "Be brief — ü."}
    assert user["role"] == "user" and user["content"][2:] == [{"type": "text", "text": 'Which "one"?\n'}]
    for part, sent in zip(user["content"], (clip, other_clip)):
        assert part["type"] == "input_audio" and part["input_audio"]["format"] == "wav"
        assert AudioClip.from_bytes(base64.b64decode(part["input_audio"]["data"])) == sent
    assert answer.text == "hello" and answer.duration_ms > 0
    assert answer.details == {"finish_reason": "stop", "revision": "m-2026-01-01"}
    assert answer.usage == {
        "input_tokens": 20,
        "output_tokens": 5,
        "input_audio_tokens": 13,
        "cached_input_tokens": 0,
        "output_audio_tokens": 2,
    }


def test_prompt_alone_and_clip_alone(server, clip):
    server.replies = [chat()]
    model = load_model(f"{server.url}/v1/chat/completions#m")
    model.ask([Stimulus(clips={}, prompt="Hi"), stimulus_of(clip, prompt="")])
    first, second = (request.body["messages"][0]["content"] for request in server.requests)
    assert first == [{"type": "text", "text": "Hi"}]
    assert [part["type"] for part in second] == ["input_audio"]


def test_large_recordings_are_sent_without_a_warning(server):
    server.replies = [chat()]
    long_clip = AudioClip(np.zeros(16_000 * 60, dtype=np.float32), 16_000)
    (reply,) = load_model(f"{server.url}/v1#m").ask([stimulus_of(long_clip)])
    assert isinstance(reply, Answer)
    sent = server.requests[0].body["messages"][0]["content"][0]["input_audio"]["data"]
    assert len(base64.b64decode(sent)) == 44 + 2 * 16_000 * 60


def test_spoken_answers_become_clips(server, clip):
    spoken = {"id": "a", "data": base64.b64encode(clip.wav_bytes()).decode(), "transcript": "good day", "expires_at": 1}
    server.replies = [chat(None, audio=spoken)]
    answer = answered(load_model(f"{server.url}/v1#m", spoken=True, voice="verse"), stimulus_of(clip))
    assert (answer.text, answer.clip) == ("good day", clip)
    body = server.requests[0].body
    assert body["modalities"] == ["text", "audio"] and body["audio"] == {"voice": "verse", "format": "wav"}


def test_streamed_wav_headers_of_unknown_size_are_read(server, clip):
    wav = bytearray(clip.wav_bytes())
    wav[4:8] = wav[40:44] = struct.pack("<I", 0xFFFFFFFF)
    server.replies = [chat(None, audio={"data": base64.b64encode(wav).decode(), "transcript": "x"})]
    assert answered(load_model(f"{server.url}/v1#m", spoken=True), stimulus_of(clip)).clip == clip


def test_spoken_nonsense_is_a_bad_response(server, clip):
    noise = {"data": base64.b64encode(b"no audio at all, just words").decode(), "transcript": "x"}
    assert failed(server, chat(None, audio=noise), clip, spoken=True).reason == "bad_response"
    assert (
        failed(server, chat(None, audio={"data": "!", "transcript": "x"}), clip, spoken=True).reason == "bad_response"
    )


@pytest.mark.parametrize(
    "reply, text, details",
    [
        (chat([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]), "ab", {}),
        (chat(None, refusal="I cannot."), "I cannot.", {}),
        (chat(""), "", {}),
        (chat("half", finish="length"), "half", {"finish_reason": "length"}),
        (chat(None, finish="length", reasoning_content="Hm."), "", {"finish_reason": "length", "reasoning": "Hm."}),
        (chat("yes", reasoning_content="Is it?"), "yes", {"reasoning": "Is it?"}),
        (chat("yes", reasoning="Is it?"), "yes", {"reasoning": "Is it?"}),
        (
            chat("yes", reasoning=None, reasoning_details=[{"type": "reasoning.text", "text": "Is "}, {"text": "it?"}]),
            "yes",
            {"reasoning": "Is it?"},
        ),
        (
            chat(
                [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Is it?"}]},
                    {"type": "text", "text": "yes"},
                ]
            ),
            "yes",
            {"reasoning": "Is it?"},
        ),
        (chat(None, refusal=7), "", {}),
        (chat("so f", finish="content_filter"), "so f", {"blocked": True}),
        (chat(None, finish="content_filter"), "", {"blocked": True}),
        ((400, {"error": {"code": "content_filter", "message": "filtered"}}), "", {"blocked": True}),
        ((200, {"error": {"code": "content_filter", "message": "filtered"}}), "", {"blocked": True}),
    ],
)
def test_text_is_what_was_said_and_nothing_more(server, clip, reply, text, details):
    server.replies = [reply]
    answer = answered(load_model(f"{server.url}/v1#m"), stimulus_of(clip))
    assert answer.text == text
    assert details.items() <= answer.details.items()
    assert ("blocked" in details) == ("blocked" in answer.details)


def test_what_was_thought_beside_the_answer_belongs_to_its_reading(server, clip):
    server.replies = [chat("<think>Or not?</think>Answer: yes", reasoning_content="Is it?")]
    answer = answered(load_model(f"{server.url}/v1#m"), stimulus_of(clip))
    assert answer.reading.reasoning == "Is it?\nOr not?"
    assert (answer.said, answer.reading.finish) == ("yes", "stop")


def test_usage_that_counts_nothing_is_left_out(server, clip):
    reply = chat("yes")
    reply["usage"] = {"cost": -1e9, "prompt_tokens": float("nan"), "completion_tokens": 3}
    server.replies = [reply]
    assert answered(load_model(f"{server.url}/v1#m"), stimulus_of(clip)).usage == {"output_tokens": 3}


def error(message, **more):
    return {"error": {"message": message, **more}}


@pytest.mark.parametrize(
    "reply, reason, retryable, words",
    [
        ((429, error("slow down")), "rate_limited", True, "slow down"),
        ((429, error("quota", code="insufficient_quota")), "quota", False, "no credit"),
        ((500, "oops"), "http_5xx", True, "oops"),
        ((503, ""), "http_5xx", True, "503"),
        ((501, ""), "http_5xx", False, "501"),
        (
            (400, error("temperature must be 1", param="temperature")),
            "field_refused",
            False,
            "--model-option temperature=none",
        ),
        ((401, error("bad key")), "http_4xx", False, "EARNEST_API_KEY"),
        ((403, error("no")), "http_4xx", False, "EARNEST_API_KEY"),
        ((404, error("no model m")), "http_4xx", False, "name"),
        ((408, ""), "timeout", True, "408"),
        ((413, "Request Entity Too Large"), "too_long", False, "shorten"),
        ((400, error("x", code="context_length_exceeded")), "too_long", False, "shorten"),
        ((400, error("This model's maximum context length is 4096 tokens")), "too_long", False, "shorten"),
        ((400, error("max_tokens is too large: 99999")), "field_refused", False, "--max-tokens"),
        (
            (400, error("The audio file could not be decoded or its format is not supported.")),
            "bad_audio",
            False,
            "read",
        ),
        ((302, "", {"Location": "http://192.0.2.1/"}), "bad_response", False, "redirects"),
        ((200, "<html>login</html>"), "bad_response", True, "login"),
        ((200, "[1]"), "bad_response", True, "JSON"),
        ((200, {"choices": []}), "bad_response", True, "JSON"),
        ((200, {"choices": [{"message": None}]}), "bad_response", True, "JSON"),
        ((200, error("upstream", code=502)), "http_5xx", True, "upstream"),
        ((200, error("upstream")), "bad_response", True, "upstream"),
        ((200, error("slow down", code="429")), "rate_limited", True, "slow down"),
        ((200, error("too fast", code="rate_limit_exceeded")), "rate_limited", True, "too fast"),
        ((200, error("it broke", type="server_error")), "http_5xx", True, "it broke"),
        ((200, error("broken", code=7)), "bad_response", True, "broken"),
        (
            (
                200,
                {
                    "object": "error",
                    "message": "Invalid or unsupported audio file.",
                    "type": "BadRequestError",
                    "code": 400,
                },
            ),
            "bad_audio",
            False,
            "Invalid or unsupported audio file.",
        ),
        (broken("", {"code": 502, "message": "Upstream error"}), "http_5xx", True, "Upstream error"),
        (broken("turn o", {"code": 502, "message": "Upstream error"}), "http_5xx", True, "Upstream error"),
        (broken("turn o", {"code": "429", "message": "Slow down"}), "rate_limited", True, "Slow down"),
        (broken("turn on", None), "http_5xx", True, "the provider stopped with an error"),
        (
            broken("turn on", {"code": 502, "message": "Upstream error"}, finish="stop"),
            "http_5xx",
            True,
            "Upstream error",
        ),
    ],
)
def test_what_went_wrong_is_told(server, clip, reply, reason, retryable, words):
    error = failed(server, reply, clip)
    assert (error.reason, error.retryable) == (reason, retryable)
    assert words in str(error)


@pytest.mark.parametrize(
    "status, message",
    [
        (415, "no"),
        (400, "Invalid value: 'input_audio'. Supported values are: 'text', 'image_url'."),
        (400, "Content blocks are expected to be either text or image_url type"),
        (400, "At most 0 audio(s) may be provided in one request."),
        (400, "text-model is not a multimodal model"),
        (422, "this model does not support audio input"),
        (404, "No endpoints found that support input audio"),
        (500, "audio input is not supported - hint: you may need to provide the mmproj"),
    ],
)
def test_refused_audio_is_told_from_other_faults(server, clip, status, message):
    server.replies = [(status, error(message))]
    model = load_model(f"{server.url}/v1#m")
    with pytest.raises(AudioRefused, match="takes audio"):
        answered(model, stimulus_of(clip))
    if status < 500 and status != 415:  # the same words about a prompt without audio are another fault
        with pytest.raises(ModelFailed) as caught:
            answered(model, Stimulus(clips={}, prompt="Hi"))
        assert caught.value.reason == "http_4xx"


def test_refused_speech_is_not_refused_audio(server, clip):
    refused = (400, error("modalities: audio output is not supported", param="modalities"))
    assert failed(server, refused, clip, spoken=True).reason == "field_refused"


def test_retry_after_in_seconds_and_as_a_date(server, clip):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert failed(server, (429, "", {"Retry-After": "2.5"}), clip).retry_after_s == 2.5
    assert 20 < failed(server, (503, "", {"Retry-After": later}), clip).retry_after_s < 31
    assert failed(server, (429, "", {"Retry-After": "soon"}), clip).retry_after_s is None
    assert failed(server, (429, "", {"Retry-After": "Thu, 01 Jan 2026 00:00:00 -0000"}), clip).retry_after_s == 0
    assert failed(server, (429, "", {"Retry-After": "-1"}), clip).retry_after_s == 0
    assert failed(server, (500, ""), clip).retry_after_s is None


def test_silence_is_a_timeout(server, clip):
    async def never(request):
        await asyncio.sleep(60)
        return web.Response()

    begun = time.perf_counter()
    error = failed(server, never, clip, timeout_s=0.2)
    assert (error.reason, error.retryable) == ("timeout", True) and time.perf_counter() - begun < 30


def test_cut_connections(server, clip):
    async def cut(request):
        request.transport.abort()
        return web.Response()

    async def half(request):
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"{")
        request.transport.abort()
        return response

    for way in (cut, half):
        error = failed(server, way, clip)
        assert (error.reason, error.retryable) == ("connection", True)


def test_nobody_there(clip):
    model = load_model("http://127.0.0.1:9/v1#m")
    (reply,) = model.ask([stimulus_of(clip)])
    assert isinstance(reply, Failure) and reply.reason == "connection" and "127.0.0.1" in reply.detail


def test_ask_returns_failures_between_answers(server, clip):
    server.replies = [chat("one"), (500, "oops"), chat("three")]
    replies = load_model(f"{server.url}/v1#m").ask([stimulus_of(clip)] * 3)
    assert [type(reply) for reply in replies] == [Answer, Failure, Answer]
    assert replies[1].reason == "http_5xx"


def test_one_connection_serves_many_calls(server, clip):
    server.replies = [chat()]
    load_model(f"{server.url}/v1#m").ask([stimulus_of(clip)] * 5)
    assert len(server.requests) == 5 and len(server.n_connections) == 1


def test_keys(server, clip, monkeypatch):
    with pytest.raises(MissingKey, match="OPENAI_API_KEY"):
        load_model("openai/gpt-audio")
    server.replies = [(401, error("wrong key sk-secret"))]
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url + "/v9/")
    model = load_model("openai/gpt-audio")
    (reply,) = model.ask([stimulus_of(clip)])
    assert "OPENAI_API_KEY" in reply.detail and "sk-secret" not in reply.detail
    assert server.requests[0].headers["authorization"] == "Bearer sk-secret"
    assert server.requests[0].path == "/v9/chat/completions"
    assert server.requests[0].body["max_completion_tokens"] == 256 and "max_tokens" not in server.requests[0].body
    monkeypatch.setenv("EARNEST_API_KEY", "e-key")
    load_model(f"{server.url}/v1#m").ask([stimulus_of(clip)])
    assert server.requests[1].headers["authorization"] == "Bearer e-key"
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("EARNEST_API_KEY")
    load_model("openai/gpt-audio").ask([stimulus_of(clip)])  # a server on this machine needs none
    assert "authorization" not in server.requests[2].headers


def test_destination_and_fingerprint(server, monkeypatch):
    assert load_model(f"{server.url}/v1#m").destination is None
    assert load_model("http://localhost:8000/v1#m").destination is None
    assert load_model("http://[::1]:8000/v1#m").destination is None
    assert load_model("https://api.example.org/v1#m").destination == "api.example.org"
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert load_model("openai/gpt-audio").destination == "api.openai.com"
    plain, same, spoken = (load_model("openai/m", spoken=spoken) for spoken in (False, False, True))
    assert plain.fingerprint == same.fingerprint != spoken.fingerprint
    assert plain.name == "openai/m"


def test_extra_fields_replace_or_remove(server, clip):
    server.replies = [chat()]
    load_model(f"{server.url}/v1#m", extra={"temperature": None, "top_p": 0.5}).ask([stimulus_of(clip)])
    assert server.requests[0].body["top_p"] == 0.5 and "temperature" not in server.requests[0].body


@pytest.mark.parametrize(
    "url", ["http://localhost/v1", "http:///v1#m", "http://user:pass@host/v1#m", "http://h/v1?key=x#m"]
)
def test_addresses_that_cannot_be_used(url):
    with pytest.raises(BadParameter) as caught:
        load_model(url)
    assert "pass@" not in str(caught.value) and "key=x" not in str(caught.value)


def test_timeout_must_be_positive():
    with pytest.raises(BadParameter, match="timeout_s"):
        load_model("http://localhost/v1#m", timeout_s=0)


def test_capabilities_are_probed(server, clip):
    spoken = {"data": base64.b64encode(clip.wav_bytes()).decode(), "transcript": "beep"}
    model = load_model(f"{server.url}/v1#m")
    server.replies = [chat("beep"), chat(None, audio=spoken)]
    found = asyncio.run(_probed(model))
    assert (found.audio_in, found.audio_out) == (True, True) and "13 audio tokens" in found.reason
    server.replies = [chat("beep"), (400, error("modalities not supported"))]
    found = asyncio.run(_probed(model))
    assert (found.audio_in, found.audio_out) == (True, False)
    server.replies = [(400, error("audio is not supported"))]
    found = asyncio.run(_probed(model))
    assert (found.audio_in, found.audio_out) == (False, None) and "not supported" in found.reason
    server.replies = [(500, "oops")]
    found = asyncio.run(_probed(model))
    assert (found.audio_in, found.audio_out) == (None, None) and "oops" in found.reason


async def _probed(model):
    try:
        return await probe(model)
    finally:
        await model.aclose()


def test_proxies_of_the_environment_are_used(monkeypatch):
    from earnest.models._transport import proxy_for

    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_for("https://api.example.org/v1") == "http://proxy.example:3128"
    assert proxy_for("https://inside.example/v1") is None
    assert proxy_for("https://127.0.0.1/v1") is None


def test_what_does_not_speak_http_is_probed_too():
    found = asyncio.run(probe(load_model("scripted/always_refuse")))
    assert (found.audio_in, found.audio_out) == (True, False)


def test_a_request_costs_little():
    clip = AudioClip(np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32), 16_000)
    model = ChatModel("m", model="m", base_url="http://localhost", key=None, key_variable="K")
    stimulus = stimulus_of(clip)
    model.request_body(stimulus, Sampling())
    begun = time.process_time()
    for _ in range(50):
        model.request_body(stimulus, Sampling())
    assert (time.process_time() - begun) / 50 < 2e-3  # 0.3 ms where nothing else runs


SCHEMA = {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]}


async def _held(model, n, schema):
    try:
        return [await model.ask_one(Stimulus(clips={}, prompt="Which?"), schema=schema) for _ in range(n)]
    finally:
        await model.aclose()


def test_a_schema_is_sent_and_left_out_where_there_is_none(server):
    server.replies = [chat("{}")]
    model = load_model(f"{server.url}/v1#m")
    asyncio.run(_held(model, 1, SCHEMA))
    asyncio.run(_held(model, 1, None))
    assert server.requests[0].body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert "response_format" not in server.requests[1].body
    load_model(f"{server.url}/v1#m", extra={"response_format": None}).ask([Stimulus(clips={}, prompt="Which?")])
    assert "response_format" not in server.requests[2].body


@pytest.mark.parametrize(
    "status, message",
    [
        (400, "response_format is not supported by this model"),
        (422, "Extra inputs are not permitted"),
        (404, "No endpoints found that support the requested parameters"),
        (500, "failed to parse grammar"),
    ],
)
def test_an_endpoint_that_refuses_a_schema_is_asked_with_one_once(server, status, message):
    server.replies = [(status, error(message)), chat("yes")]
    model = load_model(f"{server.url}/v1#m")
    assert [answer.text for answer in asyncio.run(_held(model, 3, SCHEMA))] == ["yes"] * 3
    assert ["response_format" in request.body for request in server.requests] == [True, False, False, False]
    assert load_model(f"{server.url}/v1#m").takes_schema


def test_another_fault_does_not_stand_for_a_refused_schema(server):
    model = load_model(f"{server.url}/v1#m")
    for replies in (
        [(400, error("no such voice"))],
        [(400, error("response_format")), (400, error("response_format"))],
    ):
        server.replies = replies
        with pytest.raises(ModelFailed):
            asyncio.run(_held(model, 1, SCHEMA))
        assert model.takes_schema
    assert ["response_format" in request.body for request in server.requests] == [True, True, False]


@pytest.mark.parametrize(
    "message",
    [
        "This model requires that either input content or output modality contain audio.",  # OpenAI's gpt-audio
        "audio input is required",
        "At least one message must contain audio",
        "Missing required field: input_audio",
        "No audio found in the request",
        "audio must not be empty",
    ],
)
def test_an_endpoint_that_wants_audio_is_told_from_one_that_refuses_a_request(server, clip, message):
    reply = (400, {"error": {"message": message}})
    server.replies = [reply]
    model = load_model(f"{server.url}/v1#m")
    assert model.takes_text_alone is None
    with pytest.raises(TextRefused, match="takes no request without audio") as caught:
        answered(model, stimulus_of(prompt="Hi"))
    assert caught.value.reason == "text_refused" and message[:20] in str(caught.value)
    assert failed(server, reply, clip).reason != "text_refused"  # beside a recording it is another fault


@pytest.mark.parametrize("message", ["invalid temperature", "the model does not exist", "maximum context length"])
def test_other_refusals_of_words_alone_are_as_they_were(server, message):
    server.replies = [(400, {"error": {"message": message}})]
    with pytest.raises(ModelFailed) as caught:
        answered(load_model(f"{server.url}/v1#m"), stimulus_of(prompt="Hi"))
    assert caught.value.reason in ("http_4xx", "field_refused", "too_long")
