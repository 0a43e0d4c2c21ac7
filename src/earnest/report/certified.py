"""Where a report may write "certified": beside an attack whose whole budget lies inside every certificate, and nowhere else.

A certificate (`earnest certify`) says of one clip that no change shorter than a radius turns a decision. For speech such a
radius lies at 50 to 62 dB SNR at sigma 0.01, and higher at a smaller sigma; an attack that is given 30 dB may make a change
ten times as long, and what it reaches is a rate like any other. No other file of the report holds the word; a test sees to it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from earnest.errors import EarnestError
from earnest.registry import parse_spec, registry

FILE = "certificates.json"
DEFENCE = "randomised_smoothing"

NO_CERTIFICATE = "a vote of noisy copies; this run holds no certificate for it"


def certificate_words(attack: str | None, stack: Sequence[str], *, model: str, folder: Path) -> str:
    """What is said of certificates beside an attack on a stack; empty where nothing in the stack smooths at random.

    Parameters
    ----------
    attack : str or None
        Its specification.
    stack : sequence of str
        Specifications of the defences.
    model : str
        Specification of the model of the run.
    folder : Path
        Of the run, with what `earnest certify --out` wrote.
    """
    smoothing = [spec for spec in stack if parse_spec(spec).name == DEFENCE]
    if attack is None or not smoothing:
        return ""
    others = [spec for spec in stack if spec not in smoothing]
    sigma = registry("defences").make(smoothing[0]).sigma
    held = [
        one
        for one in _certificates(folder)
        if one.get("model") == model and one.get("defences") == others and one.get("sigma") == sigma
    ]
    if not held:
        return NO_CERTIFICATE
    outside = [one for one in held if not inside(attack, one)]
    if not outside:
        return f"certified: the attack's whole budget lies inside the radius of all {len(held)} clips (alpha {held[0]['alpha']:g})"
    ratios = [one["snr_db"] for one in held if one.get("snr_db") is not None]
    span = f"; the radii lie at {min(ratios):.0f} to {max(ratios):.0f} dB SNR" if ratios else ""
    return (
        f"the attack's budget lies outside the radius of {len(outside)} of {len(held)} clips{span}: "
        "no certificate applies to these figures"
    )


def inside(attack: str, certificate: Mapping[str, Any]) -> bool:
    """Whether the longest change that an attack may make of a certificate's clip is shorter than its radius.

    Its budget counts, not what it did; an attack without a limit of length (L2) or SNR is outside, and so is every attack
    where the certificate abstained.
    """
    radius, ratio_db = certificate.get("radius"), certificate.get("snr_db")
    if not radius or ratio_db is None:
        return False
    signal = radius * 10 ** (ratio_db / 20)  # the clip's length
    l2, snr_db = _limits(attack)
    return min(l2, signal * 10 ** (-snr_db / 20)) < radius


def _limits(attack: str) -> tuple[float, float]:
    """The most length that a budget allows, and the least SNR in dB; infinite and minus infinite without such a limit."""
    try:
        budget = getattr(registry("attacks").make(attack), "budget", None)
    except EarnestError:  # not installed here
        return math.inf, -math.inf
    l2, snr_db = getattr(budget, "l2", None), getattr(budget, "snr_db", None)
    return math.inf if l2 is None else float(l2), -math.inf if snr_db is None else float(snr_db)


def _certificates(folder: Path) -> list[dict[str, Any]]:
    """The certificates of a folder; none where there are none that can be read."""
    try:
        held = json.loads((folder / FILE).read_text(encoding="utf-8")).get("certificates", [])
    except (OSError, ValueError, AttributeError):
        return []
    return [one for one in held if isinstance(one, dict)]
