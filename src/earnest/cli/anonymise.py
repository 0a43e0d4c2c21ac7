"""`earnest anonymise`: a data set with other voices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from earnest.cli import plugin_option, print_json

if TYPE_CHECKING:
    from earnest.anonymisers import Anonymiser
    from earnest.audio import Manifest


@click.command(
    "anonymise",
    help="Write the data set in FOLDER, in any supported layout, into the new folder OUT with other voices; ids, names, columns "
    "and durations stay. What was drawn lies in OUT.key.jsonl, which must not be given away. The same command resumes; "
    "exits with 1 if a recording could not be anonymised.",
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--method", required=True, metavar="SPEC", help="`earnest list anonymisers`, with parameters: mcadams:alpha=0.8."
)
@click.option(
    "--per",
    type=click.Choice(["speaker", "utterance"]),
    default="speaker",
    show_default=True,
    help="Draw one voice for all recordings of a speaker, or one for each recording.",
)
@click.option("--seed", type=int, help="Of the draws; default: one that cannot be guessed.")
@click.option(
    "--dry-run", is_flag=True, help="Try the method on three recordings and forecast the time; write nothing."
)
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def anonymise_command(
    folder: Path,
    out: Path,
    *,
    method: str,
    per: Literal["speaker", "utterance"],
    seed: int | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    from earnest.anonymisers import anonymisers
    from earnest.audio import Manifest
    from earnest.cli._progress import progress_bar
    from earnest.runs.anonymise import anonymise

    made = anonymisers.make(method)
    manifest = Manifest.read(folder)
    if dry_run:
        return _forecast(manifest, made, as_json=as_json)
    with progress_bar("anonymise") as shown:
        done = anonymise(manifest, out, method=made, per=per, seed=seed, progress=shown)
    times = done.audio_s / done.wall_s if done.wall_s > 0 and done.audio_s > 0 else None
    if as_json:
        facts = {"folder": str(done.folder), "key": str(done.key), **done.facts, "n_resumed": done.n_resumed}
        print_json({**facts, "times_real_time": times and round(times, 1)})
        return 1 if done.failed else 0
    for id, reason in done.failed.items():
        click.echo(f"not anonymised, and left out: {id}: {reason}", err=True)
    n_alone = done.facts["n_without_speaker"]
    if per == "speaker" and n_alone:
        click.echo(f"{n_alone} rows have no speaker; each got a voice of its own", err=True)
    speed = f" at {times:.0f} times real time" if times else ""
    click.echo(f"{done.facts['n_rows']} of {len(manifest)} recordings by {made.spec}{speed}: {done.folder}")
    click.echo(f"  keep apart: {done.key} (with it the old voices can be looked for)")
    click.echo(f"  how well it hides who speaks: earnest privacy anonymisation {folder} --method {made.spec}")
    return 1 if done.failed else 0


def _forecast(manifest: Manifest, made: Anonymiser, *, as_json: bool) -> int:
    """Three recordings, drawn over the data set, tell what the rest will take."""
    import time

    from earnest.errors import BadAudio
    from earnest.runs.anonymise import drawn_for

    step = max(1, len(manifest) // 3)
    begun, audio_s, failed = time.perf_counter(), 0.0, 0
    tried = manifest.entries[::step][:3]
    for entry in tried:
        try:
            clip = entry.clip()
            made.anonymised(entry, clip, drawn=drawn_for(made, f"utterance {entry.id}", seed=0))
            audio_s += clip.duration_s
        except BadAudio as error:
            failed += 1
            click.echo(f"would fail: {entry.id}: {error}", err=True)
    wall = time.perf_counter() - begun
    lengths = [entry.length_s for entry in manifest]
    known = [one for one in lengths if one is not None]
    total_s = sum(known) / len(known) * len(manifest) if known else None
    needed = total_s * wall / audio_s if total_s and audio_s else None
    if as_json:
        print_json(
            {
                "method": str(made.spec),
                "n_rows": len(manifest),
                "audio_s": total_s and round(total_s, 1),
                "n_tried": len(tried),
                "n_failed": failed,
                "forecast_s": needed and round(needed, 1),
            }
        )
    else:
        minutes = "an unknown time" if needed is None else f"about {max(1, round(needed))} s"
        hours = "an unknown length" if total_s is None else f"{total_s / 60:.1f} minutes of audio"
        click.echo(
            f"{len(manifest)} recordings, {hours}, by {made.spec}: {minutes}; {failed} of {len(tried)} tried failed"
        )
    return 1 if failed == len(tried) else 0
