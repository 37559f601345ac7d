"""What has happened: the state of one run, and of each of its steps."""

from __future__ import annotations

import json
from collections import Counter, deque
from typing import Any

from msgspec import Struct, field

from dagu_core.model.plan.plan import Plan
from dagu_core.model.plan.policies import HandlerKind, Retry
from dagu_core.model.run.events import ChildRef, ConditionResult, StopReason
from dagu_core.model.status import RunStatus, StepStatus

#: keys of `RunSummary.extra`: JSON of what caused the run, and of variables all its steps get
TRIGGER, ENV = "trigger", "env"
#: types of runs that no trigger made
MANUAL, SUBDAG = "manual", "subdag"
#: key of `RunSummary.extra`: JSON of the parameters with references in the place of secrets; such
#: parameters stand in `RunSummary.params` with stars
KEPT_PARAMS = "keptParams"
#: key of `RunSummary.extra`: the JSON text the parameters were given as
PARAMS_JSON = "paramsJson"
#: key of `RunSummary.extra`: somebody chose the queue of this very run
QUEUE_OVERRIDDEN = "queueOverridden"
#: priorities go from 0 to 9; the higher one begins first
DEFAULT_PRIORITY = 5


class RunRef(Struct, frozen=True):
    """Names one run: `DAG:RUNID`."""

    dag: str
    run_id: str

    def __str__(self) -> str:
        return f"{self.dag}:{self.run_id}"

    @classmethod
    def parse(cls, text: str) -> RunRef:
        """Split at the first colon; ValueError when there is none."""
        dag, colon, run_id = text.partition(":")
        if not (colon and dag and run_id):
            raise ValueError(f"invalid run reference {text!r}: expected NAME:RUNID")
        return cls(dag, run_id)


class StepRun(Struct, omit_defaults=True):
    """How one step stands. Times in epoch seconds, None = not yet.

    `attempts` counts executions ever begun, `retry_count` and `done_count` are the counters API
    clients know. `tolerated` = it failed and its continueOn accepts that. `reason` is a code,
    `error` the sentence for people. `wake_at` is when the next retry or repetition is due.
    `offset` is where the last attempt's part of the stdout log begins, in bytes. `output` is the
    captured value with secrets replaced by references, `retry` the retry rule where the plan has
    references in it.
    """

    status: StepStatus = StepStatus.NOT_STARTED
    attempts: int = 0
    retry_count: int = 0
    done_count: int = 0
    repeated: bool = False
    started_at: float | None = None
    finished_at: float | None = None
    retried_at: float | None = None
    wake_at: float | None = None
    exit_code: int | None = None
    error: str = ""
    reason: str = ""
    tolerated: bool = False
    stopping: bool = False
    running: bool = False
    stdout: str = ""
    stderr: str = ""
    offset: int = 0
    output: str | None = None
    retry: Retry | None = None
    children: list[ChildRef] = field(default_factory=list)
    children_repeated: list[ChildRef] = field(default_factory=list)
    conditions: list[ConditionResult] = field(default_factory=list)


class RunSummary(Struct, omit_defaults=True):
    """The row of a run: everything lists and searches need. Times in epoch seconds.

    `fence` grows with every owner; a commit with an older one is refused. `engine` names the
    process that drives it ("" = nobody), `host` its machine. `definition` is the key of the
    stored source. `recoveries` counts how often the run was adopted from a dead engine.
    `holds_slot` = while it is running it takes a slot of its queue. `queue_place` is where it
    stands among the waiting runs of its priority, when that is not by `queued_at`. `home` is the queue
    of its DAG when it was sent to another one and yet counts among the `home_slots` of that.
    """

    ref: RunRef
    status: RunStatus = RunStatus.NOT_STARTED
    root: RunRef | None = None
    parent: RunRef | None = None
    parent_step: str = ""
    attempt_id: str = ""
    queue: str = ""
    priority: int = 0
    created_at: float = 0.0
    queued_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    wake_at: float | None = None
    params: tuple[tuple[str, str], ...] = ()
    params_given: str = ""
    tags: tuple[str, ...] = ()
    error: str = ""
    reason: str = ""
    log: str = ""
    log_dir: str = ""
    definition: str = ""
    engine: str = ""
    host: str = ""
    worker: str = "local"
    fence: int = 0
    seq: int = 0
    recoveries: int = 0
    holds_slot: bool = True
    queue_place: float | None = None
    home: str = ""
    home_slots: int = 0
    hidden: bool = False
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        """Variables that whatever started the run gives to all its steps."""
        return json.loads(self.extra[ENV]) if ENV in self.extra else {}

    @property
    def trigger(self) -> dict[str, Any]:
        """What is recorded of a cause that is no person: `type`, `due` (epoch seconds), `entry`, ..."""
        return json.loads(self.extra[TRIGGER]) if TRIGGER in self.extra else {}

    @property
    def trigger_type(self) -> str:
        """What made it begin: `schedule`, `catchup`, `backfill`, the type of a trigger, SUBDAG for a
        run that another one called, else MANUAL."""
        told = str(self.trigger.get("type", ""))
        return told or (MANUAL if self.parent is None else SUBDAG)


class Run(Struct):
    """The state of a run in memory, changed only by `evolve`, in O(out-degree) an event.

    `steps` is aligned with `Plan.nodes`. The fields after `only` are an index over the steps, so
    that nothing ever walks all of them: `blockers` counts unfinished predecessors, `ready` holds
    the steps that may start (in file order of becoming so), `doomed` the ones whose fate a
    predecessor sealed, `active` the running nodes, `sleeping` those that wait for a retry or
    repetition (with `timers`, a heap of the same), `to_stop` the active ones to be told to stop,
    `unfinished` the number of steps not over, `tally` how many steps ended in which way.
    """

    plan: Plan
    summary: RunSummary
    steps: list[StepRun]
    conditions: list[ConditionResult] = field(default_factory=list)
    conditions_checked: bool = False
    stopping: bool = False
    stop_signal: str = ""
    forced: bool = False
    timed_out: bool = False
    failed: bool = False
    only: frozenset[int] | None = None
    blockers: list[int] = field(default_factory=list)
    ready: deque[int] = field(default_factory=deque)
    doomed: deque[tuple[int, StepStatus, str, str]] = field(default_factory=deque)
    active: set[int] = field(default_factory=set)
    sleeping: dict[int, float] = field(default_factory=dict)
    timers: list[tuple[float, int]] = field(default_factory=list)
    to_stop: dict[int, StopReason] = field(default_factory=dict)
    unfinished: int = 0
    tally: Counter[str] = field(default_factory=Counter)
    last_start: float | None = None
    touched: set[int] = field(default_factory=set)

    @property
    def ref(self) -> RunRef:
        return self.summary.ref

    @property
    def is_over(self) -> bool:
        return self.summary.status.is_over

    @property
    def cancelled(self) -> bool:
        """Whether no further step may start: stopped, a precondition unmet, onInit failed."""
        init = self.handler(HandlerKind.INIT)
        return (
            self.stopping
            or any(not result.met for result in self.conditions)
            or (init is not None and init.status in (StepStatus.FAILED, StepStatus.ABORTED))
        )

    def handler(self, kind: HandlerKind) -> StepRun | None:
        """How the handler of this kind stands; None when the plan has none."""
        node = self.plan.handlers.get(kind)
        return None if node is None else self.steps[node.index]
