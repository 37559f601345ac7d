"""Verbs a plugin adds to the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    import click


#: the verbs of the program itself, whose names nobody else may take
OURS = frozenset(
    {
        "start",
        "exec",
        "enqueue",
        "dequeue",
        "queue",
        "stop",
        "restart",
        "retry",
        "status",
        "history",
        "why",
        "events",
        "dry",
        "validate",
        "schedule",
        "scheduler",
        "start-all",
        "backfill",
        "worker",
        "recover",
        "doctor",
        "cleanup",
        "migrate",
        "schema",
        "plugins",
        "plugin",
        "config",
        "completion",
        "version",
        "help",
    }
)


class Command(Struct, frozen=True):
    """A verb: its name, one line of help, and a function that builds the click command when the
    verb is used (so that listing verbs imports nothing).

    The name may be one of dagu's own verbs and a flag that verb does not have (`cleanup --images`)."""

    name: str
    help: str
    load: Callable[[], click.Command]
