"""The verbs on real runs: what they do, and what they say to a call that makes no sense."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run

FOUR = """
steps:
  - name: a
    command: echo a >> ran
  - name: b
    command: echo b >> ran; test -e mended
  - name: c
    command: echo c >> ran
  - name: d
    command: echo d >> ran
"""
SLOW = """
params: N=1
steps:
  - name: wait
    script: |
      echo "begun with $N" >> ran
      touch begun
      while [ ! -e go ]; do sleep 0.02; done
  - name: after
    command: echo after >> ran
"""


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Place:
    """A home, a folder to work in, and the command line."""

    home: Path
    work: Path
    call: Callable[..., Said]

    def write(self, text: str, name: str = "flow.yaml") -> None:
        (self.work / name).write_text(text)

    @property
    def ran(self) -> str:
        """What the steps have noted since it was last asked."""
        notes = self.work / "ran"
        text = notes.read_text() if notes.exists() else ""
        notes.unlink(missing_ok=True)
        return text.replace("\n", " ").strip()

    def in_background(self, *args: str) -> subprocess.Popen[bytes]:
        """A call in a process of its own, once its first step has begun."""
        code = "from dagu_core.cli.main import main; main()"
        process = subprocess.Popen(
            [sys.executable, "-c", code, *args],
            cwd=self.work,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while not (self.work / "begun").exists():
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.01)
        (self.work / "begun").unlink()
        return process


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Place:
    home, work = tmp_path / "home", tmp_path / "work"
    work.mkdir()
    for name in [name for name in os.environ if name.startswith("DAGU_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DAGU_HOME", str(home))
    monkeypatch.setenv("SHELL", "/bin/bash")
    monkeypatch.chdir(work)

    def call(*args: str) -> Said:
        code = run(list(args), Invocation())
        return Said(code, *capfd.readouterr())

    return Place(home, work, call)


def test_retry_runs_what_did_not_succeed(place: Place) -> None:
    place.write(FOUR)
    assert place.call("start", "-q", "flow.yaml", "-r", "r1").code == 1
    assert place.ran == "a b"
    (place.work / "mended").touch()
    said = place.call("retry", "flow", "-r", "r1")
    assert (said.code, place.ran) == (0, "b c d")
    assert "Result: Succeeded" in said.out
    attempts = place.call("status", "flow", "-r", "r1", "--json").data["attempts"]
    assert [one["statusLabel"] for one in attempts] == ["failed", "succeeded"]


@pytest.mark.parametrize(("flags", "again"), [((), "b"), (("--downstream",), "b c d")])
def test_retry_from_a_step(flags: tuple[str, ...], again: str, place: Place) -> None:
    place.write(FOUR)
    (place.work / "mended").touch()
    assert place.call("start", "-q", "flow.yaml", "-r", "r1").code == 0
    assert place.ran == "a b c d"
    assert place.call("retry", "-q", "flow.yaml", "-r", "r1", "--step", "b", *flags).code == 0
    assert place.ran == again


def test_restart_begins_a_new_run_with_the_same_parameters(place: Place) -> None:
    place.write(SLOW)
    old = place.in_background("start", "-q", "flow.yaml", "-r", "r1", "--", "N=7")
    restarted = place.in_background("restart", "-q", "flow")
    assert old.wait(20) == 1
    (place.work / "go").touch()
    assert restarted.wait(20) == 0
    assert place.ran == "begun with 7 begun with 7 after"
    runs = place.call("history", "flow", "--json").data
    assert [one["status"] for one in runs] == ["succeeded", "aborted"]
    assert {one["params"] for one in runs} == {"N=7"}


def test_recover_ends_what_a_dead_process_left(place: Place) -> None:
    place.write(SLOW)
    process = place.in_background("start", "-q", "flow.yaml", "-r", "r1")
    assert place.call("retry", "-q", "flow", "-r", "r1").code == 4
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    assert "process lost" in place.call("status", "flow").out
    assert "`dagu recover` takes it over" in place.call("why", "flow").out
    (place.work / "go").touch()
    said = place.call("recover")
    assert (said.code, said.out) == (0, "Recovered flow:r1: Succeeded\n")
    assert place.ran == "begun with 1 after"
    (attempt,) = place.call("status", "flow", "--json").data["attempts"]
    assert attempt["recovered"] == 1
    assert "run recovered" in place.call("status", "flow", "--events").out
    assert place.call("recover").out == "No run has lost its process\n"


def test_enqueue_and_dequeue(place: Place) -> None:
    place.write(FOUR)
    for name in ("q1", "q2"):
        assert place.call("enqueue", "flow.yaml", "-r", name, "-u", "heavy").code == 0
    assert place.call("enqueue", "flow.yaml", "-r", "q1").code == 4
    assert place.call("dequeue", "heavy", "-d", "flow:nope").code == 3
    assert place.call("dequeue", "heavy").out == "Dequeued flow:q1 from queue heavy\n"
    assert place.call("dequeue", "-d", "flow:q2").out == "Dequeued flow:q2 from queue heavy\n"
    said = place.call("dequeue", "-d", "flow:q2")
    assert (said.code, said.err) == (4, "Error: run flow:q2 does not wait\n")
    assert place.call("dequeue").code == 2
    said = place.call("dequeue", "heavy")
    assert (said.code, said.err) == (1, "Error: queue heavy is empty\n")
    assert [one["status"] for one in place.call("history", "--json").data] == ["aborted", "aborted"]
    assert place.ran == ""


def test_exec(place: Place) -> None:
    said = place.call(
        "exec", "-N", "once", "-E", "WHO=x y", "--", "sh", "-c", 'echo "$WHO $1"; exit 3', "sh", "z"
    )
    assert said.code == 1
    assert "stdout: x y z\n" in said.out
    assert place.call("history", "once", "--json").data[0]["status"] == "failed"


def test_cleanup(place: Place) -> None:
    place.write(FOUR)
    place.call("start", "-q", "flow.yaml", "-r", "r1")
    assert place.call("cleanup", "flow", "--dry-run").out.endswith('DAG "flow":\n  - r1\n')
    assert place.call("cleanup", "flow", "-y", "--retention-days", "1").out.startswith("Deleted 0")
    assert place.call("cleanup", "flow", "-y").out.startswith("Deleted 1")
    assert place.call("status", "flow").code == 3
    assert not list((place.home / "logs").rglob("*.out"))


def test_why(place: Place) -> None:
    place.write(FOUR)
    place.call("start", "-q", "flow.yaml")
    reasons = {one["subject"]: one["code"] for one in place.call("why", "flow", "--json").data}
    assert reasons["b"] == "exit_code" and reasons["c"] == "upstream_failed" and "a" not in reasons


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        ("start nope", 3, "there is no DAG 'nope'"),
        ("start flow.yaml -r r1", 4, "run id r1 already exists"),
        ("start flow.yaml -r bad/id", 2, "bad/id"),
        ("start flow.yaml --from-run-id nope", 3, "run flow:nope does not exist"),
        ("retry flow -r nope", 3, "run flow:nope does not exist"),
        ("retry other -r r1", 3, "run other:r1 does not exist"),
        ("retry flow -r r1 --step zz", 3, "has no step 'zz'"),
        ("restart flow", 1, "DAG flow is not running, current status: failed"),
        ("restart other", 3, "there is no DAG 'other'"),
        ("enqueue nope", 3, "there is no DAG 'nope'"),
        ("dequeue nope", 3, "there is no queue 'nope'"),
        ("stop nope", 3, "there is no DAG 'nope'"),
        ("stop flow -r nope", 3, "run flow:nope does not exist"),
        ("status other", 3, "there is no DAG 'other'"),
        ("status flow -r nope", 3, "run flow:nope does not exist"),
        ("status flow -r nope --events", 3, "run flow:nope does not exist"),
        ("why flow -r nope", 3, "run flow:nope does not exist"),
        ("exec --workdir /nowhere/at/all -- true", 3, "does not exist"),
        ("exec --dotenv nope.env -- true", 3, "does not exist"),
        ("dry nope", 3, "there is no DAG 'nope'"),
        ("validate nope", 3, "there is no DAG 'nope'"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(args: str, code: int, message: str, place: Place) -> None:
    place.write(FOUR)
    place.call("start", "-q", "flow.yaml", "-r", "r1")
    said = place.call(*args.split())
    assert said.code == code, said.err
    assert message in said.err and said.err.startswith("Error: ") and "Traceback" not in said.err
    assert said.out == ""


def test_the_file_tells_the_name_of_the_dag(place: Place) -> None:
    place.write("name: other_name\n" + FOUR, "file.yaml")
    place.call("start", "-q", "file.yaml", "-r", "r1")
    for verb in (["status", "file.yaml"], ["why", "file.yaml"], ["retry", "file.yaml", "-q", "-r", "r1"]):
        assert place.call(*verb).code in (0, 1), verb
    assert "dag: other_name" in place.call("status", "file.yaml").out
    assert place.call("status", "./nowhere.yaml").code == 3


def test_warnings_are_log_lines_unless_quiet(place: Place) -> None:
    place.home.mkdir()
    (place.home / "config.yaml").write_text("prot: 8080\n")
    place.write("otel: {enabled: true}\nsteps:\n  - command: echo a\n")
    said = place.call("start", "flow.yaml")
    warnings = [line for line in said.err.splitlines() if "level=WARN" in line]
    assert len(warnings) == 2
    assert "config.yaml:1:7: unknown key `prot`" in warnings[0]
    assert "flow.yaml:1:1: `otel` has no effect" in warnings[1]
    assert place.call("start", "-q", "flow.yaml") == Said(0, "", "")
    assert "`otel` has no effect" in place.call("status", "flow", "--events").out


def test_settings_without_a_file_are_no_reason_to_warn(place: Place) -> None:
    said = place.call("config")
    assert (said.code, said.err) == (0, "")


def test_a_missing_secret_is_named_once(place: Place) -> None:
    place.write("secrets: [{name: TOK, provider: env, key: NOPE_NOT_SET}]\nsteps:\n  - command: echo a\n")
    assert place.call("start", "-q", "flow.yaml").code == 1
    said = place.call("status", "flow")
    assert said.err == "Error: secret TOK: the environment variable NOPE_NOT_SET is not set\n"
