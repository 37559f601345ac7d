"""Offers a class that leaves out what it must do."""

from dagu_core import Observer, hookimpl


class Lazy(Observer):
    """Watches nothing."""

    name = "lazy"


@hookimpl
def dagu_register_observers() -> list[type[Observer]]:
    return [Lazy]
