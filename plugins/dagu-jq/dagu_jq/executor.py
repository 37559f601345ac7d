"""The step type `jq`: runs a query over JSON, in a process of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from dagu_core import Attempt, Capability, Expansion, Invalid, WorkerExecutor
from dagu_jq.config import JqConfig

#: what the kernel reports of a process that gave itself up
_ABORTED = 134


class JqExecutor(WorkerExecutor[JqConfig]):
    """Runs a jq query: `command` is the query, `script` the JSON it reads.

    The query is left as it is written, since `$name` is a variable of jq there; `args` brings
    values of the run in. Each result is written as JSON, one after the other.
    """

    name = "jq"
    Config = JqConfig
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"command", "script"})
    expansion: ClassVar[Expansion] = "script"
    work = "dagu_jq.work:query"
    icon = "braces"

    async def request(self, attempt: Attempt[JqConfig]) -> dict[str, Any]:
        config = attempt.config
        if not attempt.commands:
            raise Invalid('there is no query: write it as `command`; "." passes the input on')
        if attempt.script and config.input:
            raise Invalid("the input is given twice: keep `script` or `config.input`")
        if not (attempt.script or config.input or config.null_input):
            raise Invalid("there is no input: give `script`, `config.input` or `config.nullInput`")
        return {
            "query": attempt.commands[0],
            "script": attempt.script,
            "input": str(attempt.working_dir / config.input) if config.input else "",
            "variables": _variables(config),
            "slurp": config.slurp,
            "nullInput": config.null_input,
            "raw": config.raw,
            "compact": config.compact,
            "sortKeys": config.sort_keys,
            "maxMemory": config.max_memory,
        }

    def explain(self, attempt: Attempt[JqConfig], code: int) -> str:
        text = super().explain(attempt, code)
        return f"{text}: out of memory, see maxMemory" if code == _ABORTED else text


def _variables(config: JqConfig) -> Mapping[str, Any]:
    named: dict[str, Any] = {name: _text(value) for name, value in config.args.items()}
    for name, value in config.args_json.items():
        try:
            named[name] = json.loads(value) if isinstance(value, str) else value
        except ValueError:
            raise Invalid(f"config.argsJson.{name} is not JSON; a plain text belongs in args") from None
    return {**named, "ARGS": {"named": named, "positional": []}}


def _text(value: str | float | bool) -> str:
    return value if isinstance(value, str) else json.dumps(value)
