"""Differential privacy: what a training run gives away at most, and gradients of single examples that can be trusted."""

from .accounting import Epsilon, epsilon_of, noise_for
from .dp_sgd import DPSGD, Spent, train
from .per_example import check_gradients
from .renyi import renyi_epsilon_of

__all__ = ["DPSGD", "Epsilon", "Spent", "check_gradients", "epsilon_of", "noise_for", "renyi_epsilon_of", "train"]
