"""What happened: find runs, read one, say why something did not happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from dagu_core.app import retention
from dagu_core.app.views import RunView
from dagu_core.base.errors import DaguError, NotFound, UsageError
from dagu_core.contracts.store import RunQuery, StoredRun
from dagu_core.engine.liveness import died_at, host_name, living_pid, stands_still
from dagu_core.engine.providers import recorded
from dagu_core.model.plan.plan import Plan, PlannedStep
from dagu_core.model.plan.policies import HandlerKind
from dagu_core.model.run import reasons
from dagu_core.model.run.events import Event
from dagu_core.model.run.run import RunRef, RunSummary, StepRun
from dagu_core.model.status import RunStatus, StepStatus

if TYPE_CHECKING:
    from dagu_core.app.app import App


class Reason(Struct, frozen=True):
    """Why a run or a step stands as it does. `subject` is "run" or the step's name, `status` a
    label, `code` a code of `reasons` ("" = none), `sentence` for people, `provider` the package that
    brought the step's type when the run began ("" = not known)."""

    subject: str
    status: str
    code: str
    sentence: str
    provider: str = ""


async def known_dag(app: App, ref: str) -> str:
    """The name of a DAG that has a file or a run. Raises NotFound."""
    name = app.dags.name_of(ref)
    try:
        app.dags.resolve(ref)
    except UsageError:
        return name  # several files hold it
    except NotFound:
        if not await app.store.find(RunQuery(dag=name, roots_only=False, limit=1)):
            raise
    return name


class History:
    """Reads only; a read never changes anything."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def get(self, dag: str, run_id: str = "") -> RunView:
        """A run by id, or the latest one of a DAG. Raises NotFound."""
        if run_id:
            stored = await self.app.store.load(RunRef(dag, run_id))
        else:
            latest = await self.app.store.find(RunQuery(dag=dag, limit=1))
            if not latest:
                raise await self._no_run(dag)
            stored = await self.app.store.load(latest[0].ref)
        return await self.view(stored)

    async def view(self, stored: StoredRun) -> RunView:
        """A stored run beside its plan; when the definition is gone, beside what is known."""
        summary = stored.summary
        try:
            source = await self.app.store.definition(summary.definition)
            plan = self.app.dags.plan_of(source, name=summary.ref.dag, as_child=summary.parent is not None)
        except DaguError:
            plan = _plan_from(stored)
        steps = [stored.steps.get(node.name) or StepRun() for node in plan.nodes]
        data = self.app.settings.paths.data
        ours = summary.status is RunStatus.RUNNING and summary.host in ("", host_name())
        alive = not ours or living_pid(data, summary.engine) is not None
        return RunView(plan, summary, steps, alive, None if alive else died_at(data, summary.engine))

    def _frozen(self, summary: RunSummary) -> int | None:
        """The pid of its process when that stands still on this host."""
        pid = living_pid(self.app.settings.paths.data, summary.engine)
        return pid if pid is not None and stands_still(pid) else None

    async def find(self, query: RunQuery) -> list[RunSummary]:
        """The runs that match, newest first."""
        return await self.app.store.find(query)

    async def events(self, ref: RunRef, after: int = 0) -> list[tuple[int, Event]]:
        """All that happened to a run after an event's number, in order."""
        found: list[tuple[int, Event]] = []
        while page := await self.app.store.events(ref, found[-1][0] if found else after):
            found += page
        return found

    async def cleanup(self, dag: str, days: int, dry_run: bool) -> list[RunRef]:
        """Remove (or only name) the ended runs of a DAG older than `days` days; 0 = all."""
        if days < 0:
            raise UsageError(f"retention days must not be negative, got {days}")
        before = self.app.clock.now() - days * retention.DAY
        if dry_run:
            return [one.ref for one in await retention.old_runs(self.app, dag, before)]
        return [one.ref for one in await retention.remove_before(self.app, dag, before)]

    async def _no_run(self, dag: str) -> NotFound:
        inner = await self.app.store.find(RunQuery(dag=dag, limit=1, roots_only=False))
        if not inner:
            return NotFound(f"no run of {dag} is recorded", hint=f"start one: dagu start {dag}")
        message = f"{dag} has only run as a sub-DAG, the last time for {inner[0].parent}"
        return NotFound(message, hint=f"name its run: --run-id {inner[0].ref.run_id}")

    async def why(self, dag: str, run_id: str = "") -> list[Reason]:
        """The reason behind every wait, skip, refusal and bad end of a run."""
        view = await self.get(dag, run_id)
        summary = view.summary
        code, sentence = summary.reason, summary.error or reasons.SENTENCES.get(summary.reason, "")
        if summary.status is RunStatus.RUNNING and not view.alive:
            sentence = "the process that drove it is gone; `dagu recover` takes it over"
        elif summary.status is RunStatus.RUNNING and (pid := self._frozen(summary)):
            sentence = f"the process that drives it, {pid}, stands still (SIGSTOP)"
        elif summary.status is RunStatus.QUEUED:
            sentence = await self.app.queues.why(summary)
        elif summary.status is RunStatus.RUNNING and not (summary.holds_slot or summary.queued_at is None):
            sentence = f"it gave its slot of queue {summary.queue} back while it waits for sub-DAG runs"
        elif not sentence:
            found_code, sentence = _plain(view)
            code = code or found_code
        brought = recorded(summary)
        found = [Reason("run", summary.status.label, code, sentence)]
        if summary.status is RunStatus.QUEUED:
            return found
        waits = await self._waiting_children(summary)
        for node in view.plan.nodes:
            step = view.steps[node.index]
            if node.name in waits:
                found.append(Reason(node.name, step.status.label, "waits_for", waits[node.name]))
                continue
            if step.status is StepStatus.SUCCEEDED or (node.handler and not step.reason):
                continue
            its_code, text = _why(view, node, step, code)
            if its_code or text:
                provider = brought.get(node.executor, "")
                found.append(Reason(node.name, step.status.label, its_code, text, provider))
        return found

    async def _waiting_children(self, summary: RunSummary) -> dict[str, str]:
        """By step, what its sub-DAG runs wait for that stand in queues; of several the first is told."""
        if summary.status is not RunStatus.RUNNING:
            return {}
        root = summary.root or summary.ref
        query = RunQuery(root=root, statuses=(RunStatus.QUEUED,), roots_only=False, limit=100_000)
        children: dict[str, list[RunSummary]] = {}
        for one in (await self.app.store.find(query))[::-1]:
            if one.parent == summary.ref:
                children.setdefault(one.parent_step, []).append(one)
        found = {}
        for step, (first, *others) in children.items():
            more = f"; {len(others)} more of its runs wait" if others else ""
            found[step] = f"waits for {first.ref}: {await self.app.queues.why(first)}{more}"
        return found


def _why(view: RunView, node: PlannedStep, step: StepRun, code: str) -> tuple[str, str]:
    """(code, sentence) of a step, of a run that ended for the reason `code`."""
    if step.status is StepStatus.NOT_STARTED:
        waits = [
            view.plan.nodes[index].name for index in node.depends if not view.steps[index].status.is_over
        ]
        if view.summary.status.is_over:
            return code or reasons.STOPPED, "the run ended before its turn came"
        if waits:
            return "waits_for", f"waits for {', '.join(waits)}"
        return "waits_for_slot", "waits for a free slot (maxActiveSteps)"
    text = reasons.SENTENCES.get(step.reason, "")
    if step.error:
        text = f"{text}: {step.error}" if text else step.error
    return step.reason, text


def _plain(view: RunView) -> tuple[str, str]:
    """(code, sentence) of a run for whose end nobody noted a reason."""
    status = view.summary.status
    if status is RunStatus.SUCCEEDED:
        return "", "every step succeeded or was skipped by its conditions"
    if status is RunStatus.PARTIALLY_SUCCEEDED:
        return "", "a step failed, and continueOn tolerates it"
    if status is RunStatus.FAILED:
        return "", "a step or a handler failed"
    conditions = view.details()["preconditions"]
    if unmet := [one for one in conditions if one.get("error")]:
        told = [f"`{one['condition']}`: {one['error']}" if len(unmet) > 1 else one["error"] for one in unmet]
        return reasons.PRECONDITION_UNMET, "; ".join(told)
    init = view.handler(HandlerKind.INIT)
    if init is not None and init.status is StepStatus.FAILED:
        return reasons.INIT_FAILED, reasons.SENTENCES[reasons.INIT_FAILED]
    return "", ""


def _plan_from(stored: StoredRun) -> Plan:
    nodes = tuple(PlannedStep(index, name) for index, name in enumerate(stored.steps))
    return Plan(stored.summary.ref.dag, nodes, len(nodes))
