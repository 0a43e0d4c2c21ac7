"""`earnest mitigate`: a method against unfairness tried on a data set, with the gap before and after and its price."""

from __future__ import annotations

from pathlib import Path

import click

from earnest.cli import plugin_option, print_json


@click.command(
    "mitigate",
    help="Train RECIPE with and without a method against unfairness, and compare the groups of speakers that it did not hear.\n\n"
    "Methods and recipes: earnest list mitigation, earnest list recipes.",
)
@click.option(
    "--model",
    "recipe",
    required=True,
    metavar="RECIPE[:k=v,...]",
    help="What is trained: log_mel, reference_states, ...",
)
@click.option("--data", "folder", required=True, type=click.Path(path_type=Path), help="Folder of recordings.")
@click.option(
    "--group",
    "columns",
    multiple=True,
    required=True,
    metavar="COLUMN",
    help="Column whose values are the groups; given several times, their combinations. Repeatable.",
)
@click.option(
    "--method",
    "methods",
    multiple=True,
    required=True,
    metavar="NAME[:k=v,...]",
    help="reweighing, group_dro, group_thresholds, ... Repeatable.",
)
@click.option("--label", default="label", show_default=True, metavar="COLUMN", help="Column of the class.")
@click.option(
    "--positive", default="", metavar="VALUE", help="The favourable class; default: the last in the alphabet."
)
@click.option("--measure", default="", metavar="NAME", help="What the gap is of: accuracy, true_positive_rate, ...")
@click.option(
    "--strength",
    "strengths",
    multiple=True,
    type=click.FloatRange(min=0, max=1, min_open=True),
    help="Share of the method that is applied; default: 0.25, 0.5 and 1. Repeatable.",
)
@click.option("--folds", type=click.IntRange(min=3), default=4, show_default=True)
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Trainings that are averaged.")
@click.option("--least", type=click.IntRange(min=2), default=20, show_default=True, help="Least rows of a group.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for mitigation.json and mitigation.html; a run folder, too."
)
@click.option("--dry-run", is_flag=True, help="Read the rows, and say what would be trained.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@plugin_option
def mitigate_command(
    recipe: str,
    folder: Path,
    columns: tuple[str, ...],
    methods: tuple[str, ...],
    label: str,
    positive: str,
    measure: str,
    strengths: tuple[float, ...],
    folds: int,
    seeds: int,
    least: int,
    seed: int,
    out: Path | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    from earnest.audio import Manifest
    from earnest.audio.hub import fetched, is_address
    from earnest.cli._progress import counting
    from earnest.mitigation import mitigation
    from earnest.mitigation.recipes import recipes
    from earnest.mitigation.trial import STRENGTHS, mitigated, read_rows, trainings
    from earnest.report.fairness_pages import write_trials

    made, chosen = recipes.make(recipe), [mitigation.make(spec) for spec in methods]
    data = Manifest.read(fetched(folder) if is_address(folder) else folder)
    with counting("recordings") as on_row:
        read = read_rows(made, data, columns=columns, label=label, positive=positive, least=least, on_row=on_row)
    if dry_run:
        planned = {
            str(one.spec): trainings(one, read, strengths or STRENGTHS, folds=folds, seeds=seeds) for one in chosen
        }
        facts = {
            "rows": len(read.rows),
            "groups": list(read.rows.names),
            "left_out": read.left_out,
            "trainings": planned,
        }
        print_json(facts) if as_json else click.echo(
            f"{facts['rows']} rows of {', '.join(facts['groups'])}; "
            + ", ".join(f"{name}: {n} trainings" for name, n in planned.items())
        )
        return
    trials = []
    for one in chosen:
        with counting(f"trainings of {one.name}") as on_step:
            trials.append(
                mitigated(
                    made, read, one,
                    columns=columns, label=label, measure=measure, strengths=strengths or STRENGTHS, folds=folds,
                    seeds=seeds, least=least, seed=seed, on_step=on_step,
                )
            )  # fmt: skip
    if out is not None:
        click.echo(f"page: {write_trials(trials, out)}", err=True)
    if as_json:
        print_json({"trials": [one.as_json() for one in trials]})
        return
    click.echo("\n\n".join(one.as_text() for one in trials))
