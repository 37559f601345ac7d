"""What this package offers."""

from __future__ import annotations

from typing import Any

from dagu_core import Config, Executor, Notifier, Places, Plan, Problem, hookimpl
from dagu_mail.config import MailOnConfig, SmtpConfig
from dagu_mail.executor import Mail
from dagu_mail.notifier import ErrorMail, InfoMail, WaitMail

DAGU_API = 1
DAGU_ON_DEMAND = True


@hookimpl
def dagu_register_executors() -> list[type[Executor[Any]]]:
    return [Mail]


@hookimpl
def dagu_register_notifiers() -> list[type[Notifier]]:
    return [ErrorMail, InfoMail, WaitMail]


@hookimpl
def dagu_register_dag_fields() -> dict[str, type[Config]]:
    return {"smtp": SmtpConfig, "mailOn": MailOnConfig}


@hookimpl
def dagu_lint(plan: Plan, places: Places) -> list[Problem]:
    from dagu_mail.lint import problems

    return problems(plan, places)
