"""Which steps will follow one another for sure, as long as each of them succeeds."""

from __future__ import annotations

import re

from dagu_core.model.plan.plan import Plan, PlannedStep
from dagu_core.model.run.run import Run
from dagu_core.model.status import StepStatus

#: references that ask for what an earlier step did, and texts the engine itself would run
_LATE = re.compile(r"\$\{[^}]*[.\[]|`")


def followers(plan: Plan, run: Run, at: int, most: int) -> list[int]:
    """The steps that come one by one after `at`, at most so many: the only step at work, or one
    that follows it.

    Each of them depends on the one before and on nothing else that is unfinished; nothing it does
    or says depends on how that one ends, but for its success.
    """
    if len(run.active) != 1 or run.ready or run.sleeping or run.doomed or run.to_stop:
        return []
    if run.stopping or run.failed or run.timed_out or run.only is not None:
        return []
    if plan.timeout or plan.step_stagger or run.summary.extra.get("marks"):
        return []
    line: list[int] = []
    while len(line) < most and is_plain(plan.nodes[at]):
        dependents = plan.dependents[at]
        if len(dependents) != 1 or run.blockers[dependents[0]] != 1:
            break
        (at,) = dependents
        node = plan.nodes[at]
        if run.steps[at].status is not StepStatus.NOT_STARTED or not is_plain(node) or node.timeout:
            break
        line.append(at)
    return line


def is_plain(node: PlannedStep) -> bool:
    """Whether a step does nothing but run its commands."""
    if node.executor not in ("command", "shell") or node.handler is not None or node.call is not None:
        return False
    if node.repeat or node.output or node.preconditions or node.extras or node.detach or node.made_from:
        return False
    if node.retry is not None and node.retry.is_open:
        return False
    if node.env or node.working_dir or node.stdout or node.stderr or node.shell is not None:
        return False
    return not any(_LATE.search(text) for text in (*node.commands, *node.exec, node.script))
