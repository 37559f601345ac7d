"""Steps of ours: run by an engine, or done in this very process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


@dataclass(frozen=True)
class Done:
    """How a step of ours ended, and what it said."""

    status: str
    code: Any
    error: str
    report: Any
    result: Any = None

    @property
    def stderr(self) -> str:
        return str(self.result.stderr.decode())

    def sources(self, key: str = "transferred") -> list[str]:
        return sorted(row["source"] for row in self.report[key])


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Done]:
    """Runs a step of ours in an engine, with a working folder of the test."""
    from dagu_core.testing.harness import run_step
    from dagu_ftp import plugin

    def go(
        step: dict[str, Any], *, dag: dict[str, Any] | None = None, plugins: Any = (), **more: Any
    ) -> Done:
        whole = {"workingDir": str(tmp_path), "maxCleanUpTimeSec": 3, **(dag or {})}
        result = run_step(step, plugins=(plugin, *plugins), dag=whole, **more)
        assert result.left == ()
        report = json.loads(result.stdout.splitlines()[-1]) if result.stdout else {}
        return Done(result.status, result.step.exit_code, result.step.error, report, result)

    return go


@pytest.fixture
def do(tmp_path: Path) -> Callable[[dict[str, Any]], Done]:
    """Does what a step of ours does, without engine and process: fast, for tables."""
    from dagu_core.base.errors import DaguError
    from dagu_ftp.executor import FtpExecutor, FtpsExecutor, SftpExecutor
    from dagu_ftp.job import Job
    from dagu_ftp.options import from_data
    from dagu_ftp.problems import Problem

    def go(step: dict[str, Any]) -> Done:
        part: Any = {"ftp": FtpExecutor, "ftps": FtpsExecutor, "sftp": SftpExecutor}[step["type"]]
        attempt: Any = SimpleNamespace(
            config=part.Config.model_validate(step["config"]),
            commands=[step["command"]] if "command" in step else [],
            working_dir=tmp_path,
            run=SimpleNamespace(dag="dag", run_id="r"),
            step=SimpleNamespace(name="step"),
            grace=3.0,
            dag_fields={},
        )
        try:
            request = json.loads(json.dumps(asyncio.run(part().request(attempt))))
        except DaguError as error:
            return Done("failed", 1, str(error), {})
        job = Job(from_data(request))
        try:
            job.run()
        except Problem as problem:
            return Done("failed", problem.code, job.progress.shown(str(problem)), job.report)
        return Done("succeeded", 0, "", job.report)

    return go
