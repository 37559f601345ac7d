"""Command lines become argument vectors before references are filled in."""

from __future__ import annotations

import asyncio
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagu_core.base.errors import Invalid
from dagu_core.model.values.scope import Scope
from dagu_core.model.values.words import expand_words

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


async def answer(command: str) -> str:
    return f"<{command}>"


def words(line: str, **values: str) -> list[str]:
    return shlex.split(asyncio.run(expand_words(line, Scope(layers=[values]), answer)))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("echo  a\tb\n", ["echo", "a", "b"]),
        ("echo 'a  b' \"c  d\" e'f g'h", ["echo", "a  b", "c  d", "ef gh"]),
        ("echo '' \"\"", ["echo", "", ""]),
        ("a|b || c&&d & e", ["a", "|", "b", "||", "c", "&&", "d", "&", "e"]),
        ('"q\\"r\\\\s\\nt" \\x \'\\n\'', ['q"r\\s\nt', "\\x", "\\n"]),
        ("sh -c 'echo $$ $UNKNOWN'", ["sh", "-c", "echo $$ $UNKNOWN"]),
        ('echo `a b | c` "`d e`"', ["echo", "<a b | c>", "<d e>"]),
        ("echo ${N:-a b} $((1 + 2)) ${A}${N:-|}", ["echo", "a b", "3", "x y|"]),
        ("echo \\$A \"\\$A\" '$A' \\`a\\`", ["echo", "$A", "$A", "x y", "`a`"]),
        ('echo $A"b" \'{"a": "${Q}"}\'', ["echo", "x yb", '{"a": "\\""}']),
        ("", []),
    ],
)
def test_words(line: str, expected: list[str]) -> None:
    assert words(line, A="x y", Q='"') == expected


@given(TEXT)
def test_a_value_is_one_argument_whatever_is_in_it(value: str) -> None:
    assert words("echo $A \"${A}\" a${A}b '$A'", A=value) == ["echo", value, value, f"a{value}b", value]


@pytest.mark.parametrize("line", ["echo 'a", 'echo "a'])
def test_a_quote_without_end_is_refused(line: str) -> None:
    with pytest.raises(Invalid, match="no closing"):
        words(line)
