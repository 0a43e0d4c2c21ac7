"""Attacks, to find out what a system withstands. One file a method; `_base.py` measures, verifies and judges them all.

An attack is written as a specification and run on a `System`:

    attack = attacks.make("pgd:snr_db=35,steps=50")
    result = attack.run(System(model, defences), stimuli, rng=np.random.default_rng(0))
    result.n_success, result.n_judged, result.n_control_success
"""

from earnest.attacks._base import Attack, AttackResult, Attempt, Family, Trial, attacks, unchanged
from earnest.attacks._budget import Budget, Distortion
from earnest.attacks._victim import Candidate, Victim

__all__ = [
    "Attack",
    "AttackResult",
    "Attempt",
    "Budget",
    "Candidate",
    "Distortion",
    "Family",
    "Trial",
    "Victim",
    "attacks",
    "unchanged",
]
