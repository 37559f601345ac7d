"""Ends the interpreter when it is asked for its parts."""

from dagu_core import hookimpl


@hookimpl
def dagu_register_guards() -> list[type]:
    raise SystemExit(4)
