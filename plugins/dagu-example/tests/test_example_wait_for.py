"""What `wait-for` waits for, and what it says."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from dagu_core import InvalidDefinition
from dagu_core.testing.engine import Engine
from dagu_core.testing.harness import StepResult, run_step
from dagu_example import plugin
from dagu_example.executor import WaitFor

PACKAGE = Path(__file__).parents[1]


def wait_for(**config: Any) -> StepResult:
    step = {"type": "wait-for", "config": {"timeout": 20, "interval": 0.05, **config}}
    return run_step(step, plugins=[plugin])


def test_a_file_that_comes_later(tmp_path: Path) -> None:
    file = tmp_path / "late"
    timer = threading.Timer(0.5, file.touch)
    timer.start()
    result = wait_for(file=str(file))
    timer.join()
    assert result.status == "succeeded", result.step.error
    assert result.stdout == f"{file} is there\n".encode()


def test_a_port_that_opens_later() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = f"127.0.0.1:{server.getsockname()[1]}"
        timer = threading.Timer(0.5, server.listen)
        timer.start()
        result = wait_for(port=port)
        timer.join()
    assert result.status == "succeeded", result.step.error
    assert result.stdout == f"{port} is there\n".encode()


def test_both_must_be_there() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = f"127.0.0.1:{closed.getsockname()[1]}"
        result = wait_for(file=__file__, port=port, timeout=0.3)
    assert result.status == "failed" and result.stdout == f"{__file__} is there\n".encode()
    assert result.step.error == f"{port} was not there within 0.3 s"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "was not there within 0.2 s" in wait_for(file=str(tmp_path), timeout=0.2).step.error


def test_nothing_to_wait_for() -> None:
    result = wait_for()
    assert result.status == "failed" and "nothing to wait for" in result.step.error


@pytest.mark.parametrize("config", [{"port": "5432"}, {"port": "host:x"}, {"timeout": 0}, {"fiel": "x"}])
def test_what_is_refused_in_the_file(config: dict[str, Any]) -> None:
    with pytest.raises(InvalidDefinition):
        wait_for(**config)


def test_it_goes_on_waiting_after_its_engine_was_killed(tmp_path: Path) -> None:
    file = tmp_path / "late"
    step = {"type": "wait-for", "config": {"file": str(file), "timeout": 60}}
    with Engine(tmp_path / "home", (WaitFor,)) as engine:
        engine.start(step, {})
        engine.wait_for(engine.has_begun)
        engine.kill()
        file.touch()
        view = engine.recover()
    (found,) = view.steps
    assert (found.status.label, found.attempts) == ("succeeded", 1)


def test_an_author_writes_less_than_sixty_lines() -> None:
    lines = [
        line
        for name in ("plugin.py", "executor.py")
        for line in (PACKAGE / "dagu_example" / name).read_text().splitlines()
        if line.strip()
    ]
    assert len(lines) < 60
