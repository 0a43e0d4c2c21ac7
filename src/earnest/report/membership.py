"""`membership.json` and `membership.html`: an audit of what a model shows of its training set, and whether it may be believed."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from earnest.run_folder import write_whole

PAGE, FILE = "membership.html", "membership.json"

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111;background:#fff}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .9rem .25rem 0;text-align:left;border-bottom:1px solid #ccc}
.warn{border:2px solid #111;padding:.5rem .8rem}"""

SPLIT = "split, not memory"


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BlindArea(_Form):
    """Area of a classifier that knows no model, with the middle 95 % of the areas of sides that were drawn anew."""

    features: str
    area: float
    band_low: float
    band_high: float


class MembershipRate(_Form):
    """Members found at a rate of false alarms; null where there are too few non-members to tell."""

    false_positive_rate: float
    value: float | None
    low: float | None
    high: float | None
    n_nonmembers_needed: int


class MembershipAttack(_Form):
    """One attack: area under the curve (0.5 is chance, higher is worse for privacy), 95 % interval over clusters, and rates."""

    attack: str
    source: str
    attacker_has: str
    area: float
    low: float
    high: float
    area_if_unscored_lower_it: float
    area_if_unscored_raise_it: float
    rates: list[MembershipRate]
    n_members: int
    n_nonmembers: int
    n_unscored_members: int
    n_unscored_nonmembers: int


class UnscoredItem(_Form):
    """An item without a score of a model."""

    id: str
    member: bool
    model: str
    reason: str


class MembershipFile(_Form):
    """`membership.json`: the blind baseline, and the attacks where it does not separate the sides."""

    version: int = 1
    model: str
    note: str = Field(description="What must be known of the model to read the figures.")
    reference: str | None
    shadows: list[str]
    verdict: Literal["measured", "split, not memory"]
    sentence: str
    threat_model: str
    n_members: int
    n_nonmembers: int
    clustered_by: str = Field(description="What intervals, folds and draws keep together: speaker, text or row.")
    n_clusters: int
    blind: list[BlindArea]
    blind_p: float = Field(description="Share of draws of the sides in which features alone separate them as well.")
    blind_level: float = Field(description="At or below it the sides count as separate without any model.")
    n_draws: int
    attacks: list[MembershipAttack] = Field(description="Empty where the verdict is `split, not memory`.")
    not_made: dict[str, str] = Field(description="Attacks that were not made, and what they need.")
    unscored: list[UnscoredItem]
    seed: int


def write(made: MembershipFile, folder: Path) -> list[Path]:
    """Write `membership.json` and `membership.html`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / FILE, (made.model_dump_json(indent=2) + "\n").encode())
    write_whole(folder / PAGE, page(made).encode())
    return [folder / FILE, folder / PAGE]


def as_text(made: MembershipFile) -> str:
    """The audit for a terminal."""
    lines = [
        f"{made.model}: {made.n_members:,} members, {made.n_nonmembers:,} non-members, {made.n_clusters:,} clusters "
        f"({made.clustered_by})",
        *([f"  {made.note}"] if made.note else []),
        f"blind baseline, no model (area under the curve, permutation band; p = {made.blind_p:.3f})",
        *(
            f"  {one.features:<10} {one.area:.3f}  [{one.band_low:.3f}, {one.band_high:.3f}]"
            for one in sorted(made.blind, key=lambda one: one.features)
        ),
        f"verdict: {made.sentence}",
    ]
    for one in made.attacks:
        lines.append(f"  {one.attack:<16} area {one.area:.3f} [{one.low:.3f}, {one.high:.3f}]{_unscored(one)}")
        lines += [f"    {_rate(rate)}" for rate in one.rates]
    lines += [f"  {name}: not made, needs {needs}" for name, needs in made.not_made.items()]
    if made.unscored:
        lines.append(f"{len(made.unscored)} scores are missing: {made.unscored[0].id}: {made.unscored[0].reason}")
    return "\n".join(lines)


def _rate(rate: MembershipRate) -> str:
    at = f"members found at {100 * rate.false_positive_rate:g} % false positives"
    if rate.value is None or rate.low is None or rate.high is None:
        return f"{at}: cannot be measured with fewer than {rate.n_nonmembers_needed:,} non-members"
    return f"{at}: {rate.value:.3f} [{rate.low:.3f}, {rate.high:.3f}]"


def _unscored(one: MembershipAttack) -> str:
    if not one.n_unscored_members and not one.n_unscored_nonmembers:
        return f", n = {one.n_members:,} and {one.n_nonmembers:,}"
    return (
        f", n = {one.n_members:,} and {one.n_nonmembers:,}; {one.n_unscored_members:,} members and "
        f"{one.n_unscored_nonmembers:,} non-members unscored, with which the area lies between "
        f"{one.area_if_unscored_lower_it:.3f} and {one.area_if_unscored_raise_it:.3f}"
    )


def page(made: MembershipFile) -> str:
    """The whole page."""
    title = html.escape(f"Membership in the training set of {made.model}")
    warning = f'<p class="warn"><strong>{SPLIT}.</strong> ' if made.verdict == SPLIT else "<p>"
    note = f"<p>{html.escape(made.note)}</p>" if made.note else ""
    blind = _table(
        ("Features", "Area", "Permutation band (95 %)"),
        [(one.features, f"{one.area:.3f}", f"{one.band_low:.3f} to {one.band_high:.3f}") for one in made.blind],
    )
    attacks = (
        _table(
            (
                "Attack",
                "Area (0.5 is chance)",
                "95 % interval",
                *(_at(rate) for rate in made.attacks[0].rates),
                "Attacker has",
            ),
            [
                (
                    f"{one.attack} [{one.source}]",
                    f"{one.area:.3f}{_unscored(one)}",
                    f"{one.low:.3f} to {one.high:.3f}",
                    *(_rate(rate).partition(": ")[2] for rate in one.rates),
                    one.attacker_has,
                )
                for one in made.attacks
            ],
        )
        if made.attacks
        else "<p>No membership figure is given.</p>"
    )
    others = "".join(
        f"<li>{html.escape(name)}: needs {html.escape(needs)}</li>" for name, needs in made.not_made.items()
    )
    unscored = "".join(
        f"<li>{html.escape(one.id)} ({'member' if one.member else 'non-member'}, {html.escape(one.model)}): "
        f"{html.escape(one.reason)}</li>"
        for one in made.unscored[:50]
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head>'
        f"<body><h1>{title}</h1>{note}{warning}{html.escape(made.sentence)}</p>"
        f"<h2>Threat model</h2><p>{html.escape(made.threat_model)}</p>"
        f"<h2>Blind baseline</h2><p>Classifiers that never see the model, cross-validated by {html.escape(made.clustered_by)} "
        f"({made.n_clusters:,} clusters), beside {made.n_draws:,} draws of the sides; p = {made.blind_p:.3f}. Such areas lie "
        f"around or below 0.5 where nothing tells the sides apart.</p>{blind}<h2>Attacks</h2>{attacks}"
        f"{f'<h2>Not made</h2><ul>{others}</ul>' if others else ''}"
        f"{f'<h2>Unscored ({len(made.unscored):,})</h2><ul>{unscored}</ul>' if unscored else ''}</body></html>\n"
    )


def _at(rate: MembershipRate) -> str:
    return f"Members found at {100 * rate.false_positive_rate:g} % false positives"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{body}</table>"
