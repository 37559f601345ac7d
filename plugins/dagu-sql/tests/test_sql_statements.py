"""Texts are split where a database's own client would split them, and values are data."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagu_core.contracts.work import Failed
from dagu_sql.binding import bind, fill_in
from dagu_sql.statements import split
from dagu_sql.tokens import tokens

FAMILIES = ["postgresql", "mysql", "sqlite", "oracle"]


def texts(sql: str, family: str) -> list[str]:
    return ["".join(token.text for token in each.tokens) for each in split(sql, family)]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;", ["SELECT 1"]),
        ("SELECT 1; ; \n;SELECT 2 ;\n", ["SELECT 1", "SELECT 2 "]),
        ("SELECT 'a;b', 'it''s;'; SELECT 2", ["SELECT 'a;b', 'it''s;'", "SELECT 2"]),
        ('SELECT "a;""b"; SELECT 2', ['SELECT "a;""b"', "SELECT 2"]),
        ("SELECT 1 -- one; two\n; SELECT 2", ["SELECT 1 -- one; two\n", "SELECT 2"]),
        ("SELECT 1 /* ; ' \" */; SELECT 2", ["SELECT 1 /* ; ' \" */", "SELECT 2"]),
        ("-- only; this\n/* and that */ ;", []),
        ("", []),
        (
            "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET n = CASE WHEN 1 THEN 2 END; END; SELECT 1",
            [
                "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET n = CASE WHEN 1 THEN 2 END; END",
                "SELECT 1",
            ],
        ),
        ("BEGIN; UPDATE a SET b = 1; END; SELECT 1", ["BEGIN", "UPDATE a SET b = 1", "END", "SELECT 1"]),
        ("CREATE TABLE t (event text); BEGIN; COMMIT", ["CREATE TABLE t (event text)", "BEGIN", "COMMIT"]),
    ],
)
def test_everywhere(sql: str, expected: list[str], family: str) -> None:
    assert texts(sql, family) == expected


@pytest.mark.parametrize(
    ("family", "sql", "expected"),
    [
        ("postgresql", "DO $$ BEGIN a; b; END $$; SELECT 1", ["DO $$ BEGIN a; b; END $$", "SELECT 1"]),
        ("postgresql", "AS $f$ a; $$;$$ $f$; SELECT 1", ["AS $f$ a; $$;$$ $f$", "SELECT 1"]),
        ("postgresql", "SELECT $1; SELECT 2", ["SELECT $1", "SELECT 2"]),
        (
            "postgresql",
            "/* a /* b; */ c; */ SELECT 1; SELECT 2",
            ["/* a /* b; */ c; */ SELECT 1", "SELECT 2"],
        ),
        ("postgresql", r"SELECT E'\';', 'a\'; SELECT 2", [r"SELECT E'\';', 'a\'", "SELECT 2"]),
        (
            "postgresql",
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3",
            ["CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END", "SELECT 3"],
        ),
        ("mysql", r"SELECT 'a\';', `b;c`; SELECT 2", [r"SELECT 'a\';', `b;c`", "SELECT 2"]),
        ("mysql", "SELECT 5--1; # no; yes\nSELECT 2", ["SELECT 5--1", "# no; yes\nSELECT 2"]),
        (
            "mysql",
            "CREATE PROCEDURE p() BEGIN\n  IF 1 THEN SELECT 1; END IF; LOOP CALL q; END LOOP;\nEND;CALL p()",
            [
                "CREATE PROCEDURE p() BEGIN\n  IF 1 THEN SELECT 1; END IF; LOOP CALL q; END LOOP;\nEND",
                "CALL p()",
            ],
        ),
        (
            "mysql",
            "BEGIN NOT ATOMIC SELECT 1; CASE 1 WHEN 1 THEN SELECT 2; END CASE; END; SELECT 3",
            ["BEGIN NOT ATOMIC SELECT 1; CASE 1 WHEN 1 THEN SELECT 2; END CASE; END", "SELECT 3"],
        ),
        (
            "mysql",
            "SELECT 0;\nDELIMITER //\nCREATE PROCEDURE p() SELECT 1; SELECT 2 //\ndelimiter ;\nSELECT 3;",
            ["SELECT 0", "CREATE PROCEDURE p() SELECT 1; SELECT 2 ", "SELECT 3"],
        ),
        ("sqlite", "SELECT [a;b], `c;d`; SELECT 2", ["SELECT [a;b], `c;d`", "SELECT 2"]),
    ],
)
def test_in_one_family(family: str, sql: str, expected: list[str]) -> None:
    assert texts(sql, family) == expected


@pytest.mark.parametrize(
    ("family", "sql", "said"),
    [
        ("sqlite", "SELECT 1;\nSELECT 'a", "line 2: ' has no end"),
        ("mysql", "SELECT `a", "line 1: ` has no end"),
        ("postgresql", "\n\nSELECT $f$ a $g$", "line 3: $f$ has no end"),
        ("postgresql", "SELECT 1 /* a /* b */", "line 1: /* has no end"),
    ],
)
def test_what_has_no_end_is_refused(family: str, sql: str, said: str) -> None:
    with pytest.raises(Failed) as failed:
        split(sql, family)
    assert str(failed.value) == said


def test_statements_know_their_line() -> None:
    found = split("\n-- first\nSELECT 1;\n\n  UPDATE a", "sqlite", "work.sql")
    assert [str(each) for each in found] == ["work.sql:2, SELECT", "work.sql:5, UPDATE"]
    found = split("SELECT 1;\nDELIMITER //\nCALL a //\n", "mysql")
    assert [str(each) for each in found] == ["line 1, SELECT", "line 3, CALL"]


@given(sql=st.text(alphabet="ab'\"`$;:-/*\\[]? \n#1E{}"), family=st.sampled_from(FAMILIES))
def test_nothing_is_lost_between_the_tokens(sql: str, family: str) -> None:
    try:
        found = list(tokens(sql, family))
    except Failed:
        return
    assert "".join(token.text for token in found) == sql


def bound(sql: str, params: Any, style: str = "qmark", family: str = "postgresql") -> list[tuple[str, Any]]:
    return [(each.sql, each.values) for each in bind(split(sql, family), params, style, family)]


def test_names_are_found_where_they_are_names() -> None:
    sql = "SELECT :a::text, ':a', \":a\", $$:a$$, x[1:a], y::a, '\\', \\:a, :b_1 -- :a\n"
    expected = "SELECT ?::text, ':a', \":a\", $$:a$$, x[1:a], y::a, '\\', :a, ? -- :a"
    ((text, values),) = bound(sql, {"a": 1, "b_1": 2})
    assert (text, values) == (expected, (1, 2))


@pytest.mark.parametrize(
    ("style", "expected", "values"),
    [
        ("qmark", "SELECT ?, ? % 2", (1, 2)),
        ("format", "SELECT %s, %s %% 2", (1, 2)),
        ("pyformat", "SELECT %s, %s %% 2", (1, 2)),
        ("numeric", "SELECT :1, :2 % 2", (1, 2)),
        ("numeric_dollar", "SELECT $1, $2 % 2", (1, 2)),
        ("named", "SELECT :p1, :p2 % 2", {"p1": 1, "p2": 2}),
    ],
)
def test_every_style_of_driver(style: str, expected: str, values: Any) -> None:
    assert bound("SELECT :a, :b % 2", {"a": 1, "b": 2}, style) == [(expected, values)]


def test_lists_fill_question_marks_or_numbers() -> None:
    assert bound("SELECT ?; SELECT '?', ?", ["x", "y"]) == [("SELECT ?", ("x",)), ("SELECT '?', ?", ("y",))]
    assert bound("SELECT $2, $1, $2, a ? 'k'", ["x", "y"]) == [("SELECT ?, ?, ?, a ? 'k'", ("y", "x", "y"))]
    assert bound("SELECT a \\? 'k', ?", ["x"]) == [("SELECT a ? 'k', ?", ("x",))]


def test_a_text_without_parameters_is_left_alone() -> None:
    assert bound("SELECT '%' || $1 LIKE '%x' ? 1", None, "format") == [
        ("SELECT '%' || $1 LIKE '%x' ? 1", None)
    ]


@pytest.mark.parametrize(
    ("sql", "params", "said"),
    [
        (
            "SELECT 1;\nSELECT :b",
            {"a": 1},
            "line 2, SELECT: the parameter :b has no value; give it in `params`",
        ),
        ("SELECT :b", None, "line 1, SELECT: the parameter :b has no value; give it in `params`"),
        ("SELECT :a", {"a": 1, "b": 2, "c": 3}, "no statement uses the parameter :b, :c"),
        ("SELECT ?, ?", [1], "line 1, SELECT: there is no value number 2; give it in `params`"),
        ("SELECT $1", [1, 2], "no statement uses the parameter number 2"),
        ("SELECT $0", [1], "line 1, SELECT: there is no value number 0; give it in `params`"),
    ],
)
def test_missing_and_surplus_values(sql: str, params: Any, said: str) -> None:
    with pytest.raises(Failed) as failed:
        bound(sql, params)
    assert str(failed.value) == said


def filled(sql: str, values: dict[str, str], params: Any = None, family: str = "sqlite") -> str:
    found = fill_in(split(sql, family), values, params)
    return "".join(token.text for each in found for token in each.tokens)


def test_references_become_names_numbers_and_parts_of_quotes() -> None:
    values = {"T": "main.users", "N": "-5", "L": "1, 2,3", "S": "it is ${T}; :x ? --"}
    sql = "SELECT '${S}', '${UNKNOWN}' FROM ${T} WHERE n = ${N} AND l IN (${L}) -- ${X}"
    expected = (
        "SELECT 'it is ${T}; :x ? --', '${UNKNOWN}' FROM main.users WHERE n = -5 AND l IN (1, 2,3) -- ${X}"
    )
    assert filled(sql, values) == expected


@pytest.mark.parametrize(
    ("sql", "value", "said"),
    [
        ("SELECT '${V}'", "a' OR '1", "a quote or backslash"),
        ("SELECT '${V}'", "a\\", "a quote or backslash"),
        ("SELECT 1 WHERE ${V}", "1 OR 1", "more than names and numbers"),
        ("SELECT ${V}", "1--", "more than names and numbers"),
        ("SELECT ${V}", "1;", "more than names and numbers"),
        ("SELECT ${V}", "", "more than names and numbers"),
        ("SELECT ${W}", "1", "there is no value for ${W}"),
        ("SELECT ${V.a}", "{}", "there is no value for ${V.a}"),
    ],
)
def test_a_reference_that_would_change_a_statement_is_refused(sql: str, value: str, said: str) -> None:
    with pytest.raises(Failed) as failed:
        filled(sql, {"V": value})
    assert said in str(failed.value)
    assert len(value) < 2 or value not in str(failed.value)


def test_where_parameters_are_used_no_reference_is_replaced() -> None:
    assert filled("SELECT '${V}', :a", {"V": "x"}, {"a": 1}) == "SELECT '${V}', :a"
    with pytest.raises(Failed, match="is not replaced where `params` are used"):
        filled("SELECT ${V}, :a", {"V": "x"}, {"a": 1})
