"""The suite for step types passes what is right and finds what is wrong, sentence by sentence."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from dagu_core.engine import carry_out
from dagu_core.testing.executor_contract import ExecutorContract, Step
from tests.unit.testing.breaking import notices, sentences

sys.path.append(str(Path(__file__).parents[2] / "plugins_zoo"))

import zoo_heavy
import zoo_mime


class MimeSuite(ExecutorContract):
    """The suite, told how a mime is used."""

    executor = zoo_mime.Mime
    big_output = 64 << 20

    def good_step(self) -> Step:
        return {"type": "mime", "command": "true"}

    def failing_step(self) -> Step:
        return {"type": "mime", "command": "exit 3"}

    def long_step(self) -> Step:
        return {"type": "mime", "command": "exec sleep 60"}

    def printing_step(self, file: Path) -> Step:
        return {"type": "mime", "command": f"cat {shlex.quote(str(file))}"}

    def echo_step(self, text: str) -> Step:
        return {"type": "mime", "command": f"printf %s {shlex.quote(text)}"}

    def env_step(self, name: str) -> Step:
        return {"type": "mime", "command": f"printenv {name}"}

    def leaking_step(self, reference: str) -> Step:
        return {"type": "mime", "command": f"exec 3< 'no such {reference}'"}

    def reattach_step(self, marker: Path) -> Step:
        return {"type": "mime", "command": f"sleep 2; echo done >> {shlex.quote(str(marker))}"}


class TestMime(MimeSuite):
    """Whoever keeps the contract passes."""


class TestHonest(MimeSuite):
    """So does who loses attempts and says so."""

    executor = zoo_mime.Honest


BROKEN: list[tuple[str, type[Any]]] = [
    ("test_it_has_a_name_and_a_description", zoo_mime.Silent),
    ("test_every_field_has_a_description", zoo_mime.Terse),
    ("test_unknown_keys_are_refused", zoo_mime.Lenient),
    ("test_its_schema_is_json", zoo_mime.Opaque),
    ("test_its_import_is_light", zoo_heavy.Heavy),
    ("test_its_import_keeps_the_budget", zoo_heavy.Heavy),
    ("test_its_promises_are_ones_the_core_knows", zoo_mime.Misspelt),
    ("test_who_finds_attempts_again_has_a_way_to", zoo_mime.Forgetful),
    ("test_a_field_is_refused_unless_it_is_a_capability", zoo_mime.Boastful),
    ("test_its_own_steps_use_only_what_it_understands", zoo_mime.Modest),
    ("test_success", zoo_mime.Untidy),
    ("test_success", zoo_mime.Busy),
    ("test_success", zoo_mime.Parent),
    ("test_failure_is_an_outcome_and_no_exception", zoo_mime.Loud),
    ("test_a_stop_ends_it_within_the_grace", zoo_mime.Deaf),
    ("test_a_timeout_ends_it_within_the_grace", zoo_mime.Deaf),
    ("test_output_arrives_whole", zoo_mime.Cutting),
    ("test_a_lot_of_output_arrives_whole_in_flat_memory", zoo_mime.Cutting),
    ("test_a_lot_of_output_arrives_whole_in_flat_memory", zoo_mime.Whole),
    ("test_bytes_that_are_no_text_arrive_as_they_are", zoo_mime.Decoding),
    ("test_a_text_arrives_as_it_is_written", zoo_mime.Splitting),
    ("test_a_variable_arrives_as_it_is", zoo_mime.Looking),
    ("test_secrets_are_masked_in_what_it_writes", zoo_mime.Bypassing),
    ("test_secrets_in_other_encodings_are_masked_too", zoo_mime.Bypassing),
    ("test_secrets_are_in_no_message_row_or_log", zoo_mime.Telling),
    ("test_an_attempt_is_found_again_after_the_engine_was_killed", zoo_mime.Again),
    ("test_what_cannot_be_found_again_is_said_to_be_lost", zoo_mime.Optimist),
]


def test_every_test_has_a_toy_that_breaks_it() -> None:
    assert {test for test, _ in BROKEN} == sentences(ExecutorContract)


@pytest.mark.parametrize(("test", "toy"), BROKEN)
def test_the_suite_notices(
    test: str, toy: type[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carry_out, "MARGIN", 0.1)
    suite = type("Suite", (MimeSuite,), {"executor": toy, "heavy": ("sqlite3",), "big_output": 96 << 20})
    assert notices(suite, test, tmp_path)
