"""Runs the tests of an installed plugin and tells how each of them ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from dagu_core.base.errors import NotFound
from dagu_core.contracts.host import PluginHost
from dagu_core.contracts.report import PluginReport

#: seconds all tests of a plugin may take
LIMIT = 900.0
#: where a package ships its suite, beside or inside its import package
_FOLDERS = ("tests", "test")
_GENERIC = "dagu_core.testing.generic_suite"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one test ended; `told` is what it said when it did not pass."""

    test: str
    result: Literal["passed", "failed", "skipped"]
    seconds: float = 0.0
    told: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """All about one plugin; `suite` is the folder of tests, or the generic suite."""

    plugin: PluginReport
    suite: str
    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        tests = [each for each in self.verdicts if each.result != "skipped"]
        return bool(tests) and all(each.result == "passed" for each in tests)

    def shape(self) -> dict[str, Any]:
        """The report as JSON data."""
        return {
            "plugin": self.plugin.name,
            "package": self.plugin.package,
            "version": self.plugin.version,
            "api": self.plugin.api,
            "parts": list(self.plugin.parts),
            "importMs": self.plugin.import_ms,
            "python": ".".join(map(str, sys.version_info[:3])),
            "suite": self.suite,
            "passed": self.passed,
            "tests": [asdict(each) for each in self.verdicts],
        }


def find_plugin(host: PluginHost, name: str) -> PluginReport:
    """The plugin of that name or package. Raises NotFound."""
    wanted = name.replace("_", "-")
    for report in host.reports:
        if {each.replace("_", "-") for each in (report.name, report.package)} & {wanted, f"dagu-{wanted}"}:
            return report
    known = ", ".join(report.name for report in host.reports)
    raise NotFound(f"there is no plugin {name}", hint=f"known: {known}")


def verify(host: PluginHost, name: str, environ: dict[str, str]) -> Verification:
    """Run the suite the plugin ships, or one made from what it offers. Never raises for what the
    plugin or its tests do. Raises NotFound."""
    report = find_plugin(host, name)
    if report.state != "loaded":
        reason = f"{report.state}: {report.reason}"
        return Verification(report, "none", (Verdict("the plugin loads", "failed", 0.0, reason),))
    suite = shipped_suite(report)
    words = [str(suite)] if suite else ["--pyargs", _GENERIC]
    env = {**environ, "DAGU_VERIFY_PLUGIN": report.name, "PYTHONPATH": os.pathsep.join(sys.path)}
    with tempfile.TemporaryDirectory(prefix="dagu-verify-") as folder:
        log = Path(folder) / "results.xml"
        words += ["-q", "-p", "no:cacheprovider", "-p", "dagu_core.testing.fixtures", f"--junitxml={log}"]
        told = _run([sys.executable, "-m", "pytest", *words], env, suite.parent if suite else Path(folder))
        found = tuple(_verdicts(log))
    if not found:
        found = (Verdict("the tests run", "failed", 0.0, told or "no test was found"),)
    return Verification(report, str(suite or "generic"), found)


def shipped_suite(report: PluginReport) -> Path | None:
    """The folder of tests beside or inside the import package of a plugin, if there is one."""
    try:
        points = metadata.distribution(report.package).entry_points
    except (metadata.PackageNotFoundError, ValueError):
        return None
    from importlib.util import find_spec

    for point in points:
        if point.group == "dagu.plugins" and point.name == report.name:
            spec = find_spec(point.module.partition(".")[0])
            for place in spec.submodule_search_locations or () if spec else ():
                inside = Path(place)
                # Beside it only where the project itself is: site-packages has tests of anybody.
                places = [inside, inside.parent] if _is_project(inside.parent) else [inside]
                for folder in (each / name for each in places for name in _FOLDERS):
                    if any(folder.glob("test_*.py")):
                        return folder
    return None


def _is_project(folder: Path) -> bool:
    return (folder / "pyproject.toml").is_file()


def _run(command: list[str], env: dict[str, str], folder: Path) -> str:
    """What the tests printed at last, for when they left no results."""
    try:
        done = subprocess.run(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT
        )
    except subprocess.TimeoutExpired:
        return f"the tests took longer than {LIMIT:g} s"
    text = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
    if "No module named pytest" in text:
        return "pytest is not installed: pip install pytest"
    return text[-2000:]


def _verdicts(log: Path) -> list[Verdict]:
    from xml.etree import ElementTree

    try:
        cases = ElementTree.parse(log).getroot().iter("testcase")
    except (OSError, ElementTree.ParseError):
        return []
    found = []
    for case in cases:
        place = case.get("classname", "").rpartition(".")[2]
        test = "::".join(filter(None, (place, case.get("name", ""))))
        bad = next((each for each in case if each.tag in ("failure", "error")), None)
        skipped = case.find("skipped")
        told = bad if bad is not None else skipped
        result: Literal["passed", "failed", "skipped"] = (
            "failed" if bad is not None else "skipped" if skipped is not None else "passed"
        )
        message = (told.get("message") or "").partition("\n")[0] if told is not None else ""
        found.append(Verdict(test, result, float(case.get("time", 0)), message))
    return found


def write_report(verification: Verification, file: Path) -> None:
    """Write the report as JSON."""
    text = json.dumps(verification.shape(), indent=2, ensure_ascii=False)
    file.write_text(text + "\n", "utf-8")
