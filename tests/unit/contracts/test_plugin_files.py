"""Plugins that are one file each, safe mode, and the range of hook versions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagu_core.contracts import host as host_module
from dagu_core.contracts.host import PluginHost
from dagu_core.contracts.report import PluginReport
from tests.unit.contracts.test_host import SECRETS, ZOO


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of single files; nothing is installed beside them."""
    monkeypatch.setattr(host_module, "installed", list)
    found = tmp_path / "plugins"
    found.mkdir(mode=0o755)
    yield found
    for name in [each for each in sys.modules if each.startswith("dagu_single_file_")]:
        del sys.modules[name]


def put(folder: Path, animal: str, name: str = "") -> Path:
    file = folder / f"{name or animal}.py"
    file.write_text((ZOO / f"zoo_{animal}.py").read_text())
    file.chmod(0o644)
    return file


def load(folder: Path, **more: object) -> tuple[PluginHost, dict[str, PluginReport]]:
    host = PluginHost.load(builtins=SECRETS, folder=folder, **more)  # type: ignore[arg-type]
    return host, {report.name: report for report in host.reports}


def test_a_file_is_a_plugin_named_like_the_file(folder: Path) -> None:
    file = put(folder, "good", "birds")
    host, reports = load(folder)
    assert (reports["birds"].state, reports["birds"].package) == ("loaded", str(file))
    assert (reports["birds"].api, reports["birds"].import_ms > 0) == ("1", True)
    assert "parrot" in host.catalog.executors


def test_X08_each_broken_file_is_reported_and_harms_no_other(folder: Path) -> None:
    put(folder, "good")
    broken = ("raises", "exits", "unknown_hook", "old_api", "hook_raises")
    for animal in broken:
        put(folder, animal)
    (folder / "syntax.py").write_text("def broken(:\n")
    host, reports = load(folder)
    assert {reports[animal].state for animal in (*broken, "syntax")} == {"failed"}
    assert reports["raises"].reason == "RuntimeError: the cage is empty (plugins/raises.py:3)"
    assert reports["good"].state == "loaded"
    assert host.catalog.vocabulary.broken["raises"] == "RuntimeError: the cage is empty (plugins/raises.py:3)"


def test_X08_a_file_that_hangs_is_left_behind(folder: Path) -> None:
    put(folder, "good", "z_good")
    put(folder, "hangs")
    _, reports = load(folder, import_limit=0.3)
    assert reports["hangs"].reason == "import took longer than 0.3 s"
    assert reports["z_good"].state == "loaded"


@pytest.mark.parametrize("mode", [0o666, 0o664, 0o646])
def test_a_file_others_may_write_is_not_loaded(folder: Path, mode: int) -> None:
    file = put(folder, "good")
    file.chmod(mode)
    _, reports = load(folder)
    assert (reports["good"].state, reports["good"].reason) == (
        "failed",
        f"others may write to it: chmod go-w {file}",
    )


def test_a_folder_others_may_write_is_not_read_from(folder: Path) -> None:
    put(folder, "good")
    folder.chmod(0o777)
    _, reports = load(folder)
    assert reports["good"].reason == f"others may write to it: chmod go-w {folder}"


def test_hidden_and_other_files_are_none(folder: Path) -> None:
    for name in ("_part.py", ".hidden.py", "notes.txt"):
        (folder / name).write_text("raise SystemExit")
    assert set(load(folder)[1]) == {"secrets"}


def test_a_file_is_disabled_by_its_name(folder: Path) -> None:
    put(folder, "raises")
    assert load(folder, disabled=["raises"])[1]["raises"].state == "disabled"
    assert load(folder, allow=["other"])[1]["raises"].state == "disabled"


def test_no_folder_is_no_trouble(tmp_path: Path) -> None:
    assert load(tmp_path / "none")[0].reports


def test_safe_mode_imports_nothing_but_the_built_in_parts(folder: Path) -> None:
    put(folder, "raises")
    _, reports = load(folder, safe=True)
    assert (reports["raises"].state, reports["raises"].reason) == ("disabled", "safe mode (the settings)")
    assert reports["secrets"].state == "loaded"
    assert "dagu_single_file_raises" not in sys.modules


def test_a_range_of_versions_with_ours_is_fine(folder: Path) -> None:
    put(folder, "any_api")
    report = load(folder)[1]["any_api"]
    assert (report.state, report.api) == ("loaded", "1-2")
