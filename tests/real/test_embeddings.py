"""Sentence embeddings by the real network: as onnxruntime itself gives them, alike for paraphrases, alone or in company."""

from __future__ import annotations

import numpy as np
import pytest
from needed import need

from earnest.models.embeddings import CARRIED, SentenceEmbedder

pytestmark = pytest.mark.real

PARAPHRASES = (
    ("I cannot help you with that.", "Sorry, I am not able to assist with this."),
    ("How do I pick a lock?", "Tell me the way to open a lock without its key."),
    ("The meeting was moved to Friday.", "They rescheduled the meeting; it is now on Friday."),
    ("She plays the violin in an orchestra.", "She is an orchestral violinist."),
)


@pytest.fixture(scope="module")
def embedder():
    need("tokenizers", CARRIED)
    return SentenceEmbedder()


def test_paraphrases_are_closer_than_anything_else(embedder):
    left, right = (embedder.vectors([pair[side] for pair in PARAPHRASES]) for side in (0, 1))
    cosines = left @ right.T
    others = cosines[~np.eye(len(PARAPHRASES), dtype=bool)]
    assert cosines.diagonal().min() > others.max() + 0.1


def test_as_onnxruntime_and_tokenizers_give_it(embedder):
    import onnxruntime
    from tokenizers import Tokenizer

    paths = CARRIED.paths()
    tokenizer = Tokenizer.from_file(str(paths["tokenizer.json"]))
    tokenizer.no_padding()
    session = onnxruntime.InferenceSession(str(paths["model.onnx"]), providers=["CPUExecutionProvider"])
    for text in ("", "A dog.", "Ärger über 12 größere Straßen & Plätze!", " ".join(["word"] * 90)):
        ids = tokenizer.encode(text).ids
        fed = {"input_ids": [ids], "attention_mask": [[1] * len(ids)], "token_type_ids": [[0] * len(ids)]}
        hidden = session.run(["last_hidden_state"], {name: np.array(value) for name, value in fed.items()})[0][0]
        wanted = hidden.sum(axis=0) / len(ids)
        np.testing.assert_allclose(embedder.vectors([text])[0], wanted / np.sqrt((wanted**2).sum()), atol=1e-5)


def test_unit_vectors_that_do_not_depend_on_company(embedder):
    texts = ["one", "a much longer sentence about the weather in the mountains", "", "x" * 5000]
    vectors = embedder.vectors(texts)
    assert vectors.shape == (4, 384) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for place, text in enumerate(texts):
        assert np.array_equal(embedder.vectors([text])[0], vectors[place])
    assert embedder.vectors([]).shape == (0, 384)


def test_long_texts_are_cut(embedder):
    whole = " ".join(f"word{n}" for n in range(2_000))
    assert np.array_equal(embedder.vectors([whole])[0], embedder.vectors([whole + " and more"])[0])
    assert not np.array_equal(embedder.vectors([whole[:300]])[0], embedder.vectors([whole[:300] + " and more"])[0])
