"""Which executor does a step, and whether it understands the step's fields."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from dagu_core.base.places import Place
from dagu_core.model.spec.explain import check_plugin_value
from dagu_core.model.spec.model import Reading
from dagu_core.model.spec.step import StepSpec
from dagu_core.model.spec.suggest import suggestion
from dagu_core.model.spec.vocabulary import StepType

COMMAND = "command"
#: Step types of the original that this engine does not have.
NO_ENGINE = frozenset({"chat", "agent", "llm"})


class Kind(Struct, frozen=True):
    """The type of a step: `word` as written or guessed, "" for a plain command; `type` None when
    nobody registered it; `command` when an `action` brings it along."""

    word: str
    type: StepType | None
    config: Any = None
    config_key: str = ""
    command: str = ""


def resolve_kind(spec: StepSpec, usual: str, reading: Reading) -> Kind:
    """The first that applies: `type`, `action`, `call`, `executor`, the step's `container`, the `usual`
    type of the DAG's steps ("" = a plain command)."""
    raw, findings = spec.raw, reading.findings
    word, key, command = "", "type", ""
    if spec.executor is not None and not spec.call:
        for field in ("type", "config", "with_"):
            if (written := raw.fields.get(field)) is not None and raw[written] is not None:
                findings.error(
                    f"cannot use both '{written}' and 'executor' fields",
                    raw.key_place(written),
                    code="D012",
                    hint="keep one of the two",
                    length=len(written),
                )
    if spec.config is not None and spec.with_ is not None:
        findings.error(
            "cannot use both 'config' and 'with' fields", raw.key_place(raw.fields["with_"]), code="D012"
        )
    if spec.type:
        word = spec.type.strip()
    elif spec.action:
        word, command = _action(spec, reading)
        key = "action"
    elif spec.call:
        word = "parallel" if spec.parallel is not None else "dag"
    elif spec.executor is not None:
        word, key = spec.executor.type.strip(), "executor"
    elif "container" in spec.extras:
        word = "docker"
    else:
        word = usual
    config, config_key = _config(spec)
    written = raw.fields.get(key)
    place = raw.value_place(written) if written is not None else raw.place
    return Kind(word, registered(word or COMMAND, place, reading), config, config_key, command)


def _config(spec: StepSpec) -> tuple[Any, str]:
    """What stands under `config`, as written (validation loses the places), and its key."""
    raw = spec.raw
    for field, value in (("config", spec.config), ("with_", spec.with_)):
        if value is not None:
            key = raw.fields[field]
            return raw[key], key
    if spec.executor is not None and spec.executor.config:
        inner = spec.executor.raw
        return inner[inner.fields["config"]], "executor.config"
    return {}, ""


def _action(spec: StepSpec, reading: Reading) -> tuple[str, str]:
    word, _, command = spec.action.strip().partition(".")
    if reading.step_type(word) is None and not reading.owners.get(word):
        place = spec.raw.value_place(spec.raw.fields["action"])
        reading.findings.error(f"unknown action `{spec.action}`", place, code="D013", length=len(spec.action))
        return COMMAND, ""
    return word, command


def registered(word: str, place: Place, reading: Reading) -> StepType | None:
    """The step type of a word. None when nobody registered it; then it is told what it may have been."""
    if word == COMMAND and not reading.vocabulary.step_types:
        return None
    found = reading.step_type(word)
    if found is None and word == "container":
        found = reading.step_type("docker")
    if found is not None:
        return found
    if word in NO_ENGINE:
        message = f"`{word}` is not supported: chat and agent steps are not part of this engine"
        reading.findings.error(message, place, code="D015", length=len(word))
    elif not reading.missing_plugin(word, place):
        types = reading.vocabulary.step_types
        known = sorted({*types, *reading.own_types})
        hint = suggestion(word, known) or f"known types: {', '.join(known)}"
        if silent := [name for name in reading.vocabulary.broken if name.startswith("/")]:
            hint += f"; did not load: {', '.join(silent)} (`dagu plugins` tells why)"
        message = f'executor type "{word}" is not registered'
        reading.findings.error(message, place, code="D014", hint=hint, length=len(word))
    return None


def check_kind(spec: StepSpec, kind: Kind, reading: Reading) -> None:
    """Refuse fields the step's type does not understand, and judge its config."""
    type_ = kind.type
    if type_ is None:
        return
    raw, can = spec.raw, type_.capabilities
    # Beside a `call` these are refused as a pair.
    alone = not spec.call
    used = {
        "command": alone and bool(spec.command) and "command" not in can,
        "exec": alone and bool(spec.exec) and "exec" not in can,
        "script": alone and bool(spec.script) and can.isdisjoint(("script", "exec")),
        "shell": spec.shell is not None and "shell" not in can,
        "shell_packages": bool(spec.shell_packages) and "shell" not in can,
        "call": bool(spec.call) and "call" not in can,
        "worker_selector": bool(spec.worker_selector) and "workerSelector" not in can,
    }
    for field, refused in used.items():
        if refused:
            key = raw.fields.get(field, field)
            _unsupported(kind, key, raw.key_place(key), reading)
    if len(spec.command or ()) > 1 and "command" in can and "commands" not in can:
        message = f'executor type "{kind.word or COMMAND}" does not support multiple commands'
        reading.findings.error(message, raw.value_place(raw.fields["command"]), code="D015")
    if "container" in spec.extras and "container" not in can:
        key = raw.written("container") or "container"
        _unsupported(kind, key, raw.key_place(key), reading)
    if kind.config_key or type_.config.model_fields:
        key = kind.config_key or "config"
        place = raw.value_place(key) if key in raw else raw.place
        check_plugin_value(type_.config, kind.config, key, place, reading.findings)


def _unsupported(kind: Kind, key: str, place: Place, reading: Reading) -> None:
    reading.findings.error(
        f'executor type "{kind.word or COMMAND}" does not support {key} field',
        place,
        code="D015",
        length=len(key),
    )
