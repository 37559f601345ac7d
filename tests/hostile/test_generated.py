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
from dagu_core.model.spec.dag import DagSpec
from dagu_core.model.spec.decode import decode
from dagu_core.model.spec.policies import RepeatSpec, RetrySpec
from dagu_core.model.spec.read import read_definition
from dagu_core.model.spec.step import StepSpec
from tests.hostile.language import VOCABULARY
from tests.hostile.workflows import documents, keys_of

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
def test_Y23_hostile_definitions(kind: Callable[[random.Random], str]) -> None:
    for seed in range(HOSTILE // len(HOSTILE_KINDS)):
        text = kind(random.Random(f"{kind.__name__} {seed}"))
        try:
            judge(text)
        except BaseException as error:
            error.add_note(f"seed {seed}: {text[:500]!r}")
            raise


def test_Y23_hostile_bytes() -> None:
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
