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

KINDS = ("executor", "guard", "trigger", "notifier", "secret", "observer", "store")


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


def test_a_new_store_keeps_runs_and_its_whole_contract(home: chaos.Home) -> None:  # noqa: F811
    assert home.cli("plugin", "new", "store", "my-thing", "--single-file").code == 0
    (home.path / "config.yaml").write_text(f"store: my-thing://{home.root}/kept?durability=full\n")
    assert home.cli("start", home.write("flow", "steps: ['true']")).code == 0
    assert "succeeded" in home.cli("status", "flow").out.lower()
    assert (home.root / "kept" / "runs.db").exists() and not (home.path / "data" / "dagu.db").exists()
    (home.path / "config.yaml").write_text("store: my-thing:kept\n")
    wrong = home.cli("status", "flow")
    assert wrong.code == 1 and "Hint: Write it as my-thing:///absolute/folder." in wrong.err
    (home.path / "config.yaml").unlink()
    assert home.cli("plugin", "verify", "my-thing").code == 0
    report = json.loads((home.root / "my_thing.verify.json").read_text())
    assert report["counts"]["passed"] > 30
    assert any("test_claim_takes_by_priority_then_age" in test for test in report["outcomes"])


def test_a_store_at_an_unknown_address_is_not_judged(home: chaos.Home) -> None:  # noqa: F811
    home.cli("plugin", "new", "store", "far", "--single-file")
    file = home.path / "plugins" / "far.py"
    file.write_text(file.read_text().replace('"far:///"', '"far://host/"'))
    done = home.cli("plugin", "verify", "far")
    assert done.code == 0 and "only a suite of its own knows its address" in done.out


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
        assert done.code == 4 and "already" in done.err


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        ("executor", "shell", "there is a plugin shell already"),
        ("executor", "command", "the executor command belongs to dagu "),
        ("guard", "depends", "the step key depends belongs to dagu "),
        ("notifier", "dagu-steps", "the DAG key steps belongs to dagu "),
        ("secret", "env", "the secret provider env belongs to dagu "),
        ("store", "sqlite", "the store sqlite belongs to dagu "),
    ],
)
def test_what_somebody_has_is_not_made_again(
    home: chaos.Home,  # noqa: F811
    kind: str,
    name: str,
    told: str,
) -> None:
    for more in ((), ("--single-file",)):
        done = home.cli("plugin", "new", kind, name, *more)
        assert done.code == 4 and told in done.err
    assert not list(home.root.glob("dagu-*")) and not (home.path / "plugins").exists()


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
    assert home.cli("plugin", "which", "unheard-of").code == 3
    install("zoo_raises")
    assert which(home, "raises") == []


def which(home: chaos.Home, word: str) -> list[tuple[str, str, str, str]]:  # noqa: F811
    """(kind, package, state, hint) of each row."""
    done = home.cli("plugin", "which", word, "--json")
    rows: Any = json.loads(done.out) if done.code == 0 else []
    return [(each["kind"], each["package"], each["state"], each["hint"]) for each in rows]


@pytest.mark.parametrize(
    ("word", "kind", "package", "hint"),
    [
        ("fileTrigger", "trigger", "dagu-filewatch", "trigger `file`"),
        ("file_trigger", "trigger", "dagu-filewatch", "trigger `file`"),
        ("file_sensor", "executor", "dagu-filewatch", ""),
        ("file-sensor", "executor", "dagu-filewatch", ""),
        ("sunset", "trigger", "dagu-sun", "trigger `sun`"),
        ("mail_on", "DAG field", "dagu-mail", ""),
        ("errorMail", "notifier", "dagu-mail", ""),
        ("cleanup --images", "command", "dagu-docker", ""),
        ("env", "secret provider", "dagu", ""),
        ("memory", "store", "dagu", ""),
        ("maxActiveRuns", "DAG key", "dagu", ""),
        ("retry_policy", "step key", "dagu", ""),
        ("queues", "setting", "dagu", ""),
        ("start", "command", "dagu", ""),
        ("start-all", "command", "dagu", ""),
        ("plugins.disabled", "setting", "dagu", ""),
        ("plugins.disable", "setting", "dagu", "now `plugins.disabled`"),
        ("docker.build_roots", "setting", "dagu-docker", ""),
        ("buildRoots", "setting", "dagu-docker", "`docker.buildRoots`"),
        ("maxConcurrency", "key of a setting", "dagu", "in the list `queues.config`"),
        ("exit", "key", "dagu", "`handlerOn.exit`"),
    ],
)
def test_a_word_of_any_kind_is_known_and_listed_once(
    home: chaos.Home,  # noqa: F811
    word: str,
    kind: str,
    package: str,
    hint: str,
) -> None:
    ((found, provider, state, told),) = which(home, word)
    assert (found, state, told) == (kind, "loaded", hint)
    name, _, version = provider.partition(" ")
    assert name == package and version[0].isdigit()


def test_a_key_below_others_is_told_with_all_its_ways(home: chaos.Home) -> None:  # noqa: F811
    ways = {hint for _, _, _, hint in which(home, "interval_sec")}
    assert {"`steps.retryPolicy.intervalSec`", "`steps.repeatPolicy.intervalSec`"} <= ways
    assert "`container.build.target`" in {hint for _, _, _, hint in which(home, "target")}


@pytest.mark.parametrize("word", ["chat", "llm", "agent", "messages"])
def test_a_word_that_is_not_supported_says_so(home: chaos.Home, word: str) -> None:  # noqa: F811
    assert [row[2] for row in which(home, word)] == ["not supported"]


@pytest.mark.parametrize(
    ("word", "package", "hint"),
    [
        ("matrix", "dagu", "planned: Matrix runs"),
        ("matrix_options", "dagu", "planned: Matrix runs"),
        ("hitl", "dagu", "planned: Human-in-the-loop"),
        ("rate_limit", "dagu-locks", "planned: Rate limiting, with the package dagu-locks"),
        ("github-action", "dagu", "it is not on the roadmap; a plugin can bring it, see `dagu plugin new`"),
    ],
)
def test_a_word_that_is_planned_says_so(home: chaos.Home, word: str, package: str, hint: str) -> None:  # noqa: F811
    assert which(home, word) == [("", package, "not built yet", hint)]


def test_a_word_whose_plugin_is_switched_off_says_so(home: chaos.Home) -> None:  # noqa: F811
    home.path.mkdir(exist_ok=True)
    (home.path / "config.yaml").write_text("plugins: {disabled: [dagu-filewatch]}\n")
    ((kind, package, state, hint),) = which(home, "fileTrigger")
    assert (
        (kind, state) == ("", "disabled")
        and package.startswith("dagu-filewatch ")
        and "plugins.disabled" in hint
    )


def test_safe_mode_leaves_every_plugin_out(home: chaos.Home, install: Install) -> None:  # noqa: F811
    install("zoo_exits")
    install("zoo_good")
    for words, env, where in (
        (("--safe-mode",), {}, "--safe-mode"),
        ((), {"DAGU_SAFE_MODE": "1"}, "DAGU_SAFE_MODE"),
    ):
        done = home.cli("plugins", "--json", *words, env=env)
        listed = {each["name"]: each for each in json.loads(done.out)}
        assert (listed["good"]["state"], listed["good"]["reason"]) == ("disabled", f"safe mode ({where})")
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
