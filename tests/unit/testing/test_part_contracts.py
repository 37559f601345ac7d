"""The suites for guards, notifiers, providers, observers and triggers notice what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from dagu_core.engine import carry_out
from dagu_core.testing.guard_contract import GuardContract
from dagu_core.testing.notifier_contract import NotifierContract
from dagu_core.testing.observer_contract import ObserverContract
from dagu_core.testing.part_suite import PartSuite
from dagu_core.testing.secret_contract import SecretProviderContract
from dagu_core.testing.trigger_contract import ClockTriggerContract, TriggerContract
from tests.unit.testing import broken_parts as broken
from tests.unit.testing.breaking import notices, sentences

sys.path.append(str(Path(__file__).parents[2] / "plugins_zoo"))

import zoo_parts as zoo


class TestLatch(GuardContract):
    guard = zoo.Latch
    exclusive = True

    def open_value(self) -> dict[str, Any]:
        return {"file": str(self.folder / "open")}

    def closed_value(self) -> dict[str, Any]:
        (self.folder / "closed").touch()
        return {"file": str(self.folder / "closed")}

    def refused_value(self) -> dict[str, Any]:
        return {"file": "none", "broken": True}


class TestSlip(NotifierContract):
    notifier = zoo.Slip

    def value(self) -> dict[str, Any]:
        return {"file": str(self.folder / "slips")}

    def delivered(self) -> Sequence[bytes]:
        file = self.folder / "slips"
        return file.read_bytes().splitlines() if file.exists() else []

    def dead_value(self) -> dict[str, Any]:
        return {"file": str(self.folder / "no" / "such" / "folder")}


class TestDrawer(SecretProviderContract):
    provider = zoo.Drawer

    def good_reference(self) -> Mapping[str, str]:
        drawer = self.folder / "drawer.json"
        drawer.write_text('{"token": "open-sesame-42"}', "utf-8")
        return {"key": f"{drawer}#token"}

    def value(self) -> str:
        return "open-sesame-42"

    def missing_reference(self) -> Mapping[str, str]:
        return {"key": self.good_reference()["key"] + "less"}

    def wrong_reference(self) -> Mapping[str, str]:
        return {"key": "token"}


class TestDiary(ObserverContract):
    observer = zoo.Diary

    @pytest.fixture(autouse=True)
    def _diary(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DIARY", str(tmp_path / "diary"))

    def seen(self) -> list[str]:
        file = self.folder / "diary"
        return file.read_text("utf-8").split() if file.exists() else []


class TestBell(ClockTriggerContract):
    trigger = zoo.Bell

    def entries(self) -> list[Any]:
        return ["@bell 60", {"every": 86_400}, {"every": 7, "last": 100.0}]


class TestPost(TriggerContract):
    trigger = zoo.Post

    def config(self) -> dict[str, Any]:
        return {"file": "letters"}

    def provoke(self, number: int) -> None:
        with (self.folder / "letters").open("a", encoding="utf-8") as file:
            file.write(f"letter {number}\n")

    def ailing_config(self) -> dict[str, Any]:
        return {"file": "no/such/folder/letters"}


BROKEN: list[tuple[type[PartSuite], str, str, type[Any]]] = [
    (TestLatch, "guard", "test_it_lets_in", broken.holding(broken.refuses)),
    (TestLatch, "guard", "test_it_lets_go_after_a_success", broken.holding(broken.keeps)),
    (TestLatch, "guard", "test_it_lets_go_after_a_failure", broken.holding(broken.forgets_failures)),
    (TestLatch, "guard", "test_it_lets_go_when_its_step_is_stopped", broken.holding(broken.slow_to_let_go)),
    (TestLatch, "guard", "test_who_waits_can_be_stopped", broken.holding(broken.never_mind)),
    (TestLatch, "guard", "test_a_refusal_is_a_sentence", broken.holding(broken.breaks)),
    (TestLatch, "guard", "test_two_are_never_let_in_at_once", broken.holding(broken.lets_all_in)),
    (
        TestSlip,
        "notifier",
        "test_the_end_of_a_run_is_told",
        broken.part_with(zoo.Slip, notify=broken.says_nothing),
    ),
    (TestSlip, "notifier", "test_secrets_are_not_told", broken.part_with(zoo.Slip, text=broken.tells_logs)),
    (
        TestSlip,
        "notifier",
        "test_nobody_at_home_changes_nothing",
        broken.part_with(zoo.Slip, notify=broken.leaves_a_task),
    ),
    (TestDrawer, "provider", "test_the_value_is_found", broken.part_with(zoo.Drawer, resolve=broken.guesses)),
    (
        TestDrawer,
        "provider",
        "test_what_is_missing_is_an_error_with_a_message",
        broken.part_with(zoo.Drawer, resolve=broken.tells),
    ),
    (
        TestDrawer,
        "provider",
        "test_good_references_pass_the_check",
        broken.part_with(zoo.Drawer, check=lambda self, ref: "no"),
    ),
    (
        TestDrawer,
        "provider",
        "test_wrong_references_do_not_pass_the_check",
        broken.part_with(zoo.Drawer, check=lambda self, ref: ""),
    ),
    (
        TestDrawer,
        "provider",
        "test_the_check_looks_nothing_up",
        broken.part_with(zoo.Drawer, check=broken.reads),
    ),
    (
        TestDrawer,
        "provider",
        "test_the_value_is_in_no_row_and_no_log",
        broken.part_with(zoo.Drawer, resolve=broken.keeps_a_copy),
    ),
    (
        TestDrawer,
        "provider",
        "test_a_missing_secret_fails_the_run_before_its_first_step",
        broken.part_with(zoo.Drawer, resolve=broken.guesses),
    ),
    (
        TestDiary,
        "observer",
        "test_a_run_is_observed_in_order",
        broken.part_with(zoo.Diary, close=broken.backwards),
    ),
    (
        TestDiary,
        "observer",
        "test_it_takes_every_kind_of_event",
        broken.part_with(zoo.Diary, observe=broken.only_starts),
    ),
    (
        TestDiary,
        "observer",
        "test_it_may_be_closed_without_an_event",
        broken.part_with(zoo.Diary, close=broken.first_line),
    ),
    (
        TestBell,
        "trigger",
        "test_its_entries_are_read",
        broken.part_with(zoo.Bell, read=classmethod(lambda cls, text: None)),
    ),
    (
        TestBell,
        "trigger",
        "test_each_instant_is_later_than_what_was_asked_for",
        broken.part_with(zoo.Bell, next_after=broken.stuck),
    ),
    (
        TestBell,
        "trigger",
        "test_the_same_question_has_the_same_answer",
        broken.part_with(zoo.Bell, next_after=broken.counting),
    ),
    (
        TestBell,
        "trigger",
        "test_no_instant_is_jumped_over",
        broken.part_with(zoo.Bell, next_after=broken.jumping),
    ),
    (
        TestBell,
        "trigger",
        "test_walking_tells_what_asking_tells",
        broken.part_with(zoo.Bell, ticks=broken.walking_on),
    ),
    (
        TestBell,
        "trigger",
        "test_what_is_over_stays_over",
        broken.part_with(zoo.Bell, next_after=broken.returning),
    ),
    (
        TestBell,
        "trigger",
        "test_a_text_that_is_none_is_left_or_refused",
        broken.part_with(zoo.Bell, read=staticmethod(broken.reading_all)),
    ),
    (
        TestPost,
        "trigger",
        "test_what_happens_is_fired_each_with_a_key_of_its_own",
        broken.part_with(zoo.Post, fire=broken.one_key),
    ),
    (
        TestPost,
        "trigger",
        "test_its_cursor_is_data_and_nothing_is_lost_or_repeated_after_a_restart",
        broken.part_with(zoo.Post, fire=broken.no_cursor),
    ),
    (
        TestPost,
        "trigger",
        "test_it_ends_when_it_is_cancelled",
        broken.part_with(zoo.Post, fires=broken.stubborn),
    ),
    (
        TestPost,
        "trigger",
        "test_what_cannot_work_now_is_told_in_its_health",
        broken.part_with(zoo.Post, fires=broken.gives_up),
    ),
]


@pytest.mark.parametrize("suite", [TestLatch, TestSlip, TestDrawer, TestDiary, TestBell, TestPost])
def test_every_test_has_a_toy_that_breaks_it(suite: type[PartSuite]) -> None:
    # What all parts share is broken by the toys of the suite for step types.
    own = {name for name in sentences(suite) if not hasattr(PartSuite, name)}
    assert {test for each, _, test, _ in BROKEN if each is suite} == own


@pytest.mark.parametrize(("suite", "kind", "test", "toy"), BROKEN)
def test_the_suite_notices(
    suite: type[PartSuite],
    kind: str,
    test: str,
    toy: type[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carry_out, "MARGIN", 0.1)
    monkeypatch.setenv("DIARY", str(tmp_path / "0" / "diary"))
    assert notices(type("Suite", (suite,), {kind: toy}), test, tmp_path)
