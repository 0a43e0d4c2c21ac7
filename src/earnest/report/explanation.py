"""An explanation as a file and as a page that needs no network: the map, the sounds, and how far to trust it."""

from __future__ import annotations

import html
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from earnest.audio import AudioClip
from earnest.report.pictures import HEIGHT, WIDTH, data_uri, png, spectrogram
from earnest.run_folder import write_whole

MAP_HEIGHT = 60
"""Height of the bars of a map of time, in pixels."""

PAGE, FILE = "explanation.html", "explanation.json"

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#111;background:#fff}
svg,img{max-width:100%;height:auto;display:block}table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left}
.warn{border:2px solid #111;padding:.5rem .8rem}figure{margin:1rem 0}audio{width:100%}"""


class Tile(BaseModel):
    """A tile with its share in the decision: from and to in seconds and Hz."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start_s: float
    end_s: float
    low_hz: float
    high_hz: float
    value: float
    evidence: bool


class Area(BaseModel):
    """An area under a curve beside random maps: mean, and the range of the middle 95 % of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    area: float
    random: float
    random_low: float
    random_high: float
    p: float


class Muted(BaseModel):
    """Draws in which muting the evidence, or a random mask of its size, changed the decision; Wilson intervals of 95 %."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float
    n: int = Field(description="Draws that are observations of their own: 1 of a model that answers alike each time.")
    changed: int
    low: float
    high: float
    random_n: int
    random_changed: int
    random_low: float
    random_high: float


class Word(BaseModel):
    """A word of the clip, when it is said, and what the tiles of that time count towards the decision."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    start_s: float
    end_s: float
    value: float


class Alike(BaseModel):
    """Mean rank correlation of the map with n others, and the middle 95 % of what random maps give."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mean: float
    low: float
    high: float
    random_low: float
    random_high: float
    n: int


class Checked(BaseModel):
    """The map made again: in noise that is hardly heard, with other weights, by other methods."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    noise: Alike | None = Field(description="Maps of the clip in noise; 1 is stable.")
    sensitivity: float | None = Field(description="Largest change in this noise as a share of the map's size.")
    random_sensitivity: float | None = Field(description="The same of random maps, on average.")
    weights: Alike | None = Field(description="Maps of the model with randomised weights; near 0 shows the model.")
    labels: Alike | None = Field(description="The map of the model trained on randomised labels.")
    methods: dict[str, Alike]


class _Explained(BaseModel):
    """What every `explanation.json` says first."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = 1
    item: str
    model: str
    method: str
    source: str
    decision: str
    answer: str
    against: str | None


class ExplanationFile(_Explained):
    """`explanation.json`: one decision, the map that explains it, and the tests of that map."""

    unit: str = Field(description="What a tile's value is counted in.")
    baseline: str = Field(description="What stands in the place of a muted tile in the tests.")
    transcript: str = Field(description="free, or held: the model keeps the transcript of the clip as it is.")
    tiles: list[Tile]
    words: list[Word] = Field(description="Empty where no times of words are known.")
    complete_gap: float | None = Field(
        description="Share by which the values miss the sum that the method promises; null where it promises none."
    )
    deletion: Area | None = Field(
        description="Lower is better; null where muting the whole clip does not lower the decision."
    )
    insertion: Area | None = Field(description="Higher is better.")
    infidelity: float | None = Field(description="0 predicts all that muting does, 1 nothing.")
    n_random: int
    beats_random: bool
    muting: Muted
    checks: Checked | None
    n_queries: int
    cost_usd: float | None = Field(default=None, description="Of all questions; null where no price is known.")
    seed: int
    sentence: str


class Place(BaseModel):
    """A place inside the model, what was found there, and what chance gives there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    where: str
    value: float
    low: float | None
    high: float | None
    control: float | None
    control_low: float | None
    control_high: float | None
    n: int
    note: str


class InsideFile(_Explained):
    """`explanation.json` of a method that looks inside the model."""

    unit: str = Field(description="What the values are.")
    control: str = Field(description="What the controls are.")
    rows: list[Place]
    beats_random: bool
    n_queries: int
    cost_usd: float | None = Field(default=None, description="Of all questions; null where no price is known.")
    seed: int
    sentence: str


def write(made: ExplanationFile | InsideFile, sounds: dict[str, AudioClip], folder: Path) -> list[Path]:
    """Write `explanation.json` and `explanation.html`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / FILE, (made.model_dump_json(indent=2) + "\n").encode())
    write_whole(folder / PAGE, page(made, sounds).encode())
    return [folder / FILE, folder / PAGE]


def page(made: ExplanationFile | InsideFile, sounds: dict[str, AudioClip]) -> str:
    """The whole page."""
    title = html.escape(f"Why {made.decision}: {made.item}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head>'
        f"<body><h1>{title}</h1>{fragment(made, sounds)}</body></html>\n"
    )


def fragment(made: ExplanationFile | InsideFile, sounds: dict[str, AudioClip]) -> str:
    """What a page and a notebook show; `sounds` are players by name, of which the first is the clip with the map."""
    clip = next(iter(sounds.values()))
    players = "".join(
        f'<figure><figcaption>{html.escape(name)}</figcaption><audio controls preload="none" '
        f'src="{data_uri(sound.flac_bytes(), "audio/flac")}"></audio></figure>'
        for name, sound in sounds.items()
    )
    asked = f"{made.model} answers: “{made.answer[:300]}”"
    if isinstance(made, InsideFile):
        warning = _warning("What is found here is no more than chance gives.") if not made.beats_random else ""
        return (
            f"<p>{html.escape(made.sentence)}</p>{warning}<p>{html.escape(asked)}</p><figure>{places(made)}<figcaption>"
            f"Bars: {html.escape(made.unit)}. Hatched: {html.escape(made.control)}.</figcaption></figure>"
            f"{_places_table(made)}{players}"
        )
    warning = _warning("This map does not beat random maps.") if not made.beats_random else ""
    return (
        f"<p>{html.escape(made.sentence)}</p>{warning}<p>{html.escape(asked)}</p><figure>{drawing(made, clip)}<figcaption>Spectrogram, "
        "0 Hz to half the sample rate, and the map: solid tiles speak for the decision, hatched ones against it; frames "
        f"mark the evidence. Largest value {max(abs(t.value) for t in made.tiles):.3g} ({html.escape(made.unit)})."
        f"</figcaption></figure>{players}{_table(made)}"
    )


def _warning(text: str) -> str:
    return f'<p class="warn"><strong>{text}</strong> Do not take it as the reason.</p>'


def places(made: InsideFile) -> str:
    """A bar for each place, dark for what was found and hatched for the control, so that print and any eye can read it."""
    top = max([1e-12, *(abs(v) for row in made.rows for v in (row.value, row.control or 0.0))])
    left, width, step = 230, WIDTH - 230, 26
    lines = []
    for k, row in enumerate(made.rows):
        y = k * step
        lines.append(f'<text x="0" y="{y + 13}" font-size="11">{html.escape(row.where)}</text>')
        for value, fill, drop, height in ((row.value, "#111", 2, 11), (row.control, "url(#chance)", 14, 7)):
            if value is not None:
                long = width * max(0.0, value) / top
                lines.append(
                    f'<rect x="{left}" y="{y + drop}" width="{long:.1f}" height="{height}" fill="{fill}" stroke="#111" '
                    f'stroke-width="0.5"><title>{html.escape(row.where)}: {value:.3g}</title></rect>'
                )
        if row.low is not None and row.high is not None:
            ends = [left + width * min(1.0, max(0.0, end) / top) for end in (row.low, row.high)]
            lines.append(f'<path d="M{ends[0]:.1f} {y + 7.5}H{ends[1]:.1f}" stroke="#d98c1f" stroke-width="3"/>')
    hatch = (
        '<defs><pattern id="chance" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<path d="M0 0V4" stroke="#111" stroke-width="1.5"/></pattern></defs>'
    )
    whole = max(step, step * len(made.rows))
    return (
        f'<svg role="img" aria-label="{html.escape(made.sentence, quote=True)}" viewBox="0 0 {WIDTH} {whole}" '
        f'width="{WIDTH * 1.6:.0f}">{hatch}{"".join(lines)}</svg>'
    )


def _places_table(made: InsideFile) -> str:
    rows = "".join(
        f"<tr><th>{html.escape(row.where)}</th><td>{row.value:.2f}{_between(row.low, row.high)}</td>"
        f"<td>{'' if row.control is None else f'{row.control:.2f}'}{_between(row.control_low, row.control_high)}</td>"
        f"<td>{html.escape(row.note)}</td></tr>"
        for row in made.rows
    )
    return (
        "<table><tr><th>Place</th><th>Found</th><th>Control</th><th></th></tr>"
        f"{rows}</table><p>{html.escape(made.method)}; {made.n_queries:,} questions asked{_cost(made)}.</p>"
    )


def _cost(made: ExplanationFile | InsideFile) -> str:
    return "" if made.cost_usd is None else f", {made.cost_usd:.4f} US dollars"


def _between(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" [{low:.2f}, {high:.2f}]"


def drawing(made: ExplanationFile, clip: AudioClip) -> str:
    """The spectrogram with the map under it: grey by size, hatched where negative, so that print and any eye can read it."""
    top = max((abs(tile.value) for tile in made.tiles), default=0.0) or 1.0
    highest, length = clip.sample_rate / 2, clip.duration_s
    marks = []
    for tile in made.tiles:
        x, width = WIDTH * tile.start_s / length, WIDTH * (tile.end_s - tile.start_s) / length
        y = HEIGHT + 4 + MAP_HEIGHT * (1 - tile.high_hz / highest)
        height = MAP_HEIGHT * (tile.high_hz - tile.low_hz) / highest
        share = abs(tile.value) / top
        fill = "#111" if tile.value >= 0 else "url(#against)"
        frame = ' stroke="#d98c1f" stroke-width="2"' if tile.evidence else ""
        marks.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}" '
            f'fill-opacity="{share:.3f}"{frame}><title>{tile.start_s:.2f} to {tile.end_s:.2f} s: {tile.value:.3g}</title></rect>'
        )
        if tile.evidence:
            marks.append(f'<path d="M{x:.1f} 1H{x + width:.1f}" stroke="#d98c1f" stroke-width="3"/>')
    hatch = (
        '<defs><pattern id="against" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<path d="M0 0V5" stroke="#111" stroke-width="2"/></pattern></defs>'
    )
    whole = HEIGHT + MAP_HEIGHT + 22
    return (
        f'<svg role="img" aria-label="{html.escape(made.sentence, quote=True)}" viewBox="0 0 {WIDTH} {whole}" width="{WIDTH * 1.6:.0f}">{hatch}'
        f'<image href="{data_uri(png(spectrogram(clip)), "image/png")}" width="{WIDTH}" height="{HEIGHT}"/>{"".join(marks)}'
        f'<text x="0" y="{whole - 4}" font-size="12">0 s</text><text x="{WIDTH}" y="{whole - 4}" font-size="12" '
        f'text-anchor="end">{length:.2f} s</text></svg>'
    )


def check_rows(checks: Checked | None) -> list[tuple[str, str]]:
    """What the checks found, as a name and what is said of it."""
    if checks is None:
        return []
    rows = []
    if checks.noise is not None:
        rows.append(("Rank correlation with maps in noise at 40 dB (1 is stable)", _alike(checks.noise)))
    if checks.sensitivity is not None and checks.random_sensitivity is not None:
        rows.append(
            (
                "Largest change in this noise, of the map's size (0 is stable)",
                f"{checks.sensitivity:.2f}; random maps {checks.random_sensitivity:.2f} on average",
            )
        )
    if checks.weights is not None:
        rows.append(("With maps of randomised weights (0 shows the model)", _alike(checks.weights)))
    if checks.labels is not None:
        rows.append(("With the map after training on randomised labels (0 shows the labels)", _alike(checks.labels)))
    rows += [(f"With the map by {name}", _alike(one)) for name, one in checks.methods.items()]
    return rows


def _alike(one: Alike) -> str:
    interval = f" [{one.low:.2f}, {one.high:.2f}]" if one.n > 1 else ""
    return f"{one.mean:.2f}{interval}, n = {one.n}; random maps [{one.random_low:.2f}, {one.random_high:.2f}]"


def _table(made: ExplanationFile) -> str:
    rows = []
    for name, curve, better in (
        ("Deletion area", made.deletion, "lower"),
        ("Insertion area", made.insertion, "higher"),
    ):
        shown = (
            "none: muting the whole clip does not lower the decision"
            if curve is None
            else f"{curve.area:.2f}; random maps {curve.random:.2f} [{curve.random_low:.2f}, {curve.random_high:.2f}], "
            f"p = {curve.p:.2f}, n = {made.n_random}"
        )
        rows.append((f"{name} ({better} is better)", shown))
    rows.append(("Infidelity (0 is best, 1 is worst)", "none" if made.infidelity is None else f"{made.infidelity:.2f}"))
    if made.complete_gap is not None:
        rows.append(("Values miss their sum by", f"{100 * made.complete_gap:.1f} %"))
    rows += check_rows(made.checks)
    rows.append(("Method, questions asked", f"{made.method}, {made.n_queries:,}{_cost(made)}"))
    return (
        "<table>"
        + "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>" for name, text in rows)
        + "</table>"
    )
