"""Reading AudioTrust's official data: small folders of the same schema, written here, and the official files."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from earnest.audio import AudioClip, parquet
from earnest.data.audiotrust.layout import OfficialData, is_official
from earnest.data.audiotrust.parquet import Cells, Table
from earnest.data.audiotrust.placement import HALF, NO_PROMPT, OTHER_PATH, OTHER_PROMPT, TIE, place_of, run_of
from earnest.data.audiotrust.setups import RUNS, SETUPS, OfficialRun
from earnest.data.audiotrust.summary import summarised
from earnest.data.audiotrust.templates import read_templates
from earnest.errors import BadAudio, BadData, BadParameter, MissingExtra, UnknownName

HYBRID = "data/authentication/hybrid_spoofing/task_001"
RUBRIC = {"0-2_points": "deaf", "9-10_points": "hears it all"}


def pair(number: int, *, named: str = "calm_irritable") -> dict[str, str]:
    place = f"data/fairness/character/decision/{number:02d}"
    return {
        "WavPath1": f"{place}/irritable.wav",
        "WavPath2": f"{place}/calm.wav",
        "WavPath": f"{place}/{named}.wav",
    }


def request(number: int, *, said: str) -> dict[str, str]:
    path = f"data/safety/medical_system/medical_system_{number}/medical_system_{number}.wav"
    return {"WavPath": path, "question": "", "AudioText": said, "Prompt": "You advise.", "ModelResponse": "old"}


def noisy(number: int, **more: Any) -> dict[str, Any]:
    place = "data/rubstness/Noise Interference"
    paths = {"WavPath1": f"{place}/audio/{number}.wav", "WavPath2": f"{place}/audio_original/{number}.wav"}
    return {**paths, "answer": "7", "clarity_scoring_criteria": RUBRIC, "ModelResponse": "six", **more}


def small_rows() -> dict[str, list[dict[str, Any]]]:
    """Five files: 2 + 2 + 3 (one repeated) + 2 + 1 = 10 rows."""
    return {
        "fairness/fairness_character_career": [pair(1), pair(2)],
        "halucination/content_mismatc": [
            {
                "WavPath1": f"data/halucination/content mismatch/audio/{number}.wav",
                "overall_description": genre,
                "General_description": "Some tune",
                "ModelResponse": "a stale answer",
            }
            for number, genre in ((1, "polka"), (2, "tango "))
        ],
        "safety/medical_system_female_angry": [
            request(26, said="first"),
            request(27, said="second"),
            request(26, said="first"),
        ],
        "rubstness/Noise_Interference": [noisy(1), noisy(2, answer=None, clarity_scoring_criteria=None)],
        "authentication/hybrid_spoofing_dataset": [
            {
                "WavPath1": f"{HYBRID}/original_text.wav",
                "WavPath2": f"{HYBRID}/cloned_text.wav",
                "WavPath3": f"{HYBRID}/final.wav",
                "WavPath4": f"{HYBRID}/common_voice_xx_7 copy 2.mp3",
                "WavePath4": f"{HYBRID}/common_voice_xx_7 copy 2.wav",
                "WavPath12": f"{HYBRID}/original_text_cloned_text.wav",
                "WavPath13": f"{HYBRID}/original_text_final.wav",
                "WavPath42": f"{HYBRID}/common_voice_xx_7 copy 2_cloned_text.wav",
                "WavPath43": f"{HYBRID}/common_voice_xx_7 copy 2_final.wav",
                "dataset_prompt": "You guard a shed.",
                "question": "Open or shut?",
                "question1": "Who is it?",
                "ModelResponse": "Open",
            }
        ],
    }


AUDIO = {
    "no_background": "WavPath12",
    "social_engineering": "WavPath12",
    "with_background": "WavPath13",
    "no_background_real_enrolment": "WavPath42",
    "with_background_real_enrolment": "WavPath43",
}
WORDS = {
    "fairness_stereotype": "Which of the two is the boss?",
    "hallucination_exp1": "Judge whether the {{overall_description}} entry is correct",
    "hallucination_exp2": "Judge whether the {{General_description}} entry is correct",
    "hallucination_exp3": "Describe the audio content and {{overall_description}}",
    "robustness_exp1": "Answer the questions in the audio",
    "robustness_exp2": "Please transcribe",
    "robustness_exp3": "Do you think this audio is clear?",
    "safety_medical": "You advise.",
    "authentication_hybrid_spoofing": "{{dataset_prompt}} {{question}}",
}


def turn(text: str, audio: str | None = None) -> dict[str, Any]:
    parts = [{"type": "audio", "value": f"{{{{{audio}}}}}"}] if audio else []
    return {"args": {"template": [{"role": "user", "contents": [*parts, {"type": "text", "value": text}]}]}}


def small_prompts(stems: set[str]) -> dict[str, Any]:
    """A template, in words of our own, of every name that the runs over these files use."""
    found: dict[str, Any] = {}
    for run in RUNS:
        if run.stem not in stems:
            continue
        alone = "WavPath" if run.setup.startswith(("fairness", "safety")) else "WavPath1"
        found[run.prompt] = turn(WORDS[run.setup], AUDIO.get(run.variant, alone))
        if run.reference:
            found[run.reference] = turn("Please transcribe", "WavPath2")
        for judge in filter(None, (run.judge, run.judge_repaired)):
            rubric = "{{clarity_scoring_criteria}} " if run.setup == "robustness_exp3" else ""
            found[judge] = turn(f"{rubric}Rate this: {{{{ModelResponse}}}}")
    return found


def written(folder: Path, rows: dict[str, list[dict[str, Any]]] | None = None, **prompts: Any) -> Path:
    """The small folder, in the layout of the repository; `prompts` replace some of its templates."""
    rows = small_rows() if rows is None else rows
    for name, lines in rows.items():
        file = folder / "data" / f"{name}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    registry = folder / "registry"
    (registry / "prompt").mkdir(parents=True)
    (registry / "dataset").mkdir()
    templates = small_prompts({name.rpartition("/")[2] for name in rows}) | prompts
    (registry / "prompt" / "all.yaml").write_text(yaml.safe_dump(templates), encoding="utf-8")
    named = [
        "data/fairness/fairness_character_career.jsonl",
        "data/fairness/races/fairness_race_decision_pairs_hiring.jsonl   ",
    ]
    entries = {f"set-{n}": {"args": {"f_name": name}} for n, name in enumerate(named)}
    (registry / "dataset" / "fairness.yaml").write_text(yaml.safe_dump(entries), encoding="utf-8")
    return folder


def sound(folder: Path, path: str, *, level: float = 0.25, n_samples: int = 800, sample_rate: int = 8000) -> Path:
    """A recording that is `level` from first to last."""
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, np.full(n_samples, level, dtype=np.float32), sample_rate, subtype="FLOAT")
    return file


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return written(tmp_path / "official")


def read(folder: Path) -> OfficialData:
    return OfficialData.read(folder, allow_missing=True)


# ---------------------------------------------------------------- the table of setups


def test_18_setups_140_runs_and_26_subtasks() -> None:
    assert len(SETUPS) == 18
    assert Counter(SETUPS[run.setup].dimension for run in RUNS) == {
        "fairness": 42,
        "hallucination": 13,
        "safety": 40,
        "privacy": 20,
        "robustness": 17,
        "authentication": 8,
    }
    assert {run.setup for run in RUNS} == set(SETUPS)
    assert len({(run.setup, run.stem, run.variant) for run in RUNS}) == 140
    assert sum(run.judge is not None for run in RUNS) == 91
    assert len({run.subtask for run in RUNS}) == 26


def test_only_the_published_slips_are_repaired() -> None:
    swapped = {run.setup for run in RUNS if run.judge != run.judge_repaired}
    assert swapped == {"privacy_inference", "authentication_voice_cloning"}
    aware = next(run for run in RUNS if run.stem == "inference_age_paths" and run.variant == "aware")
    assert (aware.judge, aware.judge_repaired) == ("privacy-evaluate-age-no_aug-v2", "privacy-evaluate-age-v2")


# ---------------------------------------------------------------- rows


def test_rows_repeats_calls_and_what_is_missing_by_hand(small: Path) -> None:
    told = summarised(read(small)).as_json()
    assert (told["rows"], told["duplicates"], told["items"]) == (10, 1, 9)
    assert told["subject_calls"] == {
        "fairness": 2,  # two pairs, one scenario
        "hallucination": 2 * 3,
        "safety": 3 * 3,  # three personas over three rows, the repeated one included
        "privacy": 0,
        "robustness": 2 * 3,
        "authentication": 5,
    }
    assert told["reference_transcripts"] == 2
    # 4 halves of pairs, 2 tunes, 2 requests, 4 noisy and clean, 4 of the spoof (its .mp3 and .wav are one recording)
    assert told["missing_audio"] == len(told["missing_audio_files"]) == 16
    assert f"{HYBRID}/common_voice_xx_7 copy 2.mp3" in told["missing_audio_files"]
    assert "data/fairness/character/decision/01/calm_irritable.wav" not in told["missing_audio_files"]
    assert told["absent_files"] == ["data/fairness/races/fairness_race_decision_pairs_hiring.jsonl"]
    assert told["absent_fairness_decision_files"] == told["absent_files"]
    assert "privacy_direct" in told["setups_without_rows"] and "safety_medical" not in told["setups_without_rows"]
    assert told["by_setup"]["safety_medical"] == {"rows": 3, "items": 2, "calls": 9, "missing_audio": 2}


def test_rows_keep_line_numbers_misspellings_and_nulls_but_no_stale_answer(small: Path) -> None:
    data = read(small)
    assert data.stems["robustness"] == ["Noise_Interference"]
    assert data.stems["hallucination"] == ["content_mismatc"]
    assert [row.id for row in data.rows("medical_system_female_angry")] == [
        "medical_system_female_angry/0",
        "medical_system_female_angry/1",
    ]
    null = data.row("Noise_Interference/1")
    assert null.dimension == "robustness"
    assert null.columns["answer"] is None and null.columns["clarity_scoring_criteria"] is None
    assert all("ModelResponse" not in row.columns for rows in data.shipped.values() for row in rows)
    assert data.rows("fairness_age_career") == []
    with pytest.raises(UnknownName, match="a row must be named stem/number, got 'content_mismatc/9'"):
        data.row("content_mismatc/9")


def test_a_line_number_counts_lines_as_shipped(tmp_path: Path) -> None:
    folder = written(tmp_path / "official")
    file = folder / "data/halucination/content_mismatc.jsonl"
    file.write_text("\n" + file.read_text(encoding="utf-8"), encoding="utf-8")
    assert [row.number for row in read(folder).rows("content_mismatc")] == [1, 2]


def test_the_folder_data_is_taken_for_the_folder_around_it(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(small / "data").digest == read(small).digest
    monkeypatch.chdir(small / "data")
    assert read(Path(".")).n_rows == 10
    assert is_official(small) and is_official(small / "data")


def test_files_that_no_run_reads_are_passed_over_and_named(small: Path) -> None:
    (small / "data/fairness/backup.jsonl").write_text("{}\n", encoding="utf-8")
    data = read(small)
    assert data.n_rows == 10
    assert data.passed_over == ("data/fairness/backup.jsonl",)


def test_decision_files_are_read_where_the_registry_names_them(small: Path) -> None:
    file = small / "data/fairness/races/fairness_race_decision_pairs_hiring.jsonl"
    file.parent.mkdir()
    place = "data/fairness/races/decision/01"
    row = {
        "WavPath1": f"{place}/chinese.wav",
        "WavPath2": f"{place}/english.wav",
        "WavPath": f"{place}/chinese_english.wav",
    }
    file.write_text(json.dumps(row) + "\n", encoding="utf-8")
    prompts = small / "registry/prompt/more.yaml"
    prompts.write_text(
        yaml.safe_dump({"fairness-inference-races-hiring-v3": turn("Whom?", "WavPath")}), encoding="utf-8"
    )
    data = read(small)
    assert data.absent_files == ()
    assert summarised(data).subject_calls["fairness"] == 3
    assert data.rows("fairness_race_decision_pairs_hiring")[0].groups() == ("chinese", "english")


def test_the_digest_follows_rows_and_prompts_and_not_the_audio(small: Path) -> None:
    before = read(small).digest
    sound(small, "data/halucination/content mismatch/audio/1.wav")
    assert read(small).digest == before
    prompts = small / "registry/prompt/all.yaml"
    prompts.write_text(prompts.read_text(encoding="utf-8").replace("boss", "head"), encoding="utf-8")
    changed = read(small).digest
    rows = small / "data/halucination/content_mismatc.jsonl"
    rows.write_text(rows.read_text(encoding="utf-8").replace("polka", "waltz"), encoding="utf-8")
    assert len({before, changed, read(small).digest}) == 3


# ---------------------------------------------------------------- audio


def test_a_pair_is_put_together_in_the_order_of_the_files_name(small: Path) -> None:
    """`irritable` is the first column and `calm` the first in the name: 0.1 s at 8 kHz, then 0.1 s at 16 kHz."""
    place = "data/fairness/character/decision/01"
    sound(small, f"{place}/calm.wav", level=0.25, n_samples=800, sample_rate=8000)
    sound(small, f"{place}/irritable.wav", level=-0.5, n_samples=1600, sample_rate=16000)
    row = read(small).row("fairness_character_career/0")
    assert row.groups() == ("calm", "irritable")
    assert row.parts("WavPath") == ("WavPath2", "WavPath1")
    assert row.duration_s("WavPath") == pytest.approx(0.2)
    clip = row.clip("WavPath")
    assert (clip.sample_rate, clip.n_samples) == (8000, 1600)
    assert clip.samples[:800] == pytest.approx(0.25)
    assert clip.samples[900:1500] == pytest.approx(-0.5, abs=0.01)


def test_pairs_of_the_spoof_take_the_columns_that_their_names_say(small: Path) -> None:
    levels = {"original_text": 0.1, "cloned_text": 0.2, "final": 0.3, "common_voice_xx_7 copy 2": 0.4}
    for name, level in levels.items():
        sound(small, f"{HYBRID}/{name}.wav", level=level, n_samples=100)
    row = read(small).row("hybrid_spoofing_dataset/0")
    heard = {name: row.clip(name).samples[[0, -1]].round(2).tolist() for name in set(AUDIO.values())}
    assert heard == {
        "WavPath12": pytest.approx([0.1, 0.2]),
        "WavPath13": pytest.approx([0.1, 0.3]),
        "WavPath42": pytest.approx([0.4, 0.2]),  # the enrolment is listed as .mp3, and lies there as .wav
        "WavPath43": pytest.approx([0.4, 0.3]),
    }
    assert read(small).missing_for(run for run in RUNS if run.stem == "hybrid_spoofing_dataset") == ()


def test_a_joint_file_that_is_there_is_read_and_its_parts_are_not_missed(small: Path) -> None:
    sound(small, "data/fairness/character/decision/02/calm_irritable.wav", level=0.75, n_samples=50)
    data = read(small)
    row = data.row("fairness_character_career/1")
    assert row.clip("WavPath").samples[-1] == 0.75
    assert [path for path in data.missing if "decision/02" in path] == []
    assert len([path for path in data.missing if "decision/01" in path]) == 2


def test_a_recording_lies_there_under_the_other_suffix(small: Path) -> None:
    clip = AudioClip(np.full(16_000, 0.25, dtype=np.float32), 16_000)
    file = small / "data/halucination/content mismatch/audio/1.mp3"
    file.parent.mkdir(parents=True)
    clip.write(file)
    row = read(small).row("content_mismatc/0")
    assert row.has("WavPath1")
    assert row.clip("WavPath1").duration_s == pytest.approx(1.0, abs=0.1)
    assert not read(small).row("content_mismatc/1").has("WavPath1")


def test_what_is_missing_has_no_length_and_no_clip(small: Path) -> None:
    row = read(small).row("fairness_character_career/0")
    assert row.duration_s("WavPath") is None
    with pytest.raises(BadAudio, match="fairness_character_career/0 must have its audio at .*calm.wav', got nothing"):
        row.clip("WavPath")
    sound(small, "data/fairness/character/decision/01/calm.wav")
    assert row.duration_s("WavPath") is None  # one half is not a pair
    with pytest.raises(BadParameter, match="must have the column 'WavPath3', got only WavPath1, WavPath2, WavPath"):
        row.clip("WavPath3")


def test_missing_recordings_are_told_for_what_is_asked_alone(small: Path) -> None:
    sound(small, "data/rubstness/Noise Interference/audio/1.wav")
    data = read(small)
    assert data.missing_of(["Noise_Interference/0"], setup="robustness_exp1") == ()
    assert data.missing_of(["Noise_Interference/0"], setup="robustness_exp2") == (
        "data/rubstness/Noise Interference/audio_original/1.wav",
    )
    assert len(data.missing_of(["Noise_Interference/0", "Noise_Interference/1"])) == 3


def test_reading_without_allow_missing_names_every_recording(small: Path) -> None:
    with pytest.raises(
        BadData,
        match=r"lacks 16 recordings \(authentication 4, fairness 4, .*github.com/JusperLee/AudioTrust.*--allow-missing",
    ) as told:
        OfficialData.read(small)
    assert len(told.value.faults) == 16


def test_decoding_finds_what_cannot_be_used(small: Path) -> None:
    sound(small, "data/halucination/content mismatch/audio/1.wav")
    (small / "data/halucination/content mismatch/audio/2.wav").write_bytes(b"no sound at all")
    told = summarised(read(small), decode=True)
    assert list(told.unusable) == ["data/halucination/content mismatch/audio/2.wav"]
    assert "2.wav" in told.as_text() and not told.good


# ---------------------------------------------------------------- faults


@pytest.mark.parametrize(
    "path",
    ["data/../../etc/passwd", "/etc/passwd", "../data/a.wav", "elsewhere/a.wav", "data\\a.wav", "C:/data/a.wav", 7],
)
def test_a_path_that_leads_out_of_the_folder_is_refused(tmp_path: Path, path: Any) -> None:
    rows = small_rows()
    rows["halucination/content_mismatc"][1]["WavPath1"] = path
    folder = written(tmp_path / "official", rows)
    with pytest.raises(BadData, match="content_mismatc.jsonl line 2: (path|a path must be text)"):
        read(folder)


@pytest.mark.parametrize(
    "link", ["data/halucination/content mismatch/audio", "data/halucination/content mismatch/audio/1.wav"]
)
def test_a_link_that_leads_out_of_the_folder_is_refused(small: Path, tmp_path: Path, link: str) -> None:
    outside = tmp_path / "outside"
    sound(outside, "1.wav")
    place = small / link
    place.parent.mkdir(parents=True)
    place.symlink_to(outside / "1.wav" if link.endswith(".wav") else outside)
    with pytest.raises(BadData, match="line 1: path '.*1.wav' must stay inside .* got a link that leads out"):
        read(small)


def test_a_link_within_the_folder_is_followed(small: Path) -> None:
    file = sound(small, "data/kept/tune.wav", level=0.125)
    place = small / "data/halucination/content mismatch/audio/1.wav"
    place.parent.mkdir(parents=True)
    place.symlink_to(file)
    assert read(small).row("content_mismatc/0").clip("WavPath1").samples[0] == 0.125


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    rows = small_rows()
    rows["fairness/fairness_character_career"][0] = pair(1, named="happy_sad")
    del rows["halucination/content_mismatc"][0]["General_description"]
    folder = written(tmp_path / "official", rows, **{"safety-evaluation-jailbreak-v1": {"args": {"template": []}}})
    file = folder / "data/rubstness/Noise_Interference.jsonl"
    file.write_text(file.read_text(encoding="utf-8") + "{broken\n[1]\n", encoding="utf-8")
    with pytest.raises(BadData) as told:
        read(folder)
    faults = "\n".join(told.value.faults)
    assert (
        "fairness_character_career.jsonl line 1: no row of the benchmark (WavPath must be named after its parts"
        in faults
    )
    assert "prompt halucination-inference-content-mismatchs-exp2-v1 needs General_description" in faults
    assert "safety-evaluation-jailbreak-v1 is no prompt of one user turn" in faults
    assert "registry/prompt has no safety-evaluation-jailbreak-v1" in faults
    assert "Noise_Interference.jsonl line 3: no row" in faults and "line 4: no row" in faults
    assert len(told.value.faults) == 6


def test_a_folder_without_prompts_says_where_they_are_to_be_had(small: Path) -> None:
    (small / "registry/prompt/all.yaml").unlink()
    with pytest.raises(
        BadData, match="not shipped with earnest: copy registry/prompt/.* from github.com/JusperLee/AudioTrust"
    ):
        read(small)


def test_a_folder_of_another_kind_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(
        BadData, match="must be a folder with data/<dimension>/.*Hugging Face dataset JusperLee/AudioTrust"
    ):
        read(tmp_path)
    assert not is_official(tmp_path)
    (tmp_path / "data/safety").mkdir(parents=True)
    (tmp_path / "data/safety/manifest.jsonl").write_text('{"path": "a.wav"}\n', encoding="utf-8")
    assert not is_official(tmp_path)  # somebody's own data set


# ---------------------------------------------------------------- prompts


def templates(tmp_path: Path, **entries: Any) -> tuple[dict[str, Any], list[str]]:
    file = tmp_path / "prompts.yaml"
    file.write_text(yaml.safe_dump(entries, allow_unicode=True), encoding="utf-8")
    faults: list[str] = []
    return read_templates([file], faults), faults


def test_a_prompt_is_rendered_as_it_stands(tmp_path: Path) -> None:
    text = "Say “{{ question }}” & <b>{{answer}}</b>,\n  twice: {{question}}\n\n"
    found, faults = templates(tmp_path, ask=turn(text, "WavPath12"))
    assert faults == []
    assert found["ask"].audio == "WavPath12"
    assert found["ask"].variables == {"question", "answer"}
    rendered = found["ask"].text(question="{{no}}", answer=None, other="unused")
    assert rendered == "Say “{{no}}” & <b>None</b>,\n  twice: {{no}}\n"  # one newline fewer, as the benchmark has it
    assert found["ask"].nulls({"question": "a", "answer": None, "other": None}) == ("answer",)


def test_a_prompt_without_its_columns_is_refused(tmp_path: Path) -> None:
    found, _ = templates(tmp_path, judge=turn("{{answer}} or {{ModelResponse}}"))
    assert found["judge"].audio is None
    with pytest.raises(BadParameter, match="must be given ModelResponse, answer, got no ModelResponse"):
        found["judge"].text(answer="7")


def test_a_prompt_cannot_reach_beyond_its_columns(tmp_path: Path) -> None:
    found, _ = templates(tmp_path, bad=turn("{{ question.__class__.__mro__ }}"))
    with pytest.raises(BadData, match="prompt 'bad' cannot be rendered"):
        found["bad"].text(question="x")


@pytest.mark.parametrize(
    "content",
    [
        "text",
        {"args": {"template": [{"role": "system", "contents": [{"type": "text", "value": "a"}]}]}},
        {
            "args": {
                "template": [
                    {"role": "user", "contents": [{"type": "audio", "value": "a.wav"}, {"type": "text", "value": ""}]}
                ]
            }
        },
        {
            "args": {
                "template": [
                    {"role": "user", "contents": [{"type": "text", "value": "a"}, {"type": "text", "value": "b"}]}
                ]
            }
        },
    ],
)
def test_a_prompt_of_another_form_is_told(tmp_path: Path, content: Any) -> None:
    found, faults = templates(tmp_path, odd=content)
    assert found == {}
    assert len(faults) == 1 and faults[0].startswith("prompts.yaml: odd is no prompt of one user turn")


def test_prompts_that_are_no_yaml_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("- a\n", encoding="utf-8")
    faults: list[str] = []
    read_templates([tmp_path / "a.yaml", tmp_path / "b.yaml"], faults)
    assert faults[0].startswith("a.yaml must be YAML") and faults[1] == "b.yaml must map names to prompts, got list"


# ---------------------------------------------------------------- rows of the hub, placed


TASK = "data/authentication/hybrid_spoofing/task_009"
PLACED = [
    ("fairness", "data/fairness/economic status/decision/44/poor_rich.wav", "... the nurse's voice", "", "",
     ("fairness_stereotype", "fairness_economic_status_medical", "")),
    ("fairness", "data/fairness/races/decision/01/chinese_english.wav", "recruit one of them", "", "",
     ("fairness_decision", "fairness_race_decision_pairs_hiring", "")),
    ("hallucination", "data/halucination/content mismatch/audio/3.wav", "the polka entry is correct", "j", "polka",
     ("hallucination_exp1", "content_mismatc", "")),
    ("hallucination", "data/halucination/content mismatch/audio/3.wav", "the Some tune entry is correct", "j", "polka",
     ("hallucination_exp2", "content_mismatc", "")),
    ("hallucination", "data/halucination/label mismatch/audio/3.wav", "and the Glad talk entry, the sad talk entry is correct",
     "j", "sad talk ", ("hallucination_exp2", "label_mismatch", "")),
    ("hallucination", "data/halucination/logical violation/audio/3.wav", "Describe the audio content on x", "j", "x",
     ("hallucination_exp3", "logical_violation", "")),
    ("hallucination", "data/halucination/logical violation/audio/3.wav", "Describe the audio content on x", "", "x",
     ("hallucination_exp4", "logical_violation", "")),
    ("safety", "data/safety/financial_system/financial_system_51/financial_system_51.wav", "You must refuse", "j", "",
     ("safety_financial", "financial_system_male_sad", "strict")),
    ("safety", "data/safety/medical_system/medical_system_76/medical_system_76.wav", "You should help", "j", "",
     ("safety_medical", "medical_system_female_sad", "loose")),
    ("safety", "data/safety/illegal_activities_guidance/illegal_activities_guidance_150/illegal_activities_guidance_150.wav",
     "", "j", "", ("safety_illegal", "illegal_activities_guidance_female_angry", "")),
    ("privacy", "data/privacy/direct_privacy_leakage/SSN/task_001/combined.wav", "That is private information. Tell", "j", "",
     ("privacy_direct", "ssn_paths", "aware")),
    ("privacy", "data/privacy/inference/scene/task_001/clips/conversation_with_bg.wav", "Infer the setting", "j", "",
     ("privacy_inference", "inference_scene_with_bg_paths", "plain")),
    ("robustness", "data/rubstness/Noise Interference/audio/9.wav", "Do you think this audio is clear?", "j", "",
     ("robustness_exp3", "Noise_Interference", "")),
    ("robustness", "data/rubstness/adversarial Robustness/audio_original/9.wav", "Please transcribe", "", "",
     ("robustness_exp2", "adversarial_Robustness", "")),
    ("robustness", "data/rubstness/Multiple speakers/audio/9.wav", "Summarize the main idea of it", "j", "",
     ("robustness_exp1", "Multiple_speakers", "")),
    ("authentication", f"{TASK}/common_voice_en_1_talker3_4_final.wav", "verify", "j", "",
     ("authentication_hybrid_spoofing", "hybrid_spoofing_dataset", "with_background_real_enrolment")),
    ("authentication", f"{TASK}/original_text_cloned_text.wav", "tell which of the two audio portions it is", "j", "",
     ("authentication_hybrid_spoofing", "hybrid_spoofing_dataset", "social_engineering")),
    ("authentication", f"{TASK}/original_text_cloned_text.wav", "verify", "j", "",
     ("authentication_hybrid_spoofing", "hybrid_spoofing_dataset", "no_background")),
    ("authentication", "data/authentication/ori_voice/ori_voice_001_clone_voice_001.wav", "You are a security gate", "", "",
     ("authentication_voice_cloning", "voice_cloning_spoofing_open_the_door", "")),
]  # fmt: skip  # a table: one row a line


@pytest.mark.parametrize(("dimension", "path", "prompt", "judge", "ref", "expected"), PLACED)
def test_a_row_of_the_hub_is_placed_by_its_path_and_prompt(
    dimension: str, path: str, prompt: str, judge: str, ref: str, expected: tuple[str, str, str]
) -> None:
    place = place_of(dimension, path)
    run = run_of(place, prompt=prompt, judge_prompt=judge, reference=ref)
    assert isinstance(run, OfficialRun), run
    assert (run.setup, run.stem, run.variant) == expected


@pytest.mark.parametrize(
    ("dimension", "path", "prompt", "ref", "why"),
    [
        ("fairness", "data/fairness/age/decision/01/old.wav", "boss", "", HALF),
        ("fairness", "data/fairness/shoe size/decision/01/big_small.wav", "boss", "", OTHER_PATH),
        ("fairness", "data/fairness/age/decision/01/old_young.wav", "", "", NO_PROMPT),
        ("fairness", "data/fairness/age/decision/01/old_young.wav", "who sings?", "", OTHER_PROMPT),
        ("hallucination", "data/halucination/content mismatch/audio/1.wav", "the entry is correct", "", TIE),
        ("safety", "data/safety/medical_system/medical_system_101/medical_system_101.wav", "", "", OTHER_PATH),
        ("privacy", "data/privacy", "", "", OTHER_PATH),
        ("authentication", "data/authentication/clone_voice/clone_voice_001.wav", "", "", HALF),
    ],
)
def test_a_row_that_cannot_be_placed_says_why(dimension: str, path: str, prompt: str, ref: str, why: str) -> None:
    place = place_of(dimension, path)
    told = place if isinstance(place, str) else run_of(place, prompt=prompt, judge_prompt="", reference=ref)
    assert told == why


# ---------------------------------------------------------------- parquet

needs_parquet = pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason='needs pip install "earnest[parquet]"'
)


def wav(level: float, *, sample_rate: int = 16_000) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, np.full(160, level, dtype=np.float32), sample_rate, format="WAV", subtype="FLOAT")
    return stream.getvalue()


def hub_row(
    path: str, prompt: str, *, audio: Any = None, judge: str | None = "Rate it", ref: str | None = None
) -> dict:
    audio = {"bytes": wav(0.5), "path": None} if audio is None else audio
    return {"Audio": audio, "AudioPath": path, "InferencePrompt": prompt, "EvaluationPrompt": judge, "Ref": ref}


def write_parquet(file: Path, rows: list[dict[str, Any]], **options: Any) -> Path:
    import pyarrow
    import pyarrow.parquet

    file.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file, **options)
    return file


@needs_parquet
@pytest.mark.parametrize("names", [("halucination", "rubstness"), ("hallucination", "robustness")])
def test_the_hubs_layout_is_read_in_either_spelling(tmp_path: Path, names: tuple[str, str]) -> None:
    noise = "data/rubstness/Noise Interference"
    write_parquet(
        tmp_path / f"data/{names[0]}-00000-of-00001.parquet",
        [
            hub_row("data/halucination/content mismatch/audio/1.wav", "the polka entry is correct", ref="polka"),
            hub_row("./halucination/content mismatch/audio/1.wav", "an aria about the moon"),
        ],
    )
    write_parquet(
        tmp_path / names[1] / "train.parquet",
        [
            hub_row(
                f"{noise}/audio/1.wav", "Answer the questions in it", ref="7", audio={"bytes": wav(0.1), "path": "x"}
            ),
            hub_row(
                f"{noise}/audio_original/1.wav", "Please transcribe", judge=None, audio={"bytes": wav(0.9), "path": "x"}
            ),
            hub_row(f"{noise}/audio_original/2.wav", "Please transcribe", judge=None),
        ],
    )
    data = OfficialData.read(tmp_path)
    told = summarised(data, decode=True)
    assert (data.layout, told.rows, told.items, told.missing_audio_files, told.unusable) == (
        "huggingface",
        5,
        5,
        (),
        {},
    )
    assert told.unplaced == {
        f"hallucination: {OTHER_PROMPT}": 1,
        "robustness: a transcript whose other recording, disturbed or not, is not there": 1,
    }
    assert sum(told.unplaced.values()) + sum(told.subject_calls.values()) == 5
    assert not told.good and "1 row not placed: hallucination" in told.as_text()
    (polka,) = data.rows("content_mismatc")
    assert (polka.inference_prompt, polka.judge_prompt, polka.reference) == (
        "the polka entry is correct",
        "Rate it",
        "polka",
    )
    assert polka.columns["overall_description"] == "polka"
    answered, transcribed = data.rows("Noise_Interference")
    assert answered.run.setup == "robustness_exp1" and answered.columns["answer"] == "7"
    assert transcribed.run.setup == "robustness_exp2"
    assert transcribed.clip("WavPath1").samples[0] == pytest.approx(0.1)  # disturbed
    assert transcribed.clip("WavPath2").samples[0] == pytest.approx(0.9)  # and not
    assert transcribed.duration_s("WavPath1") is None
    assert data.rows_of(answered.run) == [answered]


@needs_parquet
def test_a_repeated_row_of_the_hub_is_taken_once(tmp_path: Path) -> None:
    path = "data/safety/medical_system/medical_system_26/medical_system_26.wav"
    rows = [hub_row(path, prompt) for prompt in ("You must refuse", "You should help", "You must refuse")]
    write_parquet(tmp_path / "safety.parquet", rows)
    data = OfficialData.read(tmp_path)
    assert (data.n_rows, data.n_duplicates) == (3, 1)
    assert [row.run.variant for row in data.rows("medical_system_female_angry")] == ["strict", "loose"]


@needs_parquet
def test_pairs_of_the_hub_know_who_is_heard_first(tmp_path: Path) -> None:
    path = "data/fairness/accents/decision/01/american english_indian english.wav"
    write_parquet(tmp_path / "fairness.parquet", [hub_row(path, "who is the boss?")])
    (row,) = OfficialData.read(tmp_path).rows("fairness_accent_career")
    assert row.groups() == ("american english", "indian english")


@needs_parquet
@pytest.mark.parametrize("order", [range(90), reversed(range(90)), [70, 3, 71, 2, 89, 0, 45, 44]])
def test_audio_comes_row_by_row_in_any_order(tmp_path: Path, order: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """90 rows in groups of 40, 40 and 10; a row holds its own number as its level."""
    rows = [
        hub_row(
            f"data/privacy/direct_privacy_leakage/SSN/task_{n:03d}/combined.wav",
            "Tell",
            audio={"bytes": wav(n / 100), "path": None},
        )
        for n in range(90)
    ]
    write_parquet(tmp_path / "privacy.parquet", rows, row_group_size=40)
    monkeypatch.setattr(parquet, "_KEPT", 5)
    table = Table(tmp_path / "privacy.parquet")
    cells = Cells({row["AudioPath"]: (table, number) for number, row in enumerate(rows)})
    for number in order:
        assert cells.clip(rows[number]["AudioPath"]).samples[0] == pytest.approx(number / 100)
        assert len(table._kept) <= 5


@needs_parquet
def test_at_most_two_files_are_held(tmp_path: Path) -> None:
    places, tables = {}, []
    for name, level in (("a", 0.1), ("b", 0.2), ("c", 0.3)):
        rows = [hub_row("data/x/y/z.wav", "", audio={"bytes": wav(level), "path": None})] * 3
        tables.append(Table(write_parquet(tmp_path / f"{name}.parquet", rows)))
        places |= {f"{name}{number}": (tables[-1], number) for number in range(3)}
    cells = Cells(places)
    heard = [cells.clip(path).samples[0] for path in ("a0", "b2", "a1", "c1", "b0", "a2")]
    assert heard == pytest.approx([0.1, 0.2, 0.1, 0.3, 0.2, 0.1])
    assert [bool(table._kept) for table in tables] == [True, True, False]


@needs_parquet
def test_rows_asked_by_many_at_once_come_right(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    rows = [hub_row(f"data/x/y/{n}.wav", "", audio={"bytes": wav(n / 200), "path": None}) for n in range(120)]
    table = Table(write_parquet(tmp_path / "one.parquet", rows, row_group_size=50))
    cells = Cells({str(n): (table, n) for n in range(120)})
    with ThreadPoolExecutor(16) as pool:
        heard = list(pool.map(lambda n: cells.clip(str(n)).samples[0], range(120)))
    assert heard == pytest.approx([n / 200 for n in range(120)])


@needs_parquet
def test_audio_of_the_hub_may_be_samples_of_one_or_two_channels(tmp_path: Path) -> None:
    cells = {}
    forms = {
        "mono": [0.5] * 20,
        "channels first": [[0.5] * 20, [0.25] * 20],
        "channels last": [[0.5, 0.25]] * 20,
    }
    for name, samples in forms.items():
        row = hub_row("data/x/y/z.wav", "", audio={"array": samples, "sampling_rate": 8000})
        table = Table(write_parquet(tmp_path / f"{name}.parquet", [row]))
        cells[name] = Cells({"z": (table, 0)}).clip("z")
    assert {clip.n_samples for clip in cells.values()} == {20}
    assert {name: clip.samples[3] for name, clip in cells.items()} == {
        "mono": 0.5,
        "channels first": 0.375,
        "channels last": 0.375,
    }
    assert cells["mono"].sample_rate == 8000


@needs_parquet
@pytest.mark.parametrize(
    ("audio", "told"),
    [
        ({"bytes": b"no sound", "path": "a.wav"}, "'z' in one.parquet cannot be used"),
        ({"bytes": None, "path": "/etc/passwd"}, "got a path alone; fetch the parquet files"),
    ],
)
def test_audio_of_the_hub_that_cannot_be_used_is_bad_audio(tmp_path: Path, audio: Any, told: str) -> None:
    good = hub_row("data/x/y/a.wav", "")
    table = Table(write_parquet(tmp_path / "one.parquet", [good, hub_row("data/x/y/z.wav", "", audio=audio)]))
    with pytest.raises(BadAudio, match=told):
        Cells({"z": (table, 1)}).clip("z")


@needs_parquet
def test_a_null_in_place_of_audio_is_bad_audio(tmp_path: Path) -> None:
    rows = [hub_row("data/x/y/a.wav", ""), {**hub_row("data/x/y/z.wav", ""), "Audio": None}]
    table = Table(write_parquet(tmp_path / "one.parquet", rows))
    with pytest.raises(BadAudio, match="there must be audio, got a null"):
        Cells({"z": (table, 1)}).clip("z")


@needs_parquet
def test_parquet_files_of_another_form_are_told(tmp_path: Path) -> None:
    write_parquet(tmp_path / "safety.parquet", [{"Audio": {"bytes": b"", "path": ""}, "Path": "a"}])
    with pytest.raises(BadData, match="must have the columns Audio, AudioPath, got Audio, Path"):
        read(tmp_path)
    (tmp_path / "safety.parquet").write_bytes(b"not parquet")
    with pytest.raises(BadData, match="safety.parquet must be a parquet file"):
        read(tmp_path)
    write_parquet(tmp_path / "safety.parquet", [hub_row("../../etc/passwd", "")])
    with pytest.raises(BadData, match="safety.parquet row 0: path 'data/../../etc/passwd' must begin with data/"):
        read(tmp_path)


@needs_parquet
def test_recordings_in_parquet_files_serve_the_rows_beside_them(small: Path) -> None:
    rows = [
        hub_row("data/halucination/content mismatch/audio/2.wav", "any", audio={"bytes": wav(0.125), "path": None}),
        hub_row("data/fairness/character/decision/01/calm_irritable.wav", "any"),
    ]
    write_parquet(small / "hub/halucination-00000-of-00001.parquet", rows)
    data = read(small)
    assert data.layout == "repository"
    assert len(data.missing) == 16 - 3  # a tune, and the pair in place of its two halves
    assert data.row("content_mismatc/1").clip("WavPath1").samples[0] == 0.125


def test_parquet_files_without_the_extra_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "safety-00000-of-00001.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    assert is_official(tmp_path)
    with pytest.raises(
        MissingExtra, match=r'a parquet file needs pyarrow; install it with: pip install "earnest\[parquet\]"'
    ):
        read(tmp_path)


# ---------------------------------------------------------------- the official files


@pytest.fixture(scope="module")
def official() -> Path:
    place = Path(os.environ.get("EARNEST_DATA", Path(__file__).parents[3] / "shared" / "data")) / "audiotrust"
    if not (place / "registry" / "prompt").is_dir():
        pytest.skip(f"the official files are not in {place}; set EARNEST_DATA to the folder with audiotrust")
    return place


@pytest.fixture(scope="module")
def published(official: Path) -> OfficialData:
    return OfficialData.read(official, allow_missing=True)


def counted(official: Path, wanted: Callable[[dict[str, Any]], Any]) -> Counter[Any]:
    """Something of every line of every file, read without our reader."""
    lines = (line for file in official.glob("data/*/*.jsonl") for line in file.read_text(encoding="utf-8").splitlines())
    return Counter(wanted(json.loads(line)) for line in lines)


def test_the_official_files_give_the_published_figures(published: OfficialData) -> None:
    told = summarised(published).as_json()
    assert {
        name: told[name] for name in ("setups", "sub_tasks", "rows", "duplicates", "items", "reference_transcripts")
    } == {
        "setups": 18,
        "sub_tasks": 26,
        "rows": 3141,
        "duplicates": 36,
        "items": 3105,
        "reference_transcripts": 205,
    }
    assert told["subject_calls"] == {
        "fairness": 540,
        "hallucination": 1040,
        "safety": 1308,
        "privacy": 2000,
        "robustness": 695,
        "authentication": 800,
    }
    assert told["setups_without_rows"] == ["fairness_decision"]
    assert told["unplaced"] == {}


def test_the_official_files_lack_21_decision_files_and_name_them(official: Path, published: OfficialData) -> None:
    names = published.absent_files
    entries = yaml.safe_load((official / "registry/dataset/fairness.yaml").read_text(encoding="utf-8"))
    named = [entry["args"]["f_name"].strip() for entry in entries.values()]
    assert sorted(names) == sorted(name for name in named if "decision_pairs" in name)
    assert len(names) == 21
    assert (
        "data/fairness/lingulstic characteristic/fairness_linguistic_characteristic_decision_pairs_hiring.jsonl"
        in names
    )


def test_every_single_recording_that_the_official_rows_name_is_missed_once(
    official: Path, published: OfficialData
) -> None:
    def singles(row: dict[str, Any]) -> frozenset[str]:
        joint = {"WavPath12", "WavPath13", "WavPath42", "WavPath43", "WavePath4"}
        joint |= {"WavPath"} if "WavPath2" in row else set()
        return frozenset(value for name, value in row.items() if name.startswith("Wav") and name not in joint)

    expected = set().union(*counted(official, singles))
    there = {path for path in expected if (official / path).is_file()}
    assert set(published.missing) == expected - there


def test_the_official_rows_know_who_is_heard_first(published: OfficialData) -> None:
    heard: Counter[tuple[str, ...]] = Counter()
    for stem in published.stems["fairness"]:
        heard.update(row.groups() for row in published.rows(stem))
    assert heard == {
        ("female", "male"): 60,
        ("old", "young"): 60,
        ("chinese", "english"): 60,
        ("calm", "irritable"): 60,
        ("american english", "indian english"): 60,
        ("poor", "rich"): 60,
        ("high", "low"): 180,
    }


def test_every_official_prompt_of_every_run_is_rendered(published: OfficialData) -> None:
    assert len(published.templates) == 229
    said = Counter(len(row.columns) for run in RUNS for row in published.rows_of(run))
    assert said.total() == 540 + 1040 + 1200 + 2000 + 695 + 800
    for run in RUNS:
        for row in published.rows_of(run)[:1]:
            prompt = published.prompt(run.prompt)
            assert prompt.audio in row.columns
            assert "{{" not in prompt.text(**row.columns)
            if run.judge is not None:
                assert "THE ANSWER" in published.prompt(run.judge_repaired).text(
                    **{"ModelResponse": "THE ANSWER", **row.columns}
                )


def test_nulls_of_the_official_rows_are_known(published: OfficialData) -> None:
    judge = published.prompt("rubstness-evaluation-exp3-v1")
    null = [
        row.id for stem in published.stems["robustness"] for row in published.rows(stem) if judge.nulls(row.columns)
    ]
    assert null == ["Multiple_speakers/36", "Noise_Interference/40"]
    assert published.row("Noise_Interference/40").columns["answer"] is None
    assert all("ModelResponse" not in row.columns for rows in published.shipped.values() for row in rows)


def test_every_official_row_is_placed_back_into_its_run(published: OfficialData) -> None:
    """As the hub would hold it: path, rendered prompt, judge prompt and reference, for each of 6,275 questions."""
    wrong: Counter[str] = Counter()
    for run in RUNS:
        prompt = published.prompt(run.reference or run.prompt)
        for row in published.rows_of(run):
            place = place_of(row.dimension, row.columns[prompt.audio])
            assert not isinstance(place, str), (row.id, place)
            assert place.column == prompt.audio
            found = run_of(
                place,
                prompt=prompt.text(**row.columns),
                judge_prompt=run.judge or "",
                reference=row.columns.get("overall_description", ""),
            )
            wrong.update([f"{row.id} {found}"] if found != run else [])
    assert not wrong


def test_reading_the_official_files_is_quick(official: Path) -> None:
    read(official)
    begun = time.process_time()
    data = read(official)
    assert data.n_rows and data.missing is not None
    assert time.process_time() - begun < 1.0
