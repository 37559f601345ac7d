"""The contract of step types on PostgreSQL, and that nothing is left behind on the server."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from dagu_sql.executor import PostgresExecutor

from .contract import ServerContract
from .databases import Target
from .servers import BUSY


class TestPostgres(ServerContract):
    """The suite of every step type."""

    executor = PostgresExecutor
    pause = "SELECT pg_sleep({})"
    quoting = "SELECT :text::int"

    @pytest.fixture(autouse=True)
    def _server(self, postgres: Target) -> None:
        self.server = postgres


def idle(postgres: Target, until: Any) -> None:
    """Wait until no connection of ours is left."""
    until(lambda: postgres.ask(BUSY) == [], 5)


@pytest.mark.parametrize("transaction", [True, False])
def test_a_stop_cancels_on_the_server_and_rolls_back(
    postgres: Target, until: Any, table: str, transaction: bool
) -> None:
    postgres.ask(f"CREATE TABLE {table} (id integer)")
    sql = [f"INSERT INTO {table} VALUES (1)", "SELECT pg_sleep(60)"]
    seen: list[Any] = []
    watching = threading.Thread(
        target=lambda: seen.append(until(lambda: postgres.ask(f"{BUSY} AND state = 'active'")))
    )
    watching.start()
    result = postgres.start(sql, stop_after=4.0, transaction=transaction)
    watching.join()
    assert seen and seen[0], "the statement never ran"
    assert (result.status, result.left) == ("aborted", ())
    assert result.stopping < 3
    idle(postgres, until)
    assert postgres.ask(f"SELECT count(*) FROM {table}") == [(0 if transaction else 1,)]


def test_a_timeout_of_the_step_cancels_on_the_server(postgres: Target, until: Any) -> None:
    step = {**postgres.step("SELECT pg_sleep(60)"), "timeoutSec": 1}
    result = postgres.engine(step)
    assert (result.status, result.step.exit_code) == ("failed", 124)
    idle(postgres, until)


def test_a_stop_while_waiting_for_a_lock(postgres: Target, holding: Any, until: Any) -> None:
    with holding(postgres, "mine"):
        result = postgres.start("SELECT 1", stop_after=1.0, advisoryLock="mine", timeout=0)
        assert result.status == "aborted"
        idle(postgres, until)


def test_a_killed_step_leaves_no_query(postgres: Target, until: Any, tmp_path: Path) -> None:
    request = tmp_path / "request.json"
    config = postgres.step(timeout=0)["config"]
    data = {"kind": "postgres", "texts": ["SELECT pg_sleep(60)"], "config": config, "signal": 15, "grace": 5}
    request.write_text(json.dumps(data))
    code = f"from dagu_core.contracts.work import run; run('dagu_sql.work:run', {str(request)!r})"
    process = subprocess.Popen([sys.executable, "-c", code])
    until(lambda: postgres.ask(f"{BUSY} AND state = 'active'"))
    assert not request.exists()
    process.send_signal(signal.SIGKILL)
    process.wait()
    idle(postgres, until)
