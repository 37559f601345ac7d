"""`dagu help`: the help of dagu or of one verb."""

from __future__ import annotations

import click

from dagu_core.cli.output import say


@click.command("help", short_help="Show the help of a verb.")
@click.argument("verb", required=False, default="")
@click.pass_context
def command(ctx: click.Context, verb: str) -> int:
    """Show the help of dagu, or of one verb."""
    parent = ctx.parent
    assert parent is not None and isinstance(parent.command, click.Group)
    if not verb:
        say(parent.get_help())
        return 0
    _, found, _ = parent.command.resolve_command(parent, [verb])
    assert found is not None
    with click.Context(found, info_name=verb, parent=parent, **found.context_settings) as child:
        say(found.get_help(child))
    return 0
