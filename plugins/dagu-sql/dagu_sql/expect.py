"""What a step promises about its result."""

from __future__ import annotations

import operator
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from dagu_core.contracts.work import Failed
from dagu_sql.config import ExpectConfig
from dagu_sql.output import Result
from dagu_sql.values import to_text

_WANTED = re.compile(r"\s*(>=|<=|!=|==|=|>|<)?\s*(.*?)\s*", re.DOTALL)
_COMPARE = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "!=": operator.ne,
}  # fmt: skip


def check(wanted: ExpectConfig, result: Result | None) -> None:
    """Raises Failed unless the result is as wanted."""
    if result is None:
        raise Failed("expect: no statement returned rows")
    if wanted.rows is not None and not holds(wanted.rows, result.rows):
        raise Failed(f"expect: there are {result.rows} rows, wanted {wanted.rows}")
    if wanted.value is not None:
        if not result.rows:
            raise Failed(f"expect: there is no value, wanted {wanted.value}")
        if not holds(wanted.value, result.first):
            shown = "NULL" if result.first is None else to_text(result.first)[:200]
            raise Failed(f"expect: the value is {shown}, wanted {wanted.value}")


def holds(wanted: Any, value: Any) -> bool:
    """Whether `value` is what `wanted` says: `5`, `>5`, `!=done`. Numbers are compared as numbers."""
    found = _WANTED.fullmatch(str(wanted))
    sign, text = (found[1] or "=", found[2]) if found else ("=", str(wanted))
    if value is None:
        return False
    left, right = _number(to_text(value)), _number(text)
    compare = _COMPARE.get(sign, operator.eq)
    if left is None or right is None:
        return bool(compare(to_text(value), text))
    return bool(compare(left, right))


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
