"""The DAG keys `errorMail`, `infoMail` and `waitMail`."""

from __future__ import annotations

import asyncio
import threading
from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from dagu_core import (
    AttemptEnded,
    Invalid,
    Notice,
    Notifier,
    RunEnded,
    RunRef,
    RunStatus,
    StepSettled,
    StepStatus,
)
from dagu_mail.config import MailOnConfig, NoticeConfig
from dagu_mail.executor import server_of

if TYPE_CHECKING:
    from dagu_mail.report import Report

#: why a run ends before it really began, or long after its engine died: no mail tells of these
_NO_NEWS = frozenset({"initialisation", "recovery_limit"})
#: seconds after which we give up ourselves, before the engine stops waiting for us
PATIENCE = 28.0


class _NoticeMail(Notifier):
    Config = NoticeConfig

    @abstractmethod
    def wants(self, on: MailOnConfig, notice: Notice) -> str | None:
        """The step the mail is about, "" = the whole run, None = no mail."""

    async def notify(self, config: Any, notice: Notice) -> None:
        step = self.wants(notice.dag_fields.get("mailOn") or MailOnConfig.model_validate({}), notice)
        if step is None:
            return
        from dagu_mail.delivery import Delivery
        from dagu_mail.report import Report

        server = server_of(notice.dag_fields.get("smtp"))
        # The steps are read here: in another thread they would change under our eyes.
        summary = notice.run.summary
        if step:
            # The run may have ended with its step: the mail about the step was due before that.
            summary = replace(summary, status=RunStatus.RUNNING, finished_at=None)
        report = Report(notice.plan, summary, dict(notice.run.steps), step)
        delivery = Delivery(server, min(server.timeout, PATIENCE))
        try:
            await _in_thread(lambda: delivery.send(_letter(self.name, config, report)))
        except asyncio.CancelledError:
            delivery.cut("stopped")
            raise


class ErrorMail(_NoticeMail):
    """A mail when a run failed, or a step of it that has `mailOnError`."""

    name = "errorMail"

    def wants(self, on: MailOnConfig, notice: Notice) -> str | None:
        event = notice.event
        if isinstance(event, RunEnded):
            is_news = event.status is RunStatus.FAILED and notice.run.summary.reason not in _NO_NEWS
            return "" if on.failure and is_news else None
        return (
            event.step
            if isinstance(event, AttemptEnded | StepSettled) and _has_failed(event, notice)
            else None
        )


class InfoMail(_NoticeMail):
    """A mail when a run succeeded, also when it did so partially."""

    name = "infoMail"

    def wants(self, on: MailOnConfig, notice: Notice) -> str | None:
        event = notice.event
        return "" if on.success and isinstance(event, RunEnded) and event.status.is_success else None


class WaitMail(_NoticeMail):
    """A mail when a run begins to wait for somebody."""

    name = "waitMail"

    def __init__(self) -> None:
        self._waiting: set[RunRef] = set()

    def wants(self, on: MailOnConfig, notice: Notice) -> str | None:
        ref, is_waiting = notice.run.summary.ref, notice.run.summary.status is RunStatus.WAITING
        is_new = is_waiting and ref not in self._waiting
        if is_waiting:
            self._waiting.add(ref)
        else:
            self._waiting.discard(ref)
        # Whoever takes a run over finds it waiting: that was told before.
        return "" if on.wait and is_new and type(notice.event).__name__ != "RunRecovered" else None


def _has_failed(event: AttemptEnded | StepSettled, notice: Notice) -> bool:
    """Whether this event is the end of a step with `mailOnError`, and a bad one.

    The steps may be further than the event: a later attempt has an end of its own to tell.
    """
    node = notice.plan.nodes[notice.plan.by_name[event.step]]
    if not node.mail_on_error:
        return False
    if isinstance(event, StepSettled):
        return event.status is StepStatus.FAILED
    step = notice.run.steps[event.step]
    return step.status is StepStatus.FAILED and step.attempts == event.number


def _letter(key: str, config: NoticeConfig, report: Report) -> Any:
    from dagu_mail.addresses import parse_all
    from dagu_mail.letter import write_letter

    senders, to = parse_all(config.sender), parse_all(config.to)
    if len(senders) != 1 or not to:
        missing = "from" if len(senders) != 1 else "to"
        raise Invalid(f"{key}.{missing} names nobody", hint=f"set `{missing}` under `{key}`")
    logs, notes = report.logs(config.attach_stderr, config.max_log_size) if config.attach_logs else ([], [])
    return write_letter(
        sender=senders[0],
        to=to,
        subject=report.subject(config.prefix),
        text=report.text(notes),
        html=report.html(notes),
        enclosures=logs,
        is_notice=True,
    )


async def _in_thread(work: Callable[[], None]) -> None:
    """Do what blocks in a thread that the end of the process does not wait for."""
    future: Future[None] = Future()
    future.set_running_or_notify_cancel()  # from now on nobody can take it back

    def target() -> None:
        try:
            work()
            future.set_result(None)
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=target, name="mail", daemon=True).start()
    await asyncio.wrap_future(future)
