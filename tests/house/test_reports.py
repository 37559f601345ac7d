"""Every plugin of ours ships the report of its tests, and what the report says is true."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from dagu_core import API_VERSION
from dagu_core.app.plugin_report import FILE, digest_of
from dagu_core.testing.executor_contract import ExecutorContract
from dagu_core.testing.notifier_contract import NotifierContract
from dagu_core.testing.requirements import require
from dagu_core.testing.trigger_contract import ClockTriggerContract, TriggerContract
from tests.house.tree import ROOT

PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
#: kind of part -> the suites of which one has to be passed
SUITES: dict[str, tuple[type, ...]] = {
    "executor": (ExecutorContract,),
    "notifier": (NotifierContract,),
    "trigger": (ClockTriggerContract, TriggerContract),
}
plugins = pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)


def package(plugin: Path) -> Path:
    return plugin / plugin.name.replace("-", "_")


def report(plugin: Path) -> dict[str, Any]:
    file = package(plugin) / FILE
    if not file.is_file():
        missing = f"{plugin.name} ships no report: dagu plugin verify {plugin.name}"
        pytest.fail(missing) if os.environ.get("DAGU_TEST_RELEASE") else pytest.skip(missing)
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def version(project: Path) -> str:
    found: str = tomllib.loads((project / "pyproject.toml").read_text())["project"]["version"]
    return found


@plugins
def test_a_plugin_ships_a_report_of_this_version_without_a_failure(plugin: Path) -> None:
    told = report(plugin)
    failed = {
        name: how for name, how in told["outcomes"].items() if not how.startswith(("passed", "skipped"))
    }
    assert failed == {} and told["passed"] and told["counts"]["passed"], f"dagu plugin verify {plugin.name}"
    about = (told["version"], told["core"], told["coreApi"], told["suite"])
    assert about == (version(plugin), version(ROOT), API_VERSION, "tests"), (
        f"dagu plugin verify {plugin.name}"
    )


#: why a test of a suite need not have run: what the part says of itself, or cannot do by its nature
NOT_CLAIMED = re.compile(
    "skipped: (the step type (does not offer it|finds its attempts again|writes text only)"
    "|the suite was given no (printing|echo|env)_step)"
)


def has_run(outcomes: dict[str, str]) -> dict[str, bool]:
    """Test of a suite -> whether it was run for every part that claims what it is about."""
    ran: dict[str, bool] = {}
    for name, how in outcomes.items():
        test = name.partition("[")[0].rpartition("::")[2]
        ran[test] = ran.get(test, True) and (not how.startswith("skipped") or bool(NOT_CLAIMED.match(how)))
    return ran


def test_a_skipped_test_counts_only_where_nothing_is_claimed() -> None:
    outcomes = {
        "test_x::TestA::test_one": "passed",
        "test_x::TestA::test_two[1]": "skipped: the suite was given no printing_step",
        "test_x::TestA::test_three": "passed",
        "test_x::TestB::test_three": "skipped: the suite was given no reattach_step",
        "test_x::TestA::test_four": "skipped: needs a server",
    }
    assert has_run(outcomes) == {"test_one": True, "test_two": True, "test_three": False, "test_four": False}


@plugins
def test_the_report_has_every_test_of_the_suite(plugin: Path) -> None:
    """A test that was skipped is no proof of what the part says it can; a report that is older than the
    tests is made anew first."""
    test_the_report_is_about_these_sources(plugin)
    told = report(plugin)
    ran = {test for test, whether in has_run(told["outcomes"]).items() if whether}
    for kind in {part.rpartition(" ")[0] for part in told["parts"]} & SUITES.keys():
        missing = [{name for name in dir(each) if name.startswith("test_")} - ran for each in SUITES[kind]]
        assert min(missing, key=len) == set(), f"dagu plugin verify {plugin.name}"


@plugins
def test_the_report_is_about_these_sources(plugin: Path) -> None:
    """Between releases a report may be older than the code: that is said, and no failure."""
    told = report(plugin)
    now = digest_of(package(plugin)), digest_of(plugin / "tests")
    if (told["sources"], told["tests"]) != now:
        said = f"{plugin.name} has changed since its report was made: make verify"
        pytest.fail(said) if os.environ.get("DAGU_TEST_RELEASE") else pytest.skip(said)


@plugins
def test_a_report_tells_nothing_about_a_machine(plugin: Path) -> None:
    told = report(plugin)
    outcomes = told.pop("outcomes")
    # Names of tests are left out: a path in the value of a parameter is the same everywhere.
    text = json.dumps([told, *outcomes.values()])
    places = (str(ROOT), "pytest-of-", "site-packages")
    assert [place for place in places if place in text] == []
    assert list(outcomes) == sorted(outcomes)


def test_a_wheel_has_the_report_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil
    import sys
    import zipfile

    programs = Path(sys.executable).parent
    require((programs / "uv-build").exists(), "the build tool: pip install uv_build")
    import uv_build

    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    project = tmp_path / "project"
    shutil.copytree(ROOT / "plugins" / "dagu-example", project)
    (project / "dagu_example" / FILE).write_text("{}\n")
    monkeypatch.chdir(project)
    wheel = uv_build.build_wheel(str(tmp_path))
    assert f"dagu_example/{FILE}" in zipfile.ZipFile(tmp_path / wheel).namelist()
