"""`dagu scheduler`: start what is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dagu_core.base.clock import rfc3339
from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import dags_option, json_option, text_option
from dagu_core.cli.output import as_json, say, tell

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.app.decisions import Decision
    from dagu_core.app.overlap import Arrival

    Outcome = Arrival | Decision


@click.command("scheduler", short_help="Start what is due by schedules and triggers.")
@click.option("--once", is_flag=True, help="Do what is due by now and end; nothing is carried out.")
@text_option("--now", metavar="TIME", help="With --once: the time it is taken to be (RFC 3339).")
@click.option("--no-runners", is_flag=True, help="Only enqueue; `dagu worker` carries out.")
@dags_option
@json_option
@pass_invocation
def command(invocation: Invocation, /, once: bool, now: str, no_runners: bool, in_json: bool) -> int:
    """Start, stop and restart DAGs by their schedules and triggers, and carry out what is queued.

    Any number of schedulers may run: one leads, the others stand by and take over within a second
    when it dies. SIGTERM and Ctrl-C end it; what runs goes on and is joined by the next service.
    """
    if now and not once:
        raise click.UsageError("--now needs --once")
    invocation.begin_home()
    if once:
        return _once(invocation, now, in_json)

    async def work(app: App) -> None:
        from dagu_core.service.processes import run_scheduler

        await run_scheduler(app, runners=not no_runners, page=True, say=_say(invocation))

    invocation.run(work)
    return 0


def _say(invocation: Invocation):  # type: ignore[no-untyped-def]
    return (lambda text: None) if invocation.quiet else tell


def _once(invocation: Invocation, now: str, in_json: bool) -> int:
    from dagu_core.app.moments import StandingClock, instant_of

    async def work(app: App) -> list[Outcome]:
        from dagu_core.service.scheduler import candidate

        async with candidate(app, _say(invocation)) as scheduler:
            return (await scheduler.one_pass()).outcomes

    if now:
        invocation.clock = StandingClock(instant_of(now, invocation.settings.core.tz))
    outcomes = invocation.run(work)
    if in_json:
        say(as_json([_shape(one) for one in outcomes]))
    elif not invocation.quiet:
        say("\n".join(map(_line, outcomes)) or "Nothing is due")
    return 0


def _line(one: Outcome) -> str:
    """What became of a run, or of an instant for which there is none."""
    from dagu_core.app.decisions import Decision

    if isinstance(one, Decision):
        due = "" if one.due is None else f" at {rfc3339(one.due)}"
        return f"{one.dag}{due}: {one.kind} ({one.sentence})"
    return f"{one.ref}: {one.outcome}" + (f" ({one.detail})" if one.detail else "")


def _shape(one: Outcome) -> dict[str, str]:
    """The same as JSON data; what is not known is left out."""
    from dagu_core.app.decisions import Decision

    if isinstance(one, Decision):
        known = {"dag": one.dag, "outcome": one.kind, "due": rfc3339(one.due), "code": one.reason}
        known["message"] = one.sentence
    else:
        known = {"dag": one.ref.dag, "runId": one.ref.run_id, "outcome": one.outcome, "message": one.detail}
    return {key: value for key, value in known.items() if value}
