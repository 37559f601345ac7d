"""`dagu doctor`: what is not as it should be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import json_option
from dagu_core.cli.output import as_json, say

if TYPE_CHECKING:
    from dagu_core.app.checks.finding import Finding


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
    """Look at folders, disk, store, runs, services, processes, plugins, clock and definitions.

    Ends with 0 when all is well, with 1 when something was found and is left. Without a flag nothing
    is changed.
    """
    from dagu_core.app.checks.finding import Treatment
    from dagu_core.app.doctor import examine, is_well
    from dagu_core.cli.event_loop import run_to_end

    treatment = Treatment(fix, kill, export)
    found = run_to_end(examine(invocation.settings, invocation.host, treatment))
    well = is_well(found)
    if in_json:
        say(as_json({"well": well, "findings": [shape(one) for one in found]}))
    elif found:
        say("\n\n".join(map(paragraph, found)))
    elif not invocation.quiet:
        say("All is well")
    return 0 if well else 1


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
