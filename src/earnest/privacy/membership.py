"""Membership inference: whether a model shows, by how likely it finds an answer, that it was trained on the recording.

Attacks are a table of statistics here and no plug-ins: each is one number an item, made from the same scores of tokens,
with no setting but a share of tokens. All are measured alike, and only after the blind baseline did not separate the
sides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from earnest.errors import BadParameter, UnknownName, did_you_mean
from earnest.metrics.intervals import Interval
from earnest.metrics.membership import area_interval, area_under_curve, least_nonmembers, rate_at, rate_interval
from earnest.models.access import TokenScores
from earnest.privacy.items import AuditItem, by_side
from earnest.privacy.lira import confidence, likelihood_ratios
from earnest.privacy.min_k import min_k, min_k_plus_plus

Floats = NDArray[np.float64]

RATES = (0.01, 0.001)
"""False positive rates at which members found are counted."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What models gave to the items.

    Parameters
    ----------
    totals : float64 array, shape (n_items,)
        Log-probability of the whole answer, nan where there is none.
    tokens : sequence of TokenScores or None
        Empty where the model tells the whole answer's alone.
    reference : float64 array, shape (n_items,) or None
        The totals of a reference model.
    shadows : float64 array, shape (n_shadows, n_items) or None
        Totals of shadow models.
    inside : bool array, shape (n_shadows, n_items) or None
        Whether the shadow was trained on the item.
    """

    totals: Floats
    tokens: Sequence[TokenScores | None] = ()
    reference: Floats | None = None
    shadows: Floats | None = None
    inside: NDArray[np.bool_] | None = None


@dataclass(frozen=True, kw_only=True)
class Attack:
    """A statistic of membership.

    Parameters
    ----------
    source : str
        Catalogue key.
    needs : str
        What an attacker must have, in words.
    of : callable
        From `Scores` to a number an item, nan where there is none; higher means more likely a member.
    """

    source: str
    needs: str
    of: Callable[[Scores], Floats]


def _loss(scores: Scores) -> Floats:
    """The mean log-probability of a token, the negative of the training loss; of the whole answer where no token is told."""
    if not scores.tokens:
        return scores.totals
    return _each(scores, lambda one: float(one.log_probabilities.mean()))


def _each(scores: Scores, statistic: Callable[[TokenScores], float]) -> Floats:
    return np.array([np.nan if one is None else statistic(one) for one in scores.tokens], np.float64)


def _reference(scores: Scores) -> Floats:
    """The log-likelihood ratio of the answer between the model and the reference, in nats."""
    return np.asarray(scores.totals - scores.reference, np.float64)


def _lira(scores: Scores, *, online: bool) -> Floats:
    shadows, inside = scores.shadows, scores.inside
    if shadows is None or inside is None:
        raise BadParameter("LiRA needs shadow models, got none; give --shadow")
    known = np.isfinite(scores.totals) & np.isfinite(shadows).all(axis=0)
    found = np.full(len(known), np.nan)
    found[known] = likelihood_ratios(
        confidence(scores.totals[known]),
        confidence(shadows[:, known]),
        inside[:, known],
        mode="online" if online else "offline",
    )
    return found


ATTACKS: Mapping[str, Attack] = {
    "loss": Attack(source="yeom2018-overfitting", needs="log-probabilities of given answers", of=_loss),
    "min_k": Attack(
        source="shi2024-detecting",
        needs="log-probabilities of single tokens",
        of=lambda scores: _each(scores, min_k),
    ),
    "min_k_plus_plus": Attack(
        source="zhang2025-mink",
        needs="log-probabilities of all tokens in each place",
        of=lambda scores: _each(scores, min_k_plus_plus),
    ),
    "reference": Attack(
        source="carlini2021-extracting",
        needs="log-probabilities of given answers, and a model that was not trained on the recordings",
        of=_reference,
    ),
    "lira": Attack(
        source="carlini2022-lira",
        needs="log-probabilities of given answers, and shadow models, some of them trained on each recording",
        of=lambda scores: _lira(scores, online=True),
    ),
    "lira_offline": Attack(
        source="carlini2022-lira",
        needs="log-probabilities of given answers, and shadow models that were not trained on the recordings",
        of=lambda scores: _lira(scores, online=False),
    ),
}
"""Every attack by its name."""


def named(attacks: Sequence[str], *, tokens: bool, reference: bool, shadows: int, online: bool) -> tuple[str, ...]:
    """The attacks to be made: those that are named, or all that what is given allows.

    Raises
    ------
    UnknownName
        If there is none of a name.
    BadParameter
        If one that is named needs what is not given.
    """
    lacks = {
        "min_k": "" if tokens else "the scores of single tokens, which the model does not grant",
        "min_k_plus_plus": "" if tokens else "the scores of single tokens, which the model does not grant",
        "reference": "" if reference else "--reference MODEL",
        "lira": "" if shadows and online else "--shadow MODEL@ROWS, at least two that were trained on each recording",
        "lira_offline": "" if shadows else "--shadow MODEL, at least two",
    }
    chosen = [name.replace("-", "_") for name in attacks]
    for name in chosen:
        if name not in ATTACKS:
            raise UnknownName(
                f"no membership attack is called {name!r}{did_you_mean(name, ATTACKS)}; they are {', '.join(ATTACKS)}"
            )
        if lacks.get(name):
            raise BadParameter(f"attack {name!r} needs {lacks[name]}; add it, or leave the attack out")
    return tuple(chosen) or tuple(name for name in ATTACKS if not lacks.get(name))


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Share of members found at a rate of false alarms; without a value where there are too few non-members to tell."""

    false_positive_rate: float
    value: float | None
    interval: Interval | None
    n_needed: int


@dataclass(frozen=True, kw_only=True)
class Membership:
    """One attack's figures.

    Parameters
    ----------
    attack, source, needs : str
    area : float
        0.5 is chance.
    interval : Interval
        95 %, over clusters.
    rates : tuple of Rate
    n_members, n_nonmembers : int
        That were scored.
    n_unscored_members, n_unscored_nonmembers : int
    bounds : tuple of float
        The area with every unscored item where it would lower it most, and where it would raise it most.
    """

    attack: str
    source: str
    needs: str
    area: float
    interval: Interval
    rates: tuple[Rate, ...]
    n_members: int
    n_nonmembers: int
    n_unscored_members: int
    n_unscored_nonmembers: int
    bounds: tuple[float, float]


def measured(
    name: str, values: Floats, items: Sequence[AuditItem], clusters: Sequence[str], *, rng: np.random.Generator
) -> Membership:
    """The figures of one attack.

    Parameters
    ----------
    values : float64 array, shape (n_items,)
        The attack's statistic; nan where an item has none.

    Raises
    ------
    BadParameter
        If a side has no item that was scored, or one cluster alone.
    """
    places = by_side(items)
    known = {side: [k for k in places[side] if np.isfinite(values[k])] for side in (True, False)}
    for side, kept in known.items():
        if not kept:
            raise BadParameter(
                f"attack {name!r} scored none of the {len(places[side])} {'members' if side else 'non-members'}; see why "
                "they could not be scored"
            )
    inside, outside = values[known[True]], values[known[False]]
    names = {
        "member_clusters": [clusters[k] for k in known[True]],
        "nonmember_clusters": [clusters[k] for k in known[False]],
    }
    missing = {side: len(places[side]) - len(known[side]) for side in (True, False)}
    rates = tuple(
        Rate(
            false_positive_rate=rate,
            value=rate_at(members=inside, nonmembers=outside, false_positive_rate=rate),
            interval=rate_interval(members=inside, nonmembers=outside, false_positive_rate=rate, rng=rng, **names),
            n_needed=least_nonmembers(rate),
        )
        for rate in RATES
    )
    return Membership(
        attack=name,
        source=ATTACKS[name].source,
        needs=ATTACKS[name].needs,
        area=area_under_curve(members=inside, nonmembers=outside),
        interval=area_interval(members=inside, nonmembers=outside, **names),
        rates=rates,
        n_members=len(inside),
        n_nonmembers=len(outside),
        n_unscored_members=missing[True],
        n_unscored_nonmembers=missing[False],
        bounds=(_with(inside, outside, missing, sign=-1), _with(inside, outside, missing, sign=1)),
    )


def _with(inside: Floats, outside: Floats, missing: Mapping[bool, int], *, sign: int) -> float:
    """The area with unscored members below everything and unscored non-members above, or the other way round."""
    far = float(max(np.abs(inside).max(), np.abs(outside).max()) + 1)
    return area_under_curve(
        members=np.append(inside, np.full(missing[True], sign * far)),
        nonmembers=np.append(outside, np.full(missing[False], -sign * far)),
    )
