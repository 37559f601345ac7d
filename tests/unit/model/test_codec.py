"""The JSON codec: exact round trips, small output, and one error for whatever is wrong."""

import json
from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import fields

from dagu_core.model.plan.plan import Source
from dagu_core.model.run import codec
from dagu_core.model.run.codec import Damaged
from dagu_core.model.run.events import AttemptEnded, Event, Noted, Outcome, RunEnded
from dagu_core.model.run.run import RunRef, RunSummary, StepRun
from dagu_core.model.run.signals import StopSignal
from dagu_core.model.status import RunStatus, StepStatus

CODECS: dict[type[Any], tuple[Callable[[Any], str], Callable[[str], Any]]] = {
    RunSummary: (codec.encode_summary, codec.decode_summary),
    StepRun: (codec.encode_step, codec.decode_step),
    Outcome: (codec.encode_outcome, codec.decode_outcome),
    StopSignal: (codec.encode_signal, codec.decode_signal),
    Source: (codec.encode_source, codec.decode_source),
    **dict.fromkeys(get_args(Event), (codec.encode_event, codec.decode_event)),
}
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
st.register_type_strategy(str, st.text(st.characters()))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def values(kind: type[Any]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind)
    special: dict[str, st.SearchStrategy[Any]] = {}
    if "details" in hints:
        special["details"] = st.dictionaries(st.text(), PLAIN, max_size=3)
    if "outcome" in hints:
        special["outcome"] = values(Outcome)
    plain = {f.name: st.from_type(hints[f.name]) for f in fields(kind) if f.name not in special}
    return st.builds(kind, **plain, **special)


@pytest.mark.parametrize("kind", CODECS, ids=lambda kind: kind.__name__)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_value_comes_back_equal(kind: type[Any], data: st.DataObject) -> None:
    encode, decode = CODECS[kind]
    value = data.draw(values(kind))
    text = encode(value)
    assert text.isascii() and "\n" not in text
    assert decode(text) == value
    assert type(decode(text)) is kind


def test_defaults_are_left_out() -> None:
    assert codec.encode_step(StepRun()) == "{}"
    assert codec.encode_step(StepRun(StepStatus.RUNNING, attempts=1)) == '{"status":1,"attempts":1}'
    assert codec.encode_event(RunEnded(1.0, RunStatus.FAILED)) == '{"type":"RunEnded","at":1.0,"status":2}'
    assert codec.encode_summary(RunSummary(RunRef("a", "b"))) == '{"ref":{"dag":"a","run_id":"b"}}'


def test_keys_of_a_newer_version_are_skipped() -> None:
    text = '{"type":"Noted","at":1,"code":"c","message":"m","colour":{"x":[1]}}'
    assert codec.decode_event(text) == Noted(1.0, "c", "m")
    assert codec.decode_step('{"new":1}') == StepRun()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "1",
        '"x"',
        "{}",
        '{"ref":1}',
        '{"ref":{"dag":"a"}}',
        "[" * 100_000,
        "\x00",
        "NaN",
    ]
    + [
        '{"ref":{"dag":"a","run_id":"b"},' + more + "}"
        for more in (
            '"status":99',
            '"status":"running"',
            '"status":1.0',
            '"status":true',
            '"created_at":"now"',
            '"created_at":null',
            '"created_at":NaN',
            '"created_at":1e999',
            '"created_at":true',
            '"started_at":[]',
            '"params":[["A"]]',
            '"params":[["A",1]]',
            '"params":{"A":"1"}',
            '"tags":"x"',
            '"tags":[1]',
            '"extra":{"a":1}',
            '"extra":[]',
            '"hidden":1',
            '"priority":1.5',
            '"fence":' + "9" * 5000,
        )
    ],
)
def test_a_malformed_summary_is_damaged(text: str) -> None:
    with pytest.raises(Damaged):
        codec.decode_summary(text)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        '{"type":"Unheard"}',
        '{"type":[]}',
        '{"type":"RunTimedOut"}',
        '{"type":"AttemptStopping","at":1,"step":"s","why":"boredom"}',
        '{"type":"AttemptStopping","at":1,"step":"s","why":[]}',
        '{"type":"AttemptEnded","at":1,"step":"s","number":1,"outcome":{"exit_code":"0"}}',
        '{"type":"AttemptEnded","at":1,"step":"s","number":1,"outcome":{"ended":"no"}}',
        '{"type":"AttemptEnded","at":1,"step":"s","number":1,"outcome":null}',
        '{"type":"AttemptEnded","at":1,"step":"s","number":1,"outcome":{"conditions":[{"x":1}]}}',
    ],
)
def test_a_malformed_event_is_damaged(text: str) -> None:
    with pytest.raises(Damaged):
        codec.decode_event(text)


@settings(max_examples=300, deadline=None)
@given(st.text() | PLAIN.map(json.dumps))
def test_any_text_decodes_or_is_damaged(text: str) -> None:
    for _, decode in {pair[1]: pair for pair in CODECS.values()}.values():
        try:
            decode(text)
        except Damaged:
            continue


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), object(), {("a",): 1}])
def test_what_json_cannot_hold_is_a_value_error(bad: object) -> None:
    with pytest.raises(ValueError):
        codec.encode_event(AttemptEnded(1.0, "s", 1, Outcome(details={"x": bad})))


def test_salvage_keeps_what_makes_sense() -> None:
    found = codec.salvage_summary('{"status":"x","queue":"q","tags":[1],"log":"/l"}')
    assert found == {"queue": "q", "log": "/l"}
    assert codec.salvage_summary("[") == {} == codec.salvage_summary("[]")
