"""PostgreSQL."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

from dagu_sql.database import Explicit
from dagu_sql.faults import Refused

#: what the server takes
_LONGEST_MS = (1 << 31) - 1


class Postgres(Explicit):
    """PostgreSQL and what speaks its language."""

    def _engine_options(self) -> dict[str, Any]:
        return {**super()._engine_options(), "use_native_hstore": False}

    def _opened(self) -> None:
        if hasattr(self.raw, "add_notice_handler"):
            self.raw.add_notice_handler(_tell_notice)
        settings = {}
        if self.config.lock_timeout is not None:
            settings["lock_timeout"] = f"{min(_LONGEST_MS, max(1, round(self.config.lock_timeout * 1000)))}ms"
        if self.engine.dialect.server_version_info >= (14,):
            # Should we be killed outright, the server notices within a second.
            settings["client_connection_check_interval"] = "1s"
        for name, value in settings.items():
            with suppress(Refused):
                self.run(f"SET {name} = '{value}'")

    def begin(self) -> None:
        self.run(f"BEGIN ISOLATION LEVEL {self.level}" if self.level else "BEGIN")

    def is_in_transaction(self) -> bool:
        return bool(self.raw.info.transaction_status)

    def lock(self, name: str | int) -> None:
        number = "%s::bigint" if isinstance(name, int) else "hashtextextended(%s, 0)"
        self.run(f"SELECT pg_advisory_lock({number})", (name,))

    def cancel(self) -> None:
        with suppress(Exception):
            if hasattr(self.raw, "cancel_safe"):
                self.raw.cancel_safe(timeout=5)
            else:
                self.raw.cancel()


def _tell_notice(notice: Any) -> None:
    sys.stderr.write(f"{notice.severity}: {notice.message_primary}\n")
    sys.stderr.flush()
