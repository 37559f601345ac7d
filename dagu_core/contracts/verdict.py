"""What an executor of a plugin says about its attempt, taken for what it must be before anything of it is
put on record."""

from __future__ import annotations

import msgspec

from dagu_core.base.errors import PluginError
from dagu_core.model.run.events import Outcome


def checked(outcome: object) -> Outcome:
    """The outcome as the store will give it back. Raises PluginError when it is none, or holds what
    cannot be stored: a type that is not the field's, a text that is not Unicode, an object."""
    if not isinstance(outcome, Outcome):
        raise PluginError(f"returned {type(outcome).__name__}, not an Outcome")
    if isinstance(outcome.exit_code, int) and abs(outcome.exit_code) >= 1 << 31:
        raise PluginError(
            f"returned an Outcome that cannot be stored: no exit code is {outcome.exit_code:.3g}"
        )
    try:
        return msgspec.json.decode(msgspec.json.encode(outcome), type=Outcome)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise PluginError(f"returned an Outcome that cannot be stored: {error}") from None
