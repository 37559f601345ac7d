"""Named points at which a test can make this process fail.

`DAGU_FAILPOINTS="store.commit.before=kill9@3;spawn.after=sleep(2)"`: at the third hit of the first
point the process is killed, at every hit of the second it sleeps. Actions: `kill9`, `exit(code)`,
`raise`, the name of an errno (`ENOSPC`), `sleep(seconds)`, `stop` (SIGSTOP). `@n` = only at the
n-th hit. Without the variable, passing a point costs one call that does nothing.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable

from msgspec import Struct

VARIABLE = "DAGU_FAILPOINTS"
#: the points there are; `dagu_core` names no others
POINTS = (
    "store.create.before",
    "store.create.after",
    "store.commit.before",
    "store.commit.after",
    "claim.before",
    "claim.after",
    "attempt.started",
    "spawn.before",
    "spawn.after",
    "adopt.before",
    "adopt.after",
    "run.end.before",
    "run.end.after",
)
_RULE = re.compile(r"(?P<point>[\w.]+)=(?P<action>\w+)(?:\((?P<value>[\d.]+)\))?(?:@(?P<hit>\d+))?")


class Injected(RuntimeError):
    """A test asked for this failure."""


class _Rule(Struct, frozen=True):
    point: str
    action: str
    value: float
    hit: int

    def act(self) -> None:
        match self.action:
            case "kill9":
                os.kill(os.getpid(), signal.SIGKILL)
            case "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "exit":
                os._exit(int(self.value))
            case "sleep":
                time.sleep(self.value)
            case "raise":
                raise Injected(f"fail point {self.point}")
            case name:
                number = int(getattr(errno, name))
                raise OSError(number, os.strerror(number), self.point)


def _parse(text: str) -> list[_Rule]:
    rules = []
    for part in filter(None, map(str.strip, text.split(";"))):
        found = _RULE.fullmatch(part)
        known = found and (
            found["action"] in ("kill9", "stop", "exit", "sleep", "raise") or hasattr(errno, found["action"])
        )
        if not found or not known or found["point"] not in POINTS:
            raise ValueError(f"{VARIABLE}: cannot read {part!r}; points: {', '.join(POINTS)}")
        rules.append(
            _Rule(found["point"], found["action"], float(found["value"] or 0), int(found["hit"] or 0))
        )
    return rules


def make(text: str) -> Callable[[str], None]:
    """The function that is called at every point, for the rules in `text` ("" = none).

    Raises ValueError for a rule it cannot read.
    """
    if not text:
        return _pass
    rules, hits = _parse(text), Counter[str]()

    def reach(point: str) -> None:
        hits[point] += 1
        for rule in rules:
            if rule.point == point and rule.hit in (0, hits[point]):
                rule.act()

    return reach


def _pass(point: str) -> None:
    pass


fail_point = make(os.environ.get(VARIABLE, ""))
