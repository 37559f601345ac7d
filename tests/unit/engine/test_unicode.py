"""Any text given as a parameter or an env value reaches the step as it is."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.gotchas.lab import Lab, Ran

FULL = os.environ.get("DAGU_FULL") == "1"
#: texts a shell, a YAML reader or a substitution may stumble over
SIGNS = "a1 \"'`$\\{}()[]#&|;<>!*?~%=:,-\n\r\t\x01\x1b\x7f\x85\u2028\ufeff\ufffdé日😀"
ANY = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXTS = st.one_of(st.text(st.sampled_from(SIGNS), max_size=20), st.text(ANY, max_size=60))
#: in a definition `$`, backticks and a leading `~` mean something, so only what has none arrives as it stands
PLAIN = TEXTS.map(lambda text: text.replace("$", "S").replace("`", "'").lstrip("~"))
KNOWN = ["", " ", "\n", "a\n", "$(id)", "`id`", "${HOME}", "$V0", '"', "'", "\\", "\\n", "a=b", "-n", "{}"]


def many(texts: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(texts, min_size=20, max_size=40)


def _printing(names: Sequence[str]) -> str:
    """A command line that prints every variable twice, each value ended by a NUL."""
    words = " ".join(f'"${name}" "${{{name}}}"' for name in names)
    return f"printf '%s\\0' {words}"


def _bare(names: Sequence[str]) -> str:
    return " ".join(f"${name} ${{{name}}}" for name in names)


def _steps(names: Sequence[str]) -> list[dict[str, Any]]:
    dump = "import os, json\nprint(json.dumps([os.environ[n] for n in os.environ['NAMES'].split()]))"
    return [
        {"name": "command", "command": _printing(names)},
        {"name": "direct", "shell": "direct", "command": _printing(names)},
        {"name": "bare", "shell": "direct", "command": f"printf '%s\\0' {_bare(names)}"},
        {"name": "interpreter", "command": _printing(names), "script": "its path is printed last"},
        {"name": "script", "script": f"{_printing(names)}\ntrue"},
        {"name": "python", "env": [{"NAMES": " ".join(names)}], "script": f"#!/usr/bin/env python3\n{dump}"},
    ]


def _check(run: Ran, values: Sequence[str]) -> None:
    twice = [value for value in values for _ in range(2)]
    for step in ("command", "script", "direct", "bare", "interpreter"):
        printed = Path(run.step(step).stdout).read_bytes().decode("utf-8").split("\0")[:-1]
        assert printed[: len(twice)] == twice, step
        assert len(printed) == len(twice) + (step == "interpreter"), step
    assert json.loads(run.out("python")) == list(values)
    assert run.status == "succeeded"


@contextmanager
def ran(definition: dict[str, Any], *words: str) -> Iterator[Ran]:
    """The run of a definition, for as long as its files are looked at."""
    with tempfile.TemporaryDirectory(prefix="dagu-unicode-") as folder:
        lab = Lab(Path(folder) / "home", Path(folder))
        # Every JSON text is YAML; that is also what a program would write.
        yield lab.run(json.dumps(definition), *words)


many_runs = settings(max_examples=150 if FULL else 12, deadline=None, suppress_health_check=list(HealthCheck))


@many_runs
@example(KNOWN)
@given(many(TEXTS))
def test_a_parameter_arrives_unchanged(values: list[str]) -> None:
    names = [f"V{n}" for n in range(len(values))]
    pairs = tuple(zip(names, values, strict=True))
    with ran({"steps": _steps(names)}, *(f"{name}={value}" for name, value in pairs)) as run:
        assert run.params == pairs
        _check(run, values)


@many_runs
@example([text.replace("$", "").replace("`", "") for text in KNOWN])
@given(many(PLAIN))
def test_an_env_value_arrives_unchanged(values: list[str]) -> None:
    names = [f"V{n}" for n in range(len(values))]
    pairs = [{name: value} for name, value in zip(names, values, strict=True)]
    half = len(pairs) // 2
    steps = [{**step, "env": [*pairs[half:], *step.get("env", [])]} for step in _steps(names)]
    with ran({"env": pairs[:half], "steps": steps}) as run:
        _check(run, values)
