"""Which values a step sees, and in which order they win."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from dagu_core.engine.context import RunContext
from dagu_core.engine.env_limit import fits, in_file
from dagu_core.engine.substitute import Substitution
from dagu_core.model.plan.plan import Plan, PlannedStep
from dagu_core.model.run.run import Run
from dagu_core.model.values.expand import expand_at_home
from dagu_core.model.values.scope import Scope, StepFacts


class Visibility:
    """Which captured outputs each step can see: those of its ancestors, the nearest one winning.

    Built lazily along the dependencies; steps that add nothing share their predecessor's map, so
    a long chain costs O(steps), not O(steps x ancestors).
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._maps: dict[int, tuple[int, Mapping[str, tuple[int, int]]]] = {}
        self._any = any(node.output for node in plan.nodes)

    def of(self, node: PlannedStep) -> Mapping[str, int]:
        """Variable name -> index of the step whose output it is."""
        if not self._any:
            return {}
        if node.handler is not None:
            return {n.output.name: n.index for n in self.plan.nodes if n.output and n.index != node.index}
        _, seen = self._map(node.index)
        names = {name: index for name, (_, index) in seen.items()}
        init = [n for n in self.plan.nodes[self.plan.step_count :] if n.output]
        for handler in init:
            if handler.output:
                names.setdefault(handler.output.name, handler.index)
        return names

    def _map(self, index: int) -> tuple[int, Mapping[str, tuple[int, int]]]:
        # Iterative on purpose: a chain of 10,000 steps must not recurse.
        stack = [index]
        while stack:
            top = stack[-1]
            missing = [before for before in self.plan.nodes[top].depends if before not in self._maps]
            if top in self._maps:
                stack.pop()
            elif missing:
                stack.extend(missing)
            else:
                self._maps[top] = self._merge(top)
                stack.pop()
        return self._maps[index]

    def _merge(self, index: int) -> tuple[int, Mapping[str, tuple[int, int]]]:
        """(offset to add to every distance, name -> (distance, index))."""
        before = self.plan.nodes[index].depends
        if len(before) == 1 and self.plan.nodes[before[0]].output is None:
            offset, shared = self._maps[before[0]]
            return offset + 1, shared
        merged: dict[str, tuple[int, int]] = {}
        for parent in before:
            output = self.plan.nodes[parent].output
            offset, seen = self._maps[parent]
            own = {output.name: (1, parent)} if output else {}
            farther = {name: (distance + offset + 1, at) for name, (distance, at) in seen.items()}
            for name, found in {**farther, **own}.items():
                if name not in merged or found[0] < merged[name][0]:
                    merged[name] = found
        return 0, merged


class StepScope(Struct):
    """The values of one attempt: `scope` for references, `env` for its process, which may lack the
    names in `too_large`."""

    scope: Scope
    env: dict[str, str]
    too_large: frozenset[str] = frozenset()


async def step_scope(
    node: PlannedStep,
    run: Run,
    context: RunContext,
    visibility: Visibility,
    *,
    cwd: Path,
    spill: str,
    status: str = "",
    logs: tuple[str, str] = ("", ""),
) -> StepScope:
    """Build the scope of a step. `spill` is a folder for outputs too large for an environment;
    `status` is the run's status for handlers."""
    inner = {"DAG_RUN_STEP_NAME": node.name, "PWD": str(cwd)}
    if node.handler is not None:
        inner["DAG_RUN_STATUS"] = status
    outputs = _outputs(node, run, context, visibility, spill)
    params = context.param_values
    variables = {**outputs, **params}
    step_env: dict[str, str] = {}
    scope = Scope(
        layers=(inner, step_env, variables, context.secrets, context.base_env),
        environ=context.environ,
        steps=_Facts(run),
        outputs=outputs,
        positional=context.positional,
        near=(inner, step_env, variables),
    )
    env = {**context.base_env, **inner, **outputs, **params}
    too_large = context.large
    if outputs:
        too_large = too_large.union(name for name, value in outputs.items() if not fits(name, value))
    for name in too_large:
        # What the step really sees under this name may be another value, which fits.
        if not fits(name, env[name]):
            del env[name]
    if node.env:
        substitution = Substitution(context.shell, env, context.working_dir)
        for entry in node.env:
            # Entries see the earlier ones, as in the DAG's own env.
            name, value = entry.name, await expand_at_home(entry.value, scope, substitution)
            step_env[name] = env[name] = value
            if not fits(name, value):
                too_large |= {name}
                del env[name]
                step_env[f"{name}_FILE"] = env[f"{name}_FILE"] = in_file(f"{spill}/env", name, value)
    if logs[0]:
        env["DAG_RUN_STEP_STDOUT_FILE"], env["DAG_RUN_STEP_STDERR_FILE"] = logs
    return StepScope(scope, env, too_large)


def _outputs(
    node: PlannedStep, run: Run, context: RunContext, visibility: Visibility, spill: str
) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, index in visibility.of(node).items():
        output = run.steps[index].output
        if output is None:
            continue
        value = context.restore(output)
        values[name] = value
        if not fits(name, value):
            values[f"{name}_FILE"] = in_file(spill, name, value)
    return values


class _Facts(Mapping[str, StepFacts]):
    """The facts of steps by id, looked up when asked for."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __getitem__(self, step_id: str) -> StepFacts:
        step = self._run.steps[self._run.plan.by_id[step_id]]
        return StepFacts(step.stdout, step.stderr, step.exit_code or 0)

    def __iter__(self) -> Iterator[str]:
        return iter(self._run.plan.by_id)

    def __len__(self) -> int:
        return len(self._run.plan.by_id)
