"""What this package offers."""

from __future__ import annotations

from typing import Any

from dagu_core import Executor, Plan, Problem, hookimpl
from dagu_ftp.executor import FtpExecutor, FtpsExecutor, SftpExecutor
from dagu_ftp.lint import findings


@hookimpl
def dagu_register_executors() -> list[type[Executor[Any]]]:
    return [FtpExecutor, FtpsExecutor, SftpExecutor]


@hookimpl
def dagu_lint(plan: Plan) -> list[Problem]:
    return findings(plan)
