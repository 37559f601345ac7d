"""The server at the end of a way, whatever it speaks."""

from __future__ import annotations

from dagu_ftp.options import FtpOptions, SftpOptions
from dagu_ftp.problems import Warn, warn_on_stderr
from dagu_ftp.tree import Server


def server_at(
    way: FtpOptions | SftpOptions, timeout: float, now: float, warn: Warn = warn_on_stderr
) -> Server:
    """A server that is not connected yet; `now` in epoch seconds, for listings without years."""
    if isinstance(way, FtpOptions):
        from dagu_ftp.ftp import FtpServer

        return FtpServer(way, timeout, now, warn)
    from dagu_ftp.sftp import SftpServer  # paramiko is slow to import, and FTP needs none of it

    return SftpServer(way, timeout, warn)
