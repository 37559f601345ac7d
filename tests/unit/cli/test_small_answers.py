"""Small answers of the command line: completion, paths, and a DAG that never ran by itself."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run
from dagu_core.cli.verbs import start

Capture = pytest.CaptureFixture[str]


def completed(home: Path, word: str) -> list[tuple[str, str]]:
    """What is offered for the first argument of `dagu start`: (kind, value)."""
    (argument,) = [param for param in start.command.params if isinstance(param, click.Argument)]
    context = click.Context(start.command, obj=Invocation(home=str(home)))
    return [(one.type, one.value) for one in argument.shell_complete(context, word)]


def test_names_are_completed_and_files_where_no_name_begins_so(tmp_path: Path) -> None:
    assert completed(tmp_path, "") == [("file", "")], "there is no folder yet"
    (tmp_path / "dags").mkdir()
    for name in ("load.yaml", "list.yml", "other.yaml", "load.yml", "notes.txt"):
        (tmp_path / "dags" / name).touch()
    assert completed(tmp_path, "l") == [("plain", "list"), ("plain", "load")]
    assert completed(tmp_path, "./fl") == [("file", "./fl")]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shells_that_help_names_have_a_script(shell: str, capsys: Capture) -> None:
    assert run(["completion", shell], Invocation()) == 0
    assert "_DAGU_COMPLETE" in capsys.readouterr().out
    assert run(["completion", "powershell"], Invocation()) == 2


def test_paths_are_spelled_as_all_other_keys(tmp_path: Path, capsys: Capture) -> None:
    assert run(["config", "--json"], Invocation(home=str(tmp_path))) == 0
    paths = json.loads(capsys.readouterr().out)["paths"]
    assert "baseConfig" in paths and not [name for name in paths if "_" in name]
    assert run(["config"], Invocation(home=str(tmp_path))) == 0
    assert "base_config" not in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["status", "why"])
def test_a_dag_that_only_ran_as_a_sub_dag_has_a_way_to_be_seen(
    tmp_path: Path, capsys: Capture, verb: str
) -> None:
    file = tmp_path / "top.yaml"
    file.write_text("steps: [{name: c, call: kid}]\n---\nname: kid\nsteps: [{name: a, command: 'true'}]\n")
    assert run(["start", "-q", "-r", "one", str(file)], Invocation(home=str(tmp_path))) == 0
    capsys.readouterr()
    assert run([verb, "kid"], Invocation(home=str(tmp_path))) == 3
    told = capsys.readouterr().err
    assert "kid has only run as a sub-DAG, the last time for top:one" in told
    run_id = told.split("--run-id ")[1].strip()
    assert run([verb, "kid", "-r", run_id], Invocation(home=str(tmp_path))) == 0
