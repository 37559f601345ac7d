"""`dagu plugin verify`: the tests of plugins are run, and their reports are shipped and believed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.faults import chaos
from tests.unit.cli.test_installed_plugins import Install, home, install  # noqa: F401  # fixtures
from tests.unit.cli.test_plugin_kit import install_from


@pytest.fixture
def scaffold(home: chaos.Home) -> Path:  # noqa: F811
    """The project of an installed plugin, as `plugin new` makes it."""
    assert home.cli("plugin", "new", "observer", "watcher").code == 0
    install_from(home, home.root / "dagu-watcher", "dagu-watcher")
    # Here everything else is installed, too.
    home.path.mkdir(exist_ok=True)
    (home.path / "config.yaml").write_text("plugins: {allow: [watcher, raises]}\n")
    return home.root / "dagu-watcher"


@pytest.fixture
def watcher(scaffold: Path) -> Path:
    """The same with a suite that takes no time."""
    shutil.rmtree(scaffold / "tests")
    (scaffold / "tests").mkdir()
    (scaffold / "tests" / "test_small.py").write_text("def test_one(): pass\n\ndef test_two(): pass\n")
    return scaffold


def listed(home: chaos.Home) -> dict[str, Any]:  # noqa: F811
    return {each["name"]: each for each in json.loads(home.cli("plugins", "--json").out)}


def verified(home: chaos.Home, *words: str) -> tuple[int, str, dict[str, Any]]:  # noqa: F811
    """(exit code, output, the report inside the package)."""
    done = home.cli("plugin", "verify", *(words or ("watcher",)))
    file = home.root / "dagu-watcher" / "dagu_watcher" / "verify.json"
    return done.code, done.out + done.err, json.loads(file.read_text()) if file.exists() else {}


def test_verify_runs_the_suite_the_package_ships(home: chaos.Home, scaffold: Path) -> None:  # noqa: F811
    code, told, report = verified(home)
    assert code == 0, told
    assert (report["suite"], report["passed"], report["counts"]["failed"]) == ("tests", True, 0)
    part = scaffold / "dagu_watcher" / "observer.py"
    part.write_text(part.read_text().replace("+= 1", "+= undefined"))
    code, told, report = verified(home)
    assert code == 1
    assert "test_it_takes_every_kind_of_event" in told and "failed" in told and "NameError" in told
    (failed,) = [how for name, how in report["outcomes"].items() if "every_kind_of_event" in name]
    assert failed.startswith("failed: ") and "NameError" in failed


def test_a_report_is_the_same_on_every_machine(home: chaos.Home, watcher: Path) -> None:  # noqa: F811
    suite = watcher / "tests" / "test_more.py"
    suite.write_text(
        "import os, tempfile, pytest\n"
        "def test_b(): pytest.skip(f'no file in {os.getcwd()}/data or {tempfile.gettempdir()}/x')\n"
        "@pytest.mark.parametrize('n', [2, 1])\ndef test_a(n): pass\n"
    )
    code, told, report = verified(home)
    assert code == 0, told
    assert str(home.root) not in json.dumps(report)
    more = {name: how for name, how in report["outcomes"].items() if name.startswith("test_more")}
    assert list(more.items()) == [
        ("test_more::test_a[1]", "passed"),
        ("test_more::test_a[2]", "passed"),
        ("test_more::test_b", "skipped: no file in ./data or $TMPDIR/x"),
    ]
    assert verified(home)[2] == report


def test_verify_prints_what_it_writes(home: chaos.Home, watcher: Path) -> None:  # noqa: F811
    file = home.root / "report.json"
    done = home.cli("plugin", "verify", "watcher", "--json", "--report", str(file))
    assert done.code == 0, done.out + done.err
    assert json.loads(done.out) == [json.loads(file.read_text())]
    assert not (watcher / "dagu_watcher" / "verify.json").exists()


def test_what_is_installed_says_that_it_is_verified(home: chaos.Home, watcher: Path) -> None:  # noqa: F811
    assert listed(home)["watcher"]["verified"] is None
    verified(home)
    told = listed(home)["watcher"]["verified"]
    assert (told["passed"], told["stale"], told["version"], told["counts"]["failed"]) == (
        True,
        "",
        "0.1.0",
        0,
    )
    line = "2 tests"
    assert line in home.cli("plugins").out
    assert f"Verified: {line}" in home.cli("plugin", "docs", "watcher").out
    # A wheel has no tests beside it, and is no less true.
    shutil.rmtree(watcher / "tests")
    (watcher / "pyproject.toml").unlink()
    assert listed(home)["watcher"]["verified"] == told
    (watcher / "dagu_watcher" / "verify.json").write_text("{")
    assert listed(home)["watcher"]["verified"]["stale"] == "the report cannot be read"


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("dagu_watcher/observer.py", "the sources have changed"),
        ("tests/test_small.py", "the tests have changed"),
    ],
)
def test_a_change_makes_a_report_stale(home: chaos.Home, watcher: Path, file: str, reason: str) -> None:  # noqa: F811
    verified(home)
    assert verified(home, "watcher", "--stale")[1] == "Nothing is stale.\n"
    with (watcher / file).open("a") as changed:
        changed.write("\n# another line\n")
    assert listed(home)["watcher"]["verified"]["stale"] == reason
    assert f"stale: {reason}" in home.cli("plugins").out
    code, told, _ = verified(home, "--all", "--stale")
    assert code == 0 and "watcher: " in told
    assert listed(home)["watcher"]["verified"]["stale"] == ""


def test_a_report_is_as_true_of_a_plugin_that_is_switched_off(home: chaos.Home, watcher: Path) -> None:  # noqa: F811
    verified(home)
    off = home.cli("--safe-mode", "plugins", "--json")
    told = {each["name"]: each for each in json.loads(off.out)}["watcher"]
    assert (told["state"], told["verified"]["stale"]) == ("disabled", "")
    page = home.cli("plugin", "docs", "watcher", env={"DAGU_PLUGINS_DISABLED": "watcher"}).out
    assert "It is disabled" in page and "Verified: 2 tests" in page and "stale" not in page


def test_a_report_with_a_failure_is_made_anew(home: chaos.Home, watcher: Path) -> None:  # noqa: F811
    verified(home)
    file = watcher / "dagu_watcher" / "verify.json"
    file.write_text(file.read_text().replace('"passed": true', '"passed": false'))
    assert "tests failed" in home.cli("plugins").out
    assert "Nothing" not in verified(home, "watcher", "--stale")[1]
    assert json.loads(file.read_text())["passed"]


def test_several_plugins_at_once(home: chaos.Home, watcher: Path, install: Install) -> None:  # noqa: F811
    install("zoo_raises")
    done = home.cli("plugin", "verify", "watcher", "raises", "dagu-watcher")
    assert done.code == 1
    assert done.out.count("watcher: ") == 1 and "raises: 0 passed, 1 failed, 0 skipped" in done.out
    assert "test_one" not in done.out and "the plugin loads" in done.out, "only failures are shown one by one"
    reports = json.loads(home.cli("plugin", "verify", "--all", "--json").out)
    assert {each["plugin"]: each["passed"] for each in reports} == {"watcher": True, "raises": False}


def test_verify_tells_why_a_plugin_does_not_load(home: chaos.Home, install: Install) -> None:  # noqa: F811
    install("zoo_raises")
    done = home.cli("plugin", "verify", "raises")
    assert done.code == 1
    assert "RuntimeError: the cage is empty" in done.out
    assert not json.loads((home.root / "raises.verify.json").read_text())["passed"]


def test_a_plugin_without_tests_gets_those_every_plugin_passes(
    home: chaos.Home,  # noqa: F811
    watcher: Path,
) -> None:
    shutil.rmtree(watcher / "tests")
    code, told, report = verified(home)
    assert code == 0, told
    assert "watcher has no tests of its own: these were made from what it offers" in told
    assert report["suite"] == "generic"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("nobody",), 3, "there is no plugin nobody"),
        (("watcher", "nobody"), 3, "there is no plugin nobody"),
        ((), 2, "name plugins, or say --all"),
        (("watcher", "--all"), 2, "name plugins, or say --all"),
        (("watcher", "shell", "--report", "x.json"), 2, "--report is for one plugin, these are 2"),
        (("watcher", "--report", "no/such/folder.json"), 5, "there is no folder no/such"),
        (("watcher", "--report", "."), 5, "it is a folder"),
        (("watcher", "--report", "/proc/report.json"), 5, "cannot write the report /proc/report.json"),
    ],
)
def test_what_cannot_be_verified(
    home: chaos.Home,  # noqa: F811
    watcher: Path,
    words: tuple[str, ...],
    code: int,
    told: str,
) -> None:
    done = home.cli("plugin", "verify", *words)
    assert (done.code, done.out) == (code, "") and told in done.err and "Hint: " in done.err
    assert not (watcher / "dagu_watcher" / "verify.json").exists()


def test_nothing_is_installed(home: chaos.Home) -> None:  # noqa: F811
    done = home.cli("plugin", "verify", "--all", "--safe-mode")
    assert done.code == 1 and "no plugin is installed" in done.err
