"""`dagu completion`: scripts that teach a shell our verbs, flags and DAG names."""

from __future__ import annotations

import click

from dagu_core.cli.output import say

SHELLS = ("bash", "zsh", "fish")


@click.command("completion", short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(SHELLS), metavar="SHELL")
@click.option("--no-descriptions", is_flag=True, help="Accepted; descriptions are the shell's choice.")
@click.pass_context
def command(ctx: click.Context, shell: str, no_descriptions: bool) -> int:
    """Print the completion script of bash, zsh or fish.

    For bash: `source <(dagu completion bash)`, best in ~/.bashrc.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, "click knows these shells"
    say(kind(ctx.find_root().command, {}, "dagu", "_DAGU_COMPLETE").source())
    return 0
