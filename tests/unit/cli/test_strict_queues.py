"""`queues.strict`: `dagu validate` finds each queue that is on no list; those in use take orders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run

Capture = pytest.CaptureFixture[str]
STRICT = "queues: {strict: true, config: [{name: q}]}\n"
FLOW = """\
queue: typo1
schedule:
  - {expression: "0 9 * * *", queue: typo2}
  - {expression: "0 8 * * *", queue: q}
triggers:
  - {type: file, watch: "in/*", queue: typo3}
steps:
  - {name: a, call: kid, queue: typo4}
  - {name: b, call: kid, queue: "${QUEUE}"}
handlerOn:
  exit: {call: kid, queue: typo5}
---
name: kid
queue: typo6
steps: ['true']
"""


@pytest.fixture
def dagu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command line; the DAG `flow` is there, and `config` is the configuration."""
    home = tmp_path / "home"
    (home / "dags").mkdir(parents=True)
    (home / "dags" / "flow.yaml").write_text(FLOW)
    for name in ("DAGU_HOME", "DAGU_CONFIG"):
        monkeypatch.delenv(name, raising=False)

    def dagu(*words: str, config: str = STRICT) -> int:
        (home / "config.yaml").write_text(config)
        return run(list(words), Invocation(home=str(home)))

    return dagu


def test_validate_finds_each_unknown_queue_with_its_place(dagu: Callable[..., int], capsys: Capture) -> None:
    assert dagu("validate", "flow", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert not told["valid"]
    found = [one for one in told["problems"] if one["code"] == "D112"]
    assert [(one["message"], one["line"], one["column"]) for one in found] == [
        (f"unknown queue 'typo{number}'", *place)
        for number, place in enumerate([(1, 8), (3, 38), (6, 40), (8, 33), (11, 28), (14, 8)], 1)
    ]
    assert found[0]["hint"].startswith("known: q, ")
    assert dagu("validate", "flow", config=STRICT.replace("true", "false")) == 0


def test_a_queue_in_use_takes_orders_whatever_the_list_says(
    dagu: Callable[..., int], capsys: Capture
) -> None:
    assert dagu("enqueue", "flow", "--run-id=r", config="") == 0
    assert dagu("queue", "pause", "typo1") == 0
    assert dagu("queue", "resume", "typo1") == 0
    assert dagu("queue", "pause", "typo9") == 2
    assert "unknown queue 'typo9', known: q" in capsys.readouterr().err
