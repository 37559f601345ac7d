"""X09: `plugins.isolation: {NAME: process}` keeps the executors of a plugin off the engine."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dagu_core.contracts.host import PluginHost
from dagu_core.model.status import RunStatus
from tests.faults import chaos

WILD = '''
"""Executors that do everything wrong, and one that does it right."""

import asyncio, ctypes, os, signal, sys, time
from pathlib import Path
from pydantic import Field
from dagu_core import Attempt, Config, DaguError, Executor, Outcome, hookimpl


class WildConfig(Config):
    """What to do."""

    words: list[str] = Field([], description="Words.")


class Wild(Executor[WildConfig]):
    """Does what its command says."""

    name = "wild"
    Config = WildConfig
    capabilities = frozenset({"command"})

    async def run(self, attempt):
        Path(os.environ["DAG_ROOT"], "pid-" + attempt.step.name).write_text(str(os.getpid()))
        await attempt.stderr.write(b"began ")
        match attempt.commands[0]:
            case "raise": raise RuntimeError("oh no")
            case "known": raise DaguError("known trouble", hint="do it otherwise")
            case "missing": raise FileNotFoundError(2, "No such file or directory", "/nowhere")
            case "garbage": return "nonsense"
            case "unstorable": return Outcome(details={"x": object()})
            case "exit": os._exit(7)
            case "leave": os._exit(0)
            case "raise exit": sys.exit(3)
            case "crash": ctypes.string_at(0)
            case "cancel": raise asyncio.CancelledError
            case "forever": await asyncio.Event().wait()
            case "block": time.sleep(600)
            case "deaf":
                while True:
                    try:
                        await asyncio.sleep(600)
                    except asyncio.CancelledError:
                        pass
            case "tidy":
                try:
                    Path(os.environ["DAG_ROOT"], "begun").touch()
                    await asyncio.sleep(600)
                finally:
                    await asyncio.sleep(0.2)
                    await attempt.stderr.write(b"tidied up")
            case "memory": x = b"x" * (1 << 50)
            case "tell":
                given = [attempt.run.dag, attempt.step.name, attempt.number, *attempt.config.words]
                given += [attempt.env["V"], "V" in os.environ]
                await attempt.stdout.write(repr(given).encode() + b"\\n")
                code = await attempt.spawn(["sh", "-c", "echo spawned $V; exit 5"])
                return Outcome(exit_code=code, message="as told", details={"cwd": str(attempt.working_dir)})
            case "slow":
                await attempt.spawn(["mark", "start"])
                await asyncio.sleep(4)
                return Outcome(exit_code=await attempt.spawn(["mark", "end"]))
        return Outcome()

    @classmethod
    async def close_run(cls, closing):
        Path(os.environ["DAG_ROOT"], "closed-" + closing.run.run_id).write_text(str(os.getpid()))
        if "SPOIL" in closing.env:
            os._exit(9)


@hookimpl
def dagu_register_executors():
    return [Wild]
'''


@pytest.fixture
def home(tmp_path: Path) -> Iterator[chaos.Home]:
    one = chaos.Home(tmp_path)
    (one.path / "plugins").mkdir(parents=True)
    (one.path / "plugins" / "wild.py").write_text(WILD)
    (one.path / "config.yaml").write_text("plugins: {isolation: {wild: process}}\n")
    try:
        yield one
    finally:
        chaos.kill_everything(one)


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("raise", 1, "RuntimeError: oh no"),
        ("known", 1, "known trouble"),
        ("missing", 127, "/nowhere: No such file or directory"),
        ("garbage", 1, "executor wild returned str, not an Outcome"),
        ("unstorable", 1, "executor wild returned an Outcome that cannot be stored"),
        ("exit", 7, "the process of executor wild exited with 7 before the step was done"),
        ("leave", 1, "the process of executor wild exited with 0 before the step was done"),
        ("raise exit", 1, "SystemExit: 3"),
        ("crash", 128 + signal.SIGSEGV, "the process of executor wild was ended by SIGSEGV"),
        ("cancel", 1, "the executor cancelled itself"),
        ("memory", 1, "MemoryError"),
        ("forever", 124, "timed out"),
        ("block", 124, "timed out"),
        ("deaf", 124, "timed out"),
    ],
)
def test_X09_isolation_process_keeps_a_wild_executor_off_the_engine(
    home: chaos.Home, command: str, code: int, told: str
) -> None:
    timeout = "timeoutSec: 2, " if code == 124 else ""
    path = home.write(
        "dag",
        f"""
        type: graph
        maxCleanUpTimeSec: 1
        steps:
          - {{name: w, type: wild, command: {command}, {timeout}continueOn: failed}}
          - {{name: ok, command: echo fine, depends: w}}
        """,
    )
    done = home.cli("start", path, "--run-id", "r", limit=60)
    assert "Traceback" not in done.err
    stored = home.stored("dag")
    assert stored.summary.status is RunStatus.PARTIALLY_SUCCEEDED, done.err
    step = stored.steps["w"]
    assert (step.status.label, step.exit_code) == ("failed", code)
    assert told in step.error
    assert stored.steps["ok"].status.is_success
    # it ended with its step, whatever it thought of that
    pid = int((home.root / "pid-w").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_an_isolated_executor_sees_its_attempt_and_answers(home: chaos.Home) -> None:
    path = home.write(
        "dag",
        """
        env: [{V: a b}]
        steps:
          - name: w
            type: wild
            command: tell
            config: {words: ["${V}", "\\u00e9"]}
            retryPolicy: {limit: 1, intervalSec: 0}
        """,
    )
    assert home.cli("start", path, "--run-id", "r").code == 1
    step = home.stored("dag").steps["w"]
    assert (step.attempts, step.exit_code) == (2, 5)
    assert "as told" in step.error
    out = Path(step.stdout).read_text("utf-8")
    assert out.count("spawned a b\n") == 2
    assert "['dag', 'w', 2, 'a b', 'é', 'a b', False]" in out


def test_what_an_isolated_executor_writes_is_masked(home: chaos.Home) -> None:
    path = home.write(
        "dag",
        """
        secrets: [{name: V, provider: env, key: TOKEN}]
        steps: [{name: w, type: wild, command: tell}]
        """,
    )
    home.cli("start", path, "--run-id", "r", env=home.env(TOKEN="s3cretive-value"))
    step = home.stored("dag").steps["w"]
    assert "s3cretive-value" not in Path(step.stdout).read_text("utf-8")
    assert "spawned" in Path(step.stdout).read_text("utf-8")


def test_a_stopped_isolated_executor_tidies_up_within_its_grace(home: chaos.Home) -> None:
    path = home.write("dag", "steps: [{name: w, type: wild, command: tidy}]")
    running = home.begin("start", path, "--run-id", "r")
    chaos.within(20, (home.root / "begun").exists)
    assert home.cli("stop", "dag").code == 0
    running.wait(20 * chaos.SLOW)
    stored = home.stored("dag")
    assert stored.summary.status is RunStatus.ABORTED
    assert Path(stored.steps["w"].stderr).read_text() == "began tidied up"


def test_an_isolated_step_outlives_its_engine_and_is_taken_over(home: chaos.Home) -> None:
    path = home.write("dag", "steps: [{name: w, type: wild, command: slow}]")
    running = home.begin("start", path, "--run-id", "r")
    chaos.within(20, lambda: home.ledger.steps())
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert home.cli("recover", limit=60).code == 0
    stored = home.stored("dag")
    assert (home.ledger.steps("start"), home.ledger.steps("end")) == (["w"], ["w"])
    home.ledger.check(stored)


@pytest.mark.parametrize("spoiled", [False, True])
def test_what_the_runs_share_is_closed_off_the_engine_too(home: chaos.Home, spoiled: bool) -> None:
    env = "env: [{SPOIL: 1}]" if spoiled else ""
    path = home.write("dag", f"{env}\nsteps: [{{name: w, type: wild, command: nothing}}]")
    done = home.cli("start", path, "--run-id", "r")
    assert done.code == 0
    closed = int((home.root / "closed-r").read_text())
    assert closed != int((home.root / "pid-w").read_text())
    said = "cleaning up after the wild steps failed: its process exited with 9"
    assert (said in done.err) == spoiled


def test_the_list_of_plugins_shows_who_is_isolated(home: chaos.Home) -> None:
    listed = {each["name"]: each for each in json.loads(home.cli("plugins", "--json").out)}
    assert (listed["wild"]["isolation"], listed["shell"]["isolation"]) == ("process", "none")
    assert "executor wild (steps in processes of their own)" in home.cli("plugins").out


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("{wilde: process}", "plugins.isolation: wilde: no plugin or package of that name is installed"),
        ("{wild: thread}", "plugins.isolation"),
        ("[wild]", "plugins.isolation"),
    ],
)
def test_a_setting_that_means_nothing_is_told(home: chaos.Home, setting: str, told: str) -> None:
    (home.path / "config.yaml").write_text(f"plugins: {{isolation: {setting}}}\n")
    done = home.cli("plugins")
    assert told in done.err and "Traceback" not in done.err


Load = Callable[..., PluginHost]


@pytest.mark.parametrize(
    ("setting", "isolated"),
    [
        ({"*": "process"}, True),
        ({"*": "process", "wild": "none"}, False),
        ({"Wild": "process"}, True),
        ({}, False),
    ],
)
def test_who_is_isolated(tmp_path: Path, setting: dict[str, str], isolated: bool) -> None:
    (tmp_path / "wild.py").write_text(WILD)
    tmp_path.chmod(0o755)
    host = PluginHost.load(discover=True, folder=tmp_path, isolation=setting, allow=["wild"])
    (report,) = [each for each in host.reports if each.name == "wild"]
    assert report.isolated == isolated
    part = host.catalog.executor("wild")
    assert (part.name, part.__doc__) == ("wild", "Does what its command says.")
    assert hasattr(part, "part") == isolated
    assert host.catalog.executor("command").__module__ == "dagu_core.builtins.shell"
