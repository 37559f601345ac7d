"""`dagu queue`, and the flags --queue and --priority, on a home of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run

Dagu = Callable[..., int]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def dagu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dagu:
    """The command line; the DAG `one` is there."""
    home = tmp_path / "home"
    (home / "dags").mkdir(parents=True)
    (home / "dags" / "one.yaml").write_text("queue: q\nsteps: ['true']\n")
    for name in ("DAGU_HOME", "DAGU_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("USER", "alice")
    monkeypatch.setenv("LOGNAME", "alice")

    def dagu(*words: str) -> int:
        return run(list(words), Invocation(home=str(home)))

    return dagu


def shape(dagu: Dagu, capsys: Capture, *words: str) -> Any:
    capsys.readouterr()
    assert dagu(*words, "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_history_of_a_queue(dagu: Dagu, capsys: Capture) -> None:
    """Where a run was sent to counts, not what its DAG names."""
    for run_id, words in (("a", ()), ("b", ("--queue=other",)), ("c", ()), ("d", ("--queue=other",))):
        assert dagu("enqueue", "one", f"--run-id={run_id}", *words) == 0

    def ids(*words: str) -> list[str]:
        return [one["dagRunId"] for one in shape(dagu, capsys, "history", *words)]

    assert (ids("--queue", "q"), ids("-u", "other")) == (["c", "a"], ["d", "b"])
    assert ids("one", "--queue=other", "--limit=1", "--status=queued") == ["d"]
    assert (ids("--queue=other", "--status=failed"), ids("--queue=nobody")) == ([], [])
    assert dagu("history", "--queue", "nobody") == 0
    assert capsys.readouterr().out == "No runs found\n"
    assert dagu("history", "--queue", "a/b") == 2
    assert "queue name 'a/b' must be" in capsys.readouterr().err


def test_a_queue_from_first_run_to_last(dagu: Dagu, capsys: Capture) -> None:
    assert dagu("queue", "list") == 0
    assert capsys.readouterr().out == "No queue is in use\n"
    assert shape(dagu, capsys, "enqueue", "one", "--run-id=a")["position"] == 1
    assert shape(dagu, capsys, "enqueue", "one", "--run-id=b", "--priority=high")["position"] == 1
    assert dagu("queue", "pause", "q", "--reason", "SFTP down") == 0
    assert dagu("queue", "set", "q", "--max-concurrency=3") == 0
    assert capsys.readouterr().out == "Paused queue q\nQueue q takes 3 runs at once\n"
    (queue,) = shape(dagu, capsys, "queue", "list")
    assert queue.pop("pausedAt").endswith("Z")
    assert queue == {
        "name": "q",
        "type": "dag-based",
        "maxConcurrency": 3,
        "runningCount": 0,
        "queuedCount": 2,
        "labels": {},
        "paused": True,
        "pausedBy": "alice",
        "pausedReason": "SFTP down",
        "maxConcurrencySet": 3,
    }
    assert dagu("queue", "move", "--run-id=a", "--front") == 0
    assert capsys.readouterr().out == "Run one:a is number 1 in queue q, priority 7\n"
    assert dagu("queue", "show", "q") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["q", "3", "0", "2", "-", *["paused", "by", "alice:", "SFTP", "down"]]
    assert [line.split()[:3] for line in lines[4:]] == [["1", "one:a", "7"], ["2", "one:b", "7"]]
    assert lines[4].endswith("queue q is paused by alice: SFTP down")
    assert dagu("queue", "move", "--run-id=b", "--to=p", "--priority=2") == 0
    assert "Run one:b is number 1 in queue p, priority 2" in capsys.readouterr().out
    assert dagu("queue", "resume", "q") == 0 and dagu("queue", "set", "q", "--reset") == 0
    assert [item["dagRunId"] for item in shape(dagu, capsys, "queue", "show", "q")["items"]] == ["a"]
    assert dagu("dequeue", "q") == 0
    assert shape(dagu, capsys, "queue", "show", "q")["items"] == []


def test_queues_are_found_by_the_labels_of_the_settings(dagu: Dagu, capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "home" / "config.yaml").write_text(
        "queues: {config: [{name: q, labels: {team: data, tier: 1}}, {name: p, labels: team=data},"
        " {name: plain}]}"
    )

    def names(*words: str) -> list[str]:
        return [one["name"] for one in shape(dagu, capsys, "queue", "list", *words)]

    assert names() == ["p", "plain", "q"]
    assert names("--label=team=data") == ["p", "q"]
    assert names("--label=team=data", "--label", "tier=1") == ["q"]
    assert names("--label=team=other") == []
    assert shape(dagu, capsys, "queue", "show", "q")["labels"] == {"team": "data", "tier": "1"}
    assert dagu("queue", "list", "--label=tier=1") == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["q", "1", "0", "0", "team=data,tier=1", "open"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("queue", "show", "none"), 3),
        (("queue", "list", "--label=team"), 2),
        (("queue", "move", "--run-id=none", "--front"), 3),
        (("queue", "move", "--run-id=x"), 2),
        (("queue", "move", "--run-id=x", "--front", "--back"), 2),
        (("queue", "set", "q"), 2),
        (("queue", "set", "q", "--reset", "--max-concurrency=2"), 2),
        (("queue", "set", "q", "--max-concurrency=0"), 2),
        (("queue", "pause", "a b"), 2),
        (("queue", "pause", "q", "--until="), 2),
        (("queue", "pause", "q", "--until=soon"), 2),
        (("queue", "pause", "q", "--until=0s"), 2),
        (("queue", "pause", "q", "--until=2020-01-01"), 2),
        (("queue", "pause", "q", "--until=99999999d"), 2),
        (("enqueue", "one", "--priority=10"), 2),
        (("enqueue", "one", "--priority=urgent"), 2),
        (("enqueue", "one", "--queue=a/b"), 2),
    ],
)
def test_what_makes_no_sense_is_refused(dagu: Dagu, words: tuple[str, ...], code: int) -> None:
    assert dagu(*words) == code


def test_a_pause_with_an_end(dagu: Dagu, capsys: Capture) -> None:
    assert dagu("queue", "pause", "q", "--until=2h", "--reason=SFTP down") == 0
    said = capsys.readouterr().out
    (queue,) = shape(dagu, capsys, "queue", "list")
    assert said == f"Paused queue q until {queue['pausedUntil']}\n"
    assert (queue["paused"], queue["pausedReason"]) == (True, "SFTP down")
    assert dagu("queue", "list") == 0
    assert f"paused by alice until {queue['pausedUntil']}: SFTP down" in capsys.readouterr().out
    ordered = shape(dagu, capsys, "queue", "pause", "q", "--until=2099-01-01T08:00:00Z")
    assert ordered["pausedUntil"].startswith("2099-01-01T")
    assert "pausedUntil" not in shape(dagu, capsys, "queue", "pause", "q")
    assert dagu("queue", "pause", "q", "--until=2020-01-01") == 2
    assert "--until: '2020-01-01' is over already" in capsys.readouterr().err


def test_a_run_that_has_begun_is_not_moved(dagu: Dagu, capsys: Capture) -> None:
    assert dagu("start", "-q", "one", "--run-id=r") == 0
    assert dagu("queue", "move", "--run-id=r", "--to=p") == 4
    assert "waits in no queue any more: it is succeeded" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["start", "exec"])
def test_queue_and_priority_are_kept_with_the_run(dagu: Dagu, capsys: Capture, verb: str) -> None:
    words = ["one"] if verb == "start" else ["--name=one", "--", "true"]
    assert dagu(verb, "-q", "--queue=backlog", "--priority=low", "--run-id=r", *words) == 0
    assert dagu("retry", "-q", "--run-id=r", "one") == 0
    assert dagu("retry", "-q", "--run-id=r", "--queue=third", "--priority=9", "one") == 0
    status = shape(dagu, capsys, "status", "one", "--run-id=r")["run"]
    assert status["queue"] == "third" and status["queueOverridden"] is True
