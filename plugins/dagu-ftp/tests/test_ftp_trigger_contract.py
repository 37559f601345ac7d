"""The triggers keep what every trigger must keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dagu_core.testing.trigger_contract import TriggerContract
from dagu_ftp.trigger import FtpsTrigger, FtpTrigger, SftpTrigger

from .servers import free_port


class _Suite(TriggerContract):
    heavy = ("ftplib", "paramiko", "cryptography")
    server: Any

    def config(self) -> Mapping[str, Any]:
        # The suite waits a moment before it writes; on a busy machine a login takes longer.
        more = {"settle": 0, "pollInterval": "100ms", "existing": "trigger"}
        return dict(self.server.config(watch=f"{self.server.at}*.csv", **more))

    def provoke(self, number: int) -> None:
        (self.server.root / f"{number}.csv").write_text(str(number))

    def ailing_config(self) -> Mapping[str, Any]:
        return {**self.config(), "port": free_port()}


class TestFtpTrigger(_Suite):
    trigger = FtpTrigger

    @pytest.fixture(autouse=True)
    def _server(self, vsftpd: Any) -> None:
        self.server = vsftpd


class TestFtpsTrigger(_Suite):
    trigger = FtpsTrigger

    @pytest.fixture(autouse=True)
    def _server(self, ftps: Any) -> None:
        self.server = ftps


class TestSftpTrigger(_Suite):
    trigger = SftpTrigger

    @pytest.fixture(autouse=True)
    def _server(self, sshd: Any) -> None:
        self.server = sshd


del _Suite
