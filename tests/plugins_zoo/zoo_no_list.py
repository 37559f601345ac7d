"""Returns one class in place of a list."""

from dagu_core import Observer, hookimpl


@hookimpl
def dagu_register_observers() -> type[Observer]:
    return Observer
