"""`earnest guard bench`: what the guard's detectors add on this machine."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from earnest.cli import print_json


@click.command("bench", help="Processor time of the detectors for each 20 ms frame of each stream, on this machine.")
@click.option("--streams", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--seconds", type=click.FloatRange(0.4, 600), default=2.0, show_default=True, help="Of audio a stream.")
@click.option("--sample-rate", type=click.IntRange(8000, 192_000), default=16_000, show_default=True)
@click.option("--policy", type=click.Path(path_type=Path, dir_okay=False), help="Measure this policy too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def bench_command(*, streams: int, seconds: float, sample_rate: int, policy: Path | None, as_json: bool) -> None:
    from earnest.guard import read_policy
    from earnest.guard.bench import measured, policies
    from earnest.guard.policy import BLOCK_S

    rounds = round(seconds / BLOCK_S)
    costs = [
        measured(name, made, streams=streams, rounds=rounds, sample_rate=sample_rate)
        for name, made in policies(read_policy(policy) if policy else None).items()
    ]
    if as_json:
        rows = [asdict(one) | {"streams_per_core": one.streams_per_core} for one in costs]
        print_json({"streams": streams, "rounds": rounds, "sample_rate": sample_rate, "costs": rows})
        return
    click.echo(
        f"{streams} streams at {sample_rate} Hz, {seconds:g} s each; processor time for a 20 ms frame of one stream"
    )
    for one in costs:
        click.echo(
            f"{one.name:<10} median {one.median_ms:.3f} ms, 95th percentile {one.p95_ms:.3f} ms, "
            f"{one.streams_per_core} streams per core"
        )
