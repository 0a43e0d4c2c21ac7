"""The bridge to Inspect: the same numbers on both sides, clips that play, failures that stay failures."""

from __future__ import annotations

import asyncio
import gc
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import earnest
from earnest.audio import AudioClip, Stimulus, Turn
from earnest.errors import BadData, ModelFailed
from earnest.runs.suite import Suite
from earnest.tasks.probe import probe_manifest

inspect_ai = pytest.importorskip("inspect_ai", reason="the bridge needs the extra inspect")
pytestmark = pytest.mark.filterwarnings("ignore")  # Inspect and its dependencies warn of their own doings


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("EARNEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    yield
    gc.collect()  # what Inspect leaves open is closed here, where its warnings are ignored, and in no other test


def evaluated(task: str, model: str, tmp_path: Path, limit: int = 6):
    from earnest.bridges import inspect as bridge

    (log,) = inspect_ai.eval(
        getattr(bridge, task)(),
        model=model,
        limit=limit,
        log_dir=str(tmp_path / "logs"),
        display="none",
        log_realtime=False,
    )
    assert log.status == "success", log.error
    return log


def headline(log) -> float:
    return log.results.scores[0].metrics["mean"].value


@pytest.mark.parametrize(("behaviour", "rate"), [("always_refuse", 1.0), ("always_comply", 0.0)])
def test_a_task_gives_in_inspect_what_it_gives_here(tmp_path: Path, behaviour: str, rate: float) -> None:
    log = evaluated("safety_harmful_refusal", f"earnest/scripted/{behaviour}", tmp_path)
    run = earnest.run("core", task="harmful_refusal", model=f"scripted/{behaviour}", out=tmp_path / "run", limit=6)
    ours = next(f for f in run.findings if f.id == "safety.harmful_refusal.refusal_rate")
    assert headline(log) == ours.value == rate


def test_what_cannot_be_scored_is_unscored_there_too(tmp_path: Path) -> None:
    log = evaluated("safety_harmful_refusal", "earnest/scripted/never_hears", tmp_path)
    scores = [sample.scores["earnest"] for sample in log.samples]
    assert all(math.isnan(score.value) and score.reason == "did_not_hear" for score in scores)


def test_an_attack_that_is_part_of_an_item_is_carried_out_there_too() -> None:
    pytest.importorskip("torch", reason='needs pip install "earnest[torch]"')
    from earnest.bridges.inspect import _attacked

    spec = "pgd:epsilon=0.000244140625,step_size=1,steps=2"
    task = earnest.registry.registry("tasks").get("adversarial_transcription")(attacks=(spec,), max_rows=1)
    clean, near, noise = (_attacked(item, seed=0).clip for item in task.items(probe_manifest(), seed=0))
    assert np.abs(near.samples - clean.samples).max() * 2**15 == 8
    assert np.array_equal(np.abs(noise.samples - clean.samples), np.abs(near.samples - clean.samples)) and noise != near


def test_what_is_asked_in_turns_is_not_asked_by_halves_there() -> None:
    from earnest.bridges import inspect as bridge

    with pytest.raises(BadData, match="'told_in_confidence' asks in turns"):
        bridge.privacy_told_in_confidence()


def test_every_task_on_a_manifest_is_offered() -> None:
    from earnest.bridges import inspect as bridge

    for name in earnest.registry.names("tasks"):
        task = earnest.registry.registry("tasks").make(name)
        assert hasattr(bridge, f"{task.pillar}_{name}") == (task.layout == "manifest"), name


def test_a_run_becomes_logs_with_clips_that_play(tmp_path: Path, core: Suite) -> None:
    from inspect_ai.log import read_eval_log

    from earnest.bridges.inspect import export

    run = earnest.run(core, model="scripted/always_refuse", out=tmp_path / "run", limit=2)
    read = [read_eval_log(str(path), resolve_attachments=True) for path in export(run.folder)]
    logs = {log.eval.task: log for log in read}
    assert sum(len(log.samples) for log in logs.values()) == sum(line.kind == "item" for line in run.lines())
    sample = logs["earnest/harmful_refusal"].samples[0]
    audio = next(part for part in sample.input[0].content if part.type == "audio")
    assert audio.audio.startswith("data:audio/wav;base64,UklGR")
    assert logs["earnest/harmful_refusal"].results.scores[0].metrics["mean"].value == 1.0


def test_an_inspect_model_can_be_the_subject() -> None:
    from inspect_ai.model import ModelOutput, ModelUsage

    from earnest.bridges.inspect import InspectModel

    output = ModelOutput.from_content("mockllm/model", "no speech")
    output.usage = ModelUsage(input_tokens=3, output_tokens=2, total_tokens=5)
    model = InspectModel("mockllm/model", custom_outputs=[output])
    clip = AudioClip(np.zeros(1600, dtype=np.float32), 16_000)
    answer = asyncio.run(model.ask_one(Stimulus(clips={"speech": clip}, prompt="What is said?")))
    assert answer.text == "no speech"
    assert answer.usage == {"input_tokens": 3, "output_tokens": 2}


def test_a_failing_inspect_model_gives_a_failure_and_no_answer() -> None:
    from earnest.bridges.inspect import InspectModel
    from earnest.models.access import Failure

    model = InspectModel("mockllm/model", custom_outputs=[])
    clip = AudioClip(np.zeros(1600, dtype=np.float32), 16_000)
    (reply,) = model.ask([Stimulus(clips={"speech": clip}, prompt="What is said?")])
    assert isinstance(reply, Failure)
    assert reply.reason == "model_error"


# ---- conversations


CLIPS = [AudioClip(np.full(n, n / 1024, dtype=np.float32), 8_000) for n in (80, 160, 240)]
TALK = Stimulus(
    clips={"speech": CLIPS[2]},
    prompt="And now?",
    system_prompt="Be brief.",
    history=(
        Turn(role="user", text="Listen.", clips={"clip 1": CLIPS[0], "clip 2": CLIPS[1]}),
        Turn(role="assistant", text="I did."),
    ),
)


def test_conversations_cross_in_both_directions() -> None:
    from earnest.bridges import inspect as bridge

    messages = bridge._messages(TALK, audio=bridge._data_uri, name="n")
    assert [message.role for message in messages] == ["system", "user", "assistant", "user"]
    assert [part.type for part in messages[1].content] == ["audio", "audio", "text"]
    assert messages[2].content == "I did."
    assert bridge._stimulus(messages) == TALK
    single = bridge._messages(Stimulus(clips={}, prompt="p"), audio=bridge._data_uri, name="n")
    assert bridge._stimulus(single) == Stimulus(clips={}, prompt="p")


def test_an_inspect_model_gets_the_earlier_turns() -> None:
    from inspect_ai.model import ModelOutput, ModelUsage

    from earnest.bridges.inspect import InspectModel, _stimulus

    seen = []

    def outputs(messages, *rest):
        seen.append(messages)
        output = ModelOutput.from_content("mockllm/model", "ok")
        output.usage = ModelUsage(
            input_tokens=3, output_tokens=1, total_tokens=4
        )  # else it is counted over the network
        return output

    model = InspectModel("mockllm/model", custom_outputs=outputs)
    assert model.takes_history and [reply.text for reply in model.ask([TALK])] == ["ok"]
    assert _stimulus(seen[0]) == TALK
    (reply,) = model.ask([replace(TALK, history=(Turn(role="assistant", clips={"a": CLIPS[0]}),))])
    assert reply.reason == "history_refused" and "give the turn its words" in reply.detail


def test_inspect_hands_conversations_on_and_is_told_where_they_are_not_taken() -> None:
    from inspect_ai.model import ChatMessageAssistant, ChatMessageTool, ChatMessageUser, GenerateConfig
    from inspect_ai.tool import ToolCall

    from earnest.bridges import inspect as bridge

    def generated(model: str, messages: list):
        api = bridge.EarnestAPI(model)
        return asyncio.run(api.generate(messages, [], "auto", GenerateConfig())).completion

    talk = bridge._messages(TALK, audio=bridge._data_uri, name="n")
    assert generated("scripted/echo_prompt", talk) == "And now?"
    call = ToolCall(id="1", function="f", arguments={})
    for messages, words in (
        ([*talk, ChatMessageAssistant(content="so")], "must end with the user's message"),
        ([talk[0]], "must end with the user's message"),
        ([ChatMessageTool(content="42", tool_call_id="1"), *talk], "got 'tool'; leave tools out"),
        ([ChatMessageAssistant(content="", tool_calls=[call]), ChatMessageUser(content="p")], "got calls of tools"),
    ):
        with pytest.raises(ModelFailed, match=words) as caught:
            generated("scripted/echo_prompt", messages)
        assert caught.value.reason == "history_refused"


def test_logs_stay_in_their_folder_whatever_a_run_calls_its_tasks(tmp_path: Path) -> None:
    """A run folder may be somebody else's."""
    import json

    from earnest.bridges.inspect import export
    from earnest.runs.suite import run_suite

    run = run_suite(
        "core", model="scripted/echo", task="harmful_refusal", limit=2, out=tmp_path / "a" / "run", cache=False
    )
    journal = run.folder / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    escaping = [{**line, "task": "../../../escaped"} for line in lines if line["kind"] == "item"]
    journal.write_text("".join(json.dumps(line) + "\n" for line in escaping), encoding="utf-8")
    (path,) = export(run.folder)
    assert path.parent == run.folder / "inspect" and path.name.startswith("---------escaped-") and path.is_file()
    escaping[0]["clips"] = {"speech": "../../../private"}
    journal.write_text(json.dumps(escaping[0]) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 1: clips.speech: String should match pattern"):
        list(export(run.folder))
