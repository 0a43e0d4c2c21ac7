"""Scores of a linear head on an embedding that its owner shows to nobody, and what that costs.

A client holds embeddings of its recordings; a service holds a head: enrolled voices to match, or a classifier. Two
protocols give the client its scores: `ckks` (encryption that can be computed on) and `three_party` (shares among three
machines). Both hide the embedding from the service. What each side learns is stated with every result (`HIDDEN`),
because neither hides the scores from the client, and enough scores give a linear head away.

The recording becomes an embedding on the client's own machine. A whole audio language model under encryption is out of
reach: its nonlinear layers cost hours where the head costs seconds.
"""

from __future__ import annotations

from collections.abc import Callable

from numpy.typing import ArrayLike

from earnest.errors import UnknownName, did_you_mean

from . import ckks, three_party
from .head import Head, Secured

METHODS: dict[str, Callable[[Head, ArrayLike], Secured]] = {"ckks": ckks.secured, "three_party": three_party.secured}
"""Protocols by name."""

HIDDEN: dict[str, tuple[str, ...]] = {"ckks": ckks.HIDDEN, "three_party": three_party.HIDDEN}
"""In words: what each protocol hides from whom, and what it does not."""


def secured(method: str, head: Head, embeddings: ArrayLike) -> Secured:
    """Scores of embeddings by a protocol, with bytes, seconds and the distance from plain scores.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    head : Head
    embeddings : array, shape (n_clips, width)

    Raises
    ------
    BadParameter
        If the embeddings do not fit the head, or a value is outside of what the protocol can hold.
    MissingExtra
        Without ``earnest[secure]``.
    """
    if method not in METHODS:
        raise UnknownName(
            f"no protocol is called {method!r}{did_you_mean(method, METHODS)}; there are {', '.join(METHODS)}"
        )
    return METHODS[method](head, embeddings)


__all__ = ["HIDDEN", "METHODS", "Head", "Secured", "secured"]
