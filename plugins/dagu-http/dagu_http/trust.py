"""Whom a TLS connection trusts, and whom it says it is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dagu_core import Invalid
from dagu_http.config import Connection

if TYPE_CHECKING:
    import ssl


@dataclass(frozen=True, slots=True)
class Trust:
    """The TLS side of a connection; files are relative to `folder`."""

    connection: Connection
    folder: Path

    def context(self) -> ssl.SSLContext:
        """A new context. Raises Invalid naming the file that cannot be used."""
        import ssl

        connection = self.connection
        try:
            context = ssl.create_default_context(cafile=self._file(connection.ca_file))
        except (OSError, ssl.SSLError) as error:
            raise Invalid(f"caFile {connection.ca_file}: {_why(error)}") from None
        if not connection.ca_file and not _has_authorities(ssl.get_default_verify_paths()):
            import certifi

            context.load_verify_locations(certifi.where())
        if connection.skip_tls_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if connection.client_cert:
            try:
                # Without a password for the key, the library would ask for it on the terminal.
                context.load_cert_chain(
                    self._file(connection.client_cert) or "", self._file(connection.client_key), password=""
                )
            except (OSError, ssl.SSLError, ValueError) as error:
                raise Invalid(f"clientCert {connection.client_cert}: {_why(error)}") from None
        return context

    def _file(self, text: str) -> str | None:
        return str(self.folder / os.path.expanduser(text)) if text else None


def _has_authorities(paths: ssl.DefaultVerifyPaths) -> bool:
    return bool(paths.cafile or paths.capath)


def _why(error: Exception) -> str:
    strerror = getattr(error, "strerror", None)
    reason = getattr(error, "reason", None)
    return str(strerror if strerror and not reason else reason or "not usable").replace("_", " ").lower()
