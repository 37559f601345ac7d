"""Rows of the runs table to and from the model, damaged ones included, and the query for lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

from dagu_core.contracts.store import RunQuery
from dagu_core.model.run.codec import (
    Damaged,
    decode_event,
    decode_step,
    decode_summary,
    dump_json,
    encode_summary,
    salvage_summary,
)
from dagu_core.model.run.events import Event, Noted
from dagu_core.model.run.run import MANUAL, SUBDAG, RunRef, RunSummary, StepRun
from dagu_core.model.status import RunStatus

RECORD_DAMAGED = "record_damaged"
RUN_COLUMNS = "dag, run_id, status, fence, seq, engine, host, created_at, slot, body, crc"
HELD, GIVEN_BACK, WANTED = 1, 0, 2
STATUSES = {status.value: status for status in RunStatus}
# A body may be damaged, and what is no JSON ends a query that asks for a part of it.
_TRIGGER = "CASE WHEN json_valid(body) THEN json_extract(body, '$.extra.trigger') END"
_COLUMN_TYPES = [int, int, str, str]  # fence, seq, engine, host


def checksum(text: str) -> int:
    """What `crc` holds for a body."""
    return crc32(text.encode("utf-8", "surrogatepass"))


def is_sound(body: Any, crc: Any) -> bool:
    """Whether a stored body is the one that was written."""
    return isinstance(body, str) and checksum(body) == crc


def new_row(summary: RunSummary, events: int) -> dict[str, Any]:
    """Every column of a new run."""
    body = encode_summary(summary)
    return {
        "dag": summary.ref.dag,
        "run_id": summary.ref.run_id,
        "status": int(summary.status),
        "fence": summary.fence,
        "seq": events,
        "engine": summary.engine,
        "host": summary.host,
        "queue": summary.queue,
        "priority": summary.priority,
        "queued_at": queued_at(summary),
        "slot": HELD if summary.holds_slot else GIVEN_BACK,
        "home": summary.home,
        "home_slots": summary.home_slots,
        "created_at": summary.created_at,
        "child": int(is_child(summary)),
        "root": "" if summary.root is None else str(summary.root),
        "parent": "" if summary.parent is None else str(summary.parent),
        "definition": summary.definition,
        "tags": dump_json(summary.tags),
        "body": body,
        "crc": checksum(body),
    }


def is_child(summary: RunSummary) -> bool:
    """Whether another run started this one."""
    return summary.parent is not None or summary.root not in (None, summary.ref)


def queued_at(summary: RunSummary) -> float:
    """The time by which queued runs of one priority are ordered."""
    if summary.queue_place is not None:
        return summary.queue_place
    return summary.created_at if summary.queued_at is None else summary.queued_at


def to_summary(row: Sequence[Any]) -> RunSummary:
    """The summary in a row of RUN_COLUMNS; a damaged one as the contract of `load` describes it."""
    dag, run_id, status, fence, seq, engine, host, created_at, slot, body, crc = row
    try:
        if not is_sound(body, crc) or [type(value) for value in row[3:7]] != _COLUMN_TYPES:
            raise Damaged("not what was written")
        summary = decode_summary(body)
        summary.status = STATUSES[status]
    except (Damaged, KeyError):
        known = salvage_summary(body) if isinstance(body, str) else {}
        known |= {
            "ref": RunRef(str(dag), str(run_id)),
            "created_at": created_at if isinstance(created_at, float) else 0.0,
        }
        summary = RunSummary(**known)
        mark_damaged(summary, status)
        fence, seq, engine, host = whole(fence), whole(seq), str(engine), str(host)
    summary.fence, summary.seq, summary.engine, summary.host = fence, seq, engine, host
    summary.holds_slot = slot == HELD
    return summary


def mark_damaged(summary: RunSummary, status: Any) -> None:
    """Say honestly that the record cannot be trusted; `status` is the last one on record."""
    last = STATUSES.get(status) if isinstance(status, int) else None
    summary.status, summary.reason = RunStatus.NOT_STARTED, RECORD_DAMAGED
    summary.error = f"the stored record is damaged; its last status was {last.label if last else 'unknown'}"


def to_step(body: Any, crc: Any) -> StepRun | None:
    """The step in a row, None when the row is damaged."""
    try:
        return decode_step(body) if is_sound(body, crc) else None
    except Damaged:
        return None


def to_event(body: Any) -> Event:
    """The event in a row; a damaged one as a note that says so."""
    try:
        return decode_event(body)
    except Damaged as error:
        return Noted(at=0.0, code=RECORD_DAMAGED, message=f"an event of this run cannot be read: {error}")


def whole(value: Any) -> int:
    """A number of a column that may be damaged."""
    return value if isinstance(value, int) else 0


def find_statement(query: RunQuery) -> tuple[str, list[Any]]:
    """The SELECT for a list, with its values.

    At most one condition, the first that applies, may use an index; that index gives the order as
    well. A `+` keeps the others from tempting the planner into sorting the whole history.
    """
    conditions = _indexed(query)
    by_tag = bool(query.tags) and not conditions
    # Several ended statuses match most of the history: walking by time finds a page sooner.
    by_time = (
        len(conditions) == 1
        and len(query.statuses) > 1
        and any(status.is_over or status is RunStatus.NOT_STARTED for status in query.statuses)
    )
    wheres: list[str] = []
    values: list[Any] = []
    for column, test, guard, given in conditions:
        leads = not wheres and not by_time
        wheres.append(f"{column} {test}{guard}" if leads else f"+{column} {test}")
        values += given
    table, order, time = "runs", "runs.created_at DESC, id DESC", "runs.created_at"
    tags = list(query.tags)
    if by_tag:
        table, order = "run_tags JOIN runs ON id = run", "run_tags.created_at DESC, run DESC"
        time = "run_tags.created_at"
        wheres.append("tag = ?")
        values.append(tags.pop(0))
    for tag in tags:
        wheres.append("EXISTS (SELECT 1 FROM run_tags t WHERE t.run = id AND t.tag = ?)")
        values.append(tag)
    if query.roots_only and query.root is None:
        by_index = by_time or not wheres
        wheres.append("child = 0" if by_index else "+child = 0")
    if query.run_id and not query.exact:
        wheres.append("instr(run_id, ?) > 0")
        values.append(query.run_id)
    if query.trigger in (MANUAL, SUBDAG):
        wheres.append(f"{_TRIGGER} IS NULL AND +child = {query.trigger == SUBDAG:d}")
    elif query.trigger:
        wheres.append(f"CASE WHEN json_valid({_TRIGGER}) THEN json_extract({_TRIGGER}, '$.type') END = ?")
        values.append(query.trigger)
    if query.trigger_text:
        wheres.append(f"instr({_TRIGGER}, ?) > 0")
        values.append(query.trigger_text)
    for sign, limit in ((">=", query.since), ("<", query.until)):
        if limit is not None:
            wheres.append(f"{time} {sign} ?")
            values.append(limit)
    columns = RUN_COLUMNS.replace("created_at", "runs.created_at")
    where = f" WHERE {' AND '.join(wheres)}" if wheres else ""
    values += [max(query.limit, 0), max(query.offset, 0)]
    return f"SELECT {columns} FROM {table}{where} ORDER BY {order} LIMIT ? OFFSET ?", values


def _indexed(query: RunQuery) -> list[tuple[str, str, str, list[Any]]]:
    """(column, test, what its partial index asks for, values), the most selective first."""
    found: list[tuple[str, str, str, list[Any]]] = []
    if query.run_id and query.exact:
        found.append(("run_id", "= ?", "", [query.run_id]))
    if query.root is not None:
        found.append(("root", "= ?", " AND root <> ''", [str(query.root)]))
    if query.dag:
        found.append(("dag", "= ?", "", [query.dag]))
    if query.queue:
        found.append(("queue", "= ?", " AND queue <> ''", [query.queue]))
    if query.statuses:
        marks = ", ".join("?" * len(query.statuses))
        found.append(("status", f"IN ({marks})", "", [int(status) for status in query.statuses]))
    return found
