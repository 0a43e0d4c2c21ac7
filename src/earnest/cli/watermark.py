"""`earnest watermark`: put a mark into recordings, find it, and see which edits it survives."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from earnest.cli import plugin_option, print_json

spec_option = click.option(
    "--with",
    "spec",
    default="spread_spectrum",
    show_default=True,
    metavar="NAME[:k=v,...]",
    help="The watermark: spread_spectrum:key=..., or audioseal.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")


@click.group("watermark", help="Mark recordings, find the mark, and test which edits it survives.")
def watermark_command() -> None:
    pass


@watermark_command.command("embed", help="Write the recording SOURCE with a mark to OUT (WAV or FLAC).")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@spec_option
@click.option("--message", default="", metavar="HEX", help="Message in hexadecimal digits; default: all bits 0.")
@plugin_option
def embed_command(source: Path, out: Path, *, spec: str, message: str) -> None:
    from earnest.audio import AudioClip
    from earnest.runs.watermark import made_watermark

    mark = made_watermark(spec)
    mark.embed(AudioClip.read(source), message=message).quantised().write(out)
    click.echo(f"{out}: marked with {mark.spec}")


@watermark_command.command("detect", help="Whether each of FILES carries the mark, with the statistic and the message.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@spec_option
@plugin_option
@json_option
def detect_command(files: tuple[Path, ...], *, spec: str, as_json: bool) -> None:
    from earnest.audio import AudioClip
    from earnest.runs.watermark import made_watermark

    mark = made_watermark(spec)
    readings = {str(path): mark.read(AudioClip.read(path)) for path in files}
    if as_json:
        print_json({"watermark": str(mark.spec), "files": {path: asdict(one) for path, one in readings.items()}})
        return
    for path, one in readings.items():
        state = f"marked, message {one.message}" if one.marked else "no mark found"
        click.echo(f"{path}: {state} (statistic {one.statistic:.2f}, threshold {-(mark.threshold or 0.0):.2f})")


@watermark_command.command(
    "sweep",
    help="Mark the recordings of a folder, apply every edit of watermark_removal, and count what is still found.",
)
@spec_option
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder of recordings.")
@click.option("--limit", type=click.IntRange(min=1), help="Largest number of recordings.")
@click.option(
    "--keys", "n_keys", type=click.IntRange(min=1), default=5, show_default=True, help="Keys for false positives."
)
@click.option("--seed", type=int, default=0, show_default=True)
@plugin_option
@json_option
def sweep_command(*, spec: str, data: Path, limit: int | None, n_keys: int, seed: int, as_json: bool) -> None:
    from earnest.runs.watermark import sweep

    found = sweep(
        spec,
        data,
        limit=limit,
        n_keys=n_keys,
        seed=seed,
        on_row=lambda row: click.echo(f"{row.edit}: {row.n_detected} of {row.n}", err=True),
    )
    print_json(found.as_json()) if as_json else click.echo(found.as_text())
