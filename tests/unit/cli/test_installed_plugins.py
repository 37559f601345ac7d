"""Installed plugins as the command line shows and uses them, in processes of their own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import chaos
from tests.unit.contracts.test_host import BROKEN

ZOO = Path(__file__).parents[2] / "plugins_zoo"

Install = Callable[..., None]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[chaos.Home]:
    """A home whose processes find the zoo; nothing of it lives on after the test."""
    one = chaos.Home(tmp_path)
    one.environ["PYTHONPATH"] = f"{tmp_path / 'site'}:{ZOO}"
    try:
        yield one
    finally:
        chaos.kill_everything(one)


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Makes an animal of the zoo an installed package."""

    def put(module: str, attribute: str = "") -> None:
        name = module.removeprefix("zoo_")
        info = tmp_path / "site" / f"dagu_{name}-1.2.dist-info"
        info.mkdir(parents=True)
        target = f"{module}:{attribute}" if attribute else module
        (info / "entry_points.txt").write_text(f"[dagu.plugins]\n{name} = {target}\n")
        package = f"dagu-{name}".replace("_", "-")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n\n")

    return put


def test_X08_every_broken_plugin_is_listed_with_its_reason(
    home: chaos.Home, install: Install, tmp_path: Path
) -> None:
    install("zoo_whole")
    install("zoo_constructor", "Plugin")
    (tmp_path / "site" / "zoo_bad_syntax.py").write_text("def broken(:\n")
    for module in BROKEN:
        install(module)
    done = home.cli("plugins", "--json")
    assert (done.code, done.err) == (0, "")
    listed = {each["name"]: each for each in json.loads(done.out)}
    for module, reason in BROKEN.items():
        report = listed[module.removeprefix("zoo_")]
        assert report["state"] == "failed" and report["reason"].startswith(reason), report
        assert (report["version"], report["parts"]) == ("1.2", [])
    assert listed["whole"]["state"] == listed["shell"]["state"] == "loaded"
    assert "executor lamp" in listed["whole"]["parts"]
    table = home.cli("plugins")
    assert table.code == 0
    assert "RuntimeError: the cage is empty" in table.out and "executor lamp" in table.out
    path = home.write("light", """steps: [{name: s, type: lamp, command: "true"}]""")
    assert home.cli("start", path).code == 0


def test_X08_a_plugin_that_hangs_is_left_behind(home: chaos.Home, install: Install) -> None:
    install("zoo_hangs")
    install("zoo_whole")
    done = home.cli("plugins", "--json", limit=20)
    states = {each["name"]: each["state"] for each in json.loads(done.out)}
    assert done.code == 0
    assert (states["hangs"], states["whole"]) == ("failed", "loaded")


def test_X08_a_plugin_that_hangs_costs_one_start_two_seconds_and_the_next_nothing(home: chaos.Home) -> None:
    path = home.write("plain", "steps: ['true']")

    def seconds() -> float:
        began = time.monotonic()
        assert home.cli("start", path, limit=60).code == 0
        return time.monotonic() - began

    seconds()  # what the other plugins bring is known from here on
    usual = max(seconds(), seconds())
    (home.path / "plugins").mkdir()
    trace = home.root / "trace"
    hangs = f"import time\nwith open({str(trace)!r}, 'a') as trace: trace.write('x')\ntime.sleep(300)\n"
    (home.path / "plugins" / "hangs.py").write_text(hangs)
    # 1.5 s and a look, with room for a busy machine; the limit of an import is 5 s
    assert seconds() - usual < 3.5 * chaos.SLOW
    seconds()
    assert trace.read_text() == "x"
    listed = {each["name"]: each for each in json.loads(home.cli("plugins", "--json", limit=60).out)}
    assert listed["hangs"]["reason"] == "import did nothing for 1.5 s"


def test_X08_a_dag_that_needs_a_broken_plugin_is_told_why(home: chaos.Home, install: Install) -> None:
    (home.root / "site" / "dagu_ssh-1.dist-info").mkdir(parents=True)
    info = home.root / "site" / "dagu_ssh-1.dist-info"
    (info / "entry_points.txt").write_text("[dagu.plugins]\nssh = zoo_raises\n")
    done = home.cli("validate", home.write("far", "steps: [{name: s, type: ssh, command: x}]"))
    assert done.code == 1
    assert "dagu-ssh" in done.err and "the cage is empty" in done.err


def test_a_plugin_is_used_from_the_command_line(home: chaos.Home, install: Install) -> None:
    install("zoo_whole")
    path = home.write(
        "light",
        """
        steps:
          - {name: a, type: lamp, command: "echo on", config: {watts: 1}}
        """,
    )
    checked = home.cli("validate", path)
    assert checked.code == 0 and "a is dim" in checked.err and "L001" in checked.err
    assert home.cli("start", path, "--run-id", "r").code == 0
    assert Path(home.stored("light").steps["a"].stdout).read_text() == "on\n1 W\n"


def test_a_dag_in_a_format_of_a_plugin_is_started_by_its_path(home: chaos.Home, install: Install) -> None:
    install("zoo_whole")
    (home.root / "glow.toml").write_text('[[steps]]\nname = "a"\ncommand = "echo glow"\n')
    assert home.cli("start", "glow.toml", "--run-id", "r").code == 0
    assert Path(home.stored("glow").steps["a"].stdout).read_text() == "glow\n"
    assert home.cli("status", "glow.toml").code == 0
    (home.root / "torn.toml").write_text("[[steps]\n")
    torn = home.cli("start", "torn.toml")
    assert torn.code == 1 and "plugin whole cannot read" in torn.err and "Traceback" not in torn.err


def test_settings_and_verbs_of_plugins(home: chaos.Home, install: Install) -> None:
    install("zoo_whole")
    assert "Shine somewhere." in home.cli("--help").out
    assert home.cli("shine", "here").out == "shining here\n"
    lost = home.cli("shine", "nowhere")
    assert (lost.code, lost.err) == (3, "Error: there is no such place\nHint: try `here`\n")
    broken = home.cli("flicker")
    assert broken.code == 1 and "KeyError" in broken.err and "Traceback" not in broken.err
    shown = home.cli("config", "--json", env={"DAGU_LAMPS_NUMBER": "7"})
    rows = {row["key"]: row for row in json.loads(shown.out)["settings"]}
    assert rows["lamps.number"]["value"] == 7
    assert "DAGU_LAMPS_NUMBER" in rows["lamps.number"]["source"]


def test_hook_calls_are_traced_on_demand(home: chaos.Home, install: Install) -> None:
    install("zoo_whole")
    traced = home.cli("plugins", env={"DAGU_TRACE_HOOKS": "1"})
    assert "hook dagu_register_executors <- whole: [" in traced.err
    assert home.cli("plugins", env={"DAGU_TRACE_HOOKS": "0"}).err == ""


def _during(home: chaos.Home, text: str) -> Any:
    path = home.write("light", text)
    process = home.begin("start", path, "--run-id", "r")
    chaos.within(20, (home.root / "on").exists)
    return process


def test_an_attempt_of_a_plugin_is_found_again_after_kill_9(home: chaos.Home, install: Install) -> None:
    install("zoo_whole")
    engine = _during(
        home,
        """
        steps: [{name: a, type: lamp, command: "echo >> on; while [ ! -e off ]; do sleep 0.05; done; exit 3"}]
        """,
    )
    chaos.kill(engine)
    (home.root / "off").touch()
    home.cli("recover")
    step = home.stored("light").steps["a"]
    assert (step.status.label, step.exit_code, step.attempts) == ("failed", 3, 1)
    assert (home.root / "on").read_text() == "\n"


def test_x09_a_step_that_ignores_its_stop_does_not_keep_the_process(
    home: chaos.Home, install: Install
) -> None:
    install("zoo_whole")
    process = _during(
        home,
        """
        maxCleanUpTimeSec: 1
        type: graph
        steps: [{name: a, type: mule}, {name: b, command: touch on}]
        """,
    )
    process.terminate()
    assert process.wait(timeout=25 * chaos.SLOW) == 1
    assert home.stored("light").summary.status.label == "aborted"
