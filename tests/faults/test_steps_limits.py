"""Rows P38-P47 and P49: many steps, endless steps, few descriptors, programs that cannot start."""

from __future__ import annotations

import json
import os
import resource
import stat
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path

import pytest

from dagu_core import Attempt, Executor, NoConfig, Outcome, hookimpl
from tests.faults.step_home import Done, StepHome
from tests.gotchas.lab import Lab

#: the full counts of the catalogue, or smaller ones that show the same
FULL = os.environ.get("DAGU_FULL") == "1"


def parallel_steps(count: int, command: str) -> str:
    steps = "\n".join(f"  - {{name: s{n}, command: '{command}'}}" for n in range(count))
    return f"type: graph\nsteps:\n{steps}"


def statuses(here: StepHome) -> Counter[str]:
    return Counter(node["statusLabel"] for node in here.details()["nodes"])


def with_peak(here: StepHome, text: str) -> tuple[Done, int]:
    """Run a definition; how it ended and the most memory the engine took (KiB)."""
    process = here.begin("start", "-q", "--run-id", "r1", str(here.write(text)))
    peak = 0
    while process.poll() is None:
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                peak = max(peak, int(line.split()[1]))
        time.sleep(0.05)
    return here.end(process), peak


def test_P38_many_sleeping_steps_at_once(here: StepHome) -> None:
    count = 500 if FULL else 200
    begin = time.monotonic()
    done, peak = with_peak(here, parallel_steps(count, "sleep 1"))
    seconds = time.monotonic() - begin
    assert done.code == 0, done.err[-500:]
    assert statuses(here) == {"succeeded": count}
    assert (seconds < 15, peak < 200_000) == (True, True), (seconds, peak)


def test_P39_a_long_chain(here: StepHome) -> None:
    count = 300 if FULL else 100
    steps = "\n".join(f"  - {{name: s{n}, command: 'true'}}" for n in range(count))
    done = here.run(f"steps:\n{steps}")
    assert (done.code, done.seconds < 12) == (0, True), done.seconds
    assert statuses(here) == {"succeeded": count}


def test_P40_a_fan_out_runs_each_child_once(here: StepHome) -> None:
    count = 500 if FULL else 100
    here.environ["DAG_LEDGER"] = str(here.root / "ledger")
    items = ", ".join(f"i{n}" for n in range(count))
    done = here.run(
        f"steps:\n  - name: all\n    call: child\n    parallel: {{items: [{items}], maxConcurrent: 20}}\n"
        '---\nname: child\nsteps:\n  - command: echo "$1" >> "$DAG_LEDGER"\n',
        limit=55,
    )
    assert done.code == 0, done.err[-500:]
    assert sorted((here.root / "ledger").read_text().split()) == sorted(f"i{n}" for n in range(count))
    summary = json.loads(here.log_of("all"))["summary"]
    assert summary == {"total": count, "succeeded": count, "failed": 0}


def test_P41_a_dag_that_calls_itself_is_refused(here: StepHome) -> None:
    done = here.run("steps:\n  - call: flow")
    assert done.code == 1
    assert "flow" in done.err
    assert "flow → flow" in done.err


def test_P41_two_dags_that_call_each_other_are_refused(here: StepHome) -> None:
    done = here.run(
        "steps:\n  - call: one\n---\nname: one\nsteps:\n  - call: two\n---\nname: two\nsteps:\n  - call: one"
    )
    assert done.code == 1
    assert "one" in done.err
    assert "two" in done.err
    assert not here.home.joinpath("logs").exists()


def test_P41_a_cycle_through_a_variable_ends_at_the_nesting_limit(here: StepHome) -> None:
    here.environ["DAG_LEDGER"] = str(here.root / "ledger")
    done = here.run(
        "params: NEXT=child\nsteps:\n  - call: ${NEXT}\n"
        "---\nname: child\nparams: NEXT=child\nsteps:\n"
        "  - command: echo level >> $DAG_LEDGER\n  - call: ${NEXT}"
    )
    assert done.code == 1
    assert len((here.root / "ledger").read_text().split()) == 32
    deepest = max(here.home.rglob("*.log"), key=lambda path: path.read_text().count("nesting limit"))
    assert "nesting limit" in deepest.read_text()


def test_P42_an_endless_repetition_ends_with_the_dag(here: StepHome) -> None:
    done = here.run("timeoutSec: 3\nsteps:\n  - {name: a, command: echo round, repeatPolicy: {repeat: true}}")
    assert (done.code, 3 <= done.seconds < 6) == (1, True), done.seconds
    assert here.details()["statusLabel"] == "failed"
    # One a second unless the policy says otherwise.
    assert 2 <= here.log_of("a").count(b"round") <= 4


def test_P42_the_record_of_a_repeating_call_keeps_the_last_rounds(here: StepHome) -> None:
    rounds = 130
    done = here.run(
        "steps:\n  - name: a\n    call: child\n    output: OUT\n"
        f"    repeatPolicy: {{repeat: while, exitCode: [0], limit: {rounds}, intervalSec: 0.001}}\n"
        "---\nname: child\nsteps:\n  - {command: 'true', preconditions: [{condition: a, expected: b}]}"
    )
    assert done.code == 0, done.err[-300:]
    step = here.step("a")
    assert step["doneCount"] == rounds
    assert 100 <= len(step["subRuns"]) + len(step["subRunsRepeated"]) <= 101


def test_P43_endless_retries_end_with_the_dag_and_leave_bounded_records(here: StepHome) -> None:
    process = here.begin(
        "start", "--run-id", "r1", "-q",
        str(here.write(
            "timeoutSec: 3\nsteps:\n  - name: a\n    command: 'false'\n"
            "    retryPolicy: {limit: 1000000, intervalSec: 0}"
        )),
    )  # fmt: skip
    work = here.home / "data" / "work"
    most = 0
    begin = time.monotonic()
    while process.poll() is None:
        most = max(most, len(list(work.glob("*/*"))) if work.exists() else 0)
        time.sleep(0.05)
    done = here.end(process)
    assert (done.code, time.monotonic() - begin < 6) == (1, True)
    step = here.step("a")
    assert step["statusLabel"] == "aborted"
    assert step["retryCount"] > 20
    assert most < 20, "working files of ended attempts are kept"
    assert len(json.dumps(here.details())) < 4000
    assert not list(work.glob("*"))


class Native(Executor[NoConfig]):
    """Calls a C function that never returns and ignores the polite signal, in a process of its own."""

    name = "native"
    Config = NoConfig
    capabilities = frozenset({"command"})

    async def run(self, attempt: Attempt[NoConfig]) -> Outcome:
        program = "import signal; signal.signal(15, signal.SIG_IGN); sum(range(10**15))"
        return Outcome(exit_code=await attempt.spawn([sys.executable, "-c", program]))


@hookimpl
def dagu_register_executors() -> list[type[Executor[NoConfig]]]:
    return [Native]


def test_P44_native_code_in_a_process_of_its_own_is_killed(tmp_path: Path) -> None:
    """What jq's `last(repeat(1))` is to its plugin: the contract's `spawn` makes it killable."""
    (tmp_path / "work").mkdir()
    lab = Lab(tmp_path / "home", tmp_path / "work")
    lab.plugin(dagu_register_executors=dagu_register_executors)
    begin = time.monotonic()
    ran = lab.run("maxCleanUpTimeSec: 1\nsteps:\n  - {name: a, type: native, command: x, timeoutSec: 1}")
    assert time.monotonic() - begin < 5
    assert (ran.of("a"), ran.step("a").exit_code) == ("failed", 124)


def test_that_a_fork_bomb_is_not_contained_is_told() -> None:
    docs = Path(__file__).parents[2] / "docs" / "guarantees.md"
    assert "a fork bomb is not contained" in docs.read_text("utf-8")


def limit_descriptors(count: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


def test_P46_few_descriptors_slow_a_run_down_and_nothing_else(here: StepHome) -> None:
    count = 500 if FULL else 150
    done = here.run(parallel_steps(count, "sleep 0.05"), preexec_fn=lambda: limit_descriptors(64))
    assert done.code == 0, done.err[-800:]
    assert statuses(here) == {"succeeded": count}
    assert here.run_log().count("few file descriptors are allowed") == 1


def test_P46_too_few_descriptors_are_refused_before_anything_is_recorded(here: StepHome) -> None:
    done = here.run("steps:\n  - command: 'true'", preexec_fn=lambda: limit_descriptors(24))
    assert done.code == 5, done.err
    assert "descriptors" in done.err
    assert here.call("history").out.strip() == "No runs found"


UNSTARTABLE = [
    ("command: no-such-program --x", 127, ["no-such-program", "not found"]),
    ("exec: [no-such-program, x]", 127, ["no-such-program", "not found"]),
    ("exec: [./plain]", 126, ["./plain", "not executable"]),
    ("command: ./plain", 126, ["./plain", "ermission denied"]),
    ("script: |\n      #!/no/such/interpreter\n      x", 127, ["/no/such/interpreter", "no such file"]),
    ("exec: [./shebang]", 127, ["shebang", "no such file"]),
    ("{shell: /no/such/shell, command: x}", 127, ["/no/such/shell", "no such file"]),
    ("{workingDir: plain, command: 'true'}", None, ["plain"]),
    ("exec: [./folder]", 126, ["./folder", "not executable"]),
]


@pytest.mark.parametrize(("step", "code", "words"), UNSTARTABLE, ids=[row[0][:40] for row in UNSTARTABLE])
def test_P47_what_cannot_start_says_which_and_why(
    here: StepHome, step: str, code: int | None, words: list[str]
) -> None:
    (here.root / "plain").write_text("x")
    (here.root / "folder").mkdir()
    (here.root / "shebang").write_text("#!/no/such/interpreter\n")
    (here.root / "shebang").chmod(stat.S_IRWXU)
    done = here.run(f"steps:\n  - {step.replace('{', '{name: a, ', 1) if step[0] == '{' else step}")
    found = here.details()["nodes"][0]
    assert (done.code, found["statusLabel"]) == (1, "failed")
    if code is not None:
        assert found["exitCode"] == code
    assert all(word.lower() in found["error"].lower() for word in words), found["error"]
    assert all(word.lower() in (done.out + done.err).lower() for word in words)


def test_P47_a_working_directory_of_the_dag_that_is_a_file(here: StepHome) -> None:
    (here.root / "plain").write_text("x")
    done = here.run("workingDir: plain\nsteps:\n  - command: 'true'")
    found = here.details()
    assert (done.code, found["statusLabel"]) == (1, "failed")
    assert "plain" in found["error"]
    assert found["nodes"][0]["statusLabel"] == "not_started"


def test_P47_a_missing_working_directory_is_made(here: StepHome) -> None:
    assert here.run("workingDir: new/deep\nsteps:\n  - command: pwd").code == 0
    assert here.log_of("cmd_1") == f"{here.root}/new/deep\n".encode()


@pytest.mark.parametrize("size", [140_000, 3_000_000])
def test_P47_an_argument_list_that_is_too_long(here: StepHome, size: int) -> None:
    words = " ".join(["xxxxxxxxx"] * (size // 10))
    text = f"steps:\n  - exec: [echo, '{words}']"
    done = here.run(text)
    found = here.details()["nodes"][0]
    assert (done.code, found["statusLabel"], found["exitCode"]) == (1, "failed", 126)
    assert "argument list too long" in found["error"].lower()
    assert done.seconds < 5


def test_P47_a_long_script_is_no_argument(here: StepHome) -> None:
    lines = "\n".join(["      : xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"] * 5000)
    assert here.run(f"steps:\n  - script: |\n{lines}\n      echo end").code == 0
    assert here.log_of(here.details()["nodes"][0]["step"]["name"]) == b"end\n"


def test_P49_ten_megabytes_on_each_stream_and_a_closed_stdout(here: StepHome) -> None:
    size = 10_000_000
    program = textwrap.dedent(f"""
        import os, sys
        for n in range(100):
            os.write(1, b"o" * {size // 100})
            os.write(2, b"e" * {size // 100})
        os.close(1)
        os.write(2, b"E" * {size})
    """)
    (here.root / "loud.py").write_text(program)
    done = here.run(f"steps:\n  - {{name: a, exec: [{sys.executable}, loud.py]}}")
    assert (done.code, done.seconds < 20) == (0, True), done.err[-300:]
    assert len(here.log_of("a")) == size
    assert len(here.log_of("a", "stderr")) == 2 * size


def test_P49_stdin_of_a_step_is_empty(here: StepHome) -> None:
    done = here.run("steps:\n  - {name: a, command: wc -c}")
    assert done.code == 0
    assert here.log_of("a").strip() == b"0"
    assert done.seconds < 10
