"""Tables, durations and widths."""

from __future__ import annotations

import io
import sys

import pytest

from dagu_core.cli.output import (
    as_csv,
    as_json,
    as_table,
    clock_time,
    duration,
    say,
    tell,
    use_lenient_streams,
    width,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0s"),
        (0, "0s"),
        (0.09, "0s"),
        (0.1, "0.1s"),
        (2, "2.0s"),
        (59.99, "59.9s"),
        (60, "1m 0s"),
        (3599, "59m 59s"),
        (7500, "2h 5m"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "00:00"), (12, "00:12"), (3600, "1:00:00"), (754, "12:34")]
)
def test_clock_time(seconds: float, text: str) -> None:
    assert clock_time(seconds) == text


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("漢字", 4), ("e\u0301", 1), ("é", 1)])
def test_width(text: str, columns: int) -> None:
    assert width(text) == columns


def test_columns_line_up_with_wide_characters() -> None:
    assert as_table(("NAME", "STATE"), [("漢字x", "ok"), ("ab", "failed")]) == "\n".join(
        ["NAME   STATE", "漢字x  ok", "ab     failed"]
    )


def test_a_cell_cannot_break_the_table_or_the_terminal() -> None:
    assert as_table(("A", "B"), [("x\ny", "\x1b[31m")]) == "A    B\nx y  [31m"


def test_csv_quotes_what_needs_it() -> None:
    assert as_csv(("A", "B"), [('x,"y', "z")]) == 'A,B\n"x,""y",z'


def test_json_keeps_characters() -> None:
    assert as_json({"a": "é"}) == '{\n  "a": "é"\n}'


def test_errors_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    tell("no file \x1b[2J\nhint")
    assert capsys.readouterr().err == "no file \\x1b[2J\nhint\n"


@pytest.mark.parametrize(
    ("encoding", "written"), [("utf-8", "é caf\ufffd".encode()), ("ascii", b"\\xe9 caf\\udce9")]
)
def test_stdout_takes_what_is_no_text(monkeypatch: pytest.MonkeyPatch, encoding: str, written: bytes) -> None:
    stdout = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stdout)
    use_lenient_streams()
    say("é caf\udce9", at_once=True)
    assert stdout.buffer.getvalue() == written + b"\n"
