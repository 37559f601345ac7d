"""What will be done: a frozen plan, with `${...}` still inside. The engine never sees YAML."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from msgspec import Struct, field

from dagu_core.model.plan.policies import (
    NEVER,
    Condition,
    ContinueOn,
    HandlerKind,
    LogOutput,
    OnCrash,
    Repeat,
    Retry,
)
from dagu_core.model.plan.schedule import NO_SCHEDULE, Schedule


class EnvEntry(Struct, frozen=True):
    """One `NAME=value` of an `env` block, the value unexpanded; order matters."""

    name: str
    value: str


class Param(Struct, frozen=True):
    """One parameter as written. `name` is "" for a positional one.

    `command` tells that the value is the text between backticks, to be run for its output.
    """

    name: str
    value: str
    command: bool = False


class ParamsSpec(Struct, frozen=True):
    """The parameters of a DAG: defaults in order, and the JSON Schema they must meet, if any.

    `schema` is an inline schema (a mapping), or the path or URL of one, or None.
    """

    defaults: tuple[Param, ...] = ()
    schema: Mapping[str, Any] | str | None = None


class SecretRef(Struct, frozen=True):
    """A value kept elsewhere: `provider` finds it under `key`."""

    name: str
    provider: str
    key: str
    options: Mapping[str, str] = field(default_factory=dict)


class Shell(Struct, frozen=True):
    """The program a command line is given to, e.g. ("bash", "-e"). `direct` = no shell at all."""

    argv: tuple[str, ...]
    packages: tuple[str, ...] = ()

    @property
    def is_direct(self) -> bool:
        return self.argv[:1] == ("direct",)


class OutputSpec(Struct, frozen=True):
    """Capture stdout into the variable `name`; `key` names it in outputs.json unless `omit`."""

    name: str
    key: str = ""
    omit: bool = False


class Parallel(Struct, frozen=True):
    """Run the called DAG once an item. `items` are texts or mappings; `source` is one text that
    is expanded and then split into items. Exactly one of the two is given."""

    items: tuple[Any, ...] = ()
    source: str = ""
    max_concurrent: int = 10
    allow_empty: bool = False


class Call(Struct, frozen=True):
    """A sub-DAG step: `target` is a local document, a DAG name or a path; `params` unexpanded:
    text in the parameter grammar, or (name, value) pairs whose values are texts or JSON data.
    `queue` is the one its runs wait in, `priority` the one they have, both unexpanded ("" = the queue of
    the called DAG, and the priority of the calling run)."""

    target: str
    params: str | tuple[tuple[str, Any], ...] = ""
    parallel: Parallel | None = None
    queue: str = ""
    priority: str = ""


class MadeFrom(Struct, frozen=True):
    """A step type of the file that a step was made from.

    `inputs` is what the step gave, with defaults, unexpanded; `rules` is the JSON Schema they must
    still meet once they are expanded (None = all was judged when the file was read), `outputs`
    that of what the step writes on stdout (None = anything).
    """

    type: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    rules: Mapping[str, Any] | None = None
    outputs: Mapping[str, Any] | None = None


class PlannedStep(Struct, frozen=True):
    """One step (or handler) of a plan. Times in seconds; texts unexpanded.

    `index` is the position in `Plan.nodes`; `depends` and `Plan.dependents` hold such indexes.
    `executor` is a registered word; `config` what stands under it, as data; `extras` what stands
    under the step keys of plugins. `made_from` are the step types of the file it was made from, the
    one its author wrote first.
    """

    index: int
    name: str
    id: str = ""
    description: str = ""
    depends: tuple[int, ...] = ()
    executor: str = "command"
    config: Mapping[str, Any] = field(default_factory=dict)
    commands: tuple[str, ...] = ()
    exec: tuple[str, ...] = ()
    script: str = ""
    shell: Shell | None = None
    working_dir: str = ""
    env: tuple[EnvEntry, ...] = ()
    stdout: str = ""
    stderr: str = ""
    log_output: LogOutput | None = None
    output: OutputSpec | None = None
    preconditions: tuple[Condition, ...] = ()
    continue_on: ContinueOn = NEVER
    retry: Retry | None = None
    repeat: Repeat | None = None
    timeout: float = 0.0
    signal_on_stop: str = ""
    mail_on_error: bool = False
    on_crash: OnCrash = OnCrash.FAIL
    detach: bool = False
    call: Call | None = None
    worker_selector: Mapping[str, str] = field(default_factory=dict)
    extras: Mapping[str, Any] = field(default_factory=dict)
    handler: HandlerKind | None = None
    made_from: tuple[MadeFrom, ...] = ()

    @property
    def output_rules(self) -> tuple[MadeFrom, ...]:
        """The step types that say what the step must write on stdout."""
        return tuple(use for use in self.made_from if use.outputs is not None) if self.made_from else ()

    @property
    def commands_shown(self) -> tuple[str, ...]:
        """What people see of this step in trees and lists; a script's text is not shown."""
        return (" ".join(self.exec),) if self.exec else self.commands


class Source(Struct, frozen=True, omit_defaults=True):
    """The text a plan was read from, kept with every run so that retry is honest.

    `path` is the absolute file name ("" for a definition that never was a file), `document` the
    index in a multi-document file, `base` the text of base.yaml at that time. `literal` = what its
    steps run is data from outside, in which no reference and no backtick means anything.
    """

    text: str
    path: str = ""
    document: int = 0
    base: str = ""
    literal: bool = False


class Plan(Struct, frozen=True, dict=True):
    """A DAG ready to run. Times in seconds, sizes in bytes.

    `nodes` holds the steps in file order and then the handlers. `local` maps the names of the
    further documents of the file to their plans' sources. `fields` holds the validated DAG-level
    values of plugins, `settings` everything that is only shown or used by other floors.
    """

    name: str
    nodes: tuple[PlannedStep, ...] = ()
    step_count: int = 0
    source: Source = Source("")
    local: Mapping[str, Source] = field(default_factory=dict)
    description: str = ""
    group: str = ""
    tags: tuple[str, ...] = ()
    type: str = "chain"
    schedule: Schedule = NO_SCHEDULE
    skip_if_successful: bool = False
    env: tuple[EnvEntry, ...] = ()
    dotenv: tuple[str, ...] = (".env",)
    dotenv_first: bool = False
    secrets: tuple[SecretRef, ...] = ()
    params: ParamsSpec = ParamsSpec()
    working_dir: str = ""
    shell: Shell | None = None
    log_dir: str = ""
    log_output: LogOutput = LogOutput.SEPARATE
    preconditions: tuple[Condition, ...] = ()
    timeout: float = 0.0
    delay: float = 0.0
    step_stagger: float = 0.0
    restart_wait: float = 0.0
    history_days: int = 30
    history_runs: int = 0
    max_active_runs: int = 1
    max_active_steps: int = 0
    stop_grace: float = 5.0
    max_output_size: int = 1_048_576
    queue: str = ""
    disable_queue: bool = False
    worker_selector: Mapping[str, str] = field(default_factory=dict)
    run_config: Mapping[str, bool] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def steps(self) -> tuple[PlannedStep, ...]:
        """The steps without the handlers."""
        return self.nodes[: self.step_count]

    @cached_property
    def handlers(self) -> Mapping[HandlerKind, PlannedStep]:
        """The handlers by kind."""
        return {node.handler: node for node in self.nodes[self.step_count :] if node.handler}

    @cached_property
    def dependents(self) -> tuple[tuple[int, ...], ...]:
        """For each step, the steps that wait for it."""
        waiting: list[list[int]] = [[] for _ in self.nodes]
        for node in self.steps:
            for before in node.depends:
                waiting[before].append(node.index)
        return tuple(tuple(indexes) for indexes in waiting)

    @cached_property
    def by_name(self) -> Mapping[str, int]:
        """Index of each node by name."""
        return {node.name: node.index for node in self.nodes}

    @cached_property
    def by_id(self) -> Mapping[str, int]:
        """Index of each step that has an id."""
        return {node.id: node.index for node in self.nodes if node.id}
