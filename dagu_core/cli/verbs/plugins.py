"""`dagu plugins`: what is loaded, and why something is not."""

from __future__ import annotations

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import json_option
from dagu_core.cli.output import as_json, as_table, say
from dagu_core.contracts.report import PluginReport

HEADINGS = ("NAME", "PACKAGE", "STATE", "PARTS / REASON")


@click.command("plugins", short_help="List plugins, and what each one brings.")
@json_option
@pass_invocation
def command(invocation: Invocation, /, in_json: bool) -> int:
    """List plugins: state, version, parts, and the reason when one did not load."""
    reports = invocation.host.reports
    if in_json:
        say(as_json([shape(report) for report in reports]))
    else:
        say(as_table(HEADINGS, map(row, reports)))
    return 0


def row(report: PluginReport) -> tuple[str, ...]:
    """One line of the table."""
    package = f"{report.package} {report.version}".strip()
    return report.name, package or "-", report.state, report.reason or ", ".join(report.parts) or "-"


def shape(report: PluginReport) -> dict[str, object]:
    """One plugin as JSON data."""
    return {
        "name": report.name,
        "package": report.package,
        "version": report.version,
        "state": report.state,
        "reason": report.reason,
        "parts": list(report.parts),
        "api": report.api,
        "importMs": report.import_ms,
    }
