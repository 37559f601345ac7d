"""What this package offers."""

from __future__ import annotations

from typing import Any

from dagu_core import ClockTrigger, Executor, Places, Plan, Problem, Trigger, hookimpl
from dagu_ftp.executor import FtpExecutor, FtpsExecutor, SftpExecutor
from dagu_ftp.lint import findings
from dagu_ftp.trigger import FtpsTrigger, FtpTrigger, SftpTrigger

DAGU_API = 1
DAGU_ON_DEMAND = True


@hookimpl
def dagu_register_executors() -> list[type[Executor[Any]]]:
    return [FtpExecutor, FtpsExecutor, SftpExecutor]


@hookimpl
def dagu_register_triggers() -> list[type[Trigger] | type[ClockTrigger]]:
    return [FtpTrigger, FtpsTrigger, SftpTrigger]


@hookimpl
def dagu_lint(plan: Plan, places: Places) -> list[Problem]:
    return findings(plan, places)
