"""`earnest detect`: the scores that a detector gives to files."""

from __future__ import annotations

from pathlib import Path

import click

from earnest.cli import plugin_option, print_json


@click.command(
    "detect",
    help="Score FILES (recordings, or folders of them) with a detector; exits with 2 if a file could not be scored.",
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--with",
    "detector",
    required=True,
    metavar="DETECTOR",
    help="<name>[:k=v,...]: lfcc_gmm:artefact=fitted, say, or aasist_l:weights=AASIST-L.pth; `earnest list detectors` shows all.",
)
@click.option("--threshold", type=float, help="Scores at or below it count as detected; default: the detector's own.")
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def detect_command(files: tuple[Path, ...], *, detector: str, threshold: float | None, as_json: bool) -> int:
    from earnest.runs.detect import detect

    found = detect(files, detector, threshold=threshold)
    print_json(found.as_json()) if as_json else click.echo(found.as_text())
    return 2 if found.n_unscored else 0
