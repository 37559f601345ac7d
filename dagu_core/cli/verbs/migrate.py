"""`dagu migrate`: for scripts that call it; there is nothing to convert."""

from __future__ import annotations

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.output import say


@click.group("migrate", short_help="For scripts of the original: there is nothing to convert.")
def command() -> None:
    """For scripts that call it: there is nothing to convert.

    The store brings itself to its newest form when it is opened.
    """


@command.command("history", short_help="Convert the history of old versions: there is none.")
@pass_invocation
def history(invocation: Invocation, /) -> int:
    """Convert the history of old versions. There is none: this does nothing, and succeeds."""
    if not invocation.quiet:
        say("Nothing to migrate: the store brings itself to its newest form when it is opened")
    return 0
