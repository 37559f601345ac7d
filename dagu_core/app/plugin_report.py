"""The report of a verified plugin: what it holds, where it lies in the package, whether it is stale."""

from __future__ import annotations

import hashlib
import json
import platform
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from dagu_core.base.errors import Unavailable
from dagu_core.contracts.hookspecs import API_VERSION
from dagu_core.contracts.report import PluginReport

#: the name of the report inside the import package of a plugin
FILE = "verify.json"
_MADE = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"}


@dataclass(frozen=True, slots=True)
class Verified:
    """What a package says of its tests. `stale` tells why it may no longer be true ("" = it is)."""

    shape: Mapping[str, Any]
    stale: str

    @property
    def passed(self) -> bool:
        return self.shape.get("passed") is True

    def line(self) -> str:
        """In one line: how many tests, when, and with what."""
        told = self.shape
        counts = told.get("counts") or {}
        tests = f"{counts.get('passed', 0)} tests"
        if not self.passed:
            tests = f"{counts.get('failed', 0)} of {sum(counts.values())} tests failed"
        elif counts.get("skipped"):
            tests += f" ({counts['skipped']} skipped)"
        line = f"{tests}, {told.get('date')}, version {told.get('version')} with dagu {told.get('core')}"
        return f"{line}; stale: {self.stale}" if self.stale else line


def facts_of(report: PluginReport, suite: Path | None) -> dict[str, str | int | list[str]]:
    """What a report is true of: the plugin, the core, and digests of the files it was made from.

    Equal facts mean an equal outcome; nothing in them tells one machine from another.
    """
    folder = package_folder(report)
    return {
        "plugin": report.name,
        "package": report.package if folder else "",
        "version": report.version,
        "api": report.api,
        "parts": list(report.parts),
        "core": core_version(),
        "coreApi": API_VERSION,
        "sources": digest_of(folder) if folder else "",
        "tests": digest_of(suite) if suite else "",
    }


def circumstances(now: float) -> dict[str, str]:
    """Where and when the tests ran, as far as it is anybody's business."""
    from dagu_core.base.clock import utc

    return {
        "date": utc(now).date().isoformat(),
        "python": platform.python_version(),
        "platform": sysconfig.get_platform(),
    }


def core_version() -> str:
    """The version of the core, as `dagu version` prints it."""
    try:
        return metadata.version("dagu")
    except metadata.PackageNotFoundError:
        return "0+unknown"


def digest_of(folder: Path) -> str:
    """One digest of all files below a folder, their names included; reports and byte code are not
    looked at."""
    found = hashlib.sha256()
    for name, file in sorted((file.relative_to(folder).as_posix(), file) for file in _files(folder)):
        data = file.read_bytes()
        found.update(f"{name}\0{len(data)}\0".encode() + data)
    return f"sha256:{found.hexdigest()}"


def _files(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        parts = file.relative_to(folder).parts
        if not _MADE.intersection(parts) and file.suffix != ".pyc" and parts != (FILE,) and file.is_file():
            yield file


def package_folder(report: PluginReport) -> Path | None:
    """The folder of the import package of an installed plugin; None for one that has none."""
    try:
        points = metadata.distribution(report.package).entry_points
    except (metadata.PackageNotFoundError, ValueError):
        return None
    from importlib.util import find_spec

    for point in points:
        if point.group == "dagu.plugins" and point.name == report.name:
            spec = find_spec(point.module.partition(".")[0])
            for place in spec.submodule_search_locations or () if spec else ():
                return Path(place)
    return None


def is_source(folder: Path) -> bool:
    """Whether an import package lies in the project it is made from, and not in site-packages."""
    return (folder.parent / "pyproject.toml").is_file()


def suite_of(folder: Path | None) -> Path | None:
    """The tests of an import package, beside it (only where the project itself is: site-packages
    has tests of anybody) or inside it."""
    places = () if folder is None else (folder, folder.parent) if is_source(folder) else (folder,)
    for suite in (place / name for place in places for name in ("tests", "test")):
        if any(suite.glob("test_*.py")):
            return suite
    return None


def home_of(report: PluginReport) -> Path:
    """Where the report of a plugin belongs: into its package where that is made, else here."""
    folder = package_folder(report)
    return folder / FILE if folder and is_source(folder) else Path(f"{report.name}.{FILE}")


def shipped(report: PluginReport) -> Verified | None:
    """The report inside an installed package, compared with what is installed; None without one."""
    folder = package_folder(report)
    if folder is None or not (folder / FILE).is_file():
        return None
    try:
        shape = json.loads((folder / FILE).read_text("utf-8"))
        if not isinstance(shape, dict) or not isinstance(shape.get("counts"), dict):
            raise ValueError
    except (OSError, ValueError):
        return Verified({}, "the report cannot be read")
    facts = facts_of(report, suite_of(folder))
    words = {"version": "another version", "core": "another core", "sources": "the sources have changed"}
    words |= {"tests": "the tests have changed", "coreApi": "another plugin API"}
    # A plugin that was not imported said neither; a wheel has no tests to compare with.
    unknown = {"api", "parts"} if report.state != "loaded" else set()
    if not facts["tests"]:
        unknown.add("tests")
    for key, value in facts.items():
        if key not in unknown and value != shape.get(key):
            return Verified(shape, words.get(key, f"another `{key}`"))
    return Verified(shape, "")


def write(shape: Mapping[str, Any], file: Path) -> None:
    """Write a report. Raises Unavailable."""
    try:
        file.write_text(json.dumps(shape, indent=2, ensure_ascii=False) + "\n", "utf-8")
    except OSError as error:
        raise _unwritable(file, error.strerror or str(error)) from None


def check_place(file: Path) -> None:
    """Find out before the tests run whether their report can be written. Raises Unavailable."""
    import os

    if file.is_dir():
        raise _unwritable(file, "it is a folder")
    if not file.parent.is_dir():
        raise _unwritable(file, f"there is no folder {file.parent}")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise _unwritable(file, "no permission to write there")


def _unwritable(file: Path, reason: str) -> Unavailable:
    return Unavailable(
        f"cannot write the report {file}: {reason}", hint="name another place with --report FILE"
    )
