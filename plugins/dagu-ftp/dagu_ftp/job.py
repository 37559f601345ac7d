"""One step's work on a server, whatever its operation; what it did ends as one JSON document."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from dagu_ftp.batch import Batch, patiently
from dagu_ftp.housekeeping import Housekeeping, incomplete, nothing_found, selection
from dagu_ftp.local import LocalTree
from dagu_ftp.options import Options
from dagu_ftp.problems import Problem, problem_of
from dagu_ftp.progress import Progress
from dagu_ftp.selection import Selection
from dagu_ftp.servers import server_at
from dagu_ftp.tree import Tree, checked_path


class Job:
    """Connects, does the operation, closes. `report` is what stdout shows at the end."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.progress = Progress(options.max_bytes_per_sec, options.secrets)
        self.report: dict[str, Any] = {"operation": options.operation}
        self._local = LocalTree(options.working_dir)
        self._servers = [
            server_at(options.server, options.timeout, options.now) for _ in range(options.parallel)
        ]

    def run(self) -> None:
        """Do it; raises a Problem when it could not be done, or not all of it."""
        options, server = self.options, self._servers[0]
        try:
            checked_path(options.source, "source")
            checked_path(options.destination, "destination")
            patiently(server.connect, lambda: None, options.retries, self.progress)
            keeping = Housekeeping(options, server, self.progress, self.report)
            match options.operation:
                case "upload" | "download" | "mirror":
                    self._transfer()
                case "list":
                    keeping.listing()
                case "delete":
                    keeping.delete()
                case "move":
                    keeping.move()
                case "mkdir":
                    keeping.mkdir()
                case "exists":
                    keeping.exists()
        except Exception as error:
            raise problem_of(error) from None
        finally:
            for each in self._servers:
                with contextlib.suppress(Problem):
                    each.close()

    def cut(self) -> None:
        """End all connections at once, from another thread."""
        for server in self._servers:
            server.cut()

    def _transfer(self) -> None:
        options, progress = self.options, self.progress
        source: Tree = self._local if options.upward else self._servers[0]
        chosen = selection(options, source, progress)
        batch = Batch(options, self._local, self._servers, progress, chosen)
        self.report |= {
            "transferred": progress.transferred,
            "skipped": progress.skipped,
            "failed": progress.failed,
        }
        found = batch.collect()
        if not found and not progress.failed and options.operation != "mirror":
            nothing_found(options)
        self._connect_more(min(options.parallel, progress.files))
        try:
            batch.run()
        finally:
            self.report |= {"bytes": progress.bytes, "seconds": round(progress.seconds, 3)}
        if progress.failed:
            raise incomplete(progress, len(progress.transferred))
        if options.operation == "mirror" and options.delete_extra:
            self._delete_extra(batch.wanted)

    def _connect_more(self, wanted: int) -> None:
        """Further connections; servers that allow fewer get fewer."""
        del self._servers[max(wanted, 1) :]
        for index in range(1, len(self._servers)):
            try:
                self._servers[index].connect()
            except Problem as problem:
                sys.stderr.write(self.progress.shown(f"going on with {index} connections: {problem}\n"))
                del self._servers[index:]
                return

    def _delete_extra(self, wanted: set[str]) -> None:
        """What the destination of a mirror has and its source has not; exclusions stay."""
        options = self.options
        target: Tree = self._servers[0] if options.upward else self._local
        there = Selection(
            target, options.destination, recursive=True, exclude=options.exclude, refuse=lambda *_: None
        )
        extra = [each for each in there if each.relative not in wanted]
        deleted = self.report["deleted"] = []
        for each in reversed(extra):
            self.progress.check()
            if each.entry.kind == "folder":
                target.remove_folder(each.path)
            else:
                target.remove(each.path)
            deleted.append(each.path)
