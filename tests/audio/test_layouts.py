"""Layouts of other ecosystems: each by hand, with its texts, speakers and labels."""

import gzip
import json
import shutil

import numpy as np
import pytest

from earnest.audio import AudioClip, Manifest
from earnest.errors import BadAudio, BadData

RATE = 8000


def put(folder, *paths, seconds=0.5):
    """Recordings whose samples count up, so that a part of one is known by its first sample."""
    samples = (np.arange(round(RATE * seconds)) / 32768).astype(np.float32)
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        clip = AudioClip(samples, RATE)
        clip.write((folder / path).with_suffix(".flac") if path.endswith(".ogg") else folder / path)


def write(folder, files):
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def told(manifest, *columns):
    return [tuple(entry.value(column) for column in columns) for entry in manifest]


def first_sample(entry):
    return round(float(entry.clip().samples[0]) * 32768)


def test_hugging_face_audiofolder_in_lines_with_splits_in_paths(tmp_path):
    put(tmp_path, "train/a.wav", "test/b.wav")
    rows = [
        {"file_name": "train/a.wav", "transcription": "go on"},
        {"file_name": "test/b.wav", "transcription": "come back"},
    ]
    write(tmp_path, {"metadata.jsonl": "\n".join(map(json.dumps, rows))})
    manifest = Manifest.read(tmp_path)
    assert told(manifest, "path", "text", "split") == [
        ("train/a.wav", "go on", "train"),
        ("test/b.wav", "come back", "test"),
    ]
    assert "metadata.jsonl: column 'transcription' is read as 'text'" in manifest.notes


def test_common_voice_reads_its_splits_then_what_is_validated(tmp_path):
    put(tmp_path, "clips/1.wav", "clips/2.wav", "clips/3.wav", "clips/4.wav")
    header = "client_id\tpath\tsentence\tup_votes\tage\tgender\taccents\tlocale\n"
    write(
        tmp_path,
        {
            "train.tsv": header + 'c1\t1.wav\t"Run," he said\t2\tfourties\tmale_masculine\tScottish\ten\n',
            "test.tsv": header + "c2\t2.wav\tNo more.\t2\t\t\t\ten\n",
            "validated.tsv": header + "c2\t2.wav\tNo more.\t2\t\t\t\ten\nc3\t3.wav\tYes.\t2\t\tfemale_feminine\t\ten\n",
            "invalidated.tsv": header + "c4\t4.wav\tWrong.\t0\t\t\t\ten\n",
        },
    )
    manifest = Manifest.read(tmp_path)
    assert told(manifest, "path", "text", "speaker", "gender", "age_band", "split") == [
        ("clips/1.wav", '"Run," he said', "c1", "male", "forties", "train"),
        ("clips/2.wav", "No more.", "c2", None, None, "test"),
        ("clips/3.wav", "Yes.", "c3", "female", None, None),
    ]
    assert manifest.unread == ("invalidated.tsv",)
    assert "the folder holds 1 recordings that no row names; they were not taken" in manifest.notes


def test_nemo_reads_the_part_that_offset_and_duration_give(tmp_path):
    put(tmp_path, "wav/a.wav", "wav/b.wav")
    rows = [
        {"audio_filepath": "wav/a.wav", "offset": 0.1, "duration": 0.2, "text": "one"},
        {"audio_filepath": "/elsewhere/data/wav/a.wav", "offset": 0.3, "duration": 0.1, "text": "two"},
        {"audio_filepath": "wav/b.wav", "duration": 0.25, "text": "three"},
    ]
    write(tmp_path, {"train_manifest.json": "\n".join(map(json.dumps, rows)) + "\n"})
    manifest = Manifest.read(tmp_path)
    assert told(manifest, "text", "start_s", "end_s") == [("one", 0.1, 0.3), ("two", 0.3, 0.4), ("three", 0.0, 0.25)]
    assert [(entry.clip().n_samples, first_sample(entry)) for entry in manifest] == [
        (1600, 800),
        (800, 2400),
        (2000, 0),
    ]
    assert len({entry.id for entry in manifest}) == 3
    assert "absolute paths of the manifest were found inside its folder" in manifest.notes


def test_a_part_beyond_the_end_of_its_file_is_refused(tmp_path):
    put(tmp_path, "a.wav")
    rows = [
        {"path": "a.wav", "id": "rounded", "start_s": 0.4, "end_s": 0.55},
        {"path": "a.wav", "id": "beyond", "start_s": 0.4, "end_s": 0.7},
        {"path": "a.wav", "id": "behind", "start_s": 0.5, "end_s": 0.6},
    ]
    write(tmp_path, {"manifest.jsonl": "\n".join(map(json.dumps, rows))})
    manifest = Manifest.read(tmp_path)
    assert manifest["rounded"].clip().n_samples == 800
    for name in ("beyond", "behind"):
        with pytest.raises(
            BadAudio, match=r"a.wav' must hold the part from .* got a file of 0.500 s; mend its start_s and end_s"
        ):
            manifest[name].clip()
    write(tmp_path, {"manifest.jsonl": '{"path": "a.wav", "start_s": 0.4, "end_s": 0.2}'})
    with pytest.raises(BadData, match="line 1: end_s must lie after start_s, got 0.2 after 0.4"):
        Manifest.read(tmp_path)


def lhotse_recording(name, channels=(0,)):
    return {
        "id": name,
        "sources": [{"type": "file", "channels": list(channels), "source": f"{name}.wav"}],
        "sampling_rate": RATE,
        "num_samples": 4000,
        "duration": 0.5,
    }


def test_lhotse_supervisions_of_recordings(tmp_path):
    put(tmp_path, "r1.wav", "r2.wav")
    supervisions = [
        {
            "id": "s1",
            "recording_id": "r1",
            "start": 0.1,
            "duration": 0.2,
            "channel": 0,
            "text": "one",
            "speaker": "A",
            "language": "en",
        },
        {"id": "s2", "recording_id": "r1", "start": 0.3, "duration": 0.2, "channel": 0, "text": "two", "speaker": "B"},
        {"id": "s3", "recording_id": "r2", "start": 0.0, "duration": 0.5, "channel": 0, "text": "all", "gender": "F"},
    ]
    recordings = [lhotse_recording("r1"), lhotse_recording("r2")]
    with gzip.open(tmp_path / "x_recordings.jsonl.gz", "wt") as file:
        file.write("\n".join(map(json.dumps, recordings)))
    write(tmp_path, {"x_supervisions.jsonl": "\n".join(map(json.dumps, supervisions))})
    manifest = Manifest.read(tmp_path)
    assert told(manifest, "id", "path", "text", "speaker", "start_s", "end_s") == [
        ("s1", "r1.wav", "one", "A", 0.1, 0.3),
        ("s2", "r1.wav", "two", "B", 0.3, 0.5),
        ("s3", "r2.wav", "all", None, None, None),  # all of the recording
    ]
    assert [first_sample(entry) for entry in manifest] == [800, 2400, 0]


def test_lhotse_cuts_and_channels(tmp_path):
    stereo = np.stack([np.full(4000, 0.25), np.full(4000, -0.5)], axis=1)
    import soundfile

    soundfile.write(tmp_path / "call.wav", stereo, RATE)
    said = [
        {"id": f"s{n}", "recording_id": "call", "start": 0.1, "duration": 0.1, "channel": n, "text": str(n)}
        for n in (0, 1)
    ]
    cut = {
        "id": "c",
        "start": 0.2,
        "duration": 0.3,
        "channel": 0,
        "recording": lhotse_recording("call", (0, 1)),
        "supervisions": said,
        "type": "MultiCut",
    }
    write(tmp_path, {"cuts.jsonl": json.dumps(cut)})
    manifest = Manifest.read(tmp_path)
    assert told(manifest, "id", "start_s", "end_s", "channel") == [("s0", 0.3, 0.4, 0), ("s1", 0.3, 0.4, 1)]
    assert [float(entry.clip().samples[0]) for entry in manifest] == [0.25, -0.5]


def test_lhotse_runs_no_command(tmp_path):
    put(tmp_path, "r1.wav")
    recording = lhotse_recording("r1") | {
        "sources": [{"type": "command", "channels": [0], "source": f"touch {tmp_path}/ran"}]
    }
    write(tmp_path, {"recordings.jsonl": json.dumps(recording)})
    with pytest.raises(BadData, match="line 1: a recording must be one file, got 'command'"):
        Manifest.read(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_librispeech_with_its_readers(tmp_path):
    put(tmp_path, "LS/dev-clean/84/121/84-121-0000.flac", "LS/dev-clean/84/121/84-121-0001.flac")
    write(
        tmp_path,
        {
            "LS/dev-clean/84/121/84-121.trans.txt": "84-121-0000 GO HOME\n84-121-0001 NOT YET\n",
            "LS/SPEAKERS.TXT": ";ID |SEX| SUBSET |MINUTES| NAME\n84   | F | dev-clean | 8.02 | Christie Nowak\n",
            "LS/README.TXT": "about",
        },
    )
    manifest = Manifest.read(tmp_path)
    assert told(manifest, "text", "speaker", "gender", "split") == [
        ("GO HOME", "84", "female", "dev-clean"),
        ("NOT YET", "84", "female", "dev-clean"),
    ]
    assert manifest.unread == ()


def test_a_recording_that_a_transcript_names_must_be_there(tmp_path):
    put(tmp_path, "84-121-0000.flac")
    write(tmp_path, {"84-121.trans.txt": "84-121-0000 GO HOME\n84-121-0001 NOT YET\n"})
    with pytest.raises(BadData, match="84-121.trans.txt line 2: path '84-121-0001.flac' must name a file"):
        Manifest.read(tmp_path)
    assert len(Manifest.read(tmp_path, allow_missing=True)) == 2


def test_ljspeech_is_read_as_it_is_spoken(tmp_path):
    put(tmp_path, "wavs/LJ1.wav", "wavs/LJ2.wav")
    write(tmp_path, {"metadata.csv": 'LJ1|Dr. "Who"|doctor "who"\nLJ2|no, more|no, more\n'})
    assert told(Manifest.read(tmp_path), "id", "path", "text", "raw_text") == [
        ("LJ1", "wavs/LJ1.wav", 'doctor "who"', 'Dr. "Who"'),
        ("LJ2", "wavs/LJ2.wav", "no, more", None),
    ]


def test_vctk_with_two_microphones(tmp_path):
    put(tmp_path, "wav48_silence_trimmed/p226/p226_001_mic1.flac", "wav48_silence_trimmed/s5/s5_002_mic2.flac")
    write(
        tmp_path,
        {
            "txt/p226/p226_001.txt": "please call",
            "txt/s5/s5_002.txt": "ask her\n",
            "speaker-info.txt": "ID  AGE  GENDER  ACCENTS  REGION COMMENTS\np226  22  M    English    Surrey\ns5  20 F British\n",
        },
    )
    assert told(Manifest.read(tmp_path), "text", "speaker", "gender", "age", "accent", "region", "microphone") == [
        ("please call", "p226", "male", 22, "English", "Surrey", "mic1"),
        ("ask her", "s5", "female", 20, "British", None, "mic2"),
    ]


def test_kaldi_with_segments(tmp_path):
    put(tmp_path, "wav/r1.wav", "wav/r2.flac")
    write(
        tmp_path,
        {
            "data/train/wav.scp": "r1 wav/r1.wav\nr2 flac -c -d -s wav/r2.flac |\n",
            "data/train/segments": "u1 r1 0.1 0.2\nu2 r1 0.2 -1\nu3 r2 0.0 0.3\n",
            "data/train/text": "u1 one\nu2 two words\nu3 three\nu9 lost\n",
            "data/train/utt2spk": "u1 A\nu2 B\nu3 A\n",
            "data/train/spk2gender": "A f\nB m\n",
        },
    )
    manifest = Manifest.read(tmp_path)
    assert told(manifest, "id", "path", "text", "speaker", "gender", "start_s", "end_s") == [
        ("u1", "wav/r1.wav", "one", "A", "female", 0.1, 0.2),
        ("u2", "wav/r1.wav", "two words", "B", "male", 0.2, None),
        ("u3", "wav/r2.flac", "three", "A", "female", 0.0, 0.3),
    ]
    assert [(first_sample(entry), entry.clip().n_samples) for entry in manifest] == [
        (800, 800),
        (1600, 2400),
        (0, 2400),
    ]
    assert "data/train/text: 1 texts have no recording, 'u9' first" in manifest.notes


def test_kaldi_runs_no_command(tmp_path):
    put(tmp_path, "a.wav")
    for command in (
        f"touch {tmp_path}/ran |",
        f"flac -c -d -s a.flac; touch {tmp_path}/ran |",
        f"cat a.wav | touch {tmp_path}/ran |",
    ):
        write(tmp_path, {"wav.scp": f"u1 {command}\n", "text": "u1 one\n"})
        with pytest.raises(BadData, match="wav.scp line 1: a file is wanted, got the command"):
            Manifest.read(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_espnet_directories_are_splits(tmp_path):
    put(tmp_path, "dump/wav/a.wav", "dump/wav/b.wav")
    for split, name in (("train", "a"), ("valid", "b")):
        write(
            tmp_path,
            {
                f"dump/raw/{split}/wav.scp": f"u_{name} dump/wav/{name}.wav\n",
                f"dump/raw/{split}/text": f"u_{name} {name} said\n",
            },
        )
    assert told(Manifest.read(tmp_path), "id", "path", "text", "split") == [
        ("train/u_a", "dump/wav/a.wav", "a said", "train"),
        ("valid/u_b", "dump/wav/b.wav", "b said", "valid"),
    ]


def test_speechbrain_tables_and_objects(tmp_path):
    put(tmp_path, "x/a.wav", "x/b.wav")
    write(
        tmp_path,
        {
            "train.csv": "ID,duration,wav,spk_id,wrd\n1,0.5,$data_root/x/a.wav,s1,GO HOME\n",
            "dev.json": '{"2": {"wav": "{data_root}/x/b.wav", "length": 0.5, "words": "x", "transcript": "NO MORE", "spk_id": "s2"}}',
        },
    )
    found = sorted(told(Manifest.read(tmp_path), "id", "path", "text", "speaker", "split"))
    assert found == [("1", "x/a.wav", "GO HOME", "s1", "train"), ("2", "x/b.wav", "NO MORE", "s2", "dev")]


@pytest.mark.parametrize(
    ("name", "lines", "attack"),
    [
        ("ASVspoof2019.LA.cm.train.trn.txt", "LA_0079 T_1 - - bonafide\nLA_0080 T_2 - A01 spoof\n", "A01"),
        (
            "trial_metadata.txt",
            "LA_0079 T_1 alaw ita_tx bonafide bonafide notrim eval\nLA_0080 T_2 alaw ita_tx A07 spoof notrim eval\n",
            "A07",
        ),
        (
            "ASVspoof5.train.tsv",
            "LA_0079 T_1 F - - - bonafide bonafide bonafide -\nLA_0080 T_2 M - - - AC1 A05 spoof -\n",
            "A05",
        ),
    ],
)
def test_asvspoof_protocols(tmp_path, name, lines, attack):
    put(tmp_path, "LA_train/flac/T_1.flac", "LA_train/flac/T_2.flac")
    write(tmp_path, {f"protocols/{name}": lines + "LA_0081 T_3 - - - - AC1 A05 spoof -\n"})
    manifest = Manifest.read(tmp_path)
    assert told(manifest, "id", "speaker", "label", "attack") == [
        ("T_1", "LA_0079", "bona_fide", None),
        ("T_2", "LA_0080", "spoof", attack),
    ]
    assert told(manifest, "gender") == ([("female",), ("male",)] if "5.train" in name else [(None,), (None,)])
    assert f"protocols/{name}: 1 of its 3 trials have no recording in this folder" in manifest.notes


@pytest.mark.parametrize(
    ("line", "benchmark"),
    [
        ("LA_0079 LA_T_1 - - bonafide", "ASVspoof 2019 LA"),
        ("PA_0079 PA_D_1 aaa - bonafide", "ASVspoof 2019 PA"),
        ("LA_0009 LA_E_1 alaw ita_tx A07 spoof notrim eval", "ASVspoof 2021 LA"),
        ("LA_0023 DF_E_1 nocodec asvspoof A14 spoof notrim progress traditional_vocoder - - - -", "ASVspoof 2021 DF"),
        ("T_4850 T_1 F - - - AC1 A05 spoof -", "ASVspoof 5"),
    ],
)
def test_asvspoof_benchmarks_are_named(tmp_path, line, benchmark):
    put(tmp_path, f"flac/{line.split()[1]}.flac")
    write(tmp_path, {"protocol.txt": line + "\n"})
    assert Manifest.read(tmp_path).entries[0].attributes["benchmark"] == benchmark


def test_in_the_wild(tmp_path):
    put(tmp_path, "0.wav", "1.wav")
    write(tmp_path, {"meta.csv": "file,speaker,label\n0.wav,Alec Guinness,spoof\n1.wav,Barack Obama,bona-fide\n"})
    assert told(Manifest.read(tmp_path), "path", "speaker", "label") == [
        ("0.wav", "Alec Guinness", "spoof"),
        ("1.wav", "Barack Obama", "bona-fide"),
    ]


def test_lav_df(tmp_path):
    put(tmp_path, "train/000000.wav", "train/000001.wav", "test/000002.wav")
    rows = [
        {"file": "train/000000.wav", "n_fakes": 0, "modify_video": False, "modify_audio": False, "split": "train"},
        {"file": "train/000001.wav", "n_fakes": 1, "modify_video": True, "modify_audio": False, "split": "train"},
        {"file": "test/000002.wav", "n_fakes": 1, "modify_video": True, "modify_audio": True, "split": "test"},
        {"file": "test/000003.wav", "n_fakes": 1, "modify_video": False, "modify_audio": True, "split": "test"},
    ]
    write(tmp_path, {"metadata.json": json.dumps(rows)})
    manifest = Manifest.read(tmp_path)
    assert told(manifest, "path", "label", "attack", "modified", "split") == [
        ("train/000000.wav", "bona_fide", None, "nothing", "train"),
        ("train/000001.wav", "bona_fide", None, "picture", "train"),
        ("test/000002.wav", "spoof", "both", "audio and picture", "test"),
    ]
    assert "metadata.json: 1 of its 4 recordings are not in this folder" in manifest.notes
    write(tmp_path, {"metadata.json": json.dumps([*rows, {"file": "x.wav"}])})
    with pytest.raises(BadData, match="1 of 5 objects lack one of file, modify_audio, modify_video"):
        Manifest.read(tmp_path)


def test_av_deepfake1m(tmp_path):
    put(
        tmp_path,
        "val/id1/a/0/real.wav",
        "val/id1/a/0/fake_audio_fake_video.wav",
        "val/id2/b/0/real_audio_fake_video.wav",
    )
    rows = [
        {"file": "id1/a/0/real.wav", "split": "val", "modify_type": "real", "audio_model": None},
        {
            "file": "id1/a/0/fake_audio_fake_video.wav",
            "split": "val",
            "modify_type": "both_modified",
            "audio_model": "yourtts",
        },
        {"file": "id2/b/0/real_audio_fake_video.wav", "split": "val", "modify_type": "visual_modified"},
    ]
    write(tmp_path, {"val_metadata.json": json.dumps(rows)})
    assert told(Manifest.read(tmp_path), "path", "speaker", "label", "attack", "split", "benchmark") == [
        ("val/id1/a/0/real.wav", "id1", "bona_fide", None, "val", "AV-Deepfake1M"),
        ("val/id1/a/0/fake_audio_fake_video.wav", "id1", "spoof", "yourtts", "val", "AV-Deepfake1M"),
        ("val/id2/b/0/real_audio_fake_video.wav", "id2", "bona_fide", None, "val", "AV-Deepfake1M"),
    ]
    write(tmp_path, {"val_metadata.json": json.dumps([{**rows[0], "modify_type": "cut"}])})
    with pytest.raises(BadData, match="modify_type must be one of real, .* got cut"):
        Manifest.read(tmp_path)


def test_fakeavceleb(tmp_path):
    put(
        tmp_path,
        "RealVideo-RealAudio/African/men/id00076/00109.wav",
        "FakeVideo-FakeAudio/African/women/id00166/00010_0.wav",
    )
    lines = (
        "source,target1,target2,method,category,type,race,gender,path,\n"
        "id00076,-,-,real,A,RealVideo-RealAudio,African,men,00109.wav,FakeAVCeleb/RealVideo-RealAudio/African/men/id00076\n"
        "id00166,id1,-,faceswap-wav2lip,D,FakeVideo-FakeAudio,African,women,00010_0.wav,FakeAVCeleb/FakeVideo-FakeAudio/African/women/id00166\n"
        "id00166,id1,-,rtvc,C,RealVideo-FakeAudio,African,women,gone.wav,FakeAVCeleb/RealVideo-FakeAudio/African/women/id00166\n"
    )
    write(tmp_path, {"meta_data.csv": lines})
    manifest = Manifest.read(tmp_path)
    assert told(manifest, "speaker", "gender", "label", "attack") == [
        ("id00076", "male", "bona_fide", None),
        ("id00166", "female", "spoof", "faceswap-wav2lip"),
    ]
    assert "meta_data.csv: 1 of its 3 recordings are not in this folder" in manifest.notes
    write(tmp_path, {"meta_data.csv": lines.replace("RealVideo-RealAudio,African", "Real,African")})
    with pytest.raises(BadData, match="meta_data.csv line 2: type must be one of"):
        Manifest.read(tmp_path)


def test_voxceleb_trials(tmp_path):
    put(tmp_path, "wav/id1/x/1.wav", "wav/id1/y/2.wav", "wav/id2/z/1.wav")
    write(
        tmp_path,
        {
            "veri_test.txt": "1 id1/x/1.wav id1/y/2.wav\n0 id1/x/1.wav id2/z/1.wav\n",
            "vox1_meta.csv": "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\nid1\tA\tm\tIreland\ttest\nid2\tB\tf\tUSA\ttest\n",
        },
    )
    assert told(Manifest.read(tmp_path), "path", "speaker", "gender") == [
        ("wav/id1/x/1.wav", "id1", "male"),
        ("wav/id1/y/2.wav", "id1", "male"),
        ("wav/id2/z/1.wav", "id2", "female"),
    ]
    write(tmp_path, {"veri_test.txt": "0 id1/x/1.wav id1/y/2.wav\n"})
    with pytest.raises(BadData, match="line 1: 0 says otherwise than its speakers id1 and id1"):
        Manifest.read(tmp_path)


def test_texts_beside_the_audio_are_read_and_others_are_told(tmp_path):
    put(tmp_path, "a.wav", "b.wav", "c.wav")
    write(
        tmp_path, {"a.txt": "go\nhome", "b.normalized.txt": "not yet", "b.original.txt": "Not yet!", "notes.srt": "1"}
    )
    manifest = Manifest.read(tmp_path)
    assert told(manifest, "id", "text") == [("a.wav", "go home"), ("b.wav", "not yet"), ("c.wav", None)]
    assert manifest.unread == ("b.original.txt", "notes.srt")


def test_layouts_lie_beside_each_other(tmp_path):
    put(tmp_path, "own/a.wav", "lj/wavs/L1.wav", "libri/1-2-0000.flac")
    write(
        tmp_path,
        {
            "own/metadata.csv": "path,text\na.wav,one\n",
            "lj/metadata.csv": "L1|two|two\n",
            "libri/1-2.trans.txt": "1-2-0000 THREE\n",
        },
    )
    assert told(Manifest.read(tmp_path), "id", "text") == [
        ("libri/1-2-0000.flac", "THREE"),
        ("lj/L1", "two"),
        ("own/a.wav", "one"),
    ]


def test_a_layout_never_leaves_its_folder(tmp_path):
    put(tmp_path, "secret.wav")
    for name, line in (
        ("metadata.csv", "file_name\n../secret.wav\n"),
        ("m.json", '{"audio_filepath": "../secret.wav"}'),
        ("wav.scp", "u ../secret.wav\n"),
    ):
        folder = tmp_path / name.partition(".")[0]
        put(folder, "a.wav")
        write(folder, {name: line})
        with pytest.raises(BadData, match="must stay inside its folder"):
            Manifest.read(folder)
        shutil.rmtree(folder)
