"""`dagu doctor`: what is not as it should be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dagu_core.base.clock import rfc3339
from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import json_option
from dagu_core.cli.output import as_json, as_table, say

if TYPE_CHECKING:
    from dagu_core.app.checks.finding import Finding
    from dagu_core.app.services import Service

HEADINGS = ("SERVICE", "PID", "HOST", "SINCE", "WHAT IT DOES", "WORKER", "LABELS")


@click.command("doctor", short_help="Tell what is not as it should be, and what to do.")
@click.option("--fix", "--repair", is_flag=True, help="Do what loses nothing.")
@click.option("--kill", is_flag=True, help="End processes that belong to nothing any more.")
@click.option(
    "--export",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write what can be read of damaged runs to this folder.",
)
@json_option
@pass_invocation
def command(invocation: Invocation, /, fix: bool, kill: bool, export: Path | None, in_json: bool) -> int:
    """Look at folders, disk, store, runs, services, processes, plugins, clock and definitions, and list
    the services that are there.

    Ends with 0 when all is well, with 1 when something was found and is left. Without a flag nothing
    is changed.
    """
    from dagu_core.app.checks.finding import Treatment
    from dagu_core.app.doctor import examine, is_well, living
    from dagu_core.cli.event_loop import run_to_end

    treatment = Treatment(fix, kill, export)
    found = run_to_end(examine(invocation.settings, invocation.host, treatment))
    there = run_to_end(living(invocation.settings, invocation.host))
    well = is_well(found)
    if in_json:
        told = {"well": well, "findings": [shape(one) for one in found]}
        say(as_json(told | {"services": [service_shape(one) for one in there]}))
        return 0 if well else 1
    if found:
        say("\n\n".join(map(paragraph, found)))
    elif not invocation.quiet:
        say("All is well")
    if there and not invocation.quiet:
        say("\n" + as_table(HEADINGS, map(service_row, there)))
    return 0 if well else 1


def service_row(service: Service) -> tuple[str, ...]:
    """One line about a process that is there."""
    told = service.details
    labels = ",".join(f"{name}={value}" for name, value in dict(told.get("labels") or {}).items())
    if service.kind == "scheduler":
        what = "leads" if told.get("leader") else "stands by"
    else:
        what = f"{told.get('runs', 0)} of {told.get('most', 0)} runs"
    row = (service.kind, str(service.pid), service.host, rfc3339(service.since), what)
    return (*row, str(told.get("worker") or "-"), labels or "-")


def service_shape(service: Service) -> dict[str, Any]:
    """The same as JSON data."""
    known = {"kind": service.kind, "id": service.engine, "host": service.host, "pid": service.pid}
    return known | {"since": rfc3339(service.since), **service.details}


def paragraph(finding: Finding) -> str:
    """What, where, and what to do."""
    lines = [f"{'done' if finding.done else finding.severity}: {finding.what}  [{finding.check}]"]
    if finding.where:
        lines.append(f"  where: {finding.where}")
    lines.append(f"  done:  {finding.done}" if finding.done else f"  do:    {finding.advice}")
    return "\n".join(lines)


def shape(finding: Finding) -> dict[str, str]:
    """One finding as JSON data."""
    return {
        "check": finding.check,
        "severity": finding.severity,
        "message": finding.what,
        "where": finding.where,
        "advice": finding.advice,
        "done": finding.done,
    }
