"""A real scheduler with real runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dagu_core.testing.scheduler import SchedulerHome

from .servers import PASSWORD, Server


class Service(SchedulerHome):
    """A home with a DAG that notes each file of a server."""

    def write(self, server: Server, **more: Any) -> None:
        given = {"watch": f"{server.at}*.csv", "settle": 0, "pollInterval": "200ms", **more}
        entry = {"type": server.kind, **server.config(**given)}
        dag = {
            "secrets": [{"name": "FTP_PASSWORD", "provider": "env", "key": "PARTNER_PASSWORD"}],
            "triggers": [entry],
            "steps": [{"command": f'echo "$DAGU_FILE_TRIGGER_NAME" >> {self.home}/out'}],
        }
        lines = (f"{key}: {json.dumps(value)}\n" for key, value in dag.items())
        (self.home / "dags/inbox.yaml").write_text("".join(lines))

    def runs(self) -> int:
        listed = json.loads(self.dagu("history", "inbox", "--json"))
        return len(listed["runs"] if isinstance(listed, dict) else listed)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path, {"PARTNER_PASSWORD": PASSWORD}) as made:
        yield made


@pytest.mark.parametrize("kind", ["vsftpd", "sshd", "ftps"])
def test_three_files_are_three_runs_whatever_is_killed(
    service: Service, kind: str, request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue(kind)
    if kind == "vsftpd":
        service.write(server, password="${FTP_PASSWORD}")
    else:
        service.write(server)
    process = service.start()
    service.until(service.watched, "the trigger works")
    (server.root / "0.csv").write_text("a")
    service.until(lambda: service.lines("out") == ["0.csv"], "the first run")
    service.kill(process)
    for number in (1, 2, 3):
        (server.root / f"{number}.csv").write_text("a")
    service.start()
    service.until(lambda: len(service.lines("out")) >= 4, "three more runs")
    time.sleep(1)  # five empty looks
    assert sorted(service.lines("out")) == [f"{number}.csv" for number in range(4)]
    assert service.runs() == 4
    assert PASSWORD not in "".join(service.lines("log"))


def test_a_server_that_is_away_leaves_a_reason_and_no_history(
    service: Service, own_vsftpd: Callable[..., Server]
) -> None:
    server = own_vsftpd()
    service.write(server)
    service.start()
    service.until(service.watched, "the trigger works")
    server.kill()
    service.until(lambda: "next try is in" in service.dagu("schedule", "list"), "the reason is told")
    assert PASSWORD not in service.dagu("schedule", "list")
    assert service.runs() == 0
    server.begin()
    (server.root / "late.csv").write_text("a")
    service.until(lambda: service.lines("out") == ["late.csv"], "the run")
    assert "Traceback" not in "".join(service.lines("log"))
