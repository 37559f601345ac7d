"""The examples of the page work as they stand there; so does a compiled program."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dagu_core.testing.fixtures import Command
from dagu_core.testing.requirements import require

from .hosts import dag, listed, report_of, run

Make = Callable[..., Path]
_ROOT = Path(__file__).parents[3]
_PAGE = (_ROOT / "docs/plugins/process.md").read_text("utf-8")

_C = r"""
#include <stdio.h>
#include <string.h>

int main(void)
{
    static char line[1 << 16];
    if (!fgets(line, sizeof line, stdin))
        return 1;
    if (strstr(line, "{\"type\":\"describe\"") == line)
        puts("{\"type\":\"description\",\"protocol\":\"dagu-exec/1\",\"version\":\"c\","
             "\"stepTypes\":[{\"name\":\"compiled\",\"description\":\"Is fast.\","
             "\"capabilities\":[\"command\"]}]}");
    else if (strstr(line, "\"commands\":[\"two words\"]"))
        puts("{\"type\":\"log\",\"text\":\"from C\\n\"}\n{\"type\":\"result\",\"exitCode\":0}");
    return 0;
}
"""


def _example(language: str, make: Make, name: str) -> Path:
    (text,) = re.findall(rf"```{language}\n(#!.*?)```", _PAGE, re.DOTALL)
    return make(text, name=name, whole=True)


def test_the_shell_example(make: Make, dagu: Command, tmp_path: Path) -> None:
    path = _example("sh", make, "greet")
    assert (report_of(tmp_path, path).parts, report_of(tmp_path, path).version) == (
        ("executor greet",),
        "1.0",
    )
    dagu.environ |= listed(path)
    (steps,) = re.findall(r"```text\n(steps:.*?)```", _PAGE, re.DOTALL)
    file = dagu.home / "page.yaml"
    file.write_text(steps, "utf-8")
    done = dagu("start", str(file))
    assert done.code == 0, done.out + done.err
    assert done.out.count("Hello, Ada") == 2
    assert "echo 2" in done.out


def test_the_python_example_counts_stops_and_fails(make: Make) -> None:
    path = _example("python", make, "countdown")
    done = run(path, word="countdown", config={"start": 2, "pause": 0.01})
    assert (done.status, done.stdout) == ("succeeded", b"2\n1\n0\n")
    retry = {"limit": 3, "intervalSec": 0}
    failed = run(path, word="countdown", config={"start": 2, "pause": 0, "unlucky": [1]}, retryPolicy=retry)
    assert (failed.step.exit_code, failed.step.attempts) == (13, 1)
    assert "1 is unlucky" in failed.step.error
    stopped = run(path, word="countdown", config={"start": 600}, stop_after=1.0)
    assert (stopped.status, stopped.stderr, stopped.left) == ("aborted", b"stopped in time\n", ())


def test_the_python_example_judges_a_file(make: Make, dagu: Command) -> None:
    dagu.environ |= {**listed(_example("python", make, "countdown")), "N": "13"}

    def told(start: object) -> str:
        config = {"start": start, "unlucky": [13]}
        step = {"name": "a", "type": "countdown", "config": config}
        return dagu("validate", str(dag(dagu.home / "a.yaml", step))).err

    wrong = told(13)
    assert "step a: config.start: begins with an unlucky number" in wrong and ":1:1:" not in wrong
    assert told(12) == told("${N}") == ""


def test_it_is_told_which_values_are_not_known_yet(make: Make, dagu: Command) -> None:
    words = {"a": {"type": "string", "description": "One."}, "b": {"type": "string", "description": "Two."}}
    kind = {"name": "odd", "description": "Is odd.", "validates": True, "config": {"properties": words}}
    body = """case $message in
*'"open":["b"]'*) told='[]' ;;
*) told='[{"message":"not told","severity":"warning"}]' ;;
esac
printf '{"type":"validated","id":0,"problems":%s}\\n' "$told"
"""
    dagu.environ |= listed(make(body, stepTypes=[kind]))

    def told(b: str) -> str:
        step = {"name": "a", "type": "odd", "config": {"a": "x", "b": b}}
        done = dagu("validate", str(dag(dagu.home / "a.yaml", step)))
        assert done.code == 0
        return done.out + done.err

    assert "not told" not in told("${HOME}/x")
    assert "step a: not told" in told("x")


def test_one_that_cannot_be_asked_for_its_opinion_is_a_warning(make: Make, dagu: Command) -> None:
    kind = {"name": "odd", "description": "Is odd.", "validates": True}
    result = 'case $message in *\'"run"\'*) echo \'{"type":"result"}\' ;; esac'
    path = make(result, stepTypes=[kind])
    dagu.environ |= listed(path)
    file = str(dag(dagu.home / "a.yaml", {"name": "a", "type": "odd"}))
    done = dagu("validate", file)
    assert (done.code, f"{path}: asked to validate: it ended without an answer" in done.out + done.err) == (
        0,
        True,
    )
    assert dagu("start", file).code == 0


@pytest.mark.timeout(300)  # a compiler may have to make its whole library first
def test_the_go_example(make: Make, dagu: Command, tmp_path: Path) -> None:
    require(shutil.which("go"), "a Go compiler: apt install golang-go")
    (text,) = re.findall(r"```go\n(.*?)```", _PAGE, re.DOTALL)
    (tmp_path / "words.go").write_text(text, "utf-8")
    path = make("", name="words")
    environ = {**os.environ, "GOCACHE": str(tmp_path / "cache"), "GO111MODULE": "off", "CGO_ENABLED": "0"}
    build = ["go", "build", "-o", str(path), "words.go"]
    made = subprocess.run(build, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=240)
    assert made.returncode == 0, made.stderr
    report = report_of(tmp_path, path)
    assert (report.parts, report.version) == (("executor words",), "1.0")
    dagu.environ |= listed(path)
    steps = [
        {"name": "one", "type": "words", "command": "a bc def", "config": {"longer": 1}, "output": "GOT"},
        {"name": "two", "command": "echo it said ${GOT.count}", "depends": "one"},
    ]
    done = dagu("start", str(dag(dagu.home / "a.yaml", *steps)))
    assert done.code == 0, done.out + done.err
    assert "2 words" in done.out and "it said 2" in done.out
    wrong = dag(dagu.home / "b.yaml", {"name": "one", "type": "words", "command": "a", "config": {"long": 1}})
    assert "unknown key" in dagu("validate", str(wrong)).err


def test_a_program_in_c(make: Make, tmp_path: Path) -> None:
    """A compiled program that knows no JSON: a prefix is enough to tell the messages apart."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    path = make("", name="compiled")
    subprocess.run([compiler, "-x", "c", "-o", path, "-"], input=_C.encode(), check=True, timeout=50)
    from dagu_core.testing.harness import run_step
    from dagu_process import plugin

    step = {"type": "compiled", "command": "two words"}
    result = run_step(step, plugins=[plugin], environ=listed(path))
    assert (result.status, result.stdout) == ("succeeded", b"from C\n")


def test_what_the_page_says_of_limits_is_true() -> None:
    from dagu_process import asking, description, executor, messages, work

    assert f"may have {messages.MAX_LINE:,} bytes" in _PAGE
    assert f"within\n{asking.BUDGET:g} seconds" in _PAGE or f"within {asking.BUDGET:g} seconds" in _PAGE
    assert f"must end within {work.EXIT_WAIT:g} seconds" in _PAGE
    assert f"more than {executor._LONGEST:,} characters" in _PAGE
    assert f"1 to {description._MOST} step types" in _PAGE
    assert f"`protocol` | text, required | `{messages.PROTOCOL}`" in _PAGE


def test_messages_of_ours_begin_as_the_page_says() -> None:
    from dagu_process.messages import encode

    line = encode({"type": "run", "config": {"a": "é \ud800"}})
    assert line.startswith(b'{"type":"run",') and line.isascii() and line.count(b"\n") == 1
    assert json.loads(line)["config"] == {"a": "é \ud800"}
