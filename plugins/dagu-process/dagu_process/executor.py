"""Step types that are done by an executable."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar

from dagu_core import Attempt, Outcome, WorkerExecutor
from dagu_process.description import Described
from dagu_process.messages import PROTOCOL

#: characters of a text that is also given as a variable: an environment holds only so much
_LONGEST = 1 << 16
_RESULT = "result.json"


class ProcessExecutor(WorkerExecutor[Any]):
    """A step type of an executable; see `step_type`."""

    work = "dagu_process.work:converse"
    path: ClassVar[Path]

    async def request(self, attempt: Attempt[Any]) -> dict[str, Any]:
        config = attempt.config.model_dump(mode="json", by_alias=True, exclude_none=True)
        message = {
            "type": "run",
            "protocol": PROTOCOL,
            "stepType": self.name,
            "config": config,
            "commands": list(attempt.commands),
            "script": attempt.script,
            "arguments": list(attempt.arguments),
            "dag": attempt.run.dag,
            "runId": attempt.run.run_id,
            "step": attempt.step.name,
            "attempt": attempt.number,
            "workingDir": str(attempt.working_dir),
            "scratch": str(attempt.scratch),
            "grace": attempt.grace,
        }
        return {
            "path": str(self.path),
            "message": message,
            "variables": _variables(self.name, config, attempt.commands),
            "result": str(attempt.scratch / _RESULT),
            "stopSignal": attempt.stop_signal,
            "grace": attempt.grace,
        }

    def outcome(self, attempt: Attempt[Any], code: int) -> Outcome:
        file = attempt.scratch / _RESULT
        try:
            result = json.loads(file.read_bytes())
            file.unlink()
        except (OSError, ValueError):
            return Outcome(exit_code=code or 1, message=f"{self.path}: it was ended (exit status {code})")
        outputs = result["outputs"]
        return Outcome(
            exit_code=result["exitCode"],
            message=result["message"],
            retryable=result["retryable"],
            output=None if outputs is None else json.dumps(outputs, ensure_ascii=False),
        )


def step_type(path: Path, described: Described) -> type[ProcessExecutor]:
    """The class of a step type that the executable at `path` does."""
    facts = {
        "__doc__": described.description,
        "__module__": __name__,
        "name": described.name,
        "aliases": described.aliases,
        "Config": described.config,
        "capabilities": described.capabilities,
        "expansion": described.expansion,
        "icon": described.icon,
        "path": path,
    }
    return type(f"{described.config.__name__.removesuffix('Config')}Executor", (ProcessExecutor,), facts)


def _variables(word: str, config: dict[str, Any], commands: Any) -> dict[str, str]:
    """What a program that cannot read JSON needs: plain values by name."""
    plain = {"DAGU_EXEC_STEP_TYPE": word, "DAGU_EXEC_COMMAND": "\n".join(commands)}
    for key, value in config.items():
        if isinstance(value, str | int | float):
            name = re.sub(r"[^A-Za-z0-9]|(?<=[a-z0-9])(?=[A-Z])", "_", key).upper()
            plain[f"DAGU_EXEC_CONFIG_{name}"] = value if isinstance(value, str) else json.dumps(value)
    return {name: value for name, value in plain.items() if len(value) <= _LONGEST and "\0" not in value}
