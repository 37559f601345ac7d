"""Which names in single quotes and in scripts stand for values: code may have variables of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gotchas.lab import Lab

ABOVE = """
env: [{V: of-dag}, {J: '{"a": 1}'}]
params: [{P: param}]
secrets: [{name: S, provider: env, key: SOURCE}]
steps:
  - {name: before, id: b, command: echo captured, output: O}
"""
#: a name in the text of the step -> what it prints
NAMES = {
    "$P ${P}": "param param",
    "$E": "of-step",
    "$O": "captured",
    "$DAG_RUN_STEP_NAME": "a",
    "${J.a} ${b.exitCode}": "1 0",
    "$V ${V}": "$V ${V}",
    "$S": "$S",
    "$HOME": "$HOME",
    "$DAG_NAME": "$DAG_NAME",
}
TEXT = ". ".join(NAMES)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    (tmp_path / "work").mkdir()
    return Lab(tmp_path / "home", tmp_path / "work", environ={"SOURCE": "hush", "HOME": "/home/me"})


@pytest.mark.parametrize(
    "step",
    [
        f"command: \"echo 'of {TEXT} x'\"",
        f"script: \"echo 'of {TEXT} x'\"",
        f"script: \"cat <<'END'\\nof {TEXT} x\\nEND\"",
        f"shell: python3, script: \"print('of {TEXT} x')\"",
        f"script: \"#!/usr/bin/env python3\\nprint('of {TEXT} x')\"",
        f"command: cat, script: 'of {TEXT} x'",
    ],
)
def test_only_what_is_near_is_filled_in(lab: Lab, step: str) -> None:
    ran = lab.run(f"{ABOVE}  - {{name: a, env: [E: of-step], {step}}}")
    assert ran.out("a").strip() == f"of {'. '.join(NAMES.values())} x"


def test_a_shell_inside_has_variables_of_its_own(lab: Lab) -> None:
    inside, outside = "V=1; HOME=/h; echo $V $HOME $P", 'echo $V ${V} \\"$HOME\\"'
    ran = lab.run(f"{ABOVE}  - {{name: a, command: \"sh -c '{inside}'; {outside}\"}}")
    assert ran.out("a") == "1 /h param\nof-dag of-dag /home/me\n"
