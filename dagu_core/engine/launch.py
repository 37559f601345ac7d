"""Begins runs: evaluates what a plan needs to know, writes the record, hands over to a driver."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from dagu_core.base.clock import boot_id
from dagu_core.base.errors import AlreadyRunning, Conflict, DaguError, Invalid
from dagu_core.base.failpoints import fail_point
from dagu_core.contracts.store import Change, StoredRun
from dagu_core.engine import providers
from dagu_core.engine.boot import BOOT, lost_to_a_restart, never_begun
from dagu_core.engine.carry_out import Workbench
from dagu_core.engine.children import RunChildren
from dagu_core.engine.context import Params, RunContext, assemble, default_shell, load_dotenv
from dagu_core.engine.driver import Driver
from dagu_core.engine.env_limit import keep_large
from dagu_core.engine.logs import RunFiles, log_folder, run_files, work_folder
from dagu_core.engine.new_run import Launch, evaluate_params, new_summary, secrets_of
from dagu_core.engine.queue_slot import RunSlots, Seat
from dagu_core.engine.real_values import dag_fields
from dagu_core.engine.run_log import RunLog
from dagu_core.engine.runner import Runner
from dagu_core.engine.scope import Visibility
from dagu_core.model.plan.plan import Plan
from dagu_core.model.run.events import (
    Event,
    Noted,
    RunFailed,
    RunRecovered,
    RunReset,
    RunStarted,
    StopRequested,
)
from dagu_core.model.run.index import new_run, restore
from dagu_core.model.run.run import KEPT_PARAMS, PARAMS_JSON, Run, RunSummary
from dagu_core.model.status import RunStatus

if TYPE_CHECKING:
    from dagu_core.engine.known_secrets import KnownSecrets

#: a run that kills its own engine again and again is given up after this many recoveries
RECOVERY_LIMIT = 3
_ENDING = (RunFailed, StopRequested)


async def start(runner: Runner, launch: Launch) -> Run:
    """Create the run and drive it to its end. Raises AlreadyExists when the id is taken, and
    Invalid when env or params cannot be evaluated (nothing is recorded then)."""
    folders = [Path(launch.plan.source.path).parent] if launch.plan.source.path else []
    secrets = await secrets_of(launch, runner.catalog.providers)
    params, env, cwd = await evaluate_params(launch, [Path.cwd(), *folders], secrets)
    now = runner.clock.now()
    attempt = runner.clock.new_token()
    summary = new_summary(launch, params, now, secrets)
    summary.status, summary.fence = RunStatus.RUNNING, 1
    summary.engine, summary.host = runner.engine, runner.host
    summary.worker = runner.worker or summary.worker
    summary.extra[BOOT] = boot_id()
    providers.record(summary, launch.plan, runner.catalog)
    summary.log_dir = str(log_folder(launch.plan, runner.places.logs, {**launch.environ, **env}))
    files = _files(runner, summary, attempt, now)
    begun = RunStarted(now, attempt, summary.params, str(files.log))
    run = new_run(launch.plan, summary)
    from dagu_core.model.run.evolve import evolve

    evolve(launch.plan, run, begun)
    fail_point("store.create.before")
    await runner.store.create(Change(summary, {}, [begun], durable=launch.parent is None), launch.plan.source)
    fail_point("store.create.after")
    log = RunLog(files.log, runner.describe, runner.tell)
    log(run, [begun])
    log.close()
    notes: list[Event] = [Noted(now, code, sentence) for code, sentence in launch.notes]
    return await _drive(runner, launch, run, Values(params, secrets, env, cwd), files, notes)


async def resume(
    runner: Runner,
    launch: Launch,
    stored: StoredRun,
    *,
    reset: RunReset | None = None,
    recovered: bool = False,
    claimed: bool = False,
) -> Run:
    """Take over a stored run and drive it on: after a crash, for a retry, from a queue.

    `reset` starts a new attempt of the run; `claimed` = the store has made us its owner. Raises
    Conflict when somebody else was faster, and AlreadyRunning when its engine still lives. A run
    that ended before it could be recovered is returned as it is.
    """
    old, seen = stored.summary, stored.summary.seq
    if not claimed:
        stored = await _adopt(runner, old)
    old = stored.summary
    run = restore(launch.plan, old, stored.steps)
    if recovered and old.status.is_over:
        return run
    if reset is not None and old.seq != seen:
        raise Conflict(f"run {old.ref} has changed meanwhile")
    if reset is not None:
        run.summary.queue = launch.queue or old.queue
        run.summary.home, run.summary.home_slots = launch.home, launch.home_slots
        run.summary.priority = launch.priority
        run.summary.extra |= launch.extra
    secrets = await secrets_of(launch, runner.catalog.providers)
    now = runner.clock.now()
    unknown: list[Event] = []
    first: list[Event] = [RunRecovered(now, runner.engine, old.recoveries + 1)] if recovered else []
    settled = old.status is not RunStatus.RUNNING or reset is not None or not old.attempt_id
    attempt = runner.clock.new_token() if settled else old.attempt_id
    started = now if settled else (old.started_at or now)
    files = _files(runner, run.summary, attempt, started)
    try:
        params = _stored_params(run, secrets)
    except Invalid as error:
        params = ()
        unknown.append(RunFailed(now, (secrets.wrong if secrets else "") or str(error)))
    if settled:
        first.append(RunStarted(now, attempt, run.summary.params, str(files.log)))
        if reset is not None:
            first.append(reset)
    if not settled:
        first += lost_to_a_restart(run, files, now)
    run.summary.extra[BOOT] = boot_id()
    run.summary.worker = runner.worker or run.summary.worker
    providers.record(run.summary, launch.plan, runner.catalog)
    if recovered and old.recoveries + 1 > RECOVERY_LIMIT:
        first.append(RunFailed(now, "recovery limit reached: its engine died too often", "recovery_limit"))
    # A stop that its last owner did not live to see; one for an attempt that is over is void.
    signals = (await runner.store.signals([old.ref])).get(old.ref, [])
    if reset is None:
        first += [StopRequested(one.at, one.by, one.signal, one.force) for one in signals]
        if run.stopping or run.failed or run.timed_out or any(isinstance(one, _ENDING) for one in first):
            first[:0] = never_begun(run, files, now)
    else:
        # Status files of the last attempt would be taken for those of the new one.
        shutil.rmtree(work_folder(runner.places.data, old.ref), ignore_errors=True)
    first += unknown
    try:
        _, env, cwd = await evaluate_params(replace(launch, params=(), extra={}), [], secrets)
    except DaguError as error:
        first.append(RunFailed(now, str(error)))
        env, cwd = {}, Path("/")
    return await _drive(runner, launch, run, Values(params, secrets, env, cwd), files, first)


async def _adopt(runner: Runner, old: RunSummary) -> StoredRun:
    if runner.is_alive(old.engine, old.host):
        raise AlreadyRunning(f"run {old.ref} is running already")
    fail_point("adopt.before")
    await runner.store.adopt(old.ref, fence=old.fence, engine=runner.engine, host=runner.host)
    # Only now can nobody else write: what its last owner did after our first look counts, too.
    stored = await runner.store.load(old.ref)
    fail_point("adopt.after")
    return stored


def _stored_params(run: Run, secrets: KnownSecrets | None) -> Params:
    """The true parameters of a stored run; a secret that is recognized only now is taken out of its
    row. Raises Invalid."""
    summary = run.summary
    if secrets is None and KEPT_PARAMS not in summary.extra:
        return summary.params
    from dagu_core.engine.known_secrets import true_params

    params = true_params(summary.params, summary.extra, secrets)
    if secrets is not None:
        secrets.keep(summary, params)
    return params


class Values(Struct, frozen=True):
    """What the references of a run stand for."""

    params: Params
    secrets: KnownSecrets | None
    env: dict[str, str]
    cwd: Path


async def _drive(
    runner: Runner, launch: Launch, run: Run, values: Values, files: RunFiles, first: list[Event]
) -> Run:
    """Make what the run works with, then drive. A failure here fails the run, with its reason."""
    plan, now, cwd = launch.plan, runner.clock.now(), values.cwd
    special = {"DAG_NAME": run.ref.dag, "DAG_RUN_ID": run.ref.run_id, "DAG_RUN_LOG_FILE": str(files.log)}
    special |= run.summary.env
    dotenv: dict[str, str] = {}
    try:
        files.create()
        cwd.mkdir(parents=True, exist_ok=True, mode=0o755)
        dotenv = load_dotenv(plan, cwd, {**launch.environ, **values.env})
    except OSError as error:
        first.append(RunFailed(now, f"cannot use {error.filename}: {error.strerror}"))
    except DaguError as error:
        first.append(RunFailed(now, str(error)))
    if values.secrets is not None and values.secrets.wrong:
        first.append(RunFailed(now, values.secrets.wrong))
    context = assemble(
        environ=launch.environ,
        dag_env=values.env,
        dotenv=dotenv,
        params=values.params,
        secrets=values.secrets,
        special=special,
        shell=default_shell(plan, {**launch.environ, **values.env}),
        cwd=cwd,
        source=plan.source.path,
        home=runner.places.home,
        given=run.summary.extra.get(PARAMS_JSON, ""),
    )
    try:
        keep_large(context, files.work / "values")
    except OSError as error:
        first.append(RunFailed(now, f"cannot use {error.filename}: {error.strerror}"))
    first += await _plugin_values(runner, plan, run, context)
    seat = launch.seat or Seat(runner, run)
    slots = RunSlots(seat, runner.slots, run)
    driver = make_driver(runner, replace(launch, seat=seat), run, context, files, slots)
    if short := values.secrets.too_short if values.secrets else ():
        first.append(Noted(now, "secret.too_short", f"too short to be masked: {', '.join(short)}"))
    if launch.parent is None and (few := runner.few):
        first.append(Noted(now, "descriptors", few))
    try:
        return await runner.host_run(driver, first)
    finally:
        slots.leave()


async def _plugin_values(runner: Runner, plan: Plan, run: Run, context: RunContext) -> list[Event]:
    """Evaluate the DAG's values of plugins. Nobody can be told what a wrong one says, but the run
    goes on; a step would work with wrong values, so there the run fails."""
    if not plan.fields:
        return []
    context.fields, wrong = await dag_fields(plan, runner.catalog.vocabulary.dag_keys, context)
    runner.fanout.introduce(run.ref, context)
    now, told = runner.clock.now(), runner.catalog.notifiers
    return [
        Noted(now, "notifier.invalid", text) if word in told else RunFailed(now, text)
        for word, text in wrong.items()
    ]


def make_driver(
    runner: Runner, launch: Launch, run: Run, context: RunContext, files: RunFiles, slots: RunSlots
) -> Driver:
    """Wire a driver and its workbench together."""
    bench = Workbench(
        plan=launch.plan,
        run=run,
        context=context,
        catalog=runner.catalog,
        files=files,
        visibility=Visibility(launch.plan),
        supervision=runner.supervision,
        note=lambda code, message, step: driver.post(Noted(runner.clock.now(), code, message, step)),
        children=lambda node, number, attempt: RunChildren(runner, launch, driver, node, number, attempt),
        abandoned=lambda: driver.abandoned,
        handler_status=lambda: driver.handler_status(),
        now=runner.clock.now,
        log_limit=runner.places.log_limit,
    )
    driver = Driver(
        bench,
        store=runner.store,
        clock=runner.clock,
        slots=slots,
        # What masks the output of a step is a process of its own, which takes its time.
        may_look_ahead=lambda: runner.may_look_ahead and not context.known,
        watch=RunLog(files.log, runner.describe, runner.tell),
    )
    return driver


def _files(runner: Runner, summary: RunSummary, attempt: str, started: float) -> RunFiles:
    return run_files(
        summary.ref,
        attempt,
        created=summary.created_at,
        started=started,
        logs=Path(summary.log_dir) if summary.log_dir else runner.places.logs,
        data=runner.places.data,
    )
