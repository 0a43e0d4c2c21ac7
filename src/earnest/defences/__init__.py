"""Defences: what stands before a model, after it, or both. One file a method; see `_base.py` for what each must state.

A system is a model behind its defences:

    system = System(model, (defences.make("codec:format=opus"), defences.make("refusal_guard")))
"""

from earnest.defences._base import Defence, Gradient, defences

__all__ = ["Defence", "Gradient", "defences"]
