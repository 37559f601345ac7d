"""A home whose environment holds a secret, and everything in which its value may turn up."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

from tests.faults.step_home import StepHome

VALUE = "Tr0ub4dor/&3+ü=z"


SECRET = "secrets: [{name: TOK, provider: env, key: MY_TOKEN}]\n"


FORMS = [
    VALUE.encode(),
    base64.b64encode(VALUE.encode()),
    base64.urlsafe_b64encode(VALUE.encode()),
    VALUE.encode().hex().encode(),
    quote(VALUE, safe="").encode(),
    quote_plus(VALUE).encode(),
    json.dumps(VALUE).encode(),
]


def leaks(here: StepHome, *texts: str) -> list[str]:
    """Everything below the home, and of these texts, in which a form of the value is."""
    found = [
        str(path)
        for path in here.home.rglob("*")
        if path.is_file() and any(form in path.read_bytes() for form in FORMS)
    ]
    return found + [text[:200] for text in texts if any(form in text.encode() for form in FORMS)]
