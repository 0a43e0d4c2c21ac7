"""`earnest papers`: the field's literature, what of it runs here, and how to add to it."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import click

from earnest.cli import print_json

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
_FOLDER = click.option(
    "--works", "folder", type=click.Path(path_type=Path), help="Folder of works; default: the catalogue of earnest."
)


def _filters(command: Any) -> Any:
    for option in reversed(
        (
            click.option("--pillar", help="Only works of this pillar."),
            click.option(
                "--kind", help="Only works of this kind: attack, defence, benchmark, dataset, metric, survey, ..."
            ),
            click.option("--topic", help="Only works on this topic."),
            click.option("--access", help="Only works with this access in the threat model: black_box, white_box, ..."),
            click.option("--year", type=int),
            click.option("--trust", is_flag=True, help="Only works on trust in audio models."),
            click.option("--runnable", is_flag=True, help="Only works that run in earnest."),
        )
    ):
        command = option(command)
    return command


@click.group(
    "papers", help="Search, show, export and add works of the literature, and run those that earnest implements."
)
def papers_command() -> None:
    pass


@papers_command.command("search", help="Search for works with WORDS, the best match first.")
@click.argument("words", nargs=-1, required=True)
@_filters
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@_JSON
def search_command(words: tuple[str, ...], *, limit: int, as_json: bool, **filters: Any) -> int:
    found = _search(" ".join(words), **filters)
    _tell(found, limit=limit, as_json=as_json)
    return 0 if found else 1


@papers_command.command("list", help="List all works, or those of a pillar, kind, topic, year, ..., the newest first.")
@_filters
@_JSON
def list_command(*, as_json: bool, **filters: Any) -> None:
    _tell(_search("", **filters), limit=None, as_json=as_json)


@papers_command.command(
    "show", help="Show the work with this key, arXiv id or DOI: facts, claims, and the commands that run it."
)
@click.argument("key")
@_JSON
def show_command(key: str, *, as_json: bool) -> None:
    from earnest.catalogue.searching import shown

    work = shown(_work(key))
    print_json(work) if as_json else click.echo(_as_text(work))


@papers_command.command(
    "run-against",
    help="Print the commands to run against the work with this key, arXiv id or DOI, and what each one tests.",
)
@click.argument("key")
@click.option("--model", "model", default="MODEL", show_default=True, help="Model to be tested, as in `earnest run`.")
@_JSON
def run_against_command(key: str, *, model: str, as_json: bool) -> int:
    from earnest.catalogue.against import answer

    found = answer(_work(key), model=model)
    print_json(found.as_json()) if as_json else click.echo(found.as_text())
    return 0 if found.tests else 1


@papers_command.command(
    "new", help="List the works that entered the catalogue since a date, the latest first; with --atom, as a feed."
)
@click.option(
    "--since", type=click.DateTime(formats=["%Y-%m-%d"]), required=True, help="First date, for example 2026-11-20."
)
@click.option("--atom", is_flag=True, help="Print an Atom feed on stdout.")
@_JSON
def new_command(*, since: datetime.datetime, atom: bool, as_json: bool) -> int:
    from earnest.catalogue import works
    from earnest.catalogue.feed import atom_feed, entered_since

    found = entered_since(works(), since.date())
    if atom:
        click.echo(atom_feed(found), nl=False)
        return 0
    _tell(found, limit=None, as_json=as_json)
    return 0 if found else 1


@papers_command.command(
    "coverage",
    help="Show which works are covered, which run in earnest, and where work is needed; with RUN..., what was evaluated.",
)
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@_JSON
def coverage_command(runs: tuple[Path, ...], *, as_json: bool) -> None:
    from earnest.catalogue import works
    from earnest.catalogue.coverage import coverage
    from earnest.catalogue.reference import reference_tests
    from earnest.catalogue.searching import registered

    found = coverage(
        works(), attacks=registered("attacks"), defences=registered("defences"), runs=runs, tested=reference_tests()
    )
    print_json(found.as_json()) if as_json else click.echo(found.as_text())


@papers_command.command(
    "lint",
    help="Check every work, offline; exits with 1 if there is a fault. A warning (an expired search) does not count as one.",
)
@_FOLDER
@_JSON
def lint_command(*, folder: Path | None, as_json: bool) -> int:
    from earnest.catalogue.lint import FOLDER, lint

    told = lint(folder or FOLDER, components=folder is None)
    faults = [fault for fault in told if fault.level == "fault"]
    if as_json:
        print_json(
            {"n": len(faults), "n_warnings": len(told) - len(faults), "faults": [fault.as_json() for fault in told]}
        )
        return 1 if faults else 0
    for fault in told:
        click.echo(str(fault))
    n_warnings = len(told) - len(faults)
    warned = f", {n_warnings} warning{'s' * (n_warnings > 1)}" if n_warnings else ""
    click.echo((f"{len(faults)} fault{'s' * (len(faults) > 1)}" if faults else "no fault") + warned)
    return 1 if faults else 0


@papers_command.command("export", help="Print works in another format: --bibtex, --csl, --ris, --csv or --markdown.")
@click.argument("keys", nargs=-1)
@click.option("--bibtex", "form", flag_value="bibtex")
@click.option("--csl", "form", flag_value="csl")
@click.option("--ris", "form", flag_value="ris")
@click.option("--csv", "form", flag_value="csv_table")
@click.option("--markdown", "form", flag_value="markdown")
@_filters
@click.option("--out", type=click.Path(path_type=Path), help="Write to this file instead of stdout.")
@_JSON
def export_command(keys: tuple[str, ...], *, form: str | None, out: Path | None, as_json: bool, **filters: Any) -> None:
    from earnest.catalogue import exporting
    from earnest.catalogue.searching import shown

    works = [_work(key) for key in keys] if keys else _search("", **filters)
    if as_json:
        print_json({"n": len(works), "works": [shown(work) for work in works]})
        return
    if form is None:
        raise click.UsageError("name a format: --bibtex, --csl, --ris, --csv or --markdown")
    text = getattr(exporting, form)(works)
    if out is None:
        click.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
        click.echo(f"{len(works)} works: {out}", err=True)


@papers_command.command(
    "add", help="Make the file of a new work, offline; ID is an arXiv id, a DOI, an address, or an OpenReview id."
)
@click.argument("id_", metavar="ID")
@click.option("--title", required=True)
@click.option("--author", "authors", multiple=True, help="Author, as Given Family; repeatable, in the work's order.")
@click.option(
    "--date",
    "date",
    help="Date in ISO 8601; default for an arXiv id: the year alone, since the month must be looked up.",
)
@click.option("--kind", "kinds", multiple=True, default=("study",), show_default=True)
@click.option("--pillar", "pillars", multiple=True)
@click.option("--key", help="Key; default: made from author or title.")
@_FOLDER
@click.option("--dry-run", is_flag=True, help="Print the file, and write nothing.")
@_JSON
def add_command(id_: str, *, title: str, folder: Path | None, dry_run: bool, as_json: bool, **facts: Any) -> None:
    from earnest.catalogue.adding import add

    added = add(id_, title=title, folder=folder, dry_run=dry_run, **facts)
    if as_json:
        print_json(added.as_json())
        return
    click.echo(added.text, nl=False)
    click.echo(("would be " if dry_run else "") + f"written to {added.path}", err=True)
    for key, why in added.near.items():
        click.echo(f"look at {key} first: {why}", err=True)
    click.echo("next: fill in what is open, then `earnest papers lint`", err=True)


@papers_command.command(
    "import-awesome", help="Read another list (a folder of Markdown, or a CSV), and report which works are new."
)
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--name", default="", help="Name of the list, as under `lists` of a work; its rows then count as settled."
)
@click.option(
    "--table", type=click.Path(path_type=Path), help="Write row, work and decision of every entry to this CSV."
)
@_JSON
def import_awesome_command(source: Path, *, name: str, table: Path | None, as_json: bool) -> None:
    from earnest.catalogue import works
    from earnest.catalogue.importing import accounts, matched, read_entries, write_table

    faults: list[str] = []
    matches = matched(read_entries(source, faults), works(), list_name=name)
    new = [match for match in matches if match.work is None]
    if table is not None:
        write_table(accounts(matches, works()), table)
    if as_json:
        print_json(
            {"n": len(matches), "new": len(new), "faults": faults, "matches": [match.as_json() for match in matches]}
        )
        return
    for fault in faults:
        click.echo(f"not imported: {fault}", err=True)
    for match in new:
        entry = match.entry
        near = f"  (like {', '.join(match.near)})" if match.near else ""
        click.echo(f"new  {entry.date or '-':<10}  {entry.title}  {entry.ids.link or ''}{near}")
    click.echo(f"{len(matches)} entries, {len(matches) - len(new)} of them of works in the catalogue, {len(new)} new")


@papers_command.command("site", help="Write the catalogue as a web site into a folder: one page, no network.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option(
    "--run",
    "runs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Run folder whose numbers fill the coverage map; repeatable.",
)
@click.option(
    "--address", default="", help="Address of the site, for example https://example.org/papers; its feed needs it."
)
@_JSON
def site_command(*, out: Path, runs: tuple[Path, ...], address: str, as_json: bool) -> None:
    from earnest.catalogue.site import write_site

    site = write_site(out, runs=runs, address=address)
    print_json(site.as_json()) if as_json else click.echo(site.as_text())


@papers_command.command(
    "refresh", help="Ask arXiv and OpenAlex whether ids, titles and links still hold (network); changes nothing."
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File for the report.")
@click.option("--key", "keys", multiple=True, help="Only this work; repeatable.")
@_JSON
def refresh_command(*, out: Path, keys: tuple[str, ...], as_json: bool) -> int:
    from earnest.catalogue.refreshing import refresh

    report = refresh([_work(key) for key in keys] if keys else _search(""))
    out.write_text(report.as_markdown(), encoding="utf-8")
    print_json(report.as_json()) if as_json else click.echo(f"{report.summary}; {out}")
    return 1 if report.n_faults else 0


def _search(words: str, **filters: Any) -> list[Any]:
    from earnest.catalogue import works
    from earnest.catalogue.searching import search

    return search(works(), words, **filters)


def _work(key: str) -> Any:
    """The work of that key, or the one with that id."""
    from earnest.catalogue import load, works

    held = [work for work in works().values() if key in work.ids.model_dump().values()]
    return held[0] if held else load(key)


def _tell(works: list[Any], *, limit: int | None, as_json: bool) -> None:
    from earnest.catalogue.searching import shown

    chosen = works[:limit]
    if as_json:
        print_json({"n": len(works), "works": [shown(work) for work in chosen]})
        return
    for work in chosen:
        runs = "  runs here" if work.runs_in_earnest else ""
        click.echo(f"{work.id:<36} {work.issued!s:<11} {'/'.join(work.kind):<18} {work.title}{runs}")
    click.echo(f"{len(works)} works" + (f", the first {limit} shown" if limit and len(works) > limit else ""))


def _as_text(work: dict[str, Any]) -> str:
    authors = "not verified" if work["authors"] == "unverified" else ", ".join(work["authors"])
    issued = work["issued"].isoformat() if isinstance(work["issued"], datetime.date) else work["issued"]
    lines = [
        work["title"],
        f"  key       {work['id']}",
        f"  authors   {authors}",
        f"  issued    {issued}  {work['venue']}".rstrip(),
    ]
    lines += [f"  link      {work['link']}"] if work["link"] else []
    lines.append(
        f"  what      {', '.join(work['kind'])}; {', '.join(work['pillars']) or 'no pillar'}; {', '.join(work['topics'])}"
    )
    if (threat := work["threat"]) and threat["access"] != "none":
        lines.append(
            f"  threat    access {threat['access']}, over {', '.join(threat['channel'])}, for {', '.join(threat['goal'])}"
        )
    for claim in work["claims"]:
        of = f", {claim['of']}" if claim["of"] else ""
        lines.append(
            f"  claims    {claim['metric']} {claim['value']:g} {claim['unit']} ({claim['where']}{of}; read: {claim['read']})"
        )
    if work["claims_note"]:
        lines.append(f"  claims    none: {work['claims_note']}")
    for size in work["sizes"]:
        of = f", {size['of']}" if size["of"] else ""
        lines.append(f"  size      {size['metric']} {size['value']:,g} {size['unit']} ({size['where']}{of})")
    for artefact in work["artefacts"]:
        lines.append(f"  {artefact['what']:<9} {artefact['url']} (licence {artefact['licence']})")
    if data := work["data"]:
        lines.append(f"  data      licence {data['licence']}; {data['size']}".rstrip("; "))
    for run in work["runs_in_earnest"]:
        lines.append(
            f"  runs      {run['component']}, {run['fidelity']}" + (f": {run['differs']}" if run["differs"] else "")
        )
    lines += [f"            $ {command}" for command in work["commands"]]
    if could := work["could_run"]:
        lines += [f"  could run {could['what']}", f"  missing   {could['missing']}"]
    if work["threat"] and work["threat"]["access"] != "none":
        lines.append(f"  against   earnest papers run-against {work['id']}")
    for name, keys in (("builds on", work["builds_on"]), ("replaced", work["replaced_by"])):
        lines += [f"  {name:<9} {', '.join(keys)}"] if keys else []
    for search in work["not_found"]:
        where = "; ".join(search["where"])
        lines.append(f"  not found {search['what']}, on {search['date']}, in {where}; holds until {search['until']}")
    lines.append(
        f"  checked   {work['checked']['status']}"
        + (f": {', '.join(work['checked']['how'])}" if work["checked"]["how"] else "")
    )
    return "\n".join(lines)
