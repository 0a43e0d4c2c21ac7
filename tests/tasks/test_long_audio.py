"""Minutes of speech: known times on the signal, dictation, facts and times scored by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import earnest
from earnest.audio import Manifest
from earnest.audio.levels import level_dbfs
from earnest.errors import BadParameter
from earnest.metrics.transcription import EditCounts, edit_counts, edit_counts_by_part
from earnest.models import load_model
from earnest.models.access import Answer
from earnest.records import NO_ANSWER, Unscored
from earnest.tasks import tasks
from earnest.tasks._figures import digits
from earnest.tasks._items import duration_s
from earnest.tasks.probe import probe_manifest
from earnest.tasks.robustness._long import (
    EXCERPT_S,
    LEVEL_DBFS,
    PAUSE_S,
    by_length,
    needles,
    passage,
    pieces_of,
    place_of,
    speech_rows,
)
from earnest.tasks.robustness.long_localisation import chance, times_s

LONG = ("long_dictation", "long_comprehension", "long_localisation")


# ---------------------------------------------------------------- passages


def test_a_passage_is_as_long_as_asked_and_holds_its_recordings_at_their_times() -> None:
    rows = speech_rows(probe_manifest(), with_text=True)
    assert len(rows) == 84 == sum(entry.role == "read" for entry in probe_manifest())
    made = passage(pieces_of(rows), length_s=30.0, rng=np.random.default_rng(0))
    clip = made.clip()
    assert clip.duration_s == 30.0 and clip == clip.quantised()
    assert made.pause_s >= PAUSE_S
    for piece, after in pairwise(made.pieces):
        assert after.start_s == pytest.approx(piece.start_s + piece.duration_s + made.pause_s, abs=1e-3)
    piece = made.pieces[3]
    start, end = (round(16_000 * at) for at in (piece.start_s, piece.start_s + piece.duration_s))
    own = piece.entry.clip()
    assert np.corrcoef(clip.samples[start:end], own.samples[: end - start])[0, 1] > 0.9999
    assert level_dbfs(clip.samples[start:end]) == pytest.approx(LEVEL_DBFS, abs=0.1)
    assert not clip.samples[end + 16 : end + round(16_000 * made.pause_s) - 16].any()


def test_no_recording_comes_again_before_all_others_have_come() -> None:
    rows = speech_rows(probe_manifest())
    made = passage(pieces_of(rows), length_s=300.0, rng=np.random.default_rng(1))
    ids = [piece.entry.id for piece in made.pieces]
    assert len(ids) > 84 == len(set(ids[:84])) == len(rows)
    assert all(one != other for one, other in pairwise(ids))


def test_a_note_stands_once_in_the_third_that_was_asked_for() -> None:
    found = list(needles(probe_manifest(), lengths_s=(60.0, 120.0), n_each=2, seed=0))
    assert len(found) == 2 * 3 * 2 and len({needle.note.id for needle in found}) == 12
    for needle in found:
        (piece,) = [piece for piece in needle.passage.pieces if piece.entry.role == "note"]
        assert piece.start_s == needle.start_s and piece.entry is needle.note
        place = place_of(needle.start_s, length_s=needle.passage.duration_s)
        assert needle.place == place == needle.sample.split("-")[1]
    assert [needle.start_s for needle in needles(probe_manifest(), lengths_s=(60.0, 120.0), n_each=2, seed=0)] == [
        needle.start_s for needle in found
    ]


def test_thirds() -> None:
    assert [place_of(at, length_s=60) for at in (0, 19.9, 20, 40.0, 60)] == [
        "beginning",
        "beginning",
        "middle",
        "end",
        "end",
    ]


def test_data_without_notes_borrows_those_of_the_probe_set() -> None:
    probe = probe_manifest()
    reads = Manifest(probe.folder, tuple(entry for entry in probe.entries if entry.role == "read"))
    needle = needles(reads, lengths_s=(30.0,), n_each=1, seed=0)[0]
    assert needle.note.role == "note" and needle.note.id not in {entry.id for entry in reads}


def test_data_without_speech_of_a_length_is_refused(make_folder) -> None:
    lines = [{"text": "three words here"}, {"label": "rain"}]
    data = Manifest.read(make_folder("short", lines))  # clips of 0.2 s
    assert speech_rows(data) == []
    for name in LONG:
        assert "no recording of 1 to 40 s" in tasks.make(name).missing(data)


# ---------------------------------------------------------------- dictation


def test_edits_fall_to_the_part_of_the_word_before() -> None:
    """a b c | d e | (nothing): b changed, x put in after c, d left out, y put in at the end."""
    parts = edit_counts_by_part(reference=["a b c", "d e", ""], hypothesis="a B c x e y")
    assert parts == [
        EditCounts(substitutions=1, deletions=0, insertions=0, hits=2, n_reference=3),
        EditCounts(substitutions=1, deletions=0, insertions=1, hits=1, n_reference=2),  # d became x
        EditCounts(substitutions=0, deletions=0, insertions=0, hits=0, n_reference=0),
    ]
    whole = edit_counts(reference="a b c d e", hypothesis="a B c x e y")
    assert sum(part.edits for part in parts) == whole.edits == 3
    before = edit_counts_by_part(reference=["", "a b"], hypothesis="x a")
    assert [(part.insertions, part.deletions, part.substitutions) for part in before][0] == (0, 0, 0)
    with pytest.raises(BadParameter, match="at least one"):
        edit_counts_by_part(reference=[], hypothesis="a")


@pytest.fixture(scope="module")
def dictation():
    task = tasks.get("long_dictation")(lengths_s=(30.0, 60.0), n_passages=2)
    return task, task.items(probe_manifest(), seed=0)


def test_a_dictation_that_stops_early_loses_the_end(dictation) -> None:
    task, items = dictation
    item = items[0]
    beginning, middle, end = item.truth["parts"]
    assert " ".join([beginning, middle, end]) == item.truth["text"]
    heard = task.score(item, Answer(text=f"{beginning} {middle}"))
    n = [len(part.split()) for part in (beginning, middle, end)]
    assert heard.facts["errors_by_third"] == [0, 0, n[2]] and heard.facts["words_by_third"] == n
    assert (heard.facts["n_deletions"], heard.facts["n_insertions"]) == (n[2], 0)
    assert heard.score == pytest.approx(1 - n[2] / sum(n))
    looped = task.score(item, Answer(text=f"{item.truth['text']} thank you for watching"))
    assert (looped.facts["n_insertions"], looped.facts["errors_by_third"]) == (4, [0, 0, 4])


def test_dictation_as_a_curve_of_length_and_place(bench) -> None:
    def said(item) -> str:
        return item.truth["text"] if item.truth["length_s"] == 30 else " ".join(item.truth["parts"][1:])

    b = bench("long_dictation", probe_manifest(), lengths_s=(30.0, 60.0), n_passages=2)
    items, found = b.items, b.measures(said)
    assert found["word_accuracy", None, 30.0].value == 1.0
    lost = [item for item in items if item.truth["length_s"] == 60]
    share = sum(len(i.truth["parts"][0].split()) for i in lost) / sum(len(i.truth["text"].split()) for i in lost)
    assert found["omission_rate", None, 60.0].value == pytest.approx(share)
    assert found["word_error_rate", None, 60.0].value == pytest.approx(share)
    assert found["insertion_rate", None, 60.0].value == 0.0
    assert found["word_error_rate_by_third", "beginning", None].value > 0.5
    assert found["word_error_rate_by_third", "end", None].value == 0.0


def test_answers_without_the_words(dictation) -> None:
    task, (item, *_) = dictation
    assert task.score(item, Answer(text="No speech.")).label == "no_speech"
    assert task.score(item, Answer(text=f"no words {item.truth['text']}")).score > 0.9  # a transcript, not a report
    assert task.score(item, Answer(text="I'm sorry, but I can't help with that.")).score == 0.0
    cut = task.score(item, Answer(text=item.truth["text"][:200], details={"finish_reason": "length"}))
    assert isinstance(cut, Unscored) and cut.reason == "too_long" and "--max-tokens" in cut.detail
    deaf = task.score(item, Answer(text="I cannot hear any audio."))
    assert (deaf.score, deaf.label, deaf.facts["why"]) == (0.0, NO_ANSWER, "not_heard")


# ---------------------------------------------------------------- comprehension


@pytest.fixture(scope="module")
def comprehension():
    task = tasks.get("long_comprehension")(lengths_s=(30.0, 60.0), n_each=2)
    return task, task.items(probe_manifest(), seed=0)


def test_a_value_is_right_in_words_or_figures_and_alone(comprehension) -> None:
    task, items = comprehension
    item = next(item for item in items if item.truth["field"] in ("door code", "account number", "room number"))
    figures = digits(item.truth["secret"])
    assert figures.isdigit() and len(figures) == len(item.truth["secret"].split())
    assert task.score(item, Answer(text=f"It is {figures}.")).label == "right"
    assert task.score(item, Answer(text=item.truth["secret"])).score == 1.0
    assert task.score(item, Answer(text=figures[::-1] + "0")).label in ("wrong_value", "partly_right")
    assert task.score(item, Answer(text="I'm sorry, but I can't share that.")).label == "refused"
    assert task.score(item, Answer(text="Nobody says it.")).label == "not_found"
    everything = "and so on " * 15 + item.truth["secret"]
    buried = task.score(item, Answer(text=everything))
    assert (buried.score, buried.label) == (0.0, "buried")
    assert item.prompt.startswith("This long recording is my own.") and item.truth["field"] in item.prompt


def test_facts_are_found_by_length_and_place(bench) -> None:
    def said(item) -> str:
        return item.truth["secret"] if item.truth["place"] != "middle" else "It is 999999."

    b = bench("long_comprehension", probe_manifest(), lengths_s=(30.0, 60.0), n_each=2)
    items, found = b.items, b.measures(said)
    n_middle = sum(item.truth["place"] == "middle" for item in items)
    assert found["values_found", None, None].value == pytest.approx(1 - n_middle / len(items))
    assert found["values_found_by_place", "middle", None].value == 0.0
    assert found["values_found_by_place", "end", None].value == 1.0
    assert found["wrong_value", None, None].value == pytest.approx(n_middle / len(items))
    assert set(level for metric, _, level in found if metric == "values_found_by_length") == {30.0, 60.0}


# ---------------------------------------------------------------- localisation


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("1:05", [65.0]),
        ("It begins at 02:17.5 into the recording.", [137.5]),
        ("1:02:03", [3723.0]),
        ("1 minute and 5 seconds", [65.0]),
        ("after one minute twenty three seconds", [83.0]),
        ("About 83 seconds in.", [83.0]),
        ("83", [83.0]),
        ("At 1:05 (65 seconds).", [65.0]),
        ("forty seconds", [40.0]),
        ("Either 0:10 or 2:40.", [10.0, 160.0]),
        ("It is never said.", []),
        ("In the first third.", []),
    ],
)
def test_times_in_answers(text: str, times: list[float]) -> None:
    assert times_s(text) == times


def test_a_time_is_right_within_the_tolerance(bench) -> None:
    task = tasks.get("long_localisation")(lengths_s=(60.0,), n_each=1)
    item = task.items(probe_manifest(), seed=0)[1]
    start_s = item.truth["start_s"]
    assert item.truth["place"] == "middle"
    near, far = (task.score(item, Answer(text=f"{start_s + off_s:.2f}")) for off_s in (9.9, -10.1))
    assert (near.score, far.score) == (1.0, 0.0)
    assert near.facts["error_s"] == pytest.approx(9.9, abs=0.01)
    assert task.score(item, Answer(text="0:01 or 0:50")).reason == "unparsed"
    assert task.score(item, Answer(text="I'm sorry, but I can't help with that.")).label == "refusal"
    assert task.score(item, Answer(text="Nobody says it.")).label == "no_time"
    with pytest.raises(BadParameter, match="tolerance_s must be above 0"):
        tasks.get("long_localisation")(lengths_s=(60.0,), tolerance_s=30.0)
    with pytest.raises(BadParameter, match="lengths_s of long_localisation"):
        tasks.get("long_localisation")(lengths_s=(1.0,))


def test_chance_is_the_better_of_two_deaf_guesses(bench) -> None:
    """Notes at 2, 28 and 50 s of a minute, tolerance 10: anywhere gives (12 + 20 + 20) / 60 / 3, the middle 1/3."""
    b = bench("long_localisation", probe_manifest(), lengths_s=(60.0,), n_each=1)
    task = b.task
    items = [
        replace(item, truth={**item.truth, "start_s": start_s})
        for item, start_s in zip(b.items, (2.0, 28.0, 50.0), strict=True)
    ]
    lines = [b.line(item, "0:30") for item in items]
    assert chance(lines) == pytest.approx(1 / 3)  # the middle; anywhere would give 0.289
    headline, third, error, *_ = task.measures(lines)
    assert (headline.value, headline.baseline) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert error.value == pytest.approx((28 + 2 + 20) / 3) and error.unit == "s"
    assert third.baseline == pytest.approx(1 / 3)
    lines[1] = lines[1].model_copy(update={"truth": {**lines[1].truth, "start_s": 15.0}})
    assert chance(lines) == pytest.approx((12 + 20 + 20) / 180)


# ---------------------------------------------------------------- runs


@pytest.mark.parametrize("name", LONG)
def test_scripted_models_on_long_audio(bench, name: str) -> None:
    """Who knows is right, who refuses or answers nothing is wrong, who may not have been reached is not scored, who
    guesses is at chance."""
    few = {"n_passages": 2} if name == "long_dictation" else {"n_each": 3}
    b = bench(name, probe_manifest(), lengths_s=(40.0,), **few)
    headline = (tasks.get(name).headline, None, None)

    def found(behaviour: str, **how):
        replies = load_model(f"scripted/{behaviour}").ask([item.load() for item in b.items])
        said = {item.id: reply.text for item, reply in zip(b.items, replies, strict=True)}
        return b.measures(lambda item: said[item.id], **how)[headline]

    assert found("leaks_all").value == 1.0
    assert found("always_refuse").value == 0.0
    assert (found("never_hears").value, found("never_hears").n_unscored) == (0.0, 0)
    unproven = found("never_hears", arrives=False)
    assert unproven.value is None and unproven.unscored == {"did_not_hear": len(b.items)}
    if name != "long_dictation":  # a model that is told what is said may comply at random
        assert found("random").low <= (found("random").baseline or 0.0)
    assert found("position_only").value <= (found("position_only").baseline or 0.0)


def test_what_is_too_long_for_a_model_is_listed_as_beyond_it() -> None:
    outline = earnest.run("core", model="earnest/reference", pillar="robustness", out=None, dry_run=True)
    planned = {task.name: task.not_run for task in outline.plan.tasks}
    for name in LONG:
        assert planned[name].startswith("unsupported by earnest/reference: ")


def test_real_recordings_become_minutes(real_data: Path) -> None:
    data = Manifest.read(real_data)
    rows = speech_rows(data)
    ((_, sources),) = by_length(rows, [300.0])
    held = [[piece.entry for piece in source.pieces] for source in sources]
    assert {own[0].id.partition("/")[0] for own in held} >= {"ami_debug", "librispeech"}
    ami = next(own for own in held if own[0].id.startswith("ami_debug"))
    (needle, *_) = needles(Manifest(data.folder, tuple(ami)), lengths_s=(60.0,), n_each=1, seed=0)
    others = [piece for piece in needle.passage.pieces if piece.entry is not needle.note]
    assert all(piece.duration_s <= EXCERPT_S < duration_s(piece.entry) for piece in others)
    assert needle.passage.clip().duration_s == 60.0
    assert all(row.text for row in speech_rows(data, with_text=True))
