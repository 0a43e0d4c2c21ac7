"""`earnest fit`: what an attack, a defence or a detector learns from a split of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from earnest.cli import plugin_option, print_json
from earnest.cli._endpoint import model_option, price_option


@click.command(
    "fit",
    help="Fit PLUGIN (detectors/<name>[:k=v,...], attacks/..., defences/...) to a split of the data, and keep the artefact.",
)
@click.argument("plugin_name", metavar="PLUGIN")
@click.option("--data", type=click.Path(path_type=Path), help="Folder of recordings; default: the embedded probe set.")
@click.option(
    "--split",
    default="train",
    show_default=True,
    help="Value of the column split, or all; without that column, train and test are drawn.",
)
@click.option(
    "--also",
    multiple=True,
    metavar="FOLDER[:column=value]",
    help="Further folder to learn from, with what all of its rows get: librispeech:label=bona_fide. Repeatable.",
)
@click.option("--model", metavar="SPEC", help="Model that the method asks, if it asks one.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for the artefact; an interrupted fit is resumed in it."
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--max-connections", type=click.IntRange(min=1), default=16, show_default=True)
@click.option("--batch-size", type=click.IntRange(min=1), help="Batch size of local models; it only affects speed.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0.1),
    default=120.0,
    show_default=True,
    help="Time limit of a call, in seconds.",
)
@click.option("--temperature", type=click.FloatRange(min=0), default=0.0, show_default=True)
@click.option("--max-tokens", type=click.IntRange(min=1), default=256, show_default=True)
@click.option("--max-cost", type=click.FloatRange(min=0), metavar="USD", help="Ceiling on cost; no call exceeds it.")
@price_option
@model_option
@plugin_option
@click.option("--no-cache", is_flag=True, help="Repeat calls whose answers are in the cache.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print the rows that it would learn from and the model that it would ask, without asking.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def fit_command(plugin_name: str, *, no_cache: bool, dry_run: bool, as_json: bool, **options: Any) -> int:
    from earnest.cli._progress import progress_bar
    from earnest.runs.suite import fit

    options["cache"] = not no_cache
    if dry_run:
        outline = fit(plugin_name, dry_run=True, **options)
        print_json(outline.as_json()) if as_json else click.echo(outline.as_text())
        return 0
    with progress_bar(plugin_name) as on_progress:
        made = fit(plugin_name, on_progress=on_progress, **options)
    artefact, split = made.artefact, made.artefact.about["split"]
    if as_json:
        print_json(
            {
                "artefact": artefact.sha,
                "path": str(made.path),
                "about": artefact.brief,
                "n_calls": made.n_calls,
                "resumed": made.resumed,
            }
        )
        return 0
    click.echo(
        f"{'already fitted' if made.resumed else 'fitted'}: {artefact.kind}/{artefact.spec} on {split['n_rows']} rows (split {split['name']})"
    )
    if split["note"]:
        click.echo(f"  {split['note']}")
    click.echo(f"  use it as artefact={made.path.parent} or artefact={artefact.sha[:16]}")
    return 0
