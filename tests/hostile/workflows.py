"""Workflow files as hypothesis makes them up: mostly right, now and then not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from dagu_core.model.spec.dag import DagSpec, HandlersSpec
from dagu_core.model.spec.policies import ContinueOnSpec, RepeatSpec, RetrySpec
from dagu_core.model.spec.step import StepSpec

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
    "type": st.sampled_from(["chain", "graph", "http", "command", "dag", "box", "docker", "t"]),
    "schedule": st.sampled_from(["* * * * *", "0 9 * * MON-FRI", "TZ=UTC 1 2 3 4 5", ""]),
    "tags": st.one_of(words, st.lists(words, max_size=3)),
    "shell": st.sampled_from(["bash -e", "direct", "sh"]),
    "dotenv": st.lists(names, max_size=2),
    "shellPackages": st.lists(names, max_size=2),
}


@st.composite
def step_types(draw: Callable[..., Any]) -> dict[str, Any]:
    """Step types without a mistake, for whoever uses them wrongly."""
    found = {}
    for name in draw(st.lists(st.sampled_from(["t", "u", "v"]), max_size=3, unique=True)):
        rules = st.sampled_from(
            [{}, {"type": "string"}, {"type": "integer", "default": 1}, {"enum": [1, "a"]}]
        )
        schema = {"properties": {key: draw(rules) for key in ("a", "b")}}
        template = st.sampled_from(
            [
                {"command": "echo {$input: a}"},
                {"exec": ["echo", {"$input": "a"}, "{{ json .input.b }}"], "env": {"A": {"$input": "b"}}},
                {"script": "{{ .input.b | default 5 }}", "retryPolicy": {"limit": {"$input": "a"}}},
            ]
        )
        found[name] = {"type": draw(st.sampled_from(["command", "shell", "box"])), "template": draw(template)}
        if draw(st.booleans()):
            found[name]["inputSchema"] = schema
    return found


RIGHT["stepTypes"] = step_types()


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
