"""The reader of replies: what is taken off, what stays, and that reading twice changes nothing."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from earnest.models.access import Answer
from earnest.replies import ReadReply, finish_of, read, without_reasoning
from earnest.tasks import _prompts as prompts

THOUGHT = "Is it rain? Or wind? The answer could be no."
BLOCKS = {
    "DeepSeek": "<think>\n{}\n</think>\n\n",
    "an opening tag that the template wrote": "{}\n</think>\n\n",
    "upper case, attributes": '<Thinking effort="low">{}</THINKING>',
    "Seed": "<seed:think>{}</seed:think>",
    "Kimi": "◁think▷{}◁/think▷",
    "Kimi K3": "<|open|>think<|sep|>{}<|close|>think<|sep|>",
    "Magistral": "[THINK]{}[/THINK]",
    "Command": "<|START_THINKING|>{}<|END_THINKING|>",
    "OpenThinker": "<|begin_of_thought|>{}<|end_of_thought|>",
    "Gemma": "<|channel>thought\n{}<channel|>",
    "MedGemma": "<unused94>thought\n{}<unused95>",
    "harmony": "<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>",
    "harmony without its tokens": "analysisWell. {}assistantfinal",
    "Granite": "Here is my thought process:\n{}\nHere is my response:\n",
    "a folded block": '<details type="reasoning"><summary>Thought for 2 s</summary>{}</details>\n',
    "labels": "Reasoning: {}\nAnswer: ",
    "several": "<think>{}</think><reflection>Or so.</reflection>",
    "nested": "<think>Hm. <think>Deep.</think> {}</think>",
    "opened twice": "<think>\n<think>\n{}\n</think>\n",
}
UNCLOSED = [
    "<think>",
    "<thinking>\n",
    "[THINK]",
    "◁think▷",
    "<|START_THINKING|>",
    "<|channel|>analysis<|message|>",
    "analysisW",
]


@pytest.mark.parametrize("form", BLOCKS.values(), ids=BLOCKS)
@pytest.mark.parametrize("answer", ["yes", "The first speaker.", "```\nyes\n```", '{"answer": "yes"}', "男性"])
def test_reasoning_is_no_answer(form: str, answer: str) -> None:
    reply = read(form.format(THOUGHT) + answer)
    assert reply.answer == read(answer).answer != ""
    assert THOUGHT in reply.reasoning


@pytest.mark.parametrize("opening", UNCLOSED)
def test_reasoning_that_never_ends_leaves_no_answer(opening: str) -> None:
    reply = read(f"{opening}{THOUGHT} yes", "length")
    assert (reply.answer, reply.finish) == ("", "length")
    assert "Or wind?" in reply.reasoning


def test_what_stands_before_and_after_blocks_is_the_answer() -> None:
    assert (
        read("It is a bell.<think>Hm! <think>A clock?</think> No.</think> It rings.").answer
        == "It is a bell. It rings."
    )
    assert read("It is a bell.\n<think>Or not?</think>\nIt rings.").answer == "It is a bell.\nIt rings."
    assert read("Here I use <think>the voice, which is low and rough and old</think> It is male.").answer == (
        "Here I use It is male."
    )
    assert read("It is a bell.<think>Or").answer == "It is a bell."


def test_an_answer_after_reasoning_that_was_opened_and_never_closed_is_one_where_it_is_marked() -> None:
    assert read("<think>Hm. <answer>yes</answer>").answer == "yes"
    assert read("<think>Hm. <answer>no</answer> wait</think><answer>yes</answer>").answer == "yes"
    assert read("yes</answer>").answer == "yes"
    assert read("<answer>first</answer> or <answer>second</answer>").answer == "first second"


@pytest.mark.parametrize(
    "text",
    [
        "Wrap it in <think> and </think> tags.",
        "The tag is written `<think>`, and `</think>` closes it.",
        "I use the <think> tag for notes.",
        "Put <think>your notes</think> first.",
        "It ends with </think>.",
        "I think so.",
        "She said [think] and left.",
        "The analysis shows rain.",
        "Analysis is hard: it takes days.",
        "The assistant final exam was hard.",
        "The assistant finally answered.",
        "The reasoning: it rained all day.",
        "My final answer to him was no.",
        "He gave an <unclear> answer.",
        "I gave him my answer: yes.",
        "Two answers:\nAnswer: a\nAnswer: b",
    ],
)
def test_a_text_that_speaks_of_thinking_is_not_cut(text: str) -> None:
    assert read(text) == ReadReply(reasoning="", preamble="", answer=text, language="en", finish="")


KEPT = [
    "Speech: none.", "Words: none", "Transcript: none", "The spoken words are: none.", "Content: music", "Answer:", '"?!"', "**!**", "```\n...\n```",
    "Speaker 2:", "Speaker 2: the older one", "[01:05]", "(0:48)", "1.", "1. yes", "3. Mai", "A", "B: yes",
    "A: yes\nB: no", "Answer: yes\n\nAnswer: no", "Transcript: a\nTranscript: b",
    "\\boxed{yes} or \\boxed{no}",
    "\\boxed{yes} or \\boxed{no}", '"first" or "second"', "'yes' or 'no'", "The speaker says: 'yes'", "Certainty: 80", "80/100", "1' 5\"", "5 * 3",
    "- 3 + 4 = 1\n- 2",
    '{"first": "boss", "second": "nurse"}', '{"answer": "yes", "confidence": 80}', "{not json}", '{"answer": null}',
    "[rain]",
    "**first** or **second**", "Here is how to bake: mix, then wait.", "Step 1: mix",
    "Let me know which door you mean.",
    "Can you tell me more?", "Is there anything else?", "Sure!",
    "If you could send the recording, I'd be glad to help with more questions.",
]  # fmt: skip  # a table: one row a line


@pytest.mark.parametrize("text", KEPT)
def test_what_may_be_the_answer_stays(text: str) -> None:
    assert read(text).answer == text


@pytest.mark.parametrize(
    "option", ["yes", "no", "first", "neither", *prompts.SOUNDS, "4271", "I cannot share that.", "no speech"]
)
def test_a_plain_answer_is_lost_in_no_wrapping(option: str) -> None:
    for form in (
        "{}",
        "Answer: {}",
        "The answer is: {}",
        "**{}**",
        "> {}",
        "- {}",
        "`{}`",
        "```\n{}\n```",
        '"{}"',
        "'{}'",
        "“{}”",
        "«{}»",
        '{{"answer": "{}"}}',
        '{{"choice": "{}", "reason": "so"}}',
        "\\boxed{{{}}}",
        "{}<|im_end|>",
        "<s>{}</s>",
        "## {}",
        "A: {}",
        "Final answer: **{}**",
        "Sure! Here is the answer: {}",
        "答案：{}",
        "Antwort: {}",
        "La respuesta es: {}",
        "Réponse : {}",
    ):
        assert read(form.format(option)).answer.rstrip(".") == option.rstrip("."), form


def test_offers_go_and_the_answer_before_them_stays() -> None:
    for offer in (
        "Let me know if you need anything else!",
        "Is there anything else I can help you with?",
        "I hope this helps!",
        "If you have any other questions, feel free to ask.",
        "Feel free to ask if you need further assistance.",
        "如果您还有其他问题，请随时告诉我。",
        "¿Hay algo más en que pueda ayudarte?",
        "Kann ich sonst noch etwas tun?",
        "N'hésitez pas si vous avez d'autres questions.",
    ):
        assert read(f"It is a bell. {offer}").answer == "It is a bell."
        assert read(f"It is a bell.\n\n{offer}").answer == "It is a bell."
        assert read(offer).answer == offer


def test_what_a_model_went_on_to_invent_is_no_answer() -> None:
    assert read("It is a bell.<|im_end|>\n<|im_start|>user\nNo, it is rain.").answer == "It is a bell."
    assert read("<|im_start|>assistant\nIt is a bell.").answer == "It is a bell."


def test_the_reply_without_its_reasoning_keeps_its_wrapping() -> None:
    assert without_reasoning('<think>Hm.</think>Sure! "yes"') == 'Sure! "yes"'
    assert without_reasoning("Reasoning: so.\nAnswer: yes") == "Reasoning: so.\nAnswer: yes"


def test_how_a_model_stopped_is_told_in_one_vocabulary() -> None:
    told = {
        "stop": "stop", "STOP": "stop", "end_turn": "stop", "eos": "stop", "length": "length", "MAX_TOKENS": "length",
        "limit": "length", "max_tokens": "length", "SAFETY": "content_filter", "content_filter": "content_filter",
        "PROHIBITED_CONTENT": "content_filter", "refusal": "content_filter", "error": "error", "tool_use": "tool_calls",
        "FINISH_REASON_MAX_TOKENS": "length", "OTHER": "", "": "", None: "", 7: "",
    }  # fmt: skip  # a table: one row a line
    assert {reason: finish_of(reason) for reason in told} == told
    assert read("yes", "MAX_TOKENS").finish == "length"


def test_what_was_thought_beside_an_answer_is_part_of_its_reading() -> None:
    answer = Answer(text="<think>Or so.</think>yes", details={"reasoning": "Hm.", "finish_reason": "STOP"})
    assert (answer.said, answer.reading.reasoning, answer.reading.finish) == ("yes", "Hm.\nOr so.", "stop")
    assert Answer(text="yes", details={"reasoning": ""}).reading.reasoning == ""


PIECES = st.sampled_from(
    [
        "<think>", "</think>", "<answer>", "</answer>", "[THINK]", "[/THINK]", "<|im_end|>",
        "<|im_start|>assistant\n", "assistantfinal",
        "analysis", "<|channel|>final<|message|>", "```", "```json\n", "**", "*", "`", '"', "'", "“", "”", "„", "«",
        "»", "> ", "- ", "# ",
        "{", "}", '{"answer": "', '"}', "[", "]", "(", ")", "\\boxed{", "Answer: ", "Final answer:", "Reasoning: ",
        "Sure! ", "Here is the text: ",
        "Transcript:\n", "\n", "\n\n", " ", ". ", "! ", "? ", ":", "：", "。", "Let me know if you need anything else!",
        "(Note: so.)", "yes",
        "no", "the light", "don't", "7", "\ufeff", "\u200b", "\ud800", "<details type=\"reasoning\">", "</details>",
        "Q: a\nA: ", "答案：", "</s>",
    ]
)  # fmt: skip  # a table: one row a line


@settings(max_examples=600, deadline=None)
@given(st.one_of(st.lists(PIECES, max_size=14).map("".join), st.text(max_size=60)))
@example('"' * 99)
@example("<think>" * 50 + "yes" + "</think>" * 3)
@example("<thi<think>a</think>nk>yes")
def test_reading_an_answer_again_changes_nothing(text: str) -> None:
    answer = read(text).answer
    assert read(answer).answer == answer
    assert answer == answer.strip()


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=string.ascii_letters + string.digits + " ',.-", max_size=80))
def test_nothing_of_a_plain_answer_is_lost(text: str) -> None:
    kept = "".join(sign for sign in read(text).answer if sign.isalnum())
    assert kept == "".join(sign for sign in text if sign.isalnum())


HOSTILE = {
    "tags": "<think>" * 14_000, "closing tags": "</think>" * 12_000, "answers": "<answer>" * 12_000,
    "quotes": '"' * 100_000,
    "apostrophes": "'a " * 33_000, "braces": "{" * 100_000, "objects": '{"a":' * 20_000, "brackets": "[" * 100_000,
    "fences": "```" * 33_000,
    "ticks": "`" * 100_000, "stars": "*" * 100_000, "labels": "Answer:\n" * 12_000, "boxes": "\\boxed{" * 14_000,
    "tokens": "<|im_start|>" * 8_000,
    "ends": "</s>" * 25_000, "lines": "\n" * 100_000, "spaces": " " * 100_000,
    "offers": "Let me know if you need more. " * 3_000,
    "surrogates": "\ud800" * 100_000, "Chinese": "这段音频的" * 20_000, "folds": '<details type="reasoning">' * 4_000,
    "channels": "<|channel|>analysis<|message|>" * 3_000, "marks": "\"'" * 50_000, "one word": "a" * 100_000,
}  # fmt: skip  # a table: one row a line


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_replies_are_read_to_the_end(text: str) -> None:
    """Each is 100 kB: read in time that grows with the square of it, it would hold up the run."""
    answer = read(text).answer
    assert read(answer).answer == answer
