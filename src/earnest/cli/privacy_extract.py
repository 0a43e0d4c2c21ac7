"""`earnest privacy extract`: training answers that a model gives back, and how exposed they are."""

from __future__ import annotations

from pathlib import Path

import click

from earnest.cli import print_json
from earnest.cli.privacy_audit import folder_option, question_options, show_progress


@click.command(
    "extract",
    help="Test what a model gives back of its training set: the answer to a whole recording, the answer or the words that were not "
    "played to its beginning, and the exposure of answers where the model grants scores. Non-members are the control.",
)
@click.option("--model", "model_name", required=True, metavar="SPEC")
@folder_option("members", "Recordings that it was trained on, with the answers.")
@folder_option("nonmembers", "Recordings of the same kind that it was not trained on.")
@click.option(
    "--part",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.5,
    show_default=True,
    help="Share of a recording that is played where the beginning alone is.",
)
@click.option(
    "--exposed", "n_exposed", type=click.IntRange(0), default=25, show_default=True, help="Items of a side; 0: of none."
)
@click.option(
    "--candidates",
    "n_candidates",
    type=click.IntRange(20),
    default=100,
    show_default=True,
    help="Other answers for each.",
)
@question_options("extraction")
def extract_command(
    *,
    model_name: str,
    model_options: tuple[str, ...],
    members: Path,
    nonmembers: Path,
    part: float,
    n_exposed: int,
    n_candidates: int,
    prompt: str,
    answer: str,
    seed: int,
    out: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    from earnest.models import load_model
    from earnest.models.options import options_of
    from earnest.report.extraction import as_text, write
    from earnest.runs.privacy_audit import read_items
    from earnest.runs.privacy_extract import extract

    items = read_items(members, nonmembers, prompt=prompt, answer=answer)
    if dry_run:
        facts = {"n_items": len(items), "n_answers": 3 * len(items), "n_scores": 2 * n_exposed * (n_candidates + 1)}
        print_json(facts) if as_json else click.echo(
            f"{len(items):,} recordings; at most {facts['n_answers']:,} answers and {facts['n_scores']:,} scores would be asked"
        )
        return
    made = extract(
        load_model(model_name, **options_of(model_name, model_options)),
        items,
        part=part,
        n_exposed=n_exposed,
        n_candidates=n_candidates,
        seed=seed,
        progress=show_progress,
    )
    paths = write(made, out) if out is not None else []
    if as_json:
        print_json(made.model_dump(mode="json"))
    else:
        click.echo("\n".join([as_text(made), *(f"  {path}" for path in paths)]))
