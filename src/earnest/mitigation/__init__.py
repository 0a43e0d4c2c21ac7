"""Unfairness between groups of speakers: found in data before any model, and mended before, in or after training."""

from earnest.mitigation._base import Frames, Mitigation, Recipe, Rows, Scores, mitigation, trained

__all__ = ["Frames", "Mitigation", "Recipe", "Rows", "Scores", "mitigation", "trained"]
