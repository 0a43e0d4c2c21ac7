"""`membership.json` and `membership.html`: an audit of what a model shows of its training set, and whether it may be believed."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from earnest.run_folder import write_whole

PAGE, FILE = "membership.html", "membership.json"

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111;background:#fff}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .9rem .25rem 0;text-align:left;border-bottom:1px solid #ccc}
.warn{border:2px solid #111;padding:.5rem .8rem}"""

SPLIT = "split, not memory"


class Form(BaseModel):
    """Base of what is written: nothing beside its fields, and unchanged."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BlindArea(Form):
    """Area of a classifier that knows no model, with the middle 95 % of the areas of sides that were drawn anew."""

    features: str
    area: float
    band_low: float
    band_high: float


class MembershipRate(Form):
    """Members found at a rate of false alarms; null where there are too few non-members to tell."""

    false_positive_rate: float
    value: float | None
    low: float | None
    high: float | None
    n_nonmembers_needed: int


class MembershipAttack(Form):
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


class UnscoredItem(Form):
    """An item without a score of a model."""

    id: str
    member: bool
    model: str
    reason: str


class MembershipFile(Form):
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
    blind = table(
        ("Features", "Area", "Permutation band (95 %)"),
        [(one.features, f"{one.area:.3f}", f"{one.band_low:.3f} to {one.band_high:.3f}") for one in made.blind],
    )
    attacks = (
        table(
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
        else "No membership figure is given."
    )
    others = table(("Attack", "Needs"), list(made.not_made.items()))
    says = (
        f"Classifiers that never see the model, cross-validated by {made.clustered_by} ({made.n_clusters:,} clusters), beside "
        f"{made.n_draws:,} draws of the sides; p = {made.blind_p:.3f}. Such areas lie around or below 0.5 where nothing tells "
        "the sides apart."
    )
    return document(
        f"Membership in the training set of {made.model}",
        [made.note, made.sentence],
        [
            ("Threat model", made.threat_model),
            ("Blind baseline", says),
            ("", blind),
            ("Attacks", attacks),
            ("Not made", others if made.not_made else ""),
        ],
        unscored=made.unscored,
        warned=made.verdict == SPLIT,
    )


class Markup(str):
    """Text that is HTML already."""


def document(
    title: str,
    paragraphs: Sequence[str],
    sections: Sequence[tuple[str, str]],
    *,
    unscored: Sequence[UnscoredItem],
    warned: bool = False,
) -> str:
    """A page: a title, paragraphs of which the last one carries the result, and sections of text or `Markup`."""
    shown = html.escape(title)
    listed = Markup(
        "<ul>"
        + "".join(
            f"<li>{html.escape(one.id)} ({'member' if one.member else 'non-member'}"
            f"{f', {html.escape(one.model)}' if one.model else ''}): {html.escape(one.reason)}</li>"
            for one in unscored[:50]
        )
        + "</ul>"
    )
    parts = [f"<p>{html.escape(one)}</p>" for one in paragraphs[:-1] if one]
    mark = ' class="warn"' if warned else ""
    parts.append(f"<p{mark}><strong>{html.escape(paragraphs[-1])}</strong></p>")
    for name, body in [*sections, (f"Unscored ({len(unscored):,})", listed if unscored else "")]:
        if body:
            parts.append(f"<h2>{html.escape(name)}</h2>" if name else "")
            parts.append(body if isinstance(body, Markup) else f"<p>{html.escape(body)}</p>")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{shown}</title><style>{_STYLE}</style></head>'
        f"<body><h1>{shown}</h1>{''.join(parts)}</body></html>\n"
    )


def _at(rate: MembershipRate) -> str:
    return f"Members found at {100 * rate.false_positive_rate:g} % false positives"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """A table of text."""
    cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return Markup(f"<table><tr>{cells}</tr>{body}</table>")
