"""Attacks, to find out what a system withstands. One file a method; `_base.py` measures, verifies and judges them all."""

from earnest.attacks._base import (
    Attack,
    AttackResult,
    Attempt,
    Budget,
    Candidate,
    Distortion,
    Family,
    Victim,
    attacks,
)

__all__ = [
    "Attack",
    "AttackResult",
    "Attempt",
    "Budget",
    "Candidate",
    "Distortion",
    "Family",
    "Victim",
    "attacks",
]
