"""`earnest certify` from a file to a certificate."""

import json

import numpy as np
from click.testing import CliRunner

from earnest.audio import AudioClip
from earnest.cli import cli


def certify(*arguments):
    return CliRunner().invoke(cli, ["certify", *map(str, arguments)], catch_exceptions=True)


def test_a_certificate_states_its_conditions_and_is_written_beside_a_run(tmp_path):
    file = tmp_path / "clip.wav"
    AudioClip((0.1 * np.sin(np.arange(4000) / 5)).astype(np.float32), 16_000).write(file)
    done = certify(
        file,
        "--model",
        "scripted/always_refuse",
        "--n",
        200,
        "--n-first",
        10,
        "--sigma",
        0.01,
        "--out",
        tmp_path / "run",
    )
    assert done.exit_code == 0, done.output
    for part in (
        "refuse: no change shorter than",
        "waveform samples, full scale 1, at 16000 Hz",
        "SNR of",
        "gain policy: none",
    ):
        assert part in done.output
    (written,) = json.loads((tmp_path / "run" / "certificates.json").read_text())["certificates"]
    # all of 200: the bound is 0.001^(1/200) = 0.96605, whose quantile is 1.8257
    assert (written["n_class"], written["decision"], written["model"]) == (200, "refuse", "scripted/always_refuse")
    assert abs(written["radius"] - 0.018257) < 1e-5 and written["gain_policy"].startswith("none")


def test_what_the_answer_says_may_be_the_decision(tmp_path):
    file = tmp_path / "clip.wav"
    AudioClip(np.full(400, 0.1, np.float32), 16_000).write(file)
    done = certify(file, "--model", "scripted/always_refuse", "--n", 50, "--n-first", 5, "--says", "banana", "--json")
    assert json.loads(done.output)["certificates"][0]["decision"] == "does not say it"


def test_a_model_elsewhere_is_refused_before_anything_is_sent(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    file = tmp_path / "clip.wav"
    AudioClip(np.full(400, 0.1, np.float32), 16_000).write(file)
    done = certify(file, "--model", "openai/gpt-4o-audio-preview")
    assert (
        done.exit_code
        and "takes a model on this machine" in str(done.exception)
        and "10,100 recordings" in str(done.exception)
    )
