"""Generated definitions: no input makes the reader fail, hang or point outside the text."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagu_core.base.places import InvalidDefinition, Problem
from dagu_core.model.spec.dag import DagSpec, HandlersSpec
from dagu_core.model.spec.policies import ContinueOnSpec, RepeatSpec, RetrySpec
from dagu_core.model.spec.read import decode, read_definition
from dagu_core.model.spec.step import StepSpec
from tests.hostile.language import VOCABULARY

EXAMPLES = int(os.environ.get("DAGU_FUZZ_EXAMPLES", "1000"))
HOSTILE = int(os.environ.get("DAGU_HOSTILE_EXAMPLES", "400"))
LIMIT = 2.0


def judge(text: str) -> None:
    """Read a text; whatever it is, within the limit and with every place inside it."""
    begin = time.process_time()
    try:
        found: tuple[Problem, ...] = read_definition(text, vocabulary=VOCABULARY, path="/d/f.yaml").warnings
    except InvalidDefinition as error:
        found = error.problems
        assert found
        assert any(problem.severity == "error" for problem in found)
    assert time.process_time() - begin < LIMIT
    lines = text.removeprefix("\ufeff").splitlines() or [""]
    for problem in found:
        assert 1 <= problem.place.line <= len(lines), problem
        assert 1 <= problem.place.column <= len(lines[problem.place.line - 1]) + 1, problem
        assert problem.message
        assert problem.code


# -- mostly right ---------------------------------------------------------------------------------

words = st.sampled_from(
    ["a", "b", "c", "build", "x_1", "ünï", "", "a b", "${A}", "`date`", "0777", "true", "~"]
)
scalars = st.one_of(
    words,
    st.integers(-5, 5000),
    st.floats(allow_nan=True, allow_infinity=True, width=32),
    st.booleans(),
    st.none(),
    st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=8),
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["a", "b", "c", "d", "e", "a1"])
conditions = st.one_of(
    names, st.fixed_dictionaries({"condition": names}, optional={"expected": words, "negate": st.booleans()})
)
numbers = st.integers(1, 100)
RIGHT: dict[str, Any] = {
    "name": names,
    "id": st.sampled_from(["id1", "id2", "id3"]),
    "depends": st.one_of(names, st.lists(names, max_size=3)),
    "command": st.one_of(
        st.sampled_from(["echo a", "echo a\necho b", "exit 3"]), st.lists(words, max_size=3)
    ),
    "exec": st.lists(words, max_size=3),
    "script": words,
    "env": st.one_of(
        st.dictionaries(names, scalars, max_size=3), st.lists(st.sampled_from(["A=1", "B=${A}", "C="]))
    ),
    "output": st.one_of(names, st.fixed_dictionaries({"name": names}, optional={"key": names})),
    "preconditions": st.one_of(conditions, st.lists(conditions, max_size=3)),
    "precondition": st.one_of(conditions, st.lists(conditions, max_size=3)),
    "continueOn": st.one_of(
        st.sampled_from(["failed", "skipped"]),
        st.fixed_dictionaries(
            {}, optional={"failed": st.booleans(), "exitCode": st.lists(numbers, max_size=2)}
        ),
    ),
    "retryPolicy": st.fixed_dictionaries(
        {"limit": numbers}, optional={"intervalSec": numbers, "backoff": scalars}
    ),
    "repeatPolicy": st.fixed_dictionaries(
        {}, optional={"repeat": scalars, "exitCode": numbers, "limit": numbers}
    ),
    "call": names,
    "parallel": st.one_of(words, st.lists(scalars, max_size=3)),
    "params": st.one_of(words, st.dictionaries(names, scalars, max_size=3), st.lists(scalars, max_size=3)),
    "timeoutSec": numbers,
    "delaySec": numbers,
    "type": st.sampled_from(["chain", "graph", "http", "command", "dag", "box", "docker"]),
    "schedule": st.sampled_from(["* * * * *", "0 9 * * MON-FRI", "TZ=UTC 1 2 3 4 5", ""]),
    "tags": st.one_of(words, st.lists(words, max_size=3)),
    "shell": st.sampled_from(["bash -e", "direct", "sh"]),
    "dotenv": st.lists(names, max_size=2),
    "shellPackages": st.lists(names, max_size=2),
}


def spelled(key: str) -> st.SearchStrategy[str]:
    snake = "".join(f"_{char.lower()}" if char.isupper() else char for char in key)
    return st.sampled_from([key, key, snake, key.upper()])


def keys_of(model: type[Any]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def right_for(model: type[Any], key: str) -> st.SearchStrategy[Any]:
    """Values the field takes, as far as its name or its default tells."""
    if key in RIGHT:
        return RIGHT[key]
    default = next(field.default for name, field in model.model_fields.items() if key in (field.alias, name))
    by_type = {bool: st.booleans(), str: words, int: st.integers(0, 100), float: st.integers(0, 100)}
    return by_type.get(type(default), anything)


@st.composite
def mappings(draw: Callable[..., Any], model: type[Any], most: int = 4) -> dict[str, Any]:
    found = {}
    for key in draw(st.lists(st.sampled_from(keys_of(model)), max_size=most, unique=True)):
        wrong = draw(st.integers(0, 39)) == 0
        found[draw(spelled(key))] = draw(anything if wrong else right_for(model, key))
    return found


@st.composite
def steps(draw: Callable[..., Any]) -> Any:
    kind = draw(st.integers(0, 9))
    if kind < 4:
        return draw(st.sampled_from(["echo a", "echo a\necho b", "x"]))
    step = draw(mappings(StepSpec, 3))
    if kind < 9:
        # Keys that decide what the step is would mostly contradict the command.
        decisive = {"command", "exec", "call", "type", "parallel", "action", "executor", "workerselector"}
        step = {key: value for key, value in step.items() if key.replace("_", "").lower() not in decisive}
        step["command"] = draw(st.sampled_from(["echo a", "echo ${A}", "exit 3"]))
    return step


@st.composite
def documents(draw: Callable[..., Any]) -> dict[str, Any]:
    document = draw(mappings(DagSpec))
    named = st.dictionaries(names, steps(), max_size=3)
    document["steps"] = draw(
        st.one_of(st.lists(st.one_of(steps(), st.lists(steps(), max_size=2)), max_size=4), named)
    )
    document["name"] = draw(names)
    handler = steps().filter(lambda step: isinstance(step, dict))
    if draw(st.booleans()):
        kinds = st.sampled_from(keys_of(HandlersSpec))
        document["handlerOn"] = draw(st.dictionaries(kinds, handler, max_size=2))
    for key, model in (
        ("continueOn", ContinueOnSpec),
        ("retryPolicy", RetrySpec),
        ("repeatPolicy", RepeatSpec),
    ):
        if draw(st.integers(0, 4)) == 0 and isinstance(document["steps"], list):
            document["steps"].append({"command": "x", key: draw(mappings(model))})
    return document


# -- hostile --------------------------------------------------------------------------------------

ALL_KEYS = sorted({*keys_of(DagSpec), *keys_of(StepSpec), *keys_of(RetrySpec), *keys_of(RepeatSpec)})


def cycle(chance: random.Random) -> str:
    size = chance.choice([1, 2, 3, 50, 1000])
    steps = "".join(f"  - {{name: s{i}, command: x, depends: s{(i + 1) % size}}}\n" for i in range(size))
    return f"type: {chance.choice(['graph', 'chain'])}\nsteps:\n{steps}"


def bomb(chance: random.Random) -> str:
    depth, width = chance.randint(3, 9), chance.randint(5, 9)
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, depth)]
    return "\n".join([*lines, f"steps: [{{command: x, config: *a{depth - 1}}}]"])


def recursion(chance: random.Random) -> str:
    return chance.choice(
        ["steps: &a [*a]", "&a a: *a", "a: &a {b: *a}", "steps: [&s {<<: *s}]", "a: &a {<<: *a}"]
    )


def large(chance: random.Random) -> str:
    if chance.random() < 0.1:
        return "description: " + "x" * chance.choice([4_000_000, 10_000_000])
    return "steps:\n" + "  - a\n" * chance.choice([100, 3000]) + "description: " + "y" * 50_000


def deep(chance: random.Random) -> str:
    levels = chance.choice([50, 99, 101, 3000, 200_000])
    opening = chance.choice(["[", "{a: ", "- ", "? ", "{? "])
    return chance.choice(["", "steps: ", "a: b\nc: "]) + opening * levels


def wrong_types(chance: random.Random) -> str:
    values = [
        "5",
        "[]",
        "{}",
        "null",
        "[[]]",
        "[null]",
        "{a: {b: [c]}}",
        "'x'",
        "1e999",
        ".nan",
        "-1",
        "true",
        "|\n  a\n  b",
    ]
    keys = chance.sample(ALL_KEYS, 5)
    steps = "".join(f"  - {key}: {chance.choice(values)}\n" for key in keys)
    return "".join(f"{key}: {chance.choice(values)}\n" for key in keys if key != "steps") + "steps:\n" + steps


def encodings(chance: random.Random) -> str:
    odd = [
        "\ufeff",
        "\0",
        "\x07",
        "\x85",
        "\u2028",
        "\u202e",
        "\ud800",
        "\U0010ffff",
        "\ufffe",
        "é",
        "\r",
        "\t",
        "\x7f",
    ]
    text = list("name: abc\nsteps:\n  - command: echo x\n    env: {A: b}\n")
    for _ in range(chance.randint(1, 4)):
        text.insert(chance.randint(0, len(text)), chance.choice(odd))
    return "".join(text)


def odd_keys(chance: random.Random) -> str:
    keys = [
        "? [a, b]\n: c",
        "? {a: b}\n: c",
        "1: 2",
        "~: x",
        "'': x",
        "<<: 5",
        "<<: [5]",
        "*x : y",
        "&a b: *a",
        "!!set {a}",
    ]
    keys += [
        "__class__: x",
        "model_fields: x",
        "_raw: x",
        "with_: {}",
        "steps: x",
        "'a\\0b': c",
        "k" * 3000 + ": v",
        "=: x",
    ]
    return "\n".join(chance.sample(keys, 3)) + "\nsteps: [{" + chance.choice(keys).replace("\n", " ") + "}]"


def mutated(chance: random.Random) -> str:
    text = list(
        "type: graph\nparams: {A: 1}\nsteps:\n  - &a {name: b, command: 'x', retryPolicy: {limit: 2}}\n"
        "  - *a\n---\nname: q\n"
    )
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(len(text))
        if chance.random() < 0.5:
            text[at] = chance.choice("[]{}:,&*!|>'\"%@`#?-\n\t ~<=0")
        else:
            text[at : at + 1] = [text[at]] * chance.randint(0, 3)
    return "".join(text)


def noise(chance: random.Random) -> str:
    return "".join(chance.choice("[]{}:,&*!|>'\"%@`#?- \nabc0~<") for _ in range(chance.randint(1, 400)))


HOSTILE_KINDS = [cycle, bomb, recursion, large, deep, wrong_types, encodings, odd_keys, mutated, noise]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", HOSTILE_KINDS, ids=lambda kind: kind.__name__)
def test_hostile_definitions(kind: Callable[[random.Random], str]) -> None:
    for seed in range(HOSTILE // len(HOSTILE_KINDS)):
        text = kind(random.Random(f"{kind.__name__} {seed}"))
        try:
            judge(text)
        except BaseException as error:
            error.add_note(f"seed {seed}: {text[:500]!r}")
            raise


def test_hostile_bytes() -> None:
    for seed in range(HOSTILE):
        chance = random.Random(seed)
        data = "name: äöü\nsteps: [x]\n".encode(
            chance.choice(["utf-8", "utf-16", "latin-1", "utf-8-sig", "utf-32"])
        )
        cut = bytearray(data)
        for _ in range(chance.randint(0, 3)):
            cut[chance.randrange(len(cut))] = chance.randrange(256)
        try:
            text = decode(bytes(cut), "f.yaml")
        except InvalidDefinition as error:
            found = error.problems
            text = bytes(cut).decode("utf-8", "replace")
            assert [problem.message.startswith("not UTF-8 at byte ") for problem in found] == [True]
        judge(text)


# -- the mostly right ones, last: what hypothesis keeps slows the collector down ------------------


@given(st.lists(documents(), min_size=1, max_size=2), st.sampled_from([None, False, True]))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@pytest.mark.timeout(1800)
def test_generated_workflows(found: list[dict[str, Any]], style: bool | None) -> None:
    judge(yaml.safe_dump_all(found, default_flow_style=style, allow_unicode=True, sort_keys=False))
