"""What can still be judged in a text when something else in it is wrong."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from dagu_core.base.places import InvalidDefinition, Place, Problem
from dagu_core.base.spelling import fold
from dagu_core.model.plan.build import Built
from dagu_core.model.plan.definition import Definition
from dagu_core.model.plan.places import Places
from dagu_core.model.plan.plan import ParamsSpec, Plan, PlannedStep
from dagu_core.model.plan.schedule import NO_SCHEDULE
from dagu_core.model.spec.located import Map, Seq

_CYCLE = "D008"
_OF_THE_SCHEDULE = frozenset(map(fold, ("schedule", "triggers", "fileTrigger")))
_STEP_TYPES = fold("step_types")


class Unsound(InvalidDefinition):
    """A text with errors; `rest` is what can be judged in it all the same."""

    def __init__(self, error: InvalidDefinition, rest: Definition) -> None:
        super().__init__(error.problems, file=error.file, text=error.text)
        self.rest = rest

    def and_also(self, found: Sequence[Problem]) -> InvalidDefinition:
        """The same error, with more that is wrong or odd."""
        return InvalidDefinition((*self.problems, *found), file=self.file, text=self.text)


def unsound(
    error: InvalidDefinition, documents: Sequence[Any], built: Sequence[Built], places: Sequence[Places]
) -> Unsound:
    """The error with the plans of the text, from which everything is gone that is wrong.

    Instead of a step with an error there is a plain one. A document of which nothing certain can be said
    is left out.
    """
    owners = _Owners(documents, built)
    wrong: list[set[tuple[str, str]]] = [set() for _ in built]
    for problem in error.problems:
        if problem.severity == "error":
            index, step, key = owners.of(problem)
            wrong[index].add((step, key))
    void = {owners.of(problem)[0] for problem in error.problems if problem.code == _CYCLE}
    parts = [
        (plan, its_places)
        for index, (one, its_places) in enumerate(zip(built, places, strict=True))
        if index not in void and (plan := _sound(one.plan, wrong[index])) is not None
    ]
    return Unsound(error, Definition(tuple(plan for plan, _ in parts), (), tuple(one for _, one in parts)))


class _Owners:
    """Which step or key of the DAG each place of a text belongs to."""

    def __init__(self, documents: Sequence[Any], built: Sequence[Built]) -> None:
        owners: list[tuple[Place, int, str, str]] = []
        for index, (document, one) in enumerate(zip(documents, built, strict=True)):
            owners.append((getattr(document, "place", Place()), index, "", ""))
            if isinstance(document, Map):
                owners += [(document.key_place(key), index, "", fold(key)) for key in document]
                steps = document.get(document.written("steps") or "")
                if isinstance(steps, Seq):
                    owners += [(steps.item_place(at), index, "", "steps") for at in range(len(steps))]
            owners += [(spec.raw.place, index, name, "") for name, spec in one.written.items()]
        self._owners = sorted(owners)
        self._starts = [place for place, *_ in self._owners]

    def of(self, problem: Problem) -> tuple[int, str, str]:
        """(document, step, key) a problem stands in: "" = in no step, below no key."""
        at = bisect_right(self._starts, problem.place) - 1
        return self._owners[max(at, 0)][1:]


def _sound(plan: Plan, wrong: set[tuple[str, str]]) -> Plan | None:
    keys, names = {key for _, key in wrong}, {name for name, _ in wrong}
    if not plan.nodes or keys & set(map(fold, plan.fields)):
        return None  # a plugin may judge its steps by what stands under its key of the DAG
    nodes = [
        _plain(node) if node.name in names or (node.made_from and _STEP_TYPES in keys) else node
        for node in plan.nodes
    ]
    schedule = NO_SCHEDULE if keys & _OF_THE_SCHEDULE else plan.schedule
    params = ParamsSpec() if "params" in keys else plan.params
    return replace(plan, nodes=tuple(nodes), schedule=schedule, params=params)


def _plain(node: PlannedStep) -> PlannedStep:
    return PlannedStep(
        node.index, node.name, node.id, depends=node.depends, commands=("true",), handler=node.handler
    )
