"""The step types keep what every step type must keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dagu_core.testing.executor_contract import ExecutorContract, Step
from dagu_ftp.executor import FtpExecutor, FtpsExecutor, SftpExecutor


class _Suite(ExecutorContract):
    server: Any

    def _file(self, size: int) -> str:
        file = Path(self.folder) / "big.bin"
        file.write_bytes(bytes(size))
        return str(file)

    def good_step(self) -> Step:
        return dict(self.server.step("upload", source=self._file(1000), destination=f"{self.server.at}a.bin"))

    def failing_step(self) -> Step:
        return dict(self.server.step("download", source="missing.bin"))

    def long_step(self) -> Step:
        return dict(
            self.server.step(
                "upload",
                source=self._file(1 << 20),
                destination=f"{self.server.at}b.bin",
                maxBytesPerSec=5000,
            )
        )

    def leaking_step(self, reference: str) -> Step:
        return dict(self.server.step("download", source=f"missing-{reference}"))

    def reattach_step(self, marker: Path) -> Step:
        (self.server.root / "line").write_bytes(b"x" * 29_999 + b"\n")
        source = f"{self.server.at}line"
        step = self.server.step("download", source=source, destination=str(marker), maxBytesPerSec=15_000)
        return dict(step)


class TestFtp(_Suite):
    executor = FtpExecutor
    heavy = ("ftplib", "paramiko", "cryptography")

    @pytest.fixture(autouse=True)
    def _server(self, vsftpd: Any) -> None:
        self.server = vsftpd


class TestFtps(_Suite):
    executor = FtpsExecutor
    heavy = ("ftplib", "paramiko", "cryptography")

    @pytest.fixture(autouse=True)
    def _server(self, ftps: Any) -> None:
        self.server = ftps


class TestSftp(_Suite):
    executor = SftpExecutor
    heavy = ("ftplib", "paramiko", "cryptography")

    @pytest.fixture(autouse=True)
    def _server(self, sshd: Any) -> None:
        self.server = sshd


del _Suite
