import base64
import json

import numpy as np
import pytest

from earnest.audio import AudioClip, Stimulus
from earnest.errors import MissingKey, ModelFailed
from earnest.models import Answer, Failure, Sampling, load_model


class Guarded(dict):
    """A truth that nobody but a scripted model may read."""

    def __getitem__(self, key):
        raise AssertionError("truth was read")

    get = keys = values = items = __iter__ = __len__ = __bool__ = __getitem__


def said(text="hello", finish="STOP", **more):
    content = {"role": "model", "parts": [{"text": "hm", "thought": True}, {"text": text}]} if text is not None else {}
    return {
        "candidates": [{"content": content, "finishReason": finish}],
        "modelVersion": "g-001",
        "usageMetadata": {
            "promptTokenCount": 40,
            "candidatesTokenCount": 3,
            "thoughtsTokenCount": 9,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 8}, {"modality": "AUDIO", "tokenCount": 32}],
        },
        **more,
    }


@pytest.fixture
def model(server, monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", "g-secret")
    monkeypatch.setenv("GEMINI_BASE_URL", f"{server.url}/v1beta")
    return load_model("gemini/gemini-x", timeout_s=5)


def asked(model, clip, **options):
    (reply,) = model.ask([Stimulus(clips={"speech": clip}, prompt="What is said?", truth=Guarded(), **options)])
    return reply


def test_request_and_answer(server, model, clip, other_clip):
    server.replies = [said()]
    stimulus = Stimulus(clips={"a": clip, "b": other_clip}, prompt="Which?", system_prompt="Be brief.")
    (answer,) = model.ask([stimulus], sampling=Sampling(temperature=0.5, max_tokens=7, seed=3))
    (request,) = server.requests
    assert request.path == "/v1beta/models/gemini-x:generateContent"
    assert request.headers["x-goog-api-key"] == "g-secret" and "secret" not in request.query
    (content,) = request.body.pop("contents")
    assert request.body == {
        "generationConfig": {"temperature": 0.5, "maxOutputTokens": 7, "seed": 3},
        "system_instruction": {"parts": [{"text": "Be brief."}]},
    }
    assert content["role"] == "user" and content["parts"][2] == {"text": "Which?"}
    for part, sent in zip(content["parts"], (clip, other_clip)):
        assert part["inline_data"]["mime_type"] == "audio/wav"
        assert AudioClip.from_bytes(base64.b64decode(part["inline_data"]["data"])) == sent
    assert answer.text == "hello" and answer.details == {
        "finish_reason": "STOP",
        "revision": "g-001",
        "reasoning": "hm",
    }
    assert answer.usage == {"input_tokens": 40, "output_tokens": 12, "input_audio_tokens": 32, "reasoning_tokens": 9}


@pytest.mark.parametrize(
    "reply, text, finish",
    [
        (said("so f", finish="SAFETY"), "so f", "SAFETY"),
        (said(None, finish="PROHIBITED_CONTENT"), "", "PROHIBITED_CONTENT"),
        ({"promptFeedback": {"blockReason": "SAFETY"}}, "", "SAFETY"),
    ],
)
def test_blocks_are_answers_that_say_so(server, model, clip, reply, text, finish):
    server.replies = [reply]
    answer = asked(model, clip)
    assert isinstance(answer, Answer) and answer.text == text
    assert answer.details["blocked"] is True and answer.details["finish_reason"] == finish


def test_a_reply_cut_off_before_its_first_word_is_an_answer_without_words(server, model, clip):
    server.replies = [said(None, finish="MAX_TOKENS")]
    answer = asked(model, clip)
    assert (answer.said, answer.reading.finish, "blocked" in answer.details) == ("", "length", False)


@pytest.mark.parametrize(
    "reply, reason, words",
    [
        (said(None, finish="OTHER"), "empty_answer", "finishReason OTHER"),
        ({"candidates": []}, "bad_response", "JSON"),
        ((200, "nonsense"), "bad_response", "nonsense"),
        (
            (400, {"error": {"message": "API key not valid", "details": [{"reason": "API_KEY_INVALID"}]}}),
            "http_4xx",
            "GEMINI_API_KEY",
        ),
        (
            (400, {"error": {"message": "Audio input modality is not enabled for models/gemini-x"}}),
            "audio_refused",
            "takes audio",
        ),
        (
            (400, {"error": {"message": "The input token count (9) exceeds the maximum number of tokens"}}),
            "too_long",
            "shorten",
        ),
        ((503, {"error": {"message": "overloaded"}}), "http_5xx", "overloaded"),
    ],
)
def test_what_went_wrong_is_told(server, model, clip, reply, reason, words):
    server.replies = [reply]
    failure = asked(model, clip)
    assert isinstance(failure, Failure) and failure.reason == reason and words in failure.detail


def test_the_wait_in_the_body_is_honoured(server, model, clip):
    import asyncio

    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}]
    server.replies = [(429, {"error": {"message": "quota", "details": details}})]

    async def one():
        with pytest.raises(ModelFailed) as caught:
            await model.ask_one(Stimulus(clips={"speech": clip}, prompt="x"))
        await model.aclose()
        return caught.value

    error = asyncio.run(one())
    assert (error.reason, error.retryable, error.retry_after_s) == ("rate_limited", True, 34)


def test_more_than_20_mb_is_never_sent(server, model):
    long_clip = AudioClip(np.zeros(48_000 * 180, dtype=np.float32), 48_000)
    server.replies = [said()]
    failure = asked(model, long_clip)
    assert failure.reason == "too_long" and "20 MB" in failure.detail and not server.requests


def test_the_key_is_named_and_the_host_told(monkeypatch):
    with pytest.raises(MissingKey, match="GEMINI_API_KEY"):
        load_model("gemini/gemini-x")
    monkeypatch.setenv("GEMINI_API_KEY", "g")
    assert load_model("gemini/gemini-x").destination == "generativelanguage.googleapis.com"
    plain, thinking = (
        load_model("gemini/x"),
        load_model("gemini/x", generation={"thinkingConfig": {"thinkingBudget": 0}}),
    )
    assert plain.fingerprint != thinking.fingerprint


def test_safety_settings_are_sent(server, monkeypatch, clip):
    monkeypatch.setenv("GEMINI_BASE_URL", server.url)
    server.replies = [said()]
    settings = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    asked(load_model("gemini/models/x", safety=settings), clip)
    assert (
        server.requests[0].body["safetySettings"] == settings and server.requests[0].path == "/models/x:generateContent"
    )


def test_a_schema_is_sent_in_the_words_of_gemini(server, model):
    schema = {
        "type": "object",
        "properties": {"label": {"type": "string", "enum": ["a", "b"]}},
        "required": ["label"],
        "additionalProperties": False,
    }
    body = json.loads(model.request_body(Stimulus(clips={}, prompt="Which?"), Sampling(), schema))["generationConfig"]
    assert body["responseMimeType"] == "application/json"
    assert body["responseSchema"] == {
        "type": "OBJECT",
        "properties": {"label": {"type": "STRING", "enum": ["a", "b"]}},
        "required": ["label"],
    }
