"""`dagu history`: past runs, newest first."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from dagu_core.base.clock import utc
from dagu_core.base.errors import UsageError
from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import dag_argument, json_option, text_option
from dagu_core.cli.output import as_csv, as_json, as_table, duration, say, tell
from dagu_core.model.run.run import RunSummary
from dagu_core.model.status import RunStatus, run_status

if TYPE_CHECKING:
    from dagu_core.app.app import App

HEADINGS = ("DAG NAME", "RUN ID", "STATUS", "STARTED (UTC)", "DURATION", "PARAMS")
MOST = 1000
_SPAN = re.compile(r"(\d+)([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@click.command("history", short_help="List past runs.")
@dag_argument(required=False, metavar="[DAG]")
@text_option("--from", "since", metavar="DATE", help="From this date (YYYY-MM-DD or RFC 3339, UTC).")
@text_option("--to", "until", metavar="DATE", help="Up to this date.")
@text_option("--last", metavar="SPAN", help="The last 30m, 24h, 7d or 2w (default: 30d).")
@text_option("--status", "statuses", metavar="A,B", help="Only these statuses.")
@text_option("--run-id", metavar="PART", help="Only run ids with this in it.")
@text_option("--tags", "--labels", metavar="A,B", help="Only DAGs with all these tags.")
@click.option(
    "-f", "--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", help="Form."
)
@click.option(
    "-l", "--limit", type=click.IntRange(min=1), default=100, help="At most so many (100; most: 1000)."
)
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
    now = utc(invocation.clock.now())
    begin = moment(since) if since else now - span(last or "30d") if not until or last else None

    async def work(app: App) -> list[RunSummary]:
        query = RunQuery(
            dag=app.dags.name_of(dag) if dag else "",
            run_id=run_id,
            statuses=read_statuses(statuses),
            since=begin.timestamp() if begin else None,
            until=moment(until, end=True).timestamp() if until else None,
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


def moment(text: str, *, end: bool = False) -> datetime:
    """The time a date or RFC 3339 text stands for; `end` = the last moment of a date."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            day = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
            return day + timedelta(days=1, microseconds=-1) if end else day
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise UsageError(f"{text!r} is no date", hint="write 2031-02-03 or 2031-02-03T04:05:06Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def span(text: str) -> timedelta:
    """The length of time `7d`, `24h` stand for."""
    found = _SPAN.fullmatch(text.strip())
    try:
        if found:
            return timedelta(**{_UNITS[found[2]]: int(found[1])})
    except OverflowError:
        pass
    raise UsageError(f"{text!r} is no span of time", hint="write 30m, 24h, 7d or 2w")


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
        "error": run.error,
    }
    base = {"name": run.ref.dag, "dagRunId": run.ref.run_id, "status": run.status.label}
    return base | {key: value for key, value in known.items() if value}


def _time(seconds: float | None) -> str:
    return "" if seconds is None else f"{utc(seconds):%Y-%m-%dT%H:%M:%SZ}"


def _params(run: RunSummary) -> str:
    return " ".join(f"{name}={value}" for name, value in run.params)
