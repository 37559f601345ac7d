"""Rules for names, checked before any of them becomes a path."""

from __future__ import annotations

import hashlib
import re

from dagu_core.base.errors import Invalid

RUN_ID = re.compile(r"[-a-zA-Z0-9_]{1,64}")
DAG_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,40}")
RESERVED_RUN_IDS = frozenset({"latest"})
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def check_run_id(run_id: str) -> str:
    """Return `run_id` when it is a legal run id; raise Invalid otherwise."""
    if not RUN_ID.fullmatch(run_id):
        raise Invalid(
            f"run id {run_id[:80]!r} must be 1 to 64 characters and "
            "only contain alphanumeric characters, dashes, and underscores"
        )
    if run_id in RESERVED_RUN_IDS:
        raise Invalid(f"run id {run_id!r} is reserved", hint="choose another id")
    return run_id


def check_dag_name(name: str) -> str:
    """Return `name` when it is a legal DAG name; raise Invalid otherwise."""
    if not DAG_NAME.fullmatch(name) or name in {".", ".."}:
        raise Invalid(
            f"DAG name {name[:80]!r} must be 1 to 40 characters of letters, digits, `_`, `.` and `-`"
        )
    return name


def safe_name(name: str) -> str:
    """`name` as part of a file name: other characters become `_`, cut at 100."""
    return _UNSAFE.sub("_", name)[:100]


def child_run_id(parent_run_id: str, step: str, params: str, salt: str = "") -> str:
    """The id of a sub-DAG run: the same for the same parent, step and parameters.

    `salt` is empty, or a fresh token when a step repeats and wants a new child each time.
    """
    digest = hashlib.sha256(f"{parent_run_id}:{step}:{params}{salt}".encode()).digest()
    number, text = int.from_bytes(digest, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        text = _BASE58[rest] + text
    return text
