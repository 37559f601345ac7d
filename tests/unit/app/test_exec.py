"""`dagu exec`: the command and its variables are data, whatever stands in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dagu_core.app.app import App
from dagu_core.app.requests import exec_request
from dagu_core.app.views import RunView
from tests.gotchas.lab import Lab, Ran

TEXT = "`echo pwn` $HOME ${HOME} $(echo pwn) \"q\" 'q' \\ $1"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    (tmp_path / "work").mkdir()
    return Lab(tmp_path / "home", tmp_path / "work")


def executed(lab: Lab, *argv: str, **options: Any) -> Ran:
    request = exec_request(argv, run_id="r1", workdir=str(lab.work), **options)
    return lab.ran(lambda app: app.runs.start(request))


@pytest.mark.parametrize("shell", ["", "bash", "direct"])
def test_the_command_is_not_changed(lab: Lab, shell: str) -> None:
    assert executed(lab, "printf", "%s|", TEXT, "a  b", "", shell=shell).out("main") == f"{TEXT}|a  b||"


def test_a_script_in_it_keeps_its_own_variables(lab: Lab) -> None:
    script = "for i in 1 2; do echo `expr $i + 1`; done; HOME=/x; echo $HOME"
    assert executed(lab, "sh", "-c", script).out("main").split() == ["2", "3", "/x"]


def test_its_variables_are_not_read_either_and_go_before_all_others(lab: Lab) -> None:
    lab.base("env: [{A: base}, {B: 'b-${A}'}]")
    dotenv = lab.write("A=dotenv", "my.env")
    ran = executed(lab, "printenv", "A", "B", env={"A": TEXT}, dotenv=[str(dotenv)])
    assert ran.out("main").splitlines()[0] == TEXT


def test_handlers_of_the_base_are_no_part_of_the_command(lab: Lab) -> None:
    lab.base("handlerOn: {exit: {command: 'echo `echo in` ${DAG_RUN_STATUS} > seen'}}")
    executed(lab, "true")
    assert (lab.work / "seen").read_text() == "in succeeded\n"


def test_a_retry_takes_it_literally_again(lab: Lab) -> None:
    failed = executed(lab, "sh", "-c", "echo '`echo pwn`'; test -e ok", env={"A": TEXT})
    assert failed.status == "failed"
    (lab.work / "ok").touch()

    async def again(app: App) -> RunView:
        return await app.runs.retry("exec-sh", "r1")

    ran = lab.ran(again)
    assert (ran.status, ran.out("main")) == ("succeeded", "`echo pwn`\n")
