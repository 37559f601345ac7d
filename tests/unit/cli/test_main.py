"""Arguments to verbs, errors to messages and exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from dagu_core.base import errors
from dagu_core.cli.group import VERBS, verb_first
from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run
from dagu_core.cli.options import unquoted
from dagu_core.contracts.command import Command

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def invocation(tmp_path: Path) -> Invocation:
    return Invocation(home=str(tmp_path))


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Make `dagu version` raise."""

    def arrange(error: BaseException) -> None:
        def body() -> None:
            raise error

        command = click.Command("version", callback=body)
        monkeypatch.setattr("dagu_core.cli.verbs.version.command", command)

    return arrange


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["status", "d"], ["status", "d"]),
        (["--dagu-home=X", "status", "d"], ["status", "--dagu-home=X", "d"]),
        (["--dagu-home", "X", "-q", "status", "d"], ["status", "--dagu-home", "X", "-q", "d"]),
        (["-r", "x", "retry", "d", "--step", "s"], ["retry", "-r", "x", "d", "--step", "s"]),
        (["--help"], ["--help"]),
        (["--", "start"], ["--", "start"]),
        ([], []),
    ],
)
def test_flags_may_stand_before_the_verb(args: list[str], expected: list[str]) -> None:
    assert verb_first(args) == expected


@pytest.mark.parametrize(
    ("text", "clean"),
    [("a", "a"), ('"a b"', "a b"), ("'a'", "a"), ("'a' 'b'", "'a' 'b'"), ('"', '"'), ("'a\"", "'a\"")],
)
def test_one_pair_of_quotes_is_taken_off_a_value(text: str, clean: str) -> None:
    assert unquoted(text) == clean


@pytest.mark.parametrize("args", [[], ["--help"], ["-h"], ["help"]])
def test_help_on_stdout(args: list[str], invocation: Invocation, capsys: Capture) -> None:
    assert run(args, invocation) == 0
    shown = capsys.readouterr()
    assert all(f"  {verb} " in shown.out for verb in VERBS)
    assert shown.err == ""


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_the_common_flags(verb: str, invocation: Invocation, capsys: Capture) -> None:
    assert run([verb, "--help"], invocation) == 0
    shown = capsys.readouterr().out
    assert f"Usage: dagu {verb}" in shown
    assert all(flag in shown for flag in ("--config", "--dagu-home", "--quiet", "--cpu-profile"))


def test_help_of_a_verb(invocation: Invocation, capsys: Capture) -> None:
    assert run(["help", "retry"], invocation) == 0
    assert "Usage: dagu retry" in capsys.readouterr().out
    assert run(["help", "nosuch"], invocation) == 2


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["verion"], 'Error: unknown command "verion" for "dagu"\nDid you mean `version`?'),
        (["server"], "pip install 'dagu[server]'"),
        (["xyzzy"], "Run 'dagu --help' for usage."),
        (["status", "--jsn", "d"], "--jsn"),
        (["status"], "Missing argument 'DAG'"),
        (["retry", "d"], "Missing option '-r' / '--run-id'"),
        (["start", "d", "--parent", "x"], "expected NAME:RUNID"),
        (["start", "d", "--parent", "a:b"], "--parent and --root go together"),
        (["start", "--from-run-id", "x"], "--from-run-id needs the DAG"),
        (["start", "d", "--from-run-id", "x", "--", "A=1"], "brings its own parameters"),
        (["start"], "which DAG?"),
        (["exec"], "which command?"),
        (["exec", "-E", "oops", "--", "true"], "expected NAME=VALUE"),
        (["retry", "-r", "x", "d", "--downstream"], "--downstream needs --step"),
        (["history", "--last", "7d", "--from", "2031-01-01"], "--last cannot be used"),
        (["cleanup", "d", "--retention-days", "-1"], "-1"),
    ],
)
def test_usage_errors(args: list[str], message: str, invocation: Invocation, capsys: Capture) -> None:
    assert run(args, invocation) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.Invalid("no"), 1),
        (errors.UsageError("no"), 2),
        (errors.NotFound("no"), 3),
        (errors.AlreadyExists("no"), 4),
        (errors.Unavailable("no"), 5),
        (errors.LostOwnership("no"), 5),
    ],
)
def test_an_error_of_the_user_is_a_message_and_a_code(
    error: errors.DaguError,
    code: int,
    invocation: Invocation,
    raising: Callable[[BaseException], None],
    capsys: Capture,
) -> None:
    error.hint = "do it so"
    raising(error)
    assert run(["version"], invocation) == code
    assert capsys.readouterr().err == "Error: no\nHint: do it so\n"


def test_an_error_of_ours_goes_into_a_report(
    invocation: Invocation, raising: Callable[[BaseException], None], capsys: Capture, tmp_path: Path
) -> None:
    raising(ZeroDivisionError("what now"))
    assert run(["version"], invocation) == 1
    (report,) = (tmp_path / "data" / "logs").iterdir()
    shown = capsys.readouterr().err
    assert str(report) in shown and "Traceback" not in shown and shown.count("\n") == 1
    assert "ZeroDivisionError: what now" in report.read_text()


def test_ctrl_c_is_130_without_a_word(
    invocation: Invocation, raising: Callable[[BaseException], None], capsys: Capture
) -> None:
    raising(KeyboardInterrupt())
    assert run(["version"], invocation) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_broken_configuration_file_leaves_the_help(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "config.yaml").write_text("a: [")
    assert run(["--help"], Invocation(home=str(tmp_path))) == 0
    assert run(["config"], Invocation(home=str(tmp_path))) == 1
    assert "config.yaml:2:1: " in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    code = "from dagu_core.cli.main import main; main()"
    # `sleep` holds the writer back until the reader is gone.
    call = f"{sys.executable} -c '{code}' config --dagu-home {tmp_path}"
    script = f"(sleep 0.2; exec {call}) 2>{tmp_path}/err | true"
    subprocess.run(script, shell=True, check=True, timeout=30)
    assert (tmp_path / "err").read_text() == ""


def test_nothing_heavy_is_imported_before_a_verb_needs_it(tmp_path: Path) -> None:
    heavy = {"rich", "jsonschema", "stevedore", "pluggy", "asyncio", "sqlite3", "pydantic", "yaml"}
    code = (
        "import sys; from dagu_core.cli.main import run; from dagu_core.cli.invocation import Invocation\n"
        f"run(['version'], Invocation()); print(sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("words", "position", "found"),
    [
        ("dagu st", 1, {"start", "start-all", "stop", "status"}),
        ("dagu status he", 2, {"hello"}),
        ("dagu retry --do", 2, {"--downstream"}),
        ("dagu events he", 2, {"hello"}),
        ("dagu events --kind m", 3, {"missed"}),
        ("dagu events --kind missed,su", 3, {"missed,superseded"}),
    ],
)
def test_completion_of_verbs_dags_and_flags(
    words: str, position: int, found: set[str], tmp_path: Path
) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "hello.yaml").write_text("steps: []")
    asked = {"_DAGU_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(position)}
    done = subprocess.run(
        [sys.executable, "-c", "from dagu_core.cli.main import main; main()"],
        env=os.environ | asked | {"DAGU_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert {line.removeprefix("plain,") for line in done.stdout.splitlines()} == found
    assert done.stderr == ""


def test_verbs_of_plugins_stand_beside_ours(invocation: Invocation, capsys: Capture) -> None:
    hello = click.Command("hello", callback=lambda: click.echo("hi"))
    brought = {
        "hello": Command("hello", "Greet.", lambda: hello),
        "start": Command("start", "Take over.", lambda: hello),
    }
    invocation.__dict__["host"] = SimpleNamespace(complete=lambda: SimpleNamespace(commands=brought))
    assert run(["--dagu-home=X", "hello", "-q"], invocation) == 0
    assert capsys.readouterr().out == "hi\n"
    assert invocation.quiet
    assert run(["help"], invocation) == 0
    shown = capsys.readouterr().out
    assert "hello  Greet." in shown and "Take over." not in shown


def test_a_verb_of_a_broken_plugin_is_no_trace(invocation: Invocation, capsys: Capture) -> None:
    def load() -> click.Command:
        raise ImportError("no sdk")

    brought = {"hello": Command("hello", "Greet.", load)}
    invocation.__dict__["host"] = SimpleNamespace(complete=lambda: SimpleNamespace(commands=brought))
    assert run(["hello"], invocation) == 1
    shown = capsys.readouterr().err
    assert shown.startswith(
        "Error: the plugin that brings `hello` is broken: ImportError: no sdk (cli/test_m"
    )


def test_no_place_for_a_report_is_one_line_still(
    invocation: Invocation,
    raising: Callable[[BaseException], None],
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read_only(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", read_only)
    monkeypatch.setattr("tempfile.mkdtemp", read_only)
    raising(ZeroDivisionError("what\nnow"))
    assert run(["version"], invocation) == 1
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1 and "Traceback" not in shown
    assert "ZeroDivisionError" in shown and "what now" in shown and "Read-only file system" in shown


def test_a_home_that_cannot_be_written_is_no_trace(tmp_path: Path) -> None:
    # A file where the folder should be: that stops root as well.
    (tmp_path / "home").write_text("")
    (tmp_path / "a.yaml").write_text("steps:\n  - command: echo a\n")
    done = call("start", str(tmp_path / "a.yaml"), home=tmp_path / "home")
    assert done.returncode in (1, 5), done.stderr
    assert "Traceback" not in done.stderr and "Error: " in done.stderr
    assert "internal error" not in done.stderr


@pytest.mark.parametrize("what", ["dagu_core.base.settings", "dagu_core.app.app", "asyncio"])
def test_a_broken_installation_is_no_trace(what: str, tmp_path: Path) -> None:
    done = call("status", "a", home=tmp_path, before=f"import sys; sys.modules[{what!r}] = None")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: internal error (ModuleNotFoundError)") or done.stderr.startswith(
        "Error: internal error (ImportError)"
    )
    assert done.stderr.count("\n") == 1 and done.stdout == ""


def call(*args: str, home: Path, before: str = "pass") -> subprocess.CompletedProcess[str]:
    """The command line as a process of its own; `before` runs ahead of it."""
    code = f"{before}\nfrom dagu_core.cli.main import main; main()"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DAGU_")}
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        env=environ | {"DAGU_HOME": str(home), "TMPDIR": str(home.parent)},
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_help_loads_no_plugins_where_none_are_installed(
    invocation: Invocation, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagu_core.contracts.discovery.installed", list)
    assert run(["--help"], invocation) == 0
    assert "host" not in invocation.__dict__ and "settings" not in invocation.__dict__
