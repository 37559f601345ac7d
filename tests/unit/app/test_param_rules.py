"""Parameters and their schema, judged before a run: validate, start, enqueue and dry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dagu_core.cli.invocation import Invocation
from dagu_core.cli.main import run

Capture = pytest.CaptureFixture[str]
RULES = """\
params:
  schema:
    type: object
    properties: {env: {enum: [a, b]}, n: {type: integer}, t: {type: integer}}
    required: [n]
    additionalProperties: false
  values:
    env: zzz
    t: "`echo 1`"
steps: []
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "dags").mkdir()
    (tmp_path / "work").mkdir()
    return tmp_path


def dagu(home: Path, *args: str) -> int:
    return run([*args], Invocation(home=str(home)))


@pytest.mark.parametrize(
    ("params", "place", "message"),
    [
        ("params: {schema: {type: objct}}", "1:25", "is not a JSON Schema: type: 'objct'"),
        ("params:\n  schema: {properties: 5}", "2:24", "is not a JSON Schema: properties: 5"),
        ("params: {schema: nofile.json}", "1:18", "there is no parameter schema nofile.json; tried"),
        ("params: {schema: broken.json}", "1:18", "the parameter schema broken.json is not JSON"),
    ],
)
def test_a_schema_that_is_none_is_told_with_its_place(
    home: Path, capsys: Capture, params: str, place: str, message: str
) -> None:
    (home / "dags/broken.json").write_text("{")
    (home / "dags/d.yaml").write_text(f"{params}\nsteps: []\n")
    for verb in ("validate", "start", "enqueue", "dry"):
        assert dagu(home, verb, "d") == 1
        told = capsys.readouterr().err
        assert f"d.yaml:{place}: error D005" in told and message in told


def test_a_default_that_a_start_refuses_is_a_warning(home: Path, capsys: Capture) -> None:
    (home / "dags/d.yaml").write_text(RULES)
    assert dagu(home, "validate", "d") == 0
    assert "d.yaml:8:10: warning D005 parameter validation failed: env: 'zzz'" in capsys.readouterr().err
    for verb in ("start", "enqueue", "dry"):
        assert dagu(home, verb, "d", "--", "n=1") == 1
        assert "d.yaml:8:10: error D005 parameter validation failed: env: 'zzz'" in capsys.readouterr().err
    assert dagu(home, "start", "d", "--", "n=1", "env=a") == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["env=a", "n=q"], "n: 'q' is not of type 'integer'"),
        (["env=c", "n=1"], "env: 'c' is not one of ['a', 'b']"),
        (["env=a"], "'n' is a required property"),
        (["env=a", "n=1"], ""),
        (["env=a", "n=1", "t=x"], "t: 'x' is not of type 'integer'"),
    ],
)
def test_dry_refuses_what_start_refuses(home: Path, capsys: Capture, words: list[str], told: str) -> None:
    (home / "dags/d.yaml").write_text(RULES)
    for verb in ("dry", "start"):
        assert dagu(home, verb, "-q", "d", "--", *words) == (1 if told else 0)
        assert told in capsys.readouterr().err


def test_the_run_judges_what_it_evaluates(home: Path, capsys: Capture) -> None:
    (home / "dags/d.yaml").write_text(RULES.replace("echo 1", "echo x").replace("zzz", "a"))
    assert dagu(home, "dry", "-q", "d", "--", "n=1") == 0
    assert dagu(home, "start", "-q", "d", "--", "n=1") == 1
    assert "t: 'x' is not of type 'integer'" in capsys.readouterr().err


def test_a_schema_beside_the_file_is_found_by_all(home: Path, capsys: Capture) -> None:
    (home / "dags/s.json").write_text(json.dumps({"properties": {"A": {"default": "d"}}}))
    (home / "dags/d.yaml").write_text(
        f"params: {{schema: s.json, values: {{B: x}}}}\nworkingDir: {home / 'work'}\nsteps: []\n"
    )
    for verb in ("validate", "dry", "enqueue", "start"):
        assert dagu(home, verb, "-q", "d") == 0, capsys.readouterr().err
    (home / "dags/d.yaml").write_text("params: {schema: '${WHERE}/s.json'}\nsteps: []\n")
    assert dagu(home, "validate", "d") == 0
