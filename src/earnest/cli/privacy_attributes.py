"""`earnest privacy attributes`: what a model's activations tell of who speaks."""

from __future__ import annotations

from pathlib import Path

import click

from earnest.cli import plugin_option, print_json
from earnest.cli._endpoint import model_option

FILE = "privacy_attributes.json"


@click.command(
    "attributes",
    help="Read an attribute of the speakers of the data set in FOLDER from the activations of a model, by linear probes on speakers "
    "that were held out, beside a control task and acoustic features. What the model says of its speakers when it is asked "
    "is the task attribute_inference: earnest run core --task attribute_inference.",
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--model", "model_name", required=True, metavar="SPEC", help="A model that grants activations.")
@click.option("--attribute", default="gender", show_default=True, metavar="COLUMN")
@click.option("--limit", type=click.IntRange(20), default=400, show_default=True, help="Recordings at most.")
@click.option(
    "--control", type=click.IntRange(1), default=20, show_default=True, help="Times that the attribute is dealt anew."
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help=f"Folder for {FILE}.")
@model_option
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def attributes_command(
    folder: Path,
    *,
    model_name: str,
    model_options: tuple[str, ...],
    attribute: str,
    limit: int,
    control: int,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> None:
    import json

    from earnest.audio import Manifest
    from earnest.cli._progress import progress_bar
    from earnest.models import load_model
    from earnest.models.options import options_of
    from earnest.run_folder import write_whole
    from earnest.runs.attributes import infer_attribute

    model = load_model(model_name, **options_of(model_name, model_options))
    manifest = Manifest.read(folder)
    with progress_bar("activations") as shown:
        found = infer_attribute(model, manifest, attribute, limit=limit, n_control=control, seed=seed, progress=shown)
    written = {"version": 1, "model": model_name, "data": manifest.folder.name, "seed": seed, **found.as_json()}
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / FILE, (json.dumps(written, indent=2, ensure_ascii=False) + "\n").encode())
    if as_json:
        print_json(written)
        return
    values = ", ".join(f"{name} ({n} speakers)" for name, n in found.values.items())
    click.echo(f"{attribute}: {values}; {found.n_recordings} recordings; chance {found.chance:.2f}")
    click.echo(
        "balanced accuracy on held-out speakers (95 % interval by speaker); the control task; share of controls as good"
    )
    for one in [*found.sites, found.baseline]:
        interval = "" if one.low is None else f" ({one.low:.2f} to {one.high:.2f})"
        recall = ", ".join(f"{name} {value:.2f}" for name, value in one.recall.items())
        click.echo(
            f"  {one.site}: {one.balanced_accuracy:.2f}{interval}; control {one.control:.2f}, at most {one.control_high:.2f} in "
            f"95 %; p = {one.p:.2f}; {recall}"
        )
