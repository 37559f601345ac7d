"""The same step on SQLite, PostgreSQL and MariaDB."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .databases import Target

EVIL = "Robert'); DROP TABLE students; -- \" \\ ` ${HOME} %s :x ?"


def test_the_same_dag_on_three_databases(target: Target, table: str) -> None:
    sql = [
        f"CREATE TABLE {table} (id integer PRIMARY KEY, name varchar(80), price numeric(12, 2))",
        f"INSERT INTO {table} VALUES (1, 'ink', 2.50), (2, 'nib; fine', 10), (3, NULL, NULL)",
        f"SELECT id, name FROM {table} WHERE id <= :most ORDER BY id",
    ]
    result = target.start(sql, params={"most": 3}, transaction=True)
    assert result.status == "succeeded", result.step.error
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"id": 1, "name": "ink"},
        {"id": 2, "name": "nib; fine"},
        {"id": 3, "name": None},
    ]


def test_a_quote_in_a_parameter_is_data(target: Target, table: str) -> None:
    make = f"CREATE TABLE {table} (name varchar(200))"
    assert target.run([make, f"INSERT INTO {table} VALUES (:name)"], params={"name": EVIL}).code == 0
    by_place = target.run(
        f"SELECT name FROM {table} WHERE name = ? AND name LIKE '%students%'", params=[EVIL]
    )
    assert by_place.rows == [{"name": EVIL}]


def test_a_quote_in_a_variable_is_data_too(target: Target, table: str) -> None:
    sql = [f"CREATE TABLE {table} (name varchar(200))", f"INSERT INTO {table} VALUES (:name)"]
    dag = {"params": [{"WHO": "x'); DELETE FROM y; --"}]}
    assert target.start(sql, dag, params={"name": "${WHO}"}).status == "succeeded"
    assert target.run(f"SELECT name FROM {table}").rows == [{"name": "x'); DELETE FROM y; --"}]


def test_a_quote_in_a_reference_is_refused_and_nothing_is_written(target: Target, table: str) -> None:
    sql = [f"CREATE TABLE {table} (name varchar(200))", f"INSERT INTO {table} VALUES ('${{WHO}}')"]
    result = target.start(sql, {"params": [{"WHO": "x'); DROP TABLE y; --"}]})
    assert (result.status, result.step.exit_code) == ("failed", 1)
    assert "the value of ${WHO} holds a quote" in result.step.error
    assert "DROP TABLE y" not in result.step.error
    assert target.run(f"SELECT 1 FROM {table}").code == 11


def test_a_failed_transaction_leaves_nothing(target: Target, table: str) -> None:
    assert target.run(f"CREATE TABLE {table} (id integer PRIMARY KEY)").code == 0
    work = [f"INSERT INTO {table} VALUES ({number})" for number in (1, 2, 1)]
    failed = target.run(work, transaction=True, isolationLevel="serializable")
    assert failed.code == 12
    assert failed.error.startswith("statement 3 of 3 (line 1, INSERT): ")
    assert target.run(f"SELECT count(*) AS n FROM {table}").rows == [{"n": 0}]
    assert target.run(work).code == 12
    assert target.run(f"SELECT count(*) AS n FROM {table}").rows == [{"n": 2}]


def test_a_statement_that_makes_no_sense_says_so(target: Target) -> None:
    failed = target.start("SELECT 1; SELEKT 2")
    assert failed.step.exit_code == 11
    assert "statement 2 of 2 (line 1, SELEKT)" in failed.step.error
    assert "the database refused a statement" in failed.step.error
    assert {"postgres": "42601", "mysql": "42000", "sqlite": "SQLITE_ERROR"}[target.type] in failed.step.error


def test_statements_are_reported_with_their_effect(target: Target, table: str) -> None:
    sql = f"CREATE TABLE {table} (id integer); INSERT INTO {table} VALUES (1), (2);\nSELECT * FROM {table}"
    lines = target.run(sql).stderr.splitlines()
    assert "statement 2 of 3 (line 1, INSERT): 2 rows affected" in lines[1]
    assert "statement 3 of 3 (line 2, SELECT): 2 rows" in lines[2]
    facts = json.loads(lines[-1])
    assert (facts["statements"], facts["rowsAffected"], facts["rowsReturned"]) == (3, 2, 2)


def test_a_number_keeps_its_digits_and_null_is_null(target: Target, table: str) -> None:
    kind = "text" if target.type == "sqlite" else "numeric(38, 10)"
    exact = "1234567890123456789012345678.0123456789"
    make = f"CREATE TABLE {table} (amount {kind}, big bigint, gone integer)"
    put = f"INSERT INTO {table} VALUES (:exact, 9007199254740993, NULL)"
    result = target.run([make, put, f"SELECT * FROM {table}"], params={"exact": exact})
    assert result.rows == [{"amount": exact, "big": "9007199254740993", "gone": None}]
    native = target.run(f"SELECT big FROM {table}", numbers="native")
    assert native.stdout == b'{"big": 9007199254740993}\n'
    file = target.folder / f"{table}.jsonl"
    file.write_bytes(result.stdout)
    load = {"inputFile": str(file), "table": table}
    assert target.run(f"DELETE FROM {table}", **{"import": load}).code == 0
    assert target.run(f"SELECT * FROM {table}").rows == result.rows


@pytest.mark.parametrize("format", ["csv", "tsv", "json"])
def test_formats(target: Target, format: str) -> None:
    sql = "SELECT 1 AS id, 'a,\"b' AS name, NULL AS gone UNION ALL SELECT 2, 'é', 'x'"
    objects = '{"id": 1, "name": "a,\\"b", "gone": null}', '{"id": 2, "name": "é", "gone": "x"}'
    expected = {
        "csv": 'id,name,gone\n1,"a,""b",-\n2,é,x\n',
        "tsv": 'id\tname\tgone\n1\t"a,""b"\t-\n2\té\tx\n',
        "json": "[\n  " + ",\n  ".join(objects) + "\n]\n",
    }
    result = target.run(sql, outputFormat=format, nullString="-")
    assert result.stdout.decode() == expected[format]
    bare = target.run(sql, outputFormat=format, headers=False)
    assert bare.stdout.decode().startswith({"csv": "1,", "tsv": "1\t", "json": "["}[format])


def test_the_last_result_is_the_output_unless_all_are_wanted(target: Target, table: str) -> None:
    sql = [f"CREATE TABLE {table} (id integer)", "SELECT 1 AS a", "SELECT 2 AS b"]
    assert target.run([*sql, f"INSERT INTO {table} VALUES (1)"]).stdout == b'{"b": 2}\n'
    assert target.run(sql[1:]).stdout == b'{"b": 2}\n'
    assert target.run(sql[1:], results="all", outputFormat="csv").stdout == b"a\n1\n\nb\n2\n"
    two = [*sql, "SELECT 3 AS c UNION ALL SELECT 3", f"SELECT id FROM {table} WHERE id < 0"]
    assert target.run(two[1:], results="all").stdout == (
        b'[{"a": 1}]\n[{"b": 2}]\n[{"c": 3}, {"c": 3}]\n[]\n'
    )


def test_two_columns_of_one_name_both_arrive(target: Target) -> None:
    assert target.run("SELECT 1 AS a, 2 AS a").rows == [{"a": 1, "a_2": 2}]


def test_rows_beyond_the_limit_are_left_out_and_said_so(target: Target) -> None:
    sql = "SELECT 1 AS a UNION ALL SELECT 2 UNION ALL SELECT 3"
    result = target.run([sql, sql], maxRows=2)
    assert len(result.rows) == 2
    assert "only the first 2 rows were written (maxRows)" in result.stderr
    assert "maxRows" not in target.run(sql, maxRows=3).stderr


def test_expectations(target: Target, table: str) -> None:
    make, put, see = (
        f"CREATE TABLE {table} (id integer)",
        f"INSERT INTO {table} VALUES (4)",
        f"SELECT id FROM {table}",
    )
    assert target.run(make, expect={"rows": 1}).error == "expect: no statement returned rows"
    failed = target.run([put, see], transaction=True, expect={"rows": 1, "value": ">4"})
    assert (failed.code, failed.error) == (1, "expect: the value is 4, wanted >4")
    assert target.run(see, expect={"rows": 0}).code == 0
    assert target.run([put, see], expect={"value": 4, "rows": ">=1"}).code == 0


def test_a_file_gets_all_rows_or_stays_as_it_was(target: Target) -> None:
    file = target.folder / "out" / "rows.csv"
    result = target.run("SELECT 1 AS a", outputFormat="csv", streaming=True, outputFile=str(file))
    assert (result.code, result.stdout, file.read_text()) == (0, b"", "a\n1\n")
    assert target.run(["SELECT 2 AS a", "SELEKT"], outputFormat="csv", outputFile=str(file)).code == 11
    assert [each.name for each in file.parent.iterdir()] == ["rows.csv"]
    assert file.read_text() == "a\n1\n"


def test_a_slow_statement_is_ended(target: Target) -> None:
    result = target.run(["SELECT 1", target.sleep(60)], timeout="300ms")
    assert result.code == 124
    assert result.error.startswith("statement 2 of 2 (line 1, ")
    assert result.error.endswith("took longer than 0.3 s")


def test_two_runs_with_one_lock_take_turns(target: Target, table: str, tmp_path: Path) -> None:
    key = {"postgres": "serial", "mysql": "integer AUTO_INCREMENT PRIMARY KEY"}
    make = f"CREATE TABLE {table} (id {key.get(target.type, 'integer PRIMARY KEY')}, said varchar(9))"
    assert target.run(make).code == 0
    say = f"INSERT INTO {table} (said) VALUES "
    step = target.step([f"{say}('in')", target.sleep(0.4), f"{say}('out')"], advisoryLock="turn")
    file = tmp_path / "turns.yaml"
    file.write_text(json.dumps({"steps": [{"name": "turn", **step}]}))
    environ = {**os.environ, "DAGU_HOME": str(tmp_path / "home")}
    argv = [sys.executable, "-m", "dagu_core", "start", str(file)]
    runs = [subprocess.Popen(argv, env=environ, stdout=subprocess.DEVNULL, cwd=tmp_path) for _ in range(2)]
    assert [each.wait(30) for each in runs] == [0, 0]
    found = target.run(f"SELECT said FROM {table} ORDER BY id").rows
    assert [each["said"] for each in found] == ["in", "out", "in", "out"]


def test_a_lock_that_is_not_let_go_is_a_lock_timeout(target: Target, holding: Any) -> None:
    with holding(target, "nightly"):
        failed = target.run("SELECT 1", advisoryLock="nightly", lockTimeout="200ms")
        late = target.run("SELECT 1", advisoryLock="nightly", timeout="200ms")
    assert (failed.code, failed.error[:14]) == (13, "lock nightly: ")
    assert (late.code, late.error) == (124, "waiting for the lock nightly took longer than 0.2 s")
    assert target.run("SELECT 1", advisoryLock="nightly", lockTimeout=1).code == 0
