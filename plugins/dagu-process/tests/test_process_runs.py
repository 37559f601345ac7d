"""What executables do in a run, well and badly."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from dagu_core.testing.fixtures import Command

from .hosts import dag, left_alive, listed, run

Make = Callable[..., Path]

_RESULT = 'echo \'{"type":"result"}\''
#: what a step does -> its exit code and what is said of it
BAD = {
    "it ends without a word": ("exit 0", 1, "it ended without a result (exit status 0)"),
    "it fails without a word": ("echo why >&2; exit 7", 7, "it ended without a result (exit status 7)"),
    "it crashes": ("kill -SEGV $$", 139, "it ended without a result (signal 11)"),
    "garbage": ("echo hello", 1, "line 1 of its output is no JSON"),
    "a long line": ("tr '\\0' x </dev/zero", 1, "line 1 of its output is longer than 1048576 bytes"),
    "no message of a run": ('echo \'{"type":"description"}\'', 1, "neither `log` nor `result`"),
    "a wrong code": ('echo \'{"type":"result","exitCode":256}\'', 1, "no whole number from 0 to 255"),
    "wrong outputs": ('echo \'{"type":"result","outputs":[]}\'', 1, "`outputs` is no object"),
    "a log of nothing": ('echo \'{"type":"log"}\'', 1, "neither `text` nor `data`"),
    "a log in no base64": ('echo \'{"type":"log","data":"*"}\'', 1, "neither `text` nor `data`"),
    "another stream": ('echo \'{"type":"log","text":"a","stream":"x"}\'', 1, "neither stdout nor stderr"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_executable_fails_its_step(case: str, make: Make) -> None:
    body, code, sentence = BAD[case]
    result = run(make(body))
    assert (result.status, result.step.exit_code) == ("failed", code)
    assert sentence in result.step.error
    assert result.left == ()


def test_the_rest_of_the_run_goes_on(make: Make, dagu: Command) -> None:
    path = make("tr '\\0' x </dev/zero & kill -9 $$")
    dagu.environ |= listed(path)
    bad = {"name": "bad", "type": "odd", "continueOn": {"failure": True}}
    file = dag(dagu.home / "a.yaml", bad, {"name": "good", "command": "echo fine", "depends": "bad"})
    done = dagu("start", str(file))
    assert "fine" in done.out
    assert left_alive(str(path)) == []


def test_a_line_that_is_no_message_is_shown_whole_and_masked(make: Make) -> None:
    secrets = [{"name": "TOKEN", "provider": "env", "key": "SOURCE"}]
    path = make('echo "it is $TOKEN"')
    result = run(path, dag={"secrets": secrets}, environ={"SOURCE": "swordfish-42"}, secrets=["swordfish-42"])
    assert result.stderr == b"it is *******\n"
    assert result.leaks == ()


def test_logs_come_in_every_form(make: Make) -> None:
    messages = (
        {"type": "log", "text": "é "},
        {"type": "log", "data": "/wA="},
        {"type": "log", "text": "\ud800"},
    )
    lines = "".join(f"printf '%s\\n' '{json.dumps(each)}'\n" for each in messages)
    path = make(f'{lines}echo raw >&3\necho \'{{"type":"log","stream":"stderr","text":"x"}}\'\n{_RESULT}')
    result = run(path)
    assert result.status == "succeeded", result.step.error
    assert b"raw\n" in result.stdout  # by another way: before, between or after the messages
    assert result.stdout.replace(b"raw\n", b"") == "é ".encode() + b"\xff\0?"
    assert result.stderr == b"x"


def test_outputs_are_the_value_of_the_step_with_secrets_kept_secret(make: Make, dagu: Command) -> None:
    path = make("""printf '{"type":"result","outputs":{"a":[1,{"b":"x"}],"t":"%s"}}\\n' "$TOKEN" """)
    dagu.environ |= {**listed(path), "SOURCE": "swordfish-42"}
    file = dagu.home / "a.yaml"
    secrets = [{"name": "TOKEN", "provider": "env", "key": "SOURCE"}]
    steps = [
        {"name": "one", "type": "odd", "output": "GOT"},
        {"name": "two", "command": 'echo "${GOT.a[1].b} $(printf %s "${GOT.t}" | wc -c)"', "depends": "one"},
    ]
    file.write_text(json.dumps({"secrets": secrets, "steps": steps}), "utf-8")
    done = dagu("start", str(file))
    assert done.code == 0, done.out + done.err
    assert "x 12" in done.out
    files = [each for each in dagu.home.rglob("*") if each.is_file()]
    assert [each for each in files if b"swordfish-42" in each.read_bytes()] == []


@pytest.mark.parametrize(("retryable", "attempts"), [("true", 2), ("false", 1)])
def test_only_what_may_help_is_tried_again(retryable: str, attempts: int, make: Make) -> None:
    path = make(f'echo \'{{"type":"result","exitCode":4,"message":"no","retryable":{retryable}}}\'')
    result = run(path, retryPolicy={"limit": 1, "intervalSec": 0})
    assert (result.status, result.step.exit_code, result.step.attempts) == ("failed", 4, attempts)
    assert result.step.error.startswith("no")


def test_a_stop_is_a_message_too(make: Make) -> None:
    body = "trap '' TERM\nIFS= read -r stop\necho \"$stop\" >&3\n" + _RESULT
    result = run(make(body), stop_after=0.5, dag={"maxCleanUpTimeSec": 20})
    assert result.status == "aborted"
    assert result.stopping < 15
    assert json.loads(result.stdout) == {"type": "stop", "grace": 20}
    assert result.left == ()


def test_who_does_not_obey_is_killed_with_all_it_started(make: Make) -> None:
    path = make("trap '' TERM\n(trap '' TERM; exec setsid sleep 600.125) &\nwhile :; do sleep 1; done")
    result = run(path, stop_after=0.5, dag={"maxCleanUpTimeSec": 1})
    assert result.status == "aborted" and "step.killed" in result.notes
    assert result.left == ()
    assert left_alive("600.125", str(path)) == []


def test_a_timeout_holds(make: Make) -> None:
    result = run(make("sleep 600"), timeoutSec=1, dag={"maxCleanUpTimeSec": 1})
    assert (result.status, result.step.exit_code, result.left) == ("failed", 124, ())


def test_a_result_counts_whatever_comes_after_it(make: Make) -> None:
    began = monotonic()
    result = run(make(f"{_RESULT}\necho garbage\nexit 9"))
    assert result.status == "succeeded"
    assert monotonic() - began < 30


@pytest.mark.slow
@pytest.mark.parametrize("body", [f"{_RESULT}\nsleep 600", "exec 1>&-; sleep 600"])
def test_who_does_not_end_is_ended(body: str, make: Make) -> None:
    result = run(make(body))
    assert result.status == ("succeeded" if "result" in body else "failed")
    assert "without a result" in result.step.error or "result" in body
    assert result.left == ()


def test_a_large_request_to_one_that_never_reads_is_no_trouble(make: Make) -> None:
    kind = {"name": "odd", "description": "Is odd.", "capabilities": ["script"]}
    path = make(f"exec <&-\n{_RESULT}", stepTypes=[kind])
    from dagu_core.testing.harness import run_step
    from dagu_process import plugin

    result = run_step({"type": "odd", "script": "x" * (1 << 20)}, plugins=[plugin], environ=listed(path))
    assert result.status == "succeeded", result.step.error


def test_one_that_is_gone_at_the_start_of_the_step(make: Make, dagu: Command) -> None:
    path = make(_RESULT)
    dagu.environ |= listed(path)
    step = {"name": "b", "type": "odd", "depends": "a"}
    file = dag(dagu.home / "a.yaml", {"name": "a", "command": f"rm {path}"}, step)
    done = dagu("start", str(file))
    assert done.code == 1
    assert f"cannot start {path}: No such file or directory" in done.out + done.err
