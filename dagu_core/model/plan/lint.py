"""Findings about a valid definition: what works, but not as its author thinks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dagu_core.base.places import Place
from dagu_core.model.plan.kinds import COMMAND
from dagu_core.model.plan.names import field_place
from dagu_core.model.plan.plan import Plan, PlannedStep
from dagu_core.model.spec.findings import Findings
from dagu_core.model.spec.step import StepSpec

_STEP_REFERENCE = re.compile(r"\$\{([^}.:]{1,200})\.(?:stdout|stderr|exitCode|exit_code)\b[^}]{0,200}\}")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)[}.]|\$([A-Za-z_][A-Za-z0-9_]*)")


def lint_plan(plan: Plan, specs: Mapping[str, StepSpec], place: Place, findings: Findings) -> None:
    """Add a warning for each thing that will surprise somebody.

    `specs` holds the written steps of this very text by name, `place` the start of the document.
    """
    if not plan.step_count:
        findings.warning("the DAG has no steps: a run of it succeeds at once", place, code="W015")
    params = {param.name for param in plan.params.defaults}
    secrets = {secret.name for secret in plan.secrets}
    without_id = {node.name for node in plan.steps} - plan.by_id.keys()
    for node in plan.nodes:
        spec = specs.get(node.name)
        if spec is None:
            continue
        _argv_as_commands(node, spec, findings)
        _policies(node, spec, findings)
        if node.output is not None and node.output.name in params:
            findings.warning(
                f"the parameter `{node.output.name}` hides this output from all later steps",
                field_place(spec, "output"),
                code="W022",
                hint="give the output another name",
            )
        _references(node, spec, without_id, findings)
        if secrets:
            _secrets(node, spec, plan, secrets, findings)


def _argv_as_commands(node: PlannedStep, spec: StepSpec, findings: Findings) -> None:
    if len(node.commands) > 1 and not re.search(r"\s", node.commands[0].strip()):
        findings.warning(
            "a list of commands: each item runs on its own, one after the other",
            field_place(spec, "command"),
            code="W001",
            hint="for one program with arguments use `exec: [...]`",
        )


def _policies(node: PlannedStep, spec: StepSpec, findings: Findings) -> None:
    rule = node.continue_on
    if rule.mark_success and not (rule.failed or rule.skipped or rule.exit_codes or rule.output):
        findings.warning(
            "`markSuccess` alone does nothing",
            field_place(spec, "continue_on"),
            code="W044",
            hint="say what is tolerated: `failed`, `exitCode` or `output`",
        )
    if spec.repeat_policy is not None and node.repeat is None:
        findings.warning(
            "nothing says whether to repeat: the step runs once",
            field_place(spec, "repeat_policy"),
            code="W049",
            hint="add `repeat: while` or `until` with a `condition` or `exitCode`",
        )


def _references(node: PlannedStep, spec: StepSpec, without_id: set[str], findings: Findings) -> None:
    for field, text in _texts(node):
        for match in _STEP_REFERENCE.finditer(text):
            if match[1] in without_id:
                findings.warning(
                    f"`{match[0]}` refers to a step by its name, which does not work",
                    field_place(spec, field),
                    code="W025",
                    hint=f"give step `{match[1]}` an `id` and refer to that",
                )


def _secrets(node: PlannedStep, spec: StepSpec, plan: Plan, secrets: set[str], findings: Findings) -> None:
    """A shell reads a secret from its environment; everywhere else its value replaces the
    reference, and lands in the process list or in another record."""
    shell = node.shell or plan.shell
    for field, text in _texts(node):
        by_shell = (
            node.executor == COMMAND and field in ("command", "script") and not (shell and shell.is_direct)
        )
        # What stands under `config` is handed to the step type in memory.
        if by_shell or field in ("env", "config"):
            continue
        for match in _VARIABLE.finditer(text):
            name = match[1] or match[2]
            if name in secrets:
                findings.warning(
                    f"the value of the secret `{name}` will replace the reference here",
                    field_place(spec, field),
                    code="W105",
                    hint="other processes may see it; let the program read it from its environment",
                )


def _texts(node: PlannedStep) -> Iterator[tuple[str, str]]:
    """(field, text) of everything in a step that may hold references."""
    yield from (("command", text) for text in node.commands)
    # `sh -c` around a script keeps the field its author wrote.
    yield from (("exec" if node.exec else "script", text) for text in (*node.exec, node.script) if text)
    yield from (("env", entry.value) for entry in node.env)
    yield from (("config", text) for text in _strings(node.config))
    if node.call is not None:
        params = node.call.params
        yield from (("params", text) for text in _strings(params))
    for field, text in (("stdout", node.stdout), ("stderr", node.stderr), ("working_dir", node.working_dir)):
        if text:
            yield field, text


def _strings(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from _strings(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from _strings(value)
