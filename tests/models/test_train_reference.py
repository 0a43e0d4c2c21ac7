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
            assert kind == "code_word" or not held_out & train
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


def test_epsilon_grows_with_steps_and_falls_with_noise(reference):
    pytest.importorskip("torch", reason="needs torch")
    pytest.importorskip("soxr")
    from reference.siblings import epsilon_of

    usual = {"noise_multiplier": 1.0, "sampling_rate": 0.01, "n_steps": 1000, "delta": 1e-5}
    # published for this setting (Rényi accountant): about 2.1 to 2.6, by the conversion used
    assert 1.8 < epsilon_of(**usual) < 2.8
    assert epsilon_of(**{**usual, "n_steps": 4000}) > epsilon_of(**usual) > epsilon_of(**{**usual, "noise_multiplier": 2.0})


@pytest.mark.slow
def test_smoke_recipe(tmp_path):
    for module in ("torch", "onnx", "espeakng_loader"):
        pytest.importorskip(module, reason=f"the recipe needs {module}")
    if not (SCRIPTS / "train_reference").is_file():
        pytest.skip("the recipe is in the repository and the source package only")
    command = [sys.executable, str(SCRIPTS / "train_reference"), "--smoke", "--minutes", "1", "--out", str(tmp_path / "model")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"EARNEST_DATA": str(tmp_path / "none"), "PATH": ""})
    assert done.returncode == 0, done.stderr
    log = [json.loads(line) for line in (tmp_path / "model" / "work" / "log.jsonl").read_text().splitlines()]
    assert log[-1]["token"] < 0.8 * log[0]["token"]
    from earnest.models.reference.onnx_route import OnnxReference
    from earnest.models.reference.torch_route import TorchReference

    clip = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    prompt = "Listen to the speaker and answer in one sentence."
    ours, theirs = (route(tmp_path / "model").answer([clip], prompts=[prompt])[0] for route in (OnnxReference, TorchReference))
    assert (ours.text, ours.transcript) == (theirs.text, theirs.transcript)
    shutil.rmtree(tmp_path / "model" / "work")
