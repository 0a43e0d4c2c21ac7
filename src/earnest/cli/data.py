"""`earnest data check` and `earnest merge`."""

from __future__ import annotations

from pathlib import Path

import click

from earnest.cli import plugin_option, print_json


@click.group("data", help="Look at a folder of recordings before a run.")
def data_command() -> None:
    pass


@data_command.command("check", help="Say what FOLDER holds, what is wrong with it, and which tasks each column enables; exit 1: some cannot be used.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One object on stdout.")
def check_command(folder: Path, *, as_json: bool) -> int:
    from earnest.audio import Manifest
    from earnest.tasks.suite import check_data, check_official, is_official

    found = check_official(folder) if is_official(folder) else check_data(Manifest.read(folder))
    print_json(found.as_json()) if as_json else click.echo(found.as_text())
    return 0 if found.good else 1


@click.command("merge", help="Join the shards SHARD... of one run into the run folder OUT.")
@click.argument("shards", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path))
@plugin_option
def merge_command(shards: tuple[Path, ...], *, out: Path) -> int:
    from earnest import report
    from earnest.engine import lacking, merge

    merge(shards, out)
    click.echo(f"report: {report.write(out)}")
    missing = lacking(out)
    for sentence in missing:
        click.echo(f"earnest: {sentence}", err=True)
    return 2 if missing else 0
