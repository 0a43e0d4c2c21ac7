import asyncio
import time

import pytest

from earnest.audio import AudioClip, Stimulus
from earnest.errors import BadParameter, ModelFailed
from earnest.models import Answer, Failure, Sampling, load_model

SOURCE = """
import asyncio
import time
from dataclasses import dataclass
from earnest.models import Answer, Failure

def text(clip, prompt): return f"{prompt} {clip.n_samples if clip else 0}"
def own_names(audio, question): return f"{question} {audio.n_samples}"
def speaks(clip, prompt): return clip
def both(clip, prompt): return "words", clip
def answer(clip, prompt): return Answer(text="a", details={"transcript": "t"})
def failure(clip, prompt): return Failure(reason="too_long", detail="no")
def nothing(clip, prompt): return None
def breaks(clip, prompt): raise ZeroDivisionError("by nought")
def roles(clips, prompt): return ",".join(clips)
def full(clip, prompt, system_prompt, sampling): return f"{system_prompt}|{prompt}|{sampling.max_tokens}"
def odd(clip, prompt, colour): return ""
def few(clip): return ""
def judges(prompt): return f"judged: {prompt}"
async def judges_later(prompt, sampling): return f"later: {prompt}"
async def waits(clip, prompt):
    await asyncio.sleep(0)
    return "waited"
async def breaks_later(clip, prompt): raise ZeroDivisionError("by nought")

class Loud:
    batch_size = 3
    def __init__(self, mark="!"): self.mark = mark
    def __call__(self, clip, prompt): return prompt + self.mark
    def batch(self, clips, prompts): return [f"{prompt}{self.mark}{len(clips)}" for prompt in prompts]

class Slow(Loud):
    def batch(self, clips, prompts):
        time.sleep(0.05)
        return prompts

class Short(Loud):
    def batch(self, clips, prompts): return []

number = 3
"""


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    here = tmp_path_factory.mktemp("own")
    (here / "my_own_model.py").write_text(SOURCE)
    return here


@pytest.fixture(autouse=True)
def inside(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])


def made(attribute, **options):
    return load_model(f"python:my_own_model:{attribute}", **options)


def said(attribute, *clips, **options):
    options.setdefault("prompt", "p")
    stimulus = Stimulus(clips={f"c{place}": clip for place, clip in enumerate(clips)}, **options)
    (reply,) = made(attribute).ask([stimulus])
    return reply


def test_what_may_be_returned(clip):
    assert said("text", clip).text == "p 1600" and said("text").text == "p 0"
    assert said("own_names", clip).text == "p 1600"
    assert said("speaks", clip).clip == clip and said("speaks", clip).text == ""
    assert (said("both", clip).text, said("both", clip).clip) == ("words", clip)
    assert said("answer", clip).details == {"transcript": "t"}
    assert said("failure", clip) == Failure(reason="too_long", detail="no")
    assert said("waits", clip).text == "waited"


def test_what_goes_wrong_is_a_failure_of_the_item(clip):
    for name in ("breaks", "breaks_later"):
        reply = said(name, clip)
        assert reply.reason == "model_error" and "ZeroDivisionError: by nought" in reply.detail
    reply = said("nothing", clip)
    assert reply.reason == "bad_response" and "NoneType" in reply.detail
    with pytest.raises(ModelFailed, match="ZeroDivisionError"):
        asyncio.run(made("breaks").ask_one(Stimulus(clips={"c": clip}, prompt="p")))


def test_a_function_of_the_prompt_alone_is_a_text_model_and_takes_no_audio(clip):
    assert said("judges", system_prompt="s").text == "judged: s\n\np" and said("judges_later").text == "later: p"
    for name in ("judges", "judges_later"):
        reply = said(name, clip)
        assert reply.reason == "audio_refused" and "let it take (clip, prompt)" in reply.detail


def test_several_clips(clip, other_clip):
    assert said("roles", clip, other_clip).text == "c0,c1"
    assert said("text", clip, other_clip).text == f"p {1_600 + 8_000 + 800}"  # joined at 16 kHz with 0.5 s between


def test_system_prompt_and_sampling(clip):
    assert said("text", clip, system_prompt="s").text == "s\n\np 1600"
    (reply,) = made("full").ask([Stimulus(clips={}, prompt="p", system_prompt="s")], sampling=Sampling(max_tokens=7))
    assert reply.text == "s|p|7"


def test_classes_and_batches(clip):
    model = made("Loud", mark="?")
    assert model.batch_size == 3
    stimuli = [Stimulus(clips={"c": clip}, prompt=word) for word in "ab"]
    assert [reply.text for reply in model.ask(stimuli)] == ["a?2", "b?2"]
    assert all(isinstance(reply, Answer) for reply in model.ask(stimuli))
    assert [reply.reason for reply in made("Short").ask(stimuli)] == ["bad_response"] * 2
    assert made("text").batch_size == 1 and made("waits").batch_size is None


def test_the_time_of_a_batch_is_shared(clip):
    begun = time.perf_counter()
    replies = made("Slow").ask([Stimulus(clips={"c": clip}, prompt=word) for word in "abcd"])
    whole_ms = 1e3 * (time.perf_counter() - begun)
    assert all(50 / 4 <= reply.duration_ms <= whole_ms / 4 for reply in replies)


@pytest.mark.parametrize(
    "spec, words",
    [
        ("python:my_own_model", "python:<module>:<callable>"),
        ("python:no_such_module_here:f", "importable"),
        ("python:my_own_model:none_such", "none_such"),
        ("python:my_own_model:number", "must name a function"),
        ("python:my_own_model:odd", "colour"),
        ("python:my_own_model:few", "must take"),
    ],
)
def test_specifications_that_cannot_be_used(spec, words):
    with pytest.raises(BadParameter, match=words):
        load_model(spec)


def test_functions_take_no_options():
    with pytest.raises(BadParameter, match="takes no options"):
        made("text", mark=1)


def test_fingerprint_follows_the_source(folder, monkeypatch):
    (folder / "my_changing_model.py").write_text("def f(clip, prompt): return 'a'\n")
    first = load_model("python:my_changing_model:f").fingerprint
    (folder / "my_changing_model.py").write_text("def f(clip, prompt): return 'b'\n")
    assert load_model("python:my_changing_model:f").fingerprint != first


def test_truth_is_not_passed_on(clip):
    truth = {"text": "hidden"}
    (reply,) = made("full").ask([Stimulus(clips={"c": clip}, prompt="p", truth=truth)])
    assert "hidden" not in reply.text and isinstance(AudioClip, type)


def test_a_coroutine_that_blocks_keeps_nobody_waiting_and_one_that_ends_the_program_fails_alone(folder, clip):
    (folder / "my_own_blocking_model.py").write_text(
        "import sys, time\n"
        "async def blocks(clip, prompt): time.sleep(0.5); return 'late'\n"
        "async def ends(clip, prompt): sys.exit(0)\n"
        "async def fine(clip, prompt): return 'fine'\n"
    )

    async def use():
        stimulus = Stimulus(clips={"c": clip}, prompt="p")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await load_model("python:my_own_blocking_model:blocks").ask_one(stimulus)
        ends = load_model("python:my_own_blocking_model:ends")
        for _ in range(2):  # the second call finds the loop alive
            with pytest.raises(ModelFailed, match=r"raised SystemExit\(0\)"):
                await ends.ask_one(stimulus)

    asyncio.run(use())
