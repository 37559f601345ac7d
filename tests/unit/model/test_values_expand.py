"""Full expansion, JSON paths, items, dotenv files."""

from __future__ import annotations

import asyncio
import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagu_core.base.errors import Invalid
from dagu_core.model.values.dotenv import parse_dotenv
from dagu_core.model.values.expand import expand, expand_at_home, expand_data
from dagu_core.model.values.items import split_items
from dagu_core.model.values.jsonpath import select
from dagu_core.model.values.scope import Scope, StepFacts
from dagu_core.model.values.shelltext import for_shell, in_place
from dagu_core.model.values.text import to_text

ANY = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
SCOPE = Scope(
    layers=[
        {"A": "first", "E": ""},
        {"A": "second", "P": "/a/b.tar.gz", "J": '{"a":"${A}","n":[1,{"x":2}]}', "N": "5"},
    ],
    environ={"HOME": "/h", "A": "os"},
    steps={"one": StepFacts("/logs/o.out", "/logs/o.err", 3), "J": StepFacts("x", "y", 0)},
    positional=["p1", "p 2"],
)


async def run_command(text: str) -> str:
    return subprocess.run(["/bin/sh", "-c", text], capture_output=True, check=True).stdout.decode().strip()


def full(text: str, scope: Scope = SCOPE) -> str:
    return asyncio.run(expand(text, scope, run_command))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A ${A} $HOME ${HOME}/x $A_ $1 ${2} $3", "first first /h /h/x $A_ p1 p 2 $3"),
        ("${NOPE} $NOPE ${NOPE.a} ${A.b} ${NOPE%x} ${#NOPE} ${NOPE:0:1} $$ $? ${!A} $", "=text"),
        ("$(date ${A}) ${unclosed", "$(date first) ${unclosed"),
        ("${J.a} ${J.n[1].x} $J.n[0] $J.a. $P.txt", "${A} 2 1 ${A}. /a/b.tar.gz.txt"),
        (
            "${J.stdout} ${one.stdout} ${one.exitCode} ${one.stdout:1:4} ${one.stdout:99} ${one.nope}",
            "x /logs/o.out 3 logs ${one.stdout:99} ${one.nope}",
        ),
        (
            '"${A}" "${J}" "${NOPE}" "${J.a}" "$J"',
            '"first" "{\\"a\\":\\"${A}\\",\\"n\\":[1,{\\"x\\":2}]}" '
            '"${NOPE}" "${A}" "{"a":"${A}","n":[1,{"x":2}]}"',
        ),
        ("'${A}' \\$A \\`x\\`", "'first' \\$A \\`x\\`"),
        ("${NOPE:-d} ${NOPE-d} ${E:-d} ${E-d} ${A:-d} ${NOPE:=d}", "d d d  first d"),
        ("${NOPE:-${A}/${NOPE:-z}} ${NOPE:+x} ${A:+y$N} ${E:+x} ${E+x}", "first/z  y5  x"),
        ("${A:1} ${A:1:2} ${A: -2} ${A:0:-1} ${#A}", "irst ir st firs 5"),
        (
            "${P#*/} ${P##*/} ${P%.*} ${P%%.*} ${P#nope} ${P%[gz]?}",
            "a/b.tar.gz b.tar.gz /a/b.tar /a/b /a/b.tar.gz /a/b.tar.",
        ),
        (
            "${P/a/X} ${P//a/X} ${P/#\\/a/X} ${P/%gz/X} ${P//[!a-z]}",
            "/X/b.tar.gz /X/b.tXr.gz X/b.tar.gz /a/b.tar.X abtargz",
        ),
        ("${A^} ${A^^} ${A,,}", "First FIRST first"),
        (
            "$((1+2)) $((N*(2-7)/3)) $((2*(1+N))) $(( $((1+2))+1 )) $((${N}%3)) $((1<2))",
            "3 -8 12 4 2 1",
        ),
        (
            "$((1/0)) $((x y)) $((9**9)) $((NOPE+1)) $((A)) $((1+2)",
            "=text",
        ),
        ('`echo "$A" $(echo z)` `` `open', "first z `` `open"),
        ("`printf '%s' ${J.a} \"$1\"`", "${A}p1"),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    assert full(text) == (text if expected == "=text" else expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~", "/h"),
        ("~/${A}", "/h/first"),
        ("~~", "~~"),
        (" ~/x", " ~/x"),
        ("~nobody-here/x", "~nobody-here/x"),
        ("~ x", "~ x"),
        ("${A}~/", "first~/"),
    ],
)
def test_a_leading_tilde_is_the_home_folder(text: str, expected: str) -> None:
    assert asyncio.run(expand_at_home(text, SCOPE)) == expected
    assert full(text) == text.replace("${A}", "first"), "only where a folder may be meant"


def test_a_known_name_of_any_kind_goes_before_an_operator() -> None:
    scope = Scope(layers=[{"a": "1", "a-b": "2", "c.d": '3"', "é è": "4"}], environ={"a-z": "no"})
    assert full('${a-b} ${a-c} ${a-z} ${c.d} "${c.d}" ${é è} ${c.e}', scope) == '2 1 1 3" "3\\"" 4 ${c.e}'


@pytest.mark.parametrize("text", ["${a.", "${a:-", "$((", "`a\\`", "${a:-}", '"${a', "$((1+", "${a:-${b:-"])
def test_a_hostile_text_takes_no_time_to_speak_of(text: str) -> None:
    async def none(_: str) -> str:
        return ""

    long = text * 20_000
    assert asyncio.run(expand(long, Scope())).startswith(text[:1] if "}" not in text else "")
    asyncio.run(for_shell(long, Scope(layers=[{"a": "1"}]), none))
    in_place(long, Scope())


def test_operators_inside_operators_have_a_floor() -> None:
    deep = "${a:-" * 5_000 + "x" + "}" * 5_000
    assert full("${a:-" * 20 + "x" + "}" * 20) == "x"
    assert full(deep).startswith("${a:-")


def test_a_demanded_value_that_is_missing() -> None:
    with pytest.raises(Invalid, match="WHO: say who"):
        full("${WHO:?say who}")
    assert full("${A:?say who}") == "first"


@given(value=ANY)
def test_what_was_filled_in_is_not_read_again(value: str) -> None:
    scope = Scope(layers=[{"V": value, "W": "no", "J": json.dumps({"k": value})}])
    assert (
        full("<$V|${V}|${V:-x}|${NOPE:-$V}|${J.k}>", scope)
        == f"<{value}|{value}|{value or 'x'}|{value}|{value}>"
    )


@given(value=ANY)
def test_a_quoted_reference_stays_one_json_string(value: str) -> None:
    assert json.loads(full('{"k": "${V}"}', Scope(layers=[{"V": value}]))) == {"k": value}


@given(text=st.text(st.sampled_from("ab${}()`\\\"':-#%/.[]1+^"), max_size=30))
def test_with_nothing_known_only_defaults_and_sums_change_a_text(text: str) -> None:
    seen = asyncio.run(expand(text, Scope()))
    assert seen == text or any(sign in text for sign in ("-", "+", "$(("))


def test_data_is_expanded_to_its_depths() -> None:
    data = {"$A": ["${A}", {"x": "$N", "n": 5}], "none": None}
    assert asyncio.run(expand_data(data, SCOPE)) == {"$A": ["first", {"x": "5", "n": 5}], "none": None}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".a.b", "1"),
        (".l[1].x", "s t"),
        (".l[-2]", "20"),
        ('."a-b"', "t"),
        ('.c["d e"]', "true"),
        (".l", '[10,20,{"é":null}]'),
        (".l | length", "3"),
        (".c | keys", '["d e","z"]'),
        (".", None),
        (".none", ""),
        (".none.deeper[0]", ""),
        (".f", "1234567"),
        (".big", "12345678901234567890"),
        (".small", "0.0000001"),
        (".l.x", None),
        (".a[0]", None),
        (".half", "\ufffd"),
        ("oops(", None),
        (".[", None),
        ("", None),
    ],
)
def test_json_paths(path: str, expected: str | None) -> None:
    text = (
        '{"a":{"b":1.0},"l":[10,20,{"é":null}],"a-b":"t","c":{"z":0,"d e":true},"f":1234567.0,'
        '"big":12345678901234567890,"small":1e-7,"half":"\\ud800"}'
    )
    if path == ".l[1].x":
        text = text.replace("20", '{"x":"s t"}', 1)
    if path in (".", ""):
        assert json.loads(select("[1]", path) or "") == [1]
    else:
        assert select(text, path) == expected


@pytest.mark.parametrize("text", ["", "no", "{", "NaN", "[" * 100_000])
def test_what_is_not_json_has_no_paths(text: str) -> None:
    assert select(text, ".a") is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (5, "5"),
        (1.1, "1.1"),
        (1234567.0, "1234567"),
        (1e21, "1" + "0" * 21),
        ([1, "é"], '[1,"é"]'),
        ({"a": None}, '{"a":null}'),
    ],
)
def test_values_as_text(value: object, text: str) -> None:
    assert to_text(value) == text


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("a b  c", ["a", "b", "c"]),
        ("a, b,c", ["a", "b", "c"]),
        ("a|b,c|d", ["a", "b,c", "d"]),
        ("a\tb", ["a", "b"]),
        ("a b\n\n c \n", ["a b", "c"]),
        ('"a b" c "d"', ["a b", "c", "d"]),
        ('["a", 1.50, {"x": 2}, null, "", true]', ["a", "1.50", '{"x": 2}', "null", "", "true"]),
        (' {"x":  1} ', ['{"x":  1}']),
        ("", []),
        (" ", []),
        ("a;b,c", ["a", "b,c"]),
        ("[not json", ["[not", "json"]),
        ('it"s one', ['it"s', "one"]),
    ],
)
def test_items(text: str, items: list[str]) -> None:
    assert split_items(text) == items


def test_a_dotenv_file() -> None:
    text = (
        "\ufeff# comment\r\n\r\nA=1\nexport B = two words # comment\nC='$A # \\n'\n"
        'D="l1\\nl2 \\"$A\\" \\$A" # c\n'
        "E=${A}/$NOPE/x#y\n"
        'F=\nG: yaml\nH="two\nlines"\nI=`date`\n J=last'
    )
    assert parse_dotenv(text) == [
        ("A", "1"),
        ("B", "two words"),
        ("C", "$A # \\n"),
        ("D", 'l1\nl2 "1" $A'),
        ("E", "1/$NOPE/x#y"),
        ("F", ""),
        ("G", "yaml"),
        ("H", "two\nlines"),
        ("I", "`date`"),
        ("J", "last"),
    ]


def test_a_broken_dotenv_line_is_named() -> None:
    with pytest.raises(Invalid, match="line 3"):
        parse_dotenv("A=1\n\nnonsense\n")
