"""Rows P48 and S01-S13: full and read-only disks, removed logs, much output, odd bytes."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from tests.faults.step_home import StepHome, within

FULL = os.environ.get("DAGU_FULL") == "1"
SECRET = "secrets: [{name: TOK, provider: env, key: MY_TOKEN}]\n"


@pytest.mark.parametrize("how", ["log folder", "all logs"])
@pytest.mark.parametrize("head", ["", SECRET], ids=["direct", "filtered"])
def test_P48_a_removed_log_is_made_anew(here: StepHome, how: str, head: str) -> None:
    here.environ["MY_TOKEN"] = "something"
    what = '"$(dirname "$DAG_RUN_STEP_STDOUT_FILE")"' if how == "log folder" else "$DAGU_HOME/logs"
    text = (
        f"{head}steps:\n  - name: a\n    command: |\n"
        f"      echo before; sleep 0.7; rm -rf {what}; touch $DAG_READY\n"
        "      for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.2; echo line $i; done\n"
        "  - {name: b, command: echo next}"
    )
    process = here.begin("start", "--run-id", "r1", str(here.write(text)))
    within(15, here.is_running)
    log = here.home / "logs"
    within(2.5, lambda: any(b"removed" in path.read_bytes() for path in log.rglob("a.*.out")))
    assert here.end(process).code == 0
    written = here.log_of("a").decode()
    assert "this log was removed while the step ran" in written
    assert "line 10\n" in written
    assert written.index("line 9\n") < written.index("line 10\n")
    assert here.log_of("b") == b"next\n"
    assert "DAG run finished" in here.run_log()


def test_S09_two_hundred_megabytes_in_flat_memory(here: StepHome) -> None:
    size = 200_000_000
    process = here.begin(
        "start", "-q", str(here.write(f"steps:\n  - {{name: a, command: yes 0123456789 | head -c {size}}}"))
    )
    peak = 0
    begin = time.monotonic()
    while process.poll() is None:
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                peak = max(peak, int(line.split()[1]))
        time.sleep(0.02)
    assert here.end(process).code == 0
    assert (time.monotonic() - begin < 15, peak < 80_000) == (True, True), peak
    assert Path(here.step("a")["stdout"]).stat().st_size == size


@pytest.mark.parametrize("head", ["", SECRET], ids=["direct", "filtered"])
def test_S10_a_log_keeps_its_beginning_and_its_end(here: StepHome, head: str) -> None:
    size, limit = (2 << 30, 1 << 30) if FULL else (40_000_000, 10_000_000)
    here.environ |= {"DAGU_LOG_LIMIT": str(limit), "MY_TOKEN": "something"}
    done = here.run(
        f"{head}steps:\n  - name: a\n    command: |\n      yes 0123456789 | head -c {size // 2}; sleep 0.7\n"
        f"      yes 0123456789 | head -c {size // 2}; echo; echo the end"
    )
    assert done.code == 0, done.err[-500:]
    log = Path(here.step("a")["stdout"])
    with log.open("rb") as file:
        kept = log.stat().st_size
        assert limit + (1 << 20) <= kept < limit + (1 << 20) + 200
        assert file.read(11) == b"0123456789\n"
        file.seek(limit)
        assert b"bytes are not kept" in file.read(100)
        file.seek(kept - 9)
        assert file.read() == b"\nthe end\n"


def test_S10_a_log_within_its_limit_is_left_as_it_is(here: StepHome) -> None:
    here.environ["DAGU_LOG_LIMIT"] = "100000"
    assert here.run("steps:\n  - {name: a, command: yes 0123456789 | head -c 1000000; sleep 0.6}").code == 0
    assert len(here.log_of("a")) == 1_000_000


def test_S11_a_capture_over_the_limit_fails_with_the_known_text(here: StepHome) -> None:
    done = here.run("steps:\n  - {name: a, command: yes | head -c 5000000, output: OUT}")
    assert done.code == 1
    assert "output exceeded maximum size limit of 1048576 bytes" in here.step("a")["error"]


@pytest.mark.parametrize(("size", "over"), [(100, True), (99, True), (101, False)])
def test_S11_the_limit_itself_is_fine(here: StepHome, size: int, over: bool) -> None:
    done = here.run(
        "maxOutputSize: 100\nsteps:\n"
        f"  - {{name: a, command: head -c {size} /dev/zero | tr '\\0' x, output: O}}"
    )
    assert (done.code == 0) is over


# The kernel takes at most 131,072 bytes for one NAME=value with its final NUL.
EDGE = 131_072 - len("BIG=") - 1


@pytest.mark.parametrize("size", [EDGE, EDGE + 1])
def test_S12_the_edge_of_what_an_environment_can_hold(here: StepHome, size: int) -> None:
    done = here.run(
        f"steps:\n  - {{name: a, command: head -c {size} /dev/zero | tr '\\0' x, output: BIG}}\n"
        "  - {name: size, command: 'wc -c < ${BIG_FILE:-/dev/null}; echo free'}\n"
        "  - {name: use, command: 'echo ${#BIG}; printf %s \"$BIG\" | wc -c'}\n"
    )
    if size == EDGE:
        assert done.code == 0, done.err[-400:]
        assert here.log_of("use").split() == [str(size).encode()] * 2
    else:
        assert done.code == 1
        assert here.log_of("size").split() == [str(size).encode(), b"free"]
        assert (
            f"output BIG is {size} bytes, too large for an environment variable; read $BIG_FILE"
            in here.step("use")["error"]
        )


def test_S13_any_bytes_may_be_captured(here: StepHome) -> None:
    (here.root / "bytes.py").write_text(
        "import sys; sys.stdout.buffer.write(b'<' + bytes(range(256)) + b'>')"
    )
    done = here.run(
        f"steps:\n  - {{name: a, exec: [{sys.executable}, bytes.py], output: OUT}}\n"
        "  - {name: b, command: 'printf %s \"$OUT\"'}"
    )
    assert done.code == 0, done.err[-400:]
    assert here.log_of("a") == b"<" + bytes(range(256)) + b">"
    expected = "<" + "".join(map(chr, range(1, 128))) + "\ufffd" * 128 + ">"
    assert here.log_of("b").decode("utf-8") == expected
    assert "NUL bytes dropped" in here.run_log()
    assert "U+FFFD" in here.run_log()


def test_S15_a_very_long_line_is_cut_where_it_is_shown(here: StepHome) -> None:
    done = here.run(
        "steps:\n  - {name: a, command: head -c 20000000 /dev/zero | tr '\\0' x; echo; echo after}"
    )
    assert done.code == 0
    assert len(done.out) < 200_000
    assert "after" in done.out
    assert len(here.log_of("a")) == 20_000_007
