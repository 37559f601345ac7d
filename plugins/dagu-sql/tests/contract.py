"""The contract of step types, as a database server fulfils it."""

from __future__ import annotations

from pathlib import Path

from dagu_core.testing.executor_contract import ExecutorContract, Step

from .databases import Target


class ServerContract(ExecutorContract):
    """The suite of every step type; say which `server`, and what differs between them."""

    heavy = ("sqlalchemy", "psycopg", "pymysql")
    server: Target
    #: a statement that takes so many seconds
    pause: str
    #: what a table is called from outside
    table = "again"
    #: a statement that fails and is told with the value of `:text`
    quoting: str

    def good_step(self) -> Step:
        step: Step = self.server.step("SELECT 1")
        return step

    def failing_step(self) -> Step:
        step: Step = self.server.step("SELECT * FROM no_such_table")
        return step

    def long_step(self) -> Step:
        step: Step = self.server.step(self.pause.format(60))
        return step

    def echo_step(self, text: str) -> Step:
        step: Step = self.server.step("SELECT :text", params={"text": text}, outputFormat="raw")
        return step

    def env_step(self, name: str) -> Step:
        return self.echo_step(f"${{{name}}}")

    def printing_step(self, file: Path) -> Step:
        return self.server.printing(file)

    def leaking_step(self, reference: str) -> Step:
        step: Step = self.server.step(self.quoting, params={"text": reference})
        return step

    def reattach_step(self, marker: Path) -> Step:
        # Whoever does it twice finds two rows.
        self.server.ask(f"DROP TABLE IF EXISTS {self.table}")
        self.server.ask(f"CREATE TABLE {self.table} (id integer)")
        sql = ["INSERT INTO again VALUES (1)", self.pause.format(3), "SELECT id FROM again"]
        step: Step = self.server.step(sql, outputFile=str(marker))
        return step
