"""`dagu why` of whole runs: no end without a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run


def reasons_of(home: Path, text: str, capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[str, str]]:
    """What the command tells of a run of this DAG: subject -> (code, message)."""
    (home / "d.yaml").write_text(text)
    assert run(["start", "-q", str(home / "d.yaml")], Invocation(home=str(home))) == 1
    capsys.readouterr()
    assert run(["why", "--json", "d"], Invocation(home=str(home))) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return {one["subject"]: (one["code"], one["message"]) for one in found}


def test_a_failed_init_is_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "handlerOn: {init: {command: exit 3}}\nsteps: [{name: a, command: 'true'}]\n"
    found = reasons_of(tmp_path, text, capsys)
    assert found["run"] == ("init_failed", "its `handlerOn.init` failed, so no step began")
    assert found["a"][0] == "init_failed"


def test_every_unmet_precondition_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conditions = "[{condition: a, expected: b}, {condition: 'test 1 = 2'}, {condition: c, expected: c}]"
    text = f"preconditions: {conditions}\nsteps: [{{name: a, command: 'true'}}]\n"
    code, message = reasons_of(tmp_path, text, capsys)["run"]
    assert code == "precondition_unmet"
    assert message.startswith("`a`: ") and "; `test 1 = 2`: " in message and "`c`" not in message
