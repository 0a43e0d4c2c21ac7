"""Can two classes of clips be told apart without understanding them?

A set whose harmful requests are louder, longer or brighter than its benign ones lets a model refuse by sound alone. The
accuracy of a plain classifier on such features says how far a set is open to that; 0.5 is chance for balanced classes.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from earnest.errors import BadParameter


def shortcut_accuracy(
    features: ArrayLike,
    *,
    labels: Sequence[Hashable],
    groups: Sequence[Hashable],
    ridge: float = 1.0,
    n_folds: int = 10,
) -> NDArray[np.bool_]:
    """Whether each clip was classified rightly by a ridge classifier that saw none of its group.

    The features are standardised on the training folds; groups (pairs of twins, speakers) are never split. The mean of
    what is returned is the balanced accuracy where the classes are of one size.

    Parameters
    ----------
    features : float array, shape (n_clips, n_features)
    labels : sequence, length n_clips
        Exactly two values.
    groups : sequence, length n_clips
        At least two values; fewer than `n_folds` means one fold a group.
    ridge : float
        Weight of the squared coefficients, per standardised feature.
    n_folds : int
        Groups are dealt to the folds in order of first appearance.

    Returns
    -------
    bool array, shape (n_clips,)

    Raises
    ------
    BadParameter
        If lengths differ, or there are not two labels and two groups.
    """
    x = np.asarray(features, dtype=np.float64)
    names, y = np.unique(np.asarray([str(label) for label in labels]), return_inverse=True)
    order = {group: place for place, group in enumerate(dict.fromkeys(groups))}
    if x.ndim != 2 or not len(x) == len(y) == len(groups):
        raise BadParameter(
            f"features must have shape (n_clips, n_features) with a label and a group each, got {x.shape}"
        )
    if len(names) != 2 or len(order) < 2:
        raise BadParameter(f"two labels and two groups are needed, got {len(names)} and {len(order)}")
    folds = np.array([order[group] for group in groups]) % min(n_folds, len(order))
    sign = 2.0 * y - 1.0
    right = np.zeros(len(y), dtype=bool)
    for fold in np.unique(folds):
        seen, unseen = folds != fold, folds == fold
        centre, scale = x[seen].mean(axis=0), x[seen].std(axis=0) + 1e-9
        a = np.column_stack([(x[seen] - centre) / scale, np.ones(seen.sum())])
        penalty = ridge * seen.sum() * 0.01 * np.eye(a.shape[1])
        penalty[-1, -1] = 0.0
        weights = np.linalg.solve(a.T @ a + penalty, a.T @ sign[seen])
        b = np.column_stack([(x[unseen] - centre) / scale, np.ones(unseen.sum())])
        right[unseen] = (b @ weights > 0) == (sign[unseen] > 0)
    return right
