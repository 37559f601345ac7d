"""What this package offers: the step type `archive`, and what it finds wrong with such steps."""

from __future__ import annotations

from typing import Any

from dagu_core import Executor, Places, Plan, Problem, hookimpl

DAGU_API = 1
DAGU_ON_DEMAND = True


@hookimpl
def dagu_register_executors() -> list[type[Executor[Any]]]:
    from dagu_archive.executor import ArchiveExecutor

    return [ArchiveExecutor]


@hookimpl
def dagu_lint(plan: Plan, places: Places) -> list[Problem]:
    from dagu_archive.lint import lint

    return lint(plan, places)
