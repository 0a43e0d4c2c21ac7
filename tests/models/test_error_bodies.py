"""Error bodies of real servers, as they are, as gateways wrap them, and as other servers might word them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from earnest.audio import AudioClip, Stimulus
from earnest.errors import ModelFailed
from earnest.models import Answer, load_model
from earnest.models._error_bodies import RequestAudio, kind_of, read_error
from earnest.report.sections import MEANINGS

ROWS = [
    json.loads(line) for line in (Path(__file__).parent / "data" / "error_bodies.jsonl").read_text("utf-8").splitlines()
]
OF_STATUS = ("http_4xx", "http_5xx", "rate_limited")
"""Reasons that follow from the status where the words tell no more."""


def name(row: dict) -> str:
    return f"{row['server']}: {row['reason']}"


def data(body) -> bytes:
    return (body if isinstance(body, str) else json.dumps(body)).encode()


def audio_of(row: dict) -> RequestAudio:
    return RequestAudio(n_clips=row.get("n_clips", 1), duration_s=row.get("duration_s", 2.0))


def stimulus(row: dict) -> Stimulus:
    n, duration_s = row.get("n_clips", 1), row.get("duration_s", 2.0)
    length = round(400 * min(duration_s, 20.0)) if duration_s != 700.0 else 400  # short enough to be sent
    clips = {f"c{k}": AudioClip(np.full(length, 0.1, dtype=np.float32), 1_000) for k in range(n)}
    return Stimulus(clips=clips, prompt="What is said?")


def test_the_table_holds_every_kind_of_many_servers() -> None:
    assert len(ROWS) >= 90 and len({row["server"] for row in ROWS}) >= 20
    assert {
        "bad_audio",
        "audio_format",
        "too_short",
        "too_many_clips",
        "blocked",
        "quota",
        "field_refused",
        "too_long",
    } <= {row["reason"] for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_a_body_is_of_its_kind(row) -> None:
    found = kind_of(row["status"], read_error(data(row["body"])), audio=audio_of(row))
    assert found == (None if row["reason"] in OF_STATUS else row["reason"])


@pytest.mark.parametrize("row", [row for row in ROWS if "shows" in row], ids=name)
def test_the_innermost_message_is_shown(row) -> None:
    message = read_error(data(row["body"])).message
    assert row["shows"] in message and "{" not in message and "<" not in message


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_what_a_model_says_of_it(server, row) -> None:
    """Through the client: the reason, whether it passes, and never an answer but where a filter stopped it."""
    server.replies = [(row["status"], row["body"] if isinstance(row["body"], str) else json.dumps(row["body"]))]
    (reply,) = load_model(f"{server.url}/v1#m").ask([stimulus(row)])
    if row["reason"] == "blocked":
        assert isinstance(reply, Answer) and reply.details["blocked"] is True and reply.details["filter"]
        return
    # the client knows the length of what it sent; the two rows with a limit on both sides need their own
    assert reply.reason == row["reason"] or row.get("duration_s") in (0.05, 200.0, 700.0)
    assert reply.reason in MEANINGS and row.get("shows", "") in reply.detail


def wrapped(row: dict) -> list[tuple[str, int, object]]:
    """The body as gateways pass it on."""
    body, text = row["body"], data(row["body"]).decode()
    message = read_error(text.encode()).message
    code = row["status"]
    return [
        (
            "OpenRouter",
            code,
            {"error": {"message": "Provider returned error", "code": code, "metadata": {"raw": text}}},
        ),
        (
            "OpenRouter, parsed",
            code,
            {"error": {"message": "Provider returned error", "code": code, "metadata": {"raw": body}}},
        ),
        ("OpenRouter, status 200", 0, {"error": {"message": "Provider returned error", "metadata": {"raw": text}}}),
        ("LiteLLM", code, {"error": {"message": f"litellm.BadRequestError: XException - {text}", "code": str(code)}}),
        ("Python", code, {"error": {"message": f"Error code: {code} - {body!r}", "type": None}}),
        ("FastAPI", code, {"detail": body if isinstance(body, dict) else message}),
        ("a list", code, [body]),
        ("a text in a text", code, {"error": json.dumps({"error": text})}),
        (
            "echoing",
            code,
            {"error": {"message": text}, "request": {"input": "audio format 'wav' is not supported, quota, flagged"}},
        ),
    ]


WORDED = [
    row
    for row in ROWS
    if row["reason"] not in OF_STATUS and isinstance(row["body"], dict) and row["status"] in (400, 422)
]


@pytest.mark.parametrize("row", WORDED, ids=name)
def test_a_kind_survives_the_gateways(row) -> None:
    for gateway, status, body in wrapped(row):
        found = kind_of(status, read_error(data(body)), audio=audio_of(row))
        assert found == row["reason"], (gateway, body)


VARIANTS = {
    "too_short": [
        "audio too short: {n} s", "Audio is shorter than {n} seconds", "The recording must be at least {n} s long",
        "Minimum audio duration is {n} s", "Clip duration {n}s is below the minimum", "audio must be longer than {n} s",
    ],
    "too_long": [
        "audio too long: {n} s", "Audio duration {n} s exceeds the limit", "The recording must be shorter than {n} seconds",
        "Maximum audio length is {n} s", "audio must not be longer than {n} s", "the prompt has {n}00 tokens, too many tokens",
    ],
    "audio_format": [
        "Sample rate {n}000 Hz is not supported", "Expected a sampling rate of {n} kHz", "audio must be mono",
        "Only {f} audio files are supported: format '{f}'", "Unsupported audio format: '{f}'", "The format '{f}' is not supported",
        "Supported formats: {f}", "expected {n} channels of audio",
    ],
    "bad_audio": [
        "Could not decode the audio", "Failed to load audio data", "corrupted file", "Invalid audio file", "Error reading audio: EOF",
        "soundfile.LibsndfileError: Error opening", "The recording could not be read", "audio file is not a valid wav",
    ],
    "too_many_clips": [
        "At most {k} audio(s) may be provided", "Only one audio per request", "Multiple audio inputs are not supported",
        "only a single audio clip is allowed", "too many audio parts", "One audio file per prompt is supported",
    ],
    "quota": ["Insufficient balance", "You are out of credits", "insufficient_quota", "billing hard limit has been reached"],
    "blocked": [
        "Your request was flagged by our moderation", "This content violates our usage policy", "content_filter",
        "The input was blocked because of our safety policy", "Your prompt was rejected as a result of our safety system",
    ],
    "field_refused": [
        "Unknown parameter: 'seed'", "Unsupported value: temperature", "Extra inputs are not permitted",
        "seed is not supported", "unrecognized field: top_p", "System messages are not supported",
    ],
}  # fmt: skip  # a table: one row a line


@pytest.mark.parametrize("reason", VARIANTS)
def test_other_words_for_the_same(reason) -> None:
    rng = np.random.default_rng(7)
    for text in VARIANTS[reason]:
        for _ in range(10):
            numbers = {
                "n": rng.integers(2, 99),
                "k": rng.integers(1, 4),
                "f": rng.choice(["mp3", "wav", "flac", "opus"]),
            }
            said = text.format(**numbers)
            said = str(
                rng.choice(
                    [said, said.upper() if reason not in ("blocked", "quota", "field_refused") else said, said + "."]
                )
            )
            form = rng.choice(["error", "detail", "plain"])
            body = {"error": {"error": {"message": said}}, "detail": {"detail": said}, "plain": said}[form]
            found = kind_of(400, read_error(data(body)), audio=RequestAudio(n_clips=5, duration_s=2.0))
            assert found == reason, said


@pytest.mark.parametrize(
    "text, wait_s",
    [
        ("Please try again in 1.5s", 1.5),
        ("Please retry in 34.07s.", 34.07),
        ("try again in 350ms", 0.35),
        ("Please try again in 7m12.5s.", 432.5),
        ("try again in 1h2m", 3720),
        ("try again later", None),
    ],
)
def test_the_wait_in_words(text, wait_s) -> None:
    assert read_error(data({"error": {"message": text}})).wait_s == (None if wait_s is None else pytest.approx(wait_s))


def test_an_echoed_request_is_never_read() -> None:
    """What a user sent must not be taken for what the server says."""
    echoed = {
        "type": "x",
        "loc": ["body", "top_k"],
        "msg": "Extra inputs are not permitted",
        "input": "audio is not supported",
    }
    found = read_error(data({"detail": [echoed]}))
    assert found.message == "body.top_k: Extra inputs are not permitted" and "not supported" not in found.words


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\xff\xfe\x00", b"{" * 100_000, b"[" * 100_000, b'{"error":' * 5_000, b"<" * 200_000, b"<script" * 50_000,
        b"{ " * 50_000, b"error " * 50_000, b'{"error": "' + b"a" * 500_000 + b'"}', b"try again in " + b"1s " * 50_000,
        b"[{'" * 50_000, b'"\\ud800"', b'{"error": "\\ud800"}', b"audio " * 60_000, b"not supported " * 30_000, b"null", b"1e999",
    ],
    ids=lambda body: repr(body[:12]),
)  # fmt: skip  # a table: one row a line
def test_hostile_bodies_end_soon(body) -> None:
    begun = time.process_time()
    error = read_error(body)
    kind_of(400, error, audio=RequestAudio(n_clips=1, duration_s=1.0))
    assert isinstance(error.message, str)
    assert time.process_time() - begun < 5  # a net against runaways; a few ms each


def test_a_failure_says_no_key_and_no_surrogate(server, monkeypatch) -> None:
    monkeypatch.setenv("EARNEST_API_KEY", "sk-secret")
    server.replies = [(400, '{"error": {"metadata": {"raw": "{\\"error\\": \\"key sk-secret \\ud800 is bad\\"}"}}}')]
    (reply,) = load_model(f"{server.url}/v1#m").ask([Stimulus(clips={}, prompt="Hi")])
    assert "key *** ? is bad" in reply.detail
    reply.detail.encode()


def test_quota_and_rates_are_told_apart(server) -> None:
    """Both are 429 with the same words at Google; one passes within a minute."""
    rows = {row["reason"]: row["body"] for row in ROWS if row["server"] == "Gemini" and row["status"] == 429}
    model = load_model(f"{server.url}/v1#m")
    for reason, wait_s in (("rate_limited", 34.07), ("quota", None)):
        server.replies = [(429, json.dumps(rows[reason]))]
        error = raised(model)
        assert (error.reason, error.retryable, error.retry_after_s) == (reason, wait_s is not None, wait_s)


def raised(model) -> ModelFailed:
    import asyncio

    async def one():
        try:
            await model.ask_one(Stimulus(clips={}, prompt="Hi"))
        except ModelFailed as error:
            return error
        finally:
            await model.aclose()

    return asyncio.run(one())
