"""A DAG key: `postcard: {file: mail.txt}` writes down how a run ended."""

from pathlib import Path
from typing import Any

from pydantic import Field

from dagu_core import Config, Notice, Notifier, hookimpl


class PostcardConfig(Config):
    """Where postcards go."""

    file: str = Field(description="The file a line is added to.")


class Postcard(Notifier):
    """One line a run, when it is over."""

    name = "postcard"
    Config = PostcardConfig

    async def notify(self, config: Any, notice: Notice) -> None:
        if type(notice.event).__name__ != "RunEnded":
            return
        with Path(config.file).open("a", encoding="utf-8") as file:
            file.write(f"{notice.run.summary.ref.dag} has {notice.run.summary.status.label}\n")


@hookimpl
def dagu_register_notifiers() -> list[type[Notifier]]:
    return [Postcard]
