"""Files that come, change, break and go; and only the part of them that says when they start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from dagu_core import InvalidDefinition, Problem, hookimpl
from dagu_core.service.definitions import Changes, Definitions
from dagu_core.service.folder_watch import FolderWatch
from dagu_core.service.light_reading import cut, keys_of
from tests.unit.service.lab import Lab, lab


def run(root: Path, work: Callable[[Lab, Definitions], None]) -> None:
    async def main() -> None:
        async with lab(root) as one:
            work(one, Definitions(one.app, lambda dag, text: one.said.append(f"{dag}: {text}")))

    asyncio.run(main())


def test_files_come_change_and_go(tmp_path: Path) -> None:
    def work(one: Lab, found: Definitions) -> None:
        assert found.refresh() == Changes()
        path = one.write("a", "schedule: '0 1 * * *'")
        one.write("unscheduled", "description: nothing")
        assert found.refresh().changed == {"a"}
        assert found.refresh() == Changes()
        path.write_text("schedule: '0 2 * * *'\nsteps: []\n")
        assert found.refresh([path, path.with_name("other.txt")]).changed == {"a"}
        assert found.plans["a"].schedule.texts == {"start": ("0 2 * * *",)}
        path.unlink()
        assert found.refresh([path]) == Changes(gone=frozenset({"a"}))
        assert found.plans == {}

    run(tmp_path, work)


def test_a_broken_file_keeps_its_last_good_version_and_is_told_once(tmp_path: Path) -> None:
    def work(one: Lab, found: Definitions) -> None:
        path = one.write("a", "schedule: '0 1 * * *'")
        one.write("b", "schedule: nonsense")
        found.refresh()
        assert len(one.said) == 1 and "b.yaml:1" in one.said[0]
        path.write_text("schedule: '0 1 * * * * * *'\nsteps: []\n")
        assert found.refresh() == Changes()
        found.refresh()
        assert len(one.said) == 2
        assert found.plans["a"].schedule.texts == {"start": ("0 1 * * *",)}
        assert set(found.problems) == {"a.yaml", "b.yaml"}
        path.write_text("schedule: '0 3 * * *'\nsteps: []\n")
        assert found.refresh().changed == {"a"} and set(found.problems) == {"b.yaml"}

    run(tmp_path, work)


def test_a_link_that_leads_nowhere_is_told_once_and_counts_when_it_leads_somewhere(tmp_path: Path) -> None:
    def work(one: Lab, found: Definitions) -> None:
        path = one.write("a", "schedule: '0 1 * * *'")
        target = tmp_path / "elsewhere.yaml"
        link = path.with_name("far.yaml")
        link.symlink_to(target)
        assert found.refresh().changed == {"a"}
        assert one.said == [f"far: {link}: the link leads nowhere, to {target}"]
        assert list(found.problems) == ["far.yaml"]
        found.refresh()
        found.refresh([link])
        one.write("a", "schedule: '0 4 * * *'")
        found.base.write_text("tags: [x]\n")
        found.refresh()
        assert len(one.said) == 1
        target.write_text("schedule: '0 2 * * *'\nsteps: []\n")
        assert found.refresh().changed == {"far"} and found.problems == {}
        target.unlink()
        assert found.refresh().gone == {"far"} and len(one.said) == 2
        link.unlink()
        found.refresh()
        assert found.problems == {}

    run(tmp_path, work)


def test_what_only_plugins_object_to_is_planned_and_judged_when_it_is_due(tmp_path: Path) -> None:
    class Linter:
        """Misses a file that may come later."""

        @hookimpl
        def dagu_lint(self) -> list[Problem]:
            return [Problem("a file is missing")]

    async def main() -> None:
        async with lab(tmp_path, [Linter()]) as one:
            one.write("a", "schedule: '0 1 * * *'")
            found = Definitions(one.app)
            assert found.refresh().changed == {"a"} and found.problems == {}
            with pytest.raises(InvalidDefinition, match="a file is missing"):
                one.app.dags.read("a")

    asyncio.run(main())


def test_what_stands_in_the_base_counts(tmp_path: Path) -> None:
    def work(one: Lab, found: Definitions) -> None:
        one.write("a", "description: no schedule of its own")
        one.write("b", "schedule: '0 2 * * *'")
        base = one.app.dags.base_config
        base.write_text("schedule: '0 1 * * *'\nskipIfSuccessful: true\nenv: [A: b]\n")
        assert found.refresh().changed == {"a", "b"}
        assert found.plans["a"].schedule.texts == {"start": ("0 1 * * *",)}
        assert found.plans["b"].schedule.texts == {"start": ("0 2 * * *",)}
        assert found.plans["b"].skip_if_successful
        base.write_text("env: [A: b]\n")
        assert found.refresh([base]).gone == {"a"}

    run(tmp_path, work)


def test_two_files_of_one_name_are_one_dag(tmp_path: Path) -> None:
    def work(one: Lab, found: Definitions) -> None:
        one.write("a", "schedule: '0 1 * * *'")
        one.write("b", "name: a\nschedule: '0 2 * * *'")
        assert found.refresh().changed == {"a"}
        assert found.plans["a"].schedule.texts == {"start": ("0 1 * * *",)}
        assert "defined in a.yaml already" in one.said[0]

    run(tmp_path, work)


@pytest.mark.parametrize(
    "text",
    [
        "schedule: '0 1 * * *'\nsteps: [{name: a, command: b}]\n",
        "# c\n---\nsteps:\n- a\n- b\nschedule:\n  - '0 1 * * *'\n",
        "\ufeff\"schedule\": '0 1 * * *'\nenv:\n  X: |\n    schedule: no\nsteps: []\n",
        "{schedule: '0 1 * * *', steps: []}\n",
        "steps: []\n_x: &when '0 1 * * *'\nschedule: *when\n",
        "schedule: '0 1 * * *'\nsteps: []\n---\nname: kid\nschedule: nonsense\nsteps: []\n",
    ],
)
def test_every_way_to_write_it_is_read(tmp_path: Path, text: str) -> None:
    def work(one: Lab, found: Definitions) -> None:
        one.write("a", "")
        (one.app.dags.folder / "a.yaml").write_text(text, "utf-8")
        found.refresh()
        valid = "nonsense" not in text and "_x" not in text
        if "_x" in text:  # a key nobody knows: told, with its place
            assert "unknown key" in one.said[0]
        elif valid or found.plans:
            assert found.plans["a"].schedule.texts == {"start": ("0 1 * * *",)}
        assert one.said or found.plans

    run(tmp_path, work)


def test_the_cut_leaves_out_what_does_not_decide() -> None:
    text = "a: 1\nschedule:\n  start: x\n\n# c\n  stop: y\nsteps:\n- b\nmax_active_runs: 3\n"
    assert cut(text) == "schedule:\n  start: x\n\n# c\n  stop: y\nmax_active_runs: 3\n"
    assert keys_of(text) == {"a", "schedule", "steps", "maxactiveruns"}
    assert cut("schedule: *when\n") is None
    assert keys_of("- a\n- b\n") is None and keys_of("{a: 1}") is None


def test_changes_of_a_folder_are_heard_of_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "dags"

    async def main() -> None:
        changes = FolderWatch([folder]).changes()
        assert await anext(changes) is None  # it is not there yet: looked for
        folder.mkdir()
        async with asyncio.timeout(5):
            assert await anext(changes) is None  # whatever came with it
            heard = asyncio.ensure_future(anext(changes))
            await asyncio.sleep(0)
            (folder / "a.yaml").write_text("x")
            found = await heard
            assert found is None or folder / "a.yaml" in found
            (folder / "b.yaml").write_text("x")
            (folder / "b.yaml").rename(folder / "c.yaml")
            found = await anext(changes)
            assert found is None or folder / "c.yaml" in found
        await changes.aclose()

    asyncio.run(main())
