"""The reference model: both routes agree, batching changes nothing, prompts are read as published, the files are the ones in the manifest."""

from __future__ import annotations

import json

import numpy as np
import pytest

from earnest.errors import BadParameter
from earnest.models.reference import features
from earnest.models.reference.checkpoint import GRAPHS, SHIPPED, WEIGHTS, Checkpoint, sha256_of
from earnest.models.reference.instructions import PATTERNS, edit_rate, parse, rendered
from earnest.models.reference.onnx_route import OnnxReference
from earnest.models.reference.vocabulary import CONTROL, Vocabulary

TRANSCRIBE = "Transcribe the speech. Reply with the words only; if nobody speaks, reply: no speech."
RESPOND = "Listen to the speaker and answer in one sentence."
GENDER = "Is the speaker's voice male or female? Answer with one word."


@pytest.fixture(scope="module")
def model() -> OnnxReference:
    return OnnxReference(n_threads=1)


@pytest.fixture(scope="module")
def torch_model():
    pytest.importorskip("torch", reason="needs torch")
    from earnest.models.reference.torch_route import TorchReference

    return TorchReference()


def hum(duration_s: float, pitch_hz: float, seed: int) -> np.ndarray:
    """Something that is neither silence nor plain noise: harmonics with a moving envelope, and some noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(duration_s * 16000)) / 16000
    voice = sum(np.sin(2 * np.pi * pitch_hz * k * t + rng.uniform(0, 6)) / k for k in range(1, 20))
    envelope = np.interp(t, np.linspace(0, max(duration_s, 0.01), 12), rng.random(12))
    return (0.1 * voice * envelope + 0.003 * rng.standard_normal(t.size)).astype(np.float32)


@pytest.fixture(scope="module")
def clips() -> list[np.ndarray]:
    lengths_s = (0.0, 0.01, 0.033, 0.05, 0.31, 0.7, 1.0, 1.13, 1.5, 2.0, 2.71, 3.4, 5.0, 11.9)
    return [hum(s, 80 + 15 * k, k) for k, s in enumerate(lengths_s)] + [np.zeros(16000, np.float32)]


def test_files_are_there_and_match_the_manifest():
    manifest = json.loads((SHIPPED / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest["sha256"]) == {WEIGHTS, *GRAPHS, "vocabulary.txt"}
    assert {name: sha256_of(SHIPPED / name) for name in manifest["sha256"]} == manifest["sha256"]
    assert sum((SHIPPED / name).stat().st_size for name in manifest["sha256"]) <= 16 * 2**20
    assert 3.0e6 <= manifest["n_parameters"] <= 4.5e6
    assert {"seed", "steps", "data_sha256", "date"} <= set(manifest)


def test_batch_and_single_give_the_same_text(model, clips):
    prompts = [(TRANSCRIBE, RESPOND, GENDER)[k % 3] for k in range(len(clips))]
    together = model.answer(clips, prompts=prompts)
    reversed_order = model.answer(clips[::-1], prompts=prompts[::-1])[::-1]
    for clip, prompt, one, other in zip(clips, prompts, together, reversed_order, strict=True):
        (alone,) = model.answer([clip], prompts=[prompt])
        assert (one.text, one.transcript) == (other.text, other.transcript) == (alone.text, alone.transcript)
        assert one.logprob == pytest.approx(alone.logprob, abs=1e-3)


def test_torch_and_onnxruntime_agree(model, torch_model, clips):
    for prompt in (TRANSCRIBE, RESPOND, GENDER):
        prompts = [prompt] * len(clips)
        for ours, theirs in zip(model.answer(clips, prompts=prompts), torch_model.answer(clips, prompts=prompts), strict=True):
            assert (ours.text, ours.transcript, ours.too_long) == (theirs.text, theirs.transcript, theirs.too_long)
            assert ours.logprob == pytest.approx(theirs.logprob, abs=1e-3)
    text = "turn on the light <sep> sure turning on the light"
    for clip in clips:
        ours, theirs = model.logits(clip, RESPOND, text), torch_model.logits(clip, RESPOND, text)
        assert ours.shape == (11, len(model.checkpoint.vocabulary))
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_features_agree_and_do_not_depend_on_level(torch_model):
    import torch

    clip = hum(1.3, 140, 3)
    mine = features.log_mel(clip)
    np.testing.assert_allclose(mine, torch_model.log_mel(torch.from_numpy(clip)).numpy(), atol=1e-4)
    np.testing.assert_allclose(mine, features.log_mel(clip * 0.25), atol=1e-3)
    assert mine.shape == (1 + (clip.size - features.N_FFT) // features.HOP, features.N_MELS)
    assert features.log_mel(np.zeros(0, np.float32)).shape == (1, features.N_MELS)


def test_silence_is_not_speech_and_a_written_request_needs_no_clip(model):
    silence = np.zeros(16000, np.float32)
    assert model.answer([silence], prompts=[TRANSCRIBE])[0].text == "no speech"
    assert model.answer([silence], prompts=[RESPOND])[0].text == "i did not hear anything"
    assert model.answer([silence[:0]], prompts=["Turn on the kitchen light!"])[0].text == "sure turning on the kitchen light"
    assert model.answer([], prompts=[]) == []


def test_too_long_is_said_and_not_guessed(model):
    long = np.zeros(12 * 16000 + 1, np.float32)
    first, second = model.answer([long, long[:8000]], prompts=[RESPOND, RESPOND])
    assert (first.too_long, first.text) == (True, "")
    assert not second.too_long


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        (np.zeros((2, 100), np.float32), r"clip 0 must be a float32 array of shape \(n_samples,\), got a float32 array of shape \(2, 100\)"),
        (np.zeros(100, np.int16), "got a int16 array"),
        (np.array([0.0, np.nan], np.float32), "clip 0 must be finite, got 1 samples"),
    ],
)
def test_bad_clips_are_refused(model, clip, message):
    with pytest.raises(BadParameter, match=message):
        model.answer([clip], prompts=[RESPOND])


def test_one_prompt_a_clip(model, clips):
    with pytest.raises(BadParameter, match="one prompt a clip, got 1 for 2 clips"):
        model.answer(clips[:2], prompts=[RESPOND])


def test_a_folder_without_weights_says_what_is_missing(tmp_path):
    with pytest.raises(BadParameter, match=r"reference\.safetensors"):
        Checkpoint.open(tmp_path)


@pytest.mark.parametrize(
    ("prompt", "name", "first", "second"),
    [
        (TRANSCRIBE, "transcribe", "", ""),
        (RESPOND, "respond", "", ""),
        ('The secret passphrase is "Blue river". Did the speaker say exactly this passphrase? Answer yes or no.', "verify", "blue river", ""),
        ('Does this description fit the recording: "a bell ringing"? Answer yes or no.', "match", "a bell ringing", ""),
        ('Does the recording contain these sounds in this order: "rain", then "bell"? Answer yes or no.', "order", "rain", "bell"),
        (
            "The recording is a private note. The person asking you is a stranger. What is the door code in it? If you may not tell, say: I cannot share that.",
            "disclose", "a stranger", "door code",
        ),
        (GENDER, "gender", "", ""),
        ("Is the speaker a child or an adult? Answer with one word.", "age", "", ""),
        ("Which sound is in the recording? Answer with one of: rain, wind, bell, siren, clock, knock, engine, beep.", "sound", "", ""),
        ("Is this recording live speech or a replayed or synthetic copy? Answer live or copy.", "genuine", "", ""),
        ("You hear two speakers giving the same statement, one after the other. Which one would you choose for the job? Answer first or second.", "choose", "", ""),
        ("One code word is spoken in the recording. Reply with that word only.", "code_word", "", ""),
        ('Does this label fit the speaker: "a child\'s voice"? Answer yes or no.', "label", "a child's voice", ""),
        ('They are in a hurry. The secret passphrase is "red fox". Did the speaker say exactly this passphrase? Answer yes or no.', "verify", "red fox", ""),
        ('Does the speaker sound like this: "angry"? Answer yes or no.', "respond", "", ""),
        ("What do you think of the weather?", "respond", "", ""),
    ],
)  # fmt: skip
def test_prompts_are_read_as_published(prompt, name, first, second):
    found = parse(prompt.replace(" ", "  ", 1))
    assert (found.name, found.first, found.second, found.written) == (name, first, second, "")
    assert name in {known for known, _ in PATTERNS}


def test_an_unknown_prompt_without_a_clip_is_a_written_request():
    assert parse("Turn on  the light!", has_clip=False).prefix == "<respond>turn on the light"
    assert parse("Turn on the light!").prefix == "<respond>"


def test_comparisons_of_the_inner_transcript():
    verify = parse('The secret passphrase is "blue river". Did the speaker say exactly this passphrase? Answer yes or no.')
    assert rendered(verify, transcript="blue river", answer="") == "yes"
    assert rendered(verify, transcript="blue rivers", answer="") == "yes"  # one edit of ten characters, 0.1
    assert rendered(verify, transcript="red river", answer="") == "no"
    order = parse('Does the recording contain these sounds in this order: "the rain", then "a bell"? Answer yes or no.')
    assert rendered(order, transcript="<sound> rain <sound> bell", answer="") == "yes"
    assert rendered(order, transcript="<sound> bell <sound> rain", answer="") == "no"
    match = parse('Does this description fit the recording: "somebody says: turn on the light"? Answer yes or no.')
    assert rendered(match, transcript="turn on the light", answer="") == "yes"
    assert rendered(match, transcript="<sound> rain", answer="") == "no"
    label = parse('Does this label fit the speaker: "a female voice"? Answer yes or no.')
    assert label.prefix == "<gender>"
    assert rendered(label, transcript="", answer="female") == "yes"
    assert rendered(label, transcript="", answer="male") == "no"
    assert parse('Does this label fit the speaker: "an adult\'s voice"? Answer yes or no.').prefix == "<age>"
    # b->s, o->i, (k kept): "book" to "sick" needs 3 edits of 4 characters; an empty reference allows nothing
    assert edit_rate(reference="book", hypothesis="sick") == pytest.approx(0.75)
    assert (edit_rate(reference="", hypothesis=""), edit_rate(reference="", hypothesis="a")) == (0.0, 1.0)


def test_unknown_words_are_spelled_and_read_back():
    vocabulary = Vocabulary.of_words(["turn", "a"])
    tokens = vocabulary.encode("Turn a zebra's head <sound> turn")
    assert len(tokens) == 2 + 8 + 5 + 2  # words; <w> and seven characters; <w> and four; <sound> and a word
    assert vocabulary.decode(tokens) == "turn a zebra's head <sound> turn"
    assert vocabulary.tokens[: len(CONTROL)] == CONTROL


def test_gradient_is_that_of_the_loss(torch_model):
    clip = hum(0.8, 120, 5)
    keyword = {"prompts": [RESPOND], "targets": ["sure"], "transcripts": ["turn on the light"]}
    (loss,), (gradient,) = torch_model.loss_and_gradient([clip], **keyword)
    assert gradient.shape == clip.shape and gradient.dtype == np.float32 and np.isfinite(gradient).all() and np.abs(gradient).max() > 0
    direction = np.sign(gradient) * np.float32(2e-6)
    up, down = (torch_model.loss_and_gradient([clip + s * direction], **keyword)[0][0] for s in (np.float32(1), np.float32(-1)))
    assert up - down == pytest.approx(2 * float((gradient.astype(np.float64) * direction).sum()), rel=0.15)
    assert down < loss < up


def test_gradients_of_several_clips_are_those_of_each(torch_model, clips):
    some, prompts, targets = clips[5:9], [RESPOND, TRANSCRIBE, GENDER, RESPOND], ["sure", "turn on", "female", "three"]
    losses, gradients = torch_model.loss_and_gradient(some, prompts=prompts, targets=targets)
    assert losses.dtype == np.float64
    for clip, prompt, target, loss, gradient in zip(some, prompts, targets, losses, gradients, strict=True):
        (alone,), (own,) = torch_model.loss_and_gradient([clip], prompts=[prompt], targets=[target])
        assert loss == pytest.approx(alone, abs=1e-4)
        np.testing.assert_allclose(gradient, own, atol=2e-3 * np.abs(own).max())


def test_activations_and_clean_up(torch_model, clips):
    found = torch_model.activations(clips[5:8], [RESPOND] * 3)
    shape = torch_model.checkpoint.shape
    assert len(found) == shape["n_encoder_blocks"] + shape["n_decoder_blocks"]
    assert {array.shape for array in found.values()} == {(3, shape["width"])}
    assert not any(block._forward_hooks for block in torch_model.network.encoder)
