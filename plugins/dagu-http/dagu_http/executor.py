"""The step type: one HTTP request."""

from __future__ import annotations

import asyncio

from dagu_core import Attempt, DaguError, Executor, Outcome
from dagu_http.config import HttpConfig


class HttpExecutor(Executor[HttpConfig]):
    """Asks an HTTP server and writes its answer into the log, or into a file.

    `command` is METHOD URL; `script` may hold the config as a JSON object.
    """

    name = "http"
    Config = HttpConfig
    capabilities = frozenset({"command", "script"})
    icon = "globe"

    async def run(self, attempt: Attempt[HttpConfig]) -> Outcome:
        from dagu_http.exchange import Exchange
        from dagu_http.order import Order

        try:
            return await Exchange(attempt, Order.of(attempt)).hold()
        except DaguError as error:
            return Outcome(exit_code=1, message=f"{error} ({error.hint})" if error.hint else str(error))
        except asyncio.CancelledError:
            await attempt.stderr.write(b"the request was given up; the server may go on with it\n")
            raise
