"""`dagu status`: how a run stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from dagu_core.base.clock import rfc3339
from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import dag_argument, json_option, run_id_option
from dagu_core.cli.output import as_json, as_table, say
from dagu_core.cli.watching import tell_error, tree

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.app.decisions import Decision
    from dagu_core.app.views import RunView
    from dagu_core.model.run.events import Event

HEADINGS = ("NO", "TIME", "EVENT", "STEP", "DETAILS")
#: seconds for which it is told that a catch-up was cut
CUT_TOLD = 7 * 86_400.0


@click.command("status", short_help="Show how a run stands.")
@dag_argument()
@run_id_option
@click.option("--events", "as_events", is_flag=True, help="List what happened, and when.")
@json_option
@pass_invocation
def command(invocation: Invocation, /, dag: str, run_id: str, as_events: bool, in_json: bool) -> int:
    """Show how the latest run of a DAG stands, or the run with this id.

    JSON has three keys: `run` (the run itself and its handlers), `attempts` and `nodes` (its steps).
    Without `--run-id` a fourth one, `catchup`, is there for a week after a catch-up had to leave
    missed starts out.
    """

    async def work(app: App) -> tuple[RunView, list[tuple[int, Event]], list[Decision]]:
        from dagu_core.app.decisions import DecisionQuery, find
        from dagu_core.app.history import known_dag

        name = await known_dag(app, dag)
        view = await app.history.get(name, run_id)
        events = await app.history.events(view.summary.ref) if as_events or in_json else []
        since = invocation.clock.now() - CUT_TOLD
        cut = [] if run_id else await find(app, DecisionQuery(name, ("truncated",), since=since, limit=1))
        return view, events, cut

    from dagu_core.app.views import trigger_text

    view, events, cut = invocation.run(work)
    if as_events:
        say(told(events, in_json=in_json))
    elif in_json:
        from dagu_core.app.commands_shown import with_values
        from dagu_core.app.timeline import attempts_of

        attempts = attempts_of((event for _, event in events), view.summary)
        run = view.details(with_values(view))
        nodes = run.pop("nodes")
        catchup = {"catchup": {"truncated": cut_shape(cut[0])}} if cut else {}
        say(as_json({"run": run, "attempts": attempts, "nodes": nodes, **catchup}))
    else:
        say(tree(invocation, view))
        if begun_by := trigger_text(view.summary):
            say(f"\nBegun by: {begun_by}")
        for one in cut:
            say(f"\nCatch-up was cut: {one.sentence}")
        tell_error(view)
    return 0


def cut_shape(one: Decision) -> dict[str, str]:
    """What a catch-up could not make up for, as JSON data."""
    return {"at": rfc3339(one.at), "due": rfc3339(one.due), "message": one.sentence}


def told(events: Iterable[tuple[int, Event]], *, in_json: bool) -> str:
    """Events as a table or as a JSON list."""
    from dagu_core.app.timeline import event_row, event_shape

    if in_json:
        return as_json([event_shape(number, event) for number, event in events])
    return as_table(HEADINGS, (event_row(number, event) for number, event in events))
