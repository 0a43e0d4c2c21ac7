import asyncio
import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from earnest.audio import AudioClip, Stimulus
from earnest.errors import BadParameter, MissingExtra, ModelFailed
from earnest.models import Answer, Failure, Model, Sampling, load_model
from earnest.models.cascade import PROMPT, CascadeModel, pieces_of


class Ear(Model):
    """Hears how many samples there are; fails on clips of 7."""

    name, fingerprint, batch_size, destination, note = "ear", "1", 2, "ear.example", ""

    def __init__(self):
        self.asked = []

    def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
        self.asked.append((len(stimuli), sampling))
        assert all(stimulus.prompt == PROMPT and not stimulus.truth for stimulus in stimuli)
        counts = [stimulus.clip.n_samples for stimulus in stimuli]
        return [
            Failure(reason="bad_audio", detail="seven") if n == 7 else Answer(text=f" {n} ", usage={"input_tokens": 10})
            for n in counts
        ]


class Mouth(Model):
    """Says what it was told."""

    name, fingerprint, batch_size, note = "mouth", "2", 3, "a note"

    def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
        assert all(not stimulus.clips and not stimulus.truth for stimulus in stimuli)
        return [Answer(text=f"{s.system_prompt}|{s.prompt}", usage={"input_tokens": 1}) for s in stimuli]


def clip_of(n_samples, sample_rate=1_000):
    return AudioClip(np.random.default_rng(n_samples).normal(0, 0.1, n_samples).astype(np.float32), sample_rate)


def cascade():
    return CascadeModel("cascade/ear+mouth", recogniser=Ear(), text=Mouth())


def asked(*lengths, **options):
    clips = {f"c{place}": clip_of(n) for place, n in enumerate(lengths)}
    return Stimulus(clips=clips, prompt="Do it.", truth={"text": "hidden"}, **options)


def test_the_text_model_is_told_what_was_heard():
    model = cascade()
    stimuli = [asked(5, system_prompt="s"), asked(7), asked(8, 9), Stimulus(clips={}, prompt="Hi")]
    one, failed, two, none = model.ask(stimuli)
    assert one.text == "s|Do it.\n\nTranscript of the recording:\n5" and one.details["transcript"] == "5"
    assert one.usage == {"input_tokens": 11}
    assert failed == Failure(reason="bad_audio", detail="seven")
    assert two.text == "None|Do it.\n\nTranscript of 'c0':\n8\n\nTranscript of 'c1':\n9"
    assert two.details["transcript"] == {"c0": "8", "c1": "9"}
    assert none.text == "None|Hi"
    assert [n for n, _ in model._recogniser.asked] == [2, 2]  # in the recogniser's batches


def test_both_forms_of_asking_agree():
    model = cascade()
    for stimulus in (asked(5), asked(8, 9)):
        alone = asyncio.run(model.ask_one(stimulus))
        assert replace(alone, duration_ms=0) == replace(model.ask([stimulus])[0], duration_ms=0)
    with pytest.raises(ModelFailed, match="seven") as caught:
        asyncio.run(model.ask_one(asked(7)))
    assert caught.value.reason == "bad_audio"


def test_transcripts_are_taken_without_chance_and_with_room():
    model = cascade()
    model.ask([asked(5)], sampling=Sampling(temperature=1.0, max_tokens=3, seed=4))
    assert model._recogniser.asked[0][1] == Sampling(temperature=0.0, max_tokens=512, seed=4)


def test_what_it_is():
    model = cascade()
    assert (model.batch_size, model.destination, model.note) == (2, "ear.example", "a note")
    assert "ear:1" in model.fingerprint and "mouth:2" in model.fingerprint
    remote = CascadeModel("x", recogniser=Ear(), text=load_model("http://api.example.org/v1#m"))
    assert remote.batch_size is None and remote.destination == "ear.example, api.example.org"


class Sure(Ear):
    """Says how sure it is of each piece."""

    max_duration_s, duration_ms = 1.0, 40.0

    def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
        replies = super().ask(stimuli, sampling=sampling)
        pieces = [{"text": reply.text.strip(), "start_s": 0.125, "end_s": 0.25, "sure": 0.5} for reply in replies]
        return [
            replace(reply, duration_ms=self.duration_ms, details={"pieces": [piece]})
            for reply, piece in zip(replies, pieces, strict=True)
        ]


def test_what_the_ear_says_of_each_piece_is_kept_with_its_place():
    stimulus = asked(1_500, 400)  # 1.5 s, cut in two, and 0.4 s
    (reply,) = CascadeModel("cascade/sure+mouth", recogniser=Sure(), text=Mouth()).ask([stimulus])
    cut = int(reply.details["pieces"][0]["text"])
    assert [(piece["role"], piece["start_s"], piece["end_s"], piece["text"]) for piece in reply.details["pieces"]] == [
        ("c0", 0.125, 0.25, str(cut)),
        ("c0", round(cut / 1_000 + 0.125, 3), round(cut / 1_000 + 0.25, 3), str(1_500 - cut)),
        ("c1", 0.125, 0.25, "400"),
    ]
    assert {piece["sure"] for piece in reply.details["pieces"]} == {0.5}
    assert "pieces" not in cascade().ask([stimulus])[0].details


def test_time_is_that_of_the_ear_for_every_piece_and_of_the_mouth():
    (reply,) = CascadeModel("cascade/sure+mouth", recogniser=Sure(), text=Mouth()).ask([asked(1_500, 400)])
    assert 120.0 < reply.duration_ms < 160.0  # three pieces of 40 ms, and next to nothing for the mouth


def test_words_alone_reach_a_cascade():
    assert cascade().hears == {"words"} == CascadeModel("cascade/ear", recogniser=Ear(), text=None).hears
    assert Ear().hears == {"words", "voice", "sound"}


def test_long_audio_is_cut_where_it_is_quietest():
    samples = np.random.default_rng(0).normal(0, 0.1, 70_000).astype(np.float32)
    samples[20_000:20_300] = 0  # at 20 s, within the last third of the first 25 s
    clip = AudioClip(samples, 1_000)
    pieces = pieces_of(clip)
    assert np.array_equal(np.concatenate([piece.samples for piece in pieces]), samples)
    assert 20_000 <= pieces[0].n_samples <= 20_300 and all(piece.duration_s <= 25 for piece in pieces)
    assert pieces_of(clip_of(25_000)) == [clip_of(25_000)]
    (reply,) = cascade().ask([Stimulus(clips={"speech": clip}, prompt="?")])
    assert reply.details["transcript"] == " ".join(str(piece.n_samples) for piece in pieces)


def test_pieces_are_no_longer_than_the_recogniser_hears():
    ear = Ear()
    ear.max_duration_s = 2.0
    model = CascadeModel("cascade/ear+mouth", recogniser=ear, text=Mouth())
    (reply,) = model.ask([asked(3_000)])  # 3 s at 1 kHz
    lengths = [int(word) for word in reply.details["transcript"].split()]
    assert sum(lengths) == 3_000 and max(lengths) <= 2_000
    ear.piece_s = 0.5
    (reply,) = CascadeModel("cascade/ear+mouth", recogniser=ear, text=Mouth()).ask([asked(3_000)])
    assert max(int(word) for word in reply.details["transcript"].split()) <= 500


class Steps(Model):
    """Says each of its sentences in turn."""

    name, fingerprint, batch_size, max_duration_s = "steps", "3", 1, 1.0

    def __init__(self, *said):
        self.said = iter(said)

    def ask(self, stimuli, *, sampling=Sampling()):  # noqa: B008
        return [Answer(text=next(self.said)) for _ in stimuli]


def test_a_recogniser_alone_answers_with_its_transcript():
    model = CascadeModel("cascade/steps", recogniser=Steps("one two", "No speech.", "three"), text=None)
    (reply,) = model.ask([asked(2_500, system_prompt="s")])
    assert reply.text == "one two three" == reply.details["transcript"]
    assert model.note == "transcribes, whatever it is asked"
    assert model.beyond("Transcribe the speech.") is None
    assert model.beyond("Is the speaker male?") == "it transcribes and does nothing else"
    assert cascade().beyond("Is the speaker male?") is None
    for said, wanted in ((["no speech"] * 3, "no speech"), ([""] * 3, "")):
        silent = CascadeModel("cascade/steps", recogniser=Steps(*said), text=None)
        assert silent.ask([asked(2_500)])[0].text.strip() == wanted


def test_specifications(tmp_path, monkeypatch):
    model = load_model("cascade/scripted/never_hears+scripted/always_refuse")
    (reply,) = model.ask([asked(5)])
    assert reply.text.startswith("I'm sorry") and "cannot hear" in reply.details["transcript"]
    assert "scripted" in model.note and not model.uses_truth
    for spec in ("cascade/+scripted/echo", "cascade/scripted/echo+", "cascade/+"):
        with pytest.raises(BadParameter, match=r"<recogniser>\+<text model>"):
            load_model(spec)


def test_the_missing_recogniser_names_its_extra(monkeypatch):
    if importlib.util.find_spec("pocketsphinx"):
        monkeypatch.setitem(__import__("sys").modules, "pocketsphinx", None)
    with pytest.raises(MissingExtra, match="asr-small"):
        load_model("cascade/pocketsphinx+scripted/echo")


def test_pocketsphinx_hears_alike_in_any_order():
    pytest.importorskip("pocketsphinx", reason='needs pip install "earnest[asr-small]"')
    model = load_model("cascade/pocketsphinx+scripted/always_refuse")
    time_s = np.arange(8_000) / 8_000
    hum = np.sin(2 * np.pi * 150 * time_s) * np.sin(2 * np.pi * 3 * time_s) ** 2
    clips = [AudioClip((level * hum).astype(np.float32), 8_000) for level in (0.3, 0.1, 0.02)]
    stimuli = [Stimulus(clips={"speech": clip}, prompt="?") for clip in clips]
    there = [reply.details["transcript"] for reply in model.ask(stimuli)]
    back = [reply.details["transcript"] for reply in model.ask(stimuli[::-1])]
    assert there == back[::-1] and model.batch_size == 1


@pytest.fixture(scope="module")
def two_minutes():
    """An item of two minutes of the embedded speech; its words are known."""
    from earnest.tasks import tasks
    from earnest.tasks.probe import probe_manifest

    task = tasks.get("long_dictation")(lengths_s=(120.0,), n_passages=1)
    (item,) = task.items(probe_manifest(), seed=0)
    return task, item, item.load()


def test_two_minutes_are_too_long_for_the_embedded_model_and_a_cascade_hears_them(two_minutes):
    task, item, stimulus = two_minutes
    alone = load_model("earnest/reference")
    assert (alone.max_duration_s, alone.ask([stimulus])[0].reason) == (12.0, "too_long")
    model = load_model("cascade/earnest/reference")
    assert model.max_duration_s is None
    (reply,) = model.ask([stimulus])
    heard = task.score(item, reply)
    assert 0.4 < heard.score < 0.95
    assert min(heard.facts["words_by_third"]) > 80
    assert max(heard.facts["errors_by_third"]) < 0.75 * max(heard.facts["words_by_third"])


def test_a_text_model_is_told_of_two_minutes(two_minutes):
    _, _, stimulus = two_minutes
    model = CascadeModel("cascade/earnest/reference+mouth", recogniser=load_model("earnest/reference"), text=Mouth())
    (reply,) = model.ask([stimulus])
    assert reply.text.startswith("None|Transcribe the speech.")
    assert reply.text.endswith(reply.details["transcript"]) and len(reply.details["transcript"].split()) > 200
