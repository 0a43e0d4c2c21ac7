"""Unfairness between groups of speakers: found in data before any model, and mended before, in or after training."""
