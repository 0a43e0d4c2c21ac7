"""`earnest privacy anonymisation`: who can be recognised in anonymised recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from earnest.cli import plugin_option, print_json


@click.command(
    "anonymisation",
    help="Attack anonymisation methods on the data set in FOLDER, whose speakers are known: ignorant, lazy-informed and "
    "semi-informed attackers (a verifier trained on anonymised speech until that helps no more), attributes, words and intonation. "
    "Run mcadams beside your method: it tells whether the attacker is strong enough.",
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--method", "methods", multiple=True, required=True, metavar="SPEC", help="`earnest list anonymisers`; repeatable."
)
@click.option(
    "--per",
    type=click.Choice(["speaker", "utterance"]),
    default="speaker",
    show_default=True,
    help="As for `earnest anonymise`.",
)
@click.option(
    "--recogniser",
    metavar="SPEC",
    help="Any model that transcribes, pocketsphinx say; default: words are not measured.",
)
@click.option("--words", type=click.IntRange(2), default=60, show_default=True, help="Recordings to transcribe.")
@click.option(
    "--copies",
    type=int,
    default=4,
    show_default=True,
    help="Most voices a recording in the attacker's training; a power of two.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for privacy_anonymisation.html and .json."
)
@click.option("--dry-run", is_flag=True, help="Say what would be compared, and how often each method would be called.")
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def anonymisation_command(
    folder: Path,
    *,
    methods: tuple[str, ...],
    per: Literal["speaker", "utterance"],
    recogniser: str | None,
    words: int,
    copies: int,
    seed: int,
    out: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    from earnest.anonymisers import anonymisers
    from earnest.audio import Manifest
    from earnest.cli._progress import progress_bar
    from earnest.report.anonymisation import HEAD, table_of
    from earnest.runs.anonymisation import evaluate
    from earnest.runs.reidentification import pieces_of

    made = [anonymisers.make(spec) for spec in methods]
    manifest = Manifest.read(folder)
    if dry_run:
        pieces = pieces_of(manifest)
        n_trials = sum(piece.role == "trial" for piece in pieces)
        calls = len(pieces) * (1 + copies) + n_trials + (words if recogniser else 0)
        facts = {
            "n_speakers": len({piece.speaker for piece in pieces}),
            "n_pieces": len(pieces),
            "n_trials": n_trials,
            "calls_per_method": calls,
        }
        if as_json:
            print_json(facts)
            return
        click.echo(
            f"{facts['n_speakers']} speakers, {len(pieces)} recordings or halves, {n_trials} of them trials; each of {len(made)} methods "
            f"would be called {calls:,} times"
        )
        return
    with progress_bar("attack") as shown:
        done = evaluate(
            manifest,
            made,
            per=per,
            recogniser=recogniser,
            n_words=words,
            n_copies=copies,
            seed=seed,
            progress=shown,
        )
    written = done.save(out) if out is not None else []
    if as_json:
        print_json(done.file.model_dump(mode="json"))
        return
    rows = [HEAD, *table_of(done.file)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    click.echo("Equal error rate by attacker (0.5 is chance; higher hides more), 95 % intervals by speaker")
    for row in rows:
        click.echo("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for one in done.file.methods:
        for doubt in one.doubts:
            click.echo(f"  {one.method}: {doubt}")
    if written:
        click.echo(f"page: {written[1]}")
