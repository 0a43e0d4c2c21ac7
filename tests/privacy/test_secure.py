"""Scores that the service never sees: against plain scores, what each side is sent, and what is refused."""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from earnest.cli import main
from earnest.errors import BadData, BadParameter, MissingExtra, UnknownName
from earnest.privacy.secure import HIDDEN, METHODS, Head, secured


def head(n_outputs: int = 3, width: int = 20, seed: int = 0) -> Head:
    rng = np.random.default_rng(seed)
    return Head(rng.normal(0, 0.4, (n_outputs, width)), rng.normal(0, 1, n_outputs))


def rows(n: int = 2, width: int = 20, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (n, width))


def needs(method: str) -> None:
    module = {"ckks": "tenseal", "three_party": "mpyc"}[method]
    if module == "mpyc":  # it reads the command line when it is imported, so it is looked for only
        from importlib.util import find_spec

        if find_spec(module) is None:
            pytest.skip("mpyc is an extra")
    else:
        pytest.importorskip(module, reason=f"{module} is an extra")


def test_plain_scores_by_hand() -> None:
    """[1, 2] and [-3, 1] on [2, -1]: 0 + 0.5 and -7 - 1."""
    made = Head(np.array([[1.0, 2.0], [-3.0, 1.0]]), np.array([0.5, -1.0]))
    assert made.scores([[2.0, -1.0]]).tolist() == [[0.5, -8.0]]
    assert Head.of_voices([[3.0, 4.0], [0.0, 2.0]]).scores([1.0, 0.0]).tolist() == [[0.6, 0.0]]


@pytest.mark.parametrize("method", METHODS)
def test_a_protocol_gives_the_plain_scores_and_counts_its_bytes(method) -> None:
    needs(method)
    one = secured(method, head(), rows())
    assert one.scores == pytest.approx(head().scores(rows()), abs=1e-5)
    assert one.error == float(np.abs(one.scores - head().scores(rows())).max()) < 1e-5
    assert one.method == method and one.n_clips == 2
    assert all(value > 0 for value in one.seconds.values()) and all(value > 100 for value in one.n_bytes.values())


def test_whole_numbers_among_parties_are_not_taken_for_a_sign_of_scale() -> None:
    """MPyC scales products by whether numbers are whole, which each party would judge by what it holds."""
    needs("three_party")
    made = Head(np.array([[2.0, -1.0, 0.0]]), np.array([0.0]))
    assert secured("three_party", made, [[3.0, 0.5, 7.0]]).scores == pytest.approx(np.array([[5.5]]), abs=1e-5)


def test_the_service_is_sent_no_secret_and_cannot_read_what_it_answers() -> None:
    tenseal = pytest.importorskip("tenseal", reason="tenseal is an extra")
    from earnest.privacy.secure.ckks import Client, Service

    client, made = Client(), head(n_outputs=1, width=8)
    public = client.public()
    embedding = rows(1, 8)[0]
    question = client.encrypted(embedding)
    assert question != client.encrypted(embedding)  # encryption is randomised, so that equal voices cannot be linked
    answer = Service(made, public).answered(question)
    assert client.decrypted(answer) == pytest.approx(made.scores(embedding)[0], abs=1e-5)
    with pytest.raises(ValueError, match="secret"):
        tenseal.ckks_vector_from(tenseal.context_from(public), answer).decrypt()
    other = Client().decrypted
    try:
        read = other(answer)
    except (ValueError, RuntimeError):
        pass
    else:
        assert abs(read[0] - made.scores(embedding)[0, 0]) > 1.0
    with pytest.raises(BadParameter, match="public keys alone, but holds the secret one"):
        Service(made, client._context.serialize(save_secret_key=True))


def test_shares_that_one_party_holds_look_random() -> None:
    """Degree 1 over three parties: any share is uniform whatever the number; two of them give it back."""
    needs("three_party")
    import subprocess

    script = (
        "import sys; sys.argv = ['x', '--no-log']\n"
        "from mpyc import thresha\nfrom mpyc.finfields import GF\n"
        "field = GF(2**61 - 1)\n"
        "for value in (0, 12345):\n"
        "    shares = [thresha.random_split(field, [field(value)], 1, 3) for _ in range(400)]\n"
        "    print(sum(int(s[0][0]) for s in shares) / 400 / (2**61 - 1))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    for mean in map(float, done.stdout.split()):
        assert mean == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: secured("cks", head(), rows()), UnknownName, "no protocol is called 'cks'; did you mean 'ckks'"),
        (lambda: secured("ckks", head(), rows(2, 19)), BadParameter, r"shape \(n_clips, 20\).* got \(2, 19\)"),
        (lambda: secured("ckks", head(), np.zeros((0, 20))), BadParameter, r"got \(0, 20\)"),
        (lambda: secured("three_party", head(), rows() * math.nan), BadParameter, "embeddings must be finite"),
        (lambda: secured("three_party", head(), rows() * 1e6), BadParameter, "at most 1000 in size, got .*; divide"),
        (lambda: Head(np.zeros((2, 3)), np.zeros(3)), BadParameter, r"got \(2, 3\) and \(3,\)"),
        (lambda: Head.of_voices([[0.0, 0.0]]), BadParameter, "must be finite and not zero"),
        (lambda: secured("ckks", head(1, 5000), rows(1, 5000)), BadParameter, "at most 4096 inputs and outputs"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(("method", "module"), [("ckks", "tenseal"), ("three_party", "mpyc")])
def test_without_the_extra_it_says_what_to_install(method, module, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r'needs (tenseal|mpyc); install it with: pip install "earnest\[secure\]"'):
        secured(method, head(), rows())


def test_what_is_hidden_is_said_of_every_protocol() -> None:
    assert HIDDEN.keys() == METHODS.keys()
    for sentences in HIDDEN.values():
        words = " ".join(sentences)
        assert "The client sees the scores" in words and "solve for the head" in words


# ---------------------------------------------------------------- the command
@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    np.savez(tmp_path / "head.npz", weight=head().weight, bias=head().bias)
    np.save(tmp_path / "embeddings.npy", rows())
    return tmp_path / "head.npz", tmp_path / "embeddings.npy"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["privacy", "secure", *arguments])
    return ended.value.code


def test_the_command_classifies_embeddings(files, capsys) -> None:
    needs("three_party")
    weights, embeddings = files
    assert run(str(embeddings), "--head", str(weights), "--method", "three_party", "--json") == 0
    (one,) = json.loads(capsys.readouterr().out)["results"]
    assert np.array(one["scores"]) == pytest.approx(head().scores(rows()), abs=1e-5)
    assert one["error"] < 1e-5 and one["hidden"] == list(HIDDEN["three_party"])


def test_the_command_matches_voices(tmp_path: Path, capsys) -> None:
    needs("ckks")
    from earnest.audio import AudioClip
    from earnest.models.reference.onnx_route import OnnxReference

    rng = np.random.default_rng(4)
    clips = [rng.normal(0, 0.1, 12_000).astype(np.float32), rng.normal(0, 0.1, 9_000).astype(np.float32)]
    for name, samples in zip("ab", clips, strict=True):
        AudioClip(samples, 16_000).write(tmp_path / f"{name}.wav")
    a, b = tmp_path / "a.wav", tmp_path / "b.wav"
    assert run(str(a), str(b), "--enrolled", str(a), "--method", "ckks", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    same, other = np.array(facts["results"][0]["scores"])[:, 0]
    voices = OnnxReference().voices([AudioClip.read(path).samples for path in (a, b)])
    assert same == pytest.approx(1.0, abs=1e-4) and other == pytest.approx(float(voices[0] @ voices[1]), abs=1e-4)


def test_the_command_says_beforehand_what_is_hidden_and_refuses_what_it_cannot_use(files, tmp_path, capsys) -> None:
    weights, embeddings = files
    assert run(str(embeddings), "--head", str(weights), "--dry-run") == 0
    out = capsys.readouterr().out
    assert "2 embeddings of width 20, 3 outputs" in out and HIDDEN["ckks"][0] in out and HIDDEN["three_party"][0] in out
    (tmp_path / "bad.npz").write_bytes(b"no arrays")
    for arguments, message in [
        ([str(embeddings)], "exactly one of --enrolled and --head must be given"),
        ([str(embeddings), "--head", str(weights), "--method", "three"], "no protocol is called 'three'"),
        ([str(embeddings), str(embeddings), "--head", str(weights)], "one .npy file of embeddings, got 2 files"),
        (
            [str(embeddings), "--head", str(tmp_path / "bad.npz")],
            "must be an .npz file with the arrays weight and bias",
        ),
        ([str(weights), "--head", str(weights)], "must be an .npy file of embeddings"),
    ]:
        assert run(*arguments) == 2
        assert re.search(message, capsys.readouterr().err), arguments
    with pytest.raises(BadData, match="must be an .npz file"):
        Head.read(tmp_path / "bad.npz")
