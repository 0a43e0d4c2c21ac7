"""`earnest certify`: what changes of a clip the smoothed decision of a model withstands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from earnest.cli import plugin_option, print_json
from earnest.cli._endpoint import model_option
from earnest.errors import BadParameter

MOST_COPIES = 1_000_000


@click.command(
    "certify",
    help="Bound by randomised smoothing which changes of each of FILES the decision of a model withstands; states space, sigma, "
    "gain policy, radius (L2) and its SNR. It asks the model n-first + n times a file.",
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--model", "model_name", required=True, metavar="SPEC", help="A model on this machine.")
@click.option("--prompt", default="Do what is asked.", show_default=True, help="What is asked of each file.")
@click.option(
    "--says",
    metavar="TEXT",
    help="Decide whether the answer contains TEXT (any case), in place of whether it refuses.",
)
@click.option(
    "--defence", "defences", multiple=True, metavar="SPEC", help="Defence behind the noise; it must draw nothing."
)
@click.option("--sigma", type=float, default=0.0025, show_default=True, help="Of the noise; full scale is 1.")
@click.option("--n-first", type=click.IntRange(1, MOST_COPIES), default=100, show_default=True)
@click.option("--n", type=click.IntRange(1, MOST_COPIES), default=10_000, show_default=True)
@click.option("--alpha", type=float, default=0.001, show_default=True, help="Chance that a certificate is wrong.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder, of a run say, in which certificates.json is written; the run's report reads it.",
)
@model_option
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def certify_command(
    files: tuple[Path, ...],
    *,
    model_name: str,
    model_options: tuple[str, ...],
    prompt: str,
    says: str | None,
    defences: tuple[str, ...],
    seed: int,
    out: Path | None,
    as_json: bool,
    **numbers: Any,
) -> None:
    import json

    from earnest.audio import AudioClip, Stimulus
    from earnest.defences import defences as known
    from earnest.defences.randomised_smoothing import FILE, certify, contains, refuses_or_complies
    from earnest.models import load_model
    from earnest.models.access import System, rng_for
    from earnest.models.options import options_of
    from earnest.run_folder import write_whole

    model = load_model(model_name, **options_of(model_name, model_options))
    if model.destination is not None:
        n_calls = len(files) * (numbers["n"] + numbers["n_first"])
        raise BadParameter(
            f"earnest certify takes a model on this machine, got {model_name!r}, to which it would send {n_calls:,} recordings; "
            "call earnest.defences.randomised_smoothing.certify in Python if that is meant"
        )
    system = System(model, tuple(known.make(spec) for spec in defences))
    decide = refuses_or_complies if says is None else contains(says)
    found = []
    for file in files:
        clip = AudioClip.read(file)
        stimulus = Stimulus(clips={"speech": clip}, prompt=prompt)
        certificate = certify(system, stimulus, rng=rng_for(seed, "certify", clip.digest), decide=decide, **numbers)
        found.append(
            {
                "file": file.name,
                "clip": clip.digest,
                "model": model_name,
                "defences": [str(made.spec) for made in system.defences],
                **certificate.as_json(),
            }
        )
        if not as_json:
            click.echo(f"{file}: {certificate.as_text()}")
    written = {"certificates": found}
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / FILE, json.dumps(written, indent=2, ensure_ascii=False).encode())
    if as_json:
        print_json(written)
