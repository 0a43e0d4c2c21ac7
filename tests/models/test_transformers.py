"""Every family that is carried, as a real model class with random weights, and its hearing against the real extractor."""

import base64
import importlib.util
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from earnest.audio import AudioClip, Stimulus
from earnest.errors import BadData, BadParameter, MissingExtra
from earnest.models import Answer, Failure, Sampling, load_model

os.environ.setdefault("HF_HUB_OFFLINE", "1")
torch = pytest.importorskip("torch", reason='needs pip install "earnest[transformers]"')
transformers = pytest.importorskip("transformers", reason='needs pip install "earnest[transformers]"')

_spec = importlib.util.spec_from_file_location("tiny", Path(__file__).with_name("tiny.py"))
tiny = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tiny)

SHORT = Sampling(max_tokens=6)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # tiny networks lose time on more
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    made = {}

    def folder(family):
        if family not in made:
            made[family] = tiny.write(family, tmp_path_factory.mktemp(family))
        return made[family]

    return folder


@pytest.fixture(scope="module")
def loaded(checkpoints):
    made = {}

    def model(family):
        if family not in made:
            made[family] = load_model(f"transformers/{checkpoints(family)}")
        return made[family]

    return model


def noise(seconds, seed=0):
    samples = np.random.default_rng(seed).normal(0, 0.1, round(16_000 * seconds))
    return AudioClip(samples.astype(np.float32), 16_000)


class Guarded(dict):
    def __getitem__(self, key):
        raise AssertionError("truth was read")

    get = keys = values = items = __iter__ = __len__ = __bool__ = __getitem__


def asked(seconds=1.0, seed=0, prompt="What is said?", **options):
    return Stimulus(clips={"speech": noise(seconds, seed)}, prompt=prompt, truth=Guarded(), **options)


def tokens_of(model, stimulus, n_tokens):
    return model._prompts.ids(stimulus.turns, stimulus.system_prompt, n_tokens)


THREE = [asked(1.0), asked(1.3, 1, "And here?", system_prompt="Be brief."), asked(1.0, 2)]
families = pytest.mark.parametrize("family", tiny.FAMILIES)


@families
def test_answers_hear_the_clip_and_do_not_depend_on_the_batch(loaded, family):
    model = loaded(family)
    assert model.access == {"responses", "scores", "gradients", "activations"} and model.destination is None
    replies = model.ask([*THREE, Stimulus(clips={}, prompt="No clip here.")], sampling=SHORT)
    assert all(isinstance(reply, Answer) for reply in replies)
    for stimulus, reply in zip(THREE, replies):
        (alone,) = model.ask([stimulus], sampling=SHORT)
        assert alone.text == reply.text and alone.usage == reply.usage
        assert alone.log_probability == pytest.approx(reply.log_probability, abs=1e-4)
    assert abs(replies[0].log_probability - replies[2].log_probability) > 1e-3  # the same prompt, another clip
    assert replies[0].usage["input_audio_tokens"] > 0 and replies[3].usage["input_audio_tokens"] == 0
    assert replies[0].usage["output_tokens"] <= 6 and replies[0].details["finish_reason"] in ("stop", "length")


@families
def test_short_and_long_clips_are_heard_together_as_alone(loaded, family):
    """Qwen3-Omni pads every chunk to the longest of the batch, up to 1 s, and its convolutions see the padding."""
    model = loaded(family)
    lengths = (0.2, 0.5, 0.9, 1.1, 1.9 if family == "qwen2_audio" else 2.3)  # its windows last 2 s here
    mixed = [asked(seconds, seed) for seed, seconds in enumerate(lengths)]
    mixed += [
        Stimulus(clips={"noise": noise(0.3, 7), "speech": noise(0.7, 8)}, prompt="Which?"),
        Stimulus(clips={"noise": noise(0.3, 9), "speech": noise(1.4, 10)}, prompt="Which?"),
    ]
    replies = model.ask(mixed, sampling=SHORT)
    losses, gradients = model.loss_and_gradient(mixed, targets=["Sure."] * len(mixed))
    for stimulus, reply, loss, gradient in zip(mixed, replies, losses, gradients):
        (alone,) = model.ask([stimulus], sampling=SHORT)
        assert alone.text == reply.text and alone.log_probability == pytest.approx(reply.log_probability, abs=1e-5)
        (loss_alone,), (gradient_alone,) = model.loss_and_gradient([stimulus], targets=["Sure."])
        assert loss_alone == pytest.approx(loss, abs=1e-5)
        np.testing.assert_allclose(gradient_alone, gradient, atol=1e-3 * np.abs(gradient).max())


def test_qwen3_omni_still_batches_what_is_padded_alike(loaded):
    model = loaded("qwen3_omni_moe_thinker")
    sizes = (1.1, 0.5, 2.3, 0.5, 1.0, 0.9)
    prepared = {place: model._prepared(asked(seconds, place)) for place, seconds in enumerate(sizes)}
    assert model._batches(prepared) == [[0, 2, 4], [1, 3], [5]]  # a chunk lasts 1 s


@families
def test_log_probability_is_that_of_the_tokens_said(loaded, family):
    model = loaded(family)
    with torch.inference_mode():
        prepared = model._prepared(THREE[0])
        ((said,), (log_probability,)) = model._generated([prepared], [THREE[0].digest], SHORT)
        prepared.target = said
        assert log_probability == pytest.approx(-float(model._loss([prepared])[0]) * len(said), rel=1e-4)


@families
def test_gradients_reach_the_waveform(loaded, family):
    model = loaded(family)
    before = torch.random.get_rng_state()
    targets = ["Sure", "No, never.", "Sure"]
    losses, gradients = model.loss_and_gradient(THREE, targets=targets)
    for stimulus, gradient in zip(THREE, gradients):
        assert gradient.dtype == np.float32 and gradient.shape == stimulus.clip.samples.shape
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0
    direction = np.sign(gradients[0]) * np.float32(2e-5)
    samples = THREE[0].clip.samples
    moved = [THREE[0].with_clip(AudioClip(samples + way * direction, 16_000)) for way in (1, -1)]
    (up, down), _ = model.loss_and_gradient(moved, targets=targets[:1] * 2)
    assert (up - down) / 2 == pytest.approx(float(gradients[0] @ direction), rel=0.05)
    (alone,), (alone_gradient,) = model.loss_and_gradient(THREE[1:2], targets=targets[1:2])
    assert alone == pytest.approx(losses[1], rel=1e-4)
    np.testing.assert_allclose(alone_gradient, gradients[1], atol=1e-3 * np.abs(gradients[1]).max())
    assert all(p.grad is None and not p.requires_grad for p in model.network.parameters())
    assert not model.network.training and torch.equal(before, torch.random.get_rng_state())


@families
def test_activations_of_every_layer(loaded, family):
    model = loaded(family)
    first, second, third = model.activations(THREE)
    assert set(first) == {"decoder.0", "decoder.1", "decoder.2"}
    assert all(state.shape == (32,) and state.dtype == np.float32 for state in first.values())
    assert np.array_equal(first["decoder.0"], third["decoder.0"])  # the same last token of the prompt
    assert not np.array_equal(first["decoder.2"], third["decoder.2"])  # another clip before it


@families
def test_draws_depend_on_seed_and_stimulus_alone(loaded, family):
    model = loaded(family)
    warm = Sampling(max_tokens=6, temperature=1.0, seed=1)
    before = torch.random.get_rng_state()
    together = [reply.text for reply in model.ask(THREE, sampling=warm)]
    assert together == [model.ask([stimulus], sampling=warm)[0].text for stimulus in THREE]
    other = [reply.text for reply in model.ask(THREE, sampling=Sampling(max_tokens=6, temperature=1.0, seed=2))]
    assert together != other and torch.equal(before, torch.random.get_rng_state())


@families
def test_several_clips(loaded, family):
    model = loaded(family)
    two = Stimulus(clips={"first": noise(0.6), "second": noise(0.5, 1)}, prompt="Which?")
    swapped = Stimulus(clips={"first": noise(0.5, 1), "second": noise(0.6)}, prompt="Which?")
    one, other = model.ask([two, swapped], sampling=SHORT)
    assert abs(one.log_probability - other.log_probability) > 1e-3


def test_gradients_go_to_the_primary_clip(loaded):
    for family in ("qwen2_audio", "granite_speech"):  # one hears several clips, one hears them joined
        stimulus = Stimulus(clips={"noise": noise(0.3), "speech": noise(0.5, 1)}, prompt="?")
        _, (gradient,) = loaded(family).loss_and_gradient([stimulus], targets=["Sure"])
        assert gradient.shape == (8_000,) and np.abs(gradient).max() > 0


def test_what_cannot_be_heard_is_a_failure_of_the_item(loaded):
    replies = loaded("qwen2_audio").ask(
        [asked(1.0), asked(2.5), asked(0.01), asked(prompt="say <audio>")], sampling=SHORT
    )
    assert isinstance(replies[0], Answer)
    assert [reply.reason for reply in replies[1:]] == ["too_long", "bad_audio", "model_error"]
    assert "at most 2 s" in replies[1].detail
    assert isinstance(loaded("audioflamingo3").ask([asked(2.5)], sampling=SHORT)[0], Answer)  # two windows


@families
def test_silence_has_finite_gradients(loaded, family):
    silent = Stimulus(clips={"speech": AudioClip(np.zeros(16_000, dtype=np.float32), 16_000)}, prompt="?")
    (loss,), (gradient,) = loaded(family).loss_and_gradient([silent], targets=["Sure"])
    assert np.isfinite(loss) and np.isfinite(gradient).all()


def test_what_gradients_ask_for(loaded):
    model = loaded("qwen2_audio")
    slow = Stimulus(clips={"speech": noise(1).resampled(8_000)}, prompt="?")
    assert isinstance(model.ask([slow], sampling=SHORT)[0], Answer)
    with pytest.raises(BadParameter, match="16000 Hz"):
        model.loss_and_gradient([slow], targets=["x"])
    with pytest.raises(BadParameter, match="at least one token"):
        model.loss_and_gradient(THREE[:1], targets=[""])
    with pytest.raises(BadParameter, match="one per stimulus"):
        model.loss_and_gradient(THREE[:1], targets=[])


def test_an_end_token_ends_the_answer(loaded):
    model = loaded("qwen2_audio")
    (reply,) = model.ask([THREE[0]], sampling=SHORT)
    said = model._generated([model._prepared(THREE[0])], [THREE[0].digest], SHORT)[0][0]
    ends = model._prompts.end_ids
    model._prompts.end_ids = frozenset({said[2]})
    try:
        (stopped,) = model.ask([THREE[0]], sampling=SHORT)
    finally:
        model._prompts.end_ids = ends
    n_said = said.index(said[2]) + 1
    assert stopped.usage["output_tokens"] == n_said and stopped.details["finish_reason"] == "stop"
    assert reply.text.startswith(stopped.text[:1])


def test_a_checkpoints_own_ways_of_drawing_are_left_out(tmp_path, loaded):
    folder = tiny.write("qwen2_audio", tmp_path)
    own = json.loads((folder / "generation_config.json").read_text())
    odd = {"repetition_penalty": 3.0, "do_sample": True, "temperature": 2.0, "top_k": 3, "no_repeat_ngram_size": 1}
    (folder / "generation_config.json").write_text(json.dumps({**own, **odd, "eos_token_id": [5, 6]}))
    model = load_model(f"transformers/{folder}")
    (theirs,), (ours,) = loaded("qwen2_audio").ask([THREE[0]], sampling=SHORT), model.ask([THREE[0]], sampling=SHORT)
    assert ours.text == theirs.text and ours.log_probability == pytest.approx(theirs.log_probability)
    assert {5, 6} < model._prompts.end_ids


@pytest.mark.parametrize("family", ["qwen2_audio", "voxtral", "granite_speech"])
def test_without_a_template_the_familys_own_turns_are_used(tmp_path, family):
    model = load_model(f"transformers/{tiny.write(family, tmp_path, template=None)}")
    ids = tokens_of(model, asked(prompt="Well?", system_prompt="Be brief."), [[3]])
    text = model._prompts._tokenizer.decode(ids)
    assert text.count("<audio>") == 3 and "Be brief." in text and text.index("<audio>") < text.index("Well?")
    assert isinstance(model.ask([asked()], sampling=SHORT)[0], Answer)


def test_templates_in_older_files_are_found(tmp_path):
    folder = tiny.write("qwen2_audio", tmp_path, template=None)
    (folder / "chat_template.json").write_text('{"chat_template": "OLD <audio> {{ messages[0].content[1].text }}"}')
    model = load_model(f"transformers/{folder}")
    assert model._prompts._tokenizer.decode(tokens_of(model, asked(prompt="Hi"), [[1]])) == "OLD <audio> Hi"
    (folder / "chat_template.json").write_text('{"chat_template": "no clip"}')
    (reply,) = load_model(f"transformers/{folder}").ask([asked()])
    assert isinstance(reply, Failure) and "one '<audio>' per clip" in reply.detail


def test_voxtral_by_its_own_tokenizer_file(tmp_path):
    """A checkpoint as Mistral ships it: `tekken.json` and neither a tokenizer nor a template of the usual form."""
    folder = tiny.write("voxtral", tmp_path, template=None)
    for path in [*folder.glob("tok*"), *folder.glob("special*")]:
        path.unlink()
    names = [f"<SPECIAL_{place}>" for place in range(26)]
    for place, name in {
        0: "<unk>",
        1: "<s>",
        2: "</s>",
        3: "[INST]",
        4: "[/INST]",
        24: "[AUDIO]",
        25: "[BEGIN_AUDIO]",
    }.items():
        names[place] = name
    sizes = {"num_vocab_tokens": 256, "default_vocab_size": 282, "default_num_special_tokens": 26, "version": "v7"}
    letters = [{"rank": n, "token_bytes": base64.b64encode(bytes([n])).decode(), "token_str": None} for n in range(256)]
    special = [{"rank": n, "token_str": name, "is_control": True} for n, name in enumerate(names)]
    tekken = {"config": {"pattern": r"\p{L}+|\s+|.", **sizes}, "vocab": letters, "special_tokens": special}
    (folder / "tekken.json").write_text(json.dumps(tekken))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "audio_token_id": 24}))
    model = load_model(f"transformers/{folder}")
    assert tokens_of(model, asked(prompt="Hi"), [[2]]) == [1, 3, 25, 24, 24, 26 + ord("H"), 26 + ord("i"), 4]
    assert isinstance(model.ask([asked()], sampling=SHORT)[0], Answer)


def test_the_thinker_of_a_whole_omni_checkpoint(tmp_path, checkpoints):
    thinker = transformers.AutoConfig.from_pretrained(checkpoints("qwen2_5_omni_thinker"))
    whole = transformers.Qwen2_5OmniConfig(thinker_config=thinker.to_dict(), enable_audio_output=False)
    network = transformers.Qwen2_5OmniForConditionalGeneration(whole)
    network.save_pretrained(tmp_path)
    tiny.tokenizer(tiny.CHATML).save_pretrained(tmp_path)
    model = load_model(f"transformers/{tmp_path}")
    assert type(model.network).__name__ == "Qwen2_5OmniThinkerForConditionalGeneration"
    theirs, ours = network.thinker.state_dict(), model.network.state_dict()
    assert set(theirs) == set(ours) and all(torch.equal(theirs[key], ours[key]) for key in ours)
    assert isinstance(model.ask([asked()], sampling=SHORT)[0], Answer)


def test_checkpoints_that_cannot_be_used(tmp_path, checkpoints, monkeypatch):
    with pytest.raises(BadParameter, match="hf download"):
        load_model("transformers/nobody/no-such-model")
    transformers.BertConfig().save_pretrained(tmp_path / "bert")
    with pytest.raises(BadParameter, match="'bert', which earnest does not carry"):
        load_model(f"transformers/{tmp_path / 'bert'}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadParameter, match=r"config\.json"):
        load_model(f"transformers/{tmp_path / 'empty'}")
    (tmp_path / "light").mkdir()
    (tmp_path / "light" / "config.json").write_bytes((checkpoints("qwen2_audio") / "config.json").read_bytes())
    with pytest.raises(BadParameter, match="safetensors"):
        load_model(f"transformers/{tmp_path / 'light'}")
    from safetensors.torch import load_file, save_file

    folder = tiny.write("qwen2_audio", tmp_path / "holed")
    weights = load_file(folder / "model.safetensors")
    weights.pop(next(key for key in weights if "conv1.weight" in key))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadData, match=r"every weight(.|\n)*conv1"):
        load_model(f"transformers/{folder}")
    (tmp_path / "adapted").mkdir()
    for path in checkpoints("phi4_multimodal").iterdir():
        (tmp_path / "adapted" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "adapted" / "speech-lora").mkdir()
    monkeypatch.setattr("earnest.registry.has_extra", lambda module: module != "peft")
    with pytest.raises(MissingExtra, match="pip install peft"):
        load_model(f"transformers/{tmp_path / 'adapted'}")


def test_a_transformers_without_the_family_is_told(checkpoints, monkeypatch):
    from earnest.models._families import FAMILIES

    monkeypatch.setitem(FAMILIES, "voxtral", replace(FAMILIES["voxtral"], class_name="NotYetThere"))
    with pytest.raises(MissingExtra, match="NotYetThere.*upgrade transformers"):
        load_model(f"transformers/{checkpoints('voxtral')}")


def test_fingerprints_tell_weights_apart(tmp_path, checkpoints):
    same = load_model(f"transformers/{checkpoints('qwen2_audio')}")
    other = load_model(f"transformers/{tiny.write('qwen2_audio', tmp_path, seed=1)}")
    assert same.fingerprint == load_model(f"transformers/{checkpoints('qwen2_audio')}").fingerprint != other.fingerprint


# Hearing, against the feature extractors of transformers


def _whisper(n_mels, seconds):
    return transformers.WhisperFeatureExtractor(feature_size=n_mels, chunk_length=seconds)


def _extracted(extractor, clips, **options):
    samples = [clip.samples for clip in clips]
    return extractor(samples, sampling_rate=16_000, return_attention_mask=True, return_tensors="pt", **options)


def _heard(family, clip, **changed):
    from earnest.models._families import FAMILIES

    ids = {token: 300 for token in tiny.SPECIAL}
    config = tiny.config(family, ids, 400)
    row = FAMILIES[family]
    section = getattr(config, row.audio_config) if row.audio_config else config
    for key, value in changed.items():
        setattr(section, key, value)
    return row.hear(torch.from_numpy(clip.samples.copy()), section)


def _close(ours, theirs):
    assert ours.shape == theirs.shape
    assert float((ours - theirs).abs().max()) < 1e-4


CLIPS = [noise(1.234, 3), noise(0.05, 4), AudioClip(np.zeros(8_000, dtype=np.float32), 16_000), noise(1.6, 5)]


@pytest.mark.parametrize("clip", CLIPS)
def test_one_window_is_heard_as_qwen2_audio_does(clip):
    theirs = _extracted(_whisper(128, 30), [clip])
    ours = _heard("qwen2_audio", clip, max_source_positions=1500, num_mel_bins=128)
    _close(ours.features, theirs["input_features"])
    assert torch.equal(ours.mask, theirs["attention_mask"].long())
    tokens = tiny.tokenizer()
    processor = transformers.Qwen2AudioProcessor(_whisper(128, 30), tokens, audio_token="<audio>")
    ids = processor(text="<audio>", audio=clip.samples, sampling_rate=16_000)["input_ids"]
    assert ours.n_tokens == list(np.ravel(ids)).count(tokens.convert_tokens_to_ids("<audio>"))


@pytest.mark.parametrize("clip", CLIPS)
def test_frames_are_heard_as_qwen_omni_does(clip):
    from transformers.models.qwen2_5_omni.processing_qwen2_5_omni import _get_feat_extract_output_lengths as two
    from transformers.models.qwen3_omni_moe.processing_qwen3_omni_moe import _get_feat_extract_output_lengths as three

    theirs = _extracted(_whisper(80, 30), [clip])
    n_frames = int(theirs["attention_mask"].sum())
    ours = _heard("qwen2_5_omni_thinker", clip)
    _close(ours.features, theirs["input_features"][:, :, :n_frames])
    assert int(ours.mask.sum()) == n_frames and ours.n_tokens == int(two(torch.tensor(n_frames)))
    assert _heard("qwen3_omni_moe_thinker", clip).n_tokens == int(three(torch.tensor(n_frames)))


def test_windows_are_heard_as_voxtral_and_audio_flamingo_do():
    clip = noise(5.3, 6)
    whole = _extracted(_whisper(80, 2), [clip], truncation=False, padding=True, pad_to_multiple_of=32_000)
    ours = _heard("voxtral", clip)
    _close(ours.features, whole["input_features"].reshape(80, -1, 200).transpose(0, 1))
    parts = [AudioClip(clip.samples[start : start + 32_000], 16_000) for start in range(0, clip.n_samples, 32_000)]
    theirs = _extracted(_whisper(80, 2), parts)
    ours = _heard("audioflamingo3", clip)
    _close(ours.features, theirs["input_features"])
    assert torch.equal(ours.mask, theirs["attention_mask"].long())


@pytest.mark.parametrize("clip", [CLIPS[0], CLIPS[2], CLIPS[3]])
def test_filter_banks_are_heard_as_phi4_does(clip):
    theirs = transformers.Phi4MultimodalFeatureExtractor()([clip.samples], sampling_rate=16_000)
    ours = _heard("phi4_multimodal", clip)
    _close(ours.features, theirs["audio_input_features"])
    assert ours.n_tokens == int(theirs["audio_embed_sizes"][0])


@pytest.mark.parametrize("clip", [CLIPS[0], CLIPS[2], CLIPS[3]])
def test_stacked_frames_are_heard_as_granite_does(clip):
    """Granite's own extractor needs torchaudio; its formula is repeated with numpy, frame by frame."""
    bank = transformers.audio_utils.mel_filter_bank(257, 80, 0.0, 8000.0, 16_000, norm=None, mel_scale="htk")
    padded = np.pad(clip.samples.astype(np.float64), 256, mode="reflect")
    window = np.zeros(512)
    window[56:456] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    n_frames = clip.n_samples // 160 + 1
    frames = np.stack([padded[160 * n : 160 * n + 512] * window for n in range(n_frames)])
    logarithm = np.log10(np.maximum(np.abs(np.fft.rfft(frames)) ** 2 @ bank, 1e-10))
    scaled = np.maximum(logarithm, logarithm.max() - 8) / 4 + 1
    theirs = scaled[: n_frames // 2 * 2].reshape(1, -1, 160)
    ours = _heard("granite_speech", clip)
    _close(ours.features, torch.from_numpy(theirs))
    assert ours.n_tokens == -(-(n_frames // 2) // 15) * 3 == ours.mask.shape[1]
