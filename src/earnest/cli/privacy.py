"""`earnest privacy <command>`: each command is a file of its own, imported when it is called."""

from __future__ import annotations

import click

from earnest.cli import Lazy

SUBCOMMANDS: dict[str, tuple[str, str]] = {
    "audit": ("earnest.cli.privacy_audit", "Test whether a model shows which recordings it was trained on."),
    "extract": ("earnest.cli.privacy_extract", "Test what a model gives back of its training set."),
    "match": ("earnest.cli.privacy_match", "Draw or keep members and non-members that are alike."),
    "anonymisation": ("earnest.cli.privacy_anonymisation", "Test who can be recognised in anonymised recordings."),
}
"""Each command by its name: the module that holds `<name>_command`, and what it does."""


@click.command(
    "privacy",
    cls=Lazy,
    table=SUBCOMMANDS,
    help="Test what a model keeps of its training data, and what protects it.",
)
def privacy_command() -> None:
    pass
