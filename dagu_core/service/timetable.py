"""When the next slot of each DAG is due: a heap, so that nobody looks at DAGs that are not."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Mapping
from itertools import count

from msgspec import Struct, field

from dagu_core.model.plan.plan import Plan
from dagu_core.schedule.planner import Planner
from dagu_core.schedule.slots import Slot

#: seconds a slot may be late and is still done; the second for those that are meant to the second
LATE, LATE_BY_SECONDS = 60.0, 5.0


class Line(Struct):
    """The slots of one DAG from some instant on. `previous` is the last start before the next,
    `threshold` how late each may be done (None = as its entries are meant)."""

    plan: Plan
    planner: Planner
    seen: Mapping[str, float]
    threshold: float | None = None
    upcoming: Slot | None = None
    previous: float | None = None
    number: int = 0
    #: what its schedule broke with: nothing is due any more until the file changes
    problem: str = ""
    #: what was too late then is left out: it was handled
    _missed_at: float = -math.inf
    _slots: Iterator[Slot] = field(default_factory=lambda: iter(()))

    def arm(self, after: float, missed_at: float = -math.inf) -> None:
        """Go on with the first slot after `after` that was not too late at `missed_at`."""
        self.previous = self.upcoming = None
        self._missed_at = missed_at
        self._slots = self._guarded(self.planner.slots(after, math.inf))
        self.advance()

    def advance(self) -> None:
        """Go on with the slot after this one."""
        self._leave(self.upcoming)
        for slot in self._slots:
            if not self.is_late(slot, self._missed_at):
                self.upcoming = slot
                return
            self._leave(slot)
        self.upcoming = None

    def is_late(self, slot: Slot, now: float) -> bool:
        """Whether it is too late at `now` to do what the slot says."""
        return now - slot.at > self._patience(slot.exact)

    def miss(self, now: float) -> None:
        """Leave out every slot that is too late at `now`."""
        self.arm(now - self._patience(self.planner.exact) - 0.001, now)

    def _patience(self, exact: bool) -> float:
        if self.threshold is not None:
            return self.threshold
        return LATE_BY_SECONDS if exact else LATE

    def _leave(self, slot: Slot | None) -> None:
        if slot is not None and slot.action == "start" and not slot.skipped:
            self.previous = slot.due

    def _guarded(self, slots: Iterator[Slot]) -> Iterator[Slot]:
        try:
            yield from slots
        except Exception as error:  # of a plugin, maybe; the other DAGs go on
            self.problem = f"{type(error).__name__}: {error}"

    def counts(self, slot: Slot) -> bool:
        """Whether the slot is of an entry that was there before it: nothing new fires back."""
        return any(self.seen.get(entry.fingerprint, 0.0) < slot.due for entry in slot.entries)


class Due(Struct, frozen=True):
    """A slot that is to be done now; `previous` as in `Line`."""

    line: Line
    slot: Slot
    previous: float | None


class Missed(Struct, frozen=True):
    """A DAG that has slots in (after, until] nobody has handled: all of them, or those that are too
    late at `until`."""

    line: Line
    after: float
    until: float
    late_only: bool = False

    def covers(self, slot: Slot) -> bool:
        """Whether a slot of that time was missed."""
        return not self.late_only or self.line.is_late(slot, self.until)


class Timetable:
    """The lines of all DAGs, the next slot first."""

    def __init__(self) -> None:
        self.lines: dict[str, Line] = {}
        #: DAGs whose schedule broke, or of which entries are left out, with why, until somebody takes it
        self.broken: dict[str, str] = {}
        self._heap: list[tuple[float, int, Line]] = []
        self._numbers = count(1)

    def put(self, line: Line) -> None:
        """Add a DAG that was armed, in place of the one of its name."""
        self.remove(line.plan.name)
        self.lines[line.plan.name] = line
        if line.planner.left_out:
            self.broken[line.plan.name] = "; ".join(line.planner.left_out)
        self._push(line)

    def remove(self, name: str) -> None:
        """Forget a DAG."""
        if (line := self.lines.pop(name, None)) is not None:
            line.number = 0

    def next_at(self) -> float | None:
        """When the next slot is to be done."""
        while self._heap and self._heap[0][2].number != self._heap[0][1]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def pop(self, now: float, most: int = 1000) -> Iterator[Due | Missed]:
        """Up to `most` of what is due, in order; the lines go on behind it."""
        for _ in range(most):
            at = self.next_at()
            if at is None or at > now:
                return
            line = heapq.heappop(self._heap)[2]
            slot, previous = line.upcoming, line.previous
            assert slot is not None
            if line.is_late(slot, now):
                line.miss(now)
                self._push(line)
                yield Missed(line, slot.at - 0.001, now, late_only=True)
                continue
            line.advance()
            self._push(line)
            if line.counts(slot):
                yield Due(line, slot, previous)

    def _push(self, line: Line) -> None:
        line.number = next(self._numbers)
        if line.problem:
            self.broken[line.plan.name] = line.problem
        if line.upcoming is not None:
            heapq.heappush(self._heap, (line.upcoming.at, line.number, line))


def line_of(
    plan: Plan,
    make: Callable[[Plan], Planner],
    seen: Mapping[str, float],
    after: float,
    threshold: float | None = None,
) -> Line:
    """The line of a plan from `after` on. Raises DaguError for a schedule nobody can plan."""
    line = Line(plan, make(plan), seen, threshold)
    line.arm(after)
    return line
