"""SQLite: what only it has, and the suite of every step type in full."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from dagu_core.testing.executor_contract import ExecutorContract, Step
from dagu_sql.executor import SqlExecutor, SqliteExecutor

from .databases import Target

FOREVER = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
SOME_SECONDS = FOREVER.replace("FROM n)", "FROM n LIMIT 12000000)")
_CHUNK = 1 << 16


class TestSqlite(ExecutorContract):
    """The suite of every step type."""

    executor = SqliteExecutor
    heavy = ("sqlalchemy", "psycopg", "pymysql")

    def _step(self, command: str, **config: Any) -> Step:
        return {"type": "sqlite", "config": {"dsn": ":memory:", **config}, "command": command}

    def good_step(self) -> Step:
        return self._step("SELECT 1")

    def failing_step(self) -> Step:
        return self._step("SELECT * FROM no_such_table")

    def long_step(self) -> Step:
        return self._step(FOREVER, timeout=0)

    def echo_step(self, text: str) -> Step:
        return self._step("SELECT :text", params={"text": text}, outputFormat="raw")

    def env_step(self, name: str) -> Step:
        return self.echo_step(f"${{{name}}}")

    def leaking_step(self, reference: str) -> Step:
        return self._step(f"SELECT 1; ATTACH '/none/{reference}/x' AS {reference}")

    def printing_step(self, file: Path) -> Step:
        database = f"{file}.db"
        connection = sqlite3.connect(database)
        with connection, file.open("rb") as content:
            connection.execute("CREATE TABLE parts (id integer PRIMARY KEY, part blob)")
            while part := content.read(_CHUNK):
                connection.execute("INSERT INTO parts (part) VALUES (?)", (part,))
        connection.close()
        return self._step("SELECT part FROM parts ORDER BY id", dsn=database, outputFormat="raw")

    def reattach_step(self, marker: Path) -> Step:
        # Whoever does it twice finds two rows.
        database = f"{marker}.db"
        connection = sqlite3.connect(database)
        with connection:
            connection.execute("CREATE TABLE again (id integer)")
        connection.close()
        sql = ["INSERT INTO again VALUES (1)", SOME_SECONDS, "SELECT id FROM again"]
        return {**self._step("", dsn=database, timeout=0, outputFile=str(marker)), "command": sql}


class TestSql(TestSqlite):
    """The same for the type that takes any address."""

    executor = SqlExecutor

    def _step(self, command: str, **config: Any) -> Step:
        dsn = config.pop("dsn", "")
        return {"type": "sql", "config": {"dsn": f"sqlite:///{dsn}", **config}, "command": command}


def test_a_stop_interrupts_and_rolls_back(sqlite: Target) -> None:
    sqlite.ask("CREATE TABLE a (id integer)")
    result = sqlite.start(["INSERT INTO a VALUES (1)", FOREVER], stop_after=1.0, transaction=True, timeout=0)
    assert (result.status, result.left) == ("aborted", ())
    assert result.stopping < 3
    assert sqlite.ask("SELECT count(*) FROM a") == [(0,)]


def test_a_stop_while_another_writes(sqlite: Target) -> None:
    sqlite.ask("CREATE TABLE a (id integer)")
    other = sqlite3.connect(sqlite.dsn, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        result = sqlite.start("INSERT INTO a VALUES (1)", stop_after=1.0, timeout=0)
    finally:
        other.close()
    assert result.status == "aborted"
    assert result.stopping < 3


def test_a_writer_waits_for_another(sqlite: Target) -> None:
    sqlite.ask("CREATE TABLE a (id integer)")
    other = sqlite3.connect(sqlite.dsn, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    threading.Timer(0.3, other.close).start()
    assert sqlite.run("INSERT INTO a VALUES (1)").code == 0
    assert sqlite.ask("SELECT count(*) FROM a") == [(1,)]


def test_waiting_in_vain_is_a_lock_timeout(sqlite: Target) -> None:
    sqlite.ask("CREATE TABLE a (id integer)")
    other = sqlite3.connect(sqlite.dsn, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        failed = sqlite.run("INSERT INTO a VALUES (1)", lockTimeout="200ms")
    finally:
        other.close()
    assert (failed.code, "SQLITE_BUSY" in failed.error) == (13, True)


def test_the_lock_of_a_file(sqlite: Target, holding: Any) -> None:
    assert sqlite.run("SELECT 1", fileLock=True).code == 0
    with holding(sqlite, "dagu"):
        assert sqlite.run("SELECT 1", fileLock=True, lockTimeout="100ms").code == 13


def test_structure_belongs_to_the_transaction(sqlite: Target) -> None:
    failed = sqlite.run(["CREATE TABLE a (id integer)", "SELECT * FROM b"], transaction=True)
    assert failed.code == 11
    assert sqlite.ask("SELECT count(*) FROM sqlite_master") == [(0,)]


def test_a_file_of_statements_follows_the_step(sqlite: Target, tmp_path: Path) -> None:
    file = tmp_path / "work.sql"
    file.write_text("-- a trigger\nCREATE TRIGGER t AFTER INSERT ON a BEGIN\n"
                    "  INSERT INTO b VALUES (new.id); INSERT INTO b VALUES (0);\nEND;\n"
                    "INSERT INTO a VALUES (:id);\nSELECT count(*) AS n FROM b;\nSELEKT\n")  # fmt: skip
    failed = sqlite.run("CREATE TABLE a (id); CREATE TABLE b (id)", file=str(file), params={"id": 1})
    assert (failed.code, failed.error.startswith(f"statement 6 of 6 ({file}:7, SELEKT)")) == (11, True)
    assert sqlite.ask("SELECT count(*) FROM b") == [(2,)]
    missing = sqlite.run("SELECT 1", file=f"{file}x")
    assert (missing.code, missing.error) == (1, f"cannot read {file}x: No such file or directory")


def test_parameters_are_checked_before_anything_is_opened(sqlite: Target) -> None:
    failed = sqlite.run("CREATE TABLE a (id); SELECT :b", params={"a": 1})
    assert (failed.code, failed.error) == (
        1,
        "line 1, SELECT: the parameter :b has no value; give it in `params`",
    )
    assert not Path(sqlite.dsn).exists()


def test_a_database_that_cannot_be_opened(done: Any, tmp_path: Path) -> None:
    failed = done("sqlite", ["SELECT 1"], dsn=str(tmp_path / "none" / "a.db"))
    assert (failed.code, failed.error) == (
        10,
        "cannot connect: SQLITE_CANTOPEN: unable to open database file",
    )
    (tmp_path / "a.db").write_bytes(b"this is no database" * 100)
    assert done("sqlite", ["SELECT * FROM a"], dsn=str(tmp_path / "a.db")).code == 10
    assert done("sqlite", ["SELECT 1"], dsn=f"file:{tmp_path}/b.db?mode=ro").code == 10


def test_lists_are_json_where_there_are_no_arrays(sqlite: Target) -> None:
    sql = "SELECT value FROM json_each(:list) UNION ALL SELECT json_extract(:doc, '$.a')"
    found = sqlite.run(sql, params={"list": [1, 2], "doc": {"a": 3}})
    assert found.rows == [{"value": 1}, {"value": 2}, {"value": 3}]


def test_raw_writes_bytes_as_they_are_and_texts_as_lines(sqlite: Target) -> None:
    sql = "SELECT x'00ff', 'é', 1.5 UNION ALL SELECT x'', NULL, 2"
    assert sqlite.run(sql, outputFormat="raw", nullString="-").stdout == b"\x00\xff\xc3\xa9\n1.5\n-\n2\n"
    assert sqlite.run(sql, outputFormat="none").stdout == b""


def test_the_generic_database_commits_and_rolls_back(tmp_path: Path) -> None:
    """What holds for a dialect without a class of its own, shown with one everybody has."""
    from sqlalchemy.engine import make_url

    from dagu_sql.address import Address
    from dagu_sql.config import SqlConfig
    from dagu_sql.database import Database
    from dagu_sql.faults import Refused

    url = make_url(f"sqlite:///{tmp_path / 'a.db'}")
    database = Database(Address("other", url), SqlConfig.model_validate({"dsn": "x", "transaction": True}))
    database.prepare()
    database.open()
    database.begin()
    database.run("CREATE TABLE a (id integer PRIMARY KEY)")
    database.run("INSERT INTO a VALUES (?)", (1,))
    database.commit()
    database.begin()
    assert database.is_in_transaction()
    with pytest.raises(Refused):
        database.run("INSERT INTO a VALUES (?)", (1,))
    database.rollback()
    assert database.run("SELECT count(*) FROM a").scalar() == 1
    database.close()
