"""A written DAG -> a plan, with everything checked that one field alone cannot tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from dagu_core.base.errors import Invalid
from dagu_core.base.names import check_dag_name
from dagu_core.base.places import Place
from dagu_core.model.plan.graph import connect
from dagu_core.model.plan.kinds import Kind, resolve_kind
from dagu_core.model.plan.names import check_ids, name_steps
from dagu_core.model.plan.plan import ParamsSpec, Plan, PlannedStep, SecretRef, Shell, Source
from dagu_core.model.plan.policies import HandlerKind, LogOutput
from dagu_core.model.plan.steps import Made, conditions, is_script, plan_step
from dagu_core.model.plan.timing import whole_schedule
from dagu_core.model.spec.dag import DagSpec
from dagu_core.model.spec.explain import Below, check_plugin_value
from dagu_core.model.spec.located import Map, plain
from dagu_core.model.spec.merge import Merged
from dagu_core.model.spec.model import Reading
from dagu_core.model.spec.step import StepSpec
from dagu_core.model.spec.suggest import suggestion

DEFAULT_GRACE = 5.0
_HANDLERS = {
    "init": HandlerKind.INIT,
    "success": HandlerKind.SUCCESS,
    "failure": HandlerKind.FAILURE,
    "abort": HandlerKind.ABORT,
    "exit": HandlerKind.EXIT,
    "wait": HandlerKind.WAIT,
}


class Identity(Struct, frozen=True):
    """What a plan is beside its own words: the name it goes by, its source, its neighbours."""

    name: str
    source: Source
    local: Mapping[str, Source]


class Built(Struct, frozen=True):
    """A plan, and by name the written steps it got from the document itself."""

    plan: Plan
    written: Mapping[str, StepSpec]


def build_plan(merged: Merged, reading: Reading, identity: Identity) -> Built:
    """The plan of one document over its base; problems go into the readings' findings."""
    spec = merged.spec
    _check_dag(merged, reading, identity.name)
    fields = _dag_fields(merged, reading)
    handlers = _handler_specs(merged)
    flat = _flat(merged)
    make = _maker(merged, reading)
    usual = _usual_type(merged)
    steps = _steps(flat, merged, make, usual, frozenset(kind.value for kind, _, _ in handlers))
    nodes = list(steps)
    own_steps = flat if merged.steps_reading is reading else []
    specs = {node.name: spec for node, (spec, _) in zip(steps, own_steps, strict=False)}
    for handler, written, its_reading in handlers:
        made = make(written, its_reading)
        if its_reading is reading:
            specs[handler.value] = written
        kind = resolve_kind(made.spec, usual, made.reading)
        nodes.append(plan_step(made, kind, index=len(nodes), name=handler.value, handler=handler))
    plan = Plan(
        name=identity.name,
        nodes=tuple(nodes),
        step_count=len(steps),
        source=identity.source,
        local=identity.local,
        description=spec.description.strip(),
        group=spec.group.strip(),
        tags=tuple(spec.tags),
        type=spec.type.strip() or "chain",
        schedule=whole_schedule(merged, reading),
        skip_if_successful=spec.skip_if_successful,
        env=tuple(spec.env),
        dotenv=merged.dotenv,
        dotenv_first=spec.dotenv_first,
        secrets=tuple(SecretRef(s.name, s.provider, s.key, s.options) for s in spec.secrets),
        params=spec.params or ParamsSpec(),
        working_dir=_working_dir(spec.working_dir.strip(), identity.source.path),
        shell=Shell(tuple(spec.shell)) if spec.shell else None,
        log_dir=spec.log_dir.strip(),
        log_output=LogOutput(spec.log_output or "separate"),
        preconditions=conditions(spec),
        timeout=float(spec.timeout_sec),
        delay=float(spec.delay_sec),
        step_stagger=float(spec.step_stagger_sec),
        restart_wait=float(spec.restart_wait_sec),
        history_days=spec.hist_retention_days or 30,
        history_runs=_history_runs(merged),
        max_active_runs=_max_active_runs(spec),
        max_active_steps=spec.max_active_steps,
        stop_grace=float(spec.max_clean_up_time_sec or DEFAULT_GRACE),
        max_output_size=spec.max_output_size or 1_048_576,
        queue=spec.queue,
        disable_queue=spec.disable_queue,
        worker_selector=spec.worker_selector,
        run_config=_run_config(spec),
        fields={key: plain(value) for key, value in fields.items()},
    )
    return Built(plan, specs)


def _history_runs(merged: Merged) -> int:
    """How many runs are kept; 0 = their age decides. Of the two keys the nearer one counts."""
    by_days = merged.is_set("hist_retention_days") and not merged.is_set("hist_retention_runs")
    return 0 if by_days else merged.spec.hist_retention_runs


def _max_active_runs(spec: DagSpec) -> int:
    """How many runs there may be at once; 0 = any number, for who allows them to overlap and names none."""
    is_bound = "max_active_runs" in spec.model_fields_set and spec.max_active_runs >= 0
    policy = spec.overlap_policy or (spec.overlap.policy if spec.overlap is not None else "")
    return 0 if policy == "allow" and not is_bound else spec.max_active_runs or 1


def _flat(merged: Merged) -> list[tuple[StepSpec, int]]:
    """The steps, each with the index of its item: the members of a group share one."""
    flat: list[tuple[StepSpec, int]] = []
    for item, written in enumerate(merged.spec.steps):
        flat += [(step, item) for step in (written if isinstance(written, list) else [written])]
    return flat


def _maker(merged: Merged, reading: Reading) -> Callable[[StepSpec, Reading], Made]:
    """What makes the steps of the file's own step types."""
    if not merged.own.step_types and (merged.base is None or not merged.base.step_types):
        return Made
    from dagu_core.model.plan.made_steps import Maker
    from dagu_core.model.plan.step_types import StepTypes

    return Maker(StepTypes(merged, reading)).make


def _steps(
    flat: list[tuple[StepSpec, int]],
    merged: Merged,
    make: Callable[[StepSpec, Reading], Made],
    usual: str,
    taken: frozenset[str],
) -> list[PlannedStep]:
    reading = merged.steps_reading
    made = [make(spec, reading) for spec, _ in flat]
    kinds = [resolve_kind(one.spec, usual, one.reading) for one in made]
    words = [one.word or _auto_word(one.spec, kind) for one, kind in zip(made, kinds, strict=True)]
    names = name_steps(flat, words, taken, reading.findings)
    by_id = check_ids(flat, names, reading.findings)
    chain = merged.spec.type.strip() != "graph"
    depends = connect(flat, names, by_id, chain=chain, findings=reading.findings)
    return [
        plan_step(one, kinds[index], index=index, name=names[index], depends=depends[index])
        for index, one in enumerate(made)
    ]


def _auto_word(spec: StepSpec, kind: Kind) -> str:
    if kind.word:
        return kind.word
    if spec.script or is_script(spec):
        return "script"
    return "cmd" if spec.command or spec.exec else "step"


def _handler_specs(merged: Merged) -> list[tuple[HandlerKind, StepSpec, Reading]]:
    written = merged.spec.handler_on
    if written is None:
        return []
    found = ((kind, field, getattr(written, field)) for field, kind in _HANDLERS.items())
    return [(kind, spec, merged.handler_readings[field]) for kind, field, spec in found if spec is not None]


def _run_config(spec: Any) -> dict[str, bool]:
    if spec.run_config is None:
        return {}
    config = spec.run_config
    return {"disableParamEdit": config.disable_param_edit, "disableRunIdEdit": config.disable_run_id_edit}


def _working_dir(text: str, path: str) -> str:
    """Relative folders start at the DAG file's folder; references are left to the run, and so is
    the choice of a folder when the file names none."""
    if not path or not text:
        return text
    folder = PurePath(path).parent
    if text.startswith(("~", "$", "`")) or PurePath(text).is_absolute():
        return text
    return str(folder / text)


def _dag_fields(merged: Merged, reading: Reading) -> dict[str, Any]:
    for key, value in merged.extras.items():
        source, its_reading = merged.own, reading
        base, base_reading, below = merged.base, merged.base_reading, None
        if base is not None and base_reading is not None and (theirs := base.extras.get(key)) is not None:
            if merged.own.extras.get(key) is None:
                source, its_reading = base, base_reading
            elif isinstance(theirs, Map) and isinstance(mine := merged.own.extras[key], Map):
                kept = [each for each in value if each not in mine]
                below = Below(theirs, kept, base_reading.findings)
        written = source.raw.written(key) or key
        place = source.raw.value_place(written)
        model = reading.vocabulary.dag_keys[key]
        check_plugin_value(model, value, written, place, its_reading.findings, below)
    return merged.extras


def _usual_type(merged: Merged) -> str:
    """The type of steps that say nothing about theirs: the document's own words go before the base's,
    and of one file `container` before `ssh`."""
    for extras in (merged.own.extras, merged.extras):
        for word in ("container", "ssh"):
            if extras.get(word) is not None:
                return word
    return ""


def _check_dag(merged: Merged, reading: Reading, name: str) -> None:
    spec, raw, findings = merged.spec, merged.own.raw, reading.findings

    def place(field: str) -> Place:
        if (key := raw.fields.get(field)) is not None:
            return raw.value_place(key)
        base, its_reading = merged.base, merged.base_reading
        if base is None or its_reading is None or (key := base.raw.fields.get(field)) is None:
            return raw.place
        return replace(base.raw.value_place(key), file=its_reading.findings.file)

    try:
        check_dag_name(name)
    except Invalid:
        shown = name if len(name) <= 60 else name[:60] + "…"
        text = (
            "name must be at most 40 characters"
            if len(name) > 40
            else ("name must only contain alphanumeric characters, dashes, dots, and underscores")
        )
        findings.error(f"{text}: `{shown}`", place("name"), code="D006", length=len(shown))
    if (word := spec.type.strip()) not in ("", "chain", "graph"):
        message = f"invalid type: {word[:40]} (must be one of: graph, chain)"
        if word == "agent":
            message = "type 'agent' is reserved and not yet supported"
        findings.error(message, place("type"), code="D005", hint=suggestion(word, ("chain", "graph")))
    if spec.disable_queue:
        message = "`disableQueue` has no effect: starts by hand do not wait, all others go through a queue"
        hint = "raise `maxActiveRuns` to let more runs go on at once"
        findings.warning(message, place("disable_queue"), code="D111", hint=hint)
    if spec.worker_selector:
        message = "`workerSelector` selects nothing: all runners are on one host, and each takes any run"
        hint = "give it a `queue` whose limit says how many of its runs this host can take"
        findings.warning(message, place("worker_selector"), code="D113", hint=hint)
    if merged.is_set("hist_retention_days") and spec.hist_retention_days == 0:
        findings.warning(
            "`histRetentionDays: 0` counts as not given: 30 days",
            place("hist_retention_days"),
            code="W087",
            hint="use -1 to keep runs for ever",
        )
    if merged.is_set("hist_retention_days") and merged.is_set("hist_retention_runs"):
        findings.error(
            "`histRetentionRuns` and `histRetentionDays` exclude each other",
            place("hist_retention_runs"),
            code="D006",
            hint="keep the one that is meant",
        )
    if spec.secrets:
        from dagu_core.model.plan.secrets import check_secrets

        check_secrets(merged, reading)
