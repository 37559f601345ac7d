"""MySQL and MariaDB."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from dagu_sql import faults
from dagu_sql.database import Explicit
from dagu_sql.faults import Fault, Refused

#: seconds; what the server takes
_LONGEST = 365 * 86_400


class Mysql(Explicit):
    """MySQL and MariaDB."""

    _id = 0

    def _opened(self) -> None:
        self._id = int(self.run("SELECT CONNECTION_ID()").scalar())
        if self.config.lock_timeout is not None:
            limit = min(_LONGEST, max(1, round(self.config.lock_timeout)))
            self.run(f"SET innodb_lock_wait_timeout = {limit}, lock_wait_timeout = {limit}")

    def begin(self) -> None:
        if self.level:
            self.run(f"SET TRANSACTION ISOLATION LEVEL {self.level}")
        self.run("START TRANSACTION")

    def is_in_transaction(self) -> bool:
        # The server keeps a stream open without a transaction: nobody needs to know.
        return True

    def fault(self, error: Any) -> Fault:
        fault = faults.of(error)
        if fault.code == faults.UNREACHABLE:
            return fault
        with suppress(Exception):
            self.connection.exec_driver_sql("GET DIAGNOSTICS CONDITION 1 @dagu_state = RETURNED_SQLSTATE")
            state = self.connection.exec_driver_sql("SELECT @dagu_state").scalar()
            if state and "(" not in fault.message.partition(":")[0]:
                number, _, text = fault.message.partition(":")
                return Fault(fault.code, f"{number} ({state}):{text}", fault.passes)
        return fault

    def lock(self, name: str | int) -> None:
        seconds = 1e9 if self.config.lock_timeout is None else self.config.lock_timeout
        if self.run("SELECT GET_LOCK(%s, %s)", (str(name), seconds)).scalar() != 1:
            raise Refused(Fault(faults.LOCKED, f"somebody else held it for {seconds:g} s", True))

    def cancel(self) -> None:
        if self._id:
            with suppress(Exception), self.engine.connect() as other:
                other.exec_driver_sql(f"KILL QUERY {self._id}")
