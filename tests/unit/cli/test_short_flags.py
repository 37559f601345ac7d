"""Values of short flags: `-p VALUE`, `-pVALUE` and, as other programs take it, `-p=VALUE`."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagu_core.cli.group import without_equals
from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["-p=A=9"], ["-p", "A=9"]),
        (["-p", "=A"], ["-p", "=A"]),
        (["-pA=9"], ["-pA=9"]),
        (["-p="], ["-p", ""]),
        (["-qp=A=9", "d"], ["-qp", "A=9", "d"]),
        (["-q=x"], ["-q=x"]),
        (["--params=-p=1", "-r=x"], ["--params=-p=1", "-r", "x"]),
        (["--params", "-p=1"], ["--params", "-p=1"]),
        (["-r", "-p=1"], ["-r", "-p=1"]),
        (["d", "--", "-p=1"], ["d", "--", "-p=1"]),
        (["-", "-p"], ["-", "-p"]),
    ],
)
def test_the_sign_is_taken_away_from_short_flags_with_a_value(args: list[str], expected: list[str]) -> None:
    assert without_equals(args, {"-p", "--params", "-r"}) == expected


def test_verbs_and_those_below_them_take_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dags").mkdir()
    file = tmp_path / "dags/d.yaml"
    file.write_text("params: A=1\nsteps: [{name: s, command: 'echo A is $A'}]\n")
    assert run(["-p=A=9", "start", "-r=one", "d"], Invocation(home=str(tmp_path))) == 0
    assert run(["queue", "pause", "-c=nowhere.yaml", "q"], Invocation(home=str(tmp_path))) != 0
    assert run(["status", "-r=one", "d"], Invocation(home=str(tmp_path))) == 0
    shown = capsys.readouterr()
    assert shown.out.count("stdout: A is 9") == 2
    assert "nowhere.yaml" in shown.err and "=nowhere" not in shown.err
