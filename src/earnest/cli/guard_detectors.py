"""`earnest guard detectors`: the included detectors, each with its card."""

from __future__ import annotations

import click

from earnest.cli import print_json


@click.command("detectors", help="The built-in detectors with what is known of them: limits, false alarms, seconds.")
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def detectors_command(names: tuple[str, ...], *, as_json: bool) -> None:
    from earnest.errors import BadParameter, did_you_mean
    from earnest.guard.detectors import KINDS, card

    for name in names:
        if name not in KINDS:
            raise BadParameter(
                f"no detector is called {name!r}{did_you_mean(name, KINDS) or ';'} `earnest guard detectors` lists all"
            )
    cards = [card(name) for name in names or KINDS]
    if as_json:
        print_json({"detectors": cards})
        return
    for one in cards:
        click.echo(f"{one['detector']} ({one['tier']}): {one['score']}")
        if names:
            for key, value in one.items():
                if key not in {"detector", "tier", "score"} and value not in (None, {}, []):
                    click.echo(f"    {key}: {', '.join(map(str, value)) if isinstance(value, list) else value}")
