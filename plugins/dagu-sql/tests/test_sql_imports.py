"""Files are loaded whole or not at all, and a bad row is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .databases import Target


@pytest.fixture
def people(target: Target, table: str) -> str:
    """A table of people."""
    kind = "integer CHECK (typeof(age) IN ('integer', 'null'))" if target.type == "sqlite" else "integer"
    made = target.run(f"CREATE TABLE {table} (id integer PRIMARY KEY, name varchar(40) NOT NULL, age {kind})")
    assert made.code == 0, made.error
    return table


@pytest.fixture
def load(target: Target, people: str, tmp_path: Path) -> Any:
    """Loads a text into the table."""

    def loaded(text: str, name: str = "people.csv", **more: Any) -> Any:
        file = tmp_path / name
        file.write_text(text, "utf-8")
        return target.run(**{"import": {"inputFile": str(file), "table": people, **more}})

    return loaded


@pytest.fixture
def content(target: Target, people: str) -> Any:
    """What is in the table."""

    def rows() -> list[tuple[Any, ...]]:
        found = target.run(f"SELECT id, name, age FROM {people} ORDER BY id").rows
        return [tuple(each.values()) for each in found]

    return rows


def test_csv(load: Any, content: Any) -> None:
    done = load('name,id,age\n"O\'Brien, ""Bob""",1,41\n"two\nlines",2,\n\né🙂,3,\\N\n')
    assert done.code == 0, done.error
    assert content() == [(1, 'O\'Brien, "Bob"', 41), (2, "two\nlines", None), (3, "é🙂", None)]
    assert "3 rows read, 3 rows affected" in done.stderr
    assert json.loads(done.stderr.splitlines()[-1])["rowsAffected"] == 3


def test_other_formats(load: Any, content: Any) -> None:
    assert load("1\tAda\t36\n", "people.tsv", hasHeader=False, columns="id, name, age").code == 0
    assert load('{"id": 2, "name": "Bob"}\n\n{"name": "Cy", "id": 3}\n', "people.ndjson").code == 0
    assert load("id;name\n4;NULL\n", "people.txt", format="csv", delimiter=";", nullValues=[]).code == 0
    assert content() == [(1, "Ada", 36), (2, "Bob", None), (3, "Cy", None), (4, "NULL", None)]


def test_one_bad_row_of_100_000_leaves_nothing(load: Any, content: Any) -> None:
    lines = [f"{number},name {number},{number % 90}" for number in range(1, 100_001)]
    lines[77_776] = "77777,somebody,old"
    failed = load("id,name,age\n" + "\n".join(lines) + "\n")
    assert failed.code in (11, 12)
    place = failed.error.partition(": ")
    assert place[0].endswith("people.csv:77778")
    assert place[2].startswith("column age: ") or "age" in failed.error
    assert content() == []


def test_a_bad_row_names_its_column(target: Target, load: Any) -> None:
    failed = load("id,name,age\n1,Ada,36\n2,,5\n")
    assert (failed.code, "people.csv:3: column name: " in failed.error or target.type == "sqlite") == (
        12,
        True,
    )
    twice = load("id,name,age\n1,Ada,36\n1,Bob,5\n")
    assert (twice.code, "people.csv:3" in twice.error) == (12, True)


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("id,name,age\n1,Ada\n", "a.csv", "a.csv:2: there are 2 values for 3 columns"),
        ('id,name,age\n1,"Ada,3\n', "a.csv", "a.csv:2: unexpected end of data"),
        ("", "a.csv", "a.csv:1: there is no header"),
        ("id,nmae,age\n", "a.csv", "has no column nmae; did you mean name?"),
        ('{"id": 1}\n{"id": 2,}\n', "a.jsonl", "a.jsonl:2: column "),
        ('{"id": 1}\n[2]\n', "a.jsonl", "a.jsonl:2: is no JSON object"),
        (
            '{"id": 1, "name": "a"}\n{"id": 2, "ago": 1}\n',
            "a.jsonl",
            "a.jsonl:2: ago is not among the columns",
        ),
        ("x", "a.data", "cannot tell the format of"),
    ],
)
def test_files_that_make_no_sense(load: Any, content: Any, text: str, name: str, said: str) -> None:
    failed = load(text, name)
    assert (failed.code, said in failed.error) == (1, True), failed.error
    assert content() == []


def test_conflicts(load: Any, content: Any) -> None:
    assert load("id,name,age\n1,Ada,36\n2,Bob,5\n").code == 0
    again = "id,name,age\n2,Bea,6\n3,Cy,7\n"
    assert load(again).code == 12
    assert load(again, onConflict="ignore").code == 0
    assert content() == [(1, "Ada", 36), (2, "Bob", 5), (3, "Cy", 7)]
    assert load(again, onConflict="replace", conflictTarget=["id"]).code == 0
    assert content() == [(1, "Ada", 36), (2, "Bea", 6), (3, "Cy", 7)]
    bad = load("id,name,age\n9,,1\n", onConflict="ignore")
    assert bad.code == 12, "only a taken key may be ignored"


def test_commits_on_the_way_keep_what_was_good(load: Any, content: Any) -> None:
    lines = [f"{number},name,1" for number in range(1, 8)] + ["8,name,old"]
    assert load("id,name,age\n" + "\n".join(lines), commitEvery=3).code in (11, 12)
    assert [row[0] for row in content()] == [1, 2, 3, 4, 5, 6]


def test_an_import_belongs_to_the_transaction(target: Target, people: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("id,name\n2,Bob\n2,Bob\n")
    data = {"inputFile": str(file), "table": people}
    failed = target.run(f"INSERT INTO {people} VALUES (1, 'Ada', 1)", transaction=True, **{"import": data})
    assert failed.code == 12
    assert target.run(f"SELECT count(*) AS n FROM {people}").rows == [{"n": 0}]


def test_an_unknown_table_is_named(target: Target, people: str, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("id\n1\n")
    failed = target.run(**{"import": {"inputFile": str(file), "table": f"{people}x"}})
    assert (failed.code, failed.error) == (1, f"there is no table {people}x; did you mean {people}?")
    missing = target.run(**{"import": {"inputFile": "none.csv", "table": people}})
    assert (missing.code, missing.error) == (1, "cannot read none.csv: No such file or directory")


def test_words_for_truth(target: Target, table: str, tmp_path: Path) -> None:
    assert target.run(f"CREATE TABLE {table} (id integer, done boolean)").code == 0
    file = tmp_path / "a.csv"
    file.write_text("id,done\n1,true\n2,false\n3,\n")
    loaded = target.run(**{"import": {"inputFile": str(file), "table": table}})
    assert loaded.code == 0, loaded.error
    found = target.run(f"SELECT count(*) AS n FROM {table} WHERE done").rows
    assert found == [{"n": 1}]
