"""Defences: what stands before a model, after it, or both. One file a method; see `_base.py` for what each must state."""

from earnest.defences._base import Defence, defences

__all__ = ["Defence", "defences"]
