"""Where the parts of a step made from a template really stand."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from dagu_core.base.places import Place, Problem
from dagu_core.model.spec.findings import Findings
from dagu_core.model.spec.located import Map, Seq


class Origin(Struct, frozen=True):
    """The template a part was copied from: `where` is its place in words (`base.yaml:4:3`), `value`
    where the step gives the value that was filled in, if it was."""

    step_type: str
    where: str
    value: Place | None = None


class Origins:
    """The parts of made steps by a place that no text has: the line is negative and counts into
    this table, because one mapping may come from the step, from a template and from another file."""

    def __init__(self) -> None:
        self._known: list[Origin] = []

    def mark(self, origin: Origin) -> tuple[int, int]:
        """Line and column that stand for `origin`."""
        self._known.append(origin)
        return -len(self._known), 1

    def of(self, place: Place) -> Origin | None:
        """What a place stands for; None for a real one."""
        return self._known[-place.line - 1] if place.line < 0 else None

    def marked(self, data: Any, step_type: str, file: str) -> Any:
        """A copy of what stands in a definition, with its places kept in this table."""

        def spot(place: Place) -> tuple[int, int]:
            return self.mark(Origin(step_type, spoken(place, file)))

        if isinstance(data, Map):
            copy = Map(Place(*spot(data.place)))
            for key, value in data.items():
                copy[key] = self.marked(value, step_type, file)
                copy.spots[key] = (*spot(data.key_place(key)), *spot(data.value_place(key)))
            return copy
        if isinstance(data, Seq):
            items = Seq(Place(*spot(data.place)))
            items += [self.marked(value, step_type, file) for value in data]
            items.spots += [spot(data.item_place(index)) for index in range(len(data))]
            return items
        return data


class CallFindings(Findings):
    """What is wrong with a made step, told where the step is written, with the place of the template.
    `told` says whether there was an error."""

    def __init__(self, target: Findings, origins: Origins, call: Place) -> None:
        super().__init__(target.text, target.file)
        self._target = target
        self._origins = origins
        self._call = call
        self.told = False

    def add(self, problem: Problem) -> None:
        """Hand the problem on, with a place of the step's own file."""
        if (origin := self._origins.of(problem.place)) is not None:
            note = f"from the template of step type `{origin.step_type}` at {origin.where}"
            hint = f"{problem.hint}; {note}" if problem.hint else note
            problem = replace(problem, place=origin.value or self._call, hint=hint, length=1)
        self.told |= problem.severity == "error"
        self._target.add(problem)

    @property
    def is_full(self) -> bool:
        """Whether further problems are dropped."""
        return self._target.is_full


def spoken(place: Place, file: str) -> str:
    """A place in words; `file` is "" for the file that is being read."""
    return f"{file}:{place.line}:{place.column}" if file else f"{place.line}:{place.column}"
