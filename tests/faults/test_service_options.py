"""What services are told on the command line and by signals, and what of it reaches their runners."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from urllib.request import urlopen

import pytest

from dagu_core.app.services import services
from tests.faults.chaos import Home, kill, within

QUICK = "queue: q\nsteps: [{name: a, command: 'mark start; mark end'}]"
LONG = "queue: q\nsteps: [{name: a, command: 'mark start; while [ ! -e $DAG_ROOT/go ]; do sleep 0.05; done'}]"
ENV = {"DAGU_SCHEDULER_PORT": "0", "DAGU_WORKER_RUNNERS": "1", "DAGU_WORKER_DRAIN_GRACE": "40s"}


@pytest.mark.parametrize("service", ["worker", "scheduler", "start-all"])
def test_a_second_signal_ends_a_service_at_once(home: Home, service: str) -> None:
    dag = home.write("long", LONG)
    process = home.begin(service, env=ENV)
    assert home.cli("enqueue", "--run-id=r", dag).code == 0
    within(20, home.ledger.steps)
    # Without that the grace of its run would keep it.
    within(15, lambda: is_over(process))
    assert process.returncode == 128 + signal.SIGTERM
    (home.root / "go").touch()
    within(10, lambda: home.status("long") == "succeeded")


def is_over(process: subprocess.Popen[str]) -> bool:
    """Whether it has ended; tells it once more to end."""
    process.send_signal(signal.SIGTERM)
    return process.poll() is not None


def test_what_a_worker_is_told_reaches_its_runners_and_its_runs(home: Home) -> None:
    dag = home.write("quick", QUICK)
    words = ("-w", "wanda", "-m", "7", "--worker.labels", "zone=a,gpu=true")
    process = home.begin("worker", *words, env=ENV)
    assert home.cli("enqueue", "--run-id=r", dag).code == 0
    within(20, lambda: home.status("quick") == "succeeded")
    assert home.stored("quick").summary.worker == "wanda"
    (runner,) = home.ask(lambda app: services(app, "runner"))
    assert runner.details["worker"] == "wanda" and runner.details["most"] == 7
    assert runner.details["labels"] == {"zone": "a", "gpu": "true"}
    assert "0 of 7 runs" in (told := home.cli("doctor").out) and "wanda   zone=a,gpu=true" in told
    (service,) = json.loads(home.cli("doctor", "--json").out)["services"]
    assert (service["kind"], service["worker"], service["pid"]) == ("runner", "wanda", runner.pid)
    assert kill(process, signal.SIGTERM) == 0


def test_a_worker_without_a_name_is_its_host_and_pid(home: Home) -> None:
    dag = home.write("quick", QUICK)
    process = home.begin("worker", env=ENV)
    assert home.cli("enqueue", "--run-id=r", dag).code == 0
    within(20, lambda: home.status("quick") == "succeeded")
    assert home.stored("quick").summary.worker == f"{os.uname().nodename}@{process.pid}"
    assert kill(process, signal.SIGTERM) == 0
    assert home.cli("retry", "--run-id=r", "--step=a", "--worker-id=me", dag).code == 0
    assert home.stored("quick").summary.worker == "me"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-m", "0"), "'0' is not a whole number from 1 on"),
        (("-l", "gpu"), "'gpu' is not of the form name=value"),
    ],
)
def test_what_a_worker_cannot_be_told(home: Home, words: tuple[str, ...], said: str) -> None:
    done = home.cli("worker", *words)
    assert done.code == 2 and said in done.err


@pytest.mark.parametrize("service", ["scheduler", "start-all"])
def test_another_folder_of_dags_holds_for_runners_as_well(home: Home, service: str) -> None:
    folder = home.root / "flows"
    folder.mkdir()
    (folder / "tick.yaml").write_text('schedule: "* * * * * *"\nsteps: [{call: kid}]\n')
    (folder / "kid.yaml").write_text("steps: [{name: k, command: mark start}]\n")
    process = home.begin(service, "--dags=flows", env=ENV)
    within(20, home.ledger.steps)
    (folder / "tick.yaml").unlink()
    within(10, lambda: not home.running())
    assert kill(process, signal.SIGTERM) == 0


def test_the_next_leader_of_a_host_has_the_health_page(home: Home) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    env = ENV | {"DAGU_SCHEDULER_PORT": str(port)}
    first = home.begin("scheduler", "--no-runners", env=env)
    within(15, lambda: leads(port) == first.pid)
    second = home.begin("scheduler", "--no-runners", env=env)
    within(15, lambda: "no health page" in (home.root / "said").read_text())
    kill(first)
    within(15, lambda: leads(port) == second.pid)
    assert kill(second, signal.SIGTERM) == 0


def leads(port: int) -> int:
    """The pid of the leader that answers there, 0 = nobody does."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            told = json.load(answer)
    except OSError:
        return 0
    return int(told["pid"]) if told["leader"] else 0
