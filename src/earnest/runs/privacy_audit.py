"""`earnest privacy audit`: what a model shows of the recordings it was trained on, after the sides were tested without it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from earnest.audio import Manifest
from earnest.errors import AccessDenied, BadAudio, BadData, BadParameter
from earnest.models import load_model
from earnest.models.access import Model, TokenScores, rng_for
from earnest.privacy.blind import LEVEL, Blind, blind_baseline, features_of
from earnest.privacy.items import AuditItem, Unscored, check_sides, clusters_of, items_of, token_scores_of, totals_of
from earnest.privacy.membership import ATTACKS, Membership, Scores, measured, named
from earnest.report.membership import (
    SPLIT,
    BlindArea,
    MembershipAttack,
    MembershipFile,
    MembershipRate,
    UnscoredItem,
)

PROMPT = "Transcribe the speech."
Progress = Callable[[str, int, int, float], None]
"""What is done, how much of how much, and seconds since it began."""


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """A model trained as the audited one was, and the ids of the rows that it was trained on."""

    model: Model
    rows: frozenset[str]

    @classmethod
    def read(cls, text: str) -> Shadow:
        """From `MODEL` (trained on none of the rows) or `MODEL@FILE`, a file with one id a line."""
        spec, at, name = text.rpartition("@")
        if not at:
            return cls(model=load_model(text), rows=frozenset())
        file = Path(name)
        if not file.is_file():
            raise BadData(
                f"a shadow is written MODEL@FILE with a file that lists the rows it was trained on, got {text!r}, whose "
                f"file {name!r} is none; check the path"
            )
        rows = frozenset(line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip())
        return cls(model=load_model(spec), rows=rows)


def read_items(
    members: str | Path, nonmembers: str | Path, *, prompt: str = PROMPT, answer: str = ""
) -> tuple[AuditItem, ...]:
    """Items of two folders of recordings."""
    sides = (Manifest.read(members), Manifest.read(nonmembers))
    return items_of(*sides, prompt=prompt, answer=answer)


def audit(
    model: Model,
    items: Sequence[AuditItem],
    *,
    attacks: Sequence[str] = (),
    reference: Model | None = None,
    shadows: Sequence[Shadow] = (),
    seed: int = 0,
    progress: Progress | None = None,
) -> MembershipFile:
    """Audit a model.

    Parameters
    ----------
    model : Model
        Grants scores.
    items : sequence of AuditItem
        From `read_items`.
    attacks : sequence of str
        Names of `earnest.privacy.membership.ATTACKS`; none takes every one that what is given allows.
    reference : Model or None
        A model that was trained on none of the recordings.
    shadows : sequence of Shadow
    progress : callable or None

    Raises
    ------
    BadData
        If the sides overlap, are too small, are of one speaker, or cannot be tested blind; rows are named.
    AccessDenied
        If the model, the reference or a shadow grants no scores.
    """
    for one in (model, *([reference] if reference else []), *(shadow.model for shadow in shadows)):
        if "scores" not in one.access:
            raise AccessDenied(
                f"membership is inferred from scores, and {one.name!r} grants {', '.join(sorted(one.access))} only; "
                "audit a model on this machine, or extract with `earnest privacy extract`"
            )
    tell = progress or (lambda what, done, total, seconds: None)
    tokens = _tells_tokens(model)
    inside = np.array([[item.id in shadow.rows for item in items] for shadow in shadows], bool)
    online = bool(len(shadows)) and bool((inside.sum(axis=0) >= 2).all())
    names = named(attacks, tokens=tokens, reference=reference is not None, shadows=len(shadows), online=online)
    impossible = () if attacks else tuple(name for name in ATTACKS if name not in names)
    digests, features, unread = _heard(items, tell)
    check_sides(items, digests)
    clusters, clustered_by = clusters_of(items)
    known = [k for k, one in enumerate(features) if one is not None]
    blind = blind_baseline(
        [one for one in features if one is not None],
        members=[items[k].member for k in known],
        clusters=[clusters[k] for k in known],
        clustered_by=clustered_by,
        rng=rng_for(seed, "blind"),
    )
    if blind.separates:
        return _file(
            model, items, blind, clusters, names=names, impossible=impossible, reference=reference, shadows=shadows,
            unread=unread, seed=seed,
        )  # fmt: skip
    kept = [items[k] for k in known]
    scores, unscored = _scores(model, kept, names, tokens=tokens, reference=reference, shadows=shadows, tell=tell)
    found = [
        measured(name, ATTACKS[name].of(scores), kept, [clusters[k] for k in known], rng=rng_for(seed, name))
        for name in names
    ]
    return _file(
        model, items, blind, clusters, names=names, impossible=impossible, reference=reference, shadows=shadows,
        unread=[*unread, *unscored], seed=seed, found=_with_unread(found, unread),
    )  # fmt: skip


def _tells_tokens(model: Model) -> bool:
    """Whether a model scores single tokens: its own method is not that which denies."""
    inner = model
    while hasattr(inner, "model") and isinstance(inner.model, Model):
        inner = inner.model
    return type(inner).token_scores is not Model.token_scores


def _heard(
    items: Sequence[AuditItem], tell: Progress
) -> tuple[list[str], list[dict[str, list[float]] | None], list[UnscoredItem]]:
    """Digest and features of every recording; those that cannot be read have neither, and a reason."""
    digests, features, unread, begun = [], [], [], time.monotonic()
    for place, item in enumerate(items):
        try:
            clip = item.entry.clip()
            digests.append(clip.digest)
            features.append(features_of(clip, " ".join(dict.fromkeys([item.entry.text or "", item.answer]))))
        except BadAudio as error:
            digests.append("")
            features.append(None)
            unread.append(UnscoredItem(id=item.id, member=item.member, model="", reason=str(error)))
        tell("blind features", place + 1, len(items), time.monotonic() - begun)
    return digests, features, unread


def _scores(
    model: Model,
    items: Sequence[AuditItem],
    names: Sequence[str],
    *,
    tokens: bool,
    reference: Model | None,
    shadows: Sequence[Shadow],
    tell: Progress,
) -> tuple[Scores, list[UnscoredItem]]:
    unscored: list[UnscoredItem] = []

    def of(one: Model, *, tokens: bool) -> list[TokenScores | float | None]:
        found, begun = [], time.monotonic()
        for start in range(0, len(items), 64):
            part, lacking = token_scores_of(one, items[start : start + 64], tokens=tokens)
            found += part
            unscored.extend(_told(lacking, one))
            tell(f"scores of {one.name}", len(found), len(items), time.monotonic() - begun)
        return found

    own = of(model, tokens=tokens)
    other = totals_of(of(reference, tokens=False)) if reference and "reference" in names else None
    wanted = [shadow for shadow in shadows if {"lira", "lira_offline"} & set(names)]
    return (
        Scores(
            totals=totals_of(own),
            tokens=[one if isinstance(one, TokenScores) else None for one in own] if tokens else (),
            reference=other,
            shadows=np.stack([totals_of(of(shadow.model, tokens=False)) for shadow in wanted]) if wanted else None,
            inside=_inside(wanted, items) if wanted else None,
        ),
        unscored,
    )


def _inside(shadows: Sequence[Shadow], items: Sequence[AuditItem]) -> NDArray[np.bool_]:
    known = {item.id for item in items}
    for shadow in shadows:
        if shadow.rows and not shadow.rows & known:
            raise BadParameter(
                f"the rows that {shadow.model.name!r} was trained on must be ids of these sets, got none of them, as in "
                f"{min(shadow.rows)!r}; list ids as the manifests have them"
            )
    return np.array([[item.id in shadow.rows for item in items] for shadow in shadows], bool)


def _told(unscored: Sequence[Unscored], model: Model) -> list[UnscoredItem]:
    return [UnscoredItem(id=one.id, member=one.member, model=model.name, reason=one.reason) for one in unscored]


def _with_unread(found: Sequence[Membership], unread: Sequence[UnscoredItem]) -> list[Membership]:
    """Figures in which recordings that could not be read count among the unscored."""
    inside = sum(one.member for one in unread)
    outside = len(unread) - inside
    if not unread:
        return list(found)
    return [
        replace(
            one,
            n_unscored_members=one.n_unscored_members + inside,
            n_unscored_nonmembers=one.n_unscored_nonmembers + outside,
            bounds=(
                _bound(one, inside, outside, 0.0),
                _bound(one, inside, outside, 1.0),
            ),
        )
        for one in found
    ]


def _bound(one: Membership, inside: int, outside: int, win: float) -> float:
    """The bound with more unscored items, each of which wins or loses against every other."""
    members = one.n_members + one.n_unscored_members
    others = one.n_nonmembers + one.n_unscored_nonmembers
    pairs = members * others
    more = (members + inside) * (others + outside)
    return (one.bounds[int(win)] * pairs + win * (more - pairs)) / more


def _file(
    model: Model,
    items: Sequence[AuditItem],
    blind: Blind,
    clusters: Sequence[str],
    *,
    names: Sequence[str],
    impossible: Sequence[str],
    reference: Model | None,
    shadows: Sequence[Shadow],
    unread: Sequence[UnscoredItem],
    seed: int,
    found: Sequence[Membership] = (),
) -> MembershipFile:
    n_members = sum(item.member for item in items)
    return MembershipFile(
        model=model.name,
        note=model.note or "",
        reference=reference.name if reference else None,
        shadows=[shadow.model.name for shadow in shadows],
        verdict=SPLIT if blind.separates else "measured",
        sentence=_sentence(blind, found),
        threat_model=_threat(names),
        n_members=n_members,
        n_nonmembers=len(items) - n_members,
        clustered_by=blind.clustered_by,
        n_clusters=len(set(clusters)),
        blind=[
            BlindArea(features=name, area=area, band_low=blind.bands[name][0], band_high=blind.bands[name][1])
            for name, area in blind.areas.items()
        ],
        blind_p=blind.p_value,
        blind_level=LEVEL,
        n_draws=blind.n_permutations,
        attacks=[_attack(one) for one in found],
        not_made={name: ATTACKS[name].needs for name in impossible},
        unscored=list(unread),
        seed=seed,
    )


def _attack(one: Membership) -> MembershipAttack:
    return MembershipAttack(
        attack=one.attack,
        source=one.source,
        attacker_has=one.needs,
        area=one.area,
        low=one.interval.low,
        high=one.interval.high,
        area_if_unscored_lower_it=one.bounds[0],
        area_if_unscored_raise_it=one.bounds[1],
        rates=[
            MembershipRate(
                false_positive_rate=rate.false_positive_rate,
                value=rate.value,
                low=rate.interval.low if rate.interval else None,
                high=rate.interval.high if rate.interval else None,
                n_nonmembers_needed=rate.n_needed,
            )
            for rate in one.rates
        ],
        n_members=one.n_members,
        n_nonmembers=one.n_nonmembers,
        n_unscored_members=one.n_unscored_members,
        n_unscored_nonmembers=one.n_unscored_nonmembers,
    )


def _sentence(blind: Blind, found: Sequence[Membership]) -> str:
    best = max(blind.areas, key=lambda name: blind.areas[name] - blind.bands[name][1])
    area, (_, high) = blind.areas[best], blind.bands[best]
    if blind.separates:
        return (
            f"{SPLIT}: features of the recordings alone ({best}) tell members from non-members without the model (area "
            f"{area:.3f}, permutation band up to {high:.3f}); draw the sides from one distribution, with `earnest privacy match`"
        )
    strongest = max(found, key=lambda one: one.area)
    kind = "shows" if strongest.interval.low > 0.5 else "is not seen to show"
    return (
        f"the model {kind} which recordings it was trained on: {strongest.attack} reaches an area of {strongest.area:.3f} "
        f"[{strongest.interval.low:.3f}, {strongest.interval.high:.3f}], chance 0.5; features of the recordings alone do not "
        f"separate the sides (p = {blind.p_value:.3f}); the strongest of {len(found)} attacks is named, its interval is its own"
    )


def _threat(names: Sequence[str]) -> str:
    needs = "; ".join(f"{name}: {ATTACKS[name].needs}" for name in names)
    return (
        "An attacker holds recordings with the answers that training would have taught, asks the model how likely it finds "
        f"these, and wants to know which recordings it was trained on. What each attack needs: {needs}."
    )
