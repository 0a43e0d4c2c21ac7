"""Scores under CKKS [cheon2017-ckks] by TenSEAL [benaissa2021-tenseal]: the service computes on what it cannot read.

`Client` and `answered` are the two sides, and only bytes pass between them. The parameters (ring of 8,192, 160 bits of
modulus, scale 2^40) stay below the 218 bits that the homomorphic encryption standard allows for 128-bit security at
this ring [albrecht2019-standard]; one product with a matrix uses up the one level that they have.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from earnest.errors import BadParameter
from earnest.registry import extra

from .head import Floats, Head, Secured

RING, MODULUS_BITS, SCALE = 8192, (60, 40, 60), 2.0**40

HIDDEN = (
    "The service sees ciphertexts: neither the recording, nor the embedding, nor the scores, under the 128-bit security of "
    "the parameters. It sees how many clips are asked about, when, and the embedding's width.",
    "The client sees the scores in full, and the head's width and number of outputs. From scores of as many independent "
    "embeddings as the width it can solve for the head; rounding the answer or limiting questions is up to the service.",
    "The service is trusted to apply the head that it says: nothing proves it. The noise of the ciphertext is not masked, so "
    "the client's view is not proved to hold nothing but the scores.",
    "A client must not pass on decrypted scores at full precision: CKKS gives its key away through their last digits.",
)


def _tenseal() -> Any:
    return extra("tenseal", needed_by="the protocol 'ckks'")


class Client:
    """Who holds the embeddings and the secret key."""

    def __init__(self) -> None:
        tenseal = _tenseal()
        self._context = tenseal.context(tenseal.SCHEME_TYPE.CKKS, RING, -1, list(MODULUS_BITS))
        self._context.global_scale = SCALE
        self._context.generate_galois_keys()

    def public(self) -> bytes:
        """Parameters and public keys, for the service; sent once."""
        return self._context.serialize(save_secret_key=False)

    def encrypted(self, embedding: Floats) -> bytes:
        """One embedding, shape (width,), as a ciphertext."""
        return _tenseal().ckks_vector(self._context, embedding.tolist()).serialize()

    def decrypted(self, answer: bytes) -> Floats:
        """Scores, shape (n_outputs,)."""
        return np.array(_tenseal().ckks_vector_from(self._context, answer).decrypt())


class Service:
    """Who holds the head; it gets no secret key, and refuses one."""

    def __init__(self, head: Head, public: bytes) -> None:
        self._context = _tenseal().context_from(public)
        if self._context.has_secret_key():
            raise BadParameter(
                "the context must hold public keys alone, but holds the secret one; send Client.public()"
            )
        self._weight, self._bias = head.weight.T.tolist(), head.bias.tolist()

    def answered(self, ciphertext: bytes) -> bytes:
        """Scores of an encrypted embedding, encrypted."""
        vector = _tenseal().ckks_vector_from(self._context, ciphertext)
        return (vector.matmul(self._weight) + self._bias).serialize()


def secured(head: Head, embeddings: ArrayLike) -> Secured:
    """Scores of embeddings, shape (n_clips, width), with both sides in this process and bytes between them.

    References
    ----------
    [cheon2017-ckks], [benaissa2021-tenseal]
    """
    rows = head.fitting(embeddings)
    if max(head.weight.shape) > RING // 2:
        raise BadParameter(
            f"a head must have at most {RING // 2} inputs and outputs, got shape {head.weight.shape}; divide it"
        )
    seconds = dict.fromkeys(("keys", "encrypt", "compute", "decrypt"), 0.0)

    def timed(step: str, call: Any, *arguments: Any) -> Any:
        begin = time.perf_counter()
        value = call(*arguments)
        seconds[step] += time.perf_counter() - begin
        return value

    client = timed("keys", Client)
    public = timed("keys", client.public)
    service = Service(head, public)
    questions = [timed("encrypt", client.encrypted, row) for row in rows]
    answers = [timed("compute", service.answered, question) for question in questions]
    scores = np.stack([timed("decrypt", client.decrypted, answer) for answer in answers])
    return Secured(
        method="ckks",
        scores=scores,
        seconds=seconds,
        n_bytes={
            "public keys, once": len(public),
            "client to service": sum(map(len, questions)),
            "service to client": sum(map(len, answers)),
        },
        error=float(np.abs(scores - head.scores(rows)).max()),
        n_clips=len(rows),
    )
