"""What a run is made of, from a request, or from what was stored of an earlier one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dagu_core.app.requests import Given, Standing, StartRequest
from dagu_core.base.errors import DaguError, Invalid, UsageError
from dagu_core.base.names import check_dag_name, check_run_id
from dagu_core.base.places import Problem
from dagu_core.contracts.store import StoredRun
from dagu_core.engine.new_run import Launch, secrets_of
from dagu_core.model.plan.definition import Definition
from dagu_core.model.plan.plan import Param, Plan, Source
from dagu_core.model.run.run import (
    DEFAULT_PRIORITY,
    ENV,
    KEPT_PARAMS,
    PARAMS_JSON,
    QUEUE_OVERRIDDEN,
    RunRef,
    RunSummary,
)
from dagu_core.model.values.params import params_from_argv, parse_params

if TYPE_CHECKING:
    from dagu_core.app.app import App


class Launches:
    """Reads definitions, parameters and queues into launches; writes nothing."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def launch_of(self, request: StartRequest) -> Launch:
        """What a request stands for, read and checked. Raises NotFound, InvalidDefinition, Invalid."""
        app = self.app
        run_id = check_run_id(request.run_id) if request.run_id else app.clock.new_run_id()
        if request.from_run_id:
            dag = app.dags.name_of(request.dag)
            stored = await app.store.load(RunRef(dag, request.from_run_id))
            launch = await self.launch_again(stored, run_id)
            ref = RunRef(check_dag_name(request.name), run_id) if request.name else launch.ref
            environ = {**launch.environ, **request.env}
            kept = {key: value for key, value in launch.extra.items() if key in (KEPT_PARAMS, PARAMS_JSON)}
            extra = {**request.extra, **kept}
            launch = replace(launch, ref=ref, worker=request.worker_id, environ=environ, extra=extra)
            return self.standing(launch, Standing(request.queue, request.priority))
        overrides: tuple[Param, ...] = ()
        if request.words:
            overrides = params_from_argv(request.words)
        elif request.params is not None:
            overrides = parse_params(request.params)
        fallback_dir = request.default_working_dir or app.settings.core.work_dir
        given = Given(overrides, fallback_dir)
        if request.pinned is not None:
            definition = Definition((app.dags.plan_of(request.pinned, name=request.name),))
        elif request.text and request.literal:
            source = Source(request.text, base=request.base or app.dags.base_text(), literal=True)
            definition = Definition((app.dags.plan_of(source, name=request.name),))
        elif request.text:
            base = request.base or None
            definition = app.dags.check(request.text, name=request.name, base=base, given=given)
        else:
            definition = app.dags.read(request.dag, name=request.name, given=given, keep=True)
        plan = definition.plans[0]
        if request.queue and not request.trigger:
            self.check_asked(request.queue, plan)
        elif request.queue:
            app.queues.check(request.queue)
        elif plan.queue and app.settings.queues.strict:
            self._check_own_queue(plan)
        home, home_slots = app.queues.home_of(plan, request.queue)
        return Launch(
            plan=plan,
            ref=RunRef(plan.name, run_id),
            overrides=overrides,
            fallback_dir=fallback_dir,
            environ=self.environ() | dict(request.env),
            extra=request.extra,
            root=request.root,
            parent=request.parent,
            worker=request.worker_id,
            queue=request.queue,
            home=home,
            home_slots=home_slots,
            priority=DEFAULT_PRIORITY if request.priority is None else request.priority,
            notes=[_note(problem, plan.source.path) for problem in definition.warnings],
        )

    def check_asked(self, queue: str, plan: Plan) -> None:
        """Raise UsageError when nobody may send a run of the DAG to that queue."""
        self.app.queues.check(queue)
        if plan.disable_queue:
            hint = "leave --queue out, or take `disableQueue` out of the file"
            raise UsageError(f"DAG {plan.name} says `disableQueue: true`, which rules --queue out", hint=hint)

    def _check_own_queue(self, plan: Plan) -> None:
        """Raise Invalid when the file names a queue there is none of: that is not the caller's doing."""
        try:
            self.app.queues.check(plan.queue)
        except UsageError as error:
            raise Invalid(f"DAG {plan.name}: {error}", hint=error.hint) from None

    async def launch_again(self, stored: StoredRun, run_id: str) -> Launch:
        """A launch from what was stored: the same definition, the same parameters."""
        summary = stored.summary
        source = await self.app.store.definition(summary.definition)
        kept = (ENV, QUEUE_OVERRIDDEN, KEPT_PARAMS, PARAMS_JSON)
        plan = self.app.dags.plan_of(source, name=summary.ref.dag, as_child=summary.parent is not None)
        return Launch(
            plan=plan,
            ref=RunRef(summary.ref.dag, run_id),
            params=summary.params,
            environ=self.environ() | summary.env,
            root=summary.root if summary.parent else None,
            parent=summary.parent,
            parent_step=summary.parent_step,
            queue=summary.queue,
            home=summary.home,
            home_slots=summary.home_slots,
            priority=summary.priority,
            extra={key: value for key, value in summary.extra.items() if key in kept},
            inherited=await self._secrets_above(summary) if summary.parent else {},
        )

    async def _secrets_above(self, summary: RunSummary) -> Mapping[str, str]:
        """The secrets of the runs above a sub-DAG run, as it knows them; none when nobody can tell."""
        assert summary.parent is not None
        try:
            above = await self.app.store.load(summary.parent)
            launch = await self.launch_again(above, above.summary.ref.run_id)
        except DaguError:
            return {}
        known = await secrets_of(launch, self.app.catalog.providers)
        return known.below() if known else {}

    def standing(self, launch: Launch, line: Standing) -> Launch:
        """The launch in another queue, or with another priority. Raises Invalid."""
        if line.queue:
            self.check_asked(line.queue, launch.plan)
            extra = {**launch.extra, QUEUE_OVERRIDDEN: "true"}
            home, slots = self.app.queues.home_of(launch.plan, line.queue)
            launch = replace(launch, queue=line.queue, home=home, home_slots=slots, extra=extra)
        return launch if line.priority is None else replace(launch, priority=line.priority)

    def environ(self) -> dict[str, str]:
        """The variables every run begins with."""
        environ = dict(self.app.settings.environ)
        if shell := self.app.settings.core.default_shell:
            environ["DAGU_DEFAULT_SHELL"] = shell
        if home := self.app.settings.home:
            environ["DAGU_HOME"] = str(home)
        return environ


def _note(problem: Problem, path: str) -> tuple[str, str]:
    """A warning about a definition as it is told in the log of its run."""
    path = problem.place.file or path
    place = f"{path}:{problem.place.line}:{problem.place.column}: " if path else ""
    return problem.code, f"{place}{problem.message}" + (f" ({problem.hint})" if problem.hint else "")
