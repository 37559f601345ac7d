"""Every mistake in a definition: where it is told, with which code and words."""

from __future__ import annotations

import pytest

from tests.hostile.language import errors, problems, told


def step(fields: str) -> str:
    return f"steps:\n  - {{name: s, {fields}}}\n"


TABLE: list[tuple[str, str, str]] = [
    # (text with ‸ where the problem is told, code, part of the message)
    ('‸foo: 1\nsteps: [a]', "D003", 'unknown key `foo` in DAG'),
    ('steps:\n  - {‸comand: x}', "D003", 'unknown key `comand` in step'),
    ('name: a\n‸name: b', "D010", 'mapping key `name` already defined at 1:1'),
    ('steps: [a‸', "D001", 'did not find expected'),
    ('‸[a]', "D002", 'a DAG must be a mapping, not a list'),
    ('‸text', "D002", 'a DAG must be a mapping, not a text'),
    ('‸', "D004", 'no DAGs found in file'),
    ('‸---\n---\n', "D004", 'no DAGs found in file'),
    ('steps: [a]\n---\n‸steps: [b]', "D004", 'DAG at index 1 must have a name in multi-DAG file'),
    ('steps: [a]\n---\nname: x\n---\nname: ‸x', "D006", 'duplicate DAG name "x" found'),
    (f"name: ‸{'n' * 41}", "D006", 'name must be at most 40 characters'),
    ('name: ‸a/b', "D006", 'only contain alphanumeric characters, dashes, dots, and underscores'),
    ('name: ‸5', "D002", '`name` must be a text, not a number (5)'),
    ('steps:\n  - {name: a, command: x}\n  - {name: ‸a, command: y}', "D006", 'already used at 2:12'),
    (step('id: x, command: y}\n  - {name: ‸' + 'n' * 41 + ', command: x'), "D006", 'at most 40 characters'),
    (step('command: x, id: ‸_a'), "D006", 'invalid step ID format'),
    (step("command: x, id: a}\n  - {id: ‸a, command: y"), "D006", "duplicate step ID: a"),
    (step('command: x, id: ‸Params'), "D006", "step ID 'Params' is a reserved word"),
    (step('command: x, id: ‸t}\n  - {name: t, command: y'), "D006", "conflicts with another step's name"),
    (step('command: x, depends: ‸t'), "D007", 'step s depends on non-existent step `t`'),
    (step("command: x, depends: [s2, ‸'']}\n  - {name: s2, command: x"), "D007", 'non-existent step ``'),
    ('type: ‸graf\nsteps: [a]', "D005", 'invalid type: graf (must be one of: graph, chain)'),
    ('type: ‸agent', "D005", "type 'agent' is reserved and not yet supported"),
    ("schedule: ‸'* * * *'", "D005", 'invalid schedule: expected exactly 5 fields, found 4'),
    ("schedule: [0 1 * * *, ‸'@daily']", "D005", 'parser does not accept descriptors'),
    ('schedule: {begin: ‸0 1 * * *}', "D003", 'schedule: unknown key `begin`'),
    ('schedule: ‸5', "D002", 'must be a text, a list or a mapping'),
    ("schedule: {stop: [‸'0 0 0 0 §']}", "D005", 'is no cron field'),
    ('steps: [‸{name: a}]', "D004", 'step command is required'),
    ('steps: [‸{type: command}]', "D004", 'step command is required'),
    (step("command: ‸''"), "D004", 'step command is empty'),
    (step("command: ‸[' ', '']"), "D004", 'step command is empty'),
    (step('command: ‸5'), "D002", 'step command must be an array of strings or a string'),
    (step('command: [a, ‸{b: c}]'), "D002", 'command array elements must be strings or primitive types'),
    (step('exec: ‸ls -l'), "D002", '`exec` must be a list of words'),
    (step('exec: ‸[]'), "D004", '`exec` must name a program'),
    (step('‸exec: [a], command: b'), "D012", '`exec` stands alone'),
    ('steps: ‸5', "D002", 'steps must be an array or a map'),
    ('steps: [a, ‸5]', "D002", 'invalid step data'),
    ('steps: [a, ‸null]', "D002", 'invalid step data'),
    ('steps: [[a, ‸[b]]]', "D002", 'invalid step data'),
    ('steps: {a: ‸5}', "D002", 'invalid step data'),
    ('steps: {a: {‸name: b, command: x}}', "D012", '`name` differs from the key `a`'),
    (step('type: hitl, ‸command: x'), "D015", 'executor type "hitl" does not support command field'),
    (step('type: http, command: ‸[x a, y]'), "D015", 'type "http" does not support multiple commands'),
    (step('type: http, command: x, ‸shell: sh'), "D015", 'type "http" does not support shell field'),
    (step('type: http, ‸call: x'), "D015", 'type "http" does not support call field'),
    (step('command: x, ‸workerSelector: {a: b}'), "D015", 'does not support workerSelector field'),
    (step('‸type: http, command: x, executor: http'), "D012", "cannot use both 'type' and 'executor'"),
    (step('executor: http, ‸config: {timeout: 1}, command: x'), "D012", "both 'config' and 'executor'"),
    (step('command: x, config: {}, ‸with: {}'), "D012", "cannot use both 'config' and 'with'"),
    (step('command: x, executor: {type: http, ‸k: 1}'), "D003", 'unknown key `k` in executor'),
    (step('command: x, executor: {type: ‸5}'), "D002", '`executor.type` must be a text'),
    (step('command: x, executor: {config: ‸[]}'), "D002", '`executor.config` must be a mapping'),
    (step('type: ‸htp, command: x'), "D014", 'executor type "htp" is not registered'),
    (step('type: ‸docker, command: x'), "D014", '`docker` needs the plugin dagu-docker'),
    (step('command: x, ‸container: {image: a}'), "D014", '`container` needs the plugin dagu-docker'),
    ('‸ssh: {user: a}', "D014", '`ssh` needs the plugin dagu-ssh'),
    (step('type: http, command: x, config: {timeout: ‸0}'), "D005", 'must be greater than 0'),
    (step('type: http, command: x, config: {‸timout: 1}'), "D003", 'unknown key `timout` in `config`'),
    (step('type: http, command: x, with: {headers: {a: ‸1}}'), "D002", '`with.headers.a` must be a text'),
    (step('command: x, lock: ‸{}'), "D004", '`key` is required in `lock`'),
    (step('command: x, lock: {key: ‸5}'), "D002", '`lock.key` must be a text, not a number (5)'),
    ('smtp: ‸{port: 25}', "D004", '`host` is required in `smtp`'),
    (step('action: ‸foo.bar'), "D013", 'unknown action `foo.bar`'),
    (step('command: x, stdout: a, stderr: ‸a'), "D005", 'cannot point to the same file "a"'),
    (step('command: x, logOutput: ‸both'), "D005", 'invalid logOutput value'),
    ('env: ‸5', "D002", 'env must be map or array'),
    ('env: [A=1, ‸foo, 5]', "D002", '`env[1]` must be a mapping or KEY=value'),
    ('env: [A=1, foo, ‸5]', "D002", '`env[2]` must be a mapping or KEY=value'),
    ('params: ‸5', "D002", 'invalid parameter value'),
    ('params: ‸true', "D002", 'invalid parameter value'),
    (step('command: x, preconditions: ‸5'), "D002", 'must be a text, a mapping or a list'),
    (step('command: x, preconditions: [{‸k: a, condition: b}]'), "D003", 'unknown key `k` in precondition'),
    (step('command: x, preconditions: [‸{expected: b}]'), "D004", '`condition` is required'),
    (step('command: x, preconditions: [‸5, a]'), "D002", '`preconditions[0]` must be a text or a mapping'),
    (step('command: x, precondition: {condition: a, negate: ‸5}'), "D002", 'must be true or false'),
    (step("command: x, precondition: {condition: ‸''}"), "D005", 'at least 1 characters'),
    (step("command: x, precondition: ‸''"), "D002", 'condition is required'),
    (step('command: x, continueOn: ‸fail'), "D005", 'must be `failed`, `skipped` or a mapping'),
    (step("command: x, continueOn: ‸'true'"), "D005", 'must be `failed`, `skipped` or a mapping'),
    (step('command: x, continueOn: ‸[failed]'), "D002", '`continueOn` must be a mapping'),
    (step('command: x, continueOn: {‸fail: true}'), "D003", 'unknown key `fail` in continueOn'),
    (step('command: x, continueOn: {failed: ‸1}'), "D002", '`continueOn.failed` must be true or false'),
    (step('command: x, continueOn: {exitCode: [1, ‸a]}'), "D002", '`continueOn.exitCode[1]` must be an exit'),
    (step('command: x, retryPolicy: ‸{intervalSec: 1}'), "D004", '`limit` is required'),
    (step('command: x, retryPolicy: {limit: 1, backoff: ‸1}'), "D005", 'for exponential growth'),
    (step("command: x, retryPolicy: {limit: 1, backoff: ‸'2'}"), "D002", 'must be true or a number'),
    (step('command: x, retryPolicy: {limit: ‸many}'), "D002", 'must be a whole number or a ${reference}'),
    (step('command: x, retryPolicy: {limit: ‸-1}'), "D005", 'must be from 0 to'),
    (step('command: x, retryPolicy: {limit: 1, intervalSec: ‸soon}'), "D002", 'must be a number of seconds'),
    (step('command: x, repeatPolicy: {repeat: ‸x}'), "D005", "'while', 'until', or a boolean"),
    (step('command: x, repeatPolicy: {repeat: ‸until}'), "D004", "requires either 'condition' or 'exitCode'"),
    (step('command: x, repeatPolicy: {limit: ‸-1}'), "D005", 'must be at least 0'),
    (step('command: x, signalOnStop: ‸TERM'), "D005", 'invalid signal: TERM'),
    (step('command: x, timeoutSec: ‸-1'), "D005", '`timeoutSec` must be at least 0'),
    (step("command: x, timeoutSec: ‸'10'"), "D002", "`timeoutSec` must be a number, not a text ('10')"),
    (step('command: x, mailOnError: ‸yes'), "D002", '`mailOnError` must be true or false, not a text'),
    (step('command: x, ‸parallel: [a]'), "D004", 'parallel execution is only supported for child-DAGs'),
    (step('call: c, parallel: {items: [a], maxConcurrent: ‸0}'), "D005", 'must be at least 1'),
    (step("call: c, parallel: {items: [a], maxConcurrent: ‸'x'}"), "D002", 'must be a whole number'),
    (step('call: c, parallel: ‸{maxConcurrent: 1}'), "D004", 'either items array or variable reference'),
    (step('call: c, parallel: ‸[]'), "D004", 'parallel must have at least one item'),
    (step('call: c, parallel: [a, ‸true]'), "D002", 'parallel items must be strings, numbers, or objects'),
    (step('call: c, parallel: [‸{a: [1]}]'), "D002", 'parallel items must be strings, numbers, or objects'),
    (step('call: c, ‸command: x'), "D012", '`command` cannot be used together with `call`'),
    (step("call: ‸''"), "D005", '`call` must be at least 1'),
    ('steps:\n  - ‸{name: s, type: dag}\n', "D004", 'needs `call`'),
    (step('command: x, output: ‸{key: a}'), "D004", '`name` is required'),
    (step('command: x, output: ‸5'), "D002", 'output must be a string or object'),
    (step('command: x, onCrash: ‸restart'), "D005", "`onCrash` must be one of 'fail' or 'retry'"),
    ('secrets: [‸{name: A, provider: env}]', "D004", '`key` is required'),
    ("secrets:\n- {name: A, provider: env, key: K}\n- {name: ‸A, provider: env, key: L}", "D006",
     'duplicate secret name "A"'),
    ('secrets: [{name: A, provider: ‸vault, key: K}]', "D014", 'unknown secret provider `vault`'),
    ('params: A=1\nsecrets: [{name: ‸A, provider: env, key: K}]', "D262", 'both a secret and a parameter'),
    ('handlerOn:\n  abort: {command: x}\n  ‸cancel: {command: y}', "D011", 'two spellings of one key'),
    ('handlerOn: {‸foo: {command: x}}', "D003", 'unknown key `foo` in handlerOn'),
    ('handlerOn: {success: ‸echo}', "D002", '`handlerOn.success` must be a mapping, not a text'),
    ("handlerOn: {exit: {command: ‸''}}", "D004", 'step command is empty'),
    ('handlerOn: {exit: {command: x}}\nsteps: [{name: ‸onExit, command: y}]', "D006", 'name of a handler'),
    ('queue: ‸a b', "D006", 'queue name \'a b\' must be 1 to 40 letters'),
    ('‸llm: {}', "D015", '`llm` is not supported'),
    (step('type: ‸chat'), "D015", '`chat` is not supported'),
    ('timeoutSec: 1\n‸timeout_sec: 2', "D011", '`timeoutSec` and `timeout_sec` are two spellings'),
    (step('run: a, ‸call: b'), "D011", '`run` and `call` are two spellings'),
    ('runConfig: {‸disableParams: true}', "D003", 'unknown key `disableParams` in runConfig'),
    ('maxActiveRuns: ‸1.5', "D002", 'must be a whole number'),
    ('maxActiveSteps: ‸-1', "D005", 'must be at least 0'),
    ('shell: ‸\'a"\'', "D002", 'must be a command line'),
]  # fmt: skip


@pytest.mark.parametrize(("marked", "code", "message"), TABLE)
def test_mistake(marked: str, code: str, message: str) -> None:
    before = marked[: marked.index("‸")]
    place = f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    found = told(marked.replace("‸", ""))
    assert any(line.startswith(f"{place} {code} ") and message in line for line in found), found
    assert len(found) == len(set(found))


@pytest.mark.parametrize(("text", "hint"), [
    ("stesp: [a]", "did you mean `steps`?"),
    ("steps: [{command: x, retryPolicy: {limit: 1, interval: 2}}]", "did you mean `intervalSec`?"),
    ("steps: [{command: x, lok: {key: a}}]", "did you mean `lock`?"),
    ("steps: [{type: htp, command: x}]", "did you mean `http`?"),
    ("steps: [{name: build, command: x}, {command: x, depends: biuld}]", "did you mean `build`?"),
    ("steps: [{type: docker}]", "install it with: pip install dagu-docker"),
    ("type: grph", "did you mean `graph`?"),
    ("steps: [{type: http, command: x, config: {timout: 1}}]", "did you mean `timeout`?"),
    ("name: 5", "put it in quotes"),
    ("steps:\n\t- a", "use spaces, YAML does not indent with tabs"),
])  # fmt: skip
def test_hint(text: str, hint: str) -> None:
    assert hint in [problem.hint for problem in errors(text)]


def test_all_mistakes_are_told_at_once_and_each_once() -> None:
    head = "nam: x\ntype: grph\nschedule: [x, y]\n"
    text = head + "steps:\n  - {comand: a}\n  - {command: b, depends: [q, r]}\n  - 5\n"
    assert [(p.place.line, p.code) for p in errors(text)] == [
        (1, "D003"),
        (2, "D005"),
        (3, "D005"),
        (3, "D005"),
        (5, "D004"),
        (5, "D003"),
        (6, "D007"),
        (6, "D007"),
        (7, "D002"),
    ]


def test_one_mistake_never_follows_from_another() -> None:
    assert told("steps: [{command: ''}, {call: 5}, {type: 5}, {exec: 5}, {script: []}]") == [
        "1:19 D004 step command is empty",
        "1:31 D002 `call` must be a text, not a number (5)",
        "1:42 D002 `type` must be a text, not a number (5)",
        "1:53 D002 `exec` must be a list of words, not a number (5)",
        "1:66 D002 `script` must be a text, not a list",
    ]


def test_a_key_that_only_tells_somebody_is_a_warning_without_its_plugin() -> None:
    found = problems("mailOn: {failure: true}\nwaitMail: {}\nsteps: [a]")
    assert [(p.severity, p.code, p.place.line) for p in found] == [
        ("warning", "D014", 1),
        ("warning", "D014", 2),
    ]
    assert found[0].hint == "install it with: pip install dagu-mail"


def test_every_mistake_has_a_hint() -> None:
    for marked, code, _ in TABLE:
        assert all(problem.hint for problem in problems(marked.replace("‸", ""))), (code, marked)


def test_a_number_that_is_none_is_one_mistake() -> None:
    for number in (".nan", ".inf"):
        (found,) = problems(step(f"command: x, retryPolicy: {{limit: 1, intervalSec: {number}}}"))
        assert "must be a number of seconds or a ${reference}, not a number" in found.message
