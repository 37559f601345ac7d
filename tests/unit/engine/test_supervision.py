"""The supervisor: steps end with their true codes, whoever of engine and supervisor dies."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dagu_core.engine.status_file import Fate, read_story
from dagu_core.engine.supervision import Started, Supervision, find_program

Test = Callable[["Desk"], Awaitable[None]]


class Desk:
    """One engine's side, with paths made up from a name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.supervision = Supervision()

    def start(self, name: str, *argv: str, env: dict[str, str] | None = None, **changed: str) -> Started:
        paths = {kind: str(self.folder / f"{name}.{kind}") for kind in ("status", "stdout", "stderr")}
        order = {"cwd": str(self.folder), **paths, **changed}
        return self.supervision.start(argv, env={"PATH": os.environ["PATH"], **(env or {})}, **order)

    def status(self, name: str) -> Path:
        return self.folder / f"{name}.status"

    async def supervisor(self) -> int:
        """The pid of the supervisor, told by a step of it."""
        started = self.start("ask", "sh", "-c", "echo $PPID")
        await started.ended
        return int((self.folder / "ask.stdout").read_text())


def at_desk(folder: Path, test: Test) -> None:
    async def main() -> None:
        desk = Desk(folder)
        try:
            await test(desk)
        finally:
            desk.supervision.close()

    asyncio.run(main())


def test_every_step_has_its_own_variables_and_none_of_the_one_before(tmp_path: Path) -> None:
    envs = [{"A": "1", "B": "2"}, {"A": "1", "B": "3"}, {"A": "1"}, {"C": ""}, {}, {"A": "1", "C": "ä\n"}]

    async def test(desk: Desk) -> None:
        for number, env in enumerate(envs):
            if number == 3:
                os.kill(await desk.supervisor(), signal.SIGKILL)
            names = "ABC"
            script = "; ".join(f'printf "%s|" "${{{name}-none}}"' for name in names)
            # one that the dead supervisor did not read any more is ordered again, as `spawn` does
            while (await desk.start(f"s{number}", "sh", "-c", script, env=env).ended).exit_code is None:
                pass
            expected = "".join(env.get(name, "none") + "|" for name in names)
            assert (desk.folder / f"s{number}.stdout").read_text() == expected

    at_desk(tmp_path, test)


def test_files_made_for_a_step_that_never_begins_are_removed(tmp_path: Path) -> None:
    async def test(desk: Desk) -> None:
        first = desk.start("first", "sh", "-c", "exit 3")
        second = desk.supervision.start(
            ["true"],
            env={"PATH": os.environ["PATH"]},
            cwd=str(tmp_path),
            **{kind: str(tmp_path / f"second.{kind}") for kind in ("status", "stdout", "stderr")},
            after=first,
        )
        assert (tmp_path / "second.stdout").exists() and second.begun is not None
        assert await second.begun is False
        await asyncio.sleep(0)
        assert not list(tmp_path.glob("second.*")) and (await first.ended).exit_code == 3

    at_desk(tmp_path, test)


@pytest.mark.parametrize(
    ("line", "code"),
    [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143), ("kill 0; sleep 9", 143)],
)
def test_an_end_is_told_and_written(tmp_path: Path, line: str, code: int) -> None:
    async def test(desk: Desk) -> None:
        ending = await desk.start("s", "sh", "-c", line).ended
        assert ending.exit_code == code
        assert read_story(desk.status("s")).exit_code == code

    at_desk(tmp_path, test)


def test_a_step_outlives_its_engine_and_its_end_is_written(tmp_path: Path) -> None:
    async def test(desk: Desk) -> None:
        started = desk.start("s", "sh", "-c", "sleep 0.3; exit 5")
        await started.pid
        assert read_story(desk.status("s")).fate is Fate.ALIVE
        desk.supervision.close()
        async with asyncio.timeout(5):
            while read_story(desk.status("s")).exit_code is None:
                await asyncio.sleep(0.02)
        assert read_story(desk.status("s")).exit_code == 5

    at_desk(tmp_path, test)


def test_a_step_outlives_its_supervisor_and_its_end_is_known(tmp_path: Path) -> None:
    async def test(desk: Desk) -> None:
        pid = await desk.supervisor()
        await asyncio.sleep(0.1)  # the engine adopts orphans from shortly after it began to listen
        started = desk.start("s", "sh", "-c", "sleep 0.3; exit 6")
        await started.pid
        os.kill(pid, signal.SIGKILL)
        assert (await started.ended).exit_code == 6
        assert read_story(desk.status("s")).exit_code == 6
        # and the next order finds a new supervisor
        assert (await desk.start("t", "sh", "-c", "exit 3").ended).exit_code == 3

    at_desk(tmp_path, test)


def test_of_two_supervisors_with_one_order_exactly_one_starts_it(tmp_path: Path) -> None:
    async def test(desk: Desk) -> None:
        other = Desk(tmp_path)
        line = "echo ran >> ran; sleep 0.2"
        try:
            for round_ in range(10):
                both = [each.start(f"s{round_}", "sh", "-c", line).ended for each in (desk, other)]
                ends = await asyncio.gather(*both, return_exceptions=True)
                assert sum(isinstance(end, FileExistsError) for end in ends) == 1
            assert (tmp_path / "ran").read_text().split() == ["ran"] * 10
        finally:
            other.supervision.close()

    at_desk(tmp_path, test)


def test_a_refused_order_leaves_no_mark_of_a_start(tmp_path: Path) -> None:
    async def test(desk: Desk) -> None:
        with pytest.raises(FileNotFoundError):
            await desk.start("s", "sh", "-c", "true", cwd=str(tmp_path / "missing")).ended
        assert read_story(desk.status("s")).fate is Fate.NOT_STARTED
        with pytest.raises(FileNotFoundError, match="command not found"):
            desk.start("t", "no-such-program-here")

    at_desk(tmp_path, test)


def test_orders_larger_than_a_pipe_arrive(tmp_path: Path) -> None:
    async def test(desk: Desk) -> None:
        text = "x" * 100_000
        started = [desk.start(f"s{n}", "sh", "-c", 'printf %s "$1" | wc -c', "sh", text) for n in range(30)]
        ends = [await one.ended for one in started]
        assert {end.exit_code for end in ends} == {0}
        assert {(tmp_path / f"s{n}.stdout").read_text().strip() for n in range(30)} == {"100000"}

    at_desk(tmp_path, test)


def test_a_shell_builtin_is_never_meant_by_a_bare_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        find_program("unset", str(tmp_path), "/")
    assert find_program("sh", os.environ["PATH"], "/").startswith("/")


def test_a_supervisor_without_work_ends_with_its_engine(tmp_path: Path) -> None:
    seen: list[int] = []

    async def test(desk: Desk) -> None:
        seen.append(await desk.supervisor())

    at_desk(tmp_path, test)
    deadline = time.monotonic() + 5
    while Path(f"/proc/{seen[0]}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{seen[0]}").exists()
