"""Whatever ends a step, or the engine under it: every container ran once, and none is left."""

from __future__ import annotations

import calendar
import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from dagu_docker.order import Order
from dagu_docker.verdict import Verdict

BOX = "image: box:1, pullPolicy: never"


def _running(engine: Any, container: str, what: str) -> int:
    return sum(what in row[-1] for row in engine.api.top(container)["Processes"])


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_a_killed_engine_during_a_step_of_twenty_seconds(lab: Any, engine: Any, wait: Any) -> None:
    process = lab.start(f"""
        steps:
          - name: one
            container: {{{BOX}, volumes: ['.:/out']}}
            command: sh -c 'echo begun >> /out/ledger; echo line 3; sleep 20; echo over >> /out/ledger'
          - {{name: two, container: {{{BOX}}}, command: echo after}}
        """)
    lab.until_written("one")
    (container,) = [each["Id"] for each in engine.api.containers()]
    process.kill()
    process.wait()
    assert (lab.root / "ledger").read_text() == "begun\n"
    ran = lab.end(lab.begin("recover"))
    assert (ran.status(), ran.status("one"), ran.step("one").attempts) == ("succeeded", "succeeded", 1)
    assert (ran.out("one"), ran.out("two")) == ("line 3\n", "after\n")
    assert (lab.root / "ledger").read_text() == "begun\nover\n"
    assert [each["id"] for each in _events(engine, "start", "one")] == [container]


def _events(engine: Any, what: str, step: str) -> list[Any]:
    """What the Docker engine remembers about the containers of a step of this run."""
    filters = {"event": what, "label": ["dagu.run=r", f"dagu.step={step}"]}
    now = calendar.timegm(time.strptime(engine.api.info()["SystemTime"][:19], "%Y-%m-%dT%H:%M:%S"))
    return list(engine.api.events(since=now - 300, until=now, filters=filters, decode=True))


BOTH = "sh -c 'trap : TERM; echo line 3; (sleep 778 &); while :; do sleep 778; done'"
CHILD = "sh -c '(trap : TERM; while :; do sleep 778; done) > /dev/null 2>&1 & echo line 3; sleep 778'"
STEPS = {
    "fresh": (f"container: {{{BOX}}}", f'["{BOTH}"]'),
    "several": (f"container: {{{BOX}}}", f'["{BOTH}", "echo never"]'),
    "shared": ("description: in the container of the DAG", f'["{BOTH}"]'),
    "theirs": ("container: theirs", f'["{BOTH}"]'),
    "theirs2": ("container: theirs", f'["{CHILD}"]'),
    "older": ("type: docker, config: {image: box:1, pull: never, autoRemove: true}", f'["{BOTH}"]'),
}


def test_the_process_of_a_step_carries_nothing_it_does_not_need(lab: Any) -> None:
    """Docker's library would load paramiko, and with it a library of ciphers."""
    process = lab.start(f"""
        steps: [{{name: one, container: {{{BOX}}}, command: "sh -c 'echo line 3; sleep 600'"}}]
        """)
    lab.until_written("one")
    folders = [Path(f"/proc/{pid}") for pid in lab.processes()]
    (worker,) = [one for one in folders if b"dagu_docker.work" in (one / "cmdline").read_bytes()]
    loaded = (worker / "maps").read_text()
    lab.call("stop", "flow")
    lab.end(process)
    assert "_ssl." in loaded and "cryptography" not in loaded


@pytest.mark.parametrize("how", ["timeout", "stop"])
def test_no_container_and_no_command_is_left_whatever_ends_the_step(
    lab: Any, engine: Any, wait: Any, how: str
) -> None:
    """Commands, or their children, that ignore what they are asked."""
    theirs = engine.run("theirs", "sleep", "1000")
    limit = "timeoutSec: 5, " if how == "timeout" else ""
    steps = [
        f"  - {{name: {name}, {target}, {limit}continueOn: failed, command: {command}}}"
        for name, (target, command) in STEPS.items()
    ]
    head = ["type: graph", "maxCleanUpTimeSec: 2", f"container: {{{BOX}}}", "steps:"]
    try:
        process = lab.start("\n".join([*head, *steps]))
        lab.until_written(" ".join(STEPS))
        if how == "stop":
            lab.call("stop", "flow")
        ran = lab.end(process)
        ended = {name: (ran.status(name), ran.step(name).exit_code) for name in STEPS}
        if how == "timeout":
            assert ended == dict.fromkeys(STEPS, ("failed", 124))
        else:
            assert {status for status, _ in ended.values()} == {"aborted"}
        assert _running(engine, theirs, "sleep 778") == 0
        assert engine.names() == ["theirs"]
    finally:
        engine.api.remove_container("theirs", force=True)


def test_a_mistake_of_ours_is_an_end_and_not_done_again(engine: Any, tmp_path: Path) -> None:
    """Without a verdict the attempt would seem to have been killed, and be taken over."""
    code = (
        "import json, sys\n"
        "from dagu_docker import work\n"
        "work._carried_out = lambda *rest: 1 / 0\n"
        "sys.exit(work.run(json.loads(sys.argv[1])))\n"
    )
    order = json.dumps(asdict(Order("fresh", {}, str(tmp_path), "some-key")))
    done = subprocess.run([sys.executable, "-c", code, order], check=False)
    verdict = Verdict.read(tmp_path)
    assert verdict is not None and not (tmp_path / "hold").exists()
    assert (done.returncode, verdict.ended) == (125, "error")
    assert verdict.message == "ZeroDivisionError: division by zero"
