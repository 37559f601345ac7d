"""The notifier: tells other services by HTTP what became of a run."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from dagu_core import Config, Notice, Notifier, SystemClock, Unavailable
from dagu_http.config import Connection, Text
from dagu_http.network import Policy
from dagu_http.payload import chat_text, event_of, facts_of, filled

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

#: seconds for everything about one event: below the bound of the engine, so that we say what failed
PATIENCE = 28.0
#: seconds for one try
TRY = 10.0
#: seconds before the second try; doubled for each further one
FIRST_WAIT = 0.5
_AGAIN = (408, 425, 429)

When = Literal["start", "success", "partial", "failure", "abort", "rejected", "stepFailure"]


def _address(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("a webhook is an http:// or https:// address")
    return value


class Target(Connection):
    """One address, and when and how to call it."""

    url: Annotated[str, AfterValidator(_address)] = Field(description="Where to send the message, by POST.")
    on: list[When] = Field(
        ["success", "partial", "failure", "abort", "rejected"],
        min_length=1,
        description="What to tell: `start`, `success`, `partial`, `failure`, `abort`, `rejected`, "
        "`stepFailure`; default: every end of a run.",
    )
    headers: dict[str, Text] = Field({}, description="Headers to add.")
    secret: str = Field("", description="Key of the signature; a reference to a secret.")
    format: Literal["json", "slack", "discord"] = Field(
        "json", description="All facts as JSON, or a line of text as chat services want it."
    )
    template: str | dict[str, Any] | list[Any] = Field(
        "",
        description="A message of your own; `{dag}`, `{status}`, `{error}`, ... in its texts are replaced.",
    )


class WebhookConfig(Config):
    """Whom to tell: an address, a mapping, or a list of those."""

    targets: list[Target] = Field(description="The addresses to call.")

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and "targets" in data:
            return data
        items = data if isinstance(data, list) else [data]
        return {"targets": [{"url": item} if isinstance(item, str) else item for item in items]}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        whole = handler.resolve_ref_schema(handler(schema))
        target = whole["properties"]["targets"]["items"]
        # What is said of keys holds for a mapping, what is said of items for a list.
        own = {
            "title": cls.__name__,
            "description": whole["description"],
            "type": ["string", "object", "array"],
        }
        return {**handler.resolve_ref_schema(target), **own, "items": {"anyOf": [{"type": "string"}, target]}}


class Webhook(Notifier):
    """Calls an address when a run starts, ends, or a step fails.

    Each call has the headers X-Dagu-Event, X-Dagu-Delivery (the same for every try of one
    message), X-Dagu-Timestamp and, with a secret, X-Dagu-Signature.
    """

    name = "webhook"
    aliases = ("webhooks",)
    Config = WebhookConfig
    icon = "webhook"

    async def notify(self, config: Any, notice: Notice) -> None:
        event = event_of(notice)
        wanted = [target for target in config.targets if event in target.on]
        if not wanted:
            return
        facts = facts_of(notice, event)
        results = await asyncio.gather(
            *(_told(target, notice, facts, number) for number, target in enumerate(wanted)),
            return_exceptions=True,
        )
        if problems := [str(each) for each in results if isinstance(each, Exception)]:
            raise Unavailable("; ".join(problems))


async def _told(target: Target, notice: Notice, facts: Mapping[str, Any], number: int) -> None:
    """Send one message until it is taken. Raises Unavailable naming host and cause."""
    from dagu_http.sending import send

    body = json.dumps(message(target, facts), ensure_ascii=False).encode("utf-8", "surrogatepass")
    delivery = delivery_id(notice, str(facts["event"]), target.url, number)
    source = notice.plan.source.path
    problem = ""

    def headers() -> dict[str, str]:
        timestamp = str(int(SystemClock().now()))
        own = {
            "X-Dagu-Event": str(facts["event"]),
            "X-Dagu-Delivery": delivery,
            "X-Dagu-Timestamp": timestamp,
        }
        if target.secret:
            own["X-Dagu-Signature"] = signature(target.secret, timestamp, body)
        return own

    try:
        async with asyncio.timeout(PATIENCE):
            wait = FIRST_WAIT
            while True:
                folder = Path(source).parent if source else Path.cwd()
                said = await send(target, headers(), body, folder, Policy.in_force(notice.dag_fields), TRY)
                if not (problem := said.problem):
                    return
                if not said.passes and said.status not in _AGAIN and said.status < 500:
                    break
                if said.retry_after > PATIENCE:
                    break
                await asyncio.sleep(max(wait, said.retry_after))
                wait *= 2
    except TimeoutError:
        problem = f"{problem or 'no answer'} (tried for {PATIENCE:g} s)"
    raise Unavailable(f"{facts['event']} of {facts['dag']}:{facts['runId']} not delivered: {problem}")


def message(target: Target, facts: Mapping[str, Any]) -> Any:
    """What is sent, as data."""
    if target.template:
        return filled(target.template, facts)
    match target.format:
        case "slack":
            text = chat_text(facts).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            return {"text": text}
        case "discord":
            return {"content": chat_text(facts)[:2000], "allowed_mentions": {"parse": []}}
    return facts


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`sha256=` and the HMAC of timestamp, a dot and the body."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


def delivery_id(notice: Notice, event: str, url: str, number: int) -> str:
    """The same for every try, also of another process; different for everything else."""
    summary = notice.run.summary
    step, at = getattr(notice.event, "step", ""), notice.event.at
    parts = (str(summary.ref), summary.attempt_id, event, step, repr(at), url, str(number))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
