"""What this package offers."""

from __future__ import annotations

from typing import Any

from dagu_core import Executor, Places, Plan, Problem, hookimpl
from dagu_sql.executor import MysqlExecutor, PostgresExecutor, SqlExecutor, SqliteExecutor
from dagu_sql.lint import references_in_sql

DAGU_API = 1
DAGU_ON_DEMAND = True


@hookimpl
def dagu_register_executors() -> list[type[Executor[Any]]]:
    return [SqlExecutor, PostgresExecutor, MysqlExecutor, SqliteExecutor]


@hookimpl
def dagu_lint(plan: Plan, places: Places) -> list[Problem]:
    return references_in_sql(plan, places)
