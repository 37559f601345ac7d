"""Real servers of our own, on loopback and a free port, gone when the tests are."""

from __future__ import annotations

import getpass
import io
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dagu_core.contracts.work import Failed
from dagu_core.testing.harness import StepResult, offering, run_step
from dagu_core.testing.requirements import require
from dagu_sql.config import SqlConfig
from dagu_sql.executor import MysqlExecutor, PostgresExecutor, SqlExecutor, SqliteExecutor
from dagu_sql.session import Session
from dagu_sql.watch import Watch

PASSWORD = "b!tter/swe:et"
DEBIAN = Path("/usr/lib/postgresql/15/bin")


@dataclass(frozen=True)
class Target:
    """A database to test with: its step type, its address, and how to look into it from outside."""

    type: str
    dsn: str
    ask: Callable[[str], list[tuple[Any, ...]]]
    host: str = "127.0.0.1"
    port: int = 0
    folder: Path = Path()

    def step(self, command: str | Sequence[str] = "", **config: Any) -> dict[str, Any]:
        text = {"command": command} if command else {}
        return {"type": self.type, "config": {"dsn": self.dsn, **config}, **text}

    def run(self, command: str | Sequence[str] = "", **config: Any) -> Done:
        """Do the work of such a step in this very process: that takes milliseconds."""
        return done(self.type, [command] if isinstance(command, str) else command, dsn=self.dsn, **config)

    def at(self, dsn: str, command: str, **config: Any) -> Done:
        """The same at another address."""
        return done(self.type, [command], dsn=dsn, **config)

    def engine(self, step: Mapping[str, Any]) -> StepResult:
        """Run a step the way users do."""
        return run(step, dag={"maxCleanUpTimeSec": 3})

    def start(
        self,
        command: str | Sequence[str] = "",
        dag: Mapping[str, Any] | None = None,
        stop_after: float | None = None,
        environ: Mapping[str, str] | None = None,
        **config: Any,
    ) -> StepResult:
        """Run such a step the way users do, by an engine and in a process of its own."""
        step = self.step(command, **config)
        return run(step, dag={"maxCleanUpTimeSec": 3, **(dag or {})}, stop_after=stop_after, environ=environ)

    def sleep(self, seconds: float) -> str:
        """A statement that takes about so long, or far longer."""
        if self.type == "sqlite":
            rows = "" if seconds > 10 else f" LIMIT {int(seconds * 3_000_000)}"
            return (
                f"WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n{rows}) SELECT max(x) FROM n"
            )
        return f"SELECT {'pg_sleep' if self.type == 'postgres' else 'SLEEP'}({seconds})"


@dataclass(frozen=True)
class Done:
    """What the work of a step came to."""

    code: int
    error: str
    stdout: bytes
    stderr: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        assert self.code == 0, self.error
        return [json.loads(line) for line in self.stdout.splitlines()]


def done(kind: str, texts: Sequence[str], **config: Any) -> Done:
    """The work of a step of type `kind`."""
    out, err = io.BytesIO(), io.StringIO()
    data = SqlConfig.model_validate(config).model_dump(mode="json", by_alias=True)
    request = {"kind": kind, "texts": [text for text in texts if text], "config": data}
    watch = Watch(set())
    with redirect_stdout(io.TextIOWrapper(out, "utf-8")) as wrapper, redirect_stderr(err):
        try:
            code, error = watch.run(lambda: Session(request, watch).run(), 5.0), ""
        except Failed as failed:
            code, error = failed.code, str(failed)
        wrapper.flush()
        return Done(code, error, out.getvalue(), err.getvalue())


def run(step: Mapping[str, Any], **more: Any) -> StepResult:
    """Run one step in an app that has our step types and no others."""
    plugin = offering(SqlExecutor, PostgresExecutor, MysqlExecutor, SqliteExecutor)
    return run_step(step, plugins=[plugin], **more)


def tool(name: str, *folders: Path) -> str | None:
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, folders), "/usr/sbin"])
    return shutil.which(name, path=path)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def folder_of(user: str) -> Iterator[tuple[Path, list[str]]]:
    """(folder, prefix of commands) of a server that must not be root and dies with us."""
    # Not below pytest's own folder: only we may look into that one.
    folder = Path(tempfile.mkdtemp(prefix="dagu-sql-"))
    prefix = ["setpriv", "--pdeathsig=KILL"]
    if os.geteuid() == 0:
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        prefix += [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    try:
        yield folder, prefix
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def serving(argv: Sequence[str], log: Path, stop: signal.Signals) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as file:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    try:
        yield process
    finally:
        process.send_signal(stop)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait for something that happens in another process."""
    end = time.monotonic() + seconds
    while True:
        with suppress(Exception):
            if found := condition():
                return found
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Target]:
    initdb, server = tool("initdb", DEBIAN), tool("postgres", DEBIAN)
    require(initdb and server and tool("setpriv"), "PostgreSQL, apt install postgresql")
    import psycopg

    with folder_of("postgres") as (folder, prefix):
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        data, port = folder / "data", free_port()
        made = [*prefix, str(initdb), "-D", str(data), "-U", "dagu", "--auth-local=trust", "-N"]
        made += [
            "--auth-host=scram-sha-256",
            f"--pwfile={folder / 'password'}",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ]
        subprocess.run(made, check=True, capture_output=True, cwd=folder)
        argv = [*prefix, str(server), "-D", str(data), "-p", str(port), "-k", str(folder), "-h", "127.0.0.1"]
        argv += ["-c", "fsync=off", "-c", "synchronous_commit=off"]
        with serving(argv, folder.with_suffix(".log"), signal.SIGINT):

            def ask(sql: str) -> list[tuple[Any, ...]]:
                with psycopg.connect(
                    host=str(folder), port=port, user="dagu", dbname="postgres", autocommit=True
                ) as connection:
                    cursor = connection.execute(sql)
                    return list(cursor.fetchall()) if cursor.description else []

            until(lambda: ask("SELECT 1"))
            dsn = f"postgres://dagu@/postgres?host={folder}&port={port}"
            yield Target("postgres", dsn, ask, port=port, folder=folder)
        folder.with_suffix(".log").unlink()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Target]:
    install, server = tool("mariadb-install-db"), tool("mariadbd")
    require(install and server and tool("setpriv"), "MariaDB, apt install mariadb-server")
    import pymysql

    with folder_of("mysql") as (folder, prefix):
        data, port, path = folder / "data", free_port(), folder / "s"
        user = "mysql" if os.geteuid() == 0 else getpass.getuser()
        made = [*prefix, str(install), "--no-defaults", f"--datadir={data}", "--skip-test-db"]
        made += ["--auth-root-authentication-method=normal", f"--user={user}"]
        subprocess.run(made, check=True, capture_output=True, cwd=folder)
        argv = [*prefix, str(server), "--no-defaults", f"--datadir={data}", f"--socket={path}"]
        argv += [f"--port={port}", "--bind-address=127.0.0.1", f"--pid-file={folder / 'pid'}"]
        argv += ["--innodb-flush-log-at-trx-commit=0", "--character-set-server=utf8mb4"]
        with serving(argv, folder.with_suffix(".log"), signal.SIGTERM):

            def ask(sql: str) -> list[tuple[Any, ...]]:
                connection = pymysql.connect(unix_socket=str(path), user="root", autocommit=True)
                with connection, connection.cursor() as cursor:
                    cursor.execute(sql)
                    return list(cursor.fetchall())

            until(path.exists)  # the driver forgets its socket when nobody listens
            until(lambda: ask("SELECT 1"))
            ask("CREATE DATABASE work")
            ask(f"CREATE USER dagu@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
            ask("GRANT ALL ON work.* TO dagu@'127.0.0.1'")
            dsn = f"mysql://root@localhost/work?unix_socket={path}"
            yield Target("mysql", dsn, ask, port=port, folder=folder)
        folder.with_suffix(".log").unlink()


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
