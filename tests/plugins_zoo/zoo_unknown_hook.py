"""Implements a hook nobody calls."""

from dagu_core import hookimpl


@hookimpl
def dagu_register_executers() -> list[type]:
    return []
