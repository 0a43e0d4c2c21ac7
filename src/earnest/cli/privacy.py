"""`earnest privacy <command>`: each command is a file of its own, imported when it is called."""

from __future__ import annotations

import click

from earnest.cli import Lazy

SUBCOMMANDS: dict[str, tuple[str, str]] = {
    "anonymisation": ("earnest.cli.privacy_anonymisation", "Test who can be recognised in anonymised recordings."),
    "attributes": ("earnest.cli.privacy_attributes", "Test what a model's activations tell of who speaks."),
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
