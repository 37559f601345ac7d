"""`queue` and `priority` of schedule lines, triggers and steps that call a DAG."""

from __future__ import annotations

import pytest

from dagu_core.base.places import InvalidDefinition
from dagu_core.model.plan.plan import Call
from dagu_core.model.spec.read import read_definition
from tests.unit.model.schedule_words import WORDS, plan, told


@pytest.mark.parametrize(
    ("word", "number"), [("low", 3), ("NORMAL", 5), ("high", 7), ("0", 0), ("'9'", 9), ("null", None)]
)
def test_priorities(word: str, number: int | None) -> None:
    (line,) = plan(f"schedule: {{start: {{times: ['09:00'], queue: q, priority: {word}}}}}").schedule.entries
    assert (line.queue, line.priority) == ("q", number)
    (trigger,) = plan(f"fileTrigger: {{watch: a, queue: q, Priority: {word}}}").schedule.triggers
    assert (trigger.queue, trigger.priority, trigger.config) == ("q", number, {"watch": "a"})


def test_a_queue_is_no_matter_of_what_an_entry_watches() -> None:
    (plain,) = plan("fileTrigger: {watch: a}").schedule.triggers
    (other,) = plan("fileTrigger: {watch: a, queue: q, priority: 1}").schedule.triggers
    assert plain.fingerprint == other.fingerprint


@pytest.mark.parametrize(
    ("written", "kept"),
    [("high", "7"), ("4", "4"), ("0", "0"), ("' ${P} '", "${P}"), ("''", ""), ("null", "")],
)
def test_a_step_that_calls(written: str, kept: str) -> None:
    text = f"steps: [{{name: a, call: other, queue: q, priority: {written}}}]"
    call = read_definition(text, vocabulary=WORDS).plans[0].steps[0].call
    assert call == Call("other", queue="q", priority=kept)


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("schedule: {start: {times: ['09:00'], priority: urgent}}", "D005", "must be a priority"),
        ("schedule: {start: {times: ['09:00'], priority: 10}}", "D005", "must be a priority"),
        ("schedule: {start: {times: ['09:00'], queue: a/b}}", "D006", "queue name 'a/b' must be 1 to 40"),
        ("triggers: [{type: file, watch: a, queue: a b}]", "D006", "queue name 'a b' must be 1 to 40"),
        ("triggers: [{type: file, watch: a, priority: -1}]", "D005", "must be a priority"),
        ("triggers: [{type: file, watch: a, queues: q}]", "D003", "queues"),
    ],
)
def test_what_is_none(text: str, code: str, message: str) -> None:
    (line,) = told(text)
    assert f" {code} " in line and message in line


BAD = ["a/b", "a b", "'..'", "x" * 41, r'"a\x07b"', "ä"]


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize(
    "text",
    [
        "queue: ‸{}",
        "schedule: {{start: {{times: ['09:00'], queue: ‸{}}}}}",
        "fileTrigger: {{watch: a, queue: ‸{}}}",
        "handlerOn: {{exit: {{call: b, queue: ‸{}}}}}",
    ],
)
def test_a_queue_that_no_run_could_wait_in(text: str, name: str) -> None:
    marked = text.format(name)
    with pytest.raises(InvalidDefinition) as refused:
        read_definition(f"{marked.replace('‸', '')}\nsteps: []\n", vocabulary=WORDS)
    (one,) = [one for one in refused.value.problems if one.code == "D006"]
    assert (one.place.line, one.place.column) == (1, marked.index("‸") + 1)
    assert one.message.startswith("queue name ") and one.message.endswith(
        " must be 1 to 40 letters, digits, `_`, `.` and `-`"
    )
    assert one.hint == "a name such as `nightly-2`"


def test_the_queue_of_a_step_may_be_known_to_the_run_alone() -> None:
    text = "steps: [{name: a, call: other, queue: ' ${QUEUE} '}, {name: b, call: other, queue: ' q '}]"
    calls = [step.call for step in read_definition(text, vocabulary=WORDS).plans[0].steps]
    assert [call.queue for call in calls if call] == ["${QUEUE}", "q"]


def test_a_step_with_a_priority_that_is_none() -> None:
    (line,) = [one for one in told("handlerOn: {exit: {call: b, priority: soon}}") if "priority" in one]
    assert " D005 " in line and "must be a priority" in line
