"""Lengths of time and numbers of bytes mean the same in every plugin."""

from __future__ import annotations

from functools import cache
from typing import Any

import jsonschema
import pytest
from pydantic import Field, ValidationError

from dagu_core import Config, Duration, Size
from dagu_core.base.places import InvalidDefinition
from dagu_core.contracts.host import PluginHost
from dagu_core.model.spec.read import read_definition
from dagu_core.model.spec.vocabulary import Vocabulary


class Limits(Config):
    """How much there may be of something."""

    time: Duration = Field(1, gt=0, description="How long.")
    size: Size = Field(1, ge=1, description="How much.")


SCHEMA = Limits.model_json_schema()


def is_shown_as_valid(data: Any) -> bool:
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(data)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (90, 90.0), (0.5, 0.5), ("90", 90.0), ("90s", 90.0), ("1m30s", 90.0), ("1.5h", 5400.0),
        ("2d12h", 216_000.0), ("1w", 604_800.0), ("500ms", 0.5), ("250us", 0.00025), (" 10s ", 10.0),
    ],
)  # fmt: skip
def test_a_duration_is_a_number_of_seconds(written: Any, seconds: float) -> None:
    assert Limits.model_validate({"time": written}).time == pytest.approx(seconds)
    assert is_shown_as_valid({"time": written})


@pytest.mark.parametrize(
    ("written", "count"),
    [
        (10, 10), ("10", 10), ("1Mi", 1 << 20), ("1 MiB", 1 << 20), ("64k", 64_000), ("64Ki", 65_536),
        ("2G", 2 * 10**9), ("1.5Gi", 3 << 29), ("500MB", 500_000_000), ("1T", 10**12), ("512  Mi", 512 << 20),
    ],
)  # fmt: skip
def test_a_size_is_a_number_of_bytes(written: Any, count: int) -> None:
    assert Limits.model_validate({"size": written}).size == count
    assert is_shown_as_valid({"size": " ".join(str(written).split())})


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"time": "soon"}, "must be a duration such as 30s, 5m or 1h30m"),
        ({"time": "-5s"}, "cannot be negative"),
        ({"time": -5}, "cannot be negative"),
        ({"time": "0"}, "greater than 0"),
        ({"time": True}, "a duration such as 30s"),
        ({"time": [1]}, "a duration such as 30s"),
        ({"time": float("inf")}, "has an end"),
        ({"time": "99999999999999999999"}, "longer than 100 years"),
        ({"size": "9" * 400}, "must be a size such as"),
        ({"size": "99999999999T"}, "must be a size such as"),
        ({"time": "5 minutes"}, "a duration such as 30s"),
        ({"size": "much"}, "must be a size such as 64Ki, 512Mi or 10GiB"),
        ({"size": "-1"}, "a size such as"),
        ({"size": 0}, "greater than or equal to 1"),
        ({"size": 1.5}, "int"),
    ],
)
def test_what_is_none_is_refused(data: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told) as caught:
        Limits.model_validate(data)
    assert "soon" not in str(caught.value) and "much" not in str(caught.value)


def test_a_reference_waits_and_the_schema_lets_it_pass() -> None:
    data = {"time": "${LIMIT}", "size": "${MOST}"}
    Limits.model_validate(data, context={"phase": "read"})
    assert is_shown_as_valid(data)
    assert not is_shown_as_valid({"time": "soon"}) and not is_shown_as_valid({"size": "much"})


@cache
def vocabulary() -> Vocabulary:
    words = PluginHost.load().catalog.vocabulary
    return words.more() if words.more is not None else words


TIMES = ("500ms", "1m30s", "1d", "1w", 30)
SIZES = ("1Mi", "64 KiB", 1_000_000)
#: what stands around a value
AROUND = {
    "ssh": "{type: ssh, config: {host: h, user: u, KEY: VALUE}, command: a}",
    "sql": "{type: sql, config: {dsn: 'sqlite:x', KEY: VALUE}, command: a}",
    "http": "{type: http, config: {KEY: VALUE}, command: GET http://a}",
    "sftp": "{type: sftp, config: {host: h, source: s, KEY: VALUE}, command: upload}",
    "mail": "{type: mail, config: {to: a@b.org, KEY: VALUE}}",
    "archive": "{type: archive, config: {source: s, KEY: VALUE}, command: list}",
    "jq": "{type: jq, config: {KEY: VALUE}, command: .}",
    "docker": "{container: {build: {KEY: VALUE}}}",
    "wait-for": "{type: wait-for, config: {file: f, KEY: VALUE}}",
}
KEYS = """
ssh timeout keepAlive
sql timeout connectTimeout lockTimeout
http timeout connectTimeout idleTimeout maxBodyBytes
sftp timeout minAge maxBytesPerSec
mail maxAttachmentSize maxTotalSize
archive maxBytes
jq maxMemory
docker timeout
wait-for timeout interval
"""
USES = [(line.split()[0], key) for line in KEYS.strip().splitlines() for key in line.split()[1:]]


def told(text: str) -> list[str]:
    try:
        read_definition(text, vocabulary=vocabulary())
    except InvalidDefinition as error:
        return [problem.message for problem in error.problems]
    return []


@pytest.mark.parametrize(("word", "key"), USES)
def test_every_plugin_reads_them_alike(word: str, key: str) -> None:
    for value in SIZES if key.startswith("max") else TIMES:
        step = AROUND[word].replace("KEY", key).replace("VALUE", str(value))
        # some fields have limits of their own
        assert [each for each in told(f"steps: [{step}]") if "must be at " not in each] == [], value
    assert told(f"steps: [{AROUND[word].replace('KEY', key).replace('VALUE', 'much')}]")


def test_those_of_the_mail_server_too() -> None:
    assert (
        told("smtp: {host: h, timeout: 1m30s}\nerrorMail: {to: a@b.org, maxLogSize: 1Mi}\nsteps: [a]") == []
    )
