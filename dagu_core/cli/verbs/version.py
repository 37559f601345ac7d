"""`dagu version`."""

from __future__ import annotations

import click

from dagu_core.cli.options import json_option
from dagu_core.cli.output import as_json, say


@click.command("version", short_help="Print the version.")
@json_option
def command(in_json: bool) -> int:
    """Print the version."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        number = version("dagu")
    except PackageNotFoundError:
        number = "0+unknown"
    say(as_json({"version": number}) if in_json else number)
    return 0
