"""`dagu status`: how a run stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import dag_argument, json_option, run_id_option
from dagu_core.cli.output import as_json, as_table, say
from dagu_core.cli.watching import tell_error, tree

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.app.views import RunView
    from dagu_core.model.run.events import Event

HEADINGS = ("NO", "TIME", "EVENT", "STEP", "DETAILS")


@click.command("status", short_help="Show how a run stands.")
@dag_argument()
@run_id_option
@click.option("--events", "as_events", is_flag=True, help="List what happened, and when.")
@json_option
@pass_invocation
def command(invocation: Invocation, /, dag: str, run_id: str, as_events: bool, in_json: bool) -> int:
    """Show how the latest run of a DAG stands, or the run with this id.

    JSON has three keys: `run` (the run itself and its handlers), `attempts` and `nodes` (its steps).
    """

    async def work(app: App) -> tuple[RunView, list[tuple[int, Event]]]:
        from dagu_core.app.history import known_dag

        view = await app.history.get(await known_dag(app, dag), run_id)
        return view, await app.history.events(view.summary.ref) if as_events or in_json else []

    view, events = invocation.run(work)
    if as_events:
        say(told(events, in_json=in_json))
    elif in_json:
        from dagu_core.app.timeline import attempts_of

        attempts = attempts_of((event for _, event in events), view.summary)
        run = view.details()
        nodes = run.pop("nodes")
        say(as_json({"run": run, "attempts": attempts, "nodes": nodes}))
    else:
        say(tree(invocation, view))
        tell_error(view)
    return 0


def told(events: Iterable[tuple[int, Event]], *, in_json: bool) -> str:
    """Events as a table or as a JSON list."""
    from dagu_core.app.timeline import event_row, event_shape

    if in_json:
        return as_json([event_shape(number, event) for number, event in events])
    return as_table(HEADINGS, (event_row(number, event) for number, event in events))
