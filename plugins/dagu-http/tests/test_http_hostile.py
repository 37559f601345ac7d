"""Servers that stall, drip, send without end or hang up (X04)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest


def test_X04_nobody_listens(ask: Any) -> None:
    result = ask("GET http://127.0.0.1:1/")
    assert (result.status, result.step.exit_code) == ("failed", 1)
    assert result.step.error == "http://127.0.0.1:1/: cannot connect: Connection refused"


def test_X04_a_connection_that_is_never_made(ask: Any) -> None:
    import socket

    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port, filling = deaf.getsockname()[1], []
        for _ in range(3):  # a full queue: the kernel answers nobody else
            each = socket.socket()
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
            filling.append(each)
        result = ask(f"GET http://127.0.0.1:{port}/", connectTimeout=0.5)
        for each in filling:
            each.close()
    assert result.step.error == f"http://127.0.0.1:{port}/: no connection within 0.5 s"


@pytest.mark.parametrize("path", ["stall", "half"])
def test_X04_a_server_that_stalls_is_left_after_the_idle_time(ask: Any, site: Any, path: str) -> None:
    result = ask(f"GET {site.url}/{path}", idleTimeout=0.5)
    assert (result.status, result.step.exit_code) == ("failed", 1)
    assert result.step.error == f"{site.url}/{path}: nothing came for 0.5 s (`idleTimeout`)"
    assert result.left == ()


@pytest.mark.parametrize("path", ["drip", "drip-head", "stall", "half"])
def test_X04_no_server_can_exceed_the_timeout(ask: Any, site: Any, path: str) -> None:
    began = time.monotonic()
    result = ask(f"GET {site.url}/{path}", timeout=1)
    assert "not done within 1 s; the server may go on with it" in result.step.error
    assert time.monotonic() - began < 10
    assert result.left == ()


def test_X04_the_body_of_a_redirect_is_not_waited_for(ask: Any, site: Any) -> None:
    assert ask(f"GET {site.url}/endless-redirect", timeout=5).status == "succeeded"


def test_X04_a_dripping_server_cannot_exceed_the_limit_of_the_step(ask: Any, site: Any) -> None:
    result = ask(f"GET {site.url}/drip", step={"timeoutSec": 1})
    assert (result.status, result.step.exit_code) == ("failed", 124)
    assert result.stdout.startswith(b"200 OK\n") and b"..." in result.stdout
    assert b"the request was given up; the server may go on with it" in result.stderr


@pytest.mark.parametrize(
    ("path", "said"),
    [("cut", "the connection broke"), ("slam?times=9", "the connection broke"), ("garbage", "broke")],
)
def test_X04_a_server_that_breaks_off(ask: Any, site: Any, path: str, said: str) -> None:
    result = ask(f"GET {site.url}/{path}")
    assert result.status == "failed" and said in result.step.error


def test_X04_a_capture_holds_what_the_limit_allows(ask: Any, site: Any) -> None:
    result = ask(f"GET {site.url}/bytes/1048577", silent=True, step={"output": "BODY"})
    assert result.status == "failed"
    assert result.step.error == "output exceeded maximum size limit of 1048576 bytes"
    assert len(result.stdout) == 1048577


SMALL = """
import resource, sys
from dagu_core.testing.harness import offering, run_step
from dagu_http.executor import HttpExecutor

def ask(path, **config):
    step = {"type": "http", "command": f"GET {sys.argv[1]}/{path}", "config": config}
    keep = None if config.get("json") else sys.argv[2]
    result = run_step(step, plugins=[offering(HttpExecutor)], keep=keep)
    print(result.status, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10, result.step.error)
"""


def _measured(site: Any, tmp_path: Path, path: str, **config: Any) -> tuple[str, int, str]:
    """(status, growth of the memory in MiB, error) of a request in a process of its own."""
    script = f"{SMALL}\nask('ok')\nask({path!r}, **{config!r})"
    argv = [sys.executable, "-c", script, site.url, str(tmp_path / "log")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=50, check=True)
    (_, before, *_), (status, after, *error) = (line.split(" ", 2) for line in done.stdout.splitlines())
    return status, int(after) - int(before), "".join(error)


def test_X04_two_hundred_megabytes_go_to_the_log_in_flat_memory(site: Any, tmp_path: Path) -> None:
    status, growth, error = _measured(site, tmp_path, f"bytes/{200 << 20}", silent=True)
    assert (status, error) == ("succeeded", "")
    assert (tmp_path / "log").stat().st_size == 200 << 20
    assert growth < 32


def test_X04_a_packed_bomb_opens_in_flat_memory_and_stops_at_the_limit(site: Any, tmp_path: Path) -> None:
    status, growth, error = _measured(site, tmp_path, f"bomb/{100 << 20}", silent=True)
    assert (status, error, (tmp_path / "log").stat().st_size) == ("succeeded", "", 100 << 20)
    assert growth < 32
    status, growth, error = _measured(site, tmp_path, f"bomb/{100 << 20}", maxBodyBytes=1 << 20)
    assert status == "failed" and "maxBodyBytes" in error and growth < 32


def test_X04_a_packed_bomb_of_json_stops_at_sixteen_megabytes(site: Any, tmp_path: Path) -> None:
    status, growth, error = _measured(site, tmp_path, f"bomb/{100 << 20}", json=True)
    assert status == "failed" and f"more than {16 << 20} bytes" in error and growth < 64


def test_no_file_stays_open(ask: Any, site: Any) -> None:
    ask(f"GET {site.url}/ok")
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for path in ("ok", "status/500", "cut", "garbage", "redirect?to=/ok"):
        ask(f"GET {site.url}/{path}")
    after = len(os.listdir("/proc/self/fd")) if before else 0
    assert after <= before + 5  # the server's own ends may close a moment later
