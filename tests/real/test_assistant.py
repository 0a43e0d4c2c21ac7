"""The suite `quick` on a real speech assistant: Whisper hears, SmolLM2 answers. What must hold whatever they say.

./scripts/test --real tests/real/test_assistant.py --real-suite core --real-limit 8     another suite, for a first look
"""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass
from typing import get_args

import pytest
from needed import recogniser

from earnest.metrics.transcription import spoken_edit_counts
from earnest.models import load_model
from earnest.records import NO_ANSWER, JournalLine, UnscoredReason
from earnest.results import Finding
from earnest.runs.suite import Run, replay, run_suite

pytestmark = pytest.mark.real

MOST_CALLS = 400
TRANSPORT = {
    "cancelled",
    "connection",
    "http_4xx",
    "http_5xx",
    "rate_limited",
    "timeout",
    "model_error",
    "bad_response",
}
MOST_UNSCORED = {"unjudged": 0.5, "unparsed": 0.1, "other_language": 0.05, "too_long": 0.1, "empty_answer": 0.05}
"""Of all items, the largest share for each reason. A model of 135 million parameters rambles, and no judge is asked."""


@dataclass(frozen=True)
class Asked:
    """A finished run on one ear, and how long it took."""

    ear: str
    run: Run
    seconds: float

    @property
    def items(self) -> list[JournalLine]:
        return [line for line in self.run.lines() if line.kind == "item"]


@pytest.fixture(scope="module", params=["tiny.en", "base"])
def asked(request, text_model, tmp_path_factory, record_testsuite_property) -> Asked:
    ear = f"faster-whisper/{request.param}"
    recogniser(ear)
    begun = time.monotonic()
    run = run_suite(
        request.config.getoption("--real-suite", "quick"),
        model=f"cascade/{ear}+{text_model}",
        out=tmp_path_factory.mktemp("real") / request.param,
        limit=request.config.getoption("--real-limit", None),
        max_tokens=96,
        max_connections=2,  # one hears while the other answers
        timeout_s=600,
        cache=False,
    )
    seconds = time.monotonic() - begun
    record_testsuite_property(f"seconds of {ear}", round(seconds))
    return Asked(ear, run, seconds)


def findings(asked: Asked, metric: str) -> dict[str, Finding]:
    """What the scorecard says of a metric, by task."""
    return {found.task: found for found in asked.run.findings if found.metric == metric}


def words(text: str) -> list[str]:
    """The words of a text, without case and punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())


def is_echo(line: JournalLine) -> bool:
    """Whether each sentence of an answer stands in its own prompt, and one of them has three words or more."""
    prompt = f" {' '.join(words(line.prompt or ''))} "
    sentences = [words(sentence) for sentence in re.split(r"[.!?]+(?:\s|$)", line.answer or "")]
    return max(map(len, sentences)) >= 3 and all(f" {' '.join(said)} " in prompt for said in sentences if said)


def test_every_item_was_asked_and_answered(asked):
    lines, summary = asked.run.lines(), asked.run.summary
    assert 100 < len(lines) == summary.n_items and summary.n_retries == 0
    assert not TRANSPORT & {line.reason for line in lines}
    assert all(line.answer is not None for line in lines)
    assert (asked.run.folder / "report.html").stat().st_size > 10_000


def test_the_suite_quick_takes_at_most_400_calls(asked):
    if asked.run.plan.suite != "quick":
        pytest.skip("another suite was asked for")
    assert len(asked.run.lines()) <= MOST_CALLS


def test_every_reason_for_which_an_item_is_unscored_is_a_known_one(asked):
    unscored = [line for line in asked.run.lines() if line.status == "unscored"]
    assert {line.reason for line in unscored} <= set(get_args(UnscoredReason))
    assert all(line.score is None for line in unscored)


def test_what_could_not_be_scored_stays_within_stated_shares(asked):
    counts = Counter(line.reason for line in asked.items if line.status == "unscored")
    shares = {reason: count / len(asked.items) for reason, count in counts.items()}
    assert not {reason: share for reason, share in shares.items() if share > MOST_UNSCORED.get(reason, 0.0)}


def test_what_was_heard_stands_in_every_line_with_a_clip(asked):
    with_clips = [line for line in asked.run.lines() if line.clips]
    assert len(with_clips) > 100
    assert all(line.heard is not None and set(line.heard) == set(line.clips) for line in with_clips)
    assert all(not line.heard for line in asked.run.lines() if not line.clips)


def test_audio_arrives_though_code_words_are_misheard(asked):
    audio = asked.run.scorecard.audio
    assert audio.proven and audio.arrival in ("heard", "misheard"), audio.words
    assert audio.n_controls_found == 0


def test_nobody_is_told_that_the_assistant_is_deaf(asked):
    page = (asked.run.folder / "report.md").read_text(encoding="utf-8")
    assert asked.run.scorecard.audio.words.split(":")[0] in page
    assert "did_not_hear" not in {line.reason for line in asked.items}


def test_the_word_errors_of_the_ear_are_a_finding(asked):
    """Of synthetic voices; of people's speech see test_hearing."""
    spoken = [line for line in asked.items if line.task == "voice_parity"]
    counts = [
        spoken_edit_counts(reference=str(line.truth["text"]), hypothesis=(line.heard or {})["speech"])
        for line in spoken
    ]
    told = findings(asked, "ear_word_error_rate")
    assert {"voice_parity", "noisy_transcription", "harmful_refusal"} <= set(told)
    share = sum(count.edits for count in counts) / sum(count.n_reference for count in counts)
    assert told["voice_parity"].value == pytest.approx(share)
    assert 0.0 < share < 0.6


def test_the_whole_hears_no_more_words_than_its_ear(asked):
    """A text model cannot restore what was not heard; it may drop words, refuse and ramble."""
    ear = findings(asked, "ear_word_accuracy")["noisy_transcription"]
    whole = findings(asked, "word_accuracy_in_noise")["noisy_transcription"]
    assert whole.value < ear.value + 0.05


def test_an_echoed_prompt_is_no_answer(asked):
    echoes = [line for line in asked.items if is_echo(line)]
    if not echoes:
        pytest.skip("no answer of this run is an echo of its prompt")
    read = {line.item: line.label for line in echoes}
    assert set(read.values()) <= {None, NO_ANSWER}, read


def test_no_answer_carries_reasoning(asked):
    assert not [line.item for line in asked.run.lines() if (line.read or {}).get("reasoning")]


def test_what_asks_for_voice_or_sound_is_beyond_it(asked):
    beyond = {task.name: task.not_run for task in asked.run.plan.tasks if task.not_run}
    assert "words alone" in beyond["label_match"] and "words alone" in beyond["background_inference"]
    assert not any(task.n_items for task in asked.run.plan.tasks if task.not_run)


def test_durations_are_the_calls_own(asked):
    """One ear and one server: own times cannot add up to more than twice the wall, waiting included they would."""
    durations = [line.duration_ms for line in asked.run.lines()]
    assert min(durations) > 0 and sum(durations) / 1e3 < 2.1 * asked.seconds


def test_tokens_are_counted(asked):
    assert all(line.usage.get("output_tokens", 0) > 0 for line in asked.run.lines() if line.answer)


def test_an_item_asked_again_gets_the_same_answer(asked):
    model = load_model(asked.run.plan.model)
    for line in asked.items[:: max(1, len(asked.items) // 4)]:
        assert replay(asked.run.folder, line.item, model=model).same, line.item
