"""`earnest init`: a project file that is checked as it is written."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import click

from earnest.cli._project import FILE, Project
from earnest.errors import BadData, EarnestError

TEMPLATE = """\
# What `earnest run` does in this folder. An option of the command line comes before what stands here.
# A key is an option of `earnest run` without its dashes; `earnest run --help` lists them all.

[run]
suite = {suite}
model = {model}
{data}out = "runs/latest"
# judge = ["openai/gpt-4o"]   # decides what no parser can read
# max-cost = 5.0              # US dollars; no call is made beyond

# A run fails where a number's whole interval is not on the good side of its gate, or too little could be scored.
# Run once, read the lower ends of the intervals, and set the gates a little below. `pillar = 0.8`, or a finding's id.
[run.fail-under]
{gates}

# A named configuration, `earnest run --config nightly`: what stands here comes before [run].
[config.nightly]
suite = {nightly}
out = "runs/nightly"
"""

FIRST_GATE = 0.5


@click.command("init", help=f"Write {FILE}, which says what `earnest run` does here; with --check, check the one that is there.")
@click.option("--model", metavar="SPEC", default="earnest/reference", show_default=True)
@click.option("--suite", metavar="SUITE", help="Default: quick, and core by night.")
@click.option("--data", type=click.Path(path_type=Path), metavar="FOLDER", help="Recordings; default: the embedded ones.")
@click.option("--check", is_flag=True, help="Write nothing: check every configuration of the file as a run would.")
@click.option("--project", "file", type=click.Path(path_type=Path), default=Path(FILE), show_default=True, metavar="FILE")
def init_command(*, model: str, suite: str | None, data: Path | None, check: bool, file: Path) -> None:
    if not check:
        if file.exists():
            raise click.UsageError(f"{file} is there already; `earnest init --check` checks it, or move it away first")
        _write(file, model=model, suite=suite, data=data)
        click.echo(f"{file} is written; `earnest run` runs it")
    for name, line in checked(file).items():
        click.echo(f"  {name:<16} {line}")


def checked(file: Path) -> dict[str, str]:
    """What each configuration of a project file would run, by its name; `run` is the file's own.

    Raises
    ------
    BadData
        With the faults of every configuration that cannot be run.
    """
    from earnest.cli.run import run_command

    project = Project.read(file, run_command)
    told: dict[str, str] = {}
    faults: list[str] = []
    for name in (None, *project.configs):
        said = io.StringIO()
        chosen = ["--project", str(file), "--dry-run", "--json", *(["--config", name] if name else [])]
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
                run_command.main(chosen, prog_name="earnest run", standalone_mode=False)
        except click.ClickException as error:
            faults.append(f"{name or 'run'}: {error.format_message()}")
        except EarnestError as error:
            faults.append(f"{name or 'run'}: {error}")
        else:
            told[name or "run"] = _in_a_line(json.loads(said.getvalue()))
    if faults:
        raise BadData(f"{file} cannot be run; mend", faults)
    return told


def _write(file: Path, *, model: str, suite: str | None, data: Path | None) -> None:
    """Write the file, with a gate on every pillar that has a number in the suite."""
    from earnest.pillars import HEADLINE
    from earnest.runs.suite import Outline, run_suite

    chosen = suite or "quick"
    outline = run_suite(chosen, model=model, data=data, dry_run=True)
    assert isinstance(outline, Outline), "a dry run gives an outline"
    running = {task.pillar for task in outline.plan.tasks if task.not_run is None}
    file.write_text(
        TEMPLATE.format(
            suite=json.dumps(chosen, ensure_ascii=False),
            model=json.dumps(model, ensure_ascii=False),
            data=f"data = {json.dumps(str(data), ensure_ascii=False)}\n" if data is not None else "",
            gates="\n".join(f"{key} = {FIRST_GATE}" for key in HEADLINE if key in running),
            nightly=json.dumps(suite or "core", ensure_ascii=False),
        ),
        encoding="utf-8",
    )


def _in_a_line(outline: dict[str, Any]) -> str:
    n = sum(sum(arms.values()) for arms in outline["items"].values())
    plan = outline["plan"]
    return f"suite {plan['suite']} over {plan['model']}, data {plan['data']}: {n:,} items in {len(outline['items'])} tasks"
