"""Gotchas 26 to 37: environment, JSON references, files, conditions."""

from __future__ import annotations

import pytest

from tests.gotchas.lab import Lab

JSON = '{"n": 12345678901234, "f": 1234567.0, "l": [1, 2], "o": {"a": 1}, "z": null}'


def test_gotcha_026_null_is_empty(lab: Lab) -> None:
    ran = lab.run("""
        env: [{A: null}]
        steps: ['echo "[$A]"; printenv A']
        """)
    assert ran.out() == "[]\n\n"


@pytest.mark.parametrize(
    ("path", "shown"),
    [("n", "12345678901234"), ("f", "1234567"), ("l", "[1,2]"), ("o", '{"a":1}')],
)
def test_gotcha_027_numbers_are_digits_and_containers_json(lab: Lab, path: str, shown: str) -> None:
    ran = lab.run(f"""
        params:
          - J: '{JSON}'
        steps: ["echo ${{J.{path}}}"]
        """)
    assert ran.out() == f"{shown}\n"


@pytest.mark.parametrize("path", ["missing", "z", "o.missing"])
def test_gotcha_028_what_is_not_there_is_empty(lab: Lab, path: str) -> None:
    ran = lab.run(f"""
        params:
          - J: '{JSON}'
        steps: ["echo [${{J.{path}}}]"]
        """)
    assert ran.out() == "[]\n"


def test_gotcha_029_a_map_of_env_is_in_file_order(lab: Lab) -> None:
    forwards = lab.run("""
        env: {A: 1, B: "${A}2"}
        steps: [echo $B]
        """)
    assert forwards.out() == "12\n"
    backwards = lab.run("""
        env: {B: "${A}2", A: 1}
        steps: ['echo "$B"']
        """)
    assert backwards.out() == "${A}2\n"


def test_gotcha_030_entries_of_step_env_see_each_other(lab: Lab) -> None:
    assert lab.run("steps: [{env: [{A: 1}, {B: '${A}2'}], command: echo $B}]").out() == "12\n"


def test_gotcha_031_dotenv_wins_over_env(lab: Lab) -> None:
    lab.write("X=dotenv", ".env")
    ran = lab.run("""
        env: [{X: env}]
        steps: [echo $X]
        """)
    assert ran.out() == "dotenv\n"


def test_gotcha_032_parameters_do_not_see_dotenv(lab: Lab) -> None:
    lab.write("FROM_DOTENV=secret", ".env")
    ran = lab.run("""
        params: [{X: "${FROM_DOTENV}"}]
        steps: ['echo "$X" "$FROM_DOTENV"']
        """)
    # An unknown reference is kept, never silently empty.
    assert ran.out() == "${FROM_DOTENV} secret\n"


def test_gotcha_032_parameters_see_dotenv_when_asked_for(lab: Lab) -> None:
    lab.write("FROM_DOTENV=early\nA=dotenv", ".env")
    ran = lab.run("""
        dotenvFirst: true
        env: [{A: env}, {B: "${FROM_DOTENV}-${A}"}]
        params: [{X: "${FROM_DOTENV}"}]
        steps: ['echo "$X" "$A" "$B"']
        """)
    assert ran.out() == "early dotenv early-env\n"


def test_gotcha_033_steps_get_a_filtered_environment(lab: Lab) -> None:
    lab.environ["AWS_X"] = "seen"
    ran = lab.run('steps: [{command: \'echo "[$AWS_X]"\', stdout: "${AWS_X}.txt"}]')
    assert ran.out() == "[]\n"
    assert (lab.work / "seen.txt").read_text() == "[]\n"


def test_gotcha_034_a_redirect_file_is_appended_to_in_a_new_folder(lab: Lab) -> None:
    (lab.work / "deep").mkdir()
    (lab.work / "deep" / "b.txt").write_text("old\n")
    ran = lab.run("""
        params: [FOLDER=deep]
        steps:
          - {command: echo a, stdout: new/folder/a.txt}
          - {command: echo b, stdout: "${FOLDER}/b.txt"}
        """)
    assert ran.status == "succeeded"
    assert (lab.work / "new/folder/a.txt").read_text() == "a\n"
    assert (lab.work / "deep/b.txt").read_text() == "old\nb\n"


def test_gotcha_035_the_working_dir_of_a_step_sees_parameters(lab: Lab) -> None:
    ran = lab.run("""
        params: [PARAM=here]
        steps: [{workingDir: "d-${PARAM}", command: basename "$PWD"}]
        """)
    assert ran.out() == "d-here\n"


def test_gotcha_036_dollar_parenthesis_is_not_run_in_a_compared_condition(lab: Lab) -> None:
    ran = lab.run("""
        type: graph
        steps:
          - {name: shell, command: echo ran, preconditions: [{condition: "$(echo x)", expected: x}]}
          - {name: ticks, command: echo ran, preconditions: [{condition: "`echo x`", expected: x}]}
        """)
    assert ran.statuses == {"shell": "skipped", "ticks": "succeeded"}


def test_gotcha_037_expected_is_not_expanded(lab: Lab) -> None:
    ran = lab.run("""
        params: [P=x]
        steps: [{name: s, command: echo ran, preconditions: [{condition: x, expected: "${P}"}]}]
        """)
    assert ran.of("s") == "skipped"
    assert 'expected "${P}", got "x"' in ran.step("s").conditions[0].error
