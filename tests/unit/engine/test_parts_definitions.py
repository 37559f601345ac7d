"""What plugins add to definitions: fields, secrets, findings, other formats, stores."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from dagu_core import Config, Invalid, InvalidDefinition, Outcome, Place, Problem, SecretProvider, SecretRef
from dagu_core.app.requests import StartRequest
from dagu_core.builtins.memory_store import MemoryStore
from dagu_core.engine import known_secrets
from tests.unit.engine.toys import Toys, executor


class HostConfig(Config):
    """Where steps go."""

    address: str = Field(description="Name of the host.")
    port: int = Field(22, description="Its port.")


async def tell_host(attempt: Any) -> Outcome:
    host = attempt.dag_fields["host"]
    await attempt.stdout.write(f"{host.address}:{host.port}".encode())
    return Outcome()


def test_a_dag_field_reaches_the_executor_with_the_values_of_the_run(toys: Toys) -> None:
    toys.environ["SOURCE"] = "inner.example"
    toys.give(executor(tell_host), fields={"host": HostConfig})
    ran = toys.run("""
        params: {P: 2200}
        secrets: [{name: WHERE, provider: env, key: SOURCE}]
        host: {address: "${WHERE}", port: "${P}"}
        steps: [{name: s, type: toy}]
        """)
    assert ran.out("s") == "*******:2200"


def test_a_dag_field_comes_from_the_base_too(toys: Toys) -> None:
    toys.base("host: {address: base.example}")
    toys.give(executor(tell_host), fields={"host": HostConfig})
    assert toys.run("steps: [{name: s, type: toy}]").out("s") == "base.example:22"


def test_a_wrong_dag_field_is_found_when_it_is_read(toys: Toys) -> None:
    toys.give(fields={"host": HostConfig})
    with pytest.raises(InvalidDefinition) as caught:
        toys.check("""
            host:
              adress: x
              port: many
            steps: ["true"]
            """)
    places = {(p.place.line, p.place.column) for p in caught.value.problems}
    assert {(2, 3), (3, 9)} <= places


def test_a_dag_field_that_cannot_be_made_fails_the_run_before_any_step(toys: Toys) -> None:
    toys.give(fields={"host": HostConfig})
    ran = toys.run("""
        params: {P: many}
        host: {address: x, port: "${P}"}
        steps: [{name: s, command: "true"}]
        """)
    assert (ran.status, ran.of("s")) == ("failed", "not_started")
    assert ran.view.summary.error.startswith("host.port: ")


class Vault(SecretProvider):
    """Keeps toys."""

    name = "toybox"
    aliases = ("box",)

    def check(self, ref: SecretRef) -> str:
        return "" if ref.key.islower() else "keys are written small"

    async def resolve(self, ref: SecretRef, scope: Any) -> str:
        match ref.key:
            case "locked":
                raise Invalid("the box is locked", hint="find the key")
            case "broken":
                raise RuntimeError("swordfish-0042 fell out")
            case "exits":
                raise SystemExit("swordfish-0042")
            case "hangs":
                await asyncio.Event().wait()
            case "number":
                return 42  # type: ignore[return-value]
        return f"toy-of-{ref.key}-{ref.options.get('colour', '')}"


def test_a_secret_of_a_plugin_is_masked(toys: Toys) -> None:
    toys.give(Vault)
    ran = toys.run("""
        secrets: [{name: BEAR, provider: box, key: bear, options: {colour: brown}}]
        steps: [{name: s, command: 'echo "$BEAR ${#BEAR}"'}]
        """)
    assert ran.out("s") == "******* 17\n"


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("locked", "secret BEAR: the box is locked"),
        ("broken", "secret BEAR: provider toybox: RuntimeError"),
        ("exits", "secret BEAR: provider toybox: SystemExit"),
        ("hangs", "secret BEAR: provider toybox: no answer within 0.2 s"),
        ("number", "secret BEAR: provider toybox gave a int, not a text"),
    ],
)
def test_a_secret_that_cannot_be_had_fails_the_run_before_any_step(
    toys: Toys, monkeypatch: pytest.MonkeyPatch, key: str, told: str
) -> None:
    monkeypatch.setattr(known_secrets, "PATIENCE", 0.2)
    toys.give(Vault)
    ran = toys.run(f"""
        secrets: [{{name: BEAR, provider: toybox, key: {key}}}]
        steps: [{{name: s, command: "true"}}]
        """)
    assert (ran.status, ran.of("s")) == ("failed", "not_started")
    assert ran.view.summary.error == told
    everything = b"".join(path.read_bytes() for path in toys.home.rglob("*") if path.is_file())
    assert b"swordfish" not in everything


def test_a_provider_judges_references_when_the_file_is_read(toys: Toys) -> None:
    toys.give(Vault)
    with pytest.raises(InvalidDefinition) as caught:
        toys.check("""
            secrets:
              - name: BEAR
                provider: toybox
                key: BEAR
            steps: ["true"]
            """)
    (problem,) = caught.value.problems
    assert (problem.place.line, problem.message) == (4, "secret `BEAR`: keys are written small")


def test_findings_of_plugins_stand_beside_ours(toys: Toys) -> None:
    def lint(plan: Any) -> list[Problem]:
        return [Problem(f"{plan.name} is dull", Place(1, 1), code="T001", severity="warning")]

    def broken(plan: Any) -> Any:
        return ["no problem"]

    toys.give(dagu_lint=broken)
    toys.give(dagu_lint=lint)
    assert [found.message for found in toys.warnings("steps: ['true']")] == [
        "flow is dull",
        "the plugin toys0 could not judge this file: dagu_lint: found a str, not a Problem",
    ]


def test_an_error_a_plugin_finds_makes_the_file_invalid(toys: Toys) -> None:
    toys.give(dagu_lint=lambda plan: [Problem(f"{plan.name} is wrong", Place(1, 1), code="T002")])
    with pytest.raises(InvalidDefinition, match=r"flow\.yaml:1:1: error T002 flow is wrong"):
        toys.check("steps: ['true']")


def read_toml(path: Path, text: str) -> str | None:
    import yaml

    return str(yaml.safe_dump(tomllib.loads(text))) if path.suffix == ".toml" else None


def test_another_way_to_write_a_dag(toys: Toys) -> None:
    toys.give(dagu_read_source=read_toml)
    path = toys.write(
        """
        [[steps]]
        name = "hello"
        command = "echo hello"
        """,
        "greet.toml",
    )

    async def both(app: Any) -> Any:
        first = await app.runs.start(StartRequest(dag=str(path), run_id="r"))
        name = app.dags.name_of(str(path))
        path.unlink()  # a retry needs no plugin and no file: the stored text is YAML
        return first, await app.runs.retry("greet", "r", step="hello"), name

    first, second, name = toys.use(both)
    assert first.summary.ref.dag == "greet" and first.summary.status.label == "succeeded"
    assert second.summary.status.label == "succeeded" and second.steps[0].exit_code == 0
    assert name == "greet"


def test_a_plugin_brings_the_store(toys: Toys) -> None:
    made: list[str] = []

    class Shelf(MemoryStore):
        """Keeps runs on a shelf."""

        scheme = "shelf"

        def __init__(self, url: str) -> None:
            super().__init__(url)
            made.append(url)

    toys.environ["DAGU_STORE"] = "shelf://top"
    toys.give(Shelf)
    assert toys.run("""steps: ["true"]""").status == "succeeded"
    assert made == ["shelf://top"]
    assert not list(toys.home.rglob("*.db"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("steps: [{type: docker, command: x}]", "pip install dagu-docker"),
        ("smtp: {host: x}\nsteps: [x]", "pip install dagu-mail"),
        ("steps: [{type: k8s, command: x}]", "with the package dagu-k8s"),
        ("steps: [{command: x, lock: a}]", "with the package dagu-locks"),
        ("otel: {enabled: true}\nsteps: [x]", "with the package dagu-otel"),
        ("secrets: [{name: A, provider: vault, key: k}]\nsteps: [x]", "with the package dagu-secrets"),
        ("steps: [{command: x, matrix: {a: [1]}}]", "`matrix` is not built yetplanned: Matrix runs"),
        ("matrix: {a: [1]}\nsteps: [x]", "planned: Matrix runs"),
        ("steps: [{action: human.task}]", "planned: Human-in-the-loop"),
        ("steps: [{type: hitl}]", "planned: Human-in-the-loop"),
        ("steps: [{type: github-action, command: x}]", "is not built yet"),
    ],
)
def test_a_word_nobody_registered_names_the_package(toys: Toys, text: str, told: str) -> None:
    try:
        problems = toys.check(text).warnings
    except InvalidDefinition as error:
        problems = error.problems
    assert [p.code for p in problems] == ["D014"]
    assert told in "".join(p.message + p.hint for p in problems)
