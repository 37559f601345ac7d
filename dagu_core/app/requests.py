"""What somebody asks for when a run is to begin."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from dagu_core.base.errors import Invalid, NotFound
from dagu_core.base.names import check_dag_name
from dagu_core.model.plan.plan import Param, Source
from dagu_core.model.run.run import ENV, PARAMS_JSON, QUEUE_OVERRIDDEN, TRIGGER, RunRef
from dagu_core.model.values.params import is_json


class StartRequest(Struct, frozen=True):
    """A new run. `params` is one text in the parameter grammar, `words` are single parameters
    (they win over `params`); `from_run_id` takes definition and parameters of an earlier run;
    `text` is a definition that is in no file, `literal` = what its steps run is data, too. `trigger`
    says what caused the run (JSON data: type, due, ...), `env` are variables every step of it gets, as
    they are. `pinned` is a definition that was read before and goes before the file. `at_once` = a run
    that is started does not wait for its turn, though a queue is named. Empty fields mean: as the
    definition says."""

    dag: str
    params: str | None = None
    words: tuple[str, ...] = ()
    run_id: str = ""
    name: str = ""
    from_run_id: str = ""
    root: RunRef | None = None
    parent: RunRef | None = None
    default_working_dir: str = ""
    worker_id: str = "local"
    queue: str = ""
    priority: int | None = None
    at_once: bool = False
    text: str = ""
    literal: bool = False
    base: str = ""
    pinned: Source | None = None
    trigger: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def extra(self) -> dict[str, str]:
        """What the row of the run keeps of its cause."""
        kept = {TRIGGER: self.trigger, ENV: self.env}
        extra = {key: json.dumps(dict(value), ensure_ascii=False) for key, value in kept.items() if value}
        if self.params and not self.words and is_json(self.params):
            extra[PARAMS_JSON] = self.params.strip()
        return extra | ({QUEUE_OVERRIDDEN: "true"} if self.queue else {})


class Given(Struct, frozen=True):
    """What a start brings along: parameters, and the folder it works in unless the file names one."""

    overrides: Sequence[Param] = ()
    fallback_dir: str = ""


class Standing(Struct, frozen=True):
    """Another queue and priority for a run that has been there before; empty = as before."""

    queue: str = ""
    priority: int | None = None


AS_BEFORE = Standing()


def exec_request(
    argv: Sequence[str],
    *,
    name: str = "",
    run_id: str = "",
    workdir: str = "",
    shell: str = "",
    base: str = "",
    env: Mapping[str, str] | None = None,
    dotenv: Sequence[str] = (),
    queue: str = "",
    priority: int | None = None,
) -> StartRequest:
    """The request that runs one command as a DAG of one step; command and variables are taken as they
    are."""
    if not argv:
        raise Invalid("which command?", hint="write it after `--`")
    for path in (*dotenv, *([base] if base else []), *([workdir] if workdir else [])):
        if not Path(path).exists():
            raise NotFound(f"{path} does not exist")
    name = name or f"exec-{os.path.basename(argv[0])}"[:40]
    step = {"name": "main", "shell": shell, "command": shlex.join(argv)}
    dag = check_dag_name("".join(c if c.isalnum() or c in "_.-" else "_" for c in name))
    definition = {
        "name": dag,
        "workingDir": os.path.abspath(workdir or "."),
        "dotenv": [os.path.abspath(path) for path in dotenv],
        "maxActiveRuns": -1,
        "steps": [step if shell else {"name": "main", "exec": list(argv)}],
    }
    base_text = Path(base).read_text("utf-8") if base else ""
    return StartRequest(
        dag=dag,
        run_id=run_id,
        text=json.dumps(definition, ensure_ascii=False),
        literal=True,
        base=base_text,
        env=env or {},
        queue=queue,
        priority=priority,
    )
