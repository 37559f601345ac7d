"""The supervisor: a tiny process that starts steps, outlives the engine and keeps their ends.

One supervisor serves one engine, in a session of its own. Every step it starts gets a session of
its own too. When the engine dies the supervisor stays until its last step has ended, and writes
each exit code into the step's status file, where the next engine finds it. When the supervisor
dies the steps become children of the engine (a subreaper), which then waits for them itself.

Imports nothing but small built-in modules: it must be up before the engine has read its files.
"""

from __future__ import annotations

import os
import select
from time import monotonic
from typing import Any

from dagu_core.engine import kernel

#: the descriptor the status file has inside a step and everything below it
STATUS_FD = 9
#: milliseconds after which the engine is told the pid of a step
UNTOLD_MS = 20
#: how long (ms) and how many ends of steps are held back that another one follows: each wakes the engine
HELD_MS, HELD = 10, 6
#: seconds of silence after which nothing is begun ahead of the engine
SILENCE = 0.25


class Supervisor:
    """Reads orders from descriptor 0, tells what happened on descriptor 1.

    An order is a dict, see `Supervision.start`; one with `after` begins the moment the step of that
    id has ended well, and {"revoke": id} takes it back. With `same`, `env` is what differs from the
    order before. Answers are tuples: ("started", id, pid), ("exited", id, code, cpu_seconds,
    max_rss_kib, id of the order that began with it, or 0), ("dropped", id) for one that never will,
    ("filtered", id), ("refused", id, errno, text, file).
    """

    def __init__(self) -> None:
        self.null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self.steps: dict[int, tuple[dict[str, Any], int]] = {}
        # What follows whom: the order, and its files once the one before it runs.
        self.line: dict[int, tuple[dict[str, Any], list[int] | None]] = {}
        self.lined_up: set[int] = set()
        self.running: set[int] = set()
        self.filters: dict[int, int] = {}
        self.engine_lives = True
        self.heard_at = monotonic()
        # Most short steps end before anybody would ask for their pid: that saves a message.
        self.untold: dict[int, int] = {}
        # By us, by Python, or by whoever started the engine; a step expects the default of all.
        self.ignored: list[int] = []
        self.tell_at = 0.0
        self.held: list[bytes] = []
        self.orders = bytearray()
        self.env: dict[str, str] = {}

    def serve(self) -> None:
        """Work until the engine is gone and every step has ended."""
        # Before the first step: what it leaves behind must find us ready.
        kernel.become_subreaper()
        ends = kernel.hear_children()
        # Whoever stops the engine means the engine; it tells the steps itself.
        self.ignored = kernel.ignore_signals()
        poll = select.poll()
        poll.register(ends, select.POLLIN)
        poll.register(0, select.POLLIN)
        while self.engine_lives or self.steps or self.filters:
            ready = poll.poll(HELD_MS if self.held else UNTOLD_MS if self.untold else None)
            if not ready:
                self.send()
            for descriptor, _ in ready:
                if descriptor == ends:
                    os.read(ends, 4096)
                    self.reap()
                elif not self.read_orders():
                    poll.unregister(0)
                    self.engine_lives = False
                    for before in list(self.line):
                        self.drop(before)
            if self.untold and monotonic() >= self.tell_at:
                self.tell_starts()
        self.reap()  # what was killed a moment ago must not stay defunct

    def read_orders(self) -> bool:
        """Take what is in the pipe; False when the engine has closed it."""
        data = os.read(0, 1 << 20)
        if not data:
            return False
        self.orders += data
        self.heard_at = monotonic()
        for order in kernel.unpacked(self.orders):
            if "env" in order:
                self.env = order["env"] = {**(self.env if order["same"] else {}), **order["env"]}
            if "revoke" in order:
                for before, (waiting, _) in list(self.line.items()):
                    if waiting["id"] == order["revoke"]:
                        self.drop(before)
            elif "after" in order:
                self.line_up(order)
            else:
                try:
                    self.start(order, kernel.open_files(order["status"], logs_of(order)))
                except OSError as error:
                    self.refuse(order, error)
        return True

    def line_up(self, order: dict[str, Any]) -> None:
        """Keep an order until the step before it has ended well."""
        before = order["after"]
        self.lined_up.add(order["id"])
        if before in self.running:
            self.line[before] = (order, None)
            self.make_ready(before)
        elif before in self.lined_up:
            self.line[before] = (order, None)
        else:
            self.lined_up.discard(order["id"])
            self.tell(("dropped", order["id"]))

    def make_ready(self, before: int) -> None:
        """Open the files of the order that follows `before`, so that it can begin at once."""
        if before not in self.line:
            return
        order, _ = self.line[before]
        try:
            self.line[before] = (order, kernel.open_files(order["status"], logs_of(order)))
        except OSError:
            self.drop(before)  # ordered again when its time has come, it is told why

    def drop(self, before: int) -> None:
        """Forget the order that follows `before`, and all that follow it."""
        while (found := self.line.pop(before, None)) is not None:
            order, opened = found
            kernel.close(opened or [])
            before = order["id"]
            self.lined_up.discard(before)
            self.tell(("dropped", before))

    def follow(self, ended: dict[str, Any], well: bool) -> int:
        """Begin what follows a step that has ended `well`; its id, or 0.

        Not while anything the step has left behind keeps its lock: it is not over then. And not for
        an engine that has been silent: it may have been frozen, and lost its run to another one.
        """
        found = self.line.get(ended["id"])
        if found is None:
            return 0
        order, opened = found
        silent = not self.engine_lives or monotonic() - self.heard_at > SILENCE
        left = kernel.is_held(ended["status"])
        if opened is None or not well or silent or left or any(map(kernel.is_removed, opened)):
            self.drop(ended["id"])
            return 0
        del self.line[ended["id"]]
        self.lined_up.discard(order["id"])
        try:
            self.start(order, opened)
        except OSError as error:
            self.refuse(order, error)
        return int(order["id"])

    def refuse(self, order: dict[str, Any], error: OSError) -> None:
        """Tell why an order cannot be carried out."""
        self.tell(("refused", order["id"], error.errno or 0, error.strerror or "", error.filename or ""))
        self.drop(order["id"])

    def start(self, order: dict[str, Any], opened: list[int]) -> None:
        """Start one step: argv, env, cwd, with the files opened for it. Raises OSError."""
        status = opened[0]
        try:
            os.write(status, b"starting\n")
            if order["filter"] is not None:
                from dagu_core.engine.spawn_filter import spawn_filter

                pid, out, err = spawn_filter(order["filter"])
                self.filters[pid] = order["id"]
                opened += {out, err}
            else:
                out, err = opened[1], opened[-1]
            os.chdir(order["cwd"])
            argv = order["argv"]
            pid = os.posix_spawn(
                argv[0],
                order["argv0"] + argv[1:],
                order["env"],
                file_actions=(
                    (os.POSIX_SPAWN_DUP2, self.null, 0),
                    (os.POSIX_SPAWN_DUP2, out, 1),
                    (os.POSIX_SPAWN_DUP2, err, 2),
                    (os.POSIX_SPAWN_DUP2, status, STATUS_FD),
                ),
                setsid=True,
                setsigmask=(),
                setsigdef=self.ignored,
            )
            os.write(status, b"started %d\n" % pid)
            opened.remove(status)
            self.steps[pid] = (order, status)
            self.running.add(order["id"])
            if not self.untold:
                self.tell_at = monotonic() + UNTOLD_MS / 1000
            self.untold[pid] = order["id"]
        except OSError:
            # An empty file says "never started": nothing must be read from a refused one.
            os.ftruncate(status, 0)
            raise
        finally:
            kernel.close(opened)

    def reap(self) -> None:
        """Collect every child that has ended: steps, filters, and what steps left behind."""
        while True:
            try:
                pid, code, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self.filters:
                self.tell(("filtered", self.filters.pop(pid)))
            elif pid in self.steps:
                self.untold.pop(pid, None)
                order, status = self.steps.pop(pid)
                ended = kernel.exit_code(code)
                for log in set(logs_of(order)):
                    kernel.tell_of_full_disk(log)
                try:  # noqa: SIM105 - contextlib is not worth its import here
                    os.write(status, b"exited %d\n" % ended)
                except OSError:
                    pass  # a full disk: the living engine still hears of it below
                os.close(status)
                self.running.discard(order["id"])
                next_one = self.follow(order, ended == 0)
                used = (usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
                self.tell(("exited", order["id"], ended, *used, next_one), now=not next_one)
                self.make_ready(next_one)

    def tell_starts(self) -> None:
        """Tell the pids of those that have been at work for a while."""
        for pid, order in self.untold.items():
            self.tell(("started", order, pid))
        self.untold.clear()

    def tell(self, message: tuple[Any, ...], now: bool = True) -> None:
        """Send one message, in its turn: `now`, or with others that come soon."""
        self.held.append(kernel.packed(message))
        if now or len(self.held) >= HELD:
            self.send()

    def send(self) -> None:
        """Send what is held back; a dead engine is no reason to stop."""
        data = b"".join(self.held)
        self.held.clear()
        if data and self.engine_lives:
            try:
                os.write(1, data)
            except OSError:
                self.engine_lives = False


def logs_of(order: dict[str, Any]) -> list[str]:
    """The logs a step writes itself: none when it has a filter, which opens them."""
    return [] if order["filter"] is not None else [order["stdout"], order["stderr"]]


def main() -> None:
    """Body of the supervisor process."""
    Supervisor().serve()
    os._exit(0)  # the engine waits for us: no time for taking the interpreter apart
