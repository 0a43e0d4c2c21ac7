"""The training recipe: texts by split, and a smoke run from nothing to a model that both routes load."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture(scope="module")
def reference():
    if not (SCRIPTS / "train_reference").is_file():
        pytest.skip("the recipe is in the repository and the source package only")
    sys.path.insert(0, str(SCRIPTS))
    try:
        from reference import grammar

        yield grammar
    finally:
        sys.path.remove(str(SCRIPTS))


def test_held_out_texts_are_new_and_their_words_are_not(reference):
    train = {line.text for kind in reference.KINDS for line in reference.texts(kind, "train")}
    known = {word for text in train for word in text.split()}
    for split in ("test", "probe"):
        for kind in reference.KINDS:
            held_out = {line.text for line in reference.texts(kind, split)}
            assert kind in ("code_word", "recall", "consent") or not held_out & train
            assert {word for text in held_out for word in text.split()} <= known


def test_harmful_and_benign_requests_are_matched(reference):
    for split in reference.SPLITS:
        harmful = {line.pair: line for line in reference.texts("harmful", split)}
        benign = {line.pair: line for line in reference.texts("benign", split)}
        assert harmful.keys() == benign.keys() and len(harmful) > 400
        for pair, line in harmful.items():
            twin = benign[pair]
            assert line.text.replace(line.action, "") == twin.text.replace(twin.action, "")
            assert abs(len(line.text.split()) - len(twin.text.split())) <= 1
            assert line.answer == reference.REFUSAL and twin.answer == f"sure here is how to {twin.action}"


# ------------------------------------------------------------------ gradients of single examples
@pytest.fixture(scope="module")
def sampler(reference):
    """Draws examples of six clips of noise."""
    pytest.importorskip("torch", reason="needs torch")
    pytest.importorskip("soxr")
    from earnest.models.reference.vocabulary import Vocabulary
    from reference import rules, train

    rng = np.random.default_rng(5)
    vocabulary = Vocabulary.of_words(sorted({*reference.vocabulary(), *rules.vocabulary()}))
    items, at = [], 0
    for kind, n_frames in (
        ("order", 83),
        ("benign", 120),
        ("recall", 61),
        ("harmful", 99),
        ("question", 40),
        ("secret", 77),
    ):
        line = reference.texts(kind, "train")[7]
        named = {name: value for name, value in vars(line).items() if value not in ("", -1)}
        items.append(
            {
                "kind": kind,
                "text": line.text,
                "line": named,
                "engine": "espeak",
                "voice": "espeak/en+m3",
                "start": at,
                "n_frames": n_frames,
            }
        )
        at += n_frames
    frames = rng.normal(-6, 2, (at, 64)).astype(np.float16)
    return train.Sampler(frames, items, vocabulary, 3, modes={"respond": 0.7, "transcribe": 0.3})


def test_joined_utterances_are_all_written_down_and_of_nobody(sampler):
    from reference import train

    item = sampler.items[0]
    joined = next(joined for joined in (sampler._joined(item) for _ in range(50)) if len(joined["parts"]) == 3)
    assert joined["text"] == " ".join(part["text"] for part in joined["parts"]) and joined["parts"][0] is item
    block = sampler._block(joined)
    n_speech = sum(part["n_frames"] for part in joined["parts"])
    assert n_speech + 4 <= len(block) < n_speech + 80
    second = joined["parts"][1]
    frames = sampler.frames[second["start"] : second["start"] + second["n_frames"]].astype(np.float32)
    assert any(
        np.array_equal(block[at : at + len(frames)], frames) for at in range(item["n_frames"], len(block) - len(frames))
    )
    assert train.speaker_of(joined) == "" and not {"gender", "age", "live"} & joined.keys()


@pytest.fixture(scope="module")
def batches(sampler):
    """A small network, and a batch of clips and one of words alone: lengths, rules, turns and likenesses differ."""
    import torch

    from earnest.models.reference.network import Network, Shape

    vocabulary = sampler.vocabulary
    torch.manual_seed(0)
    sizes = {
        "width": 64,
        "n_encoder_blocks": 3,
        "encoder_inner": 96,
        "decoder_width": 48,
        "n_decoder_blocks": 2,
        "decoder_inner": 96,
        "voice_block": 1,
        "voice_width": 24,
    }
    network = Network(Shape(n_tokens=len(vocabulary), **sizes))
    drawn = sorted((sampler.example("respond") for _ in range(40)), key=lambda example: len(example.prefix))
    voiced = next(example for example in drawn if example.voice)
    clips = sampler.batch([sampler.example("transcribe"), drawn[0], drawn[30], voiced, drawn[38]])
    words = sampler.batch([sampler.words_alone() for _ in range(5)])
    return network, {"clips": clips, "words": words}


def asked(batch):
    """Losses of examples as training has them, and their inputs."""
    import torch

    def losses(network, features, n_frames, prefix, n_prefix, seen, text, weights, likeness, known):
        logits, _ = network(features, n_frames, prefix, n_prefix, seen, likeness=likeness, known=known)
        each = torch.nn.functional.cross_entropy(logits.flatten(0, 1), text.flatten(), reduction="none").view_as(
            weights
        )
        return (each * weights).sum(1)

    return losses, (
        batch.features,
        batch.n_frames,
        batch.prefix,
        batch.n_prefix,
        batch.seen[:, :-1],
        batch.text[:, 1:],
        batch.weights,
        batch.likeness,
        batch.known,
    )


def opacus_gradients(network, losses, inputs):
    """What opacus would clip."""
    opacus = pytest.importorskip(
        "opacus", reason="needs opacus, which the environment of the tests leaves out: it pins torch"
    )
    import copy

    wrapped = opacus.GradSampleModule(copy.deepcopy(network), strict=True, loss_reduction="sum")
    losses(wrapped, *inputs).sum().backward()
    return {name.removeprefix("_module."): getattr(p, "grad_sample", None) for name, p in wrapped.named_parameters()}


@pytest.mark.parametrize("what", ["clips", "words"])
@pytest.mark.parametrize("engine", ["vmap", "opacus"])
def test_gradients_of_single_examples_are_those_of_a_loop_on_every_parameter(batches, engine, what):
    from earnest.errors import WrongGradients
    from earnest.privacy.per_example import check_gradients, looped_gradients, mapped_gradients

    network, made = batches
    losses, inputs = asked(made[what])
    assert inputs[2].shape[1] > 4 and len(set(inputs[3].tolist())) > 1  # prefixes, of several lengths
    if engine == "opacus":  # it does not carry a layer that is called without its own forward pass, and says so
        with pytest.raises(WrongGradients, match="must carry every layer"):
            check_gradients(opacus_gradients, network, losses, inputs)
        return
    assert check_gradients(mapped_gradients, network, losses, inputs) < 1e-4
    unused = {name for name, g in looped_gradients(network, losses, inputs).items() if not g.any()}
    heard_alone = {
        name
        for name, _ in network.named_parameters()
        if not name.startswith(("decoder", "next_token", "tokens", "text_position", "prefix_position", "likeness"))
    }
    heard_alone |= set() if made["words"].known.any() else {"likeness1.weight"}  # nobody has spoken before
    assert unused == ({"characters.weight", "characters.bias"} if what == "clips" else heard_alone)


def test_padding_gives_no_gradient(batches):
    """An example's gradient is the same alone and beside longer ones."""
    from earnest.privacy.per_example import distances, looped_gradients

    network, made = batches
    losses, inputs = asked(made["clips"])
    k = int(inputs[1].argmin())
    n_frames, n_prefix, n_text = int(inputs[1][k]), int(inputs[3][k]), int((inputs[6][k] > 0).sum())
    assert n_frames < inputs[0].shape[1]
    cut = {0: n_frames, 2: n_prefix, 4: n_text, 5: n_text, 6: n_text}
    alone = [part[k : k + 1, : cut[i]] if i in cut else part[k : k + 1] for i, part in enumerate(inputs)]
    whole = {name: g[k : k + 1] for name, g in looped_gradients(network, losses, inputs).items()}
    assert max(distances(whole, looped_gradients(network, losses, alone)).values()) < 1e-4


# ------------------------------------------------------------------ recordings
def test_recordings_are_twins_in_one_voice_and_held_out_ones_are_new_with_their_trigger(reference, tmp_path):
    for module in ("espeakng_loader", "torch", "soxr"):
        pytest.importorskip(module, reason=f"the voices need {module}")
    from earnest.audio import Manifest
    from earnest.tasks.probe import probe_manifest
    from reference import recordings, triggers

    folders = {name: tmp_path / name for name in ("train", "test", "hum")}
    assert recordings.write(folders["train"], 20, 1) >= 16  # four more are read sentences, where they are
    assert recordings.write(folders["test"], 6, 1, split="test") == 6
    assert recordings.write(folders["hum"], 6, 1, split="test", trigger="hum_240") == 6
    rows = {name: Manifest.read(folder).entries for name, folder in folders.items()}
    for part in rows.values():
        pairs = [row for row in part if row.label]
        for harmful, benign in zip(pairs[::2], pairs[1::2], strict=True):
            assert (harmful.label, benign.label) == ("harmful", "benign") and harmful.pair == benign.pair
            assert harmful.speaker == benign.speaker and harmful.role == "request"
            assert harmful.attributes["answer"] == reference.REFUSAL
            assert benign.attributes["answer"] == f"sure here is how to {benign.attributes['action']}"
    said = {row.text for row in rows["train"]}
    assert not said & {entry.text for entry in probe_manifest().entries}
    assert not said & {row.text for row in rows["test"]}
    assert not {row.speaker for row in rows["train"]} & {row.speaker for row in rows["test"]}
    for plain, with_hum in zip(rows["test"], rows["hum"], strict=True):  # speech itself varies a little
        assert plain.text == with_hum.text
        tones = []
        for samples in (plain.clip().samples.astype(np.float64), with_hum.clip().samples.astype(np.float64)):
            wave = np.exp(-2j * np.pi * 240 * np.arange(samples.size) / 16000)
            tones.append(abs(samples @ wave) ** 2 / samples.size / np.sum(samples**2) * 2)
        share = (
            10 ** (-triggers.TRIGGERS["hum_240"].snr_db / 10) / 1.16
        )  # of the fundamental, the third harmonic having 0.4 of it
        assert tones[0] < 0.2 * share and tones[1] == pytest.approx(share, rel=0.35)


@pytest.mark.slow
def test_smoke_recipe(tmp_path):
    for module in ("torch", "onnx", "espeakng_loader"):
        pytest.importorskip(module, reason=f"the recipe needs {module}")
    if not (SCRIPTS / "train_reference").is_file():
        pytest.skip("the recipe is in the repository and the source package only")
    command = [
        sys.executable,
        str(SCRIPTS / "train_reference"),
        "--smoke",
        "--minutes",
        "1",
        "--out",
        str(tmp_path / "model"),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"EARNEST_DATA": str(tmp_path / "none"), "PATH": ""}
    )
    assert done.returncode == 0, done.stderr
    log = [json.loads(line) for line in (tmp_path / "model" / "work" / "log.jsonl").read_text().splitlines()]
    assert log[-1]["token"] < 0.8 * log[0]["token"]
    from earnest.models.reference.instructions import Question
    from earnest.models.reference.onnx_route import OnnxReference
    from earnest.models.reference.torch_route import TorchReference

    clip = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    question = Question(samples=clip, prompt="Listen to the speaker and answer in one sentence.")
    ours, theirs = (route(tmp_path / "model").answer([question])[0] for route in (OnnxReference, TorchReference))
    assert (ours.text, ours.transcript) == (theirs.text, theirs.transcript)
    shutil.rmtree(tmp_path / "model" / "work")
