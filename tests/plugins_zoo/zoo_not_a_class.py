"""Returns an object in place of a class."""

from dagu_core import hookimpl


@hookimpl
def dagu_register_observers() -> list[object]:
    return [42]
