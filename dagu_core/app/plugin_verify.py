"""Runs the tests of an installed plugin and tells how each of them ended."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from dagu_core.app import plugin_report
from dagu_core.base.errors import Invalid, NotFound
from dagu_core.contracts.host import PluginHost
from dagu_core.contracts.report import PluginReport

#: seconds all tests of a plugin may take
LIMIT = 1800.0
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
    """All about one plugin. `suite` is the folder of its tests, None when there was none and the
    tests were made from what it offers; `ran` are the facts and circumstances of the report."""

    plugin: PluginReport
    suite: Path | None
    verdicts: tuple[Verdict, ...]
    ran: dict[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        tests = [each for each in self.verdicts if each.result != "skipped"]
        return bool(tests) and all(each.result == "passed" for each in tests)

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(each.result for each in self.verdicts)
        return {result: found[result] for result in ("passed", "failed", "skipped")}

    def shape(self) -> dict[str, Any]:
        """The report as JSON data, the same on every machine: no path, no time it took."""
        outcomes = {
            each.test: f"{each.result}: {self._portable(each.told)}" if each.told else each.result
            for each in sorted(self.verdicts, key=lambda each: each.test)
        }
        return {
            **self.ran,
            "suite": self.suite.name if self.suite else "generic",
            "passed": self.passed,
            "counts": self.counts,
            "outcomes": outcomes,
        }

    def _portable(self, text: str) -> str:
        """A message without the folders of this machine."""
        places = {str(self.suite.parent): "."} if self.suite else {}
        places |= {str(Path.home()): "~", tempfile.gettempdir(): "$TMPDIR"}
        for place, name in places.items():
            text = text.replace(f"{place}{os.sep}", f"{name}{os.sep}")
        return text


def find_plugin(host: PluginHost, name: str) -> PluginReport:
    """The plugin of that name or package. Raises NotFound."""
    wanted = name.replace("_", "-")
    for report in host.reports:
        if {each.replace("_", "-") for each in (report.name, report.package)} & {wanted, f"dagu-{wanted}"}:
            return report
    known = ", ".join(report.name for report in host.reports)
    raise NotFound(f"there is no plugin {name}", hint=f"known: {known}")


def chosen(host: PluginHost, names: Sequence[str], *, stale: bool = False) -> list[PluginReport]:
    """The plugins of these names, each once; without names all that are installed and not disabled.

    `stale` leaves out those whose package ships a report that is still true. Raises NotFound, and
    Invalid when nothing is installed.
    """
    found = {report.name: report for report in (find_plugin(host, name) for name in names)}
    if not names:
        found = {
            report.name: report
            for report in host.reports
            if report.package != "dagu" and report.state != "disabled"
        }
        if not found:
            raise Invalid("no plugin is installed", hint="name a built-in one: `dagu plugins` lists them")
    return [each for each in found.values() if not (stale and _is_proven(each))]


def _is_proven(report: PluginReport) -> bool:
    told = plugin_report.shipped(report)
    return told is not None and told.passed and not told.stale


def verify(report: PluginReport, environ: dict[str, str], now: float) -> Verification:
    """Run the suite the plugin ships, or one made from what it offers. Never raises for what the
    plugin or its tests do."""
    suite = plugin_report.suite_of(plugin_report.package_folder(report))
    ran = {**plugin_report.facts_of(report, suite), **plugin_report.circumstances(now)}
    if report.state != "loaded":
        reason = f"{report.state}: {report.reason}"
        return Verification(report, suite, (Verdict("the plugin loads", "failed", 0.0, reason),), ran)
    words = [str(suite)] if suite else ["--pyargs", _GENERIC]
    env = {**environ, "DAGU_VERIFY_PLUGIN": report.name, "PYTHONPATH": os.pathsep.join(sys.path)}
    with tempfile.TemporaryDirectory(prefix="dagu-verify-") as folder:
        log = Path(folder) / "results.xml"
        words += ["-q", "-p", "no:cacheprovider", "-p", "dagu_core.testing.fixtures", f"--junitxml={log}"]
        told = _run([sys.executable, "-m", "pytest", *words], env, suite.parent if suite else Path(folder))
        found = tuple(_verdicts(log))
    if not found:
        found = (Verdict("the tests run", "failed", 0.0, told or "no test was found"),)
    return Verification(report, suite, found, ran)


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
    found: dict[str, Verdict] = {}
    for case in cases:
        bad = next((each for each in case if each.tag in ("failure", "error")), None)
        skipped = case.find("skipped")
        told = bad if bad is not None else skipped
        result: Literal["passed", "failed", "skipped"] = (
            "failed" if bad is not None else "skipped" if skipped is not None else "passed"
        )
        message = (told.get("message") or "").partition("\n")[0] if told is not None else ""
        test = _named(case.get("classname", ""), case.get("name", ""))
        if bad is not None or test not in found:  # what fails when it is torn down is told twice
            found[test] = Verdict(test, result, float(case.get("time", 0)), message)
    return list(found.values())


def _named(place: str, name: str) -> str:
    """`test_file::TestClass::test_name`; `place` are the folders, the file and the class with dots."""
    words = place.split(".")
    file = next((at for at, word in enumerate(words) if word.startswith("test_")), len(words) - 1)
    return "::".join(filter(None, (*words[file:], name)))
