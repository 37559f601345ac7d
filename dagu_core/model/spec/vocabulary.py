"""The words plugins add to the language, as the reader needs to know them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from dagu_core.model.plan.plan import SecretRef

if TYPE_CHECKING:
    from dagu_core.base.config import Config


class StepType(Struct, frozen=True):
    """A registered executor: its word, the model of its config, the step fields it understands."""

    name: str
    config: type[Config]
    capabilities: frozenset[str] = frozenset()
    description: str = ""


class ClockKind(Struct, frozen=True):
    """A registered kind of schedule: `read` gives the data of a short form, None when it is of
    another kind."""

    name: str
    config: type[Config]
    read: Callable[[str], Mapping[str, Any] | None]


class Vocabulary(Struct, frozen=True):
    """Every word of the language that is not the core's own.

    `step_types` by name and alias; `step_keys` are guards and the keys step types add to a step,
    `dag_keys` notifiers, schedule filters and DAG fields, `providers` the secret providers;
    `check_secret` says what is wrong with a reference ("" = nothing). `clocks` are the kinds of
    schedules and `triggers` the models of event triggers, both by name and alias. `owners` maps words nobody
    registered to the package that would bring them, so that a file that uses them gets told what
    to install; `planned` maps those of them (spelling-free) that no package has yet to
    the outlook, `broken` a package that is installed but did not load to the reason,
    `refused` a spelling-free word that a plugin here would bring to why it does not. `more` asks the
    plugins that are asked only when needed, and gives the whole vocabulary.
    """

    step_types: Mapping[str, StepType] = field(default_factory=dict)
    step_keys: Mapping[str, type[Config]] = field(default_factory=dict)
    dag_keys: Mapping[str, type[Config]] = field(default_factory=dict)
    providers: frozenset[str] = frozenset()
    clocks: Mapping[str, ClockKind] = field(default_factory=dict)
    triggers: Mapping[str, type[Config]] = field(default_factory=dict)
    check_secret: Callable[[SecretRef], str] = lambda ref: ""
    owners: Mapping[str, str] = field(default_factory=dict)
    planned: Mapping[str, str] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    more: Callable[[], Vocabulary] | None = None
