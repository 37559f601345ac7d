"""Rules for names, checked before any of them becomes a path."""

from __future__ import annotations

import re

from dagu_core.base.errors import UsageError

RUN_ID = re.compile(r"[-a-zA-Z0-9_]{1,64}")
DAG_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,40}")
RESERVED_RUN_IDS = frozenset({"latest"})
#: what words for priorities stand for
PRIORITIES = {"low": 3, "normal": 5, "high": 7}
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def check_run_id(run_id: str) -> str:
    """Return `run_id` when it is a legal run id; raise UsageError otherwise."""
    if not RUN_ID.fullmatch(run_id):
        raise UsageError(
            f"run id {run_id[:80]!r} must be 1 to 64 characters and "
            "only contain alphanumeric characters, dashes, and underscores"
        )
    if run_id in RESERVED_RUN_IDS:
        raise UsageError(f"run id {run_id!r} is reserved", hint="choose another id")
    return run_id


def check_dag_name(name: str) -> str:
    """Return `name` when it is a legal DAG name; raise UsageError otherwise."""
    if not DAG_NAME.fullmatch(name) or name in {".", ".."}:
        raise UsageError(
            f"DAG name {name[:80]!r} must be 1 to 40 characters of letters, digits, `_`, `.` and `-`"
        )
    return name


def check_queue_name(name: str) -> str:
    """Return `name` when it is a legal name of a queue; raise UsageError otherwise."""
    if not DAG_NAME.fullmatch(name) or name in {".", ".."}:
        message = f"queue name {name[:80]!r} must be 1 to 40 letters, digits, `_`, `.` and `-`"
        raise UsageError(message, hint="a name such as `nightly-2`")
    return name


def priority_of(text: str) -> int:
    """The priority, 0 to 9, that a word or a digit stands for; raise UsageError for anything else."""
    word = text.strip().lower()
    if word in PRIORITIES or (len(word) == 1 and word in "0123456789"):
        return PRIORITIES.get(word) or int(word)
    raise UsageError(f"priority {text[:40]!r} is none", hint="write low, normal, high, or 0 to 9")


def safe_name(name: str) -> str:
    """`name` as part of a file name: other characters become `_`, cut at 100."""
    return _UNSAFE.sub("_", name)[:100]


def child_run_id(parent_run_id: str, step: str, params: str, salt: str = "") -> str:
    """The id of a sub-DAG run: the same for the same parent, step and parameters.

    `salt` is empty, or a fresh token when a step repeats and wants a new child each time.
    """
    import hashlib  # costs a start 2 ms, and only children need it

    digest = hashlib.sha256(f"{parent_run_id}:{step}:{params}{salt}".encode()).digest()
    number, text = int.from_bytes(digest, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        text = _BASE58[rest] + text
    return text
