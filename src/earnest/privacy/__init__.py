"""Differential privacy: what a training run gives away at most, and gradients of single examples that can be trusted."""
