"""Shadow models for LiRA: siblings of an audited model, each trained on half of the recordings ([carlini2022-lira])."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from earnest.errors import BadParameter
from earnest.models.access import Model
from earnest.privacy.items import AuditItem
from earnest.privacy.training import Training, trained_on


def halves(ids: Sequence[str], n: int, rng: np.random.Generator) -> list[frozenset[str]]:
    """Sets of ids for `n` shadows: random halves, each followed by its complement, so that every id is in half of them."""
    if n < 4 or n % 2:
        raise BadParameter(
            f"shadows come in pairs of complements, at least two of them, got {n}; take an even number from 4"
        )
    sets = []
    for _ in range(n // 2):
        half = set(rng.choice(list(ids), len(ids) // 2, replace=False).tolist())
        sets += [frozenset(half), frozenset(set(ids) - half)]
    return sets


def shadow_models(
    before: Model,
    items: Sequence[AuditItem],
    *,
    n: int,
    training: Training,
    rng: np.random.Generator,
    also: Sequence[AuditItem] = (),
    tell: Callable[[int, int], None] | None = None,
) -> list[tuple[Model, frozenset[str]]]:
    """Shadows with the ids of the rows that each was trained on.

    Parameters
    ----------
    before : Model
        What the audited model was before it was trained on the members; it is trained as that one was, as far as that is
        known to the attacker.
    items : sequence of AuditItem
        Members and non-members alike: an attacker has both, and does not know which is which.
    n : int
        An even number, at least 4; the paper shows gains up to 256.
    also : sequence of AuditItem
        Other data that every shadow is trained on, as the audited model was.
    """
    ids = [item.id for item in items]
    if len(set(ids)) != len(ids):
        raise BadParameter("shadows are trained on rows by their ids, got ids that come twice; give each row its own")
    found = []
    for done, chosen in enumerate(halves(ids, n, rng), 1):
        model = trained_on(before, [*(item for item in items if item.id in chosen), *also], training, rng)
        found.append((model, chosen))
        if tell is not None:
            tell(done, n)
    return found
