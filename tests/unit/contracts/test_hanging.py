"""X08: a plugin that hangs at its import costs one start a moment, and the next ones nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dagu_core import InvalidDefinition
from dagu_core.app.dags import Dags
from dagu_core.contracts import host as host_module
from dagu_core.contracts import importing
from dagu_core.contracts.host import PluginHost
from dagu_core.contracts.report import PluginReport

#: leaves an `x` at every import, and waits for ever unless there is a file `ready`
_PLUGIN = '''
import pathlib
import threading
from dagu_core import Executor, NoConfig, hookimpl

HERE = pathlib.Path(__file__).parents[1]
with (HERE / "trace").open("a") as trace:
    trace.write("x")
if not (HERE / "ready").exists():
    threading.Event().wait()


class Lamp(Executor[NoConfig]):
    """Shines."""

    name, Config = "lamp", NoConfig

    async def run(self, attempt):
        raise NotImplementedError


@hookimpl
def dagu_register_executors():
    return [Lamp]
'''
QUIET = 1.0
Start = Callable[..., PluginHost]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """What a process does at its start, where that plugin is the only one."""
    monkeypatch.setattr(importing, "QUIET", QUIET)
    monkeypatch.setattr(host_module, "installed", list)
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "slow.py").write_text(_PLUGIN)
    shell = "dagu_core.builtins.shell"
    kept = tmp_path / "kept.json"
    return lambda **more: PluginHost.load(builtins=(shell,), folder=folder, kept=kept, **more)


def _imports(tmp_path: Path) -> int:
    return len((tmp_path / "trace").read_text())


def _report(host: PluginHost) -> PluginReport:
    (report,) = [each for each in host.reports if each.name == "slow"]
    return report


def test_X08_it_is_not_imported_again_until_it_changes(tmp_path: Path, start: Start) -> None:
    assert start().catalog.broken["slow"] == f"import did nothing for {QUIET:g} s"
    for _ in range(2):
        host = start()
        host.complete()  # what a scheduler does
        assert _imports(tmp_path) == 1
    assert host.catalog.broken["slow"] == (
        f"import did nothing for {QUIET:g} s; tried again by `dagu plugins`, or when its files change"
    )
    (tmp_path / "ready").touch()
    (tmp_path / "plugins" / "slow.py").write_text(f"# mended\n{_PLUGIN}")
    assert "lamp" in start().catalog.executors
    assert "lamp" in start().catalog.executors and _imports(tmp_path) == 3


def test_X08_lists_try_it_again_and_tell_how_it_fares(tmp_path: Path, start: Start) -> None:
    start()
    report = _report(start())
    assert (report.state, report.reason) == ("failed", f"import did nothing for {QUIET:g} s")
    assert _imports(tmp_path) == 2
    (tmp_path / "ready").touch()
    assert "lamp" not in start().catalog.executors
    assert _report(start()).state == "loaded"
    assert "lamp" in start().catalog.executors


def test_X08_one_that_was_only_slow_is_found_by_whoever_needs_it(tmp_path: Path, start: Start) -> None:
    start()
    (tmp_path / "ready").touch()
    dags = Dags(tmp_path, tmp_path / "base.yaml", start())
    dags.check("steps: [{command: x}]")
    assert _imports(tmp_path) == 1
    dags.check("steps: [{type: lamp}]")
    assert _imports(tmp_path) == 2


def test_X08_a_file_that_needs_it_is_refused_by_its_name(tmp_path: Path, start: Start) -> None:
    start()
    with pytest.raises(InvalidDefinition, match=r"did not load: .*slow\.py"):
        Dags(tmp_path, tmp_path / "base.yaml", start()).check("steps: [{type: lamp}]")


def test_an_import_that_works_is_waited_for(tmp_path: Path, start: Start) -> None:
    (tmp_path / "ready").touch()
    work = f"import time\nend = time.process_time() + {QUIET * 2}\nwhile time.process_time() < end: pass\n"
    (tmp_path / "plugins" / "slow.py").write_text(work + _PLUGIN)
    assert "lamp" in start(import_limit=60).catalog.executors
