"""What drivers complain about, as one sentence and an exit code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

UNREACHABLE, REFUSED, CONSTRAINT, LOCKED, TOO_LONG = 10, 11, 12, 13, 124

#: lock not available, deadlock, serialization failure
_LOCK_STATES = frozenset({"55P03", "40P01", "40001"})
_MYSQL_LOCKS = frozenset({1205, 1213, 3572})
_MYSQL_CONSTRAINTS = frozenset({1022, 1048, 1062, 1216, 1217, 1451, 1452, 1557, 1586, 3819, 4025})
#: gone away, lost, shut down, killed
_MYSQL_LOST = frozenset({1053, 1927, 2003, 2006, 2013, 4031})


@dataclass(frozen=True, slots=True)
class Fault:
    """A complaint of a database. `passes` = the same work may succeed a moment later."""

    code: int
    message: str
    passes: bool = False
    column: str = ""


class Refused(Exception):
    """A statement failed. `where` says which one, `is_final` that trying again makes no sense."""

    def __init__(self, fault: Fault, where: str = "", *, is_final: bool = False) -> None:
        super().__init__(fault.message)
        self.fault, self.where, self.is_final = fault, where, is_final


def of(error: Any) -> Fault:
    """The fault behind an error of SQLAlchemy or of a driver. Parameters are never in it."""
    original = getattr(error, "orig", None) or error
    is_lost = bool(getattr(error, "connection_invalidated", False))
    name = type(original).__module__.partition(".")[0]
    if name == "psycopg":
        return _of_postgres(original, is_lost)
    if name == "pymysql":
        return _of_mysql(original, is_lost)
    if name == "sqlite3":
        return _of_sqlite(original)
    is_constraint = type(error).__name__ == "IntegrityError"
    code = UNREACHABLE if is_lost else CONSTRAINT if is_constraint else REFUSED
    return Fault(code, f"{type(original).__name__}: {original}")


def _of_postgres(error: Any, is_lost: bool) -> Fault:
    diag, state = error.diag, error.sqlstate or ""
    if not state:
        code = UNREACHABLE if is_lost or type(error).__name__ == "OperationalError" else REFUSED
        return Fault(code, str(error).strip())
    parts = [f"{diag.severity_nonlocalized or 'ERROR'} {state}: {diag.message_primary}"]
    if diag.message_detail:
        parts.append(f"({diag.message_detail.rstrip('.')})")
    if diag.message_hint:
        parts.append(f"Hint: {diag.message_hint}")
    code = REFUSED
    if is_lost or state.startswith("08") or state in ("57P01", "57P02", "57P03"):
        code = UNREACHABLE
    elif state.startswith("23"):
        code = CONSTRAINT
    elif state in _LOCK_STATES:
        code = LOCKED
    return Fault(code, " ".join(parts), code == LOCKED, diag.column_name or "")


def _of_mysql(error: Any, is_lost: bool) -> Fault:
    number, text = (*error.args, "", "")[:2]
    code = REFUSED
    if is_lost or number in _MYSQL_LOST:
        code = UNREACHABLE
    elif number in _MYSQL_LOCKS:
        code = LOCKED
    elif number in _MYSQL_CONSTRAINTS:
        code = CONSTRAINT
    return Fault(code, f"ERROR {number}: {text}", code == LOCKED)


def _of_sqlite(error: Any) -> Fault:
    name = getattr(error, "sqlite_errorname", "")
    code = REFUSED
    if name.startswith("SQLITE_CONSTRAINT"):
        code = CONSTRAINT
    elif name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        code = LOCKED
    elif name.startswith(("SQLITE_CANTOPEN", "SQLITE_NOTADB", "SQLITE_IOERR")):
        code = UNREACHABLE
    return Fault(code, f"{name}: {error}" if name else str(error), code == LOCKED)
