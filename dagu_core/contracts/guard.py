"""What must hold around an attempt: a lock, a rate, limits, a container."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, ClassVar

from dagu_core.contracts.executor import Attempt
from dagu_core.contracts.part import Part

if TYPE_CHECKING:
    from dagu_core.base.config import Config


class Guard(Part, ABC):
    """Owns the step key `name`; entered around every attempt of a step that uses the key.

    Guards are entered by rising `order` and left in reverse; an attempt that another process
    began is entered anew. Waiting does not count for the step's timeout.
    """

    order: ClassVar[int] = 100

    @abstractmethod
    def hold(self, config: Config, attempt: Attempt[Any]) -> AbstractAsyncContextManager[None]:
        """Wait until what `config` asks for holds, keep it while the attempt runs, let it go.

        `config` is made with the values of the run. Cancelled, it must let go at once.

        Raise DaguError to fail the attempt with its message.
        """
