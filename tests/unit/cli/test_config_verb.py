"""`dagu config` helps most when something in the configuration is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run

Capture = pytest.CaptureFixture[str]
WRONG = "scheduler: {port: x}\nui: {maxDashboardPageLimit: many}\nworker: {id: wanda}\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(WRONG)
    return tmp_path


def test_all_that_is_refused_is_told_and_the_rest_is_shown(home: Path, capsys: Capture) -> None:
    assert run(["config"], Invocation(home=str(home))) == 1
    shown = capsys.readouterr()
    (worker,) = (line.split() for line in shown.out.splitlines() if line.startswith("worker.id "))
    assert worker == ["worker.id", "wanda", f"{home / 'config.yaml'}:3:14"]
    assert "scheduler.port" not in shown.out and str(home / "dags") in shown.out
    first, second, hint = shown.err.splitlines()
    assert first.startswith(f"Error: {home / 'config.yaml'}:1:19: scheduler.port: ")
    assert second.startswith(f"Error: {home / 'config.yaml'}:2:29: ui.maxDashboardPageLimit: ")
    assert hint.startswith("Hint: ")


def test_programs_are_told_the_same(home: Path, capsys: Capture) -> None:
    assert run(["config", "--json"], Invocation(home=str(home))) == 1
    document = json.loads(capsys.readouterr().out)
    assert [each.partition(": ")[2].partition(":")[0] for each in document["errors"]] == [
        "scheduler.port",
        "ui.maxDashboardPageLimit",
    ]
    (home / "config.yaml").write_text("")
    assert run(["config", "--json"], Invocation(home=str(home))) == 0
    assert json.loads(capsys.readouterr().out)["errors"] == []
