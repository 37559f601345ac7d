"""Plain data that knows where it stands in its text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dagu_core.base.places import Place
from dagu_core.base.spelling import fold

_START = Place()


class Map(dict[str, Any]):
    """A mapping read from a file.

    `place` is where it starts; `spots` gives for each key the line and column of the key and of
    its value; `fields` is filled by the models: field name -> the key as the user wrote it.
    """

    __slots__ = ("fields", "place", "spots")

    def __init__(self, place: Place = _START) -> None:
        super().__init__()
        self.place = place
        self.spots: dict[str, tuple[int, int, int, int]] = {}
        self.fields: dict[str, str] = {}

    def key_place(self, key: str) -> Place:
        """Where the key stands."""
        spot = self.spots.get(key)
        return Place(spot[0], spot[1]) if spot else self.place

    def value_place(self, key: str) -> Place:
        """Where the value of the key stands."""
        spot = self.spots.get(key)
        return Place(spot[2], spot[3]) if spot else self.place

    def written(self, part: object) -> str | None:
        """The user's key for a field name, in whatever spelling."""
        if not isinstance(part, str):
            return None
        if (key := self.fields.get(part)) is not None:
            return key
        if part in self:
            return part
        folded = fold(part)
        return next((key for key in self if fold(key) == folded), None)


class Seq(list[Any]):
    """A list read from a file; `spots` gives line and column of each item."""

    __slots__ = ("place", "spots")

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.spots: list[tuple[int, int]] = []

    def item_place(self, index: int) -> Place:
        """Where the item stands."""
        return Place(*self.spots[index]) if index < len(self.spots) else self.place


def locate(data: object, path: Sequence[object]) -> tuple[Place, str]:
    """Follow `path` into `data` as far as it goes: the place of what it leads to, and the user's
    way of writing the path (`steps[2].retryPolicy.limit`).

    Parts that are neither key nor index are skipped: validators name union branches that way.
    """
    place = data.place if isinstance(data, Map | Seq) else Place()
    shown = ""
    for part in path:
        if isinstance(data, Map):
            if (key := data.written(part)) is not None:
                place, data = data.value_place(key), data[key]
                shown += f".{key}" if shown else key
        elif isinstance(data, Seq) and isinstance(part, int) and part < len(data):
            place, data = data.item_place(part), data[part]
            shown += f"[{part}]"
    return place, shown


def plain(data: Any) -> Any:
    """The same data without places, for plans; numbers keep their spelling."""
    if isinstance(data, dict):
        return {key: plain(value) for key, value in data.items()}
    if isinstance(data, list):
        return [plain(value) for value in data]
    return data
