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
# The settings of `earnest run` in this folder. An option of the command line takes precedence over this file.
# A key is an option of `earnest run` without its dashes; `earnest run --help` lists them all.

[run]
suite = {suite}
model = {model}
{data}out = "runs/latest"
# judge = ["openai/gpt-4o"]   # reads the answers that no rule can read
# max-cost = 5.0              # US dollars; no call exceeds it

# A run fails if the whole interval of a number is not on the good side of its gate, or if too little was scored.
# Run once, read the lower ends of the intervals, and set the gates a little below. `pillar = 0.8`, or a finding's id.
[run.fail-under]
{gates}

# A named configuration, `earnest run --config nightly`; it takes precedence over [run].
[config.nightly]
suite = {nightly}
out = "runs/nightly"
"""

FIRST_GATE = 0.5


@click.command(
    "init", help=f"Write {FILE}, the settings of `earnest run` in this folder; with --check, check the existing file."
)
@click.option("--model", metavar="SPEC", default="earnest/reference", show_default=True)
@click.option("--suite", metavar="SUITE", help="Suite; default: quick, and core in the configuration nightly.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder of recordings; default: the embedded probe set.",
)
@click.option("--check", is_flag=True, help="Check every configuration of the file as a run would, and write nothing.")
@click.option(
    "--project", "file", type=click.Path(path_type=Path), default=Path(FILE), show_default=True, metavar="FILE"
)
def init_command(*, model: str, suite: str | None, data: Path | None, check: bool, file: Path) -> None:
    if not check:
        if file.exists():
            raise click.UsageError(f"{file} exists already; `earnest init --check` checks it, or move it away first")
        _write(file, model=model, suite=suite, data=data)
        click.echo(f"{file} was written; `earnest run` uses it")
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
        raise BadData(f"{file} cannot be run; correct these faults:", faults)
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
    return (
        f"suite {plan['suite']} over {plan['model']}, data {plan['data']}: {n:,} items in {len(outline['items'])} tasks"
    )
