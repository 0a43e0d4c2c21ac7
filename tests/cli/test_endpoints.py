"""Endpoints with their habits, asked from the command line: Azure, OpenRouter, LiteLLM, vLLM, llama.cpp, Qwen's own, reasoning models."""

from __future__ import annotations

import ast
import functools
import json
import re
import shlex
from pathlib import Path

import click
import pytest
from aiohttp import web

import earnest
from earnest.cli import COMMANDS, cli
from earnest.engine.ledger_file import read_spent
from earnest.models.options import REQUEST_FIELDS
from earnest.testing.habits import refuses, refuses_role, wants_audio, wants_header, wants_query, wants_stream
from earnest.testing.loopback import Loopback

TEMPERATURE = (
    "Unsupported value: 'temperature' does not support 0.0 with this model. Only the default (1) value is supported."
)
NO_URL = "<400> InternalError.Algo.InvalidParameter: The provided URL does not appear to be valid. Ensure it is correctly formatted."


def asked(call, server, *options, out="run", task="persona_refusal", base="v1"):
    url = server.url.replace("/v1", f"/{base}")
    given = ("--task", task, "--limit", "2", "--no-cache", "--temperature", "0")
    return call("run", "core", "--model", f"{url}#m", "--out", out, *given, *options)


def plan(out="run") -> dict:
    return json.loads(Path(out, "plan.json").read_text(encoding="utf-8"))


def lines(out="run") -> list[dict]:
    return [json.loads(text) for text in Path(out, "journal.jsonl").read_text(encoding="utf-8").splitlines()]


def check_answered(done) -> None:
    assert done.returncode == 0, done.stderr
    assert all(line["answer"] is not None for line in lines()), [line["detail"] for line in lines()]
    assert any(line["kind"] == "item" for line in lines())


EXTRA = "Extra inputs are not permitted"
CASES = {
    "temperature": ([refuses("temperature", message=TEMPERATURE)], {"temperature": "left out"}),
    "longest answer": ([refuses("max_tokens", message="use max_completion_tokens")], {"max_tokens": "max_completion_tokens"}),
    "a field without a name": ([refuses("seed", status=422, message=EXTRA)], {"seed": "left out"}),
    "a role without a word": ([refuses_role("system")], {"system": "user"}),
    "Qwen's own": ([wants_audio("data_uri", message=NO_URL), wants_stream()], {"stream": "true", "audio": "data_uri"}),
    "a reasoning model": (
        [refuses("temperature", message=TEMPERATURE), refuses("max_tokens"), refuses_role("system", message="System role not supported")],
        {"temperature": "left out", "max_tokens": "max_completion_tokens", "system": "user"},
    ),
}  # fmt: skip  # a table: one row a line


@pytest.mark.parametrize("name", CASES)
def test_what_an_endpoint_refuses_is_learnt_once_in_the_open_and_stands_in_the_plan(call, name) -> None:
    habits, learnt = CASES[name]
    with Loopback(answer=lambda heard: "I cannot tell.", habits=habits) as server:
        done = asked(call, server)
        check_answered(done)
        assert {one["field"]: one["instead"] for one in plan()["learnt"]} == learnt
        page = Path("run", "report.html").read_text("utf-8")
        assert all(f"refuses {field} as it was sent" in done.stderr and f"refuses {field}" in page for field in learnt)
        n_first = server.n_requests
        assert (
            n_first <= len(lines()) + 16 * (1 + len(learnt)) + 8
        )  # those in flight at the first refusals, and a search
        assert asked(call, server).returncode == 0  # resumed: the plan is the same, and nothing is left to ask
        assert server.n_requests == n_first


def answering(*, blanks: bytes = b"", headers: dict[str, str] | None = None, message: dict | None = None, **members):
    """A habit: the answer with further members, after so many blanks, with these headers."""

    async def habit(server, request, asked):
        reply = server.completion(asked)
        reply["usage"] |= members.get("usage", {})
        reply |= {key: value for key, value in members.items() if key != "usage"}
        reply["choices"][0]["message"] |= message or {}
        return web.Response(body=blanks + json.dumps(reply).encode(), content_type="application/json", headers=headers)

    return habit


def refusing(status: int, body: dict, *, unless=lambda asked: False):
    """A habit: this error."""

    async def habit(server, request, asked):
        return None if unless(asked) else web.json_response(body, status=status)

    return habit


def is_bare_wav(asked) -> bool:
    """Whether audio is sent in the one way that llama.cpp reads: WAV or MP3 in base64, no data URI, no address."""
    parts = [part for turn in asked["messages"] if isinstance(turn["content"], list) for part in turn["content"]]
    sent = [part["input_audio"] for part in parts if part["type"] == "input_audio"]
    plain = all(one["format"] in ("wav", "mp3") and not one["data"].startswith("data:") for one in sent)
    return plain and {part["type"] for part in parts} <= {"text", "input_audio"}


UNSUPPORTED = {"error": {"code": 400, "message": "unsupported content[].type", "type": "invalid_request_error"}}
DROPPED = (
    "litellm.UnsupportedParamsError: groq does not support parameters: ['seed'], for model=m. To drop these, set "
    "`litellm.drop_params=True`"
)
ASKABLE = {
    "llama.cpp": (
        [
            refusing(400, UNSUPPORTED, unless=is_bare_wav),
            answering(message={"reasoning_content": "Let me think."}, timings={"prompt_n": 9, "predicted_ms": 3.1}, system_fingerprint="b6000"),
        ],
        {},
        0.0,
    ),
    "OpenRouter": (
        [answering(blanks=b"\n         \n" * 9, provider="OpenAI", message={"reasoning": None, "refusal": None}, usage={"cost": 0.25})],
        {},
        0.25,
    ),
    "LiteLLM": (
        [
            refusing(400, {"error": {"message": DROPPED, "type": "None", "param": None, "code": "400"}}, unless=lambda asked: "seed" not in asked),
            answering(headers={"x-litellm-response-cost": "0.125"}),
        ],
        {"seed": "left out"},
        0.125,
    ),
    "vLLM": (
        [answering(message={"reasoning_content": None, "tool_calls": [], "annotations": None}, prompt_logprobs=None, kv_transfer_params=None)],
        {},
        0.0,
    ),
}  # fmt: skip  # a table: one row a line


@pytest.mark.parametrize("name", ASKABLE)
def test_an_endpoint_is_asked_as_it_is_and_what_it_bills_is_counted(call, name) -> None:
    habits, learnt, usd = ASKABLE[name]
    with Loopback(answer=lambda heard: "I cannot tell.", habits=habits) as server:
        check_answered(asked(call, server))
    assert {one["field"]: one["instead"] for one in plan()["learnt"]} == learnt
    assert read_spent(Path("run")) == pytest.approx(usd * len(lines()))
    thought = ["Let me think." in json.dumps(line) for line in lines()]
    assert all(thought) if name == "llama.cpp" else not any(thought)  # kept beside the answer
    assert {line["answer"] for line in lines()} == {"I cannot tell."}


RAW = '{"error": {"message": "Invalid value for modalities", "type": "invalid_request_error"}}'
REFUSALS = {
    "llama.cpp without a projector": (
        500,
        {"error": {"code": 500, "message": "audio input is not supported - hint: if this is unexpected, you may need to provide the mmproj", "type": "server_error"}},
        "may need to provide the mmproj; choose a model that takes audio",
    ),
    "OpenRouter, a wrong key": (401, {"error": {"message": "User not found.", "code": 401}}, "answered 401: User not found."),
    "OpenRouter, no such provider": (
        404,
        {"error": {"message": "No endpoints found that support input audio", "code": 404}},
        "No endpoints found that support input audio; choose a model that takes audio",
    ),
    "OpenRouter, what the provider said": (
        400,
        {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": RAW, "provider_name": "OpenAI"}}},
        'Invalid value for modalities; settle it with --model-option modalities=\'["text"]\'',
    ),
    "OpenRouter, no credit": (402, {"error": {"message": "Insufficient credits. Add more", "code": 402}}, "has no credit or quota left"),
    "LiteLLM, no such model": (
        400,
        {"error": {"message": "/chat/completions: Invalid model name passed in model=m. Call `/v1/models` to view available models", "code": "400"}},
        "Invalid model name passed in model=m",
    ),
    "vLLM, no such model": (
        404,
        {"object": "error", "message": "The model `m` does not exist.", "type": "NotFoundError", "param": None, "code": 404},
        "The model `m` does not exist.; check the model's name",
    ),
    "vLLM, a text model": (
        400,
        {"object": "error", "message": "m is not a multimodal model", "type": "BadRequestError", "param": None, "code": 400},
        "m is not a multimodal model; choose a model that takes audio",
    ),
}  # fmt: skip  # a table: one row a line


@pytest.mark.parametrize("name", REFUSALS)
def test_what_an_endpoint_refuses_ends_the_run_in_its_own_words_and_says_what_to_do(call, name) -> None:
    status, body, says = REFUSALS[name]
    with Loopback(habits=[refusing(status, body)]) as server:
        done = asked(call, server)
        assert done.returncode == 2 and says in done.stderr, done.stderr
        assert server.n_requests <= 16 + 8  # those in flight, and a search for what might be meant


def test_a_resumed_run_asks_as_it_learnt(call) -> None:
    with Loopback(answer=lambda heard: "no", habits=[refuses("temperature", message=TEMPERATURE)]) as server:
        assert asked(call, server).returncode == 0
        journal = Path("run", "journal.jsonl")
        kept = journal.read_text(encoding="utf-8").splitlines(keepends=True)
        journal.write_text("".join(kept[:-1]), encoding="utf-8")  # killed before the last one
        server.requests.clear()
        assert asked(call, server).returncode == 0
    assert len(server.requests) == 1 and "temperature" not in server.requests[0]


def test_an_option_settles_it_beforehand(call) -> None:
    habits = [
        refuses("temperature", message=TEMPERATURE),
        refuses("max_tokens"),
        refuses_role("system"),
        wants_stream(),
    ]
    options = ("temperature=none", "limit_field=max_completion_tokens", "system=user", "stream=true", "seed=none", "top_p=0.5",
               "field.made_up={\"a\": 1}", "header.X-Title=earnest")  # fmt: skip  # a table: one row a line
    given = [part for option in options for part in ("--model-option", option)]
    with Loopback(answer=lambda heard: "no", habits=habits) as server:
        check_answered(asked(call, server, *given))
        assert server.n_requests == len(lines())  # nothing was refused
        request = server.requests[0]
    assert (
        "seed" not in request
        and request["top_p"] == 0.5
        and request["made_up"] == {"a": 1}
        and request["stream"] is True
    )
    assert plan()["learnt"] == [] and plan()["model_options"]["temperature"] == "null"
    done = asked(call, server, *given[2:])
    assert done.returncode == 2 and "model_options" in done.stderr  # another plan


def test_azure_wants_a_version_and_a_header(call, monkeypatch) -> None:
    habits = [wants_header("api-key", "k-1"), wants_query(api_version="2024-10-21")]
    monkeypatch.setenv("EARNEST_API_KEY", "k-1")
    base = "openai/deployments/ear"
    with Loopback(answer=lambda heard: "no", habits=habits) as server:
        first = asked(call, server, base=base)
        assert first.returncode == 2 and "--model-option key_header=api-key" in first.stderr
        second = asked(call, server, "--model-option", "key_header=api-key", base=base, out="second")
        assert second.returncode == 2 and "--model-option query.api-version=" in second.stderr
        given = ("--model-option", "key_header=api-key", "--model-option", "query.api-version=2024-10-21")
        third = asked(call, server, *given, base=base, out="run3")
        assert third.returncode == 0, third.stderr
    written = Path("run3", "plan.json").read_text(encoding="utf-8")
    assert (
        plan("run3")["model_options"] == {"key_header": "api-key", "query.api-version": "2024-10-21"}
        and "k-1" not in written
    )


def test_a_credential_is_taken_from_the_environment_and_never_written(call, monkeypatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "t-secret")
    with Loopback(answer=lambda heard: "no", habits=[wants_header("X-Token", "t-secret")]) as server:
        refused = asked(call, server, "--model-option", "header.X-Token=t-secret")
        assert refused.returncode == 2 and "looks like a credential" in refused.stderr
        done = asked(call, server, "--model-option", "header.X-Token=env:MY_TOKEN")
        check_answered(done)
        unset = asked(call, server, "--model-option", "header.X-Token=env:NOT_SET", out="other")
        assert unset.returncode == 2 and "NOT_SET, which is not set" in unset.stderr
    assert all(b"t-secret" not in path.read_bytes() for path in Path("run").rglob("*") if path.is_file())


def test_a_field_that_the_user_set_is_never_taken_back(call) -> None:
    with Loopback(answer=lambda heard: "no", habits=[refuses("temperature", message=TEMPERATURE)]) as server:
        done = asked(call, server, "--model-option", "temperature=0.7")
    assert done.returncode == 2 and "--model-option temperature=none" in done.stderr and plan()["learnt"] == []


def test_doctor_learns_too_and_says_so(call) -> None:
    with Loopback(answer=lambda heard: "no", habits=[refuses("temperature", message=TEMPERATURE)]) as server:
        done = call("doctor", "--model", f"{server.url}#m")
        assert "learnt: " in done.stdout and "refuses temperature" in done.stdout
        done = call("doctor", "--model", f"{server.url}#m", "--model-option", "temperature=none")
        assert "learnt: " not in done.stdout


_RUN = ("run", "core", "--task", "persona_refusal", "--limit", "1", "--model")


@pytest.mark.parametrize(
    "option, says",
    [
        ("stream", "KEY=VALUE"),
        ("steam=true", "did you mean 'stream'"),
        ("audio=mp3", "base64, data_uri, audio_url"),
        ("system=assistant", "system, developer, user"),
        ("max_tokens=99", "--max-tokens"),
        ("timeout=soon", "timeout_s must be above 0"),
        ("timeout=0", "timeout_s must be above 0"),
        ("audio_format=doc", "audio_format must be one of"),
        ("sample_rate=3", "sample_rate must be"),
        ("header.X=a\nb", "one line"),
        ("key_header=none", "key_header must have a value"),
        ("made_up=1", "field.made_up=VALUE"),
    ],
)
def test_options_that_are_none_exit_2_with_what_there_is(call, option, says) -> None:
    done = call(*_RUN, "http://127.0.0.1:9/v1#m", "--out", "run", "--model-option", option)
    assert done.returncode == 2 and says in done.stderr and "Traceback" not in done.stderr
    assert not Path("run").exists()


def test_models_without_an_endpoint_have_options_of_their_own_or_none(call) -> None:
    done = call(*_RUN, "scripted/always_refuse", "--out", "run", "--model-option", "stream=true")
    assert done.returncode == 2 and "has no options" in done.stderr
    done = call(*_RUN, "earnest/reference", "--out", "run", "--model-option", "threads=1")
    assert done.returncode == 2 and "n_threads" in done.stderr


def test_a_price_and_a_ceiling_from_the_command_line(call) -> None:
    with Loopback(answer=lambda heard: "one two three four") as server:
        done = asked(call, server, "--price", "in=0,audio_in=0,out=1000000", "--max-cost", "300", "--max-tokens", "8")
        assert done.returncode == 0, done.stderr
        spent = json.loads(Path("run", "spend.json").read_text())["spent_usd"]
        assert spent == 4.0 * server.n_answered
        done = asked(call, server, "--price", "in=0", out="other")
        assert done.returncode == 2 and "a price is written" in done.stderr
    free = call(*_RUN, f"{server.url}#m", "--dry-run")
    assert "free" in free.stdout
    unknown = call(*_RUN, "https://api.example/v1#m", "--dry-run")
    assert "cost unknown" in unknown.stdout
    given = (
        "--price",
        "in=1,audio_in=1,out=1",
        "--judge",
        "https://api.example/v1#j",
        "--price",
        "https://api.example/v1#j:in=1,out=1",
    )
    priced = call(*_RUN, "https://api.example/v1#m", "--dry-run", *given)
    assert "USD" in priced.stdout and "calls to judges" in priced.stdout


# ---------------------------------------------------------------- every option that a message names exists

SOURCES = sorted(Path(earnest.__file__).parent.rglob("*.py"))
OTHERS = {"--strict-markers", "--no-deps", "--pre", "--upgrade"}


@functools.cache
def texts(path: Path) -> list[str]:
    """Every text of a module, docstrings too, f-strings with their holes left empty."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            found.append("".join(part.value if isinstance(part, ast.Constant) else "\0" for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
    return found


def known_options() -> set[str]:
    options = {"--help", "--version"}
    for name in COMMANDS:
        command = cli.get_command(None, name)
        waiting = [command]
        while waiting:
            one = waiting.pop()
            if isinstance(one, click.Group):
                context = click.Context(one)
                waiting += [one.get_command(context, name) for name in one.list_commands(context)]
            options |= {opt for parameter in one.params for opt in (*parameter.opts, *parameter.secondary_opts)}
    return options


def test_every_option_that_a_message_names_exists() -> None:
    known, named = known_options(), {}
    for path in SOURCES:
        for text in texts(path):
            for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text):
                named.setdefault(option, path.name)
    own = {
        "--port",
        "--latency-ms",
        "--siblings",
        "--inspect",
        "--language",
        "--voices",
        "--shade",
        "--no-log",
    }  # of scripts, the loopback
    # endpoint, moonshine, espeak-ng, style sheets and mpyc
    unknown = {option: where for option, where in named.items() if option not in known | own | OTHERS}
    assert not unknown
    assert {"--model-option", "--timeout", "--max-tokens", "--price"} <= named.keys()


def test_every_model_option_that_a_message_names_can_be_given() -> None:
    from earnest.models.options import options_of

    named = set()
    for path in SOURCES:
        for text in texts(path):
            named |= set(re.findall(r"--model-option '?([A-Za-z_.-]+=[^\s;,')]+)", text))
    named = {option for option in named if "\0" not in option and not option.startswith(("KEY", "NAME", "query.NAME"))}
    assert len(named) >= 4
    for option in named:
        assert options_of("http://h/v1#m", [shlex.split(option)[0]])
    from earnest.models.http import _SETTLED_BY

    for _, option in _SETTLED_BY:
        assert options_of("http://h/v1#m", [shlex.split(option)[0]])
    assert {"temperature", "seed", "max_completion_tokens"} <= REQUEST_FIELDS
