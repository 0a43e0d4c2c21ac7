"""`earnest redact IN OUT`: recordings without what is personal in them; `--evaluate`: how much of it is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from earnest.cli import print_json


@click.command(
    "redact",
    help="Write the recording SOURCE (or a folder of them) to TARGET with what is personal in it replaced: numbers, "
    "addresses, e-mail, names, dates, accounts, cards, medical ids. Nothing leaves this machine. Exits with 1 if a "
    "recording could not be recognised or verified.",
)
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", required=False, type=click.Path(path_type=Path))
@click.option(
    "--recogniser",
    default="faster-whisper/base",
    show_default=True,
    metavar="SPEC",
    help="What hears the words and tells their times: faster-whisper/<folder or size>, or pocketsphinx.",
)
@click.option("--verify-with", metavar="SPEC", help="Recogniser that hears the result; default: the same.")
@click.option("--replace", type=click.Choice(("tone", "silence")), default="tone", show_default=True)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="KIND",
    help="What is replaced: account, address, card, date, email, medical_id, name, number, phone; repeatable, default: all.",
)
@click.option(
    "--pad-before",
    "pad_before_s",
    type=click.FloatRange(0, 5),
    default=0.1,
    show_default=True,
    help="Seconds that are replaced before it.",
)
@click.option(
    "--pad-after",
    "pad_after_s",
    type=click.FloatRange(0, 5),
    default=0.3,
    show_default=True,
    help="Seconds that are replaced behind it.",
)
@click.option(
    "--on-failure",
    type=click.Choice(("replace", "leave-out")),
    default="replace",
    show_default=True,
    help="What becomes of a recording that could not be recognised: all of it is replaced, or it is not written.",
)
@click.option("--presidio", is_flag=True, help="Also use the recognisers of presidio (extra `pii`).")
@click.option(
    "--evaluate",
    is_flag=True,
    help="Write nothing; compare with the column `personal` of the manifest in SOURCE: [[start in s, end in s, kind], ...].",
)
@click.option("--snr", "snr_db", type=float, help="With --evaluate: add noise at this ratio, in dB, before.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the noise.")
@click.option("--dry-run", is_flag=True, help="Print which recordings would be written where, without hearing them.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout; it holds no words.")
def redact_command(
    source: Path,
    target: Path | None,
    *,
    evaluate: bool,
    snr_db: float | None,
    seed: int,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> int:
    if evaluate == (target is not None):
        raise click.UsageError("give a TARGET to write to, or --evaluate, which writes nothing")
    if snr_db is not None and not evaluate:
        raise click.UsageError("--snr belongs to --evaluate: what is written gets no noise")
    if evaluate:
        return _evaluated(source, snr_db=snr_db, seed=seed, as_json=as_json, **options)
    return _written(source, Path(str(target)), dry_run=dry_run, as_json=as_json, **options)


def _written(source: Path, target: Path, *, dry_run: bool, as_json: bool, **options: Any) -> int:
    from earnest.privacy.redaction.files import pairs_of, redact_files

    pairs = pairs_of(source, target)
    if dry_run:
        rows = [{"source": str(one), "target": str(other)} for one, other in pairs]
        print_json({"files": rows}) if as_json else click.echo("\n".join(f"{one} -> {other}" for one, other in pairs))
        return 0
    with _progress("redact") as on_row:
        done = redact_files(pairs, _redactor(**options), on_row=on_row)
    print_json(done.as_json()) if as_json else click.echo(done.as_text())
    return 2 if done.n_unread else 0 if done.all_verified else 1


def _evaluated(source: Path, *, snr_db: float | None, seed: int, as_json: bool, **options: Any) -> int:
    from earnest.audio import Manifest
    from earnest.privacy.redaction.measure import evaluate, known_spans

    manifest = Manifest.read(source)
    known_spans(manifest)  # faults of the data come before a model is loaded
    with _progress("redact") as on_row:
        found = evaluate(manifest, _redactor(**options), snr_db=snr_db, seed=seed, on_row=on_row)
    print_json(found.as_json()) if as_json else click.echo(found.as_text())
    return 0


def _redactor(
    *,
    recogniser: str,
    verify_with: str | None,
    replace: str,
    kinds: tuple[str, ...],
    pad_before_s: float,
    pad_after_s: float,
    on_failure: str,
    presidio: bool,
) -> Any:
    from earnest.privacy.redaction.personal import KINDS
    from earnest.privacy.redaction.presidio import Presidio
    from earnest.privacy.redaction.redact import Redactor

    kinds = tuple(kind.replace("-", "_") for kind in kinds) or KINDS
    return Redactor(
        recogniser,
        verifier=verify_with,
        kinds=kinds,
        replace=replace,  # type: ignore[arg-type]
        pad_before_s=pad_before_s,
        pad_after_s=pad_after_s,
        on_failure=on_failure.replace("-", "_"),  # type: ignore[arg-type]
        finders=(Presidio(kinds=kinds),) if presidio else (),
    )


def _progress(title: str) -> Any:
    """A bar that takes how many recordings are done, and of how many."""
    import time
    from contextlib import contextmanager
    from types import SimpleNamespace

    from earnest.cli._progress import progress_bar

    @contextmanager
    def shown() -> Any:
        begun = time.monotonic()
        with progress_bar(title) as show:

            def on_row(done: int, total: int) -> None:
                left_s = (time.monotonic() - begun) / done * (total - done)
                show(SimpleNamespace(done=done, total=total, eta_s=left_s, cost_usd=0.0, unscored={}, learnt=()))

            yield on_row

    return shown()
