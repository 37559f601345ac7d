"""Offers a part whose Config is no model."""

from dagu_core import Event, Observer, RunRef, hookimpl


class Odd(Observer):
    """Watches with a dict."""

    name = "odd"
    Config = dict  # type: ignore[assignment]

    async def observe(self, ref: RunRef, event: Event) -> None:
        return None


@hookimpl
def dagu_register_observers() -> list[type[Observer]]:
    return [Odd]
