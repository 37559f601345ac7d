"""What came of a definition is kept, and used again for the same text read by the same code only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from dagu_core import Attempt, Executor, NoConfig, Outcome, hookimpl
from dagu_core.app import kept_plans
from dagu_core.app.dags import Dags
from dagu_core.base.config import Config
from dagu_core.base.places import InvalidDefinition
from dagu_core.contracts.host import PluginHost
from dagu_core.model.plan.definition import Definition
from dagu_core.model.spec import read as reader
from dagu_core.testing.offering import offering
from tests.faults import chaos

EXAMPLES = sorted((Path(__file__).parents[3] / "docs" / "examples").rglob("*.yaml"))
TEXT = """
params: DAY=today
env: [{A: "${DAY}"}]
steps:
  - {name: a, command: echo a, retryPolicy: {limit: 2, intervalSec: 1}}
  - {name: b, call: other, params: "X=1 Y='two words'", parallel: {items: [1, {k: v}]}}
---
name: other
steps: [echo $X]
"""

Read = Callable[[], Definition]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "dag.yaml"
    found.write_text(TEXT)
    return found


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were read, one after the other."""
    seen: list[str] = []
    real = reader.read_definition

    def counted(text: str, **more: object) -> Definition:
        seen.append(text)
        return real(text, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(reader, "read_definition", counted)
    return seen


def dags(file: Path, *plugins: object, disabled: tuple[str, ...] = ()) -> Dags:
    host = PluginHost.load(discover=False, plugins=plugins, disabled=disabled)
    return Dags(file.parent, file.parent / "base.yaml", host, file.parent / "cache" / "plans")


def the_kept(file: Path) -> Path:
    (found,) = (file.parent / "cache" / "plans").iterdir()
    return found


def test_the_same_text_is_read_once(file: Path, readings: list[str]) -> None:
    first = dags(file).read(str(file), keep=True)
    again = dags(file).read(str(file), keep=True)
    assert readings == [TEXT]
    assert (again.plans, again.warnings, again.places) == (first.plans, first.warnings, ())
    assert again.plans[0].local["other"].text == TEXT


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_what_is_kept_is_what_was_read(example: Path, tmp_path: Path, readings: list[str]) -> None:
    file = tmp_path / example.name
    file.write_bytes(example.read_bytes())
    first = dags(file).read(str(file), keep=True)
    again = dags(file).read(str(file), keep=True)
    assert (again.plans, again.warnings) == (first.plans, first.warnings)
    keeps = all(plan.params.schema is None for plan in first.plans)
    assert len(readings) == (1 if keeps else 2)


def test_another_home_without_a_base_finds_it_too(file: Path, readings: list[str]) -> None:
    for base in ("here/base.yaml", "there/base.yaml"):
        host = PluginHost.load(discover=False)
        Dags(file.parent, file.parent / base, host, file.parent / "cache").read(str(file), keep=True)
    assert len(readings) == 1


def test_warnings_are_told_again(file: Path, readings: list[str]) -> None:
    file.write_text("workerSelector: {gpu: 'true'}\nsteps: ['true']\n")
    first = dags(file).read(str(file), keep=True)
    assert [each.code for each in first.warnings] == ["D113"]
    assert dags(file).read(str(file), keep=True).warnings == first.warnings
    assert len(readings) == 1


def test_only_who_asks_for_it_gets_what_is_kept(file: Path, readings: list[str]) -> None:
    dags(file).read(str(file), keep=True)
    assert dags(file).read(str(file)).places
    assert dags(file).read(str(file), keep=True, name="else").plans[0].name == "else"
    assert len(readings) == 3


def test_another_text_another_base_other_parts_and_other_code_are_read(
    file: Path, readings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_read() -> bool:
        before = len(readings)
        dags(file).read(str(file), keep=True)
        return len(readings) > before

    assert (is_read(), is_read()) == (True, False)
    file.write_text(TEXT + "# more\n")
    assert (is_read(), is_read()) == (True, False)
    (file.parent / "base.yaml").write_text("env: [{B: 1}]\n")
    assert (is_read(), is_read()) == (True, False)
    dags(file, disabled=("secrets",)).read(str(file), keep=True)
    assert is_read()
    monkeypatch.setattr(kept_plans, "_code", lambda: "other code")
    assert (is_read(), is_read()) == (True, False)


def test_a_changed_source_file_is_other_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for folder in kept_plans._READERS:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    source = tmp_path / "model" / "spec" / "step.py"
    source.write_text("x = 1\n")
    monkeypatch.setattr(kept_plans, "__file__", str(tmp_path / "app" / "kept_plans.py"))
    before = kept_plans._code()
    assert kept_plans._code() == before
    os.utime(source, ns=(1, 1))
    assert kept_plans._code() != before


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[:40],
        lambda data: b"",
        lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:],
        lambda data: b"\0" * len(data),
        lambda data: data + b"more",
    ],
)
def test_a_damaged_file_is_as_good_as_none(
    file: Path, readings: list[str], damage: Callable[[bytes], bytes]
) -> None:
    first = dags(file).read(str(file), keep=True)
    the_kept(file).write_bytes(damage(the_kept(file).read_bytes()))
    assert dags(file).read(str(file), keep=True).plans == first.plans
    assert dags(file).read(str(file), keep=True).plans == first.plans
    assert len(readings) == 2


class Extra(Config):
    """Anything."""


class Toy(Executor[NoConfig]):
    """Does nothing."""

    name = "toy"
    capabilities = frozenset({"command"})

    async def run(self, attempt: Attempt[NoConfig]) -> Outcome:
        return Outcome()


TOY = offering(Toy, dag_fields={"extra": Extra})
JUDGE = SimpleNamespace(__name__="judge", dagu_lint=hookimpl(lambda plan: [], specname="dagu_lint"))


@pytest.mark.parametrize(
    ("text", "plugins", "kept"),
    [
        ("steps: [echo toy]", (TOY,), True),
        ("steps: [{type: toy, command: x}]", (TOY,), False),
        (r'steps: [{type: "\x74oy", command: x}]', (TOY,), False),
        ("extra: {}\nsteps: [echo]", (TOY,), False),
        ("steps: [echo]", (JUDGE,), False),
        ("params: {schema: {type: object}, values: {}}\nsteps: [echo]", (), False),
        ("secrets: [{name: A, provider: env, key: A}]\nsteps: [echo]", (), True),
        ("schedule: [{at: '2031-01-01T00:00:00Z'}]\nsteps: [echo]", (), True),
        (
            "steps: [{parallel: [1], call: other}]\n---\nname: other\nsteps: [{type: toy, command: x}]",
            (TOY,),
            False,
        ),
    ],
)
def test_what_a_plugin_or_a_schema_has_a_say_in_is_not_kept(
    file: Path, readings: list[str], text: str, plugins: tuple[object, ...], kept: bool
) -> None:
    file.write_text(text)
    plans = [dags(file, *plugins).read(str(file), keep=True).plans for _ in range(2)]
    assert plans[0] == plans[1]
    assert (len(readings), (file.parent / "cache").exists()) == ((1, True) if kept else (2, False))


def test_what_is_wrong_is_not_kept(file: Path) -> None:
    file.write_text("steps: [{command: 1, nonsense: 2}]\n")
    with pytest.raises(InvalidDefinition):
        dags(file).read(str(file), keep=True)
    assert not (file.parent / "cache").exists()


def test_nobody_else_can_read_what_is_kept(file: Path) -> None:
    dags(file).read(str(file), keep=True)
    kept = the_kept(file)
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o750)


def test_no_folder_to_keep_it_in_is_no_error(file: Path, readings: list[str]) -> None:
    (file.parent / "cache").write_text("in the way")
    for _ in range(2):
        assert dags(file).read(str(file), keep=True).plans[0].name == "dag"
    assert len(readings) == 2


def test_the_folder_stays_small(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_plans, "_MOST", 3)
    for number in range(5):
        other = file.with_name(f"dag{number}.yaml")
        other.write_text("steps: ['true']\n")
        dags(other).read(str(other), keep=True)
        assert 1 <= len(os.listdir(file.parent / "cache" / "plans")) <= 3


@pytest.mark.parametrize("heavy", ["dagu_core.model.spec.read", "yaml", "pydantic", "jsonschema"])
def test_a_later_start_does_not_load_the_reader(heavy: str, tmp_path: Path) -> None:
    home = chaos.Home(tmp_path)
    path = home.write("dag", "steps: [echo hello]")

    def loads_it() -> bool:
        command = [sys.executable, "-X", "importtime", chaos.DAGU, "start", path]
        done = subprocess.run(command, env=home.env(), capture_output=True, text=True)
        assert done.returncode == 0
        return any(line.rpartition("|")[2].strip() == heavy for line in done.stderr.splitlines())

    # the first one imports all plugins, to learn what they bring
    assert [loads_it() for _ in range(3)][1:] == [heavy != "jsonschema", False]


RACE = """
import sys, threading
import msgspec
from dagu_core.app.kept_plans import _decoded, _Kept

sys.setswitchinterval(1e-6)
barrier = threading.Barrier(8)
data = msgspec.msgpack.encode(_Kept((), (), ()))

def work():
    barrier.wait()
    assert _decoded(data) == _Kept((), (), ())

threads = [threading.Thread(target=work) for _ in range(8)]
for each in threads:
    each.start()
for each in threads:
    each.join()
"""


@pytest.mark.parametrize("number", range(3))
def test_threads_that_read_at_once_do_not_end_the_process(number: int) -> None:
    """Without a lock msgspec ends about nine in ten such processes."""
    assert subprocess.run([sys.executable, "-c", RACE]).returncode == 0
