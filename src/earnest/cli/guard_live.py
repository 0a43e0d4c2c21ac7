"""`earnest guard live`: the suite `live`, through a guard and through the bare provider."""

from __future__ import annotations

import os
import sys

import click

from earnest.cli import print_json

KEY = "EARNEST_LIVE_KEY"


@click.command("live", help="Play the probe calls in real time through GUARDED and through BARE, and compare.")
@click.argument("guarded")
@click.argument("bare")
@click.option("--limit", type=click.IntRange(min=2), help="At most so many requests.")
@click.option("--timeout-s", type=click.FloatRange(1, 600), default=30.0, show_default=True, help="For a response.")
@click.option("--dry-run", is_flag=True, help="Print how many calls this makes and how long they take, and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def live_command(guarded: str, bare: str, *, limit: int | None, timeout_s: float, dry_run: bool, as_json: bool) -> None:
    import asyncio

    from earnest.runs.live import findings, requests, run_live

    rows = requests(limit)
    if dry_run:
        seconds = sum(row.clip().duration_s for row in rows) * 2
        click.echo(f"{2 * len(rows)} calls; {seconds:.0f} s of speech is played, and every response waited for")
        return

    def progress(done: int, of: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{done} of {of} requests", nl=done == of, err=True)

    key = os.environ.get(KEY, "")
    calls = asyncio.run(run_live(guarded, bare, limit=limit, timeout_s=timeout_s, key=key, progress=progress))
    found = findings(calls)
    if as_json:
        print_json(found)
        return
    click.echo(f"{found['requests']} requests, {found['unscored']} unscored")
    if added := found["latency_added_s"]:
        click.echo(
            f"latency added until the first audio: mean {added['mean'] * 1000:.1f} ms "
            f"({added['low'] * 1000:.1f} to {added['high'] * 1000:.1f}; {added['n']} pairs), median {added['median'] * 1000:.1f} ms"
        )
    for name, words in (("attacks_stopped", "attacks stopped"), ("benign_disturbed", "benign turns disturbed")):
        if rates := found[name]:
            one, other, apart = rates["guarded"], rates["bare"], rates["difference"]
            click.echo(
                f"{words}: {one['count']} of {rates['n']} with the guard, {other['count']} without; difference "
                f"{apart['value']:.3f} ({apart['low']:.3f} to {apart['high']:.3f})"
            )
