"""`extraction.json` and `extraction.html`: what a model gave back of its training set, beside what it gave of other recordings."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from earnest.report.membership import Form, UnscoredItem, document, table
from earnest.run_folder import write_whole

PAGE, FILE = "extraction.html", "extraction.json"


class Extracted(Form):
    """A rate of one side; higher is worse for privacy. The last two are the rate with every unscored item at 0 and at 1."""

    measure: str
    members: bool
    value: float | None
    low: float | None
    high: float | None
    n_hits: int
    n: int
    n_unscored: int
    n_beyond: int = Field(description="Items that the measure does not apply to.")
    at_least: float | None
    at_most: float | None


class Exposure(Form):
    """Exposure of answers of one side in bits: medians, and how many are ahead of every candidate."""

    members: bool
    sampled_median: float | None
    modelled_median: float | None
    n: int
    n_first: int
    n_candidates: int
    most_sampled: float = Field(description="Bits of an answer ahead of every candidate.")
    n_unscored: int


class ExtractionFile(Form):
    """`extraction.json`."""

    version: int = 1
    model: str
    note: str
    threat_model: str
    sentence: str
    clustered_by: str
    rates: list[Extracted]
    exposure: list[Exposure] = Field(description="Empty where the model grants no scores.")
    unscored: list[UnscoredItem]
    seed: int


def write(made: ExtractionFile, folder: Path) -> list[Path]:
    """Write `extraction.json` and `extraction.html`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / FILE, (made.model_dump_json(indent=2) + "\n").encode())
    write_whole(folder / PAGE, page(made).encode())
    return [folder / FILE, folder / PAGE]


def as_text(made: ExtractionFile) -> str:
    """The result for a terminal."""
    lines = [made.model, *([f"  {made.note}"] if made.note else []), made.sentence]
    lines += [f"  {one.measure}, {_side(one.members)}: {_rate(one)}" for one in made.rates]
    lines += [f"  exposure, {_side(one.members)}: {_bits(one)}" for one in made.exposure]
    if made.unscored:
        lines.append(f"{len(made.unscored)} calls gave nothing: {made.unscored[0].id}: {made.unscored[0].reason}")
    return "\n".join(lines)


def page(made: ExtractionFile) -> str:
    """The whole page."""
    rates = table(
        ("Measure", "Recordings", "Rate, 95 % interval, n"),
        [(one.measure, _side(one.members), _rate(one)) for one in made.rates],
    )
    bits = table(("Recordings", "Exposure"), [(_side(one.members), _bits(one)) for one in made.exposure])
    return document(
        f"Extraction from {made.model}",
        [made.note, made.sentence],
        [("Threat model", made.threat_model), ("Given back", rates), ("Exposure", bits if made.exposure else "")],
        unscored=made.unscored,
    )


def _side(members: bool) -> str:
    return "members" if members else "non-members (control)"


def _rate(one: Extracted) -> str:
    if one.value is None or one.low is None or one.high is None:
        return f"applies to none of the recordings ({one.n_beyond:,} beyond it, {one.n_unscored:,} unscored)"
    shown = f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}], {one.n_hits:,} of {one.n:,}"
    beyond = f"; {one.n_beyond:,} beyond it" if one.n_beyond else ""
    if one.n_unscored:
        return f"{shown}{beyond}; {one.n_unscored:,} unscored, with which it lies between {one.at_least:.3f} and {one.at_most:.3f}"
    return shown + beyond


def _bits(one: Exposure) -> str:
    if one.sampled_median is None:
        return f"none could be scored ({one.n_unscored:,})"
    return (
        f"median {one.sampled_median:.2f} bits of at most {one.most_sampled:.2f} ({one.n_candidates:,} candidates), "
        f"{one.modelled_median:.1f} by a fitted distribution; {one.n_first:,} of {one.n:,} ahead of every candidate"
        + (f"; {one.n_unscored:,} unscored" if one.n_unscored else "")
    )
