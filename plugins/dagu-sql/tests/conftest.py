"""The three databases, each as a fixture, and what tests do with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dagu_core.testing.harness import StepResult

from .databases import Done, Target, done, run
from .servers import mariadb_server, postgres_server, until


@pytest.fixture(scope="session")
def postgres() -> Iterator[Target]:
    with postgres_server() as target:
        yield target


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Target]:
    with mariadb_server() as target:
        yield target


@pytest.fixture
def sqlite(tmp_path: Path) -> Target:
    import sqlite3

    file = tmp_path / "data.db"

    def ask(sql: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(file)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    return Target("sqlite", str(file), ask, folder=tmp_path)


@pytest.fixture(name="run")
def _run() -> Callable[..., StepResult]:
    return run


@pytest.fixture(name="until")
def _until() -> Callable[..., Any]:
    return until


@pytest.fixture(name="done")
def _done() -> Callable[..., Done]:
    return done


@pytest.fixture
def holding() -> Callable[[Target, str], Any]:
    """Somebody else who holds a lock."""
    return _holding


@contextmanager
def _holding(target: Target, name: str) -> Iterator[None]:
    if target.type == "sqlite":
        import fcntl

        with Path(f"{target.dsn}.{name}.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    elif target.type == "postgres":
        import psycopg

        with psycopg.connect(
            host=str(target.folder), port=target.port, user="dagu", dbname="postgres"
        ) as held:
            held.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (name,))
            yield
    else:
        import pymysql

        with pymysql.connect(unix_socket=str(target.folder / "s"), user="root") as other:
            with other.cursor() as cursor:
                cursor.execute("SELECT GET_LOCK(%s, 5)", (name,))
            yield


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def target(request: pytest.FixtureRequest) -> Target:
    """Each database in turn."""
    found: Target = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def table(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a table nobody else uses."""
    names = [each for each in ("target", "postgres", "mariadb", "sqlite") if each in request.fixturenames]
    target: Target = request.getfixturevalue(names[0])
    name = f"t{abs(hash(request.node.nodeid)) % 10**9}"
    yield name
    prefix = "work." if target.type == "mysql" else ""
    target.ask(f"DROP TABLE IF EXISTS {prefix}{name}")
