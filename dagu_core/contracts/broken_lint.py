"""What people are told when a plugin cannot judge a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from dagu_core.base.places import Place, Problem
from dagu_core.base.spelling import fold
from dagu_core.contracts.offers import Offer
from dagu_core.contracts.report import PluginReport
from dagu_core.model.plan.places import Places
from dagu_core.model.plan.plan import Plan, PlannedStep, Source

if TYPE_CHECKING:
    from dagu_core.contracts.host import PluginHost

#: a plan that every plugin can judge: one step, nothing of a plugin
PLAIN_PLAN = Plan("plain", (PlannedStep(0, "step", commands=("true",)),), 1, Source("steps: ['true']\n"))


def try_lint(host: PluginHost) -> None:
    """Let the plugins judge a plain file: one that breaks has the reason in its report."""
    host.complete()
    host.lint(PLAIN_PLAN)


def unjudged(report: PluginReport, offers: Iterable[Offer], plan: Plan, places: Places | None) -> Problem:
    """The finding of a plugin whose `dagu_lint` broke (the reason is in its report): an error where the
    plan uses a word of the plugin, since nobody knows what it would have refused, else a warning."""
    its = {fold(word) for offer in offers for word in offer.words}
    its |= {fold(word) for offer in offers for word in getattr(offer.thing, "step_fields", None) or ()}
    what = f"the plugin {report.name} could not judge this file: {report.reason}"
    repair = f"update or repair {report.provider}, or name it in plugins.disabled"
    for word, place in _words(plan, places or Places()):
        if fold(word) in its:
            hint = f"what it says of `{word}` has to be known; {repair}"
            return Problem(what, place, code="D034", hint=hint, length=len(word))
    return Problem(what, code="W034", hint=repair, severity="warning")


def _words(plan: Plan, places: Places) -> Iterator[tuple[str, Place]]:
    """The words of a plan that a plugin may own, and where they stand."""
    for node in plan.nodes:
        yield node.executor, places.value("type", step=node)
        for key in node.extras:
            yield key, places.key(key, step=node)
    for key in plan.fields:
        yield key, places.key(key)
    for entry in plan.schedule.entries:
        yield entry.kind, places.key("schedule")
    for trigger in plan.schedule.triggers:
        yield trigger.kind, places.key("triggers")
    for secret in plan.secrets:
        yield secret.provider, places.key("secrets")
