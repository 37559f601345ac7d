"""`dagu queue`: see what waits and why, pause queues, change limits and order."""

from __future__ import annotations

import getpass
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import click

from dagu_core.base.clock import rfc3339
from dagu_core.base.errors import UsageError
from dagu_core.cli.invocation import Invocation, pass_invocation
from dagu_core.cli.options import (
    count_option,
    json_option,
    named_queue_option,
    priority_option,
    queue_argument,
    text_option,
    until_option,
)
from dagu_core.cli.output import as_json, as_table, counted, say

if TYPE_CHECKING:
    from dagu_core.app.app import App
    from dagu_core.app.queue_rules import Orders
    from dagu_core.app.queues import Place, QueueView
    from dagu_core.model.run.run import RunSummary

HEADINGS = ("QUEUE", "LIMIT", "RUNNING", "WAITING", "LABELS", "STATE")
PLACES = ("#", "RUN", "PRIORITY", "QUEUED (UTC)", "REASON")


@click.group("queue", short_help="See what waits in queues, pause them, and change their order.")
def command() -> None:
    """See what waits in queues and why, pause them, and change their limits and order."""


@command.command("list", short_help="List the queues.")
@text_option("--label", multiple=True, metavar="KEY=VALUE", help="Only queues with all these labels.")
@json_option
@pass_invocation
def list_(invocation: Invocation, /, label: tuple[str, ...], in_json: bool) -> int:
    """List every queue that is configured, or in which runs wait or work."""
    from dagu_core.cli.verbs.exec import pairs

    labels = pairs(label, "--label")

    async def work(app: App) -> list[QueueView]:
        return await app.queues.all(labels)

    views = invocation.run(work)
    if in_json:
        say(as_json([view_shape(view) for view in views]))
    else:
        nothing = "No queue has these labels" if labels else "No queue is in use"
        say(as_table(HEADINGS, map(row, views)) if views else nothing)
    return 0


@command.command("show", short_help="Show what waits in a queue, in order.")
@queue_argument()
@json_option
@pass_invocation
def show(invocation: Invocation, /, name: str, in_json: bool) -> int:
    """Show what waits in a queue, in the order it begins, and what each run waits for."""

    async def work(app: App) -> tuple[QueueView, list[Place]]:
        return await app.queues.show(name)

    view, places = invocation.run(work)
    if in_json:
        say(as_json(view_shape(view) | {"items": [place_shape(place) for place in places]}))
        return 0
    say(as_table(HEADINGS, [row(view)]))
    if places:
        say("\n" + as_table(PLACES, map(place_row, places)))
    return 0


@command.command("pause", short_help="Let nothing of a queue begin.")
@queue_argument()
@text_option("--reason", metavar="TEXT", help="Why; people who ask `dagu why` are told.")
@until_option
@json_option
@pass_invocation
def pause(invocation: Invocation, /, name: str, reason: str, until: str | None, in_json: bool) -> int:
    """Let nothing of a queue begin until it is resumed, or for a while; what runs goes on."""

    async def work(app: App) -> Orders:
        from dagu_core.app.moments import until_of

        end = None if until is None else until_of(until, app.clock.now(), app.settings.core.tz)
        return await app.queues.pause(name, getpass.getuser(), reason, end)

    order(invocation, name, work, lambda orders: f"Paused queue {name}{orders.end}", in_json)
    return 0


@command.command("resume", short_help="Let runs of a paused queue begin again.")
@queue_argument()
@json_option
@pass_invocation
def resume(invocation: Invocation, /, name: str, in_json: bool) -> int:
    """Let runs of a paused queue begin again."""
    order(invocation, name, lambda app: app.queues.resume(name), lambda _: f"Resumed queue {name}", in_json)
    return 0


@command.command("set", short_help="Change how many runs of a queue may work at once.")
@queue_argument()
@count_option("--max-concurrency", help="So many at once, whatever is configured.")
@click.option("--reset", is_flag=True, help="As configured again.")
@json_option
@pass_invocation
def set_(
    invocation: Invocation, /, name: str, max_concurrency: int | None, reset: bool, in_json: bool
) -> int:
    """Change how many runs of a queue may work at once; it holds until it is changed again."""
    if (max_concurrency is None) is not reset:
        raise UsageError("give either --max-concurrency or --reset")
    many = "as many runs as configured" if reset else counted(max_concurrency or 0, "run")
    done = f"Queue {name} takes {many} at once"
    order(invocation, name, lambda app: app.queues.set_limit(name, max_concurrency), lambda _: done, in_json)
    return 0


@command.command("move", short_help="Send a waiting run elsewhere.")
@text_option("-r", "--run-id", metavar="RUN", required=True, help="The run: its id, or NAME:RUNID.")
@named_queue_option("--to", help="To this queue, where it stands by its age.")
@click.option("--front", is_flag=True, help="It is the next to begin.")
@click.option("--back", is_flag=True, help="It is the last to begin.")
@text_option("--before", metavar="RUN", help="It begins right before this run: its id, or NAME:RUNID.")
@priority_option()
@json_option
@pass_invocation
def move(
    invocation: Invocation,
    /,
    run_id: str,
    to: str,
    front: bool,
    back: bool,
    before: str,
    priority: int | None,
    in_json: bool,
) -> int:
    """Send a waiting run to another queue, to another place, or give it another priority.

    A run that has begun stays where it is: the exit code is 4.
    """
    if not (to or front or back or before or priority is not None):
        raise UsageError("where to? Give --to, --front, --back, --before or --priority")
    if front + back + bool(before) > 1:
        raise UsageError("--front, --back and --before exclude each other")

    async def work(app: App) -> tuple[RunSummary, int]:
        queues = app.queues
        ref = await queues.waiting_run(run_id)
        if priority is not None:
            await queues.prioritise(ref, priority)
        if to:
            await queues.move(ref, to, front=front)
        elif front:
            await queues.to_front(ref)
        if back:
            await queues.to_back(ref)
        if before:
            await queues.before(ref, await queues.waiting_run(before))
        return (await app.store.load(ref)).summary, await queues.position(ref)

    summary, position = invocation.run(work)
    if in_json:
        from dagu_core.app.views import summary_shape

        say(as_json(summary_shape(summary) | {"position": position}))
    elif not invocation.quiet:
        say(f"Run {summary.ref} is number {position} in queue {summary.queue}, priority {summary.priority}")
    return 0


def order(
    invocation: Invocation,
    name: str,
    work: Callable[[App], Awaitable[Orders]],
    done: Callable[[Orders], str],
    in_json: bool,
) -> None:
    """Give an order for a queue, and say so; `done` makes the words."""
    orders = invocation.run(work)
    if in_json:
        say(as_json({"name": name} | orders_shape(orders)))
    elif not invocation.quiet:
        say(done(orders))


def row(view: QueueView) -> tuple[str, ...]:
    """One line of the table of queues."""
    state = view.orders.sentence or "open"
    labels = ",".join(f"{key}={value}" for key, value in view.labels.items()) or "-"
    return view.name, str(view.bound or "none"), str(view.running), str(view.waiting), labels, state


def place_row(place: Place) -> tuple[str, ...]:
    """One line of the table of what waits."""
    run = place.summary
    queued = (rfc3339(run.queued_at) or "-").replace("T", " ").removesuffix("Z")
    return str(place.position), str(run.ref), str(run.priority), queued, place.reason


def view_shape(view: QueueView) -> dict[str, Any]:
    """A queue as JSON data."""
    return {
        "name": view.name,
        "type": "global" if view.configured else "dag-based",
        "maxConcurrency": view.bound,
        "runningCount": view.running,
        "queuedCount": view.waiting,
        "labels": dict(view.labels),
    } | orders_shape(view.orders)


def orders_shape(orders: Orders) -> dict[str, Any]:
    """What people ordered for a queue, as JSON data."""
    shape: dict[str, Any] = {"paused": orders.paused}
    if orders.paused:
        shape |= {"pausedBy": orders.by, "pausedReason": orders.reason, "pausedAt": rfc3339(orders.at)}
    if orders.until is not None:
        shape["pausedUntil"] = rfc3339(orders.until)
    if orders.max_concurrency is not None:
        shape["maxConcurrencySet"] = orders.max_concurrency
    return shape


def place_shape(place: Place) -> dict[str, Any]:
    """A waiting run as JSON data."""
    run = place.summary
    return {
        "position": place.position,
        "name": run.ref.dag,
        "dagRunId": run.ref.run_id,
        "priority": run.priority,
        "queuedAt": rfc3339(run.queued_at),
        "reason": place.reason,
    }
