"""Noise at a given level."""
