"""`dagu plugins`: what is loaded, and why something is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import json_option
from dagu_core.cli.output import as_json, as_table, say, tell
from dagu_core.contracts.report import PluginReport

if TYPE_CHECKING:
    from dagu_core.app.plugin_report import Verified

HEADINGS = ("NAME", "PACKAGE", "STATE", "PARTS / REASON", "VERIFIED")


@click.command("plugins", short_help="List plugins, and what each one brings.")
@json_option
@pass_invocation
def command(invocation: Invocation, /, in_json: bool) -> int:
    """List plugins: state, version, parts, the reason when one did not load, and what its package says
    of its tests."""
    from dagu_core.contracts.broken_lint import try_lint

    try_lint(invocation.host)
    reports = invocation.host.reports
    if in_json:
        say(as_json([shape(report) for report in reports]))
    else:
        say(as_table(HEADINGS, map(row, reports)))
    for warning in invocation.host.warnings:
        tell(f"Warning: {warning}")
    return 0


def row(report: PluginReport) -> tuple[str, ...]:
    """One line of the table."""
    package = f"{report.package} {report.version}".strip()
    told = verified(report)
    parts = ", ".join(report.parts) + (" (steps in processes of their own)" if report.isolated else "")
    what = report.reason or parts or "-"
    return report.name, package or "-", report.state, what, told.line() if told else "-"


def verified(report: PluginReport) -> Verified | None:
    """What an installed package says of its tests; a built-in part is tested with the core."""
    from dagu_core.app.plugin_report import shipped

    return shipped(report) if report.package not in ("", "dagu") else None


def shape(report: PluginReport) -> dict[str, object]:
    """One plugin as JSON data."""
    told = verified(report)
    keys = ("date", "version", "core", "python", "platform", "passed", "counts")
    return {
        "name": report.name,
        "package": report.package,
        "version": report.version,
        "state": report.state,
        "reason": report.reason,
        "parts": list(report.parts),
        "api": report.api,
        "importMs": report.import_ms,
        "isolation": "process" if report.isolated else "none",
        "verified": {**{key: told.shape.get(key) for key in keys}, "stale": told.stale} if told else None,
    }
