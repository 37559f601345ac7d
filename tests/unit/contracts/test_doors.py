"""What the contracts hand to a part, and what they do not."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from dagu_core import Attempt, Notice, Outcome, RunClosing, SecretScope, TriggerScope
from dagu_core.contracts.executor import Children, Writer
from dagu_core.testing.harness import offering, run_step
from tests.unit.engine.toys import executor

#: by these names a part would reach what is not its own
DOORS = {"settings", "secrets", "catalog", "host", "store", "plugins", "app", "runner", "bench", "context"}
GIVEN = (Attempt, Notice, RunClosing, SecretScope, TriggerScope, Children, Writer)


@pytest.mark.parametrize("given", GIVEN, ids=lambda each: each.__name__)
def test_X11_no_contract_has_a_door_to_what_belongs_to_other_plugins(given: type) -> None:
    public = {name for name, _ in inspect.getmembers(given) if not name.startswith("_")}
    assert public | set(getattr(given, "__annotations__", {}))
    assert not DOORS & (public | set(getattr(given, "__annotations__", {})))


def test_X11_a_step_sees_only_the_dag_keys_and_step_keys_of_its_file() -> None:
    seen: list[Any] = []

    async def look(attempt: Any) -> Outcome:
        seen.append((dict(attempt.step_fields), dict(attempt.dag_fields), dict(attempt.env)))
        return Outcome()

    environ = {"OTHER_PLUGINS_PASSWORD": "swordfish"}
    run_step({"type": "toy"}, plugins=[offering(executor(look))], environ=environ)
    ((step_fields, dag_fields, env),) = seen
    assert (step_fields, dag_fields) == ({}, {})
    assert "swordfish" not in env.values()


def test_X11_the_docs_say_that_one_process_is_no_protection() -> None:
    page = Path(__file__).parents[3] / "docs" / "plugins" / "contracts.md"
    assert "plugins share one process, and nothing protects one from another there" in page.read_text()
