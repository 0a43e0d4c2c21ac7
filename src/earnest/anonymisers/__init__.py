"""Anonymisers: what gives a recording another voice and keeps what is said. One file a method.

    anonymiser = anonymisers.make("mcadams:alpha=0.8")
    clip = anonymiser.anonymised(entry, clip, drawn=anonymiser.draw(rng))

How well they hide a speaker is measured by `earnest.runs.anonymisation`.
"""

from earnest.anonymisers._base import Anonymiser, Drawn, anonymisers

__all__ = ["Anonymiser", "Drawn", "anonymisers"]
