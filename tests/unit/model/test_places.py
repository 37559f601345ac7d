"""Where the parts of a plan stand, as it is told to those who find something about them."""

from __future__ import annotations

from typing import Any

import pytest

from dagu_core.base.places import Place, Problem
from dagu_core.contracts.host import PluginHost
from dagu_core.model.plan.definition import Definition
from dagu_core.model.plan.places import Places
from dagu_core.model.plan.plan import Plan, PlannedStep
from dagu_core.model.spec.read import read_definition
from tests.hostile.language import VOCABULARY

TEXT = """\
maxActiveRuns: 2
steps:
  - echo plain
  - name: first
    type: http
    with: {TIME_OUT: 5}
    command: GET http://a/${ID}
  - name: old
    executor: {type: http, config: {timeout: 6}}
    command: "GET http://a/${ID}"
  - name: lines
    command: |
      select ${ID}
        from ${ID}, ${OTHER}
  - name: list
    command:
      - one ${A}
      - two ${A} ${A}
  - {name: escaped, command: "echo \\x24{A}", env: ["B=${A}"]}
handlerOn:
  exit:
    command: echo ${END}
"""


def read(text: str = TEXT, base: str = "") -> Definition:
    return read_definition(text, path="/d/flow.yaml", vocabulary=VOCABULARY, base=base)


def node(found: Definition, name: str) -> PlannedStep:
    plan = found.plans[0]
    return plan.nodes[plan.by_name[name]]


def spot(place: Place) -> str:
    return f"{place.line}:{place.column}"


@pytest.mark.parametrize(
    ("step", "path", "key", "value"),
    [
        ("", (), "1:1", "1:1"),
        ("", ("max_active_runs",), "1:1", "1:16"),
        ("", ("nothing", "here"), "1:1", "1:1"),
        ("", ("steps", 1, "name"), "4:5", "4:11"),
        ("cmd_1", (), "3:5", "3:5"),
        ("first", ("type",), "5:5", "5:11"),
        ("first", ("config", "timeout"), "6:12", "6:22"),
        ("first", ("config", "nothing"), "6:5", "6:11"),
        ("first", ("nothing",), "4:5", "4:5"),
        ("old", ("config", "timeout"), "9:37", "9:46"),
        ("lines", ("script",), "12:5", "12:14"),
        ("list", ("command", 1), "18:9", "18:9"),
        ("onExit", ("command",), "22:5", "22:14"),
    ],
)
def test_a_path_leads_to_a_place(step: str, path: Any, key: str, value: str) -> None:
    found = read()
    of = node(found, step) if step else None
    (places,) = found.places
    assert (spot(places.key(*path, step=of)), spot(places.value(*path, step=of))) == (key, value)


@pytest.mark.parametrize(
    ("step", "part", "path", "nth", "place"),
    [
        ("first", "${ID}", ("command", 0), 0, "7:27"),
        ("old", "${ID}", ("command", 0), 0, "10:28"),
        ("lines", "${ID}", ("script",), 0, "13:14"),
        ("lines", "${ID}", ("script",), 1, "14:14"),
        ("lines", "${OTHER}", ("script",), 0, "14:21"),
        ("list", "${A}", ("command", 1), 1, "18:18"),
        ("onExit", "${END}", ("command", 0), 0, "22:19"),
        ("escaped", "${C}", ("command",), 0, "19:30"),
    ],
)
def test_a_part_of_a_text_has_a_place(step: str, part: str, path: Any, nth: int, place: str) -> None:
    found = read()
    assert spot(found.places[0].text(part, *path, step=node(found, step), nth=nth)) == place


def test_an_alias_is_told_where_it_stands() -> None:
    found = read("env: [{X: &it 'echo ${A}'}]\nsteps:\n  - {name: a, command: *it}\n  - echo ${A}\n")
    assert spot(found.places[0].text("${A}", "command", step=node(found, "a"))) == "3:24"


def test_what_the_base_brought_stands_there_and_its_handlers_where_the_dag_begins() -> None:
    base = "handlerOn: {exit: {command: 'echo ${A}'}}\nmaxActiveRuns: 3"
    found = read("name: only\n---\nname: two\nsteps: []\n", base)
    assert spot(found.places[0].text("${A}", "command", step=node(found, "onExit"))) == "1:1"
    place = found.places[1].key("maxActiveRuns")
    assert (spot(place), place.file) == ("2:1", "base.yaml")
    assert spot(found.places[1].key("queue")) == "3:1"


def test_what_a_step_type_of_the_file_made_stands_where_the_step_names_it() -> None:
    found = read(
        "step_types:\n  hello:\n    type: command\n    input_schema: {type: object}\n"
        "    template: {exec: [echo, hi]}\nsteps:\n  - name: a\n    type: hello\n"
    )
    assert spot(found.places[0].value("exec", 0, step=node(found, "a"))) == "8:11"


def test_a_plugin_is_told_the_places() -> None:
    class Judge:
        """Finds every step that says `command`."""

        from dagu_core import hookimpl

        @hookimpl
        def dagu_lint(self, plan: Plan, places: Places) -> list[Problem]:
            return [Problem(each.name, places.key("command", step=each)) for each in plan.steps[1:2]]

    host = PluginHost.load(discover=False, plugins=[Judge()])
    found = read()
    (problem,) = host.lint(found.plans[0], found.places[0])
    assert (problem.message, spot(problem.place)) == ("first", "7:5")
    (problem,) = host.lint(found.plans[0])
    assert spot(problem.place) == "1:1"
