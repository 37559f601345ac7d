"""The command between two backticks, made ready to run on its own."""

from __future__ import annotations

import re
import shlex

from dagu_core.model.values.scope import Scope
from dagu_core.model.values.shellscan import scan

_MENTIONED = re.compile(r"\$\{?#?([A-Za-z_][A-Za-z0-9_]*)")
_POSITIONAL = re.compile(r"\$\{?[0-9@*#]")


def command_text(between: str, scope: Scope) -> str:
    """The text between backticks as a shell runs it.

    The variables it mentions are assigned in front of it: so the shell that runs it needs no
    environment of ours, and no value is ever read as code.
    """
    scanned = scan(between.replace("\\`", "`"), scope, run_commands=False, quoted_outputs=False)
    lines: list[str] = []
    if scope.positional and _POSITIONAL.search(scanned.text):
        lines.append("set -- " + " ".join(map(shlex.quote, scope.positional)))
    for name in dict.fromkeys(_MENTIONED.findall(scanned.text)):
        value = scanned.env.get(name)
        if value is None:
            value = scope.variable(name)
        if value is not None:
            lines.append(f"{name}={shlex.quote(value)}")
    return "\n".join([*lines, scanned.text])
