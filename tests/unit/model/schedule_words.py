"""Definitions read with a trigger beside cron, and without any."""

from __future__ import annotations

from msgspec.structs import replace
from pydantic import Field

from dagu_core.base.config import Config
from dagu_core.base.places import InvalidDefinition
from dagu_core.contracts.catalog import OWNERS, Catalog
from dagu_core.model.plan.plan import Plan
from dagu_core.model.spec.read import read_definition
from dagu_core.model.spec.vocabulary import Vocabulary
from tests.unit.schedule.toys import CATALOG


class Watch(Config):
    """Files."""

    watch: list[str] | str = Field(description="Patterns.")
    events: list[str] = Field([], description="What happens to them.")
    params: dict[str, str] = Field({}, description="Parameters.")


#: the kinds `at`, `times` and `beat`, and the trigger `file`
WORDS = replace(CATALOG.vocabulary, triggers={"file": Watch})


#: nothing installed, but the names of the packages
BARE = replace(Catalog.of(()).vocabulary, owners=OWNERS)


def plan(text: str, words: Vocabulary = WORDS, base: str = "") -> Plan:
    return read_definition(f"{text}\nsteps: []\n", path="/dags/d.yaml", vocabulary=words, base=base).plans[0]


def told(text: str, words: Vocabulary = WORDS) -> list[str]:
    try:
        found = read_definition(f"{text}\nsteps: [a]\n", vocabulary=words).warnings
    except InvalidDefinition as error:
        found = error.problems
    return [f"{each.place.line}:{each.place.column} {each.code} {each.message}" for each in found]
