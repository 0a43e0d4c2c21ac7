"""`earnest schema` and `earnest export`."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import click

from earnest.cli import plugin_option


@click.command("schema", help="Print the JSON Schema of a file that earnest reads or writes.")
@click.argument(
    "kind",
    type=click.Choice(
        ["finding", "journal", "judgement", "manifest", "matrix", "membership", "suite", "work", "report"]
    ),
)
def schema_command(kind: str) -> None:
    click.echo(
        resources.files("earnest.report").joinpath("schema", f"{kind}.json").read_text(encoding="utf-8"), nl=False
    )


@click.command("export", help="Write RUN in the format of another tool.")
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--inspect", "inspect_", is_flag=True, help="Write an Inspect log (.eval), whose clips play in Inspect's viewer."
)
@click.option(
    "--csv", "as_csv", is_flag=True, help="Write findings.csv and items.csv; no spreadsheet executes their cells."
)
@click.option("--parquet", "as_parquet", is_flag=True, help="Write findings.parquet and items.parquet.")
@click.option("--out", type=click.Path(path_type=Path), help="File or folder to write; default: in RUN.")
@plugin_option
def export_command(folder: Path, *, inspect_: bool, as_csv: bool, as_parquet: bool, out: Path | None) -> None:
    if not (inspect_ or as_csv or as_parquet):
        raise click.UsageError("name a format: --csv, --parquet or --inspect")
    from earnest.report import tables

    for write in [tables.write_csv] * as_csv + [tables.write_parquet] * as_parquet:
        for path in write(folder, out or folder):
            click.echo(path)
    if not inspect_:
        return
    from earnest.registry import extra

    extra("inspect_ai", needed_by="`earnest export --inspect`")
    from earnest.bridges.inspect import export

    for path in export(folder, out):
        click.echo(path)
