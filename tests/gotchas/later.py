"""Gotchas whose outcome only a plugin can show: number -> (package, what it must show)."""

from __future__ import annotations

LATER: dict[int, tuple[str, str]] = {}

#: gotchas tested here for the core, of which a plugin has a part to show as well
PARTLY = {
    43: ("dagu-mail", "a partial success sends the info mail"),
    81: ("dagu-http", "the status of the answer is the exit code"),
}
