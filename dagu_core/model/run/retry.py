"""Which steps a retry of a run begins again."""

from __future__ import annotations

from dagu_core.base.errors import NotFound
from dagu_core.model.plan.plan import Plan
from dagu_core.model.run.run import Run
from dagu_core.model.status import StepStatus

_UNSUCCESSFUL = frozenset(
    {
        StepStatus.NOT_STARTED,
        StepStatus.FAILED,
        StepStatus.ABORTED,
        StepStatus.REJECTED,
        StepStatus.RETRYING,
    }
)


def steps_to_retry(run: Run, *, step: str = "", downstream: bool = False) -> tuple[str, ...]:
    """Names of the steps a retry resets: the unsuccessful ones and everything after them, or
    only `step` (with `downstream`: and everything after it). Raises NotFound for an unknown step."""
    plan = run.plan
    if step:
        index = plan.by_name.get(step, plan.by_id.get(step))
        if index is None or index >= plan.step_count:
            raise NotFound(f"run {run.ref} has no step {step!r}", hint=f"steps: {_names(plan)}")
        roots = [index]
        if not downstream:
            return (plan.nodes[index].name,)
    else:
        roots = [node.index for node in plan.steps if run.steps[node.index].status in _UNSUCCESSFUL]
    chosen = set(roots)
    waiting = list(roots)
    while waiting:
        for dependent in plan.dependents[waiting.pop()]:
            if dependent not in chosen:
                chosen.add(dependent)
                waiting.append(dependent)
    return tuple(plan.nodes[index].name for index in sorted(chosen))


def _names(plan: Plan) -> str:
    return ", ".join(node.name for node in plan.steps[:20])
