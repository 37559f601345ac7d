"""Queues that a definition names though the settings know only others (`queues.strict`)."""

from __future__ import annotations

from collections.abc import Iterator

from dagu_core.base.places import Place, Problem
from dagu_core.base.settings.sections import QueuesSettings
from dagu_core.model.plan.places import Places
from dagu_core.model.plan.plan import Plan


def unknown_queues(plan: Plan, places: Places, settings: QueuesSettings) -> Iterator[Problem]:
    """What is wrong with the queues of a DAG, of its schedule, triggers and steps; a name with a reference
    in it is judged when its step runs."""
    if not settings.strict:
        return
    known = sorted(queue.name for queue in settings.config)
    hint = f"known: {', '.join(known) or 'none'}, see `queues.config` and `queues.strict` in the settings"
    for name, place in _named(plan, places):
        if name and "$" not in name and name not in known:
            yield Problem(f"unknown queue {name!r}", place, code="D112", hint=hint, length=len(name))


def _named(plan: Plan, places: Places) -> Iterator[tuple[str, Place]]:
    yield plan.queue, places.value("queue")
    for entry in plan.schedule.entries:
        yield entry.queue, places.text(entry.queue, "schedule")
    for trigger in plan.schedule.triggers:
        yield trigger.queue, places.text(trigger.queue, "triggers")
    for node in plan.nodes:
        if node.call is not None:
            yield node.call.queue.strip(), places.value("queue", step=node)
