"""What queries give: every key, every kind of failure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dagu_core.base.places import InvalidDefinition
from dagu_core.testing.harness import StepResult, offering, run_step
from dagu_jq.executor import JqExecutor

PLUGINS = (offering(JqExecutor),)


def ask(query: str, script: str | None = None, *, dag: Any = None, **config: Any) -> StepResult:
    step: dict[str, Any] = {"type": "jq", "command": query, "config": config}
    if script is not None:
        step["script"] = script
    return run_step(step, plugins=PLUGINS, dag=dag)


def told(result: StepResult) -> str:
    assert result.status == "succeeded", result.step.error
    return result.stdout.decode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            '{"b": 1, "a": {"d": [], "c": {}}}',
            '{\n    "a": {\n        "c": {},\n        "d": []\n    },\n    "b": 1\n}',
        ),
        ('[1, "x", null, true]', '[\n    1,\n    "x",\n    null,\n    true\n]'),
        ('"a \\"b\\" é<>&\\u0001"', '"a \\"b\\" é<>&\\u0001"'),
        ("null", "null"),
        ("1.0", "1"),
        ("-0.50", "-0.5"),
        ("1e3", "1000"),
        ("1E-7", "1e-7"),
        ("0.00001", "0.00001"),
        ("1e21", "1e+21"),
        ("1.5e300", "1.5e+300"),
        ("1e1000", "1E+1000"),
        ("0.1234567890123456789012", "0.1234567890123456789012"),
    ],
)
def test_a_result_is_json_with_four_blanks(value: str, text: str) -> None:
    assert told(ask(".", value)) == text + "\n"


def test_raw_results_are_bare() -> None:
    assert told(ask(".[]", '["a b", null, true, 1.0, {"b": [1, 2], "a": {}}, "l1\\nl2", []]', raw=True)) == (
        'a b\n\ntrue\n1\n{"a":{},"b":[1,2]}\nl1\nl2\n[]\n'
    )


def test_compact_results_take_a_line_each() -> None:
    assert told(ask(".[]", '[{"b": 1, "a": [1, 2]}, "x"]', compact=True)) == '{"a":[1,2],"b":1}\n"x"\n'


def test_keys_keep_their_order_when_asked_to() -> None:
    assert told(ask(".", '{"b": 1, "a": 2}', compact=True, sortKeys=False)) == '{"b":1,"a":2}\n'


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 2**64 + 1, 10**30 + 7])
def test_large_integers_keep_their_digits(number: int) -> None:
    query = "., [.], {a: .}, tostring, (. as $x | $x)"
    results = told(ask(query, str(number), compact=True, raw=True)).splitlines()
    assert results == [f"{number}", f"[{number}]", f'{{"a":{number}}}', f"{number}", f"{number}"]


def test_computing_with_large_integers_rounds_as_jq_does() -> None:
    assert told(ask(". + 0", str(2**53 + 1))) == f"{2**53}\n"


def test_variables_of_the_query_are_its_own() -> None:
    dag = {"env": [{"x": "shell"}, {"X": "shell"}]}
    assert told(ask(".[] as $x | $x, $x + 1", "[1]", dag=dag)) == "1\n2\n"
    assert told(ask(". as {a: $X} | $X", '{"a": 7}', dag=dag)) == "7\n"


def test_backticks_and_references_in_a_query_are_left_alone(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    result = ask(f'"`touch {canary}` ${{HOME}} $(id)"', "1", raw=True)
    assert told(result) == f"`touch {canary}` ${{HOME}} $(id)\n"
    assert not canary.exists()


def test_references_in_the_input_are_replaced() -> None:
    result = ask(
        ".", '{"name": "${WHO}", "unknown": "$NOBODY"}', dag={"params": [{"WHO": "world"}]}, compact=True
    )
    assert told(result) == '{"name":"world","unknown":"$NOBODY"}\n'


def test_an_environment_variable_is_read_with_env() -> None:
    assert told(ask("$ENV.WHO, env.WHO", "1", raw=True, dag={"env": [{"WHO": "you"}]})) == "you\nyou\n"


@pytest.mark.parametrize("key", ["args", "vars"])
def test_gotcha_097_args_bring_texts_into_a_query(key: str) -> None:
    dag = {"params": [{"FIELD": 'a"b'}]}
    config = {key: {"field": "${FIELD}", "n": 5, "yes": True}}
    result = ask(".[$field], $n, $yes, $ARGS.named.n", '{"a\\"b": 1}', dag=dag, compact=True, **config)
    assert told(result) == '1\n"5"\n"true"\n"5"\n'


def test_args_json_bring_data_into_a_query() -> None:
    config = {"list": [1, {"a": 2}], "text": '{"b": ${N}}', "big": 2**64 + 1}
    result = ask("$list[1].a, $text.b, $big", "1", dag={"params": [{"N": 3}]}, argsJson=config)
    assert told(result) == f"2\n3\n{2**64 + 1}\n"


def test_a_text_in_args_json_must_be_json() -> None:
    result = ask("$a", "1", argsJson={"a": "not json"})
    assert result.status == "failed" and "config.argsJson.a is not JSON" in result.step.error


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"args": {"ENV": "x"}}, "$ENV has a meaning of its own"),
        ({"args": {"a": "1"}, "argsJson": {"a": 1}}, "a is given in args and in argsJson"),
        ({"args": {"a-b": "1"}}, "a-b"),
        ({"maxMemory": "lots"}, "must be a size"),
        ({"maxMemory": 5}, "at least"),
        ({"pretty": True}, "unknown key `pretty`"),
        ({"raw": 1}, "true or false"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused_in_the_file(config: Any, message: str) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        ask(".", "1", **config)
    assert message in " ".join(problem.message for problem in caught.value.problems)


def test_the_input_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_bytes(b'\xef\xbb\xbf{"a": "\xff"}')
    dag = {"workingDir": str(tmp_path)}
    assert told(ask(".a", dag=dag, input="in.json")) == '"�"\n'
    assert told(ask(".a", dag=dag, input=str(tmp_path / "in.json"))) == '"�"\n'


def test_a_missing_input_file_is_named(tmp_path: Path) -> None:
    result = ask(".", dag={"workingDir": str(tmp_path)}, input="none.json")
    assert (result.status, result.step.exit_code) == ("failed", 1)
    assert f"{tmp_path}/none.json: No such file or directory" in result.step.error


def test_values_one_after_the_other_are_queried_one_by_one() -> None:
    assert told(ask(".a", '{"a": 1}\n{"a": 2}')) == "1\n2\n"


def test_slurp_makes_one_list() -> None:
    assert told(ask(".", f"1 {2**60 + 1}", slurp=True, compact=True)) == f"[1,{2**60 + 1}]\n"


def test_null_input_starts_from_nothing() -> None:
    assert told(ask("., ([1, 2] | add)", nullInput=True)) == "null\n3\n"
    assert told(ask("reduce inputs as $x (0; . + $x)", "1 2 3", nullInput=True)) == "6\n"


def test_a_query_of_several_lines_with_comments() -> None:
    assert told(ask("# first\ndef f: . + 1; # then\n.a\n| f # last", '{"a": 1}')) == "2\n"


@pytest.mark.parametrize(
    ("query", "script", "code", "message"),
    [
        (".a.b", '{"a": 1}', 1, "jq: Cannot index number with"),
        ('1, error("boo"), 2', "1", 1, "jq: boo"),
        ("error({a: 1})", "1", 1, '"a"'),
        (".a [", "1", 1, "syntax error"),
        (". | nothing", "1", 1, "nothing/0 is not defined"),
        (".", '{"a": 1', 1, "invalid JSON input: Unfinished JSON term"),
        (".", "{'a': 1}", 1, "invalid JSON input"),
        ("halt_error(7)", '"bye"', 7, "bye"),
        ("halt_error", '{"a": 1}', 5, '{"a": 1}'),
        ("input", "1 2", 1, "`input` is not available"),
        (".) | (.", "1", 1, "syntax error"),
    ],
)
def test_what_goes_wrong_fails_the_step(query: str, script: str, code: int, message: str) -> None:
    result = ask(query, script)
    assert (result.status, result.step.exit_code) == ("failed", code)
    assert message in result.stderr.decode() and message in result.step.error
    assert "Traceback" not in result.stderr.decode()


def test_gotcha_080_results_before_an_error_are_kept_and_the_step_fails() -> None:
    result = ask('1, error("boo"), 2', "1")
    assert (result.status, result.stdout, result.stderr) == ("failed", b"1\n", b"jq: boo\n")


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"script": "1"}, "there is no query"),
        ({"command": "."}, "there is no input"),
        ({"command": ".", "script": "1", "config": {"input": "x"}}, "the input is given twice"),
        ({"command": ".", "script": "${NOTHING:-}"}, "input"),
    ],
)
def test_a_step_without_its_parts_says_what_is_missing(step: dict[str, Any], message: str) -> None:
    result = run_step({"type": "jq", **step}, plugins=PLUGINS)
    assert result.status == "failed" and message in result.step.error


def test_the_output_can_be_captured() -> None:
    result = run_step({"type": "jq", "command": ".a", "script": '{"a": 5}', "output": "A"}, plugins=PLUGINS)
    assert json.loads(result.step.output or "null") == 5


def test_deep_results_are_bounded() -> None:
    deep = "[" * 5000 + "]" * 5000
    assert told(ask(".", deep, compact=True)) == deep + "\n"
    result = ask(".", deep)
    assert result.status == "failed" and "deeper than 1000 levels" in result.step.error
