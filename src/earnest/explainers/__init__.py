"""Explanations of one decision of a model: which part of the clip it rests on, and how far to trust the map that says so."""

from earnest.explainers._base import Asked, Decision, Explainer, Map, Tiles, explainers

__all__ = ["Asked", "Decision", "Explainer", "Map", "Tiles", "explainers"]
