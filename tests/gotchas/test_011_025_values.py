"""Gotchas 11 to 25: what is filled in, when, and what stays text."""

from __future__ import annotations

import json

from tests.gotchas.lab import Lab


def test_gotcha_011_a_command_of_two_lines_is_a_script(lab: Lab) -> None:
    ran = lab.run('steps: [{command: "X=1\\necho $X"}]')
    assert ran.out("script_1") == "1\n"


def test_gotcha_012_dollar_parenthesis_stays_in_env(lab: Lab) -> None:
    ran = lab.run("""
        env: [{A: "$(date)"}]
        steps: [printenv A]
        """)
    assert ran.out() == "$(date)\n"


def test_gotcha_013_a_parameter_is_evaluated_once(lab: Lab) -> None:
    ran = lab.run("""
        params: [{T: "`echo x >> count; date +%N`"}]
        steps: ['echo "$T" "$DAGU_PARAMS_JSON"']
        """)
    value, _, shown = ran.out().strip().partition(" ")
    assert value.isdigit() and json.loads(shown) == {"T": value}
    assert (lab.work / "count").read_text() == "x\n"


def test_gotcha_014_backticks_of_a_command_run_once(lab: Lab) -> None:
    ran = lab.run('steps: ["echo `echo x >> count; echo done`"]')
    assert ran.out() == "done\n"
    assert (lab.work / "count").read_text() == "x\n"


def test_gotcha_015_backticks_of_a_script_belong_to_its_shell(lab: Lab) -> None:
    ran = lab.run("""
        steps:
          - {name: script, script: "X=5; echo [`echo $X`]"}
          - {name: command, command: "X=5; echo [`echo $X`]"}
        """)
    assert ran.out("script") == "[5]\n"
    assert ran.out("command") == "[]\n"


def test_gotcha_016_backticks_run_inside_single_quotes(lab: Lab) -> None:
    assert lab.run("""steps: ["echo '[`echo hi`]'"]""").out() == "[hi]\n"


def test_gotcha_017_dollar_one_is_not_filled_into_scripts(lab: Lab) -> None:
    ran = lab.run("""
        params: "x y"
        steps:
          - name: awk
            script: |
              echo first second | awk '{print $1}'
          - {name: line, command: "echo $1-$2"}
        """)
    assert ran.out("awk") == "first\n"
    assert ran.out("line") == "x-y\n"


def test_gotcha_018_single_quotes_protect_what_touches_them(lab: Lab) -> None:
    ran = lab.run("""
        params: [P=v]
        steps: ["echo '${P}' 'a ${P} b' 'a ${P}'"]
        """)
    assert ran.out() == "${P} a v b a ${P}\n"


def test_gotcha_019_an_exactly_quoted_output_shows_newlines_as_escapes(lab: Lab) -> None:
    ran = lab.run("""
        shell: bash
        steps:
          - {command: 'printf "l1\\nl2"', output: V}
          - {name: exact, command: 'echo "${V}"'}
          - {name: plain, command: 'echo "$V"'}
        """)
    assert ran.out("exact") == "l1\\nl2\n"
    assert ran.out("plain") == "l1\nl2\n"


def test_gotcha_020_quotes_in_a_value_are_no_code(lab: Lab) -> None:
    ran = lab.run("""
        steps:
          - {command: "echo 'say \\"it'", output: V}
          - {name: s, command: 'echo "$V"'}
        """)
    assert ran.out("s") == ran.out("cmd_1") and '"' in ran.out("s")


def test_gotcha_021_a_value_is_never_executed(lab: Lab) -> None:
    ran = lab.run("""
        steps:
          - {command: "printf '$(touch one) \\\\140touch two\\\\140'", output: V}
          - {name: exact, command: 'echo "${V}"'}
          - {name: bare, command: "echo ${V}"}
          - {name: json, command: "echo $V.a"}
        """)
    assert ran.out("exact") == ran.out("bare") == "$(touch one) `touch two`\n"
    assert ran.out("json") == "$(touch one) `touch two`.a\n"
    assert not (lab.work / "one").exists() and not (lab.work / "two").exists()


def test_gotcha_022_a_parameter_hides_an_output_of_its_name(lab: Lab) -> None:
    text = """
        params: [P=1]
        steps:
          - {command: echo 2, output: P}
          - {name: s, command: "echo ${P}"}
        """
    assert lab.run(text).out("s") == "1\n"
    assert "W022" in [w.code for w in lab.warnings(text)]


def test_gotcha_023_outputs_of_steps_not_depended_on_are_empty(lab: Lab) -> None:
    ran = lab.run("""
        type: graph
        steps:
          - {name: a, command: echo v, output: OUT}
          - {name: b, command: "sleep 0.2; echo [${OUT}]"}
          - {name: c, depends: a, command: "echo [${OUT}]"}
        """)
    assert ran.out("b") == "[]\n"
    assert ran.out("c") == "[v]\n"


def test_gotcha_024_stdout_of_a_step_is_a_path(lab: Lab) -> None:
    ran = lab.run("""
        steps:
          - {name: first, id: a, command: echo hello}
          - {name: path, command: "echo ${a.stdout}"}
          - {name: cat, command: "cat ${a.stdout}"}
          - {name: text, command: "echo [${a.stdout.text}]"}
        """)
    assert ran.out("path").strip() == ran.step("first").stdout
    assert ran.out("cat") == "hello\n"
    assert ran.out("text") == "[hello]\n"


def test_gotcha_025_references_by_step_name_do_not_work(lab: Lab) -> None:
    text = """
        steps:
          - {name: one, command: "true"}
          - {name: two, command: "echo ${one.exitCode}"}
        """
    ran = lab.run(text)
    assert ran.of("two") == "failed" and "bad substitution" in ran.err("two")
    assert [w.code for w in lab.warnings(text)] == ["W025"]
