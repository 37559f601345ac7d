"""A process that somebody has stopped (SIGSTOP): it lives, so it keeps what is its own, and is told."""

from __future__ import annotations

import os
import signal
import time

import pytest

from dagu_core.engine.liveness import living_pid
from dagu_core.engine.supervisor import SILENCE
from tests.faults.chaos import Home, within
from tests.faults.test_takeover import waiting_then_another


@pytest.mark.parametrize("frozen", ["start", "runner"])
def test_P13_a_frozen_engine_keeps_its_run_and_the_doctor_names_it(home: Home, frozen: str) -> None:
    dag = home.write("frozen", waiting_then_another("frozen"))
    env = {"DAGU_SCHEDULER_PORT": "0", "DAGU_WORKER_RUNNERS": "1"}
    service = home.begin("start-all", env=env)
    if frozen == "start":
        home.begin("start", "--run-id=r", dag)
    else:
        assert home.cli("enqueue", "--run-id=r", dag).code == 0
    within(20, home.ledger.steps)
    engine = home.stored("frozen").summary.engine
    pid = living_pid(home.path / "data", engine)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    within(10, lambda: "stands still" in home.cli("doctor").out)
    done = home.cli("doctor")
    assert (
        done.code == 1 and f"where: run frozen:r, pid {pid}\n" in done.out and f"kill -CONT {pid}" in done.out
    )
    assert f"{pid}, stands still" in home.cli("why", "frozen").out
    (home.root / "go").touch()
    within(10, lambda: home.ledger.steps("end") == ["a"])
    time.sleep(2 * SILENCE)
    summary = home.stored("frozen").summary
    assert (summary.engine, summary.recoveries, home.ledger.steps()) == (engine, 0, ["a"])
    os.kill(pid, signal.SIGCONT)
    within(10, lambda: home.status("frozen") == "succeeded")
    assert home.ledger.steps() == ["a", "b"]
    assert "stands still" not in home.cli("doctor").out
    service.send_signal(signal.SIGTERM)
    assert service.wait(30) == 0
