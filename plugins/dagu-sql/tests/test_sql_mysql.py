"""MariaDB for real: what only it has, and that nothing is left behind on the server."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from dagu_sql.executor import MysqlExecutor

from .contract import ServerContract
from .databases import Target
from .servers import PASSWORD

BUSY = "SELECT id FROM information_schema.processlist WHERE info LIKE '%SLEEP(60)%' AND id <> CONNECTION_ID()"
OURS = "SELECT id FROM information_schema.processlist WHERE db = 'work'"


class TestMysql(ServerContract):
    """The suite of every step type."""

    executor = MysqlExecutor
    pause = "SELECT SLEEP({})"
    quoting = "SELECT 1 makes no sense :text"
    table = "work.again"

    @pytest.fixture(autouse=True)
    def _server(self, mariadb: Target) -> None:
        self.server = mariadb


def test_a_stop_kills_the_query_and_rolls_back(mariadb: Target, until: Any, table: str) -> None:
    mariadb.ask(f"CREATE TABLE work.{table} (id integer)")
    seen: list[Any] = []
    watching = threading.Thread(target=lambda: seen.append(until(lambda: mariadb.ask(BUSY))))
    watching.start()
    sql = [f"INSERT INTO {table} VALUES (1)", "SELECT SLEEP(60)", f"INSERT INTO {table} VALUES (2)"]
    result = mariadb.start(sql, stop_after=1.5, transaction=True)
    watching.join()
    assert seen and seen[0], "the statement never ran"
    assert (result.status, result.left) == ("aborted", ())
    assert result.stopping < 3
    until(lambda: mariadb.ask(OURS) == [], 5)
    assert mariadb.ask(f"SELECT count(*) FROM work.{table}") == [(0,)]


def test_a_killed_query_that_returns_a_row_is_no_success(mariadb: Target, table: str) -> None:
    # SLEEP returns 1 when it is interrupted, as if nothing had happened.
    mariadb.ask(f"CREATE TABLE work.{table} (id integer)")
    result = mariadb.run(["SELECT SLEEP(60)", f"INSERT INTO {table} VALUES (1)"], timeout="300ms")
    assert result.code == 124
    assert mariadb.ask(f"SELECT count(*) FROM work.{table}") == [(0,)]


def test_procedures(mariadb: Target) -> None:
    script = """
        DROP PROCEDURE IF EXISTS `twice`;
        CREATE PROCEDURE `twice`(n INT)
        BEGIN
          DECLARE m INT DEFAULT 0;
          IF n > 0 THEN SET m = n * 2; END IF; -- done; so to say
          SELECT m AS answer, 'it\\'s; "fine"' AS said;
        END;
        CALL twice(:n);
    """
    assert mariadb.run(script, params={"n": 21}).rows == [{"answer": 42, "said": 'it\'s; "fine"'}]
    delimited = "DELIMITER //\nDROP PROCEDURE twice; //\nDELIMITER ;\nSELECT 1 AS a"
    assert mariadb.run(delimited).rows == [{"a": 1}]


def test_types(mariadb: Target) -> None:
    sql = """
        SELECT 1.50 AS n, x'00ff' AS raw, TIMESTAMP '2024-02-29 12:00:00' AS at, DATE '2024-02-29' AS day,
               TIME '30:10:05' AS took, CAST(18446744073709551615 AS UNSIGNED) AS big, NULL AS gone,
               'é🙂' AS t
    """
    assert mariadb.run(sql).rows == [
        {
            "n": "1.50",
            "raw": "AP8=",
            "at": "2024-02-29T12:00:00",
            "day": "2024-02-29",
            "took": "30:10:05",
            "big": "18446744073709551615",
            "gone": None,
            "t": "é🙂",
        }
    ]


def test_errors_have_their_sqlstate(mariadb: Target, table: str) -> None:
    mariadb.ask(f"CREATE TABLE work.{table} (id integer PRIMARY KEY, CHECK (id < 100))")
    twice = mariadb.run(f"INSERT INTO {table} VALUES (7), (7)")
    assert (twice.code, "ERROR 1062 (23000): Duplicate entry" in twice.error) == (12, True)
    checked = mariadb.run(f"INSERT INTO {table} VALUES (700)")
    assert (checked.code, "ERROR 4025 (23000)" in checked.error) == (12, True)


def test_a_lock_timeout(mariadb: Target, table: str) -> None:
    import pymysql

    mariadb.ask(f"CREATE TABLE work.{table} (id integer PRIMARY KEY) ENGINE=InnoDB")
    mariadb.ask(f"INSERT INTO work.{table} VALUES (1)")
    with pymysql.connect(unix_socket=str(mariadb.folder / "s"), user="root") as other:
        other.begin()
        other.cursor().execute(f"UPDATE work.{table} SET id = 2")
        failed = mariadb.run(f"UPDATE {table} SET id = 3", lockTimeout=1, transaction=True)
    assert (failed.code, "ERROR 1205 (HY000)" in failed.error) == (13, True)


def test_many_rows_in_little_memory(mariadb: Target, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    sql = "SELECT seq AS n, md5(seq) AS hash FROM seq_1_to_400000"
    result = mariadb.start(sql, outputFormat="csv", outputFile=str(file))
    assert result.status == "succeeded", result.step.error
    assert result.outcome.usage["max_rss_kib"] < 150 * 1024
    with file.open() as lines:
        assert sum(1 for _ in lines) == 400_001


def test_a_part_of_many_rows_leaves_the_connection_usable(mariadb: Target) -> None:
    sql = ["SELECT seq AS n FROM seq_1_to_100000", "SELECT 7 AS n"]
    assert mariadb.run(sql, maxRows=1, results="all").rows == [[{"n": 1}], [{"n": 7}]]


def test_a_wrong_password_is_not_printed(mariadb: Target) -> None:
    good = f"mariadb://dagu:{quote(PASSWORD, safe='')}@127.0.0.1:{mariadb.port}/work"
    assert mariadb.at(good, "SELECT 1 AS a").rows == [{"a": 1}]
    wrong = mariadb.at(f"mysql://dagu@127.0.0.1:{mariadb.port}/work", "SELECT 1", password="swordfish-0042")
    assert wrong.code == 10
    assert wrong.error.startswith("cannot connect: ERROR 1045") and "swordfish" not in wrong.error


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("mysql://root@127.0.0.1:1/work", "refused"),
        ("mysql://root@localhost/none?unix_socket={folder}/s", "Unknown database 'none'"),
        ("mysql://root@no-such-host.invalid/a", "no-such-host.invalid"),
    ],
)
def test_what_cannot_be_reached(mariadb: Target, dsn: str, said: str) -> None:
    failed = mariadb.at(dsn.format(folder=mariadb.folder), "SELECT 1")
    assert failed.code == 10
    assert failed.error.startswith("cannot connect: ") and said in failed.error


def test_a_lost_connection_is_told_apart(mariadb: Target) -> None:
    lost = mariadb.run(["KILL CONNECTION_ID()", "SELECT 1"])
    assert lost.code == 10
    assert lost.error.endswith("(the connection is lost)")


def test_the_report_is_json(mariadb: Target) -> None:
    facts = json.loads(mariadb.run("SELECT 1").stderr.splitlines()[-1])
    assert set(facts) == {"statements", "rowsAffected", "rowsReturned", "retries", "durationMs"}
