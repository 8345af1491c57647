"""Runs one of Dagster's own commands inside a part, to its end and without a last word."""

from collections.abc import Sequence
from contextlib import suppress

import click


def run(command: click.Command, arguments: Sequence[str]) -> None:
    """Returns when the command ends or is told to stop."""
    context = command.make_context(command.name, list(arguments))
    with suppress(KeyboardInterrupt, click.exceptions.Exit), context:
        command.invoke(context)
