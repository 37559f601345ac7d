"""A template with the inputs of a step in it."""

from __future__ import annotations

from typing import Any

from dagu_core.base.errors import Invalid
from dagu_core.base.places import Place
from dagu_core.model.plan.origins import Origin, Origins
from dagu_core.model.plan.step_types import StepTypeOfFile, injected
from dagu_core.model.spec.decode import MAX_BYTES
from dagu_core.model.spec.findings import Findings
from dagu_core.model.spec.located import Map, Seq, locate
from dagu_core.model.spec.yaml import MAX_DEPTH, MAX_NODES
from dagu_core.model.values.template import ABSENT, find, is_template, render

_GIVE = "give it under `with`, or a `default` in `inputSchema`"


class TooMuch(Exception):
    """The templates make more of a file than it may hold itself."""


class Filler:
    """Fills the templates of one document; what it makes is bounded like a document that is read."""

    def __init__(self, origins: Origins) -> None:
        self.origins = origins
        self.nodes = 0
        self.characters = 0

    def fill(self, one: StepTypeOfFile, inputs: Map, findings: Findings) -> Map:
        """A copy of the template with the inputs in it, and with the places of both.

        What is missing goes into `findings`. Raises TooMuch.
        """
        filled: Map = self._filled(one.template, inputs, one, findings, 1)
        self._spend(inputs, 1)
        return filled

    def _filled(self, node: Any, inputs: Map, one: StepTypeOfFile, findings: Findings, depth: int) -> Any:
        """A copy of a part of the template with the inputs in it; ABSENT for an input not given."""
        self._count(node, depth)
        if isinstance(node, str):
            return node
        if isinstance(node, Map):
            copy = Map(node.place)
            for key, value in node.items():
                filled, spot = self._value(value, node.value_place(key), inputs, one, findings, depth)
                if filled is not ABSENT:
                    copy[key] = filled
                    copy.spots[key] = (*node.spots[key][:2], *spot)
            return copy
        if isinstance(node, Seq):
            items = Seq(node.place)
            for index, value in enumerate(node):
                place = node.item_place(index)
                filled, spot = self._value(value, place, inputs, one, findings, depth)
                if filled is ABSENT:
                    message = f"the template needs the input `{value['$input']}`, which is not given"
                    findings.error(message, place, code="D004", hint=_GIVE)
                    continue
                items.append(filled)
                items.spots.append(spot)
            return items
        return node

    def _value(
        self, value: Any, place: Place, inputs: Map, one: StepTypeOfFile, findings: Findings, depth: int
    ) -> tuple[Any, tuple[int, int]]:
        """(what stands for a value of the template, the place to tell of it)."""
        spot = (place.line, place.column)
        if isinstance(value, Map) and (path := injected(value)) is not None:
            found = find(inputs, path)
            if found is ABSENT:
                return ABSENT, spot
            self._spend(found, depth)
            where, _ = locate(inputs, [int(part) if part.isdecimal() else part for part in path.split(".")])
            origin = self.origins.of(place)
            if where.line > 0 and origin is not None:
                return found, self.origins.mark(Origin(one.name, origin.where, where))
            return found, (where.line, where.column)
        if isinstance(value, str) and is_template(value):
            try:
                text = render(value, inputs)
            except Invalid as error:
                findings.error(str(error), place, code="D004", hint=error.hint)
                return "", spot
            self._count(text, depth)
            return text, spot
        return self._filled(value, inputs, one, findings, depth + 1), spot

    def _spend(self, value: Any, depth: int) -> None:
        self._count(value, depth)
        if isinstance(value, dict | list):
            for each in value.values() if isinstance(value, dict) else value:
                self._spend(each, depth + 1)

    def _count(self, value: Any, depth: int) -> None:
        self.nodes += 1
        self.characters += len(value) if isinstance(value, str) else 0
        if self.nodes > MAX_NODES or self.characters > MAX_BYTES or depth > MAX_DEPTH:
            raise TooMuch
