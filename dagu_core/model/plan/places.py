"""Where the parts of a plan stand in the file it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from msgspec.structs import replace

from dagu_core.base.places import Place
from dagu_core.model.plan.plan import PlannedStep
from dagu_core.model.spec.located import Map, Seq
from dagu_core.model.spec.step import StepSpec

#: A part of a planned step, and the keys of the file it may come from.
_COMES_FROM: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "config": (("config",), ("with_",), ("executor", "config")),
    "command": (("command",), ("action",)),
    "script": (("script",), ("command",)),
}
_TYPES = ("type", "action", "executor")


class Places:
    """The places of one plan, for who finds something about it.

    A path is made of keys, in any spelling, and of the numbers of list items; `step` says whose it is,
    without one it starts at the DAG. A path that leads nowhere stands where its last known part stands:
    of what a step type of the file made it is the `type` of the step. A key of the DAG that only `base` has
    stands there, in the file `base_path`.
    """

    def __init__(
        self,
        text: str = "",
        document: Any = None,
        steps: Mapping[str, StepSpec] | None = None,
        base: Map | None = None,
        base_path: str = "",
    ) -> None:
        self._text = text
        self._document = document if isinstance(document, Map) else Map()
        self._steps = steps or {}
        self._base, self._base_path = base, base_path

    def key(self, *path: str | int, step: PlannedStep | None = None) -> Place:
        """Where the last key (or list item) of the path stands."""
        return self._found(path, step)[0]

    def value(self, *path: str | int, step: PlannedStep | None = None) -> Place:
        """Where the value starts that the path leads to."""
        return self._found(path, step)[1]

    def text(self, part: str, *path: str | int, step: PlannedStep | None = None, nth: int = 0) -> Place:
        """Where a part of the text starts that the path leads to, the `nth` of several.

        It stands where its text starts when it is not written as it reads (by an escape, or an alias).
        """
        place = self._found(path, step)[1]
        starts = [0, *accumulate(map(len, self._text.splitlines(keepends=True)))]
        at = starts[min(place.line, len(starts)) - 1] + place.column - 2
        is_alias = self._text.startswith("*", at + 1)  # its text stands elsewhere
        if not part or place.file or is_alias:
            return place
        for _ in range(nth + 1):
            at = self._text.find(part, at + 1)
            if at < 0:
                return place
        line = max(number for number, start in enumerate(starts, 1) if start <= at)
        return Place(line, at - starts[line - 1] + 1)

    def _found(self, path: tuple[str | int, ...], step: PlannedStep | None) -> tuple[Place, Place]:
        """(of the key, of the value)"""
        if step is None:
            first = path[0] if path else ""
            if self._base is None or self._document.written(first) or not self._base.written(first):
                return _follow(self._document, path)
            of_key, of_value = _follow(self._base, path)
            return replace(of_key, file=self._base_path), replace(of_value, file=self._base_path)
        spec = self._steps.get(step.name)
        if spec is None:
            return (self._document.place, self._document.place)
        if step.made_from:
            written = next(key for key in map(spec.raw.fields.get, _TYPES) if key)
            return _follow(spec.raw, (written,))
        for way in _COMES_FROM.get(str(path[0]), ()) if path else ():
            holder: Any = spec.raw
            for part in way[:-1]:
                holder = holder[key] if (key := holder.fields.get(part)) else None
            if isinstance(holder, Map) and (key := holder.fields.get(way[-1], holder.written(way[-1]))):
                return _follow(holder, (key, *path[1:]))
        return _follow(spec.raw, path)


def _follow(data: Any, path: tuple[str | int, ...]) -> tuple[Place, Place]:
    key = value = data.place
    for part in path:
        if isinstance(data, Map):
            if (written := data.written(part)) is not None:
                key, value, data = data.key_place(written), data.value_place(written), data[written]
        elif isinstance(data, Seq) and isinstance(part, int) and part < len(data):
            key = value = data.item_place(part)
            data = data[part]
    return key, value
