"""Sub-DAG calls inside one file: none may come back to where it started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath

from dagu_core.base.places import Place
from dagu_core.model.plan.graph import find_cycles
from dagu_core.model.plan.plan import Plan
from dagu_core.model.spec.findings import Findings


def check_calls(plans: Sequence[Plan], places: Sequence[Place], findings: Findings) -> None:
    """Report DAGs of the file that call themselves, directly or through each other.

    `places` tells where each document starts. Calls through a variable or another file are
    bounded by the engine when they happen.
    """
    known = _addresses(plans)
    called = [tuple(dict.fromkeys(_called(plan, known))) for plan in plans]
    for cycle in find_cycles(called):
        # In a cycle each calls the one before it; people read from caller to called.
        shown = [plans[index].name for index in (cycle[0], *reversed(cycle[1:]))]
        findings.error(
            f"DAGs call each other without end: {' → '.join([*shown, shown[0]])}",
            places[cycle[0]],
            code="D016",
            hint="remove one of the calls; to run again and again use `repeatPolicy` or `schedule`",
        )


def _addresses(plans: Sequence[Plan]) -> dict[str, int]:
    """Document index by every literal `call` that leads into this file; local documents first."""
    main = plans[0]
    found = {plan.name: index for index, plan in reversed(list(enumerate(plans)))}
    path = main.source.path
    if path:
        file = PurePath(path)
        for address in (path, file.name, file.stem, f"./{file.name}"):
            found.setdefault(address, 0)
    return found


def _called(plan: Plan, known: Mapping[str, int]) -> Iterator[int]:
    for node in plan.nodes:
        if node.call is not None and (index := known.get(node.call.target)) is not None:
            yield index
