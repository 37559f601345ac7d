"""No plugin can take a key that every step or DAG has: nobody would ever ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest

from dagu_core import Attempt, Config, Executor, Guard, Notice, Notifier, Outcome
from dagu_core.base.errors import PluginError
from dagu_core.contracts.offers import offers_of


class Nothing(Config):
    """Nothing to say."""


class Patience(Guard):
    """A guard whose word is one of the core in another spelling."""

    name = "retry_policy"
    Config = Nothing

    @asynccontextmanager
    async def hold(self, config: Any, attempt: Attempt[Any]) -> AsyncIterator[None]:
        yield


class Steps(Notifier):
    """A notifier, too."""

    name = "steps"
    Config = Nothing

    async def notify(self, config: Any, notice: Notice) -> None:
        return


class Shell(Executor[Nothing]):
    """A step type that wants a key of every step for itself."""

    name = "my-shell"
    Config = Nothing
    step_fields: ClassVar[dict[str, type[Config]]] = {"workingDir": Nothing}

    async def run(self, attempt: Attempt[Nothing]) -> Outcome:
        return Outcome()


@pytest.mark.parametrize(
    ("hook", "answer", "told"),
    [
        ("guards", [Patience], "guard retry_policy: `retrypolicy` is a key of the core in every step; "),
        ("notifiers", [Steps], "notifier steps: `steps` is a key of the core in every DAG; "),
        ("executors", [Shell], "executor my-shell: `workingdir` is a key of the core in every step; "),
        ("dag_fields", {"env": Nothing}, "DAG field env: `env` is a key of the core in every DAG; "),
    ],
)
def test_a_key_of_the_core_is_refused_when_it_is_offered(hook: str, answer: object, told: str) -> None:
    with pytest.raises(PluginError) as refused:
        list(offers_of("toy", f"dagu_register_{hook}", answer))
    assert str(refused.value) == f"{told}choose another word"


def test_a_key_of_a_dag_is_free_for_steps() -> None:
    free = type("Steps", (Patience,), {"__doc__": "Free.", "name": "steps"})
    (offer,) = offers_of("toy", "dagu_register_guards", [free])
    assert offer.words == ("steps",)
