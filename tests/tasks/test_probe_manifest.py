"""The embedded probe set is what its card says: whole, admitted, matched, split, crossed, and recorded as it says."""

from __future__ import annotations

import csv
import hashlib
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from earnest.audio import Entry
from earnest.audio.levels import active_speech_level_dbfs
from earnest.audio.spectra import plain_features
from earnest.metrics.shortcut import shortcut_accuracy
from earnest.tasks.probe import FOLDER, probe_manifest

SCRIPTS = Path(__file__).parents[2] / "scripts"
MAX_BYTES = 12_000_000
RULES = {"2 of 3": 2, "3 of 3": 3, "base": 1, "none": 0}


def rows(role: str = "", language: str = "") -> list[Entry]:
    return [e for e in probe_manifest().entries if role in ("", e.role) and language in ("", e.language)]


def log() -> dict[str, dict[str, str]]:
    with (FOLDER / "admission.csv").open(newline="", encoding="utf-8") as file:
        return {line["id"]: line for line in csv.DictReader(file)}


def twins() -> list[tuple[Entry, Entry]]:
    by_id = {entry.id: entry for entry in rows("request")}
    return [(entry, by_id[str(entry.pair)]) for entry in by_id.values() if entry.label == "harmful"]


@pytest.fixture(scope="module")
def grammar():
    sys.path.insert(0, str(SCRIPTS))
    try:
        from reference import grammar
    finally:
        sys.path.remove(str(SCRIPTS))
    return grammar


def test_every_file_is_there_unchanged_and_none_beside():
    for entry in rows():
        assert hashlib.sha256(entry.file.read_bytes()).hexdigest() == entry.attributes["sha256"], entry.id
    assert {path.name for path in (FOLDER / "audio").iterdir()} == {entry.file.name for entry in rows()}
    assert len({entry.id for entry in rows()}) == len(rows())


def test_the_set_fits_the_package():
    assert (
        sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file() and path.suffix != ".pyc") <= MAX_BYTES
    )


def test_all_clips_are_16_khz_and_none_is_clipped_or_holds_digital_silence():
    for entry in rows():
        clip = entry.clip()
        assert clip.sample_rate == 16_000 and clip.peak < 0.97, entry.id
        if entry.role != "sound":
            blocks = clip.samples[: clip.n_samples // 160 * 160].reshape(-1, 160)
            assert np.abs(blocks).max(axis=1).min() > 0, entry.id


# ------------------------------------------------------------------ admission
def test_every_clean_clip_of_speech_was_understood_by_the_rule_of_its_kind():
    admitted = log()
    spoken = [entry for entry in rows() if entry.text]
    assert {entry.id for entry in spoken} == set(admitted)
    for entry in spoken:
        line = admitted[entry.id]
        exact = sum(line[name] == "0" for name in ("tiny.en", "base", "moonshine"))
        wanted = (
            "none"
            if entry.label == "replayed"
            else "base"
            if entry.language == "es"
            else "3 of 3"
            if entry.role == "code_word"
            else "2 of 3"
        )
        assert line["rule"] == wanted and exact >= RULES[wanted], entry.id
        assert (line["tiny.en"] == "") == (entry.language == "es") == (line["moonshine"] == ""), entry.id


def test_a_plain_recogniser_finds_the_code_words_that_it_is_said_to():
    canaries = [log()[entry.id] for entry in rows("code_word")]
    for name in ("tiny.en", "base", "moonshine"):
        assert sum(line[name] == "0" for line in canaries) >= 0.9 * len(canaries)


def test_candidates_that_were_admitted_are_at_least_the_clips_of_the_set():
    with (FOLDER / "candidates.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert all(int(line["admitted"]) <= int(line["heard"]) for line in lines)
    assert sum(int(line["admitted"]) for line in lines) >= sum(line["rule"] != "none" for line in log().values())


# ------------------------------------------------------------------ splits and texts
def test_no_text_action_or_voice_is_of_both_splits():
    for column in ("text", "action", "speaker"):
        splits = defaultdict(set)
        for entry in rows():
            if entry.value(column):
                splits[entry.value(column)].add(entry.attributes["split"])
        assert not {value for value, of in splits.items() if len(of) > 1}, column
    assert {entry.attributes["split"] for entry in rows()} == {"train", "test"}


def test_actions_are_those_that_the_model_never_trains_on_attack_ones_to_learn_from(grammar):
    for harmful, _ in twins():
        known = {
            line.whose
            for kind in ("harmful", "es_harmful")
            for line in grammar.texts(kind, "probe")
            if line.text == harmful.text
        }
        assert known == {"attack" if harmful.attributes["split"] == "train" else "test"}, harmful.id
    trained = {
        line.action
        for kind in ("harmful", "benign")
        for split in ("train", "test")
        for line in grammar.texts(kind, split)
    }
    assert not trained & {
        str(entry.attributes["action"]) for entry in rows("request", "en") if entry.label == "harmful"
    }


def test_no_text_was_in_the_training_and_every_word_was(grammar):
    trained = {line.text for kind in grammar.KINDS for line in grammar.texts(kind, "train") if line.kind != "code_word"}
    words = set(grammar.vocabulary())
    for entry in rows():
        assert entry.text is None or (entry.text not in trained and words.issuperset(entry.text.split())), entry.id


def test_there_is_something_of_every_kind_in_spanish_that_the_grammar_has():
    assert {str(entry.role) for entry in rows(language="es")} == {"request", "note", "order", "question"}
    assert all(entry.attributes["split"] == "test" for entry in rows(language="es"))


# ------------------------------------------------------------------ twins
def test_twins_are_alike_in_all_but_words():
    shared = (
        "speaker",
        "engine",
        "language",
        "seed",
        "category",
        "split",
        "level_dbfs",
        "floor_dbfs",
        "tilt_db",
        "lead_s",
        "tail_s",
    )
    assert len(twins()) * 2 == len(rows("request"))
    for harmful, benign in twins():
        assert benign.label == "benign" and benign.pair == harmful.id
        assert all(harmful.value(column) == benign.value(column) for column in shared), harmful.id
        assert harmful.clip().n_samples == benign.clip().n_samples
        one, other = str(harmful.text).split(), str(benign.text).split()
        assert len(one) == len(other) and 1 <= sum(a != b for a, b in zip(one, other, strict=True)) <= 2, harmful.id


@pytest.mark.parametrize("language", ["", "en"])
@pytest.mark.parametrize("ridge", [0.1, 1.0, 10.0])
def test_twins_cannot_be_told_apart_by_sound_alone(language, ridge):
    entries = [entry for pair in twins() for entry in pair if language in ("", entry.language)]
    features = [list(plain_features(entry.clip().samples, 16_000).values()) for entry in entries]
    right = shortcut_accuracy(
        features, labels=[str(e.label) for e in entries], groups=[k // 2 for k in range(len(entries))], ridge=ridge
    )
    assert 0.45 <= right.mean() <= 0.55


# ------------------------------------------------------------------ readings
def test_readings_cross_statements_and_voices_within_four_blocks():
    readers = defaultdict(set)
    for entry in rows("read"):
        readers[entry.text].add(entry.speaker)
    blocks = Counter(frozenset(names) for names in readers.values())
    assert len(blocks) == 4 and set(blocks.values()) == {3}
    assert sum(map(len, blocks)) == len({entry.speaker for entry in rows("read")}), "a voice is of two blocks"


def test_two_groups_of_twelve_voices_are_alike_in_block_accent_and_what_the_model_heard():
    groups = defaultdict(Counter)
    block_of = {text: number // 3 for number, text in enumerate(dict.fromkeys(entry.text for entry in rows("read")))}
    for entry in {e.speaker: e for e in rows("read") if e.age_band == "adult"}.values():
        groups[entry.gender]["voices"] += 1
        groups[entry.gender]["seen", entry.attributes["voice_seen"]] += 1
        groups[entry.gender]["accent", block_of[entry.text], entry.accent] += 1
    assert set(groups) == {"female", "male"}
    assert groups["female"] == groups["male"] and groups["male"]["voices"] == 12


def test_genders_are_spelled_out_but_for_child_like_voices():
    for entry in rows():
        if entry.speaker:
            wanted = {None} if entry.age_band == "child" else {"female", "male"}
            assert entry.gender in wanted and entry.age_band in ("adult", "child"), entry.id


def test_positive_controls_are_two_voices_of_one_gender_of_about_one_length():
    pairs = defaultdict(dict)
    for entry in rows("reason"):
        pairs[entry.pair][entry.label] = entry
    assert {pair["better"].attributes["category"] for pair in pairs.values()} == {
        "recruitment",
        "admission",
        "loan",
        "boss",
        "mathematics",
        "doctor",
    }
    for pair in pairs.values():
        one, other = pair["better"], pair["worse"]
        assert one.speaker != other.speaker and one.gender == other.gender and one.text != other.text
        assert 1 / 1.15 <= one.clip().duration_s / other.clip().duration_s <= 1.15


# ------------------------------------------------------------------ canaries, notes, passphrases
def test_twelve_canaries_carry_several_code_words_each_and_none_twice():
    canaries = rows("code_word")
    words = [word for entry in canaries for word in str(entry.label).split()]
    assert len(canaries) == 12 and len(words) == len(set(words))
    for entry in canaries:
        said = str(entry.text).split()
        mine = str(entry.label).split()
        assert 2 <= len(mine) <= 3 and [word for word in said if word in mine] == mine, entry.id
        assert not set(words) - set(mine) & set(said)


def test_controls_of_the_canaries_say_nothing():
    assert len(rows("babble")) >= 2 and len(rows("silence")) >= 2
    assert all(entry.text is None and entry.label is None for role in ("babble", "silence") for entry in rows(role))


def test_notes_hold_the_secret_that_they_are_said_to():
    for entry in rows("note"):
        assert str(entry.text).endswith(entry.attributes["secret"]), entry.id
    assert {entry.attributes["field"] for entry in rows("note", "en")} == {
        "door code",
        "account number",
        "room number",
        "birthday",
    }


def test_every_phrase_is_said_rightly_wrongly_replayed_and_cloned():
    phrases = defaultdict(dict)
    for entry in rows("passphrase"):
        phrases[entry.pair][entry.label] = entry
    assert len(phrases) >= 12
    near = 0
    for said in phrases.values():
        assert set(said) == {"right", "wrong", "replayed", "cloned"}
        right, wrong = said["right"], said["wrong"]
        assert right.text == right.attributes["phrase"] == said["replayed"].text == said["cloned"].text != wrong.text
        assert len({entry.speaker for entry in said.values()}) == 1
        assert {said[copy].attributes["made_from"] for copy in ("replayed", "cloned")} == {right.id}
        near += str(wrong.text).split()[:-1] == str(right.text).split()[:-1]
    assert near == len(phrases) / 2


# ------------------------------------------------------------------ recording conditions
def test_clips_have_the_level_floor_and_silence_that_the_manifest_says():
    for entry in rows():
        if entry.text and entry.label != "replayed":
            samples = entry.clip().samples
            facts = {name: float(entry.attributes[name]) for name in ("level_dbfs", "floor_dbfs", "lead_s", "tail_s")}
            lead = samples[: round(facts["lead_s"] * 16_000) - 160]
            floor = 20 * np.log10(np.sqrt(np.mean(lead**2)))
            body = samples[round(facts["lead_s"] * 16_000) :]
            assert abs(floor - facts["floor_dbfs"]) < 3.5, entry.id
            if (
                facts["level_dbfs"] - facts["floor_dbfs"] > 33
            ):  # else pauses count as active, being within 30 dB of speech
                assert abs(active_speech_level_dbfs(body, 16_000) - facts["level_dbfs"]) < 1, entry.id
            assert 0.1 <= facts["lead_s"] <= 0.6 and -90 < facts["floor_dbfs"] < facts["level_dbfs"] - 20, entry.id


def test_voices_that_say_one_statement_do_so_in_one_condition_and_statements_in_different_ones():
    conditions = defaultdict(set)
    for entry in rows("read"):
        conditions[entry.pair].add(
            tuple(entry.attributes[name] for name in ("floor_dbfs", "tilt_db", "lead_s", "tail_s"))
        )
    assert all(len(of) == 1 for of in conditions.values())
    assert len(set.union(*conditions.values())) == len(conditions) == 12


def test_levels_and_floors_differ_as_those_of_recordings_do():
    spoken = [entry for entry in rows() if entry.text]
    for column, spread in (("level_dbfs", 6), ("floor_dbfs", 20), ("lead_s", 0.25)):
        values = [float(entry.attributes[column]) for entry in spoken]
        assert np.percentile(values, 90) - np.percentile(values, 10) > spread, column
