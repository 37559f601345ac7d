"""Every key of the language, in every spelling and every notation: `every_key.yaml` has a row for each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec import Struct, convert, field
from msgspec.structs import replace
from pydantic import Field

from dagu_core.base.config import Config
from dagu_core.base.places import InvalidDefinition
from dagu_core.base.spelling import fold
from dagu_core.model.plan.plan import Plan, Source
from dagu_core.model.spec import step_types  # noqa: F401  # a model that is imported when a file needs it
from dagu_core.model.spec.keys import shown_keys
from dagu_core.model.spec.model import SpecModel
from dagu_core.model.spec.read import read_definition
from dagu_core.model.spec.vocabulary import StepType
from tests.hostile.language import VOCABULARY
from tests.unit.model.schedule_words import WORDS as SCHEDULES

TABLE: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("every_key.yaml").read_text("utf-8"))
ROWS = [(model, row) for model, its in TABLE.items() for row in its["keys"]]


class Greet(Config):
    """A greeting."""

    times: int = Field(1, description="How often.")


WORDS = replace(
    VOCABULARY,
    step_types={**VOCABULARY.step_types, "greet": StepType("greet", Greet, frozenset({"command"}))},
    clocks=SCHEDULES.clocks,
    triggers=SCHEDULES.triggers,
    providers=frozenset({"env", "file"}),
)


def models(above: type[SpecModel] = SpecModel) -> Iterator[type[SpecModel]]:
    for model in above.__subclasses__():
        yield model
        yield from models(model)


MODELS = {model.__name__: model for model in models() if model.__module__.startswith("dagu_core.")}


class Row(Struct):
    """Notations that all mean the same, what must stand beside them, the warnings they have."""

    notations: list[dict[str, Any]] = field(name="as")
    beside: dict[str, Any] = {}
    warns: list[str] = []


def row_of(model: str, row: str) -> Row:
    found = TABLE[model]["keys"][row]
    return convert({"as": found} if isinstance(found, list) else found, Row)


def placed(at: Any, keys: dict[str, Any]) -> Any:
    """The document with `keys` where HERE is, in the place of those that are there; a null takes one away."""
    if isinstance(at, list):
        return [placed(each, keys) for each in at]
    if not isinstance(at, dict):
        return at
    inner = {key: placed(each, keys) for key, each in at.items() if key != "HERE"}
    if "HERE" in at:
        given = {fold(key) for key in keys}
        inner = {key: each for key, each in inner.items() if fold(key) not in given}
        inner |= {key: each for key, each in keys.items() if each is not None}
    return inner


def snake(key: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", key).lower()


def meaning(model: str, keys: dict[str, Any], warns: list[str]) -> Plan:
    """What the plan holds, without the text it was read from."""
    text = json.dumps(placed(TABLE[model]["at"], keys))
    found = read_definition(text, path="/d/d.yaml", vocabulary=WORDS)
    assert [each.code for each in found.warnings] == warns
    return replace(found.plans[0], source=Source(""))


def test_every_key_of_every_model_has_a_row() -> None:
    assert set(TABLE) == set(MODELS)
    for name, model in MODELS.items():
        rows = TABLE[name]["keys"]
        assert {row.partition(",")[0] for row in rows} == set(shown_keys(model)), name
        written = {fold(key) for row in rows for each in row_of(name, row).notations for key in each}
        assert set(map(fold, model.spellings)) <= written, f"{name}: an older spelling has no notation"


@pytest.mark.parametrize(("model", "row"), ROWS, ids=lambda value: value.replace(" ", "-"))
def test_every_notation_in_every_spelling_means_the_same(model: str, row: str) -> None:
    its = row_of(model, row)
    meant = meaning(model, its.beside | its.notations[0], its.warns)
    with suppress(InvalidDefinition):
        assert meaning(model, its.beside, []) != meant, "the key has no effect"
    for notation in its.notations:
        for spelled in (str, snake, str.upper):
            keys = its.beside | {spelled(key): value for key, value in notation.items()}
            assert meaning(model, keys, its.warns) == meant, keys


@pytest.mark.parametrize(
    ("model", "key"),
    [(name, key) for name, each in MODELS.items() for key in shown_keys(each) if snake(key) != key],
)
def test_two_spellings_of_a_key_in_one_mapping_are_refused(model: str, key: str) -> None:
    its = row_of(model, key)
    value = next(each[key] for each in its.notations if key in each)
    with pytest.raises(InvalidDefinition) as caught:
        meaning(model, its.beside | {key: value, snake(key): value}, [])
    assert "D011" in {each.code for each in caught.value.problems}
