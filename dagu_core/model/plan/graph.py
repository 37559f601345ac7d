"""Which step waits for which; every cycle is found before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dagu_core.model.plan.names import field_place
from dagu_core.model.spec.findings import Findings
from dagu_core.model.spec.located import Seq
from dagu_core.model.spec.step import StepSpec
from dagu_core.model.spec.suggest import suggestion

# Two groups of thousands of steps would make millions of edges out of a small file.
MAX_EDGES = 500_000
_SHOWN_OF_A_CYCLE = 12


def connect(
    steps: Sequence[tuple[StepSpec, int]],
    names: Sequence[str],
    by_id: Mapping[str, int],
    *,
    chain: bool,
    findings: Findings,
) -> list[tuple[int, ...]]:
    """For each step the indexes of the steps it waits for.

    In a chain every item also waits for all members of the item before it, unless it says
    `depends: []`.
    """
    known = {name: index for index, name in reversed(list(enumerate(names)))}
    known = {**by_id, **known}
    before: tuple[int, ...] = ()
    members: list[int] = []
    item_now, edges = -1, 0
    depends: list[tuple[int, ...]] = []
    for index, (spec, item) in enumerate(steps):
        if item != item_now:
            before, members, item_now = tuple(members), [], item
        members.append(index)
        own = _own_depends(spec, names[index], known, findings)
        waits = spec.depends is None or bool(spec.depends)
        found = (
            tuple(dict.fromkeys((*own, *before))) if own and chain else (before if chain and waits else own)
        )
        edges += len(found)
        if edges > MAX_EDGES:
            findings.error(f"too many dependencies: more than {MAX_EDGES}", spec.raw.place, code="D009")
            return [() for _ in steps]
        depends.append(found)
    _report_cycles(steps, names, depends, findings)
    return depends


def _own_depends(spec: StepSpec, step: str, known: Mapping[str, int], findings: Findings) -> tuple[int, ...]:
    found = []
    for at, name in enumerate(spec.depends or ()):
        if name in known:
            found.append(known[name])
            continue
        raw = spec.raw[spec.raw.fields["depends"]]
        place = raw.item_place(at) if isinstance(raw, Seq) else field_place(spec, "depends")
        findings.error(
            f"step {step} depends on non-existent step `{name[:60]}`",
            place,
            code="D007",
            hint=suggestion(name, known) if name and len(known) <= 1000 and not findings.is_full else "",
            length=max(1, len(name)),
        )
    return tuple(dict.fromkeys(found))


def _report_cycles(
    steps: Sequence[tuple[StepSpec, int]],
    names: Sequence[str],
    depends: list[tuple[int, ...]],
    findings: Findings,
) -> None:
    for cycle in find_cycles(depends):
        shown = [names[index] for index in cycle]
        if len(shown) > _SHOWN_OF_A_CYCLE:
            shown = [*shown[: _SHOWN_OF_A_CYCLE - 2], f"… {len(cycle) - _SHOWN_OF_A_CYCLE + 2} more"]
        place = field_place(steps[cycle[0]][0], "depends")
        findings.error(
            f"steps wait for each other: {' → '.join([*shown, names[cycle[0]]])}",
            place,
            code="D008",
            hint="in a chain each step waits for the one before it, too: use `type: graph`",
        )


def find_cycles(depends: Sequence[tuple[int, ...]]) -> list[list[int]]:
    """One cycle of each knot, in running order (each waits for the one before it), linear time."""
    missing = [len(before) for before in depends]
    after: list[list[int]] = [[] for _ in depends]
    for index, before in enumerate(depends):
        for other in before:
            after[other].append(index)
    ready = [index for index, count in enumerate(missing) if not count]
    for index in ready:
        for other in after[index]:
            missing[other] -= 1
            if not missing[other]:
                ready.append(other)
    cycles: list[list[int]] = []
    visited: dict[int, int] = {}
    for start, count in enumerate(missing):
        path: list[int] = []
        node = start
        while count and node not in visited:
            visited[node] = start
            path.append(node)
            node = next(before for before in depends[node] if missing[before])
        if path and visited[node] == start:
            cycle = path[path.index(node) :][::-1]
            first = cycle.index(min(cycle))
            cycles.append(cycle[first:] + cycle[:first])
    return cycles
