"""Who may import whom, and how little the command line imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT

HEAVY = [
    "croniter",
    "docker",
    "httpx",
    "jsonschema",
    "litestar",
    "paramiko",
    "requests",
    "rich",
    "sqlalchemy",
    "sqlmodel",
    "uvicorn",
]


def test_the_floors_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", ["dagu_core", "dagu_core.cli.main"])
def test_importing_stays_light(module: str) -> None:
    code = f"import sys, {module}; print('|'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(loaded.stdout.strip().split("|"))
    assert module in modules
    assert sorted(modules.intersection(HEAVY)) == []
