"""`dagu plugin` and what runs remember of plugins, with the real command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults import chaos
from tests.unit.cli.test_installed_plugins import Install, home, install  # noqa: F401  # fixtures

KINDS = ("executor", "guard", "trigger", "notifier", "secret", "observer")


def install_from(home: chaos.Home, folder: Path, package: str) -> None:  # noqa: F811
    """What `pip install -e` does: metadata, and a path to the project."""
    info = home.root / "site" / f"{package.replace('-', '_')}-0.1.0.dist-info"
    info.mkdir(parents=True)
    name, module = package.removeprefix("dagu-"), package.replace("-", "_")
    (info / "entry_points.txt").write_text(f"[dagu.plugins]\n{name} = {module}.plugin\n")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.1.0\n\n")
    home.environ["PYTHONPATH"] += f"{os.pathsep}{folder}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_package_passes_its_own_tests_at_once(home: chaos.Home, kind: str) -> None:  # noqa: F811
    done = home.cli("plugin", "new", kind, "my-thing")
    assert done.code == 0, done.err
    folder = home.root / "dagu-my-thing"
    env = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    tests = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert tests.returncode == 0, tests.stdout
    install_from(home, folder, "dagu-my-thing")
    listed = {each["name"]: each for each in json.loads(home.cli("plugins", "--json").out)}
    assert (listed["my-thing"]["state"], listed["my-thing"]["api"]) == ("loaded", "1")


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_single_file_is_found_and_verified_at_once(home: chaos.Home, kind: str) -> None:  # noqa: F811
    made = home.cli("plugin", "new", kind, "my-thing", "--single-file")
    assert made.code == 0, made.err
    assert (home.path / "plugins" / "my_thing.py").exists()
    done = home.cli("plugin", "verify", "my-thing")
    assert done.code == 0, done.out + done.err
    report = json.loads((home.root / "my_thing.verify.json").read_text())
    assert (report["passed"], report["suite"], report["api"]) == (True, "generic", "1")
    assert {each.partition(":")[0] for each in report["outcomes"].values()} <= {"passed", "skipped"}


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("new", "executor", "No Name"), 2, "is no name for a plugin"),
        (("new", "executor", "../up"), 2, "is no name for a plugin"),
        (("new", "cat", "tom"), 2, "'cat' is not one of"),
    ],
)
def test_what_cannot_be_made(home: chaos.Home, words: tuple[str, ...], code: int, told: str) -> None:  # noqa: F811
    done = home.cli("plugin", *words)
    assert done.code == code and told in done.err


def test_nothing_is_overwritten(home: chaos.Home) -> None:  # noqa: F811
    for more in ((), ("--single-file",)):
        assert home.cli("plugin", "new", "guard", "gate", *more).code == 0
        done = home.cli("plugin", "new", "guard", "gate", *more)
        assert done.code == 4 and "exists already" in done.err


def test_the_page_of_a_plugin_is_read_from_its_parts(home: chaos.Home, install: Install) -> None:  # noqa: F811
    install("zoo_good")
    page = home.cli("plugin", "docs", "good").out
    assert page.startswith("# good\n\nBrought by dagu-good 1.2.\n")
    assert "## Executor `parrot`\n\nAlso written `bird`.\n\nSays what it is told.\n" in page
    assert "| `times` | whole number | How often it says so. Default: `1`. |" in page
    assert "## Settings section `cage`" in page


def test_which_package_has_a_word(home: chaos.Home, install: Install) -> None:  # noqa: F811
    install("zoo_good")
    assert "executor  dagu-good 1.2  loaded" in home.cli("plugin", "which", "bird").out
    assert "guard  dagu-good 1.2" in home.cli("plugin", "which", "perch").out
    absent: Any = json.loads(home.cli("plugin", "which", "rate_limit", "--json").out)
    assert [(each["package"], each["hint"]) for each in absent] == [("dagu-locks", "pip install dagu-locks")]
    assert home.cli("plugin", "which", "unheard-of").code == 3


def test_safe_mode_leaves_every_plugin_out(home: chaos.Home, install: Install) -> None:  # noqa: F811
    install("zoo_exits")
    install("zoo_good")
    for words, env in ((("--safe-mode",), {}), ((), {"DAGU_SAFE_MODE": "1"})):
        done = home.cli("plugins", "--json", *words, env=env)
        listed = {each["name"]: each for each in json.loads(done.out)}
        assert (listed["good"]["state"], listed["good"]["reason"]) == (
            "disabled",
            "safe mode: built-in parts only",
        )
        assert listed["shell"]["state"] == "loaded"
    file = home.write("flow", "steps: [{type: parrot, command: x}]")
    refused = home.cli("--safe-mode", "validate", file)
    assert refused.code == 1 and "parrot" in refused.out + refused.err
    assert home.cli("--safe-mode", "start", home.write("plain", "steps: ['true']")).code == 0


def test_a_run_remembers_which_package_brought_its_step_types(home: chaos.Home, install: Install) -> None:  # noqa: F811
    install("zoo_whole")
    file = home.write("flow", "steps: [{type: lamp, command: exit 3, continueOn: failed}, {command: 'true'}]")
    home.cli("start", "-r", "r", file)
    found = json.loads(home.cli("status", "--json", "flow").out)
    assert found["run"]["providers"] == {"command": "dagu", "lamp": "dagu-whole 1.2"}
    assert "Step types brought by dagu-whole 1.2" in home.cli("why", "flow").out
    reasons = json.loads(home.cli("why", "--json", "flow").out)
    assert [each["provider"] for each in reasons] == ["", "dagu-whole 1.2"]
