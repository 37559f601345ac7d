"""Texts for shells and other interpreters: references are filled in without becoming code."""

from __future__ import annotations

from msgspec import Struct, field

from dagu_core.model.values.backticks import command_text
from dagu_core.model.values.expand import RunCommand
from dagu_core.model.values.inplace import in_place
from dagu_core.model.values.scope import Scope
from dagu_core.model.values.shellscan import scan

__all__ = ["ShellText", "for_shell", "in_place"]


class ShellText(Struct, frozen=True):
    """Code for a POSIX shell, and the variables to add to its environment."""

    text: str
    env: dict[str, str] = field(default_factory=dict)


async def for_shell(
    text: str, scope: Scope, run_command: RunCommand | None, *, quoted_outputs: bool = True
) -> ShellText:
    """`text` for a POSIX shell whose environment already holds every variable of the scope.

    What the shell can expand is left to it. Dotted references, references inside single quotes
    and the output of backticks (run once, when `run_command` is given) become variables of their
    own, so no value is ever part of the code. With `quoted_outputs` an exact `"${NAME}"` of a
    captured output shows its control characters as escapes, as Dagu does.
    """
    scanned = scan(text, scope, run_commands=run_command is not None, quoted_outputs=quoted_outputs)
    if run_command is not None:
        for name, command in scanned.commands.items():
            scanned.env[name] = await run_command(command_text(command, scope))
    # No environment holds a NUL.
    env = {name: value.replace("\0", "\ufffd") for name, value in scanned.env.items()}
    return ShellText(scanned.text, env)
