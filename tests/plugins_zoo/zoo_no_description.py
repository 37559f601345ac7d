"""Offers a part without a description."""

from dagu_core import Event, Observer, RunRef, hookimpl


class Silent(Observer):
    name = "silent"

    async def observe(self, ref: RunRef, event: Event) -> None:
        return None


@hookimpl
def dagu_register_observers() -> list[type[Observer]]:
    return [Silent]
