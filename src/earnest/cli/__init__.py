"""The command line: `earnest <command>`. Each command is one file here, imported when it is called.

Progress and messages go to stderr, results to stdout; `--json` prints one object on stdout. Exit 0: done, 1: a gate
failed, 2: could not run.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from earnest import __version__
from earnest.errors import EarnestError, did_you_mean

COMMANDS = {
    "run": ("earnest.cli.run", "Evaluate a model: a suite of tasks, with or without an attack and defences."),
    "init": ("earnest.cli.init", "Write earnest.toml, which says what `earnest run` does in a folder; or check it."),
    "report": ("earnest.cli.look", "Write a run's report again, or beside another run's."),
    "view": ("earnest.cli.look", "Serve a run's report on this machine."),
    "show": ("earnest.cli.look", "List a run's items: unscored ones, the worst, those of one task."),
    "replay": ("earnest.cli.look", "Ask one item of a run again, and compare."),
    "list": ("earnest.cli.look", "What there is: tasks, models, attacks, defences, metrics, ..."),
    "data": ("earnest.cli.data", "Check a folder of recordings: what is in it, which tasks it enables."),
    "judge": ("earnest.cli.judge", "Judge a run's answers again, or correct its rates by people's labels."),
    "papers": ("earnest.cli.papers", "The literature: search, show, export, add, and what of it runs here."),
    "merge": ("earnest.cli.data", "Join the shards of a run."),
    "doctor": ("earnest.cli.doctor", "What is installed, what is missing, whether an endpoint hears."),
    "schema": ("earnest.cli.export", "Print the JSON Schema of a finding, journal, manifest, suite or work."),
    "leaderboard": ("earnest.cli.leaderboard", "Set runs beside each other and beside what was published."),
    "export": ("earnest.cli.export", "Write a run in another tool's form."),
}


class Lazy(click.Group):
    """A group whose commands are imported when they are called, so that `--help` is fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name.replace("-", "_") + "_command")
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"no command is called {args[0]!r}{did_you_mean(args[0], COMMANDS) or ';'} `earnest --help` lists all", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in COMMANDS.items()])


@click.command(
    cls=Lazy,
    help="Finds out whether an audio language model deserves trust.\n\nStart with: earnest run core --model "
    "earnest/reference --out runs/first",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="earnest")
def cli() -> None:
    pass


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    try:
        code = cli.main(args=arguments, prog_name="earnest", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stopped; the run folder keeps what was done, and the same command goes on from there", err=True)
        code = 130
    except click.ClickException as error:
        error.show()
        code = 2
    except EarnestError as error:
        click.echo(f"earnest: {error}", err=True)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


def print_json(value: Any) -> None:
    """Print `value` as one JSON object on stdout."""
    import json

    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
