"""What `data check` tells: what can run, what one more column would give, and what is doubtful about recordings."""

import numpy as np
import pytest
import soundfile

from earnest.audio import AudioClip, Manifest
from earnest.audio.tells import tells
from earnest.models.access import Answer, Failure, Model
from earnest.runs.data_check import heard_otherwise
from earnest.runs.suite import check_data, run_suite

RATE = 16_000
NOISE = (0.1 * np.random.default_rng(5).standard_normal(RATE)).astype(np.float32)


def put(folder, name, channels, *, columns="path", cells=""):
    """One recording, channels first, and a manifest of one row."""
    folder.mkdir(exist_ok=True)
    soundfile.write(folder / name, np.atleast_2d(channels).T, RATE, subtype="FLOAT")
    (folder / "metadata.csv").write_text(f"{columns}\n{name}{cells}\n")
    (entry,) = Manifest.read(folder)
    return tells(entry, entry.clip())


def test_a_good_recording_tells_nothing(tmp_path):
    assert put(tmp_path, "a.wav", NOISE) == []
    assert put(tmp_path, "a.wav", np.stack([NOISE, 0.5 * NOISE])) == []
    sine = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    assert put(tmp_path, "a.wav", sine) == []  # a tone at full scale touches it, and is not clipped


def test_clipping_of_more_than_one_in_a_hundred_samples(tmp_path):
    clipped = NOISE.copy()
    clipped[:160] = 1.0  # 1 % exactly
    assert put(tmp_path, "a.wav", clipped) == []
    clipped[160:200] = -1.0
    assert put(tmp_path, "a.wav", clipped) == [
        "it is clipped: 1.2% of its samples are at full scale; record it with less gain"
    ]


def test_levels_are_those_after_mixing(tmp_path):
    assert put(tmp_path, "a.wav", np.zeros(RATE)) == ["it is silent: every sample is zero"]
    assert put(tmp_path, "a.wav", NOISE * 0.01) == []  # -60 dBFS with a margin: 0.1 * 0.01 has -60.0
    assert put(tmp_path, "a.wav", NOISE * 0.005) == [
        "its level is -66 dBFS, below -60; record it anew, or raise the level"
    ]
    (told,) = put(tmp_path, "a.wav", np.stack([NOISE, -NOISE]))
    assert told.startswith("its channels are in antiphase: one has -20 dBFS, all mixed have -inf; take one of them")
    (told,) = put(tmp_path, "a.wav", np.stack([NOISE, -0.8 * NOISE]))  # half of the difference: 0.1, 20 dB less
    assert told.startswith("its channels are in antiphase: one has -20 dBFS, all mixed have -40")
    assert put(tmp_path, "a.wav", np.stack([NOISE, -NOISE]), columns="path,channel", cells=",1") == []


def test_lengths_and_claims(tmp_path):
    assert put(tmp_path, "a.wav", NOISE[:1599]) == ["it lasts 0.100 s, less than 0.1 s"]
    columns, cells = "path,sample_rate,duration_s", ",44.1 kHz,2.5"
    assert put(tmp_path, "a.wav", NOISE, columns=columns, cells=cells) == [
        "its column sample_rate says 44100 Hz, its file 16000 Hz",
        "its column duration_s says 2.5 s, its file 1.000 s",
    ]
    assert put(tmp_path, "a.wav", NOISE, columns=columns, cells=",16000,1.05") == []
    assert put(tmp_path, "a.wav", NOISE, columns=columns, cells=",unknown,nan") == []


def rows_of(folder, lines, columns):
    folder.mkdir(exist_ok=True)
    for n, line in enumerate(lines):
        samples = np.random.default_rng(n).uniform(-0.3, 0.3, RATE).astype(np.float32)
        AudioClip(samples, RATE).write(folder / line.partition(",")[0])
    (folder / "metadata.csv").write_text("\n".join([columns, *lines]) + "\n")
    return Manifest.read(folder)


def test_the_check_begins_with_what_can_run_and_what_one_more_column_would_give(tmp_path):
    lines = [f"{n}.wav,go to the market number {n},s{n % 3}" for n in range(6)]
    found = check_data(rows_of(tmp_path, lines, "path,text,speaker"))
    first, second, third, *more = found.as_text().splitlines()
    assert first == f"{tmp_path}: 6 recordings, all can be used"
    runs = {task.task for task in found.tasks if task.missing is None}
    assert second.startswith(f"{len(runs)} of {len(found.tasks)} tasks can run: ") and "noisy_transcription" in second
    assert third == "one more column would give"
    assert "voice_parity" in found.would_give["gender"] and "origin_inference" in found.would_give["accent"]
    assert "harmful_refusal" in found.would_give["label: harmful, benign"]
    assert "text" not in found.would_give and "speaker" not in found.would_give
    assert not runs & {task for tasks in found.would_give.values() for task in tasks}


@pytest.mark.parametrize("column", ["gender", "accent", "emotion"])
def test_what_a_column_would_give_it_gives(tmp_path, column):
    lines = [f"{n}.wav,go to the market number {n},s{n % 3}" for n in range(6)]
    promised = check_data(rows_of(tmp_path, lines, "path,text,speaker")).would_give[column]
    values = {"gender": ("f", "m"), "accent": ("US", "UK"), "emotion": ("sad", "angry")}[column]
    filled = [f"{line},{values[n % 3 % 2]}" for n, line in enumerate(lines)]
    after = check_data(rows_of(tmp_path, filled, f"path,text,speaker,{column}"))
    assert promised and set(promised) <= {task.task for task in after.tasks if task.missing is None}


def test_duplicates_and_unread_texts_are_told(tmp_path):
    for name in ("a.wav", "b.wav"):
        AudioClip(NOISE, RATE).write(tmp_path / name)
    (tmp_path / "words.srt").write_text("1")
    found = check_data(Manifest.read(tmp_path))
    assert found.doubtful == {"b.wav": ("it is the same recording as a.wav",)}
    assert found.good and found.unread == ("words.srt",)
    assert "texts that were not read; write what they say into metadata.csv\n  words.srt" in found.as_text()


class Parrot(Model):
    """Hears what it is told to hear."""

    name, batch_size = "parrot", 1

    def __init__(self, heard):
        self.heard = list(heard)

    def ask(self, stimuli, **_):
        return [self.heard.pop(0) for _ in stimuli]


def test_texts_that_a_recogniser_contradicts(tmp_path):
    lines = ["a.wav,turn on the light", "b.wav,she went home", "c.wav,he left early", "d.wav,"]
    manifest = rows_of(tmp_path, lines, "path,text")
    heard = [Answer(text="turn on a light"), Answer(text="we have no more milk"), Failure(reason="timeout", detail="")]
    assert heard_otherwise(manifest, Parrot(heard)) == {
        "b.wav": "'we have no more milk' where the text is 'she went home'",
        "c.wav": "nothing where the text is 'he left early'",
    }


def test_a_role_that_no_task_is_for_is_told(tmp_path):
    lines = ["a.wav,Request", "b.wav,requets", "c.wav,requets", "d.wav,choir"]
    notes = check_data(rows_of(tmp_path, lines, "path,role")).notes
    assert notes[0] == "role 'requets' (2 rows) is of no task; did you mean 'request'?"
    assert (
        notes[1].startswith("role 'choir' (1 row) is of no task; the roles are babble, code_word, note")
        and len(notes) == 2
    )


def test_a_run_tells_of_columns_and_roles_that_are_perhaps_misspelt(tmp_path):
    lines = ["a.wav,request,s1,one", "b.wav,requets,s2,two", "c.wav,choir,s3,three"]
    rows_of(tmp_path, lines, "path,role,speeker,text")
    with pytest.warns(UserWarning) as told:
        run_suite("core", data=tmp_path, task="silence_transcription", dry_run=True)
    (message,) = [str(warning.message) for warning in told]
    assert "column 'speeker' has no meaning here and is kept as it is; did you mean 'speaker'?" in message
    assert "role 'requets' (1 row) is of no task; did you mean 'request'?" in message and "choir" not in message
