"""`earnest data check` and `earnest merge`."""

from __future__ import annotations

from pathlib import Path

import click

from earnest.cli import plugin_option, print_json


@click.group("data", help="Check or convert a folder of recordings before a run.")
def data_command() -> None:
    pass


@data_command.command(
    "check",
    help="Report the content of FOLDER, its faults, and the tasks that each column enables; exits with 1 if a recording cannot be used.",
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--listen",
    "recogniser",
    is_flag=False,
    flag_value="pocketsphinx",
    metavar="RECOGNISER",
    help="Transcribe every recording with a recogniser and report the texts that it contradicts; default: pocketsphinx (English).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def check_command(folder: Path, *, recogniser: str | None, as_json: bool) -> int:
    from earnest.audio import Manifest
    from earnest.audio.hub import fetched, is_address
    from earnest.models.recognisers import load_recogniser
    from earnest.runs.suite import check_data, check_official, is_official

    folder = fetched(folder) if is_address(folder) else folder
    listen = load_recogniser(recogniser) if recogniser else None
    if recogniser and listen is None:
        raise click.UsageError(
            f"--listen takes a recogniser (pocketsphinx, faster-whisper/..., moonshine/...), got {recogniser!r}"
        )
    found = check_official(folder) if is_official(folder) else check_data(Manifest.read(folder), listen=listen)
    print_json(found.as_json()) if as_json else click.echo(found.as_text())
    return 0 if found.good else 1


@data_command.command(
    "convert",
    help="Write the data set in FOLDER, in any supported layout, as metadata.csv and audio/ into the new folder OUT.",
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def convert_command(folder: Path, out: Path, *, as_json: bool) -> None:
    from earnest.audio import Manifest
    from earnest.audio.converting import convert

    manifest = Manifest.read(folder)
    written = convert(manifest, out)
    if as_json:
        print_json(
            {
                "folder": str(out),
                "rows": len(written),
                "columns": written.columns,
                "notes": manifest.notes,
                "unread": manifest.unread,
            }
        )
        return
    for note in manifest.notes:
        click.echo(note, err=True)
    for name in manifest.unread:
        click.echo(f"not read: {name}", err=True)
    click.echo(f"{len(written)} recordings: {out}")


@data_command.command(
    "audit",
    help="Show who is in the data set in FOLDER, and what differs between groups of speakers: hours, texts, labels, level, noise, channel.",
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--group",
    "columns",
    multiple=True,
    required=True,
    metavar="COLUMN",
    help="Column whose values are the groups, such as gender or age_band; given several times, their combinations. Repeatable.",
)
@click.option("--least", type=click.IntRange(min=2), default=20, show_default=True, help="Least rows of a group.")
@click.option(
    "--permutations",
    type=click.IntRange(min=19),
    default=200,
    show_default=True,
    help="Permutations of the groups in the test of the channel.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for audit.json and audit.html.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def audit_command(
    folder: Path,
    *,
    columns: tuple[str, ...],
    least: int,
    permutations: int,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> None:
    from earnest.audio import Manifest
    from earnest.audio.hub import fetched, is_address
    from earnest.cli._progress import counting
    from earnest.mitigation.audit import audit
    from earnest.report.fairness_pages import write_audit

    folder = fetched(folder) if is_address(folder) else folder
    data = Manifest.read(folder)
    with counting("recordings") as on_row:
        made = audit(data, columns=columns, least=least, n_permutations=permutations, seed=seed, on_row=on_row)
    if out is not None:
        click.echo(f"page: {write_audit(made, out)}", err=True)
    print_json(made.as_json()) if as_json else click.echo(made.as_text())


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
