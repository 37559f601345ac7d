"""The error tree: a stable code, a message, a hint, and the exit code of the command line."""

from __future__ import annotations

from collections.abc import Callable
from inspect import cleandoc
from typing import Any, ClassVar, Self


class DaguError(Exception):
    """Base of every error a user can cause; the docstring is the default message.

    `code` is the stable word API clients know, `exit_code` what the command line ends with,
    `hint` one sentence on what to do next, `details` JSON-ready facts about the case.
    """

    code: ClassVar[str] = "internal_error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "", *, hint: str = "", **details: Any) -> None:
        super().__init__(message or cleandoc(type(self).__doc__ or ""))
        self.hint = hint
        self.details = details

    def masked(self, mask: Callable[[str], str]) -> Self:
        """This error, without what `mask` takes out of texts."""
        self.args = tuple(mask(str(one)) for one in self.args)
        self.hint = mask(self.hint)
        self.details = {
            name: mask(value) if isinstance(value, str) else value for name, value in self.details.items()
        }
        return self


class Invalid(DaguError):
    """The request cannot be carried out as given."""

    code = "bad_request"


class UsageError(Invalid):
    """What was asked for is not worded as it must be: an option, a value, or both together."""

    exit_code = 2


class NotFound(DaguError):
    """There is no such thing."""

    code = "not_found"
    exit_code = 3


class Conflict(DaguError):
    """Somebody else wrote first: this process no longer owns the run."""

    code = "conflict"
    exit_code = 4


class AlreadyExists(Conflict):
    """A run with this id exists already."""

    code = "already_exists"


class AlreadyRunning(Conflict):
    """The run is running already."""

    code = "already_running"


class NotRunning(DaguError):
    """Nothing is running under that name."""

    code = "not_running"


class Unavailable(DaguError):
    """A backend (store, disk, service) cannot be used at the moment."""

    code = "unavailable"
    exit_code = 5


class Busy(Unavailable):
    """A backend is in use by somebody else: nothing was written, and trying again may help."""


class LostOwnership(Unavailable):
    """lost ownership of run: another process has taken it over."""

    code = "lost_ownership"


class PluginError(DaguError):
    """A plugin broke its contract."""

    code = "plugin_error"
