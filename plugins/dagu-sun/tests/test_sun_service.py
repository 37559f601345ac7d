"""A real scheduler on a real clock: the sun is made to rise in some seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dagu_sun.events import SolarDay, Spot

SPOT = Spot(0.0, 10.0)
DAGU = [sys.executable, "-P", "-m", "dagu_core"]


def offset_to(due: int, event: str) -> str:
    """What must be added to the nearest event so that it is due then."""
    today = datetime.fromtimestamp(due, UTC).date()
    found = [SolarDay(SPOT, today + timedelta(days=day)).event(event) or 0.0 for day in (-1, 0, 1)]
    return f"{min((due - round(each) for each in found), key=abs):+d}s"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    own = {"DAGU_HOME": str(tmp_path), "HOME": str(tmp_path), "TZ": "UTC", "DAGU_SCHEDULER_PORT": "0"}
    place = {"DAGU_LOCATION_LAT": f"{SPOT.lat}", "DAGU_LOCATION_LON": f"{SPOT.lon}"}
    return {"PATH": os.environ["PATH"], **own, **place}


@contextmanager
def scheduling(env: dict[str, str], folder: Path) -> Iterator[None]:
    log = folder / "scheduler.log"
    with log.open("wb") as output:
        process = subprocess.Popen([*DAGU, "scheduler"], env=env, stdout=output, stderr=output)
    try:
        yield
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        process.wait(20)


def status(env: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run([*DAGU, "status", "sunny", "--json"], env=env, capture_output=True, text=True)
    return dict(json.loads(done.stdout)["run"]) if done.returncode in (0, 1) and done.stdout else {}


def test_it_starts_and_stops_a_dag_at_the_second(tmp_path: Path, env: dict[str, str]) -> None:
    start, stop = int(time.time()) + 7, int(time.time()) + 13
    text = f"""
schedule:
  start: "@noon{offset_to(start, "noon")}"
  stop: "@sunrise{offset_to(stop, "sunrise")}"
maxCleanUpTimeSec: 2
steps:
  - name: long
    command: sh -c 'date +%s.%N > {tmp_path}/began; exec sleep 60'
"""
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "sunny.yaml").write_text(text)
    with scheduling(env, tmp_path):
        deadline, found = time.monotonic() + 40, None
        while found not in (2, 3, 4) and time.monotonic() < deadline:
            time.sleep(0.5)
            found = status(env).get("status")
    assert found == 3, (found, (tmp_path / "scheduler.log").read_text())  # aborted
    began = float((tmp_path / "began").read_text())
    assert start <= began < stop
    run = status(env)
    assert run["dagRunId"] == datetime.fromtimestamp(start, UTC).strftime("sched-%Y%m%dT%H%M%SZ")
