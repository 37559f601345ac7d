"""What an entry may say, which paths it means, and the examples of the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import dagu_filewatch.plugin
from dagu_core import FileSelection as Selection
from dagu_core import InvalidDefinition
from dagu_core.contracts.host import PluginHost
from dagu_core.model.plan.plan import Plan
from dagu_core.model.spec.read import read_definition
from dagu_core.testing.page_contract import PageContract
from dagu_filewatch.config import FileConfig

_ROOT = Path(__file__).parents[3]


class TestPages(PageContract):
    pages = (_ROOT / "docs/plugins/filewatch.md", _ROOT / "plugins/dagu-filewatch/README.md")
    plugins = (dagu_filewatch.plugin,)
    models = (FileConfig,)

    def check(self, plan: Plan) -> None:
        waits = [step for step in plan.nodes if step.executor == "file_sensor"]
        assert len(plan.schedule.triggers) + len(waits) == 1
        for entry in plan.schedule.triggers:
            FileConfig.model_validate(dict(entry.config))


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"watch": []}, "at least 1 item"),
        ({"watch": ""}, "an empty pattern"),
        ({"watch": "a\0b"}, "NUL"),
        ({"watch": "${HOME}/*.csv"}, "before there is a run"),
        ({"watch": "`pwd`/*.csv"}, "before there is a run"),
        ({"watch": 7}, "valid list"),
        ({"events": ["create", "delete"]}, "'create', 'write', 'rename', 'remove' or 'chmod'"),
        ({"events": []}, "at least 1 item"),
        ({"events": ["remove"], "settle": "5s"}, "no meaning"),
        ({"settle": 5}, "write the unit: 5s"),
        ({"settle": "-5s"}, "cannot be negative"),
        ({"settle": "soon"}, "must be a duration"),
        ({"settle": True}, "must be a duration"),
        ({"settle": "${WAIT}"}, "before there is a run"),
        ({"pollInterval": 0}, "greater than 0"),
        ({"marker": "{size}.done"}, "not {size}"),
        ({"marker": "done"}, "another file for each file"),
        ({"marker": "{path}"}, "another file for each file"),
        ({"batch": {"maxFiles": 0}}, "greater than or equal to 1"),
        ({"batch": {"window": "${W}"}}, "before there is a run"),
        ({"batch": "${BATCH}"}, "before there is a run"),
        ({"followSymlinks": "${FOLLOW}"}, "before there is a run"),
        ({"mode": "magic"}, "'auto', 'inotify' or 'poll'"),
        ({"existing": "maybe"}, "'ignore' or 'trigger'"),
        ({"action": "suspend"}, "'start', 'stop' or 'restart'"),
        ({"files": "x"}, "Extra inputs"),
    ],
)
@pytest.mark.parametrize("context", [{"phase": "read"}, None])
def test_what_is_wrong_is_refused_when_the_file_is_read(
    more: dict[str, Any], problem: str, context: dict[str, str] | None
) -> None:
    with pytest.raises(ValidationError) as caught:
        FileConfig.model_validate({"watch": "*.csv", **more}, context=context)
    # Without the context of reading a reference may be refused for its type first.
    assert problem in str(caught.value) or (context is None and "${" in str(more))


def test_a_mistake_is_found_in_the_file() -> None:
    host = PluginHost.load(discover=False, plugins=[dagu_filewatch.plugin])
    text = "triggers:\n  - type: file\n    watch: '*.csv'\n    setle: 5s\nsteps:\n  - command: 'true'\n"
    with pytest.raises(Exception, match="setle") as caught:
        read_definition(text, path="example.yaml", vocabulary=host.catalog.vocabulary)
    (problem,) = caught.value.problems  # type: ignore[attr-defined]
    assert problem.place.line == 4


@pytest.mark.parametrize(
    ("entry", "at", "told"),
    [
        ("watch: '*.csv', events: [remove], settle: 5s", "settle: ‸5s", "`settle` has no meaning"),
        ("watch: '*.csv', marker: done", "marker: ‸done", "`marker` must name another file"),
        ("watch: '*.csv', marker: '{size}'", "marker: ‸'{size}'", "`marker` knows"),
        ("watch: ' '", "watch: ‸' '", "`watch`: an empty pattern"),
        ("watch: 'a', exclude: ['b', '']", "exclude: ‸['b'", "`exclude`: an empty pattern"),
        ("watch: 'a', batch: {window: '${W}'}", "batch: {window: ‸", "`window` is needed before"),
    ],
)
def test_a_mistake_is_told_at_its_key(entry: str, at: str, told: str) -> None:
    host = PluginHost.load(discover=False, plugins=[dagu_filewatch.plugin])
    text = f"triggers:\n  - {{type: file, {entry}}}\nsteps: []\n"
    with pytest.raises(InvalidDefinition) as caught:
        read_definition(text, path="example.yaml", vocabulary=host.catalog.vocabulary)
    (problem,) = caught.value.problems
    line = text.splitlines()[1]
    before, _, after = at.partition("‸")
    assert told in problem.message
    assert problem.place.line == 2 and problem.place.column == line.index(before + after) + len(before) + 1


def test_the_keys_that_are_known_name_those_of_all_triggers() -> None:
    host = PluginHost.load(discover=False, plugins=[dagu_filewatch.plugin])
    text = "triggers: [{type: file, watch: a, zzzzzz: 1}]\nsteps: []\n"
    with pytest.raises(InvalidDefinition) as caught:
        read_definition(text, path="example.yaml", vocabulary=host.catalog.vocabulary)
    known = caught.value.problems[0].hint.removeprefix("known keys: ").split(", ")
    assert {"watch", "settle", "queue", "priority", "type"} <= set(known)


@pytest.mark.parametrize(
    ("watch", "path", "is_meant"),
    [
        ("/in/*.csv", "/in/a.csv", True),
        ("/in/*.csv", "/in/sub/a.csv", False),
        ("/in/*.csv", "/in/.csv", True),
        ("/in/**/*.csv", "/in/a.csv", True),
        ("/in/**/*.csv", "/in/x/y/a.csv", True),
        ("/in/**/*.csv", "/inside/a.csv", False),
        ("/in/**", "/in/x/y", True),
        ("/in/*/b/**/c?.[ch]", "/in/a/b/c1.h", True),
        ("/in/*/b/**/c?.[ch]", "/in/a/b/x/c1.o", False),
        ("/in/[!a]*", "/in/b", True),
        ("/in/[!a]*", "/in/abc", False),
        ("/in/[z-a]", "/in/[z-a]", True),
        ("/in/[", "/in/[", True),
        ("/in/a+(b).csv", "/in/a+(b).csv", True),
        ("/in/a.csv", "/in/a.csv", True),
        ("/in/a.csv", "/in/axcsv", False),
        ("/in", "/in/a", True),
        ("/in", "/in/sub/a", False),
        ("/in/", "/in/a", True),
        ("in/*", "/dags/in/a", True),
        ("../in/*", "/in/a", True),
        ("/*", "/a", True),
        ("/in/*", "/in/new\nline", True),
        ("/in/**.csv", "/in/a.csv", True),
    ],
)
def test_a_pattern_means(watch: str, path: str, is_meant: bool) -> None:
    selection = Selection([watch], [], Path("/dags"))
    assert selection.matches(path) is is_meant
    if is_meant:
        assert selection.reaches(path)


@pytest.mark.parametrize(
    ("exclude", "path", "reaches"),
    [
        ("**/.*", "/in/.git/config", False),
        ("**/.*", "/in/a", True),
        ("*.part", "/in/x/a.part", False),
        ("tmp", "/in/tmp/deep/a", False),
        ("/in/x/**", "/in/x/a", False),
        ("x/*", "/in/x/a", True),
    ],
)
def test_what_is_excluded_is_not_reached(exclude: str, path: str, reaches: bool) -> None:
    assert Selection(["/in/**"], [exclude], Path("/dags")).reaches(path) is reaches


def test_only_folders_that_can_hold_files_are_entered() -> None:
    selection = Selection(["/in/*/out/*.csv", "/in/deep/a/b.txt"], [], Path("/dags"))
    assert selection.bases == ["/in"]
    entered = {"/in", "/in/x", "/in/x/out", "/in/deep", "/in/deep/a"}
    others = {"/in/x/y", "/in/x/out/z", "/other", "/in/x/out/z/w"}
    assert {path for path in entered | others if selection.enters(path)} == entered
