"""Sections are records: pydantic judges what is given for them, and is not loaded for nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import pytest
from pydantic import Field, field_validator, model_validator

from dagu_core.base.errors import Invalid
from dagu_core.base.settings import Secret, SettingsItem, SettingsSection, setting
from dagu_core.base.settings.section import declarations
from dagu_core.base.settings.values import Checked, Read
from tests.unit.base.configuration import load


class Feathered:
    """Not a record itself."""

    @property
    def loud(self) -> str:
        """In capitals."""
        return str(getattr(self, "call", "")).upper()


class Nest(SettingsItem):
    """A nest."""

    tree: str
    eggs: Annotated[int, Checked(abs)] = 0


class Bird(SettingsSection):
    """A section with everything pydantic has."""

    section: ClassVar[str] = "bird"
    wings: int = Field(2, description="How many.", ge=0)
    call: Annotated[str, Read(str)] = setting("tweet", "What it says.", max_length=5)
    nests: list[Nest] = setting([], "Where it lives.", env="")
    code: Secret = setting(Secret(), "Nobody knows.")

    @field_validator("call")
    @classmethod
    def _no_words(cls, call: str) -> str:
        return cls.cleaned(call)

    @classmethod
    def cleaned(cls, call: str) -> str:
        """Validators may call what the section has."""
        if call.strip() != call:
            raise ValueError("no spaces around a call")
        return call


class Parrot(Feathered, Bird):
    """Derived: what it inherits is judged too."""

    section: ClassVar[str] = "parrot"
    words: int = setting(0, "How many it knows.")

    @model_validator(mode="after")
    def _can_say_them(self) -> Self:
        if self.words and not self.call:
            raise ValueError("a parrot with words has a call")
        return self


def test_what_is_given_is_judged_by_all_that_is_declared(tmp_path: Path) -> None:
    parrot = load(
        tmp_path, "parrot: {words: 3, call: caw, nests: [{TREE: oak, eggs: -2}], code: 7}\n"
    ).section(Parrot)
    assert (parrot.words, parrot.call, parrot.wings, parrot.loud) == (3, "caw", 2, "CAW")
    assert [(each.tree, each.eggs) for each in parrot.nests] == [("oak", 2)]
    assert parrot.code.get_secret_value() == "7" and "7" not in repr(parrot)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("call: ' a'", ":1:16: parrot.call: no spaces around a call"),
        ("call: abcdefg", ":1:16: parrot.call: String should have at most 5 characters"),
        ("words: two", ":1:17: parrot.words: Input should be a valid integer"),
        ("nests: [{eggs: 1}]", ":1:18: parrot.nests.0.tree: Field required"),
        ("nests: [{tree: a, eggs: x}]", ":1:34: parrot.nests.0.eggs: Input should be a valid integer"),
        ("words: 1, call: ''", "parrot: a parrot with words has a call"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(written: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid) as caught:
        load(tmp_path, f"parrot: {{{written}}}\n").section(Parrot)
    assert told in str(caught.value)


def test_a_section_nothing_is_given_for_has_its_defaults(tmp_path: Path) -> None:
    settings, others = load(tmp_path), load(tmp_path)
    bird = settings.section(Bird)
    assert (bird.wings, bird.call, bird.nests, bird.code) == (2, "tweet", [], Secret())
    bird.nests.append(Nest(tree="oak"))
    assert others.section(Bird).nests == []


class Parameters(SettingsSection):
    """Its fields have names that one might take for methods."""

    section: ClassVar[str] = "parameters"
    model: str = setting("small", "Which one.")
    of: int = setting(1, "How many.")
    fields: list[str] = setting([], "What it knows.", env="")


def test_a_field_may_have_any_name(tmp_path: Path) -> None:
    assert load(tmp_path).section(Parameters).model == "small"
    found = load(tmp_path, "parameters: {model: large, of: 2, fields: [a]}\n").section(Parameters)
    assert (found.model, found.of, found.fields) == ("large", 2, ["a"])


def test_a_record_is_not_changed_and_has_no_other_fields() -> None:
    with pytest.raises(TypeError, match="Bird has no field beak, tail"):
        Bird(wings=1, tail=2, beak=3)
    change: Any = Bird()
    with pytest.raises(AttributeError, match=r"Bird\.wings cannot be changed"):
        change.wings = 3


def test_keys_and_variables_are_made_of_names() -> None:
    assert [(item.key, item.env) for item in declarations(Bird)] == [
        ("bird.wings", ("DAGU_BIRD_WINGS",)),
        ("bird.call", ("DAGU_BIRD_CALL",)),
        ("bird.nests", ()),
        ("bird.code", ("DAGU_BIRD_CODE",)),
    ]


def test_pydantic_is_loaded_when_there_is_something_to_judge(tmp_path: Path) -> None:
    code = (
        "import sys; from dagu_core.base.settings import Settings\n"
        "settings = Settings.load(environ=ENV)\n"
        "print(settings.paths.dags, settings.worker.runners, settings.warnings)\n"
        "print('pydantic' in sys.modules)"
    )

    def loads(**given: str) -> str:
        text = code.replace("ENV", repr({"DAGU_HOME": str(tmp_path), **given}))
        done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=30)
        assert not done.stderr
        return done.stdout.splitlines()[-1]

    assert (loads(), loads(DAGU_WORKER_RUNNERS="2")) == ("False", "True")
