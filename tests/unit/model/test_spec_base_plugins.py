"""Keys of plugins in base.yaml and in a document: which of the two counts, and where a mistake is told."""

from __future__ import annotations

from typing import ClassVar

import pytest
from pydantic import Field, model_validator

from dagu_core.base.config import Config
from dagu_core.base.places import InvalidDefinition
from dagu_core.model.plan.plan import Plan
from dagu_core.model.spec.read import read_definition
from dagu_core.model.spec.vocabulary import StepType, Vocabulary
from tests.hostile.language import COMMAND, Nothing


class Place(Config):
    """Two ways to say where, of which a value has one."""

    image: str = Field("", description="A new one.")
    build: str = Field("", description="A new one that is made.")
    exec: str = Field("", description="One that is there.")
    user: str = Field("", description="Who works in it.")
    ports: list[int] = Field([], description="Its doors.")
    env: dict[str, str | list[int]] | list[str] = Field({}, description="What is known in it.")
    alternatives: ClassVar[tuple[frozenset[str], ...]] = (frozenset({"exec"}), frozenset({"image", "build"}))

    @model_validator(mode="after")
    def _one(self) -> Place:
        if bool(self.exec) == bool(self.image or self.build):
            raise ValueError("needs one of 'exec' and 'image'")
        return self


class Host(Config):
    """A machine."""

    host: str = Field(description="Its name.")


TYPES = {word: StepType(word, Nothing, frozenset({"command"})) for word in ("container", "ssh")}
VOCABULARY = Vocabulary(
    step_types={"command": COMMAND, **TYPES}, dag_keys={"container": Place, "ssh": Host, "mailOn": Nothing}
)


def read(text: str, base: str) -> Plan:
    text += "\nsteps: [{name: one, command: date}]"
    found = read_definition(
        text, path="/dags/main.yaml", vocabulary=VOCABULARY, base=base, base_path="/h/base.yaml"
    )
    return found.plans[0]


def told(text: str, base: str) -> str:
    with pytest.raises(InvalidDefinition) as caught:
        read(text, base)
    return str(caught.value)


@pytest.mark.parametrize(
    ("base", "own", "counts"),
    [
        ("{image: a}", "{exec: db}", {"exec": "db"}),
        ("{image: a, ports: [1]}", "{exec: db}", {"exec": "db"}),
        ("{image: a}", "{exec: db, image: ''}", {"exec": "db", "image": ""}),
        ("{exec: db, user: me}", "{image: a}", {"image": "a"}),
        ("{exec: db, user: me}", "{user: you}", {"exec": "db", "user": "you"}),
        ("{image: a, user: me}", "{image: b}", {"image": "b", "user": "me"}),
        ("{Image: a, user: me}", "{build: ., ports: [1]}", {"build": ".", "user": "me", "ports": [1]}),
        ("{user: me}", "{image: a}", {"image": "a", "user": "me"}),
    ],
)
def test_ways_that_exclude_each_other_replace_each_other(
    base: str, own: str, counts: dict[str, object]
) -> None:
    assert read(f"container: {own}", f"container: {base}").fields["container"] == counts


@pytest.mark.parametrize(
    ("base", "own", "where", "fields"),
    [
        ("container: {image: a}", "", "container", "container"),
        ("ssh: {host: a}", "", "ssh", "ssh"),
        ("container: {image: a}", "container:", "command", ""),
        ("ssh: {host: a}", "ssh: null", "command", ""),
        ("container: {image: a}", "ssh: {host: a}", "ssh", "container ssh"),
        ("ssh: {host: a}", "container: {image: a}", "container", "container ssh"),
        ("container: {image: a}\nssh: {host: a}", "", "container", "container ssh"),
        ("container: {image: a}\nssh: {host: a}", "container: ~", "ssh", "ssh"),
        ("", "container: {image: a}\nssh: {host: a}", "container", "container ssh"),
        ("", "container:\nssh:", "command", ""),
    ],
)
def test_where_steps_run_is_for_the_document_to_say(base: str, own: str, where: str, fields: str) -> None:
    found = read(own, base)
    assert (found.steps[0].executor, sorted(found.fields)) == (where, fields.split())


def test_a_mistake_in_both_together_names_the_base() -> None:
    said = told("container: {user: me}", "\ncontainer: {ports: [1]}")
    assert "main.yaml:1:12: error D005 `container`: needs one of" in said
    assert "/h/base.yaml:2 adds `ports`" in said


@pytest.mark.parametrize("own", ["", "container: {image: a}"])
def test_a_mistake_in_the_base_is_told_there(own: str) -> None:
    said = told(own, "\ncontainer: {image: a, ports: [1, x]}")
    assert "/h/base.yaml:2:34: error D002 `container.ports[1]` must be a whole number" in said
    assert "main.yaml" not in said


def test_a_mistake_of_the_document_is_told_there() -> None:
    said = told("container: {ports: [1, x]}", "container: {image: a}")
    assert "main.yaml:1:24: error D002 `container.ports[1]` must be a whole number" in said


@pytest.mark.parametrize(("own", "base"), [("", "container: {}"), ("container: {image: b}", "container: {}")])
def test_a_value_of_no_type_it_may_have_is_one_mistake(own: str, base: str) -> None:
    wrong = "env: {A: null, B: {}}, user: [], ports: 5"
    for document, config in (
        (f"container: {{image: a, {wrong}}}", ""),
        (own, f"container: {{image: a, {wrong}}}"),
    ):
        lines = [
            line.partition("error ")[2] for line in told(document, config).splitlines() if "error " in line
        ]
        assert lines == [
            "D002 `container.env.A` must be a text or a list, not null",
            "D002 `container.env.B` must be a text or a list, not a mapping",
            "D002 `container.user` must be a text, not a list",
            "D002 `container.ports` must be a list, not a number (5)",
        ]
    (said,) = [line for line in told("container: {image: a, env: 5}", "").splitlines() if "error" in line]
    assert said.endswith("`container.env` must be a mapping or a list, not a number (5)")
