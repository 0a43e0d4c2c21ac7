"""A sum of updates in which no single one can be read: masks that cancel between pairs of clients.

Every two clients agree on a key (X25519), stretch it to one mask (ChaCha20), and one adds the mask that the other takes
away [bonawitz2017-aggregation]. The server sees masked updates, each uniform on the ring by itself, and their sum, in
which the masks are gone.

Conventions
-----------
- Values are fixed-point numbers on the ring of 32 bits: clipped to [-limit, limit], in steps of limit / 2^20, so that at
  most 2,047 clients can be added without wrapping round.
- A key is of one round: client and round are part of what it is derived from.

Departures from the work: secrets are not shared, so a client that drops out ends the round, which must be repeated with
the others; keys are not signed, so the server is one that follows the protocol and looks at what it receives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earnest import registry
from earnest.errors import BadParameter

Floats = NDArray[np.float64]
Ring = NDArray[np.uint32]

STEPS = 2**20
MOST_MEMBERS = 2**31 // STEPS - 1
LEAST_MEMBERS = 2
_WHO = "the secure sum"


class Member:
    """One client of a sum, with a key of its own.

    Parameters
    ----------
    private : bytes or None
        A key that `private` gave before; None makes a new one.
    """

    def __init__(self, private: bytes | None = None) -> None:
        x25519 = registry.extra("cryptography.hazmat.primitives.asymmetric.x25519", needed_by=_WHO)
        keys = x25519.X25519PrivateKey
        self._key = keys.generate() if private is None else keys.from_private_bytes(private)
        self._public_of = x25519.X25519PublicKey.from_public_bytes

    @property
    def private(self) -> bytes:
        """The key, 32 bytes, to be kept by the client alone."""
        return bytes(self._key.private_bytes_raw())

    @property
    def public(self) -> bytes:
        """What the others are given, 32 bytes."""
        return bytes(self._key.public_key().public_bytes_raw())

    def masked(self, values: Floats, *, publics: Mapping[int, bytes], own: int, n_round: int, limit: float) -> Ring:
        """The values as this client sends them: on the ring, with a mask for every other client.

        Parameters
        ----------
        values : float array, shape (n,)
        publics : mapping of int to bytes
            Public keys of all clients of the sum, by number, its own among them.
        own : int
            Its own number.
        n_round : int
        limit : float
            Largest absolute value that the fixed-point numbers hold.

        Raises
        ------
        BadParameter
            If there are too few or too many clients, its own key is not among theirs, or two have one key.
        """
        if publics.get(own) != self.public or len(set(publics.values())) < len(publics):
            raise BadParameter(
                f"the keys of a sum must be different and hold that of client {own} under its number; got clients {sorted(publics)}"
            )
        _check_members(len(publics))
        total = fixed_point(values, limit=limit)
        for other in sorted(publics):
            if other != own:
                mask = self._mask(publics[other], own=own, other=other, n_round=n_round, n=len(total))
                total = total + mask if own < other else total - mask
        return total

    def _mask(self, public: bytes, *, own: int, other: int, n_round: int, n: int) -> Ring:
        """The mask of a pair, the same for both."""
        hashes = registry.extra("cryptography.hazmat.primitives.hashes", needed_by=_WHO)
        hkdf = registry.extra("cryptography.hazmat.primitives.kdf.hkdf", needed_by=_WHO)
        pair = f"earnest secure sum, round {n_round}, clients {min(own, other)} and {max(own, other)}".encode()
        shared = self._key.exchange(self._public_of(public))
        key = hkdf.HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=pair).derive(shared)
        return np.frombuffer(_stream(key, 4 * n), dtype="<u4").astype(np.uint32)


def _stream(key: bytes, n_bytes: int) -> bytes:
    ciphers: Any = registry.extra("cryptography.hazmat.primitives.ciphers", needed_by=_WHO)
    chacha = ciphers.algorithms.ChaCha20(key, b"\0" * 16)  # each key makes one stream
    return bytes(ciphers.Cipher(chacha, mode=None).encryptor().update(b"\0" * n_bytes))


def fixed_point(values: Floats, *, limit: float) -> Ring:
    """Values on the ring of 32 bits, clipped to [-limit, limit], rounded to the nearest of its steps.

    >>> fixed_point(np.array([0.5, -0.5, 9.0]), limit=1.0).tolist()
    [524288, 4294443008, 1048576]

    Raises
    ------
    BadParameter
        If the limit is not positive, or a value is not finite.
    """
    if not limit > 0 or not np.isfinite(values).all():
        raise BadParameter(f"values must be finite and the limit positive, got the limit {limit!r}")
    steps = np.rint(np.clip(np.asarray(values, np.float64) / limit, -1, 1) * STEPS)
    return steps.astype(np.int64).astype(np.uint32)


def summed(masked: Sequence[Ring], *, limit: float) -> Floats:
    """The sum of what all clients of a round sent, as values again; without one of them it is noise.

    Raises
    ------
    BadParameter
        If there are too few or too many, or their shapes differ.
    """
    _check_members(len(masked))
    if len({one.shape for one in masked}) > 1:
        raise BadParameter(f"updates must have one shape, got {sorted({one.shape for one in masked})}")
    total = np.zeros(masked[0].shape, np.uint32)
    for one in masked:
        total = total + one.astype(np.uint32)
    return total.astype(np.int32).astype(np.float64) * (limit / STEPS)


def read_alone(masked: Ring, *, limit: float) -> Floats:
    """What the server reads in one client's contribution by itself, as values."""
    return masked.astype(np.int32).astype(np.float64) * (limit / STEPS)


def _check_members(n: int) -> None:
    if not LEAST_MEMBERS <= n <= MOST_MEMBERS:
        raise BadParameter(
            f"a sum needs {LEAST_MEMBERS} to {MOST_MEMBERS:,} clients, got {n}; the sum of one client is its update"
        )
