"""Every family that is carried, as a real model class with random weights, and its hearing against the real extractor."""

import base64
import importlib.util
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from earnest.audio import AudioClip, Stimulus, Turn
from earnest.errors import AccessDenied, BadData, BadParameter, MissingExtra, ModelFailed
from earnest.models import Answer, Edit, Failure, Sampling, load_model
from earnest.testing import check_model

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
    prepared = {place: model._inputs.prepared(asked(seconds, place)) for place, seconds in enumerate(sizes)}
    assert model._inputs.batches(prepared, model.batch_size) == [[0, 2, 4], [1, 3], [5]]  # a chunk lasts 1 s


@families
def test_log_probability_is_that_of_the_tokens_said(loaded, family):
    model = loaded(family)
    with torch.inference_mode():
        prepared = model._inputs.prepared(THREE[0])
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
    said = model._generated([model._inputs.prepared(THREE[0])], [THREE[0].digest], SHORT)[0][0]
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


def test_a_fingerprint_covers_every_byte_of_what_is_loaded_and_nothing_else(tmp_path):
    folder = tiny.write("qwen2_audio", tmp_path)
    first = load_model(f"transformers/{folder}").fingerprint
    data = bytearray((folder / "model.safetensors").read_bytes())
    (folder / "consolidated.safetensors").write_bytes(data)  # lies there, and is not loaded
    assert load_model(f"transformers/{folder}").fingerprint == first
    data[len(data) // 2 + 77_777 % (len(data) // 4)] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    assert load_model(f"transformers/{folder}").fingerprint != first


def test_weights_that_can_hold_code_are_not_loaded(tmp_path, checkpoints):
    from safetensors.torch import load_file

    folder = tiny.write("qwen2_audio", tmp_path / "pickled")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(
        BadParameter, match=r"weights as safetensors \(model.safetensors, or .*\), got pytorch_model.bin; convert them"
    ):
        load_model(f"transformers/{folder}")
    for shard in ("../model.safetensors", "model.bin", "absent.safetensors"):
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": shard}}))
        with pytest.raises(BadParameter, match="must have an index of its weights|absent.safetensors is missing"):
            load_model(f"transformers/{folder}")
    cut = tiny.write("qwen2_audio", tmp_path / "cut")
    (cut / "model.safetensors").write_bytes((cut / "model.safetensors").read_bytes()[:-1000])
    with pytest.raises(BadParameter, match="must hold weights as safetensors, but"):
        load_model(f"transformers/{cut}")


def test_a_sharded_checkpoint_is_hashed_whole(tmp_path, checkpoints):
    network = load_model(f"transformers/{checkpoints('qwen2_audio')}").network
    folder = tiny.write("qwen2_audio", tmp_path)
    network.save_pretrained(folder, max_shard_size="50KB")
    (folder / "model.safetensors").unlink(missing_ok=True)  # tiny.write left it
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    first = load_model(f"transformers/{folder}").fingerprint
    *_, last = sorted(folder.glob("model-*.safetensors"))
    data = bytearray(last.read_bytes())
    data[-1] ^= 1
    last.write_bytes(data)
    assert load_model(f"transformers/{folder}").fingerprint != first


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


# Conversations

EARLIER = Turn(role="user", text="Hear this.", clips={"a": noise(0.6, 11), "b": noise(0.5, 12)})
SAID = Turn(role="assistant", text="Heard.", clips={"speech": noise(0.4, 13)})
ONE_RECORDING = ("audioflamingo3", "granite_speech", "phi4_multimodal")


def talk(*history, **options):
    return Stimulus(**{"clips": {"speech": noise(0.7, 14)}, "prompt": "And now?", "history": history, **options})


def text_of(model, stimulus):
    """The prompt as the tokenizer reads it back, each run of audio tokens as one."""
    ids = model._inputs.prepared(stimulus).ids
    kept = [one for place, one in enumerate(ids) if one != model._prompts.audio_id or ids[place - 1] != one]
    return model._prompts._tokenizer.decode(kept)


@families
def test_turns_go_through_the_chat_template(loaded, family):
    model = loaded(family)
    clips = {"first": noise(0.6, 11)} if family in ONE_RECORDING else EARLIER.clips
    written = talk(Turn(role="user", text="Hear this.", clips=clips), SAID, clips={}, system_prompt="Be brief.")
    hear = "<audio>" if model.family.in_parts is False else "<hear><audio></hear>"
    assert text_of(model, written) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        f"<|im_start|>user\n{hear * len(clips)}Hear this.<|im_end|>\n"
        "<|im_start|>assistant\nHeard.<|im_end|>\n"
        "<|im_start|>user\nAnd now?<|im_end|>\n<|im_start|>assistant\n"
    )


@families
def test_recordings_of_earlier_turns_are_heard_where_the_family_hears_several(loaded, family):
    model = loaded(family)
    assert model.takes_history
    three = [
        talk(EARLIER, SAID),
        talk(),
        talk(replace(EARLIER, clips={"a": noise(0.6, 21), "b": noise(0.5, 22)}), SAID),
    ]
    spoken, plain, otherwise = model.ask(three, sampling=SHORT)
    assert isinstance(plain, Answer)
    if family in ONE_RECORDING:
        for reply in (spoken, otherwise):
            assert (
                reply.reason == "history_refused"
                and "hears one recording in a conversation, got some in 2 turns" in reply.detail
            )
        (written,) = model.ask([talk(replace(EARLIER, clips={}), SAID)], sampling=SHORT)
        assert isinstance(written, Answer) and written.usage["input_tokens"] > plain.usage["input_tokens"]
        return
    assert spoken.usage["input_audio_tokens"] > plain.usage["input_audio_tokens"]
    assert abs(spoken.log_probability - otherwise.log_probability) > 1e-4  # the same words, other recordings before
    for stimulus, reply in zip(three, (spoken, plain, otherwise)):
        (alone,) = model.ask([stimulus], sampling=SHORT)
        assert alone.text == reply.text and alone.log_probability == pytest.approx(reply.log_probability, abs=1e-4)


def test_clips_are_heard_in_the_order_of_the_turns(loaded):
    model = loaded("qwen2_audio")
    prepared = model._inputs.prepared(talk(EARLIER, SAID, Turn(role="user", clips={"c": noise(0.9, 15)})))
    alone = [
        model._inputs.prepared(Stimulus(clips={"x": clip}, prompt="?")).heard[0]
        for clip in (noise(0.6, 11), noise(0.5, 12), noise(0.9, 15), noise(0.7, 14))
    ]
    assert len(prepared.heard) == 4 and all(torch.equal(a.features, b.features) for a, b in zip(prepared.heard, alone))


def test_gradients_are_of_the_clip_that_is_asked_about(loaded):
    model = loaded("qwen2_audio")
    stimulus = talk(EARLIER, SAID)
    (loss,), (gradient,) = model.loss_and_gradient([stimulus], targets=["Sure"])
    assert gradient.shape == stimulus.clip.samples.shape and np.abs(gradient).max() > 0
    direction = np.sign(gradient) * np.float32(2e-5)
    moved = [stimulus.with_clip(AudioClip(stimulus.clip.samples + way * direction, 16_000)) for way in (1, -1)]
    (up, down), _ = model.loss_and_gradient(moved, targets=["Sure", "Sure"])
    assert (up - down) / 2 == pytest.approx(float(gradient @ direction), rel=0.05)
    assert model.loss_and_gradient([talk()], targets=["Sure"])[0][0] != pytest.approx(float(loss), abs=1e-6)


BUILT = {
    "qwen2_audio": "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\n<|audio_bos|><audio><|audio_eos|>\nU<|im_end|>\n"
    "<|im_start|>assistant\nA<|im_end|>\n<|im_start|>user\nAnd now?<|im_end|>\n<|im_start|>assistant\n",
    "voxtral": "<s>[INST][BEGIN_AUDIO]<audio>S\n\nU[/INST]A</s>[INST]And now?[/INST]",
    "granite_speech": "<|start_of_role|>system<|end_of_role|>S<|end_of_text|>\n"
    "<|start_of_role|>user<|end_of_role|><audio>U<|end_of_text|>\n"
    "<|start_of_role|>assistant<|end_of_role|>A<|end_of_text|>\n"
    "<|start_of_role|>user<|end_of_role|>And now?<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>",
    "phi4_multimodal": "<|system|>S<|end|><|user|><audio>U<|end|>"
    "<|assistant|>A<|end|><|user|>And now?<|end|><|assistant|>",
}


@pytest.mark.parametrize("family", BUILT)
def test_without_a_template_turns_have_the_familys_own_form(tmp_path, family):
    model = load_model(f"transformers/{tiny.write(family, tmp_path, template=None)}")
    first = Turn(role="user", text="U", clips={"x": noise(0.5)})
    stimulus = talk(first, Turn(role="assistant", text="A"), clips={}, system_prompt="S")
    assert text_of(model, stimulus) == BUILT[family]


REFUSING = (
    "{{ raise_exception('roles must alternate') if messages|length > 2 }}{{ messages[0].content[1].text }}<audio>"
)
FORGETFUL = "<audio>{{ messages[-1].content[1].text }}"


def test_a_template_that_refuses_or_forgets_turns_gives_no_answer(tmp_path):
    written = talk(Turn(role="user", text="What was first."), Turn(role="assistant", text="Noted."))
    for name, template, words in (
        ("refusing", REFUSING, "must take the messages, and says: roles must alternate"),
        ("forgetful", FORGETFUL, "must carry every turn, and leaves some out"),
    ):
        model = load_model(f"transformers/{tiny.write('qwen2_audio', tmp_path / name, template=template)}")
        refused, plain = model.ask([written, talk()], sampling=SHORT)
        assert refused.reason == "history_refused" and words in refused.detail, refused
        assert isinstance(plain, Answer)


def test_thoughts_of_earlier_answers_may_be_left_out(tmp_path):
    template = tiny.CHATML.replace(
        "{{ message['content'] }}{% else %}", "{{ message['content'].split('</think>')[-1] }}{% else %}"
    )
    model = load_model(f"transformers/{tiny.write('qwen2_audio', tmp_path, template=template)}")
    thought = talk(Turn(role="user", text="Hi"), Turn(role="assistant", text="<think>Hm.</think>\nNoted."), clips={})
    assert "Noted." in text_of(model, thought) and "Hm." not in text_of(model, thought)
    assert isinstance(model.ask([thought], sampling=SHORT)[0], Answer)


def test_earlier_turns_cannot_smuggle_in_audio_tokens_or_wordless_answers(loaded):
    model = loaded("qwen2_audio")
    smuggled, wordless = model.ask(
        [talk(Turn(role="assistant", text="<audio>")), talk(Turn(role="assistant", clips={"x": noise(0.5)}))]
    )
    assert smuggled.reason == "model_error" and "must not hold '<audio>'" in smuggled.detail
    assert wordless.reason == "history_refused" and "give the turn its words" in wordless.detail


# Scores of given texts


@families
def test_scores_are_sums_of_log_softmax_by_hand(loaded, family):
    model = loaded(family)
    texts = ["Sure.", "No, never.", ""]
    scores = model.score(THREE, texts)
    assert scores.shape == (3,) and scores.dtype == np.float64 and (scores < 0).all()
    for stimulus, text, score in zip(THREE, texts, scores):
        item = model._inputs.prepared(stimulus)
        tokens = model._prompts._tokenizer(text, add_special_tokens=False)["input_ids"]
        assert len(tokens) == len(text)  # a token is a byte here
        total, ids = 0.0, list(item.ids)
        with torch.inference_mode():
            for token in [*tokens, None]:  # one at a time, each from what went before; at last the end
                item.ids = ids
                row = (
                    model.network(**model._inputs.tensors([item]), use_cache=False)
                    .logits[0, -1]
                    .double()
                    .log_softmax(-1)
                )
                total += float(row[sorted(model._prompts.end_ids)].logsumexp(0) if token is None else row[token])
                ids, last = [*ids, token], row.numpy()
        assert score == pytest.approx(total, abs=1e-3)
        assert model.score([stimulus], [text])[0] == pytest.approx(score, abs=1e-3)
        (each,) = model.token_scores([stimulus], [text])
        assert len(each.log_probabilities) == len(tokens) + 1 and each.log_probabilities.sum() == pytest.approx(
            score, abs=1e-3
        )
        mean = float(np.exp(last) @ last)
        assert each.expected[-1] == pytest.approx(mean, abs=1e-3)
        assert each.spread[-1] == pytest.approx(np.sqrt(np.exp(last) @ last**2 - mean**2), abs=1e-3)


def test_the_score_of_what_is_said_is_the_answers_own_log_probability(loaded):
    """Greedy decoding made to end: the answer's tokens and the end token are those that are scored."""
    model = loaded("voxtral")
    (reply,) = model.ask([THREE[0]], sampling=Sampling(max_tokens=3))
    said = model._generated([model._inputs.prepared(THREE[0])], [THREE[0].digest], Sampling(max_tokens=3))[0][0]
    with torch.inference_mode():
        prepared = model._inputs.prepared(THREE[0], target=said)
        ((each, _),) = model._of_tokens([prepared], rows=False)
        assert sum(each) == pytest.approx(reply.log_probability, abs=1e-4)


def test_any_token_that_ends_an_answer_may_end_it(loaded):
    model = loaded("qwen2_audio")
    ends = model._prompts.end_ids
    (one,) = model.score([THREE[0]], ["Sure."])
    model._prompts.end_ids = frozenset({*ends, 5, 6})
    try:
        (several,) = model.score([THREE[0]], ["Sure."])
        model._prompts.end_ids = frozenset()
        (begins, empty) = model.score([THREE[0]] * 2, ["Sure.", ""])
    finally:
        model._prompts.end_ids = ends
    assert one < several < begins < 0 and empty == 0.0


def test_scores_ask_for_a_text_each(loaded):
    with pytest.raises(BadParameter, match="texts must be one per stimulus, got 1 for 3"):
        loaded("qwen2_audio").score(THREE, ["x"])
    with pytest.raises(ModelFailed, match="at most 2 s"):
        loaded("qwen2_audio").score([asked(2.5)], ["x"])


# Sites


@families
def test_activations_are_the_hidden_states_of_transformers(loaded, family):
    model = loaded(family)
    assert model.sites[:4] == ("projector", "decoder.0", "decoder.1", "decoder.2")  # then neurons, but of experts
    with torch.inference_mode():
        item = model._inputs.prepared(THREE[1])
        inputs = model._inputs.tensors([item])
        states = model.network(**inputs, output_hidden_states=True, use_cache=False).hidden_states
    (here,) = model.activations([THREE[1]])
    (everywhere,) = model.activations([THREE[1]], sites=[*model.sites[1:4], "projector"], at="all")
    for n, state in enumerate(states):
        assert np.array_equal(here[f"decoder.{n}"], state[0, -1].numpy())
        assert np.array_equal(everywhere[f"decoder.{n}"], state[0].numpy())
    audio = [place for place, one in enumerate(item.ids) if one == model._prompts.audio_id]
    assert len(audio) == item.heard[0].n_tokens and np.array_equal(everywhere["projector"], states[0][0, audio].numpy())
    (mean,) = model.activations([THREE[1]], sites=["projector"])
    np.testing.assert_allclose(mean["projector"], states[0][0, audio].mean(0).numpy(), atol=1e-6)


def test_neurons_are_what_the_last_layer_of_a_perceptron_is_given(loaded):
    model = loaded("voxtral")
    site = "mlp.decoder.1"
    given = []
    down = model._decoder._layers[1].mlp.down_proj
    handle = down.register_forward_pre_hook(lambda module, args: given.append(args[0].detach().clone()))
    (read,) = model.activations(THREE[:1], sites=[site], at="all")
    handle.remove()
    assert np.array_equal(read[site], given[-1][0].numpy())
    with model.hooked([Edit.replace(site=site, at="generated", vector=0.0)]) as edited:
        (held,) = edited.activations(THREE[:1], sites=[site], at="all")
    assert not held[site][-1].any() and np.array_equal(held[site][:-1], read[site][:-1])
    assert not down._forward_pre_hooks


def test_positions_of_activations(loaded):
    model = loaded("voxtral")
    sites = ["decoder.1", "decoder.2"]
    (answer,), (sep,), (first,) = (
        model.activations(THREE[:1], sites=sites, at=at) for at in ("answer", "sep", "first_answer_token")
    )
    assert all(np.array_equal(answer[site], sep[site]) for site in sites)  # it writes nothing down before it answers
    with torch.inference_mode():
        item = model._inputs.prepared(THREE[0])
        ((token, *_),), _ = model._generated([item], [THREE[0].digest], SHORT)
        item.ids = [*item.ids, token]
        states = model.network(
            **model._inputs.tensors([item]), output_hidden_states=True, use_cache=False
        ).hidden_states
    assert np.array_equal(first["decoder.1"], states[1][0, -1].numpy())
    assert not np.array_equal(first["decoder.1"], answer["decoder.1"])
    with pytest.raises(BadParameter, match=r"no site 'encoder\.0'; its sites are projector, decoder\.0"):
        model.activations(THREE[:1], sites=["encoder.0"])
    with pytest.raises(BadParameter, match="use at='all'"):
        model.activations(THREE[:1], sites=["projector"], at="sep")
    with pytest.raises(BadParameter, match="needs audio, got a prompt alone"):
        model.activations([Stimulus(clips={}, prompt="x")], sites=["projector"])


# Edits


def hooks_of(model):
    return [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.network.modules()]


@families
def test_models_meet_their_contract_and_are_as_they_were(loaded, family):
    model = loaded(family)
    before, hooks, states = model.ask(THREE[:2], sampling=SHORT), hooks_of(model), torch.random.get_rng_state()
    check_model(model, THREE[:2], sampling=SHORT)
    after = model.ask(THREE[:2], sampling=SHORT)
    assert [r.text for r in after] == [r.text for r in before] and hooks_of(model) == hooks
    assert [r.log_probability for r in after] == [r.log_probability for r in before]
    assert torch.equal(states, torch.random.get_rng_state())


@families
def test_patching_all_that_was_heard_gives_the_other_clips_answer(loaded, family):
    """Whatever the decoder gets of one clip, put in place of another of the same length, makes its answer."""
    model = loaded(family)
    one, other = asked(1.0, 31), asked(1.0, 32)
    (heard,) = model.activations([other], sites=["projector"], at="all")
    with model.hooked([Edit.replace(site="projector", at="all", vector=heard["projector"])]) as patched:
        (reply,) = patched.ask([one], sampling=SHORT)
        scores = patched.score([one], ["Sure."])
    (expected,) = model.ask([other], sampling=SHORT)
    assert reply.text == expected.text and reply.log_probability == pytest.approx(expected.log_probability, abs=1e-4)
    assert scores[0] == pytest.approx(model.score([other], ["Sure."])[0], abs=1e-4)
    assert model.ask([one], sampling=SHORT)[0].log_probability != pytest.approx(expected.log_probability, abs=1e-4)


def test_patching_the_last_state_at_sep_gives_the_other_clips_first_token(loaded):
    model = loaded("qwen2_audio")
    one, other = asked(1.0, 31), asked(1.3, 33)
    (there,) = model.activations([other], sites=["decoder.2"], at="sep")
    first = Sampling(max_tokens=1)
    with model.hooked([Edit.replace(site="decoder.2", at="sep", vector=there["decoder.2"])]) as patched:
        (reply,) = patched.ask([one], sampling=first)
    (expected,) = model.ask([other], sampling=first)
    assert reply.log_probability == pytest.approx(expected.log_probability, abs=1e-5) and reply.text == expected.text


def test_positions_of_edits_are_those_of_the_padded_rows(loaded):
    """A batch of unequal prompts: each row is edited at its own place, when generating and when scoring."""
    model = loaded("qwen2_audio")
    stimuli = [asked(1.0, 41, "Short?"), asked(1.0, 42, "A much longer question than the other one?"), asked(1.2, 43)]
    vector = np.random.default_rng(0).standard_normal(32)
    for at in ("sep", "answer", "first_answer_token", "all"):
        edit = Edit.add(site="decoder.1", at=at, vector=vector, scale=3.0)
        with model.hooked([edit]) as edited:
            together = edited.ask(stimuli, sampling=SHORT)
            scores = edited.score(stimuli, ["Sure.", "No", "Never."])
            for stimulus, reply, score, text in zip(stimuli, together, scores, ["Sure.", "No", "Never."]):
                (alone,) = edited.ask([stimulus], sampling=SHORT)
                assert alone.text == reply.text and alone.log_probability == pytest.approx(
                    reply.log_probability, abs=1e-4
                )
                assert edited.score([stimulus], [text])[0] == pytest.approx(score, abs=1e-3)
        plain = model.score(stimuli, ["Sure.", "No", "Never."])
        assert (np.abs(scores - plain) > 1e-3).all(), at


def test_generating_and_scoring_are_edited_alike(loaded):
    """Token by token with a cache, or in one pass: the positions of the answer are the same."""
    model = loaded("voxtral")
    vector = np.random.default_rng(1).standard_normal(32)
    for at in ("sep", "first_answer_token", "all"):
        with model.hooked([Edit.add(site="decoder.1", at=at, vector=vector)]) as edited:
            (reply,) = edited.ask([THREE[0]], sampling=SHORT)
            with torch.inference_mode():
                said = edited._generated([edited._inputs.prepared(THREE[0])], [THREE[0].digest], SHORT)[0][0]
                again = sum(edited._of_tokens([edited._inputs.prepared(THREE[0], target=said)], rows=False)[0][0])
        assert again == pytest.approx(reply.log_probability, abs=1e-3), at


def test_an_edit_at_the_first_answer_token_leaves_that_token_alone(loaded):
    model = loaded("voxtral")
    first = Sampling(max_tokens=1)
    edit = Edit.add(
        site="decoder.0", at="first_answer_token", vector=np.random.default_rng(2).standard_normal(32), scale=30.0
    )
    (plain,), (plain_long,) = model.ask(THREE[:1], sampling=first), model.ask(THREE[:1], sampling=SHORT)
    with model.hooked([edit]) as edited:
        (reply,), (longer,) = edited.ask(THREE[:1], sampling=first), edited.ask(THREE[:1], sampling=SHORT)
    assert reply.log_probability == plain.log_probability and longer.log_probability != plain_long.log_probability


def test_functions_of_ones_own_get_arrays_and_stop_gradients(loaded):
    model = loaded("qwen2_audio")
    seen = []

    def halved(rows):
        seen.append((type(rows), rows.dtype, rows.shape))
        rows *= 0.5  # a copy: spoils nothing
        return rows

    plain, hooks = model.score(THREE[:1], ["Sure."]), hooks_of(model)
    with model.hooked([Edit(site="decoder.1", at="sep", change=halved)]) as edited:
        assert edited.score(THREE[:1], ["Sure."]) != plain
        with pytest.raises(AccessDenied, match="an edit at 'decoder.1' whose `change` takes tensors"):
            edited.loss_and_gradient(THREE[:1], targets=["Sure"])
    assert set(seen) == {(np.ndarray, np.dtype("float32"), (1, 32))}
    assert model.score(THREE[:1], ["Sure."]) == plain and hooks_of(model) == hooks


def test_padding_is_no_position(loaded):
    model = loaded("qwen2_audio")
    stimuli = [asked(1.0, 41, "Short?"), asked(1.0, 42, "A much longer question than the other one?")]
    lengths = []

    def noted(rows):
        lengths.append(len(rows))
        return rows

    with model.hooked([Edit(site="decoder.1", at="all", change=noted)]) as edited:
        edited.score(stimuli, ["Yes", "No."])
    ids = [len(model._inputs.prepared(stimulus).ids) for stimulus in stimuli]
    assert lengths == [ids[0] + 4, ids[1] + 4] and ids[0] < ids[1]  # three and three bytes, and the end


def test_gradients_pass_through_edits(loaded):
    model = loaded("qwen2_audio")
    direction = np.random.default_rng(3).standard_normal(32)
    edits = [
        Edit.project_out(site="projector", at="all", directions=direction),
        Edit.add(site="decoder.1", at="sep", vector=direction, scale=2.0),
    ]
    with model.hooked(edits) as edited:
        (loss,), (gradient,) = edited.loss_and_gradient(THREE[:1], targets=["Sure"])
        step = np.sign(gradient) * np.float32(2e-5)
        moved = [THREE[0].with_clip(AudioClip(THREE[0].clip.samples + way * step, 16_000)) for way in (1, -1)]
        (up, down), _ = edited.loss_and_gradient(moved, targets=["Sure", "Sure"])
    assert (up - down) / 2 == pytest.approx(float(gradient @ step), rel=0.05)
    (plain,), (plain_gradient,) = model.loss_and_gradient(THREE[:1], targets=["Sure"])
    assert loss != pytest.approx(plain, abs=1e-4) and not np.allclose(gradient, plain_gradient)


def test_hooks_go_off_when_the_network_fails(loaded):
    model = loaded("qwen2_audio")
    hooks = hooks_of(model)

    def breaks(rows):
        raise ZeroDivisionError

    with model.hooked([Edit(site="decoder.1", at="all", change=breaks)]) as edited:
        for call in (lambda: edited.score(THREE[:1], ["x"]), lambda: edited.activations(THREE[:1])):
            with pytest.raises(ZeroDivisionError):
                call()
            assert hooks_of(model) == hooks
    assert isinstance(model.ask(THREE[:1], sampling=SHORT)[0], Answer)


def test_arms_that_ask_at_once_do_not_hear_each_others_edits(loaded):
    from concurrent.futures import ThreadPoolExecutor

    model = loaded("qwen2_audio")
    edit = Edit.add(site="decoder.1", at="all", vector=np.ones(32), scale=5.0)
    with model.hooked([edit]) as edited, ThreadPoolExecutor(4) as pool:
        arms = [model, edited] * 8
        scores = list(pool.map(lambda arm: float(arm.score(THREE[:1], ["Sure."])[0]), arms))
    assert len(set(scores[::2])) == len(set(scores[1::2])) == 1 and scores[0] != scores[1]


def test_a_network_with_its_blocks_elsewhere_grants_no_edits(tmp_path):
    model = load_model(f"transformers/{tiny.write('qwen2_audio', tmp_path)}")
    model._decoder, model.sites = None, ()
    for call in (lambda: model.hooked([]), lambda: model.activations(THREE[:1])):
        with pytest.raises(AccessDenied, match="has its blocks elsewhere"):
            call()
