"""The suite of all step types, on a real Docker engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dagu_core.testing.executor_contract import ExecutorContract, Step
from dagu_core.testing.harness import offering
from dagu_docker.auth_config import RegistryAuths
from dagu_docker.config import ContainerField
from dagu_docker.executor import DockerExecutor


class TestContainerOfItsOwn(ExecutorContract):
    """`container: {image: ...}` with one command."""

    executor = DockerExecutor
    heavy = ("docker", "requests", "urllib3")

    @property
    def plugins(self) -> tuple[object, ...]:
        fields = {"container": ContainerField, "registryAuths": RegistryAuths}
        return (offering(self.executor, dag_fields=fields),)

    @pytest.fixture(autouse=True)
    def _with_engine(self, engine: Any) -> None:
        self.environ = {"DOCKER_HOST": engine.host}

    def step(self, command: str, **container: Any) -> Step:
        return {"container": {"image": "box:1", "pullPolicy": "never", **container}, "command": command}

    def good_step(self) -> Step:
        return self.step("true")

    def failing_step(self) -> Step:
        return self.step("sh -c 'echo no >&2; exit 3'")

    def long_step(self) -> Step:
        return self.step("sleep 100")

    def printing_step(self, file: Path) -> Step:
        return self.step("cat /data/" + file.name, volumes=[f"{file.parent}:/data"])

    def echo_step(self, text: str) -> Step:
        quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")
        return self.step(f'printf %s "{quoted}"')

    def env_step(self, name: str) -> Step:
        return self.step(f'sh -c "printf %s \\"\\${name}\\""')

    def leaking_step(self, reference: str) -> Step:
        return self.step(f"{reference} x")

    def reattach_step(self, marker: Path) -> Step:
        line = "sh -c 'echo line >> /data/marker; sleep 3; echo done'"
        return self.step(line, volumes=[f"{marker.parent}:/data"])
