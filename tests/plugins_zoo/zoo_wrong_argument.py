"""Asks for an argument the hook does not have."""

from dagu_core import hookimpl


@hookimpl
def dagu_register_executors(app: object) -> list[type]:
    return []
