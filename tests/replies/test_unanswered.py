"""What becomes of a reply that answers nothing, on a clip that is known to hold something and on any other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from earnest.audio import Stimulus
from earnest.engine.lines import outcome_of_reply
from earnest.models.access import Answer
from earnest.records import NO_ANSWER, Item, Unscored, Verdict
from earnest.tasks import _prompts as prompts
from earnest.tasks._items import unanswered

SPOKEN = Item(
    id="t/a",
    task="t",
    sample="a",
    load=lambda: Stimulus(clips={}, prompt="x"),
    prompt=prompts.GENUINE,
    audible="speech",
)
SILENT = replace(SPOKEN, audible="")

NOTHING = {
    "empty": Answer(text=" "),
    "reasoning alone": Answer(text="<think>It may be live.</think>"),
    "reasoning that never ended": Answer(text="<think>It may be live"),
    "cut off": Answer(text="<think>It may be live", details={"finish_reason": "length"}),
    "echo": Answer(
        text='Question: "Is this recording live speech or a replayed or synthetic copy?" Answer live or copy.'
    ),
    "not heard": Answer(text="I can't process audio files."),
}
WHY = {"cut off": "cut_off", "echo": "echo", "not heard": "not_heard"}


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_is_a_wrong_answer_to_speech_and_no_answer_to_silence(name: str) -> None:
    found = unanswered(SPOKEN, NOTHING[name])
    assert isinstance(found, Verdict) and (found.score, found.label) == (0.0, NO_ANSWER)
    assert found.facts["why"] == WHY.get(name, "empty")
    assert unanswered(SPOKEN, NOTHING[name], score=None).score is None
    lack = unanswered(SILENT, NOTHING[name])
    assert isinstance(lack, Unscored) and lack.reason == ("did_not_hear" if name == "not heard" else "empty_answer")


def test_what_a_filter_stopped_has_a_reason_of_its_own_with_text_or_without() -> None:
    for details in ({"blocked": True}, {"finish_reason": "SAFETY"}, {"finish_reason": "content_filter"}):
        for text in ("", "It is li"):
            for item in (SPOKEN, SILENT):
                assert unanswered(item, Answer(text=text, details=details)).reason == "content_filter"


def test_an_answer_that_holds_the_prompt_and_more_is_one() -> None:
    for text in (
        "live",
        "It is live speech.",
        f"{prompts.GENUINE} It is a copy.",
        "Answer: copy",
        "This recording is live speech.",
    ):
        assert unanswered(SPOKEN, Answer(text=text)) is None


def test_the_engine_names_what_it_never_scores() -> None:
    class Job:
        item = SILENT

    cut = outcome_of_reply(Job(), Answer(text="", details={"finish_reason": "length"}))
    assert (cut.reason, cut.detail) == ("empty_answer", "the model said nothing before max_tokens cut it off")
    assert outcome_of_reply(Job(), Answer(text="", details={"finish_reason": "SAFETY"})).reason == "content_filter"
    assert outcome_of_reply(Job(), Answer(text="<think>Hm")).detail == "the model said nothing"
