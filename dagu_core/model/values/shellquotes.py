"""Values held in variables of their own, and how single quotes are closed around them."""

from __future__ import annotations

import re

from msgspec import Struct, field

from dagu_core.model.values import references
from dagu_core.model.values.scope import Scope

_REFERENCE = (
    r"\$\{(?P<braced>[A-Za-z0-9_][A-Za-z0-9_-]*)(?P<path>\.[^}\n]{1,1000})?\}"
    rf"|\$(?P<bare>[A-Za-z_][A-Za-z0-9_]*)(?P<bare_path>{references.BARE_PATH})?"
)
_WITHOUT_COMMANDS = re.compile(rf"(?P<kept>(?!))|(?P<command>(?!))|{_REFERENCE}")
_WITH_COMMANDS = re.compile(rf"(?P<kept>\\`|``)|`(?P<command>(?:[^`\\]|\\.)+)`|{_REFERENCE}", re.DOTALL)


class Scanned(Struct):
    """Shell code whose references are safe; `env` must be in the shell's environment.

    `commands` are the texts between backticks by the variable that shall hold their output.
    """

    text: str
    env: dict[str, str] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)
    _holders: dict[str, str] = field(default_factory=dict)

    def hold(self, value: str) -> str:
        """Keep `value` in a variable and return the variable's name; equal values share one."""
        name = self._holders.get(value)
        if name is None:
            name = self._holders[value] = self._new_name()
            self.env[name] = value
        return name

    def order(self, command: str) -> str:
        """Have `command` run for its output and return the name of the variable for it."""
        name = self._new_name()
        self.commands[name] = command
        return name

    def _new_name(self) -> str:
        return f"DAGU_REF_{len(self.env) + len(self.commands) + 1}"


def in_single_quotes(content: str, scope: Scope, scanned: Scanned, run_commands: bool) -> str:
    """What stands between two single quotes, with `'"${DAGU_REF_n}"'` for each reference.

    A plain reference that touches one of the quotes stays, and so do backticks unless
    `run_commands`.
    """

    def fill(match: re.Match[str]) -> str:
        touches = match.start() == 0 or match.end() == len(content)
        if match["kept"]:
            return match[0]
        if match["command"]:
            return _reopened(scanned.order(match["command"]))
        name, path = match["braced"] or match["bare"], match["path"] or match["bare_path"]
        if path and (value := references.dotted(name, path, scope)) is not None:
            return _reopened(scanned.hold(value))
        if match["path"] or touches or name.isdecimal() or (value := scope.in_code(name)) is None:
            return match[0]
        return _reopened(scanned.hold(value)) + (match["bare_path"] or "")

    return (_WITH_COMMANDS if run_commands else _WITHOUT_COMMANDS).sub(fill, content)


def _reopened(name: str) -> str:
    return f"'\"${{{name}}}\"'"
