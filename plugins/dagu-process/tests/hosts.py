"""Hosts, runs and processes of the tests."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagu_core.base.settings import Settings
from dagu_core.contracts.host import PluginHost
from dagu_core.contracts.report import PluginReport
from dagu_core.testing.harness import StepResult, environment, run_step
from dagu_process import plugin


def host_of(home: Path, *paths: Path, **more: str) -> PluginHost:
    """The plugins of a home with these executables."""
    settings = Settings.load(environ=environment(home, {**listed(*paths), **more}))
    return PluginHost.of(settings, plugins=[plugin], discover=False)


def report_of(home: Path, path: Path) -> PluginReport:
    """How the executable fares."""
    (report,) = [each for each in host_of(home, path).reports if each.package == str(path)]
    return report


def run(path: Path, *, config: Mapping[str, Any] | None = None, word: str = "odd", **more: Any) -> StepResult:
    """Run one step of the executable's type."""
    keys = {key: more.pop(key) for key in list(more) if key in ("output", "retryPolicy", "timeoutSec")}
    step = {"type": word, **({"config": dict(config)} if config else {}), **keys}
    environ = {**listed(path), **more.pop("environ", {})}
    return run_step(step, plugins=[plugin], environ=environ, **more)


def listed(*paths: Path) -> dict[str, str]:
    """The environment that names the executables."""
    return {"DAGU_PLUGINS_EXECUTABLES": ",".join(map(str, paths))}


def left_alive(*marks: str, limit: float = 10) -> list[str]:
    """Command lines of processes that hold one of `marks` and still live after `limit` seconds: a
    process that was killed may take a moment to be gone."""
    until = time.monotonic() + limit
    while (found := [line for mark in marks for line in _alive(mark)]) and time.monotonic() < until:
        time.sleep(0.02)
    return found


def _alive(mark: str) -> list[str]:
    found = []
    for entry in os.listdir("/proc"):
        try:
            line = Path(f"/proc/{entry}/cmdline").read_bytes()
        except OSError:
            continue
        if entry.isdigit() and int(entry) != os.getpid() and mark.encode() in line:
            found.append(line.decode("utf-8", "replace"))
    return found


def dag(file: Path, *steps: Mapping[str, Any]) -> Path:
    """A DAG of these steps, one after the other unless they say otherwise."""
    file.write_text(json.dumps({"steps": list(steps)}), "utf-8")
    return file
