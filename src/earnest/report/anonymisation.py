"""How well methods hide who speaks, as a file and as a page that needs no network."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from earnest.run_folder import write_whole

PAGE, FILE = "privacy_anonymisation.html", "privacy_anonymisation.json"

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111;background:#fff}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .9rem .2rem 0;text-align:left;vertical-align:top}
thead th{border-bottom:1px solid #111}.warn{border:2px solid #111;padding:.5rem .8rem}div.scroll{overflow-x:auto}"""


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Estimate(_Form):
    """A number with its 95 % interval, by speakers; null where fewer than three speakers are there."""

    value: float
    low: float | None = None
    high: float | None = None
    n: int = Field(description="Recordings, or mated trials.")


class LinkingForm(_Form):
    """How well speakers are linked."""

    trials: str = Field(description="Which trials: same gender, all, female, male, ...")
    equal_error_rate: Estimate
    linkability: float | None
    linkability_by_chance: float | None
    n_mated: int
    n_non_mated: int
    n_speakers: int


class AttackerForm(_Form):
    """An attacker against a method; the first of `linking` is the headline."""

    attacker: str
    linking: list[LinkingForm]
    n_unscored: int


class AttributeForm(_Form):
    """How often a classifier reads an attribute: balanced accuracy over two values, 0.5 by chance, higher leaks more."""

    attribute: str
    values: list[str]
    clean: Estimate
    uninformed: Estimate | None = Field(description="Trained on recordings as they were.")
    informed: Estimate | None = Field(description="Trained on recordings anonymised by the same method.")


class UtilityForm(_Form):
    """What is left of the words and the intonation."""

    recogniser: str
    reference: str = Field(
        description="What word errors are counted against: the column text, or the clean transcript."
    )
    word_error_before: Estimate | None
    word_error_after: Estimate | None
    pitch_correlation: Estimate | None
    n_failed: int


class StrengthForm(_Form):
    """How the verifier of the semi-informed attacker was trained."""

    steps: list[tuple[int, float]] = Field(
        description="Voices a recording, and the error rate on speakers that were held out."
    )
    n_copies: int
    saturated: bool = Field(description="Whether the last doubling no longer helped.")


class MethodForm(_Form):
    """One method under all attackers."""

    method: str
    source: str
    attackers: list[AttackerForm]
    strength: StrengthForm | None
    attributes: list[AttributeForm]
    utility: UtilityForm | None
    failed: dict[str, int]
    trusted: bool
    doubts: list[str]


class AnonymisationFile(_Form):
    """`privacy_anonymisation.json`: methods by attackers on one data set."""

    version: int = 1
    data: str
    n_rows: int
    n_speakers: int
    n_pieces: int
    n_left_out: int = Field(description="Rows without a known speaker, too short, or more than ten of one speaker.")
    genders: dict[str, int]
    voice_per: str
    verifier: str
    clean: AttackerForm
    methods: list[MethodForm]
    threat_model: str
    notes: list[str]
    seed: int


def write(made: AnonymisationFile, folder: Path) -> list[Path]:
    """Write the file and the page."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / FILE, (made.model_dump_json(indent=2) + "\n").encode())
    write_whole(folder / PAGE, page(made).encode())
    return [folder / FILE, folder / PAGE]


def shown(estimate: Estimate | None, *, digits: int = 3) -> str:
    """A number with its interval."""
    if estimate is None:
        return "not measured"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} ({estimate.low:.{digits}f} to {estimate.high:.{digits}f})"


def table_of(made: AnonymisationFile) -> list[list[str]]:
    """Method by attacker: the error rate of the headline trials, and the flag."""
    rows = [["none (clean)", shown(made.clean.linking[0].equal_error_rate), "", "", ""]]
    for one in made.methods:
        by = {attacker.attacker: shown(attacker.linking[0].equal_error_rate) for attacker in one.attackers}
        flag = "" if one.trusted else "attacker too weak"
        rows.append([one.method, *(by.get(name, "") for name in ("ignorant", "lazy_informed", "semi_informed")), flag])
    return rows


HEAD = ["method", "ignorant", "lazy-informed", "semi-informed", "trust"]


def page(made: AnonymisationFile) -> str:
    """The whole page."""
    title = "Who can be recognised in anonymised recordings"
    parts = [
        f"<p>{html.escape(made.threat_model)}</p>",
        f"<p>{made.n_pieces} recordings of {made.n_speakers} speakers in {html.escape(made.data)}; {made.n_left_out} rows were "
        "left out.</p>",
        "<h2>Equal error rate by attacker</h2><p>0.5 is chance: the higher, the better the speakers are hidden. 95 % intervals by "
        f"speaker. Trials: {html.escape(made.clean.linking[0].trials)}. Verifier: {html.escape(made.verifier)}.</p>",
        _table(HEAD, table_of(made)),
    ]
    for one in made.methods:
        parts.append(f"<h2>{html.escape(one.method)}</h2>")
        if one.doubts:
            items = "".join(f"<li>{html.escape(doubt)}</li>" for doubt in one.doubts)
            strong = "Take these error rates as upper bounds." if not one.trusted else "Read with care."
            parts.append(f'<div class="warn"><strong>{strong}</strong><ul>{items}</ul></div>')
        parts.append(
            _table(["attacker", "trials", "equal error rate", "linkability (by chance)", "mated, others"], _rows(one))
        )
        parts.append(_table(["measure", "value"], _measures(one)))
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in made.notes)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head>'
        f"<body><h1>{title}</h1>{''.join(parts)}<h2>Notes</h2><ul>{notes}</ul></body></html>\n"
    )


def _rows(one: MethodForm) -> list[list[str]]:
    return [
        [
            attacker.attacker.replace("_", "-"),
            linking.trials,
            shown(linking.equal_error_rate),
            "too few trials"
            if linking.linkability is None
            else f"{linking.linkability:.2f} ({linking.linkability_by_chance:.2f})",
            f"{linking.n_mated:,}, {linking.n_non_mated:,}"
            + (f"; {attacker.n_unscored} unscored" if attacker.n_unscored else ""),
        ]
        for attacker in one.attackers
        for linking in attacker.linking
    ]


def _measures(one: MethodForm) -> list[list[str]]:
    rows = []
    if one.strength:
        steps = ", ".join(f"{n}: {rate:.3f}" for n, rate in one.strength.steps)
        said = "more no longer helped" if one.strength.saturated else "more might still help"
        rows.append(
            ["Training of the verifier (voices a recording: error rate on held-out speakers)", f"{steps}; {said}"]
        )
    if one.utility:
        rows.append(
            [
                f"Word error rate before, by {one.utility.recogniser}, against {one.utility.reference}",
                shown(one.utility.word_error_before),
            ]
        )
        rows.append(["Word error rate after", shown(one.utility.word_error_after)])
        rows.append(
            ["Pitch correlation with the original (1: intonation is kept)", shown(one.utility.pitch_correlation)]
        )
    for attribute in one.attributes:
        name = f"{attribute.attribute} ({' or '.join(attribute.values)}), balanced accuracy"
        rows.append([f"{name}, clean", shown(attribute.clean)])
        rows.append([f"{name}, anonymised, classifier not informed", shown(attribute.uninformed)])
        rows.append([f"{name}, anonymised, classifier trained on anonymised speech", shown(attribute.informed)])
    if one.failed:
        rows.append(["Calls of the method that failed", "; ".join(f"{n} x {what}" for what, n in one.failed.items())])
    return rows


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
