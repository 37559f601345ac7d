"""One written step -> one planned step."""

from __future__ import annotations

import signal
from typing import Any

from msgspec import Struct

from dagu_core.model.plan.kinds import COMMAND, Kind, check_kind
from dagu_core.model.plan.names import field_place
from dagu_core.model.plan.plan import Call, MadeFrom, OutputSpec, Parallel, PlannedStep, Shell
from dagu_core.model.plan.policies import Condition, ContinueOn, HandlerKind, LogOutput, OnCrash
from dagu_core.model.spec.explain import check_plugin_value
from dagu_core.model.spec.located import Seq, plain
from dagu_core.model.spec.model import Reading
from dagu_core.model.spec.refusal import describe
from dagu_core.model.spec.step import StepSpec
from dagu_core.model.values.text import to_text

MAX_ITEMS = 1000
_TOLERATES_NOTHING = ContinueOn()


class Made(Struct, frozen=True):
    """What a written step stands for: itself, or what a step type of the file makes of it.

    `reading` takes what is wrong with `spec`; `word` is the step type of the file as written.
    """

    spec: StepSpec
    reading: Reading
    word: str = ""
    made_from: tuple[MadeFrom, ...] = ()


def plan_step(
    made: Made,
    kind: Kind,
    *,
    index: int,
    name: str,
    depends: tuple[int, ...] = (),
    handler: HandlerKind | None = None,
) -> PlannedStep:
    """The planned step; what is wrong with it goes into the findings of its reading."""
    spec, reading = made.spec, made.reading
    check_kind(spec, kind, reading)
    _check_fields(spec, kind, reading)
    commands, exec_, script = _work(spec, kind)
    shell = Shell(tuple(spec.shell), tuple(spec.shell_packages)) if spec.shell else None
    if shell is None and spec.shell_packages:
        reading.findings.warning("`shellPackages` only matter for `nix-shell`", spec.raw.place, code="W010")
    return PlannedStep(
        index=index,
        name=name,
        id=spec.id or "",
        description=spec.description.strip(),
        depends=depends,
        executor=kind.type.name if kind.type is not None else kind.word or COMMAND,
        config=plain(kind.config) if kind.config else {},
        commands=commands,
        exec=exec_,
        script=script,
        shell=shell,
        working_dir=spec.working_dir.strip(),
        env=tuple(spec.env),
        stdout=spec.stdout.strip(),
        stderr=spec.stderr.strip(),
        log_output=LogOutput(spec.log_output) if spec.log_output else None,
        output=_output(spec),
        preconditions=conditions(spec),
        continue_on=spec.continue_on.build() if spec.continue_on is not None else _TOLERATES_NOTHING,
        retry=spec.retry_policy.build() if spec.retry_policy is not None else None,
        repeat=spec.repeat_policy.build() if spec.repeat_policy is not None else None,
        timeout=float(spec.timeout_sec),
        signal_on_stop=spec.signal_on_stop,
        mail_on_error=spec.mail_on_error,
        on_crash=OnCrash(spec.on_crash),
        detach=spec.detach,
        call=_call(spec, kind, reading),
        worker_selector=spec.worker_selector,
        extras=_extras(spec, reading),
        handler=handler,
        made_from=made.made_from,
    )


def conditions(spec: Any) -> tuple[Condition, ...]:
    """`preconditions`, then `precondition`, of a step or a DAG."""
    if not spec.preconditions and not spec.precondition:
        return ()
    return tuple(condition.build() for condition in (*spec.preconditions, *spec.precondition))


def _work(spec: StepSpec, kind: Kind) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """(commands, exec, script). A command of several lines is a script."""
    commands = tuple(spec.command or ((kind.command,) if kind.command else ()))
    script, can = spec.script.strip(), kind.type.capabilities if kind.type else frozenset()
    commandlike = kind.type is None or ("commands" in can and not can.isdisjoint(("script", "exec")))
    if is_script(spec) and commandlike:
        # Only a single text is a script: in a list each item stays a command of its own.
        script, commands = commands[0].strip(), ()
    if script and "exec" in can and "script" not in can:
        # Containers and remote hosts have no script file, but they have `sh`.
        return (), ("sh", "-c", script), ""
    return commands, tuple(spec.exec or ()), script


def is_script(spec: StepSpec) -> bool:
    """Whether the command is one text of several lines."""
    if not spec.command or len(spec.command) != 1 or spec.script or "\n" not in spec.command[0].strip():
        return False
    return not isinstance(spec.raw.get(spec.raw.fields.get("command", "command")), Seq)


def _output(spec: StepSpec) -> OutputSpec | None:
    if spec.output is None:
        return None
    name = spec.output.name.strip().removeprefix("$")
    return OutputSpec(name, spec.output.key, spec.output.omit) if name else None


def _extras(spec: StepSpec, reading: Reading) -> dict[str, Any]:
    raw = spec.raw
    for key, value in spec.extras.items():
        written = raw.written(key) or key
        model = reading.vocabulary.step_keys[key]
        check_plugin_value(model, value, written, raw.value_place(written), reading.findings)
    return {key: plain(value) for key, value in spec.extras.items()}


def _check_fields(spec: StepSpec, kind: Kind, reading: Reading) -> None:
    findings, raw = reading.findings, spec.raw
    if spec.call:
        for field in ("command", "script", "exec"):
            if getattr(spec, field):
                key = raw.fields[field]
                findings.error(
                    f"`{key}` cannot be used together with `{raw.fields['call']}`",
                    raw.key_place(key),
                    code="D012",
                )
    elif spec.parallel is not None and "call" not in spec.broken:
        findings.error(
            "parallel execution is only supported for child-DAGs: add `call`",
            raw.key_place(raw.fields["parallel"]),
            code="D004",
        )
    elif kind.type is not None and "call" in kind.type.capabilities and "call" not in spec.broken:
        findings.error(f"a step of type `{kind.word}` needs `call`", raw.place, code="D004")
    elif (
        kind.type is not None
        and kind.type.name == COMMAND
        and not (spec.command or spec.script or spec.exec)
        # What is given but broken was already refused where it stands.
        and spec.broken.isdisjoint(("command", "script", "exec", "call", "type", "executor"))
    ):
        hint = "add `command`, `script` or `call`"
        findings.error("step command is required", raw.place, code="D004", hint=hint)
    if spec.exec and (spec.command or spec.script):
        findings.error(
            "`exec` stands alone: remove `command` and `script`", raw.key_place("exec"), code="D012"
        )
    if spec.stdout.strip() and spec.stdout.strip() == spec.stderr.strip():
        findings.error(
            f'stdout and stderr cannot point to the same file "{spec.stdout.strip()}"',
            field_place(spec, "stderr"),
            code="D005",
            hint="use `logOutput: merged`",
        )
    if spec.signal_on_stop and spec.signal_on_stop not in signal.Signals.__members__:
        findings.error(
            f"invalid signal: {spec.signal_on_stop}",
            field_place(spec, "signal_on_stop"),
            code="D005",
            hint="write it as `SIGTERM`, `SIGINT`, ...",
        )


def _call(spec: StepSpec, kind: Kind, reading: Reading) -> Call | None:
    if not spec.call:
        return None
    params = spec.params
    if isinstance(params, list | dict):
        params = tuple(_pairs(params))
    return Call(spec.call.strip(), params or "", _parallel(spec, reading), spec.queue.strip(), spec.priority)


def _pairs(params: Any) -> list[tuple[str, Any]]:
    """Parameters given as data, in order; a positional one has the name "".

    Texts in a list are split by the parameter grammar, as everywhere.
    """
    from dagu_core.model.values.params import parse_params

    if isinstance(params, dict):
        return [(name, _data(value)) for name, value in params.items()]
    pairs: list[tuple[str, Any]] = []
    for item in params:
        if isinstance(item, dict):
            pairs += _pairs(item)
        elif isinstance(item, str):
            pairs += [(p.name, f"`{p.value}`" if p.command else p.value) for p in parse_params(item)]
        else:
            pairs.append(("", _data(item)))
    return pairs


def _data(value: Any) -> Any:
    return plain(value) if isinstance(value, list | dict) else to_text(value)


def _parallel(spec: StepSpec, reading: Reading) -> Parallel | None:
    written = spec.parallel
    if written is None:
        return None
    raw = spec.raw
    place = raw.value_place(raw.fields["parallel"])
    if isinstance(written.items, str):
        if not written.items.strip():
            reading.findings.error(
                "parallel must have either items array or variable reference", place, code="D004"
            )
        return Parallel((), written.items, written.max_concurrent, written.allow_empty)
    if not written.items and not written.allow_empty:
        reading.findings.error(
            "parallel must have at least one item", place, code="D004", hint="or `allowEmpty: true`"
        )
    if len(written.items) > MAX_ITEMS:
        reading.findings.error(
            f"parallel takes at most {MAX_ITEMS} items, not {len(written.items)}", place, code="D005"
        )
    items = written.raw[written.raw.written("items") or "items"]
    for index, item in enumerate(items):
        if isinstance(item, list | bool) or item is None or (isinstance(item, dict) and _nested(item)):
            where = items.item_place(index) if isinstance(items, Seq) else place
            message = f"parallel items must be strings, numbers, or objects, not {describe(item)}"
            reading.findings.error(message, where)
    return Parallel(tuple(_data(item) for item in items), "", written.max_concurrent, written.allow_empty)


def _nested(item: dict[str, Any]) -> bool:
    return any(isinstance(value, list | dict) for value in item.values())
