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
from dagu_core.model.run.run import RunRef, RunSummary, StepRun
from dagu_core.model.status import RunStatus

RECORD_DAMAGED = "record_damaged"
RUN_COLUMNS = "dag, run_id, status, fence, seq, engine, host, created_at, body, crc"
STATUSES = {status.value: status for status in RunStatus}
_NEWEST_FIRST = "created_at DESC, id DESC"


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
    return summary.created_at if summary.queued_at is None else summary.queued_at


def to_summary(row: Sequence[Any]) -> RunSummary:
    """The summary in a row of RUN_COLUMNS; a damaged one as the contract of `load` describes it."""
    dag, run_id, status, fence, seq, engine, host, created_at, body, crc = row
    try:
        if not is_sound(body, crc):
            raise Damaged("checksum")
        summary = decode_summary(body)
        summary.status = STATUSES[status]
    except (Damaged, KeyError):
        known = salvage_summary(body) if isinstance(body, str) else {}
        known |= {"ref": RunRef(str(dag), str(run_id)), "created_at": _number(created_at)}
        summary = RunSummary(**known)
        mark_damaged(summary, status)
        fence, seq = int(_number(fence)), int(_number(seq))
    summary.fence, summary.seq, summary.engine, summary.host = fence, seq, engine, host
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


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def find_statement(query: RunQuery) -> tuple[str, list[Any]]:
    """The SELECT for a list, with its values.

    Exactly one condition, the first that applies, may use an index; it gives the order as well. A
    `+` keeps the others from tempting the planner into sorting the whole history.
    """
    table, order, conditions = "runs", _NEWEST_FIRST, []
    if query.run_id and query.exact:
        conditions.append(("run_id = ?", [query.run_id]))
    if query.root is not None:
        conditions.append(("root = ? AND root <> ''", [str(query.root)]))
    if query.dag:
        conditions.append(("dag = ?", [query.dag]))
    if query.queue:
        conditions.append(("queue = ? AND queue <> ''", [query.queue]))
    if query.statuses:
        marks = ", ".join("?" * len(query.statuses))
        conditions.append((f"status IN ({marks})", [int(status) for status in query.statuses]))
    roots_only = query.roots_only and query.root is None
    by_tag = bool(query.tags) and not conditions
    if by_tag:
        table = "run_tags JOIN runs ON id = run"
        order = "run_tags.created_at DESC, run DESC"
    by_status = len(conditions) == 1 and bool(query.statuses)
    # Several ended statuses match most of the history: walking by time finds a page sooner.
    if by_status and len(query.statuses) > 1 and any(status.is_over for status in query.statuses):
        by_status = False
        lead: list[tuple[str, list[Any]]] = []
    else:
        lead, conditions = conditions[:1], conditions[1:]
    wheres = [sql for sql, _ in lead]
    values = [value for _, given in lead for value in given]
    for sql, given in conditions:
        wheres.append("+" + sql.split(" AND ")[0])
        values += given
    if by_tag:
        wheres.append("tag = ?")
        values.append(query.tags[0])
    for tag in query.tags[1:] if by_tag else query.tags:
        wheres.append("EXISTS (SELECT 1 FROM run_tags t WHERE t.tag = ? AND t.created_at = runs.created_at AND t.run = id)")
        values.append(tag)
    if query.run_id and not query.exact:
        wheres.append("instr(run_id, ?) > 0")
        values.append(query.run_id)
    time = "run_tags.created_at" if by_tag else "created_at"
    for sign, limit in ((">=", query.since), ("<", query.until)):
        if limit is not None:
            wheres.append(f"{time} {sign} ?")
            values.append(limit)
    if roots_only:
        wheres.append("child = 0" if not (lead or by_tag) else "+child = 0")
    columns = RUN_COLUMNS.replace("created_at", "runs.created_at")
    where = f" WHERE {' AND '.join(wheres)}" if wheres else ""
    values += [max(query.limit, 0), max(query.offset, 0)]
    return f"SELECT {columns} FROM {table}{where} ORDER BY {order} LIMIT ? OFFSET ?", values
