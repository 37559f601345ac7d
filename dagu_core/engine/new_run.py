"""What a new run is made of, before anything of it is recorded."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from dagu_core.base.errors import DaguError
from dagu_core.contracts.store import definition_key
from dagu_core.engine.context import Params, dag_environment, load_dotenv, substitution, working_dir
from dagu_core.model.plan.plan import Param, Plan
from dagu_core.model.run.run import DEFAULT_PRIORITY, KEPT_PARAMS, RunRef, RunSummary
from dagu_core.model.values.params import params_text, resolve

if TYPE_CHECKING:
    from dagu_core.contracts.secrets import SecretProvider
    from dagu_core.engine.known_secrets import KnownSecrets
    from dagu_core.engine.queue_slot import Seat


class Launch(Struct, frozen=True):
    """What a new run is made of. `overrides` are parameters from outside; `environ` the OS
    environment its references see; `fallback_dir` where it works unless its file says; `extra` what
    its row keeps of its cause; `notes` (code, sentence) what its definition was warned of;
    `inherited` are the secrets of the runs above it; `seat` is the slot of a queue it works in, when
    that is not one of its own; `home` and `home_slots` are those of `RunSummary`."""

    plan: Plan
    ref: RunRef
    overrides: Sequence[Param] = ()
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    fallback_dir: str = ""
    root: RunRef | None = None
    parent: RunRef | None = None
    parent_step: str = ""
    worker: str = "local"
    queue: str = ""
    home: str = ""
    home_slots: int = 0
    priority: int = DEFAULT_PRIORITY
    depth: int = 0
    params: Params | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[tuple[str, str]] = ()
    inherited: Mapping[str, str] = field(default_factory=dict)
    seat: Seat | None = None


async def secrets_of(
    launch: Launch, providers: Mapping[str, type[SecretProvider]], patience: float | None = None
) -> KnownSecrets | None:
    """The secrets of a run, asked for before anything of it is recorded; None when there are none."""
    if not (launch.plan.secrets or launch.inherited):
        return None
    from dagu_core.engine.known_secrets import PATIENCE, known_secrets

    environ = dict(launch.environ)
    if "$" in launch.plan.working_dir:
        # The commands of the env run once, after this: a folder that one of them names is not known yet.
        environ |= await dag_environment(launch.plan, environ, run_commands=False)
    folder = working_dir(launch.plan, environ, launch.fallback_dir)
    return await known_secrets(launch, providers, folder, PATIENCE if patience is None else patience)


async def evaluate_params(
    launch: Launch, folders: Sequence[Path], secrets: KnownSecrets | None = None
) -> tuple[Params, dict[str, str], Path]:
    """(parameters, DAG environment, working directory) of a new run; each evaluated once."""
    try:
        return await _evaluated(launch, folders, secrets)
    except DaguError as error:
        raise error.masked(secrets.masker.mask) if secrets else error from None


async def _evaluated(
    launch: Launch, folders: Sequence[Path], secrets: KnownSecrets | None
) -> tuple[Params, dict[str, str], Path]:
    plan, environ = launch.plan, launch.environ
    if plan.dotenv_first:
        first = working_dir(plan, environ, launch.fallback_dir)
        environ = {**environ, **load_dotenv(plan, first, environ)}
    env = await dag_environment(plan, environ, launch.fallback_dir)
    # Folder and shell of a DAG may refer to its own variables.
    cwd = working_dir(plan, {**environ, **env}, launch.fallback_dir)
    if launch.params is not None:
        return _as_before(launch, secrets), env, cwd
    run = substitution(plan, {**environ, **env}, launch.fallback_dir)
    places = [*folders, cwd, *([Path(plan.source.path).parent] if plan.source.path else [])]
    params = await resolve(
        plan.params, launch.overrides, env=env, environ=environ, run_command=run, folders=places
    )
    return params, env, cwd


def _as_before(launch: Launch, secrets: KnownSecrets | None) -> Params:
    """The parameters of an earlier run."""
    assert launch.params is not None
    if KEPT_PARAMS not in launch.extra or (secrets is not None and secrets.wrong):
        return launch.params  # without its secrets the run fails, and says so
    from dagu_core.engine.known_secrets import true_params

    return true_params(launch.params, launch.extra, secrets)


def new_summary(
    launch: Launch, params: Params, now: float, secrets: KnownSecrets | None = None
) -> RunSummary:
    """The row of a run that has not begun."""
    summary = RunSummary(
        ref=launch.ref,
        root=launch.root or launch.ref,
        parent=launch.parent,
        parent_step=launch.parent_step,
        queue=launch.queue or launch.plan.queue or launch.ref.dag,
        home=launch.home,
        home_slots=launch.home_slots,
        priority=launch.priority,
        created_at=now,
        params=params,
        params_given=params_text(params),
        tags=launch.plan.tags,
        definition=definition_key(launch.plan.source),
        worker=launch.worker,
        holds_slot=launch.parent is None,
        extra=dict(launch.extra),
    )
    if secrets is not None and params:
        secrets.keep(summary, params)
    return summary
