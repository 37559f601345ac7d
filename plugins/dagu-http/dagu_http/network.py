"""Which addresses may be talked to, whoever named them."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator

from dagu_core import Config, DaguError, Settings, SettingsSection, setting

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: where clouds answer questions about a machine, credentials included, outside link-local ranges
_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"),
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")


class Refused(DaguError):
    """The address may not be talked to."""

    code = "bad_request"


def _allowed(entry: str) -> str:
    if not entry.strip() or ("/" in entry and _network(entry) is None):
        raise ValueError("write an address, a network such as 10.1.0.0/16, a name, or *.NAME")
    return entry


class NetworkConfig(Config):
    """Which addresses the requests of a DAG may reach. Stands in base.yaml to hold for all."""

    policy: Literal["open", "restricted"] = Field(
        "open", description="`restricted` refuses private, loopback and reserved addresses."
    )
    allow: list[Annotated[str, AfterValidator(_allowed)]] = Field(
        [], description="What `restricted` lets pass: addresses, networks, names, `*.NAME`."
    )


class NetworkSettings(SettingsSection):
    """Which addresses requests may reach at most; no DAG can widen it."""

    section: ClassVar[str] = "network"

    policy: Literal["open", "restricted"] = setting(
        "open", "`restricted` refuses private, loopback and reserved addresses to every DAG."
    )
    allow: list[Annotated[str, AfterValidator(_allowed)]] = setting(
        [], "What `restricted` lets pass: addresses, networks, names, `*.NAME`."
    )

    @field_validator("allow", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return [word.strip() for word in value.split(",") if word.strip()]


@dataclass(frozen=True, slots=True)
class Policy:
    """Judges addresses; link-local and metadata addresses are never right. `most` is the policy of the
    operators, which has to agree."""

    restricted: bool = False
    networks: tuple[Network, ...] = ()
    names: tuple[str, ...] = ()
    most: Policy | None = None

    @classmethod
    def of(cls, dag_fields: Mapping[str, Any]) -> Policy:
        """The policy of a run, from its DAG-level values."""
        config = dag_fields.get("network")
        return cls.made(config.policy, config.allow) if isinstance(config, NetworkConfig) else cls()

    @classmethod
    def in_force(cls, dag_fields: Mapping[str, Any]) -> Policy:
        """The policy of a run below that of the settings. Raises DaguError when they cannot be read."""
        # The engine's own environment says where they are: a DAG has no hand in it.
        place = os.environ.get("DAGU_CONFIG") or None
        most = Settings.load(environ=dict(os.environ), config=place).section(NetworkSettings)
        return replace(cls.of(dag_fields), most=cls.made(most.policy, most.allow))

    @classmethod
    def made(cls, policy: str, allow: Sequence[str]) -> Policy:
        """A policy as it is written."""
        networks = [_network(entry) for entry in allow]
        names = [_name(entry) for entry in allow if _network(entry) is None]
        return cls(policy == "restricted", tuple(filter(None, networks)), tuple(names))

    def judge(self, host: str, address: Address) -> str:
        """Why this address of `host` may not be talked to; "" when it may."""
        for each in _meanings(address):
            if each.is_link_local or each in _METADATA:
                return f"{address} is a link-local or metadata address: never allowed"
        if all(each.is_global and not each.is_multicast for each in _meanings(address)):
            return ""
        why = f"{address} is not a public address: refused by network.policy restricted"
        if self.restricted and not self._lets_pass(host, address):
            return why
        return f"{why} of the settings" if self.most and self.most.judge(host, address) else ""

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of `host` that may be talked to, to be connected to as they are.

        The name is looked up this one time. Raises Refused when none is left, and OSError when there
        is no such name.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        texts = list(dict.fromkeys(str(each[4][0]) for each in found))
        judged = {text: self.judge(host, ipaddress.ip_address(text)) for text in texts}
        if not (good := [text for text in texts if not judged[text]]):
            why = judged[texts[0]]
            raise Refused(why if texts[0] == host else f"{host}: {why}")
        return good

    def _lets_pass(self, host: str, address: Address) -> bool:
        name = _name(host)
        by_name = any(
            name == each or (each.startswith("*.") and name.endswith(each[1:])) for each in self.names
        )
        return by_name or any(
            all(each.version == net.version and each in net for each in _meanings(address))
            for net in self.networks
        )


def _meanings(address: Address) -> list[Address]:
    """What an address leads to: itself, or the IPv4 address inside it."""
    if isinstance(address, IPv4Address):
        return [address]
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and (address in _NAT64 or (address in _COMPATIBLE and int(address) > 1)):
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return [inner] if inner else [address]


def _network(entry: str) -> Network | None:
    try:
        return ipaddress.ip_network(entry.strip(), strict=False)
    except ValueError:
        return None


def _name(text: str) -> str:
    return text.strip().lower().rstrip(".")
