"""The ssh step type keeps the contract of executors, against a real sshd."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dagu_core.testing.executor_contract import ExecutorContract, Step
from dagu_ssh.executor import SshExecutor


class TestSsh(ExecutorContract):
    executor = SshExecutor
    heavy = ("paramiko", "cryptography")

    @pytest.fixture(autouse=True)
    def _server(self, sshd: Any) -> None:
        self.sshd = sshd

    def good_step(self) -> Step:
        return self._step("true")

    def failing_step(self) -> Step:
        return self._step("exit 3")

    def long_step(self) -> Step:
        return self._step("sleep 60")

    def printing_step(self, file: Path) -> Step:
        return self._step(f"cat {file}")

    def echo_step(self, text: str) -> Step:
        return self._step(f"printf %s {shlex.quote(text)}")

    def env_step(self, name: str) -> Step:
        return self._step(f"printenv {name}", env=[name])

    def leaking_step(self, reference: str) -> Step:
        return self._step(f'ls "{reference}"')

    def reattach_step(self, marker: Path) -> Step:
        return self._step(f"sleep 3; echo done >>{marker}", shell="sh")

    def _step(self, command: str, **config: Any) -> Mapping[str, Any]:
        step: Mapping[str, Any] = self.sshd.step(command, **config)
        return step
