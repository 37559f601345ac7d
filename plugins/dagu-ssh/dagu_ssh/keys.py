"""Private keys: from a file, with errors that say what to do."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from dagu_core.contracts.work import Failed

if TYPE_CHECKING:
    from paramiko import PKey

#: tried in this order when neither a key nor a password is given
DEFAULT_FILES = ("~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519")


def load_key(file: str, passphrase: str) -> PKey:
    """The private key in `file`. Raises Failed, never with the passphrase in it."""
    from paramiko import PKey, SSHException
    from paramiko.pkey import UnknownKeyType

    opened_by: Any = passphrase.encode("utf-8", "surrogateescape") or None  # bytes, whatever it declares

    path = os.path.expanduser(file)
    try:
        _check(path)
        return PKey.from_path(path, opened_by)
    except FileNotFoundError:
        raise Failed(f"there is no key file {path}\nhint: set `key` to a private key.", 255) from None
    except OSError as error:
        raise Failed(f"cannot read the key file {path}: {error.strerror}", 255) from None
    except UnknownKeyType:
        raise Failed(f"the key in {path} is of a kind that is not supported", 255) from None
    except TypeError:
        # The library's way to say that a passphrase is needed, or that one is not.
        if passphrase:
            return load_key(file, "")
        raise Failed(
            f"the key in {path} needs a passphrase\nhint: set `keyPassphrase`, best to a secret.", 255
        ) from None
    except (ValueError, SSHException) as error:
        raise Failed(_why(path, passphrase, error), 255) from None


def _check(path: str) -> None:
    """Refuse, as `ssh` does, a key of ours that others can read."""
    found = os.stat(path)
    if found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) & 0o077:
        raise Failed(
            f"the key file {path} can be read by others (mode {stat.S_IMODE(found.st_mode):o})\n"
            f"hint: chmod 600 {path}",
            255,
        )


def _why(path: str, passphrase: str, error: Exception) -> str:
    with open(path, "rb") as file:
        text = file.read(16 << 10)
    if b"PRIVATE KEY" not in text:
        return f"there is no private key in {path}\nhint: `key` names the private key, not the `.pub` file."
    if passphrase:
        return f"cannot open the key in {path}: the passphrase is wrong, or the file is damaged"
    return f"cannot read the key in {path}: it is damaged, or of a kind that is not supported"
