"""A classifier by sound alone: finds a difference that is there, none that is not."""

from __future__ import annotations

import numpy as np
import pytest

from earnest.errors import BadParameter
from earnest.metrics.shortcut import shortcut_accuracy


def twins(*, shift: float, n_pairs: int = 100) -> tuple[np.ndarray, list[str], list[int]]:
    rng = np.random.default_rng(7)
    x = rng.normal(size=(2 * n_pairs, 5))
    x[::2, 0] += shift
    return x, ["harmful", "benign"] * n_pairs, [pair for pair in range(n_pairs) for _ in range(2)]


def test_a_loud_class_is_found() -> None:
    x, labels, groups = twins(shift=4.0)
    assert shortcut_accuracy(x, labels=labels, groups=groups).mean() > 0.95


def test_equal_classes_are_at_chance() -> None:
    x, labels, groups = twins(shift=0.0)
    assert abs(shortcut_accuracy(x, labels=labels, groups=groups).mean() - 0.5) < 0.1


def test_clips_that_do_not_differ_are_all_taken_for_the_label_that_comes_first() -> None:
    """The plane goes through them all, so a tie must not be won by both labels, nor by neither."""
    labels = ["harmful", "benign"] * 4
    found = shortcut_accuracy(np.zeros((8, 2)), labels=labels, groups=[n // 2 for n in range(8)])
    assert found.tolist() == [False, True] * 4


def test_a_group_is_never_split() -> None:
    """A feature that names the pair helps nothing when its pair is left out."""
    _, labels, groups = twins(shift=0.0)
    x = np.eye(100)[groups] * np.where(np.array(labels) == "harmful", 1.0, -1.0)[:, None]
    assert shortcut_accuracy(x, labels=labels, groups=groups).mean() <= 0.6


def test_three_labels_are_refused() -> None:
    with pytest.raises(BadParameter, match="two labels and two groups are needed, got 3 and 3"):
        shortcut_accuracy(np.zeros((3, 2)), labels=["a", "b", "c"], groups=[1, 2, 3])
