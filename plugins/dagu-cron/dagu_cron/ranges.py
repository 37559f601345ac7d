"""Ranges of a cron field that end before they begin."""

from __future__ import annotations

import re

_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
#: the first and the last value of the six fields, as people write them
_ENDS = (("0", "59"), ("0", "59"), ("0", "23"), ("1", "31"), ("JAN", "DEC"), ("SUN", "SAT"))
_MONTH, _WEEKDAY = 4, 5
_RANGE = re.compile(r"(\d+|[A-Za-z]{3})-(\d+|[A-Za-z]{3})(/\d+)?")


def mistake(field: str, index: int) -> str:
    """What is wrong with the ranges of a field, "" when nothing is; `index` in the six fields.

    A range of weekdays may end with Sunday, which is 7 as well as 0.
    """
    for part in field.split(","):
        if (found := _RANGE.fullmatch(part)) is None:
            continue
        first, last = (_number(word, index) for word in found.group(1, 2))
        if first is None or last is None or first <= last or (index == _WEEKDAY and last == 0):
            continue
        least, most = _ENDS[index]
        whole = [_range(found[1], most), _range(least, found[2])]
        advice = f"; write {','.join(whole)}" if not found[3] else ""
        return f"the range {part} ends before it begins{advice}"
    return ""


def _range(first: str, last: str) -> str:
    return first if first.upper() == last.upper() else f"{first}-{last}"


def _number(word: str, index: int) -> int | None:
    if word.isdigit():
        return int(word)
    if index == _MONTH and word.upper() in _MONTHS:
        return _MONTHS.index(word.upper()) + 1
    return _WEEKDAYS.index(word.upper()) if index == _WEEKDAY and word.upper() in _WEEKDAYS else None
