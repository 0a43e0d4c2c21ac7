"""Attacks, to find out what a system withstands. One file a method; `_base.py` measures, verifies and judges them all.

An attack is written as a specification and run on a `System`:

    attack = attacks.make("pgd:snr_db=35,steps=50")
    result = attack.run(System(model, defences), stimuli, rng=np.random.default_rng(0))
    result.n_success, result.n_judged, result.n_control_success

Or in two steps, made once and judged on many systems:

    for crafted in attack.craft(System(model), stimuli, rng=np.random.default_rng(0)):
        attack.verify(System(model, defences), crafted).success
"""

from earnest.attacks._base import Attack, AttackResult, Attempt, Family, SuccessAt, Trial, attacks, unchanged
from earnest.attacks._budget import Budget, Distortion, TextBudget
from earnest.attacks._candidate import HELD, Candidate
from earnest.attacks._craft import Crafted, Crafts
from earnest.attacks._descent import GradientAttack
from earnest.attacks._limits import Limits
from earnest.attacks._log import QueryLog
from earnest.attacks._quality import quality
from earnest.attacks._twins import TwinTrial
from earnest.attacks._victim import Victim

__all__ = [
    "HELD",
    "Attack",
    "AttackResult",
    "Attempt",
    "Budget",
    "Candidate",
    "Crafted",
    "Crafts",
    "Distortion",
    "Family",
    "GradientAttack",
    "Limits",
    "QueryLog",
    "SuccessAt",
    "TextBudget",
    "Trial",
    "TwinTrial",
    "Victim",
    "attacks",
    "quality",
    "unchanged",
]
