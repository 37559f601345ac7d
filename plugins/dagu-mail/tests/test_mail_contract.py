"""The suites every step type and every notifier passes."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from dagu_core.testing.executor_contract import ExecutorContract, Step
from dagu_core.testing.harness import StepResult, run_step
from dagu_core.testing.notifier_contract import NotifierContract
from dagu_mail import plugin
from dagu_mail.executor import Mail
from dagu_mail.notifier import ErrorMail, InfoMail, WaitMail

LETTER = {"from": "dagu@example.org", "to": "ann@example.org", "subject": "hello", "message": "world"}


def mail(**more: Any) -> Step:
    """A step that sends a mail."""
    return {"type": "mail", "config": {**LETTER, **more}}


class TestMail(ExecutorContract):
    executor = Mail
    heavy = ("smtplib", "email.message", "email.headerregistry")
    dag: ClassVar[dict[str, Any]] = {}
    plugins = (plugin,)  # type: ignore[assignment]

    @pytest.fixture(autouse=True)
    def _servers(self, server: Any, tar_pit: int, monkeypatch: pytest.MonkeyPatch) -> None:
        server.box.refused.add("nobody@example.org")
        self.tar_pit = tar_pit
        monkeypatch.setattr(type(self), "dag", {"smtp": server.smtp(timeout=120)})

    def good_step(self) -> Step:
        return mail()

    def failing_step(self) -> Step:
        return mail(to="nobody@example.org")

    def leaking_step(self, reference: str) -> Step:
        return mail(to=reference, subject=reference, message=reference)

    def long_step(self) -> Step:
        self.dag["smtp"]["port"] = self.tar_pit
        return mail()

    def _killed(self, step: Step) -> Any:
        from dagu_core.testing import engine

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engine, "offering", lambda *parts: plugin)
            patch.setattr(
                engine, "_RUN", f"import dagu_core.testing.engine as engine; {_LOADED}\n{engine._RUN}"
            )
            return super()._killed(step)


#: what the engine's own process must do to get the DAG-level keys, too
_LOADED = "from dagu_mail import plugin; engine.offering = lambda *parts: plugin"


class NoticeSuite(NotifierContract):
    heavy = ("smtplib", "email.message", "email.headerregistry")

    @pytest.fixture(autouse=True)
    def _servers(self, server: Any) -> None:
        self.server = server
        self.smtp = server.smtp()

    def value(self) -> Mapping[str, Any]:
        return {"from": "dagu@example.org", "to": "ann@example.org", "attachLogs": True, "attachStderr": True}

    def dead_value(self) -> Mapping[str, Any]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.smtp["port"] = free.getsockname()[1]
        return self.value()

    def delivered(self) -> Sequence[bytes]:
        return [
            b"\n".join(
                [str(mail.message["Subject"]).encode()]
                + [part.get_payload(decode=True) or b"" for part in mail.message.walk()]
            )
            for mail in self.server.mails
        ]

    def _run(self, step: Mapping[str, Any], value: Mapping[str, Any], **more: Any) -> StepResult:
        dag = {"smtp": self.smtp, "mailOn": {"failure": True, "success": True}, **more.pop("dag", {})}
        return run_step(step, plugins=[plugin], dag={self.notifier.name: value, **dag}, **more)


class TestErrorMail(NoticeSuite):
    notifier = ErrorMail


class TestInfoMail(NoticeSuite):
    notifier = InfoMail

    def _run(self, step: Mapping[str, Any], value: Mapping[str, Any], **more: Any) -> StepResult:
        # A failed run is told by the other key: the tests of the suite look at what was sent.
        return super()._run(step, value, **{**more, "dag": {**more.get("dag", {}), "errorMail": value}})


class TestWaitMail(TestInfoMail):
    notifier = WaitMail


def test_the_folder_of_the_plugin_is_typed() -> None:
    assert (Path(plugin.__file__).parent / "py.typed").exists()
