"""`dagu history`: past runs, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dagu_core.base.clock import utc
from dagu_core.base.errors import UsageError
from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import count_option, dag_argument, json_option, named_queue_option, text_option
from dagu_core.cli.output import as_csv, as_json, as_table, duration, say, tell
from dagu_core.model.run.run import SUBDAG, RunSummary
from dagu_core.model.status import RunStatus, run_status

if TYPE_CHECKING:
    from dagu_core.app.app import App

HEADINGS = ("DAG NAME", "RUN ID", "STATUS", "STARTED (UTC)", "DURATION", "PARAMS")
MOST = 1000


@click.command("history", short_help="List past runs.")
@dag_argument(required=False, metavar="[DAG]")
@text_option("--from", "since", metavar="DATE", help="From this date (YYYY-MM-DD or RFC 3339, UTC).")
@text_option("--to", "until", metavar="DATE", help="Up to this date.")
@text_option("--last", metavar="SPAN", help="The last 30m, 24h, 7d or 2w (default: 30d).")
@text_option("--status", "statuses", metavar="A,B", help="Only these statuses.")
@text_option("--run-id", metavar="PART", help="Only run ids with this in it.")
@named_queue_option("-u", "--queue", help="Only runs of this queue.")
@text_option(
    "--trigger",
    metavar="TYPE[:PART]",
    help="Only runs that this made begin: schedule, catchup, backfill, the type of a trigger, manual or "
    "subdag; with PART in what is recorded of it, such as a file.",
)
@text_option("--tags", "--labels", metavar="A,B", help="Only DAGs with all these tags.")
@click.option(
    "-f", "--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", help="Form."
)
@count_option("-l", "--limit", default=100, help="At most so many (100; most: 1000).")
@json_option
@pass_invocation
def command(
    invocation: Invocation,
    /,
    dag: str,
    since: str,
    until: str,
    last: str,
    statuses: str,
    run_id: str,
    queue: str,
    trigger: str,
    tags: str,
    form: str,
    limit: int,
    in_json: bool,
) -> int:
    """List past runs, newest first: those of the last 30 days unless told otherwise."""
    from dagu_core.contracts.store import RunQuery

    if last and (since or until):
        raise UsageError("--last cannot be used with --from or --to")
    if limit > MOST:
        tell(f"Warning: --limit is cut to {MOST}")
    begin, end = stretch(invocation.clock.now(), since, until, last)

    async def work(app: App) -> list[RunSummary]:
        from dagu_core.app.history import known_dag

        kind, _, part = trigger.partition(":")
        query = RunQuery(
            dag=await known_dag(app, dag) if dag else "",
            run_id=run_id,
            queue=queue,
            trigger=kind,
            trigger_text=part,
            roots_only=kind != SUBDAG and not queue,
            statuses=read_statuses(statuses),
            since=begin,
            until=end,
            tags=tuple(tag.strip().lower() for tag in tags.split(",") if tag.strip()),
            limit=min(limit, MOST),
        )
        return await app.history.find(query)

    runs = invocation.run(work)
    if in_json or form == "json":
        say(as_json([shape(run) for run in runs]))
    elif form == "csv":
        say(as_csv(HEADINGS, map(row, runs)))
    else:
        say(as_table(HEADINGS, map(row, runs)) if runs else "No runs found")
    return 0


def stretch(now: float, since: str, until: str, last: str) -> tuple[float | None, float | None]:
    """From when to when runs are listed, in epoch seconds; None = open."""
    from dagu_core.app.moments import check_range, end_of, instant_of, length_of

    end = end_of(until, "UTC") if until else None
    if since:
        begin = instant_of(since, "UTC")
    elif until:
        return None, end
    else:
        begin = now - length_of(last or "30d", "--last")
    check_range(begin, end)
    return begin, end


def read_statuses(text: str) -> tuple[RunStatus, ...]:
    """The statuses of a comma list, aliases included."""
    try:
        return tuple(run_status(word) for word in text.split(",") if word.strip())
    except ValueError as error:
        raise UsageError(str(error)) from None


def row(run: RunSummary) -> tuple[str, ...]:
    """One line of the table; what is not known is `-`."""
    started = f"{utc(run.started_at):%Y-%m-%d %H:%M:%S}" if run.started_at is not None else "-"
    took = run.finished_at - run.started_at if run.finished_at and run.started_at else None
    return (
        run.ref.dag,
        run.ref.run_id,
        run.status.title,
        started,
        "-" if took is None else duration(took),
        _params(run) or "-",
    )


def shape(run: RunSummary) -> dict[str, Any]:
    """One object of the JSON list; what is not known is left out."""
    took = run.finished_at - run.started_at if run.finished_at and run.started_at else None
    known = {
        "startedAt": _time(run.started_at),
        "finishedAt": _time(run.finished_at),
        "duration": "" if took is None else duration(took),
        "params": _params(run),
        "labels": list(run.tags),
        "workerId": run.worker,
        "triggerType": run.trigger_type,
        "scheduleTime": _time(run.trigger.get("due")),
        "error": run.error,
    }
    base = {"name": run.ref.dag, "dagRunId": run.ref.run_id, "status": run.status.label}
    return base | {key: value for key, value in known.items() if value}


def _time(seconds: float | None) -> str:
    return "" if seconds is None else f"{utc(seconds):%Y-%m-%dT%H:%M:%SZ}"


def _params(run: RunSummary) -> str:
    return " ".join(f"{name}={value}" for name, value in run.params)
