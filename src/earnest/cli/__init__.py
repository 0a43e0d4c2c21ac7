"""The command line: `earnest <command>`. Each command is one file here, imported when it is called.

Progress and messages go to stderr, results to stdout; `--json` prints one object on stdout. Exit 0: done, 1: a gate
failed, 2: could not run.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

import click

from earnest import __version__
from earnest.cli._terminal import PIPE_CLOSED, tell, visible_output
from earnest.cli._watch import can_watch, watched
from earnest.errors import EarnestError, did_you_mean
from earnest.text import visible

TRACEBACK = "EARNEST_TRACEBACK"
"""The environment variable that shows where an error that nobody foresaw was raised."""

COMMANDS = {
    "run": ("earnest.cli.run", "Evaluate a model: a suite of tasks, with or without an attack and defences."),
    "attack": (
        "earnest.cli.attack",
        "Attack a model towards one goal, try the hits on another model, or list attacks.",
    ),
    "matrix": (
        "earnest.cli.matrix",
        "Test attacks against defences, with a forecast, what each costs, and the best stack.",
    ),
    "certify": ("earnest.cli.certify", "Bound which changes of a clip a smoothed decision withstands."),
    "explain": ("earnest.cli.explain", "Show which part of a clip decided an answer, and test whether that is so."),
    "fit": ("earnest.cli.fit", "Fit an attack, a defence or a detector to a split of the data."),
    "detect": ("earnest.cli.detect", "Score recordings with a detector: spoofed speech, say."),
    "mitigate": ("earnest.cli.mitigate", "Try a method against unfairness: the gap before and after, and its price."),
    "poison": ("earnest.cli.poison", "Write training data with a backdoor, to test defences."),
    "anonymise": (
        "earnest.cli.anonymise",
        "Write a data set again with other voices, so that nobody knows who speaks.",
    ),
    "guard": ("earnest.cli.guard", "Decide on audio, frame by frame, under a policy."),
    "privacy": ("earnest.cli.privacy", "Test what a model keeps of its training data, and what protects it."),
    "redact": ("earnest.cli.redact", "Replace what is personal in recordings: numbers, names, addresses, dates."),
    "watermark": ("earnest.cli.watermark", "Mark recordings, find the mark, and test which edits it survives."),
    "init": ("earnest.cli.init", "Write or check earnest.toml, the settings of `earnest run` in a folder."),
    "report": ("earnest.cli.look", "Write a run's report again, or compare runs."),
    "view": ("earnest.cli.look", "Serve a run's report on this machine."),
    "show": ("earnest.cli.look", "List a run's items: unscored ones, the worst, those of one task."),
    "replay": ("earnest.cli.look", "Ask one item of a run again, and compare."),
    "list": ("earnest.cli.look", "List tasks, models, attacks, defences, metrics, ..."),
    "data": ("earnest.cli.data", "Check a folder of recordings and the tasks that it enables, or convert it."),
    "judge": ("earnest.cli.judge", "Judge a run's answers again, or correct its rates by human labels."),
    "papers": (
        "earnest.cli.papers",
        "Search, show, export and add works of the literature, and run those that earnest implements.",
    ),
    "merge": ("earnest.cli.data", "Join the shards of a run."),
    "doctor": ("earnest.cli.doctor", "Show what is installed and missing, and test whether an endpoint hears."),
    "schema": ("earnest.cli.export", "Print the JSON Schema of a finding, journal, manifest, matrix, suite or work."),
    "leaderboard": ("earnest.cli.leaderboard", "Rank runs, and show them with the published models."),
    "export": ("earnest.cli.export", "Write a run in the format of another tool."),
}


_STOPPED = (130, 143)
"""Exit codes of Ctrl-C and SIGTERM."""
LEAVE_AFTER_S = 0.3
WORKERS = ("earnest-model", "earnest-work", "earnest-attack")
"""What the engine calls its threads; one that is there when a command has ended was given up."""
_KEPT = "stopped; the run folder keeps the finished items, and the same command resumes the run"


class Lazy(click.Group):
    """A group whose commands are imported when they are called, so that `--help` is fast."""

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str]], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return None
        command = getattr(importlib.import_module(self.table[cmd_name][0]), cmd_name.replace("-", "_") + "_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.table and not args[0].startswith("-"):
            raise click.UsageError(
                f"no command is called {args[0]!r}{did_you_mean(args[0], self.table) or ';'} `{ctx.command_path} --help` lists all",
                ctx,
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in self.table.items()])


@click.command(
    cls=Lazy,
    table=COMMANDS,
    help="Evaluates how far an audio language model can be trusted, and tests attacks and defences.\n\nStart with: earnest run core --model "
    "earnest/reference --out runs/first",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="earnest")
def cli() -> None:
    pass


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code; as a program of its own, a run is watched by its parent."""
    if arguments is None and can_watch(sys.argv[1:]):
        code = watched(lambda: _exit_code(None))
    else:
        code = _exit_code(arguments)
    if arguments is None:
        _leave_nobody_waiting(code)
    sys.exit(code)


def _leave_nobody_waiting(code: int) -> None:
    """End the process in time where a thread hangs; one that is at work in a library may crash while Python ends."""
    if any(thread.name.startswith(WORKERS) for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    if code in _STOPPED:  # what a model's own threads do is not waited for
        late = threading.Timer(LEAVE_AFTER_S, os._exit, [code])
        late.daemon = True
        late.start()


def _exit_code(arguments: list[str] | None) -> int:
    with visible_output():
        return _called(arguments)


def _called(arguments: list[str] | None) -> int:
    try:
        code = cli.main(args=arguments, prog_name="earnest", standalone_mode=False)
    except click.exceptions.Abort:
        tell(_KEPT)
        return 130
    except click.ClickException as error:
        error.message = visible(error.message)
        error.show()
        return 2
    except EarnestError as error:
        tell(str(error))
        return 2
    except SystemExit as error:
        if error.code in _STOPPED:
            tell(_KEPT)
            return error.code
        if error.code == PIPE_CLOSED:
            return PIPE_CLOSED
        tell(f"something called sys.exit({error.code!r}) in the middle of the command, which did not finish")
        return 2
    except BrokenPipeError:  # `earnest show RUN | head`: nobody reads on
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except OSError as error:  # a name that is too long, a folder that may not be read
        tell(f"{str(error.filename)[:120]!r} cannot be used: {error.strerror}" if error.filename else str(error))
        return 2
    except Exception as error:  # noqa: BLE001  (a traceback is for those who can mend it)
        if os.environ.get(TRACEBACK):
            raise
        tell(f"{_fault(error)}; this is a fault of earnest: please report it with the output of {TRACEBACK}=1")
        return 2
    return code if isinstance(code, int) else 0


def _fault(error: Exception) -> str:
    import traceback

    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error)[:300]} (in {os.path.basename(place.filename)}, line {place.lineno})"


def _load_plugins(ctx: click.Context, option: click.Parameter, names: tuple[str, ...]) -> None:
    from earnest.registry import load_file, load_plugin

    for name in names:
        load_file(name) if name.endswith(".py") else load_plugin(name)


plugin_option = click.option(
    "--plugin",
    multiple=True,
    metavar="FILE.py|NAME",
    expose_value=False,
    is_eager=True,
    callback=_load_plugins,
    help="Load your file, or a plug-in of another package; a run folder never loads one by itself. Repeatable.",
)
"""For every command that names plug-ins or reads run folders."""


def print_json(value: Any) -> None:
    """Print `value` as one JSON object on stdout."""
    import json

    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
